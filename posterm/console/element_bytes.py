"""Where each element of a message stands among its bytes.

A message that a dialect has read packs again to the same bytes, so packing its elements one by one gives their sizes.
"""

from __future__ import annotations

from typing import Final

from posterm.iso8583 import Dialect, Message, PackError
from posterm.iso8583.element import RAW

_BITS: Final = 64


def element_spans(dialect: Dialect, message: Message, size: int) -> dict[int, tuple[int, int]]:
    """First byte and the byte after the last of every element.

    Args:
        message: as the dialect read it.
        size: bytes of the whole message.
    """
    block = _BITS // 8 if dialect.encodings.bitmap == RAW else _BITS // 4
    try:
        type_bytes = len(dialect.pack(Message(message.mti))) - block
        sizes = {}
        for number in message:
            alone = message.with_elements(drop=[other for other in message if other != number])
            sizes[number] = len(dialect.pack(alone)) - type_bytes - block * ((number + _BITS - 1) // _BITS)
    except PackError:
        return {}
    spans = {}
    at = size - sum(sizes.values())
    for number, element_bytes in sizes.items():
        spans[number] = (at, at + element_bytes)
        at += element_bytes
    return spans
