"""The dialects iso87-ascii and iso87-bcd as pyiso8583 describes them, and messages as it holds them.

Sizes and length prefixes come from the field table that pyiso8583 brings along, not from ours.
"""

from __future__ import annotations

import copy
from typing import Any

from iso8583.specs import default_ascii

from posterm.iso8583 import Composite, Message

PACKED_FIXED = (3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 25, 26, 53, 67, 71, 72, 73, *range(74, 91))
PACKED_ODD = (19, 20, 21, 22, 23, 24, 27, 66, 68, 69, 70)
PACKED_VARYING = (2, 32, 33, 35, 36, 99, 100)
RAW_FIXED = (52, 64, 96, 128)
SIGNED = (28, 29, 30, 31, 97)
TRACKS = (35, 36)


def peer_spec(dialect: str) -> dict[str, Any]:
    """What pyiso8583 needs to read and write messages of iso87-ascii or iso87-bcd."""
    spec: dict[str, Any] = copy.deepcopy(default_ascii)
    spec["h"]["max_len"] = 0
    for name in ("p", "1"):
        spec[name].update(data_enc="b", max_len=8)
    for number in RAW_FIXED:
        spec[str(number)].update(data_enc="b", max_len=8)
    spec["55"].update(data_enc="b")
    if dialect == "iso87-bcd":
        _pack_digits(spec)
    return spec


def _pack_digits(spec: dict[str, Any]) -> None:
    spec["t"].update(data_enc="b", max_len=2)
    for number in range(2, 129):
        field = spec[str(number)]
        field["len_enc"] = "bcd"
        field["len_type"] = (field["len_type"] + 1) // 2
    for number in PACKED_FIXED:
        spec[str(number)].update(data_enc="b", len_count="nibbles")
    for number in PACKED_ODD:
        spec[str(number)].update(data_enc="b", len_count="nibbles", left_pad="0")
    for number in PACKED_VARYING:
        spec[str(number)].update(data_enc="b", len_count="nibbles", right_pad="0")
    for number in SIGNED:
        field = spec[str(number)]
        field.update(data_enc="b", max_len=(field["max_len"] + 1) // 2)


def as_peer(message: Message, dialect: str) -> dict[str, str]:
    """Our message as pyiso8583 holds one: bytes as hexadecimal, and in packed tracks D for the separator."""
    values = {"t": message.mti}
    for number, value in message.items():
        raw = value.raw if isinstance(value, Composite) else value
        if dialect == "iso87-bcd" and number in TRACKS:
            raw = raw.replace("=", "D")
        if dialect == "iso87-bcd" and number in SIGNED:
            raw = raw[:1].encode().hex().upper() + raw[1:]
        values[str(number)] = raw.hex().upper() if isinstance(raw, bytes) else raw
    return values
