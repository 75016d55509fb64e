"""Sub-elements: read when asked, equal to their raw value, and a malformed inside names its byte."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Mapping
from typing import Any

import pytest

from posterm.iso8583 import Composite, Message, PackError, UnpackError, get_dialect

DIALECT = get_dialect("unionpay-pos")
HEAD = 10  # MTI and bitmap


def unpacked(number: int, value: Any) -> Message:
    return DIALECT.unpack(DIALECT.pack(Message("0200", {number: value})))


def test_a_composite_equals_its_raw_value_and_its_parts() -> None:
    value = unpacked(60, "22000001000500")[60]
    assert isinstance(value, Composite)
    assert isinstance(value, Mapping)
    assert value == "22000001000500"
    assert value == {"1": "22", "2": "000001", "3": "000", "4": "5", "5": "0", "6": "0"}
    assert value != "22000001000501"
    assert value != 5
    assert str(value) == value.raw == "22000001000500"
    assert bytes(value) == b"22000001000500"
    assert hash(value) == hash("22000001000500")
    assert value == unpacked(60, "22000001000500")[60]


def test_binary_composites_give_bytes_and_print_hexadecimal() -> None:
    value = unpacked(55, "9C0101")[55]
    assert value == bytes.fromhex("9C0101")
    assert bytes(value) == value.raw == bytes.fromhex("9C0101")
    assert str(value) == "9C0101"


def test_no_composite_shows_its_content_when_printed_for_debugging() -> None:
    value = unpacked(55, {"5A": "123456"})[55]
    assert repr(value) == "<Composite DE 55 of 5 bytes>"


def test_order_repeats_filler_and_unknown_tags_survive() -> None:
    raw = bytes.fromhex("00 9C0101 DF7F02ABCD 0000 9F02 06000000000100 9C0121 8281020000")
    message = unpacked(55, raw)
    value = message[55]
    assert value.items_all() == [
        ("9C", "01"),
        ("DF7F", b"\xab\xcd"),
        ("9F02", "000000000100"),
        ("9C", "21"),
        ("82", b"\0\0"),
    ]
    assert value["9C"] == "01"
    assert len(value) == 4
    assert DIALECT.pack(message)[HEAD + 2 :] == raw
    assert DIALECT.pack(Message("0200", {55: value}))[HEAD + 2 :] == raw


def test_a_part_changes_in_place() -> None:
    value = unpacked(55, {"9C": "00", "9F02": "100", "95": bytes(5)})[55]
    changed = value.with_parts({"9F02": "200", "8A": b"00"}, drop=("9C",))
    assert list(changed) == ["9F02", "95", "8A"]
    assert changed["9F02"] == "000000000200"
    assert value["9F02"] == "000000000100"
    repeated = unpacked(55, "9C0100 9C0101 9500")[55].with_parts({"95": bytes(5)})
    assert [tag for tag, _ in repeated.items_all()] == ["9C", "9C", "95"]


def test_a_list_writes_a_tag_several_times() -> None:
    value = unpacked(55, {"9C": ["00", "01"]})[55]
    assert value.items_all() == [("9C", "00"), ("9C", "01")]


@pytest.mark.parametrize(
    ("parts", "raw"),
    [
        ({"9F02": "1"}, "9F0206000000000001"),
        ({"5F2A": "156"}, "5F2A020156"),
        ({"9F41": "00000010"}, "9F410400000010"),
        ({"95": "0000008000"}, "95050000008000"),
        ({"95": bytes(5)}, "95050000000000"),
        ({"DF7E": bytes(130)}, "DF7E8182" + "00" * 130),
        ({}, ""),
    ],
)
def test_chip_data_is_written_from_parts(parts: dict[str, Any], raw: str) -> None:
    assert DIALECT.pack(Message("0200", {55: parts}))[HEAD + 2 :] == bytes.fromhex(raw)


# Number, bytes of the element's data, part asked for, expected path, offset from the start of the message, code.
MALFORMED: list[tuple[int, str, str, str, int, str]] = [
    (55, "9F02", "9F02", "55.9F02", 14, "tlv"),
    (55, "9C", "9C", "55.9C", 13, "tlv"),
    (55, "9F", "9F", "55", 13, "tlv"),
    (55, "9C0100 9F0206 0000", "9C", "55.9F02", 18, "tlv"),
    (55, "9F0280", "9F02", "55.9F02", 14, "tlv"),
    (55, "9F02060000000000FF", "9F02", "55.9F02", 20, "alphabet"),
    (60, "2200000100", "1", "60.3", 16, "layout"),
    (60, "123", "1", "60.2", 13, "layout"),
    (60, "22000001000501 1", "7", "60.7", 19, "layout"),
    (61, "0000010", "1", "61.2", 15, "layout"),
    (59, "4133", "A3", "59.A3", 14, "tlv"),
    (59, "4133303031", "A3", "59.A3", 17, "tlv"),
    (59, "413330304131", "A3", "59.A3", 14, "tlv"),
    (59, "41333031", "A3", "59.A3", 14, "tlv"),
    (59, "2133", "A3", "59", 12, "tlv"),
    (59, "41", "A3", "59", 12, "tlv"),
    (59, "413230303430343030", "A2.04", "59.A2.04", 19, "tlv"),
    (63, "3031", "1", "63.1", 12, "layout"),
    (54, "31" * 19, "1", "54.1", 12, "layout"),
]


@pytest.mark.parametrize(("number", "data", "part", "path", "offset", "code"), MALFORMED)
def test_a_malformed_inside_packs_exactly_and_fails_when_read(
    number: int, data: str, part: str, path: str, offset: int, code: str
) -> None:
    if number in (60, 61):
        wire = DIALECT.pack(Message("0200", {number: data.replace(" ", "")}))
    else:
        wire = DIALECT.pack(
            Message("0200", {number: bytes.fromhex(data) if number == 55 else bytes.fromhex(data).decode()})
        )
    message = DIALECT.unpack(wire)
    assert DIALECT.pack(message) == wire
    with pytest.raises(UnpackError) as caught:
        message[f"{number}.{part}"]
    error = caught.value
    assert (error.path, error.offset, error.code) == (path, offset, code)
    assert error.partial is message
    with pytest.raises(UnpackError):
        message.get(f"{number}.{part}")


def test_a_malformed_composite_is_unequal_to_any_mapping() -> None:
    assert unpacked(55, "9F02")[55] != {"9F02": ""}


def test_a_fault_inside_reads_like_this() -> None:
    with pytest.raises(UnpackError) as caught:
        unpacked(55, "9C0100 9F0206 0000")["55.9F02"]
    assert str(caught.value) == "unionpay-pos, DE 55 ICC data, 9F02: need 6 bytes, have 2\n  at byte 18"


def test_paths_lead_to_parts_and_nowhere_else() -> None:
    message = unpacked(60, "00000001003")
    assert message["60"] == message[60]
    assert "60.2" in message
    assert 60 in message
    for path in ("60.4", "60.x", "60.1.1", "61.1", "3", "x", "", ".", "60.", "9" * 5000):
        assert path not in message
        assert message.get(path) is None
        with pytest.raises(KeyError):
            message[path]
    assert message.get(99, "none") == "none"
    assert 1.5 not in message


def test_a_built_message_reads_its_own_mappings() -> None:
    message = Message("0200", {55: {"9F02": "100"}})
    assert message["55.9F02"] == "100"
    assert "55.9C" not in message


def test_a_message_of_a_dialect_reads_its_raw_values() -> None:
    message = DIALECT.message("0200", {60: "22000001000", 55: bytes.fromhex("9C0101")})
    assert message["60.2"] == "000001"
    assert message["55.9C"] == "01"
    changed = message.with_elements({60: "22000002000"}, drop=[55])
    assert changed["60.2"] == "000002"
    assert list(changed) == [60]
    assert message["60.2"] == "000001"


def test_messages_compare_by_type_and_values() -> None:
    message = unpacked(60, "22000001000")
    assert message == Message("0200", {60: "22000001000"})
    assert message != Message("0210", {60: "22000001000"})
    assert message != {60: "22000001000"}
    assert message.with_elements(mti="0210") == Message("0210", {60: "22000001000"})


def test_a_message_is_copied_and_pickled_by_its_values() -> None:
    message = unpacked(60, "22000001000")
    assert copy.deepcopy(message) is message
    assert copy.deepcopy(message[60]) is message[60]
    assert copy.deepcopy(DIALECT) is DIALECT
    assert pickle.loads(pickle.dumps(message)) == message


def test_elements_come_in_ascending_order() -> None:
    message = Message("0200", {64: bytes(8), 3: "000000", 11: "000001"})
    assert list(message) == [3, 11, 64]
    assert list(message.with_elements({4: "1"})) == [3, 4, 11, 64]
    assert repr(message) == "<Message 0200 with 3 11 64>"


@pytest.mark.parametrize("number", [0, 1, 193, -2, "3", 3.0, True, None])
def test_an_element_number_is_an_integer_from_2_to_192(number: Any) -> None:
    with pytest.raises(PackError) as caught:
        Message("0200", {number: "0"})
    assert caught.value.code == "element"
