"""The dialects of ISO 8583:1987 and 1993 against samples, broken ones and pyiso8583; content and message rules."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import iso8583
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from posterm.iso8583 import DialectError, Fault, Message, UnpackError, get_dialect, parse_dialect
from tests.iso8583.peer import as_peer, peer_spec

VECTORS: list[dict[str, Any]] = json.loads(
    (Path(__file__).parents[1] / "vectors" / "iso8583" / "iso87.json").read_text("utf-8")
)["vectors"]
BROKEN: list[dict[str, Any]] = json.loads(
    (Path(__file__).parents[1] / "vectors" / "iso8583" / "iso87-broken.json").read_text("utf-8")
)["vectors"]
BYTES = (52, 55, 64, 96, 128)
PEERS = {name: peer_spec(name) for name in ("iso87-ascii", "iso87-bcd")}


def message_of(vector: dict[str, Any]) -> Message:
    elements = {int(number): value for number, value in vector["elements"].items()}
    return Message(vector["mti"], {k: bytes.fromhex(v) if k in BYTES else v for k, v in elements.items()})


def by_id(vector: dict[str, Any]) -> str:
    return str(vector["id"])


@pytest.mark.parametrize("vector", VECTORS, ids=by_id)
def test_a_sample_reads_and_writes(vector: dict[str, Any]) -> None:
    dialect, wire = get_dialect(vector["dialect"]), bytes.fromhex(vector["wire"])
    assert dialect.unpack(wire) == message_of(vector)
    assert dialect.pack(message_of(vector)) == wire
    assert dialect.check(dialect.unpack(wire), luhn=True) == []


@pytest.mark.parametrize("vector", BROKEN, ids=by_id)
def test_a_broken_sample_names_the_wrong_byte(vector: dict[str, Any]) -> None:
    with pytest.raises(UnpackError) as caught:
        get_dialect(vector["dialect"]).unpack(bytes.fromhex(vector["wire"]))
    assert (caught.value.path, caught.value.offset, caught.value.code) == (
        vector["path"], vector["offset"], vector["code"],
    )  # fmt: skip


def test_there_are_as_many_broken_samples_as_good_ones() -> None:
    assert len(BROKEN) >= len(VECTORS) == 9


@pytest.mark.parametrize("vector", [v for v in VECTORS if v["dialect"] in PEERS], ids=by_id)
def test_pyiso8583_reads_and_writes_the_samples_as_we_do(vector: dict[str, Any]) -> None:
    name, wire = vector["dialect"], bytes.fromhex(vector["wire"])
    decoded, _ = iso8583.decode(wire, PEERS[name])
    ours = as_peer(get_dialect(name).unpack(wire), name)
    assert {k: v for k, v in decoded.items() if k not in ("p", "1")} == ours
    assert bytes(iso8583.encode(dict(ours), PEERS[name])[0]) == wire


def value_for(name: str, number: int) -> st.SearchStrategy[Any]:
    element = get_dialect(name).elements[number]
    fmt = element.format
    most = min(fmt.length, 30)
    least = 1 if element.prefix else fmt.length
    size = st.integers(least, most) if element.prefix else st.just(fmt.length)
    if fmt.kind == "b":
        return size.flatmap(lambda count: st.binary(min_size=count, max_size=count))
    if fmt.kind == "x+n":
        return st.tuples(st.sampled_from("CD"), size.flatmap(digits)).map("".join)
    if fmt.kind in ("n", "z"):
        return size.flatmap(digits)
    return size.flatmap(lambda count: st.text("abcXYZ019", min_size=count, max_size=count))


def digits(count: int) -> st.SearchStrategy[str]:
    return st.text("0123456789", min_size=count, max_size=count)


@pytest.mark.parametrize("name", PEERS)
@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_pyiso8583_reads_what_we_write_and_writes_what_we_read(name: str, data: st.DataObject) -> None:
    dialect = get_dialect(name)
    numbers = data.draw(st.sets(st.sampled_from(list(dialect.elements)), min_size=1, max_size=8))
    message = Message("0200", {number: data.draw(value_for(name, number)) for number in numbers})
    wire = dialect.pack(message)
    assert dialect.unpack(wire) == message
    decoded, _ = iso8583.decode(wire, PEERS[name])
    assert {k: v for k, v in decoded.items() if k not in ("p", "1")} == as_peer(message, name)
    assert bytes(iso8583.encode(decoded, PEERS[name])[0]) == wire


def test_chip_data_is_read_and_written_by_tag() -> None:
    for name in ("iso87-ascii", "iso87-hex", "iso87-bcd", "iso93-ascii", "iso93-bcd"):
        dialect = get_dialect(name)
        amount = "0" * dialect.elements[4].format.length
        wire = dialect.pack(Message("0200", {3: "000000", 4: amount, 55: {"9F02": "000000001000"}}))
        assert dialect.unpack(wire)["55.9F02"] == "000000001000"


# --- checks -------------------------------------------------------------------------------------------------------

GOOD = message_of(VECTORS[0])


@pytest.mark.parametrize(
    ("changes", "faults"),
    [
        ({}, []),
        ({2: "6212345678901264"}, [("2", "luhn")]),
        ({2: "62"}, [("2", "pan")]),
        ({7: "1301093105"}, [("7", "date")]),
        ({7: "0601243105"}, [("7", "date")]),
        ({13: "0230"}, [("13", "date")]),
        ({13: "0229"}, []),
        ({14: "3013"}, [("14", "date")]),
        ({14: "3000"}, [("14", "date")]),
        ({4: "00000000ABCD"}, [("4", "alphabet")]),
        ({35: "12"}, [("35", "track2")]),
        ({35: "6212345678901264=30122011"}, [("35", "luhn")]),
        ({49: "1A6"}, [("49", "currency")]),
        ({49: "CNY"}, []),
        ({28: "12"}, [("28", "alphabet")]),
        ({41: "123456789"}, [("41", "length")]),
        ({52: b"short"}, [("52", "length")]),
        ({55: bytes.fromhex("9F02")}, [("55.9F02", "tlv")]),
        ({55: {"9F02": "12x"}}, [("55.9F02", "alphabet")]),
        ({65: "1"}, [("65", "element")]),
        ({12: "240000", 13: "0631"}, [("12", "date"), ("13", "date")]),
    ],
)
def test_the_content_check_reports_every_fault(changes: dict[int, Any], faults: list[tuple[str, str]]) -> None:
    dialect = get_dialect("iso87-ascii")
    message = dialect.message("0200", {**GOOD, **changes})
    found = dialect.check(message, luhn=True)
    assert [(fault.path, fault.code) for fault in found] == faults
    assert not any(str(value) in fault.text for fault in found for value in changes.values() if len(str(value)) > 3)


def test_luhn_is_checked_on_request() -> None:
    dialect = get_dialect("iso87-ascii")
    assert dialect.check(GOOD.with_elements({2: "6212345678901264"})) == []


@pytest.mark.parametrize(("mti", "code"), [("1200", "version"), ("02a0", "mti"), ("", "mti"), ("0900", "not-allowed")])
def test_the_message_type_is_checked(mti: str, code: str) -> None:
    assert code in {fault.code for fault in get_dialect("iso87-ascii").check(GOOD.with_elements(mti=mti))}


def test_versions_1993_and_2003_have_their_first_digit() -> None:
    assert get_dialect("iso93-ascii").check(Message("1804", {11: "000001", 12: "260601093105", 24: "831"})) == []


RULES = b"""
name = "acme"
extends = "iso87-ascii"
[messages]
"0200" = { must = [3, 4, 11], may = [41], never = [39] }
"02xx" = { must = [11] }
"0210" = { must = [39], may = [3, 4], echo = [11, 41] }
"""


def test_the_message_check_reports_what_is_missing_forbidden_and_not_echoed() -> None:
    dialect = parse_dialect(RULES, origin="acme.toml")
    request = Message("0200", {3: "000000", 11: "000001", 39: "00", 41: "10000001", 49: "156"})
    assert dialect.check(request) == [
        Fault("4", "missing", "need this element, have none"),
        Fault("39", "not-allowed", "need no such element in this message type, have it"),
        Fault("49", "not-allowed", "need no such element in this message type, have it"),
    ]
    answer = Message("0210", {3: "000000", 11: "000002", 39: "00"})
    assert dialect.check(answer) == []
    assert dialect.check(answer, request=request) == [
        Fault("11", "echo", "need what the request had, have another value"),
        Fault("41", "echo", "need what the request had, have none"),
    ]
    assert dialect.check(answer.with_elements({11: "000001", 41: "10000001"}), request=request) == []
    assert [fault.path for fault in dialect.check(Message("0221"))] == ["11"]
    assert set(get_dialect("iso87-ascii").messages) < set(dialect.messages)


@pytest.mark.parametrize(
    ("rules", "place"),
    [
        ('"020" = {}', "acme.toml, messages.020: need a message type"),
        ('"0200" = { must = [1] }', "acme.toml, messages.0200: need element numbers"),
        ('"0200" = { must = [200] }', "acme.toml, messages.0200: need element numbers"),
        ('"0200" = { must = 3 }', "acme.toml, messages.0200.must: need a list"),
        ('"0200" = { needs = [3] }', "acme.toml, messages.0200.needs: need one of"),
        ('"0200" = 3', "acme.toml, messages.0200: need a table"),
    ],
)
def test_a_faulty_rule_is_refused_by_name(rules: str, place: str) -> None:
    with pytest.raises(DialectError) as caught:
        parse_dialect(f'name = "acme"\n[messages]\n{rules}\n'.encode(), origin="acme.toml")
    assert str(caught.value).startswith(place)


# Sizes in ISO 8583:1993, 4.4 that differ from 1987: number, kind, size, digits of the length prefix.
OF_1993 = [
    (12, "n", 12, 0), (13, "n", 4, 0), (15, "n", 6, 0), (22, "an", 12, 0), (25, "n", 4, 0), (28, "n", 6, 0),
    (30, "n", 24, 0), (31, "ans", 99, 2), (39, "n", 3, 0), (43, "ans", 99, 2), (46, "ans", 204, 3), (53, "b", 48, 2),
    (55, "b", 255, 3), (56, "n", 35, 2), (58, "n", 11, 2), (66, "ans", 204, 3), (71, "n", 8, 0), (72, "ans", 999, 3),
    (82, "n", 10, 0), (90, "n", 10, 0), (93, "n", 11, 2), (96, "b", 999, 3), (105, "n", 16, 0), (109, "ans", 84, 2),
]  # fmt: skip


@pytest.mark.parametrize("name", ["iso93-ascii", "iso93-bcd"])
@pytest.mark.parametrize(("number", "kind", "size", "digits_of_prefix"), OF_1993)
def test_the_elements_of_1993_have_their_sizes(
    name: str, number: int, kind: str, size: int, digits_of_prefix: int
) -> None:
    element = get_dialect(name).elements[number]
    prefix = element.prefix.digits if element.prefix else 0
    assert (element.format.kind, element.format.length, prefix) == (kind, size, digits_of_prefix)


@pytest.mark.parametrize("name", ["iso93-ascii", "iso93-bcd"])
@settings(max_examples=40, deadline=None)
@given(data=st.data())
def test_what_1993_writes_it_reads(name: str, data: st.DataObject) -> None:
    dialect = get_dialect(name)
    numbers = data.draw(st.sets(st.sampled_from(list(dialect.elements)), min_size=1, max_size=8))
    message = Message("1200", {number: data.draw(value_for(name, number)) for number in numbers})
    wire = dialect.pack(message)
    assert dialect.unpack(wire) == message
    for cut in range(len(wire)):
        with pytest.raises(UnpackError):
            dialect.unpack(wire[:cut])
