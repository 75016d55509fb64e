"""The UnionPay POS dialect against sample messages, broken ones, and the traps in which decoders of this link fall."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from posterm.iso8583 import Composite, Message, PackError, UnpackError, get_dialect

VECTORS = Path(__file__).parents[1] / "vectors" / "iso8583"
GOOD: list[dict[str, Any]] = json.loads((VECTORS / "unionpay-pos.json").read_text("utf-8"))["vectors"]
BROKEN: list[dict[str, Any]] = json.loads((VECTORS / "unionpay-pos-broken.json").read_text("utf-8"))["vectors"]
FRAME_HEAD = 13  # length, TPDU, header
BINARY = (52, 55, 58, 62, 64)

DIALECT = get_dialect("unionpay-pos")


def by_id(vector: dict[str, Any]) -> str:
    return str(vector["id"])


def wire_of(name: str) -> bytes:
    return next(bytes.fromhex(vector["frame"])[FRAME_HEAD:] for vector in GOOD if vector["id"] == name)


def elements_of(vector: dict[str, Any]) -> dict[int, Any]:
    return {
        int(number): bytes.fromhex(value) if int(number) in BINARY else value
        for number, value in vector["elements"].items()
    }


SALE = wire_of("swipe-sale-with-pin-0200")
CHIP = wire_of("chip-sale-with-pin-0200-field-55")
ECHO = wire_of("echo-test-0820-301")


@pytest.mark.parametrize("vector", GOOD, ids=by_id)
def test_a_sample_unpacks_to_its_elements(vector: dict[str, Any]) -> None:
    message = DIALECT.unpack(bytes.fromhex(vector["frame"])[FRAME_HEAD:])
    assert message.mti == vector["mti"]
    assert dict(message) == elements_of(vector)


@pytest.mark.parametrize("vector", GOOD, ids=by_id)
def test_a_sample_packs_to_its_bytes_from_values_alone(vector: dict[str, Any]) -> None:
    wire = bytes.fromhex(vector["frame"])[FRAME_HEAD:]
    assert wire[2:10].hex().upper() == vector["bitmap"]
    assert DIALECT.pack(Message(vector["mti"], elements_of(vector))) == wire


@pytest.mark.parametrize("vector", GOOD, ids=by_id)
def test_a_sample_packs_again_to_its_bytes_from_its_parts(vector: dict[str, Any]) -> None:
    wire = bytes.fromhex(vector["frame"])[FRAME_HEAD:]
    message = DIALECT.unpack(wire)
    assert DIALECT.pack(message) == wire
    divided = {number: dict(value) if isinstance(value, Composite) else value for number, value in message.items()}
    assert DIALECT.pack(Message(message.mti, divided)) == wire


@pytest.mark.parametrize("vector", BROKEN, ids=by_id)
def test_a_broken_message_names_the_wrong_byte(vector: dict[str, Any]) -> None:
    wire = bytes.fromhex(vector["wire"])
    with pytest.raises(UnpackError) as caught:
        DIALECT.unpack(wire)
    error = caught.value
    assert (error.path, error.offset, error.code) == (vector["path"], vector["offset"], vector["code"])
    assert error.needed
    assert error.found
    assert f"at byte {vector['offset']} of {len(wire)}" in str(error)


def test_there_are_as_many_broken_samples_as_good_ones() -> None:
    assert len(BROKEN) >= len(GOOD) == 22


def test_the_message_understood_so_far_comes_with_the_error() -> None:
    with pytest.raises(UnpackError) as caught:
        DIALECT.unpack(SALE[:30])
    partial = caught.value.partial
    assert partial.mti == "0200"
    assert list(partial) == [3, 4, 11, 22, 25, 26]
    assert partial["22.1"] == "02"


@pytest.mark.parametrize(("digits", "packed"), [("1", "0110"), ("12", "0212"), ("123456789", "09123456789" + "0")])
def test_a_length_counts_digits_for_n(digits: str, packed: str) -> None:
    wire = DIALECT.pack(Message("0210", {32: digits}))
    assert wire[10:].hex() == packed
    assert DIALECT.unpack(wire)[32] == digits


@pytest.mark.parametrize(
    ("number", "value", "packed"),
    [
        (22, "021", "0210"),
        (25, "06", "06"),
        (27, "1", "10"),
        (23, "001", "0001"),
        (23, "1", "0001"),
        (3, "1", "000001"),
        (4, "12345", "000000012345"),
        (38, "12", "313220202020"),
        (41, "A1", "4131202020202020"),
        (53, "2600000000000000", "2600000000000000"),
    ],
)
def test_fixed_elements_are_filled_on_the_side_this_link_expects(number: int, value: str, packed: str) -> None:
    wire = DIALECT.pack(Message("0200", {number: value}))
    assert wire[10:].hex() == packed


@pytest.mark.parametrize("pad", "0123456789ABCDEF")
@pytest.mark.parametrize(("number", "digits"), [(2, "123456789012345"), (35, "12345=789"), (60, "00000001003")])
def test_any_pad_nibble_is_read_by_the_length_and_written_as_it_came(number: int, digits: str, pad: str) -> None:
    usual = DIALECT.pack(Message("0200", {number: digits}))
    wire = usual[:-1] + bytes([usual[-1] & 0xF0 | int(pad, 16)])
    message = DIALECT.unpack(wire)
    assert message[number] == digits
    assert DIALECT.pack(message) == wire
    assert DIALECT.pack(message.with_elements({64: bytes(8)}))[10:-8] == wire[10:]
    assert DIALECT.pack(message.with_elements({number: digits})) == usual
    assert DIALECT.pack(Message(message.mti, dict(message))) == usual


def test_a_relative_writes_its_own_pad_nibble() -> None:
    relative = DIALECT.derive(
        "pad-f", {"2": {"name": "PAN", "kind": "n", "max": 19, "prefix": "LL", "pad": "F", "sensitive": True}}
    )
    assert relative.pack(Message("0200", {2: "621"}))[-2:].hex() == "621f"
    assert relative.unpack(relative.pack(Message("0200", {2: "621"})))[2] == "621"


def test_the_track_separator_is_nibble_d_and_reads_as_an_equals_sign() -> None:
    message = DIALECT.unpack(SALE)
    assert message[35][16] == "="
    assert DIALECT.pack(Message("0200", {35: "12D34"})) == DIALECT.pack(Message("0200", {35: "12=34"}))


def test_an_enciphered_track_may_hold_any_nibble() -> None:
    wire = DIALECT.pack(Message("0200", {35: "6212", 36: "99"}))[:10] + bytes.fromhex(
        "16 0123456789ABCDEF 0016 FEDCBA9876543210"
    )
    message = DIALECT.unpack(wire)
    assert message[35] == "0123456789ABC=EF"
    assert message[36] == "FE=CBA9876543210"
    assert DIALECT.pack(Message("0200", dict(message))) == wire


def test_keys_in_element_62_are_bytes() -> None:
    keys = DIALECT.unpack(wire_of("sign-on-response-0810-003"))[62]
    assert isinstance(keys, bytes)
    assert len(keys) == 40


@pytest.mark.parametrize("number", [43, 56, 63])
def test_chinese_text_is_gb18030_and_its_length_counts_bytes(number: int) -> None:
    text = "CUP交易成功，请取卡"
    packed = text.encode("gb18030")
    wire = DIALECT.pack(Message("0210", {number: text}))
    assert packed in wire
    value = DIALECT.unpack(wire)[number]
    assert str(value).rstrip(" ") == text
    if number == 63:
        assert dict(value) == {"1": "CUP", "2": text[3:]}


@pytest.mark.parametrize(
    ("digits", "parts"),
    [
        ("00000001003", {"1": "00", "2": "000001", "3": "003"}),
        ("2200000100050", {"1": "22", "2": "000001", "3": "000", "4": "5", "5": "0"}),
        ("22000001000501", {"1": "22", "2": "000001", "3": "000", "4": "5", "5": "0", "6": "1"}),
        ("22000001000501065", {"1": "22", "2": "000001", "3": "000", "4": "5", "5": "0", "6": "1", "7": "065"}),
        ("22000001", {"1": "22", "2": "000001"}),
        ("22", {"1": "22"}),
        ("", {}),
    ],
)
def test_element_60_may_end_after_any_of_its_parts(digits: str, parts: dict[str, str]) -> None:
    message = DIALECT.unpack(DIALECT.pack(Message("0200", {60: digits})))
    assert message[60] == digits
    assert dict(message[60]) == parts
    assert DIALECT.pack(Message("0200", {60: parts})) == DIALECT.pack(message)


def test_the_void_names_its_original() -> None:
    message = DIALECT.unpack(wire_of("void-of-a-sale-0200-200000"))
    assert (message["61.1"], message["61.2"]) == ("000001", "000002")
    assert "61.3" not in message


def test_eight_uploaded_items_fill_element_48_to_its_322_digits() -> None:
    digits = "08" + "00000021" * 40
    wire = DIALECT.pack(Message("0320", {48: digits}))
    assert wire[10:12].hex() == "0322"
    assert len(wire) == 10 + 2 + 161
    assert DIALECT.unpack(wire)[48] == digits


def test_chip_data_reads_numbers_as_digits_and_the_rest_as_bytes() -> None:
    message = DIALECT.unpack(CHIP)
    assert message["55.9F02"] == "000000012345"
    assert message["55.5F2A"] == "0156"
    assert message["55.9A"] == "260601"
    assert message["55.95"] == bytes(5)
    assert message["55.9F1E"] == b"TEST0001"
    assert bytes(message[55]) == message[55].raw
    assert len(message[55]) == 20


def test_a_payment_code_is_a_tagged_value() -> None:
    message = DIALECT.unpack(wire_of("unionpay-qr-customer-code-sale"))
    assert message["59.A3"] == "6222990000000000001"
    assert DIALECT.pack(Message("0200", {59: {"A3": "6222990000000000001"}}))[12:].decode() == str(message[59])


def test_a_terminal_serial_number_nests_in_element_59() -> None:
    parts = {"A2": {"04": "02", "05": "123456010000000001", "08": "00000001"}, "A3": "6222"}
    message = DIALECT.unpack(DIALECT.pack(Message("0200", {59: parts})))
    assert message["59.A2.05"] == "123456010000000001"
    assert str(message["59.A2"]).startswith("0400202")
    assert "59.A2.07" not in message


def test_the_mac_covers_everything_before_it_with_its_bit_set() -> None:
    covered, code = DIALECT.split_mac(SALE)
    assert covered == SALE[:-8]
    assert code == b"667A6475"
    seen: list[bytes] = []

    def mac(data: bytes) -> bytes:
        seen.append(data)
        return b"667A6475"

    message = DIALECT.unpack(SALE).with_elements(drop=(64,))
    assert DIALECT.pack(message, mac=mac) == SALE
    assert DIALECT.pack(DIALECT.unpack(SALE), mac=mac) == SALE
    assert seen == [covered, covered]


def test_an_element_behind_the_mac_is_refused_not_dropped() -> None:
    with pytest.raises(PackError) as caught:
        DIALECT.pack(Message("0200", {3: "0", 70: "301"}), mac=lambda _: bytes(8))
    assert (caught.value.path, caught.value.code) == ("70", "element")


def test_a_message_without_a_mac_has_none_to_split() -> None:
    with pytest.raises(UnpackError) as caught:
        DIALECT.split_mac(ECHO)
    assert (caught.value.path, caught.value.code, caught.value.offset) == ("64", "mac", len(ECHO))


@pytest.mark.parametrize("code", [b"", b"1234567", "12345678", None])
def test_a_mac_of_another_size_or_type_is_refused(code: Any) -> None:
    with pytest.raises(PackError) as caught:
        DIALECT.pack(Message("0200", {3: "0"}), mac=lambda _: code)
    assert caught.value.code == "mac"


@pytest.mark.parametrize(
    ("number", "value", "code"),
    [
        (3, "0000000", "length"),
        (3, "00000A", "alphabet"),
        (3, "", "alphabet"),
        (3, "٠٠٠٠٠٠", "alphabet"),
        (3, "12 456", "alphabet"),
        (3, 0, "type"),
        (3, b"000000", "type"),
        (3, None, "type"),
        (2, "1" * 20, "length"),
        (2, "12=4", "alphabet"),
        (35, "1" * 38, "length"),
        (35, "12g", "alphabet"),
        (39, "000", "length"),
        (39, "0\n", "alphabet"),
        (38, "12-456", "alphabet"),
        (42, "商户", "alphabet"),
        (44, "x" * 26, "length"),
        (49, 156, "type"),
        (52, b"1234567", "length"),
        (52, "zz", "alphabet"),
        (52, "12345678", "length"),
        (52, 8, "type"),
        (55, b"x" * 256, "length"),
        (55, "9F0", "alphabet"),
        (62, b"x" * 513, "length"),
        (63, "x" * 164, "length"),
        (63, "\ud800", "alphabet"),
        (63, "商" * 82, "length"),
        (60, {"2": "000001"}, "layout"),
        (60, {"1": "22", "9": "0"}, "layout"),
        (60, {"1": "222"}, "length"),
        (60, {"1": "2x"}, "alphabet"),
        (60, {"1": 22}, "type"),
        (60, "1" * 18, "length"),
        (59, {"A": "1"}, "layout"),
        (59, {3: "1"}, "layout"),
        (60, {1: "22"}, "layout"),
        (59, {"A3": 1}, "type"),
        (59, {"A3": "1" * 1000}, "length"),
        (54, {"2": "x"}, "layout"),
        (54, {"1": "x" * 21}, "length"),
        (55, {"9F": b""}, "tlv"),
        (55, {"9F02": "1" * 13}, "length"),
        (55, {"9F02": "12x"}, "alphabet"),
        (55, {"95": "xx"}, "alphabet"),
        (55, {"95": 5}, "type"),
        (55, {"zz": b""}, "tlv"),
        (55, {9: b""}, "tlv"),
        (5, "000000000000", "element"),
        (65, "0", "element"),
    ],
)
def test_a_value_that_does_not_fit_is_refused_by_path_and_code(number: int, value: Any, code: str) -> None:
    with pytest.raises(PackError) as caught:
        DIALECT.pack(Message("0200", {11: "000001", number: value}))
    assert caught.value.code == code
    assert caught.value.path.split(".")[0] == str(number)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("mti", ["", "020", "02000", "02A0", "٠٢٠٠"])
def test_a_message_type_is_four_digits(mti: str) -> None:
    with pytest.raises(PackError) as caught:
        DIALECT.pack(Message(mti))
    assert caught.value.code == "mti"


def test_a_message_without_elements_is_its_type_and_an_empty_bitmap() -> None:
    wire = DIALECT.pack(Message("0800"))
    assert wire.hex() == "0800" + "00" * 8
    assert DIALECT.unpack(wire) == Message("0800")


GOLDEN = """\
unionpay-pos 0210, DE 38 Authorization identification response: need 6 bytes, have 4
  at byte 58 of 62; the last DE with a length prefix was 32
  unpacked: 2=621234******1265 3=000000 4=000000012345 11=000002 12=093105 13=0601 14=**** 15=0601 25=00 32=48310058 \
