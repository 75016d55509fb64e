"""A dialect is a table: relatives are lists of differences, and a contradiction is named by file and key."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from posterm.iso8583 import (
    Dialect,
    DialectError,
    Element,
    Encodings,
    Message,
    UnpackError,
    dialect_names,
    get_dialect,
    load_dialect,
    parse_dialect,
)
from posterm.iso8583.element import LL, Format, Layout, Part, Prefix, a, an, ans, b, n, text, z

UNIONPAY = get_dialect("unionpay-pos")


def test_a_named_dialect_is_the_same_object_every_time() -> None:
    assert get_dialect("unionpay-pos") is UNIONPAY
    assert "unionpay-pos" in dialect_names()
    assert repr(UNIONPAY) == f"<Dialect unionpay-pos of {len(UNIONPAY.elements)} elements>"


def test_an_unknown_name_lists_the_known_ones() -> None:
    with pytest.raises(DialectError, match="no dialect 'acme'") as caught:
        get_dialect("acme")
    assert "unionpay-pos" in caught.value.hint


def test_the_table_cannot_be_changed() -> None:
    with pytest.raises(TypeError):
        UNIONPAY.elements[5] = UNIONPAY.elements[4]  # type: ignore[index]


@pytest.mark.parametrize("number", [2, 14, 35, 36, 48, 52, 55, 57, 59, 62])
def test_what_carries_card_data_or_keys_is_marked(number: int) -> None:
    assert UNIONPAY.elements[number].sensitive


def test_a_relative_changes_and_drops_elements_and_leaves_its_parent_alone() -> None:
    relative = UNIONPAY.derive("acme", change=[Element(5, "Amount, settlement", n(12))], drop=[55])
    wire = relative.pack(Message("0200", {5: "100"}))
    assert relative.unpack(wire)[5] == "000000000100"
    assert 55 not in relative.elements
    assert 55 in UNIONPAY.elements
    with pytest.raises(UnpackError) as caught:
        UNIONPAY.unpack(wire)
    assert caught.value.code == "unknown-element"


def test_a_relative_may_be_written_as_in_a_file() -> None:
    relative = UNIONPAY.derive(
        "acme",
        change={"59": {"name": "Device data", "kind": "ans", "max": 99, "prefix": "LL"}},
    )
    assert relative.pack(Message("0200", {59: "ab"}))[10:] == b"\x02ab"


def test_dropping_what_is_not_there_is_refused() -> None:
    with pytest.raises(DialectError, match="acme, drop"):
        UNIONPAY.derive("acme", drop=[5])


def test_a_users_file_extends_a_dialect(tmp_path: Path) -> None:
    path = tmp_path / "acme.toml"
    path.write_text(
        """
        name = "acme"
        extends = "unionpay-pos"
        drop = [58]
        [elements]
        46 = { name = "Device", kind = "text", encoding = "utf-8", max = 50, prefix = "LL" }
        """,
        encoding="utf-8",
    )
    dialect = load_dialect(path)
    assert dialect.name == "acme"
    assert dialect.unpack(dialect.pack(Message("0200", {46: "设备"})))[46] == "设备"
    assert 58 not in dialect.elements
    assert load_dialect(str(path)).elements == dialect.elements


HEAD = 'name = "acme"\n'
GOOD = HEAD + '[elements.4]\nname = "Amount"\nkind = "n"\nlength = 12\n'


@pytest.mark.parametrize(
    ("content", "place"),
    [
        ("name = ", "acme.toml: need TOML"),
        ("\xff", "acme.toml: need TOML"),
        ("", "acme.toml, name: need text, have nothing"),
        ("name = 5", "acme.toml, name: need text, have int"),
        (HEAD + "colour = 1", "acme.toml, colour: need one of"),
        (HEAD + "elements = 1", "acme.toml, elements: need a table"),
        (HEAD + "drop = [2]", "acme.toml, drop: need `extends`"),
        (HEAD + 'extends = "unionpay-pos"\ndrop = "x"', "acme.toml, drop: need a list"),
        (HEAD + 'extends = "unionpay-pos"\ndrop = [5]', "acme.toml, drop: need elements"),
        (HEAD + 'extends = "nowhere"', "acme.toml, extends: no dialect 'nowhere'"),
        (HEAD + "encodings = 1", "acme.toml, encodings: need a table"),
        (HEAD + "[encodings]\nbits = 65", "acme.toml, encodings.bits: need 64, 128 or 192, have 65"),
        (HEAD + "[encodings]\nbits = 63", "acme.toml, encodings.bits: need an integer from 64 to 192, have 63"),
        (HEAD + '[encodings]\nmti = "morse"', "acme.toml, encodings.mti: need bcd or a text codec, have 'morse'"),
        (HEAD + '[encodings]\ntext = "bcd"', "acme.toml, encodings.text"),
        (HEAD + '[encodings]\ntext = "rot13"', "acme.toml, encodings.text"),
        (HEAD + '[encodings]\ntext = "utf-16"', "acme.toml, encodings.text"),
        (HEAD + '[encodings]\nlength = "hexadecimal"', "acme.toml, encodings.length"),
        (HEAD + "[elements.x]\n", "acme.toml, elements.x: need an element number"),
        (GOOD.replace("elements.4", "elements.1"), "acme.toml, elements.1: need an element number from 2 to 128"),
        (GOOD.replace("elements.4", "elements.129"), "acme.toml, elements.129: need an element number"),
        (
            GOOD.replace('kind = "n"', 'kind = "q"'),
            "acme.toml, elements.4.kind: need one of n a an ans b z x+n text, have 'q'",
        ),
        (
            GOOD.replace('kind = "n"\n', ""),
            "acme.toml, elements.4.kind: need one of n a an ans b z x+n text, have nothing",
        ),
        (GOOD.replace("length = 12", 'length = "12"'), "acme.toml, elements.4.length: need an integer"),
        (GOOD.replace("length = 12", "length = 0"), "acme.toml, elements.4.length: need an integer"),
        (GOOD.replace("length = 12", "length = true"), "acme.toml, elements.4.length: need an integer"),
        (GOOD.replace("length = 12", "max = 12"), "acme.toml, elements.4.max: need `length`"),
        (GOOD + 'prefix = "LL"', "acme.toml, elements.4.length: need `length` for a fixed"),
        (GOOD.replace("length = 12", 'max = 12\nprefix = "XX"'), "acme.toml, elements.4.prefix: need one of L LL"),
        (GOOD.replace("length = 12", 'max = 10\nprefix = "L"'), "acme.toml, elements.4.max: need at most 9"),
        (GOOD.replace("length = 12", 'max = 9\nmin = 10\nprefix = "L"'), "acme.toml, elements.4: need a length"),
        (GOOD.replace('name = "Amount"', 'name = ""'), "acme.toml, elements.4.name: need text"),
        (GOOD + "size = 1", "acme.toml, elements.4.size: need one of"),
        (GOOD + "sensitive = 1", "acme.toml, elements.4.sensitive: need true or false"),
        (GOOD + 'pad = "F"', "acme.toml, elements.4: need packed digits"),
        (GOOD + 'encoding = "bcd"\npad = "FF"', "acme.toml, elements.4.pad: need one of 0-9 A-F"),
        (GOOD + 'encoding = "morse"', "acme.toml, elements.4.encoding: need bcd or a text codec"),
        (GOOD + 'align = "middle"', "acme.toml, elements.4.align: need one of left right"),
        (GOOD.replace('"n"', '"text"'), "acme.toml, elements.4.encoding: need a text codec for kind text"),
        (GOOD.replace('"n"', '"b"') + 'encoding = "bcd"', "acme.toml, elements.4.encoding: need raw"),
        (GOOD + "parts = []", "acme.toml, elements.4.parts: need `layout`"),
        (GOOD + 'layout = "tree"', "acme.toml, elements.4.layout: need one of positional"),
        (GOOD + 'layout = "positional"\nparts = 3', "acme.toml, elements.4.parts: need a list"),
        (GOOD + 'layout = "positional"\nparts = [3]', "acme.toml, elements.4.parts[0]: need a table"),
        (GOOD + 'layout = "positional"\nparts = [{ name = "x" }]', "acme.toml, elements.4.parts[0].id: need text"),
        (GOOD + 'layout = "ber-tlv"', "acme.toml, elements.4.layout: need ber-tlv on kind b"),
        (GOOD + 'layout = "items"', "acme.toml, elements.4.item_length: need at least 1"),
        (
            GOOD + 'layout = "positional"\nparts = [{ id = "1", name = "x" }, { id = "2", name = "y" }]',
            "acme.toml, elements.4.parts.1.length: need a length on every part but the last",
        ),
        (
            GOOD + 'layout = "positional"\nparts = [{ id = "1", name = "x", length = 1 }, { id = "1", name = "y" }]',
            "acme.toml, elements.4.parts.1: need ids without a dot, each once",
        ),
        (
            GOOD.replace('"n"', '"b"') + 'layout = "ber-tlv"\nparts = [{ id = "9F", name = "x" }]',
            "acme.toml, elements.4.parts.9F.id: need a tag",
        ),
        (
            GOOD.replace('"n"', '"ans"') + 'layout = "tag-length-value"\nparts = [{ id = "A", name = "x" }]',
            "acme.toml, elements.4.parts.A.id: need 2 characters",
        ),
    ],
)
def test_a_faulty_file_is_refused_by_name_key_and_fault(tmp_path: Path, content: str, place: str) -> None:
    path = tmp_path / "acme.toml"
    path.write_text(content, encoding="latin-1")
    with pytest.raises(DialectError) as caught:
        load_dialect(path)
    assert str(caught.value).startswith(place)


WORDS = "n b z text LL L bcd binary ascii F left digits 9F02 1 positional items ber-tlv tag-length-value"
FIELDS = (
    "name kind length max min prefix encoding prefix_encoding counts align pad sensitive layout parts item_length id"
)
SCALARS: Any = st.one_of(st.booleans(), st.integers(-1, 300), st.sampled_from(["", *WORDS.split(" ")]))
KEYS = st.sampled_from(FIELDS.split(" "))
SPECS: Any = st.recursive(
    st.dictionaries(KEYS, SCALARS),
    lambda inner: st.dictionaries(KEYS, SCALARS | st.lists(inner, max_size=2)),
    max_leaves=4,
)


@settings(max_examples=150)
@given(st.sampled_from(["2", "64", "x", "0", "", "999"]), SPECS, st.booleans())
def test_any_table_builds_a_dialect_or_is_refused(key: str, spec: dict[str, Any], complete: bool) -> None:
    if complete:
        spec = {"name": "x", "kind": "n", "length": 4, **spec}
    try:
        dialect = UNIONPAY.derive("acme", change={key: spec})
    except DialectError as error:
        assert "acme, elements" in str(error)  # noqa: PT017
        return
    assert int(key) in dialect.elements


def test_a_file_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DialectError, match=r"acme\.toml: need a readable file, have no such file"):
        load_dialect(tmp_path / "acme.toml")
    with pytest.raises(DialectError, match="need a readable file"):
        load_dialect("\0")


def test_a_file_is_at_most_a_megabyte() -> None:
    with pytest.raises(DialectError, match="need at most 1000000 bytes"):
        parse_dialect(b"#" * 1_000_001, origin="big.toml")


DEEP = Layout("tag-length-value")
for _ in range(7):
    DEEP = Layout("tag-length-value", (Part("A1", "x", layout=DEEP),))


@pytest.mark.parametrize(
    "element",
    [
        Element(2, "x", n(0)),
        Element(2, "x", Format("q", 1)),  # type: ignore[arg-type]
        Element(2, "x", n(100), LL),
        Element(2, "x", n(5), Prefix(0)),
        Element(2, "x", n(300), Prefix(1, "binary")),
        Element(2, "x", ans(5), layout=DEEP),
        Element(2, "x", b(5), layout=Layout("ber-tlv", (Part("70", "x", layout=Layout("ber-tlv")),))),
        Element(2, "x", Format("n", 4, encoding="bcd"), layout=Layout("tag-length-value")),
        Element(2, "x", ans(5), layout=Layout("positional", (Part("1.1", "x"),))),
        Element(65, "x", n(1)),
    ],
)
def test_a_table_that_contradicts_itself_is_refused(element: Element) -> None:
    with pytest.raises(DialectError, match=r"acme, elements\.\d+"):
        Dialect("acme", [element], Encodings(bits=192))


def test_an_element_twice_is_refused() -> None:
    with pytest.raises(DialectError, match="have it twice"):
        Dialect("acme", [Element(2, "x", n(1)), Element(2, "y", an(1))])


def test_the_vocabulary_of_formats_reads_like_the_standard() -> None:
    kinds: list[Any] = [n(1), a(1), an(1), ans(1), b(1), z(1), text(1, "gb18030")]
    assert [fmt.kind for fmt in kinds] == ["n", "a", "an", "ans", "b", "z", "text"]


def test_a_dialect_without_a_mac_element_packs_no_mac() -> None:
    dialect = Dialect("acme", [Element(4, "Amount", n(12))])
    with pytest.raises(Exception, match="need DE 64, 128 or 192"):
        dialect.pack(Message("0200", {4: "1"}), mac=lambda _: bytes(8))
