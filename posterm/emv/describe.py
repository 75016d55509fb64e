"""What the value of a data object says, in lines: bits by name, lists taken apart, codes in words.

Source: EMV 4.4 Book 3, annex C and 6.5.5 (9F27), 10.2 (94), 10.5 (8E); Book 4, annex A (9F34, 9F35) and A6 (8A);
ISO/IEC 7813, 7.2 (5F30).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Final

from posterm.emv.bits import (
    AdditionalTerminalCapabilities,
    Aip,
    Auc,
    Bits,
    CryptogramType,
    Ctq,
    TerminalCapabilities,
    Tsi,
    Ttq,
    Tvr,
)
from posterm.emv.dol import parse_dol
from posterm.emv.errors import DolError
from posterm.emv.tags import DOLS, name_of

BIT_FIELDS: Final[dict[str, type[Bits]]] = {
    "82": Aip,
    "95": Tvr,
    "9B": Tsi,
    "9F07": Auc,
    "9F0D": Tvr,
    "9F0E": Tvr,
    "9F0F": Tvr,
    "9F33": TerminalCapabilities,
    "9F40": AdditionalTerminalCapabilities,
    "9F66": Ttq,
    "9F6C": Ctq,
    "DF11": Tvr,
    "DF12": Tvr,
    "DF13": Tvr,
    "DF8120": Tvr,
    "DF8121": Tvr,
    "DF8122": Tvr,
}

CVM_METHODS: Final = {
    0x00: "fail cardholder verification",
    0x01: "plaintext PIN verified by the card",
    0x02: "enciphered PIN verified online",
    0x03: "plaintext PIN verified by the card, and signature",
    0x04: "enciphered PIN verified by the card",
    0x05: "enciphered PIN verified by the card, and signature",
    0x1E: "signature",
    0x1F: "no CVM required",
    0x3F: "no CVM performed",
}
"""Bits 6-1 of a CVM code. Source: EMV 4.4 Book 3, C3; 3F stands in CVM results only (Book 4, A4)."""

CVM_CONDITIONS: Final = {
    0x00: "always",
    0x01: "if unattended cash",
    0x02: "if neither unattended nor manual cash nor purchase with cashback",
    0x03: "if the terminal supports the method",
    0x04: "if manual cash",
    0x05: "if purchase with cashback",
    0x06: "if in the application's currency and under X",
    0x07: "if in the application's currency and over X",
    0x08: "if in the application's currency and under Y",
    0x09: "if in the application's currency and over Y",
}
CVM_RESULTS: Final = {0x00: "unknown", 0x01: "failed", 0x02: "successful"}

TERMINAL_TYPES: Final = {
    0x11: "attended, financial institution, online only",
    0x12: "attended, financial institution, offline with online capability",
    0x13: "attended, financial institution, offline only",
    0x14: "unattended, financial institution, online only",
    0x15: "unattended, financial institution, offline with online capability",
    0x16: "unattended, financial institution, offline only",
    0x21: "attended, merchant, online only",
    0x22: "attended, merchant, offline with online capability",
    0x23: "attended, merchant, offline only",
    0x24: "unattended, merchant, online only",
    0x25: "unattended, merchant, offline with online capability",
    0x26: "unattended, merchant, offline only",
    0x34: "unattended, cardholder, online only",
    0x35: "unattended, cardholder, offline with online capability",
    0x36: "unattended, cardholder, offline only",
}
OFFLINE_RESPONSE_CODES: Final = {
    "Y1": "offline approved",
    "Z1": "offline declined",
    "Y3": "unable to go online, offline approved",
    "Z3": "unable to go online, offline declined",
}
_CID_REASONS: Final = {1: "service not allowed", 2: "PIN try limit exceeded", 3: "issuer authentication failed"}


def describe_value(tag: str, value: bytes) -> list[str]:
    """Lines that say what a value means; none where the value speaks for itself or is malformed.

    >>> describe_value("9F34", bytes.fromhex("1F0302"))
    ['no CVM required', 'if the terminal supports the method', 'successful']
    """
    if (field := BIT_FIELDS.get(tag)) is not None:
        return list(field.from_value(value).lines())
    if tag in DOLS:
        try:
            return [f"{wanted} {name_of(wanted)}, {length} bytes" for wanted, length in parse_dol(value)]
        except DolError:
            return []
    reading = _READINGS.get(tag)
    return list(reading(value)) if reading and value else []


def cvm_rule(code: int, condition: int) -> str:
    """A rule of a CVM list in words.

    >>> cvm_rule(0x42, 0x03)
    'enciphered PIN verified online, if the terminal supports the method; else the next rule'
    """
    method = CVM_METHODS.get(code & 0x3F, f"method {code & 0x3F:02X}")
    when = CVM_CONDITIONS.get(condition, f"condition {condition:02X}")
    return f"{method}, {when}; else {'the next rule' if code & 0x40 else 'fail'}"


def _cvm_list(value: bytes) -> Iterator[str]:
    if len(value) < 8:
        return
    yield f"X {int.from_bytes(value[:4], 'big')}, Y {int.from_bytes(value[4:8], 'big')} minor units"
    for at in range(8, len(value) - 1, 2):
        yield cvm_rule(value[at], value[at + 1])


def _cvm_results(value: bytes) -> Iterator[str]:
    if len(value) == 3:
        yield CVM_METHODS.get(value[0] & 0x3F, f"method {value[0] & 0x3F:02X}")
        yield CVM_CONDITIONS.get(value[1], f"condition {value[1]:02X}")
        yield CVM_RESULTS.get(value[2], f"result {value[2]:02X}")


def _cid(value: bytes) -> Iterator[str]:
    yield CryptogramType.of(value[0]).name
    if value[0] & 0x08:
        yield "advice required"
    if reason := value[0] & 0x07:
        yield _CID_REASONS.get(reason, f"reason {reason}")


def _afl(value: bytes) -> Iterator[str]:
    for at in range(0, len(value) - 3, 4):
        sfi, first, last, signed = value[at] >> 3, *value[at + 1 : at + 4]
        yield f"SFI {sfi}, records {first} to {last}, {signed} of them signed"


def _terminal_type(value: bytes) -> Iterator[str]:
    if value[0] in TERMINAL_TYPES:
        yield TERMINAL_TYPES[value[0]]


def _response_code(value: bytes) -> Iterator[str]:
    code = value.decode("ascii", "replace")
    if code in OFFLINE_RESPONSE_CODES:
        yield OFFLINE_RESPONSE_CODES[code]


def _service_code(value: bytes) -> Iterator[str]:
    digits = value.hex()[-3:]
    use = {"1": "international", "2": "international, chip", "5": "national", "6": "national, chip"}
    authorization = {"0": "normal authorization", "2": "online authorization", "4": "online unless agreed otherwise"}
    pin = {"0": "PIN required", "1": "no restrictions", "2": "goods and services only", "3": "ATM only, PIN required"}
    pin |= {"5": "goods and services only, PIN required", "6": "PIN where there is a PIN pad"}
    yield from (table[digit] for table, digit in zip((use, authorization, pin), digits, strict=False) if digit in table)


def _priority(value: bytes) -> Iterator[str]:
    yield f"priority {value[0] & 0x0F or 'none'}"
    if value[0] & 0x80:
        yield "the cardholder has to confirm"


_READINGS: Final[dict[str, Callable[[bytes], Iterator[str]]]] = {
    "5F30": _service_code,
    "87": _priority,
    "8A": _response_code,
    "8E": _cvm_list,
    "94": _afl,
    "9F27": _cid,
    "9F34": _cvm_results,
    "9F35": _terminal_type,
}
