"""Data object lists: what a card wants to be told, and the bytes that tell it.

Source: EMV 4.4 Book 3, 5.4.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import Final

from posterm import tlv
from posterm.emv.errors import DolError
from posterm.emv.tags import format_of

MAX_DOL_BYTES: Final = 252
MAX_RELATED_DATA_BYTES: Final = 255

Dol = tuple[tuple[str, int], ...]
"""Tags and the bytes wanted of each, in order; a tag may come twice."""


@lru_cache(maxsize=256)
def parse_dol(dol: bytes) -> Dol:
    """Read a data object list.

    Raises: DolError: cut short, longer than 252 bytes, or a length of more than one byte.

    >>> parse_dol(bytes.fromhex("9F02069A03"))
    (('9F02', 6), ('9A', 3))
    """
    if len(dol) > MAX_DOL_BYTES:
        raise DolError(f"data object list: need at most {MAX_DOL_BYTES} bytes, have {len(dol)}")
    entries: list[tuple[str, int]] = []
    at = 0
    while at < len(dol):
        end = at + 1
        if dol[at] & 0x1F == 0x1F:
            while end < len(dol) and dol[end] & 0x80 and end - at < tlv.MAX_TAG_BYTES:
                end += 1
            end += 1
        if end >= len(dol) or end - at > tlv.MAX_TAG_BYTES:
            raise DolError(f"data object list: need a tag and its length, have a part of them at byte {at}")
        if dol[end] > 0x7F:
            raise DolError(f"data object list: need a length of one byte, have another form at byte {end}")
        entries.append((dol[at:end].hex().upper(), dol[end]))
        at = end + 1
    return tuple(entries)


def build_dol_data(dol: Iterable[tuple[str, int]], values: Mapping[str, bytes]) -> bytes:
    """The values a list asks for, one after the other, each cut or filled to its length.

    What is not in `values`, and every template, counts as zeros. Numeric values keep their right end and are filled
    with zeros on the left; compressed numeric values keep their left end and are filled with F; all others keep their
    left end and are filled with zeros.

    Raises: DolError: more than 255 bytes, which no command can carry.
    """
    data = b"".join(fit(tag, values.get(tag, b""), length) for tag, length in dol)
    if len(data) > MAX_RELATED_DATA_BYTES:
        raise DolError(f"data object list: need at most {MAX_RELATED_DATA_BYTES} bytes of values, have {len(data)}")
    return data


def fit(tag: str, value: bytes, length: int) -> bytes:
    """A value cut or filled to the length a list asks for. Source: EMV 4.4 Book 3, 5.4.

    >>> fit("9F02", bytes.fromhex("000000001234"), 4).hex(), fit("9F02", bytes.fromhex("000000001234"), 8).hex()
    ('00001234', '0000000000001234')
    >>> fit("5A", bytes.fromhex("4761739001010010"), 10).hex(), fit("9F37", bytes.fromhex("DEADBEEF"), 2).hex()
    ('4761739001010010ffff', 'dead')
    """
    if not value or int(tag[:2], 16) & 0x20:
        return bytes(length)
    if len(value) == length:
        return value
    form = format_of(tag)
    if form == "n":
        return value[-length:] if len(value) > length > 0 else value.rjust(length, b"\x00")[:length]
    if len(value) > length:
        return value[:length]
    return value.ljust(length, b"\xff" if form == "cn" else b"\x00")
