"""EBCDIC code page 1047, which Python lacks, to be registered as the codec `cp1047`.

Source: IBM CDRA, code page 01047 (Latin 1/Open Systems): code page 00037 with three pairs of characters exchanged.
Leaves out every other code page: cp037, cp273, cp500, cp1140 and more come with Python.
"""

from __future__ import annotations

import codecs
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from typing_extensions import Buffer

_EXCHANGED = {0x5F: 0xB0, 0xAD: 0xBA, 0xBD: 0xBB}
"""Places of code page 37 that change: the circumflex with the not sign, the brackets with Y acute and the diaeresis."""


def _decoding_table() -> str:
    table = list(bytes(range(256)).decode("cp037"))
    for one, other in _EXCHANGED.items():
        table[one], table[other] = table[other], table[one]
    return "".join(table)


_DECODING = _decoding_table()
_ENCODING = codecs.charmap_build(_DECODING)


def _encode(text: str, errors: str = "strict") -> tuple[bytes, int]:
    return codecs.charmap_encode(text, errors, _ENCODING)


def _decode(data: Buffer, errors: str = "strict") -> tuple[str, int]:
    return codecs.charmap_decode(bytes(data), errors, _DECODING)


def _find(name: str) -> codecs.CodecInfo | None:
    return codecs.CodecInfo(_encode, _decode, name="cp1047") if name in ("cp1047", "ibm1047") else None


def register() -> None:
    """Make `cp1047` known to Python, which asks the codecs it came with first: one that has it uses its own."""
    codecs.register(_find)
