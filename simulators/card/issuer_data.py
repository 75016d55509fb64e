"""Issuer application data, 9F10: key index, cryptogram version and the card verification results, CVR.

    Visa, UnionPay, others   length, key index, version, CVR of 4 bytes (the first counts the other three);
                             UnionPay adds the algorithm, 01 for TDES
    Mastercard               key index, version, CVR of 6 bytes, data authentication code or dynamic number, counters

Source: EMV 4.4 Book 3, annex C9; the CVR bits of Visa and PBOC (JR/T 0025.5) and of M/Chip as publicly described.
Leaves out issuer discretionary data, and M/Chip's enciphered counters.
"""

from __future__ import annotations

from collections.abc import Set
from typing import Final

from posterm.hsm.cryptogram import Scheme
from simulators.card.profile import Application, Condition
from simulators.card.state import Kind, Memory, Transaction

VERSION_NUMBERS: Final = {
    "visa-10": 0x0A,
    "visa-14": 0x0E,
    "visa-17": 0x11,
    "visa-18": 0x12,
    "visa-22": 0x16,
    "mchip-16": 0x10,
    "mchip-17": 0x11,
    "mchip-20": 0x14,
    "mchip-21": 0x15,
    "unionpay-01": 0x01,
}
"""The byte of 9F10 that names each version."""

_FIRST_AC: Final = {Kind.AAC: 0b00, Kind.TC: 0b01, Kind.ARQC: 0b10}
_NOT_REQUESTED: Final = 0b10
_COUNTERS_BYTES: Final = 8


def issuer_application_data(application: Application, memory: Memory, now: Transaction, held: Set[Condition]) -> bytes:
    """9F10 for the cryptogram at hand; `now.first` and `now.second` say which it is."""
    cvn = application.version_of_cryptogram
    head = bytes((application.key_index, VERSION_NUMBERS[cvn.name]))
    if cvn.scheme is Scheme.MASTERCARD:
        number = now.dynamic_number[:2] if now.signed_dynamic or now.signed_combined else b"\xda\xc1"
        return head + _mchip_results(memory, now, held) + number + _counters(memory)
    body = head + b"\x03" + _results(memory, now, held)
    if cvn.scheme is Scheme.UNIONPAY:
        body += b"\x01"
    return bytes((len(body),)) + body


def _results(memory: Memory, now: Transaction, held: Set[Condition]) -> bytes:
    """Bytes 2 to 4 of the CVR of Visa and UnionPay."""
    exceeded = held & {Condition.LOWER_COUNT, Condition.UPPER_COUNT, Condition.LOWER_AMOUNT, Condition.UPPER_AMOUNT}
    first = _cryptograms(now) | _bits(
        (0x08, now.issuer_authenticated is False),
        (0x04, now.pin_tried),
        (0x02, now.pin_tried and not now.pin_verified),
        (0x01, now.unable_online),
    )
    second = _bits(
        (0x80, Condition.LAST_ONLINE_INCOMPLETE in held),
        (0x40, Condition.PIN_TRIES_EXCEEDED in held),
        (0x20, bool(exceeded)),
        (0x10, Condition.NEW_CARD in held),
        (0x08, Condition.ISSUER_AUTHENTICATION_FAILED in held),
        (0x04, memory.issuer_authentication_missing),
        (0x02, memory.blocked and memory.pin_tries_left == 0),
    )
    third = min(memory.script_count, 15) << 4 | _bits((0x08, memory.script_failed), (0x02, now.signed_dynamic))
    return bytes((first, second, third))


def _mchip_results(memory: Memory, now: Transaction, held: Set[Condition]) -> bytes:
    second_is_signed = now.signed_combined and now.second is not None
    first = _cryptograms(now) | _bits(
        (0x04, now.pin_tried), (0x02, now.pin_tried and now.pin_was_enciphered), (0x01, now.pin_verified)
    )
    second = _bits(
        (0x80, now.signed_dynamic),
        (0x40, now.signed_combined and now.second is None),
        (0x20, second_is_signed),
        (0x10, now.issuer_authenticated is not None),
    )
    third = min(memory.script_count, 15) << 4 | min(memory.pin_tries_left, 15)
    fourth = _bits(
        (0x40, now.unable_online),
        (0x20, not now.pin_tried),
        (0x10, now.pin_tried and not now.pin_verified),
        (0x08, Condition.PIN_TRIES_EXCEEDED in held),
    )
    fifth = _bits(
        (0x80, Condition.LOWER_COUNT in held),
        (0x40, Condition.UPPER_COUNT in held),
        (0x20, Condition.LOWER_AMOUNT in held),
        (0x10, Condition.UPPER_AMOUNT in held),
        (0x04, now.issuer_authenticated is False or Condition.ISSUER_AUTHENTICATION_FAILED in held),
        (0x02, now.scripts > 0),
        (0x01, memory.script_failed),
    )
    return bytes((first, second, third, fourth, fifth, 0))


def _cryptograms(now: Transaction) -> int:
    """The two cryptograms, second and first, in bits 8 to 5."""
    second = _NOT_REQUESTED if now.second is None else _FIRST_AC[now.second]
    return second << 6 | _FIRST_AC[now.first or Kind.AAC] << 4


def _counters(memory: Memory) -> bytes:
    """Offline amount (packed) and count, then filler."""
    amount = bytes.fromhex(f"{min(memory.offline_amount_minor, 10**12 - 1):012d}")
    return (amount + bytes((memory.offline_count,))).ljust(_COUNTERS_BYTES, b"\xff")


def _bits(*pairs: tuple[int, bool]) -> int:
    return sum(bit for bit, is_set in pairs if is_set)
