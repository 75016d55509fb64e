"""Tables of other libraries become dialects that read their messages; what cannot be carried over is listed."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from typing import Any

import iso8583
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from iso8583.specs import default, default_ascii

from posterm.iso8583 import DialectError, Message, get_dialect, parse_dialect
from posterm.iso8583.importers import Imported, import_jpos, import_moov, import_pyiso8583


def read_back(found: Imported) -> Imported:
    """The import itself, once its text has proved to be the same dialect."""
    again = parse_dialect(found.toml.encode("utf-8"), origin="import.toml")
    assert (again.name, again.title) == (found.dialect.name, found.dialect.title)
    assert again.encodings == found.dialect.encodings
    assert dict(again.elements) == dict(found.dialect.elements)
    for item in found.left_out:
        assert f"# Not carried over: {item}\n" in found.toml
    return found


def told(found: Imported) -> list[str]:
    return [str(item) for item in found.left_out]


# --- jPOS ---------------------------------------------------------------------------------------------------------

DOCTYPE = (
    '<?xml version="1.0" encoding="UTF-8"?>\n<!DOCTYPE isopackager PUBLIC "-//jPOS/jPOS Generic Packager DTD 1.0//EN"'
    ' "http://jpos.org/dtd/generic-packager-1.0.dtd">\n'
)
MTI = '<isofield id="0" length="4" name="MTI" class="org.jpos.iso.{}"/>'
BITMAP = '<isofield id="1" length="16" name="BIT MAP" class="org.jpos.iso.{}"/>'


def packager(*fields: str, mti: str = "IFB_NUMERIC", bitmap: str = "IFB_BITMAP", settings: str = "") -> bytes:
    body = "\n".join((MTI.format(mti), BITMAP.format(bitmap), *fields))
    return f"{DOCTYPE}<isopackager{settings}>\n{body}\n</isopackager>".encode()


def isofield(number: int, length: int, sort: str, more: str = "") -> str:
    return f'<isofield id="{number}" length="{length}" name="F{number}" class="org.jpos.iso.{sort}"{more}/>'


def test_a_packed_packager_of_jpos_writes_what_iso87_bcd_writes() -> None:
    found = read_back(
        import_jpos(
            packager(
                isofield(2, 19, "IFB_LLNUM", ' pad="false"'),
                isofield(3, 6, "IFB_NUMERIC", ' pad="true"'),
                isofield(22, 3, "IFB_NUMERIC", ' pad="true"'),
                isofield(28, 9, "IFB_AMOUNT", ' pad="true"'),
                isofield(35, 37, "IFB_LLNUM"),
                isofield(41, 8, "IF_CHAR"),
                isofield(48, 999, "IFB_LLLCHAR"),
                isofield(52, 8, "IFB_BINARY"),
                isofield(70, 3, "IFB_NUMERIC", ' pad="true"'),
            ),
            "acme",
        )
    )
    assert found.left_out == ()
    message = Message("0200", {2: "47617390010100101", 3: "000000", 22: "051", 28: "C00000025", 35: "4761=2912201",
                               41: "TERM0001", 48: "text", 52: bytes(8), 70: "001"})  # fmt: skip
    assert found.dialect.pack(message) == get_dialect("iso87-bcd").pack(message)


FAMILIES = {
    "IFA_NUMERIC": "303132", "IFB_NUMERIC": "0012", "IFE_NUMERIC": "F0F1F2", "IFA_LLNUM": "3033303132",
    "IFB_LLNUM": "030120", "IFB_LLHNUM": "030120", "IFB_LLLHNUM": "00030120", "IFE_LLNUM": "F0F3F0F1F2",
    "IFEB_LLNUM": "F0F30120", "IFA_LLBNUM": "30330120", "IFA_LLLLCHAR": "30303033303132", "IFB_LLCHAR": "03303132",
    "IFB_LLHCHAR": "03303132", "IFB_LLHECHAR": "03F0F1F2", "IFE_LLLCHAR": "F0F0F3F0F1F2", "IFE_CHAR": "F0F1F2",
    "IFEA_LLNUM": "F0F3303132",
}  # fmt: skip


@pytest.mark.parametrize("sort", FAMILIES)
def test_a_class_of_jpos_writes_digits_and_text_so(sort: str) -> None:
    pad = ' pad="true"' if sort == "IFB_NUMERIC" else ""
    found = read_back(import_jpos(packager(isofield(11, 3, sort, pad)), "acme"))
    assert found.left_out == ()
    assert found.dialect.pack(Message("0200", {11: "012"}))[10:].hex().upper() == FAMILIES[sort]


BYTES = {"IFA_BINARY": b"00FF", "IFB_BINARY": b"\0\xff", "IFE_BINARY": "00FF".encode("cp037"),
         "IFA_LLLBINARY": b"002\0\xff", "IFB_LLHBINARY": b"\x02\0\xff", "IFE_LLBINARY": b"\xf0\xf2\0\xff",
         "IFA_LLABINARY": b"0200FF"}  # fmt: skip


@pytest.mark.parametrize("sort", BYTES)
def test_a_class_of_jpos_writes_bytes_so(sort: str) -> None:
    found = read_back(import_jpos(packager(isofield(52, 2, sort)), "acme"))
    assert found.dialect.pack(Message("0200", {52: b"\0\xff"}))[10:] == BYTES[sort]


def subpackager(sort: str, sub: str, *fields: str, more: str = ' emitBitmap="false"') -> str:
    return (
        f'<isofieldpackager id="48" length="99" name="F48" class="org.jpos.iso.{sort}"{more} '
        f'packager="org.jpos.iso.packager.{sub}">{"".join(fields)}</isofieldpackager>'
    )


def test_sub_fields_of_jpos_follow_each_other_as_text_or_as_bytes() -> None:
    text = subpackager(
        "IFA_LLLCHAR", "GenericSubFieldPackager", isofield(1, 2, "IFA_NUMERIC"), isofield(2, 9, "IFA_LLCHAR")
    )
    found = read_back(import_jpos(packager(text), "acme"))
    wire = found.dialect.pack(Message("0200", {48: {"1": "07", "2": "abc"}}))
    assert wire[10:] == b"0070703abc"
    assert found.dialect.unpack(wire)["48.2"] == "abc"
    mixed = subpackager("IFB_LLHCHAR", "GenericPackager", isofield(1, 4, "IFB_NUMERIC"), isofield(2, 3, "IFE_CHAR"))
    wire = read_back(import_jpos(packager(mixed), "acme")).dialect.pack(
        Message("0200", {48: {"1": "0012", "2": "abc"}})
    )
    assert wire[10:] == b"\x05\x00\x12\x81\x82\x83"


def test_sub_fields_of_jpos_may_be_led_by_a_bitmap_or_be_tlv() -> None:
    led = subpackager(
        "IFB_LLHBINARY", "GenericPackager", isofield(0, 8, "IFB_BITMAP"), isofield(2, 4, "IFB_NUMERIC"), more=""
    )
    found = read_back(import_jpos(packager(led), "acme"))
    assert found.left_out == ()
    assert found.dialect.pack(Message("0200", {48: {"2": "0012"}}))[10:].hex() == "0a" + "4000000000000000" + "0012"
    chip = subpackager("IFA_LLLBINARY", "BERTLVBinaryPackager", more="").replace("iso.packager.BER", "tlv.packager.BER")
    found = read_back(import_jpos(packager(chip), "acme"))
    assert found.dialect.pack(Message("0200", {48: {"9C": "00"}}))[10:] == b"003\x9c\x01\x00"


def test_what_jpos_says_and_a_dialect_cannot_is_listed() -> None:
    xml = packager(
        isofield(2, 19, "IFA_FLLNUM"),
        isofield(3, 6, "IFA_NUMERIC", ' trim="true"'),
        isofield(4, 0, "IFA_NUMERIC"),
        isofield(5, 3, "IF_TCHAR", ' token="x"'),
        isofield(3, 6, "IFA_NUMERIC"),
        isofield(300, 6, "IFA_NUMERIC"),
        '<isofield id="x" length="3" name="n" class="IF_CHAR"/>',
        subpackager("IFA_LLLCHAR", "EuroSubFieldPackager", isofield(1, 2, "IFA_NUMERIC")),
        mti="IFA_BINARY",
        settings=' headerLength="12" emitBitmap="false" thirdBitmapField="65"',
    )
    assert told(read_back(import_jpos(xml, "acme"))) == [
        "3: a second description of the same field",
        "x: no field with a number",
        "headerLength: a header of 12 bytes, which is framing",
        "emitBitmap: messages without a bitmap",
        "thirdBitmapField: a setting of the packager",
        "0: a message type of class IFA_BINARY; read as ASCII",
        "2: class org.jpos.iso.IFA_FLLNUM",
        "3.trim: filler that is taken off when reading",
        "4: elements.4: need a length from 1 to 999999 and `min` not above it, have another",
        "5.token: an attribute of other packagers",
        "5: class org.jpos.iso.IF_TCHAR",
        "48.packager: sub-fields of class EuroSubFieldPackager",
        "300: elements.300: need an element number from 2 to 192, have 300",
    ]


ENTITIES = b'<!DOCTYPE isopackager [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;">]><isopackager>&b;</isopackager>'


@pytest.mark.parametrize(
    ("xml", "text"),
    [
        (b"", "well-formed"),
        (b"<isopackager>", "well-formed"),
        (b'<isopackager x="1" x="2"/>', "well-formed"),
        (b'<?xml version="1.0" encoding="nonsense"?><isopackager/>', "well-formed"),
        (b"<other/>", "isopackager as root"),
        (b"<isopackager/>", "element"),
        (ENTITIES, "entities"),
        (b"<!DOCTYPE isopackager [<!ENTITY a SYSTEM 'file:///etc/hosts'>]><isopackager>&a;</isopackager>", "entities"),
        (b"<isopackager>" + b"<isofieldpackager>" * 40 + b"</isofieldpackager>" * 40 + b"</isopackager>", "levels"),
        (b"<isopackager>" + b'<isofield id="2"/>' * 10_001 + b"</isopackager>", "fields"),
        (b" " * 1_000_001, "at most 1000000 bytes"),
    ],
    ids=["empty", "open", "twice", "encoding", "root", "none", "entities", "external", "deep", "many", "long"],
)
def test_xml_that_is_no_packager_is_refused(xml: bytes, text: str) -> None:
    with pytest.raises(DialectError, match=text):
        import_jpos(xml, "acme")


# --- moov ---------------------------------------------------------------------------------------------------------

PLAIN: dict[str, Any] = {
    "0": {"type": "String", "length": 4, "enc": "ASCII", "prefix": "ASCII.Fixed"},
    "1": {"type": "Bitmap", "length": 8, "enc": "HexToASCII", "prefix": "Hex.Fixed"},
}


def moov(fields: dict[str, Any]) -> bytes:
    return json.dumps({"name": "Acme", "fields": {**PLAIN, **fields}}).encode()


def moov_field(sort: str, length: int, encoding: str, prefix: str, **more: Any) -> dict[str, Any]:
    return {"type": sort, "length": length, "description": sort, "enc": encoding, "prefix": prefix, **more}


def test_a_specification_of_moov_writes_what_iso87_hex_writes() -> None:
    found = read_back(
        import_moov(
            moov(
                {
                    "2": moov_field("String", 19, "ASCII", "ASCII.LL"),
                    "3": moov_field("Numeric", 6, "ASCII", "ASCII.Fixed", padding={"type": "Left", "pad": "0"}),
                    "35": moov_field("Track2", 37, "ASCII", "ASCII.LL"),
                    "48": moov_field("String", 999, "ASCII", "ASCII.LLL"),
                    "52": moov_field("String", 8, "Hex", "Hex.Fixed"),
                    "70": moov_field("Numeric", 3, "ASCII", "ASCII.Fixed"),
                }
            ),
            "acme",
        )
    )
    assert found.left_out == ()
    assert found.dialect.title == "Acme"
    message = Message("0200", {2: "4761739001010010", 3: "1", 35: "4761=2912201", 48: "text", 52: bytes(8), 70: "001"})
    assert found.dialect.pack(message) == get_dialect("iso87-hex").pack(message)


MOOV = {
    "BCD": (("Numeric", 3, "BCD", "BCD.Fixed"), "123", "0123"),
    "LBCD": (("String", 3, "LBCD", "BCD.LL"), "123", "031230"),
    "EBCDIC": (("String", 9, "EBCDIC", "EBCDIC.LL"), "a1", "F0F281F1"),
    "binary length": (("Binary", 9, "Binary", "Binary.LL"), b"\xff", "0001FF"),
    "nibbles": (("String", 9, "ASCIIToHex", "ASCII.LL"), b"\xff", "3031FF"),
    "track": (("Track2", 37, "BCD", "BCD.LL"), "12=45", "05012D45"),
}  # fmt: skip


@pytest.mark.parametrize("name", MOOV)
def test_an_encoding_of_moov_writes_so(name: str) -> None:
    given, value, wire = MOOV[name]
    found = read_back(import_moov(moov({"20": moov_field(*given)}), "acme"))
    assert found.left_out == ()
    assert found.dialect.pack(Message("0200", {20: value}))[20:].hex().upper() == wire


def composite(tag: dict[str, Any] | None, subfields: dict[str, Any], prefix: str = "ASCII.LLL", **more: Any) -> bytes:
    return moov(
        {"48": {"type": "Composite", "length": 99, "prefix": prefix, "tag": tag, "subfields": subfields, **more}}
    )


def test_a_composite_of_moov_is_positional_tagged_ber_tlv_or_led_by_a_bitmap() -> None:
    two, text = moov_field("Numeric", 2, "ASCII", "ASCII.Fixed"), moov_field("String", 9, "ASCII", "ASCII.LL")
    chip = moov_field("Binary", 6, "Binary", "BerTLV")
    packed = moov_field("Numeric", 4, "BCD", "BCD.Fixed")
    bitmap = moov_field("Bitmap", 2, "Binary", "Binary.Fixed")
    cases = [
        (composite({"sort": "StringsByInt"}, {"2": text, "1": two}), {"1": "07", "2": "abc"}, b"0070703abc"),
        (composite({"length": 2, "enc": "ASCII"}, {"01": text}), {"01": "abc"}, b"0070103abc"),
        (composite({"enc": "BerTLVTag"}, {"9F02": chip}), {"9F02": "000000000001"}, b"009\x9f\x02\x06\0\0\0\0\0\1"),
        (composite(None, {"1": packed, "2": text}), {"1": "0012", "2": "abc"}, b"007\x00\x1203abc"),
        (composite(None, {"2": packed}, bitmap=bitmap), {"2": "0012"}, b"004\x40\x00\x00\x12"),
    ]
    for document, value, wire in cases:
        found = read_back(import_moov(document, "acme"))
        assert found.left_out == ()
        assert found.dialect.pack(Message("0200", {48: value}))[20:] == wire


def test_what_moov_says_and_a_dialect_cannot_is_listed() -> None:
    document = moov(
        {
            "2": moov_field("String", 19, "Rot13", "ASCII.LL"),
            "3": moov_field("String", 6, "ASCII", "Hex.LL"),
            "4": moov_field("Numeric", 12, "ASCII", "ASCII.Fixed", padding={"type": "Right", "pad": "0"}),
            "5": moov_field("String", 6, "ASCII", "ASCII.Fixed", colour="red"),
            "x": moov_field("String", 6, "ASCII", "ASCII.Fixed"),
            "48": {"type": "Composite", "length": 99, "prefix": "ASCII.LLL", "tag": {"length": 2, "enc": "ASCII"},
                   "subfields": {"01": moov_field("String", 9, "ASCII", "ASCII.LL"),
                                 "02": moov_field("String", 9, "ASCII", "ASCII.LLL")}},
            "62": {"type": "Composite", "length": 99, "prefix": "ASCII.LLL",
                   "subfields": {"1": moov_field("Special", 9, "ASCII", "ASCII.LL")}},
        }
    )  # fmt: skip
    assert told(read_back(import_moov(document, "acme"))) == [
        "2: type String in Rot13",
        "3: a length prefix Hex.LL",
        "4.padding: Right with '0'",
        "5.colour: a key that moov does not document",
        "x: no field with a number",
        "48: its sub-fields, since their lengths differ in form or their tags are unknown",
        "62.1: type Special in ASCII",
        "62: its sub-fields, since not all can be described",
    ]


@pytest.mark.parametrize("text", [b"", b"[]", b"{}", b'{"fields": []}', b'{"fields": {}}', b"\xff", b"[" * 99_999,
                                  b" " * 1_000_001, b'{"fields": {"2": 3}}'], ids=range(9))  # fmt: skip
def test_json_that_is_no_specification_is_refused(text: bytes) -> None:
    with pytest.raises(DialectError, match="acme: need"):
        import_moov(text, "acme")


# --- pyiso8583 ----------------------------------------------------------------------------------------------------

VALUES = {"2": "4761739001010010", "3": "000000", "11": "000123", "41": "TERM0001", "48": "text", "70": "001"}


@pytest.mark.parametrize("spec", [default_ascii, default], ids=["default_ascii", "default"])
def test_a_dictionary_of_pyiso8583_reads_what_pyiso8583_writes(spec: dict[str, Any]) -> None:
    theirs = copy.deepcopy(spec)
    theirs["h"]["max_len"] = 0
    found = read_back(import_pyiso8583(theirs, "acme"))
    assert told(found) == []
    assert len(found.dialect.elements) == 127
    values = {"t": "0200", **VALUES}
    wire, _ = iso8583.encode({key: value for key, value in values.items() if fits(theirs[key], value)}, theirs)
    message = found.dialect.unpack(bytes(wire))
    assert found.dialect.pack(message) == bytes(wire)
    assert message.mti == "0200"
    assert message[41] == "TERM0001"


def fits(entry: dict[str, Any], value: str) -> bool:
    return entry["data_enc"] != "b" or len(value) % 2 == 0


def test_nibbles_of_pyiso8583_keep_their_side_and_filler() -> None:
    spec = copy.deepcopy(default_ascii)
    spec["h"]["max_len"] = 0
    packed = {"data_enc": "b", "len_enc": "bcd", "len_type": 1, "max_len": 19, "len_count": "nibbles", "desc": "PAN"}
    spec["2"] = {**packed, "right_pad": "F"}
    spec["32"] = {**packed, "left_pad": "0", "len_enc": "b"}
    found = read_back(import_pyiso8583(spec, "acme"))
    values = {"t": "0200", "2": "123", "32": "45678"}
    wire, _ = iso8583.encode(values, spec)
    message = found.dialect.unpack(bytes(wire))
    assert (message[2], message[32]) == ("123", "45678")
    assert found.dialect.pack(message) == bytes(wire)


def test_what_pyiso8583_says_and_a_dialect_cannot_is_listed() -> None:
    spec = copy.deepcopy(default_ascii)
    spec["h"]["max_len"] = 10
    spec["1"]["data_enc"] = "b"
    spec["2"]["colour"] = "red"
    spec["3"]["len_type"] = "x"
    spec["48"].update(len_enc="bcd", len_type=4)
    spec["49"]["data_enc"] = "nonsense"
    spec["abc"] = spec["4"]
    assert told(read_back(import_pyiso8583(spec, "acme"))) == [
        "h: a header of 10 bytes, which is framing",
        "1: a second bitmap in another encoding than the first",
        "2.colour: a key that pyiso8583 does not document",
        "3: a length that is no number, or a length field of more than 6 bytes",
        "48: a length field of more than 6 digits",
        "49: elements.49.encoding: need a text codec, have 'nonsense'",
        "abc: no element number",
    ]


@pytest.mark.parametrize("spec", [None, [], {"2": 3}, {2: {}}, {}, {"t": {}}], ids=range(6))
def test_a_dictionary_of_another_sort_is_refused(spec: Any) -> None:
    with pytest.raises(DialectError, match="acme: need"):
        import_pyiso8583(spec, "acme")


# --- all ----------------------------------------------------------------------------------------------------------

IMPORTERS: list[Callable[[Any], Imported]] = [
    lambda tree: import_pyiso8583(tree, "acme"),
    lambda tree: import_moov(json.dumps(tree).encode("utf-8", "surrogatepass"), "acme"),
    lambda tree: import_moov(json.dumps({"fields": tree}).encode("utf-8", "surrogatepass"), "acme"),
]
KEYS = ["0", "1", "2", "35", "48", "t", "p", "h", "type", "length", "enc", "prefix", "subfields", "tag", "bitmap",
        "padding", "data_enc", "len_enc", "len_type", "max_len", "len_count", "desc", "description"]  # fmt: skip
WORDS = ["String", "Numeric", "Composite", "Binary", "ASCII", "BCD", "ASCII.LL", "BCD.LLL", "ASCII.Fixed", "BerTLVTag",
         "ascii", "b", "bcd", "nibbles", "cp500", "x"]  # fmt: skip
LEAVES = st.sampled_from([*WORDS, None, True, -1, 0, 2, 8, 19, 10**9, 1.5]) | st.text(max_size=3)
TREES = st.recursive(LEAVES, lambda inner: st.dictionaries(st.sampled_from(KEYS), inner, max_size=6) | st.lists(inner),
                     max_leaves=25)  # fmt: skip


@settings(max_examples=150)
@given(st.sampled_from(range(len(IMPORTERS))), TREES)
def test_any_tree_is_imported_or_refused(which: int, tree: Any) -> None:
    try:
        found = IMPORTERS[which](tree)
    except DialectError:
        return
    read_back(found)


ATTRIBUTES = {
    "id": st.integers(0, 200).map(str) | st.sampled_from(["x", "", "48"]),
    "length": st.sampled_from(["0", "1", "3", "16", "999", "999999", "-1", "x"]),
    "class": st.sampled_from(
        [f"org.jpos.iso.{sort}" for sort in (*FAMILIES, *BYTES, "IFB_BITMAP", "IFB_AMOUNT", "Other")]
    ),
    "pad": st.sampled_from(["true", "false"]),
    "packager": st.sampled_from(["a.GenericPackager", "GenericSubFieldPackager", "BERTLVPackager", "Other"]),
}
FIELDS = st.fixed_dictionaries({}, optional=ATTRIBUTES).map(
    lambda given: "".join(f' {key}="{value}"' for key, value in given.items())
)
NODES = st.recursive(
    FIELDS.map(lambda given: f"<isofield{given}/>"),
    lambda inner: st.tuples(FIELDS, st.lists(inner, max_size=4)).map(
        lambda pair: f"<isofieldpackager{pair[0]}>{''.join(pair[1])}</isofieldpackager>"
    ),
    max_leaves=12,
)


@settings(max_examples=150)
@given(st.lists(NODES, max_size=6))
def test_any_packager_is_imported_or_refused(nodes: list[str]) -> None:
    try:
        found = import_jpos(packager(*nodes), "acme")
    except DialectError:
        return
    read_back(found)


@pytest.mark.parametrize("name", ["", "Acme", "a/b", "ä"])
def test_a_name_that_is_no_name_is_refused(name: str) -> None:
    with pytest.raises(DialectError, match="lower-case"):
        import_pyiso8583(default_ascii, name)