37=060100000002"""


def test_an_error_reads_like_this() -> None:
    wire = wire_of("sale-response-0210")
    with pytest.raises(UnpackError) as caught:
        DIALECT.unpack(wire[:62])
    assert str(caught.value) == GOLDEN


GOLDEN_TRAILING = """\
unionpay-pos 0820, after the last element: need the end, have 2 more bytes
  at byte 41 of 43; the last DE with a length prefix was 60
  unpacked: 41=10000001 42=898310058120001 60=00000001301"""


def test_an_error_about_trailing_bytes_reads_like_this() -> None:
    with pytest.raises(UnpackError) as caught:
        DIALECT.unpack(ECHO + b"\0\0")
    assert str(caught.value) == GOLDEN_TRAILING


@pytest.mark.parametrize("wire", [SALE, CHIP, wire_of("sale-response-0210"), wire_of("void-of-a-sale-0200-200000")])
def test_no_error_text_holds_what_is_sensitive(wire: bytes) -> None:
    message = DIALECT.unpack(wire)
    secrets = [str(message[n]) for n in (2, 35) if n in message] + [
        message[52].hex().upper() for n in (52,) if n in message
    ]
    for cut in range(len(wire)):
        with pytest.raises(UnpackError) as caught:
            DIALECT.unpack(wire[:cut])
        text = str(caught.value) + repr(caught.value) + repr(caught.value.partial)
        assert not any(secret in text for secret in secrets), f"at cut {cut}"
