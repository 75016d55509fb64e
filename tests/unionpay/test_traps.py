"""The faults that first decoders of this link make, each as a test across the parts that would make it.

Source: public code and threads about the link; values of the worked frames and keys of the link's test vectors.
"""

from __future__ import annotations

import random
from datetime import UTC, datetime

import pytest

from posterm.amount import Amount
from posterm.hsm import Algorithm, KeyUsage, Lmk, MacAlgorithm, SoftHsm
from posterm.iso8583 import FrameDecoder, Message, encode_frame, get_dialect
from posterm.sensitive import Pan, Track2
from posterm.terminal import Identity
from posterm.terminal.mapping import Mapper
from posterm.unionpay.key_layout import Role, parse_keys
from posterm.unionpay.profile import get_profile
from posterm.unionpay.totals import UploadItem, pack_upload, parse_upload
from simulators.cards import TEST_CARDS
from simulators.front import Hand
from simulators.world import World

DIALECT = get_dialect("unionpay-pos")
PAN = "6212345678901265"
WHO = {41: "10000001", 42: "898310058120001"}
MORNING = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)


def wire_of(element: int, value: object) -> bytes:
    """The packed bytes of one element: behind MTI and bitmap of a message that carries nothing else."""
    return DIALECT.pack(Message("0200", {element: value}))[10:]


def test_trap_1_the_length_of_packed_digits_counts_digits_not_bytes() -> None:
    assert wire_of(35, f"{PAN}=30122011234567890123").hex().startswith("37" + PAN)
    assert len(wire_of(35, f"{PAN}=30122011234567890123")) == 1 + 19


def test_trap_2_entry_mode_and_condition_code_stand_on_the_left() -> None:
    assert wire_of(22, "021").hex() == "0210"
    assert wire_of(23, "001").hex() == "0001"


def test_trap_3_the_keys_of_a_sign_on_are_bytes() -> None:
    keys = bytes(range(0x80, 0x80 + 40))
    message = DIALECT.unpack(DIALECT.pack(Message("0810", {62: keys})))
    assert message[62] == keys


@pytest.mark.parametrize("pad", ["0", "F"])
def test_trap_4_the_pad_nibble_is_not_trusted(pad: str) -> None:
    wire = bytes.fromhex("0200" + "4000000000000000" + "19" + "6228480000000000018" + pad)
    message = DIALECT.unpack(wire)
    assert len(message[2]) == 19
    assert DIALECT.pack(message) == wire


@pytest.mark.parametrize("separator", ["D", "="])
def test_trap_5_the_pan_is_found_behind_either_separator(separator: str) -> None:
    assert Track2(f"{PAN}{separator}30122011234567890123").pan == Pan(PAN)


def test_trap_6_the_check_digit_is_no_part_of_the_pin_block() -> None:
    assert Pan(PAN).pan12 == PAN[3:15]


def test_trap_7_the_mac_covers_the_bitmap_with_its_own_bit_set() -> None:
    covered = []

    def mac(data: bytes) -> bytes:
        covered.append(data)
        return bytes(8)

    wire = DIALECT.pack(Message("0200", {3: "000000", **WHO}), mac=mac)
    assert covered == [wire[:-8]]
    assert covered[0][9] & 1


def test_trap_8_the_mac_is_eight_characters_of_text() -> None:
    hsm = SoftHsm(Lmk.test(), random.Random(1).randbytes)
    mak = hsm.generate_key(KeyUsage.MAC, Algorithm.DES)
    assert hsm.generate_mac(mak, MacAlgorithm.UNIONPAY_ECB, b"any").decode("ascii").isalnum()


def test_trap_9_a_mak_slot_that_ends_in_zeros_holds_a_single_length_key() -> None:
    field = bytes.fromhex(
        "41B1F3D154C3079A8934CBC82B27D1149BE3BD43" + "9541CF77BD8787B3" + "0000000000000000" + "50E8D0A8"
    )
    assert parse_keys("double", field)[Role.MAK].single_length
    assert not parse_keys("double", field)[Role.PIK].single_length


def test_trap_10_a_reversal_keeps_the_trace_number_of_its_original() -> None:
    mapper = Mapper(get_profile("default"), Identity("10000001", WHO[42]), SoftHsm(Lmk.test(), bytes))
    sale = Message("0200", {3: "000000", 4: "1", 11: "000042", 22: "021", 25: "00", 49: "156", 60: "22000001", **WHO})
    assert mapper.reversal(sale)[11] == "000042"


@pytest.mark.parametrize("element", [43, 56, 63])
def test_trap_11_text_is_chinese_in_gb18030(element: int) -> None:
    text = "CUP测试商户消费成功"
    message = DIALECT.unpack(DIALECT.pack(Message("0210", {element: text})))
    assert str(message[element]).rstrip() == text
    assert text.encode("gb18030") in wire_of(element, text)


@pytest.mark.parametrize(("digits", "last"), [(11, "60.3"), (13, "60.5"), (14, "60.6"), (17, "60.7")])
def test_trap_12_element_60_comes_in_four_lengths(digits: int, last: str) -> None:
    message = DIALECT.unpack(DIALECT.pack(Message("0200", {60: "22000001000500048"[:digits]})))
    assert len(str(message[60])) == digits
    assert last in message
    assert f"60.{int(last[3:]) + 1}" not in message


@pytest.mark.parametrize("counts_itself", [False, True])
def test_trap_13_a_length_may_count_itself(counts_itself: bool) -> None:
    frame = encode_frame(b"frame", counts_itself=counts_itself)
    assert frame[:2] == (b"\x00\x07" if counts_itself else b"\x00\x05")
    assert FrameDecoder(counts_itself=counts_itself).feed(frame) == [b"frame"]


def test_trap_14_a_full_batch_upload_has_322_digits() -> None:
    items = [UploadItem(f"{number:06d}", Pan(PAN), number) for number in range(1, 9)]
    digits = pack_upload(items)
    assert len(digits) == 322
    assert wire_of(48, digits)[:2].hex() == "0322"
    assert parse_upload(str(DIALECT.unpack(DIALECT.pack(Message("0320", {48: digits})))[48])) == items


def test_trap_15_a_second_sign_on_does_not_clear_the_batch() -> None:
    world = World(seed=2)
    terminal = world.terminal(0)
    world.press(0, terminal.sign_on("01", "0000", MORNING))
    assert world.press(0, terminal.sale(Amount(5_00), MORNING), Hand.swiping(TEST_CARDS[1])).approved
    before = terminal.open_batch
    assert world.press(0, terminal.sign_on("01", "0000", MORNING)).done
    assert terminal.open_batch == before
    assert len(before) == 1
