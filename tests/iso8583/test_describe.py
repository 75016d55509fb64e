"""Descriptions mask what is sensitive, show faults as rows, and their JSON packs again."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from posterm.iso8583 import Message, PackError, get_dialect
from posterm.iso8583.describe import Row, describe, from_json, to_json

VECTORS = Path(__file__).parents[1] / "vectors" / "iso8583"
SAMPLES = {
    vector["id"]: bytes.fromhex(vector["frame"])[13:]
    for vector in json.loads((VECTORS / "unionpay-pos.json").read_text("utf-8"))["vectors"]
}
DIALECT = get_dialect("unionpay-pos")
CHIP = SAMPLES["chip-sale-with-pin-0200-field-55"]


def shown(message: Message) -> dict[str, Row]:
    return {row.path: row for row in describe(message, DIALECT)}


def test_elements_and_their_parts_are_rows() -> None:
    rows = describe(DIALECT.unpack(SAMPLES["echo-test-0820-301"]), DIALECT)
    assert rows == [
        Row("MTI", "Message type", "0820"),
        Row("41", "Card acceptor terminal identification", "10000001"),
        Row("42", "Card acceptor identification code", "898310058120001"),
        Row("60", "Batch, type and network code", "00000001301"),
        Row("60.1", "Message type code", "00", 1),
        Row("60.2", "Batch number", "000001", 1),
        Row("60.3", "Network management information code", "301", 1),
    ]


def test_what_is_sensitive_is_masked() -> None:
    message = DIALECT.unpack(CHIP)
    rows = shown(message)
    assert rows["2"].value == "621234******1265"
    assert rows["35"].value == "621234******1265=****"
    assert rows["14"].value == "****"
    assert rows["52"].value == "*" * 16
    assert set(rows["55"].value) == {"*"}
    assert rows["55.9F02"].value == "000000012345"
    text = json.dumps([row.value for row in rows.values()])
    assert str(message[2]) not in text
    assert message[52].hex().upper() not in text


def test_masking_fails_closed() -> None:
    rows = shown(DIALECT.message("0200", {2: "123", 35: "12=34", 36: "99", 55: {"5A": "1234", "DF7F": "AB"}, 48: "1"}))
    assert (rows["2"].value, rows["35"].value, rows["36"].value, rows["48"].value) == ("***", "*****", "**", "*")
    assert rows["55.5A"].value == "****"
    assert (rows["55.DF7F"].name, rows["55.DF7F"].value) == ("not listed", "**")
    assert shown(Message("0200", {5: "12"}))["5"] == Row("5", "not in this dialect", "**")


def test_a_payment_code_is_masked_at_every_level() -> None:
    rows = shown(DIALECT.message("0200", {59: {"A2": {"05": "9988", "06": "654321"}, "A3": "6222000000"}}))
    assert set(rows["59"].value + rows["59.A2"].value + rows["59.A3"].value + rows["59.A2.06"].value) == {"*"}
    assert rows["59.A2.05"] == Row("59.A2.05", "Hardware serial number", "9988", 2)


def test_a_malformed_inside_is_a_row() -> None:
    message = DIALECT.message("0200", {55: "9C0101", 60: "123"}).with_elements({55: bytes.fromhex("9F02")})
    rows = describe(message, DIALECT)
    faults = [row for row in rows if row.fault]
    assert [row.path for row in faults] == ["55.9F02", "60.2"]
    assert faults[0].value == "need a length, have the end (tlv)"
    assert set(to_json(message, DIALECT)["faults"]) == {"55.9F02", "60.2"}


def test_one_unreadable_part_hides_no_other() -> None:
    rows = shown(DIALECT.message("0200", {55: bytes.fromhex("9F0206FF0000000000 9C0101")}))
    assert rows["55.9C"].value == "01"
    assert rows["55.9F02"].fault


@pytest.mark.parametrize("name", SAMPLES)
def test_clear_json_packs_to_the_same_bytes(name: str) -> None:
    document = to_json(DIALECT.unpack(SAMPLES[name]), DIALECT, unmask=True)
    assert DIALECT.pack(from_json(json.loads(json.dumps(document)))) == SAMPLES[name]


def test_json_has_flat_elements_and_parts_by_path() -> None:
    assert to_json(DIALECT.unpack(SAMPLES["sign-off-0820-002"]), DIALECT) == {
        "mti": "0820",
        "elements": {"11": "000014", "41": "10000001", "42": "898310058120001", "60": "00000001002"},
        "subelements": {"60.1": "00", "60.2": "000001", "60.3": "002"},
    }


def test_repeated_parts_are_a_list_in_json() -> None:
    document = to_json(DIALECT.message("0200", {55: bytes.fromhex("9C0101 9C0102 9C0103")}), DIALECT)
    assert document["subelements"] == {"55.9C": ["01", "02", "03"]}


def test_masked_json_does_not_pack() -> None:
    with pytest.raises(PackError):
        DIALECT.pack(from_json(to_json(DIALECT.unpack(CHIP), DIALECT)))


def test_json_may_be_written_by_hand_with_parts() -> None:
    message = from_json({"mti": "0200", "elements": {"55": {"9F02": "100"}, "3": "0"}})
    assert DIALECT.unpack(DIALECT.pack(message))["55.9F02"] == "000000000100"
    assert from_json({"mti": "0800"}) == Message("0800")
    assert describe(from_json({"mti": "0200", "elements": {"55": "zz"}}), DIALECT)[1].value == "**"


@pytest.mark.parametrize(
    "document",
    [
        [],
        {},
        {"mti": 200},
        {"mti": "0200", "elements": []},
        {"mti": "0200", "elements": {"x": "1"}},
        {"mti": "0200", "elements": {"03": "1"}},
        {"mti": "0200", "elements": {"": "1"}},
        {"mti": "0200", "elements": {"3": 1}},
        {"mti": "0200", "elements": {"3": None}},
        {"mti": "0200", "elements": {"1": "1"}},
        {"mti": "0200", "elements": {"9999": "1"}},
        {"mti": "0200", "elements": {3: "1"}},
    ],
)
def test_json_of_another_shape_is_refused(document: Any) -> None:
    with pytest.raises(PackError) as caught:
        from_json(document)
    assert caught.value.code in ("json", "element")
