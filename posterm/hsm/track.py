"""Where a track is enciphered: eight bytes of it, in place, so that its length and the leading PAN stay in the clear.

The track is packed two nibbles a byte, a zero behind an odd count; the separator is nibble D. The last byte is left
alone and the eight bytes before it are the block.

Source: Q/CUP 009 (DE 53, enciphered track data).
Left out: enciphering under a cipher of 16-byte blocks, which would reach into the PAN.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final

from posterm.hsm.errors import TrackError

SHORTEST: Final = 17
"""Nibbles: a block and the byte behind it, of which half may be padding."""
LONGEST: Final = 107
"""Nibbles of a full track 3 with its sentinels (ISO/IEC 4909)."""

_NIBBLES: Final = re.compile(rf"[0-9A-F=]{{{SHORTEST},{LONGEST}}}", re.ASCII)


def in_place(nibbles: str, cipher: Callable[[bytes], bytes]) -> str:
    """Put the track's block through `cipher`.

    Args:
        nibbles: 17 to 107 of 0-9, A-F and `=`, which is nibble D.
        cipher: 8 bytes to 8 bytes.
    Returns: as many nibbles, upper case; every separator has become D.
    Raises: TrackError: another length or another character.

    >>> in_place("6212345678901265=30122011234567890123", lambda block: bytes(8))
    '6212345678901265D30100000000000000003'
    """
    if _NIBBLES.fullmatch(nibbles) is None:
        raise TrackError(
            f"track data: need {SHORTEST} to {LONGEST} characters of 0-9, A-F and =, found {len(nibbles)} or others"
        )
    packed = nibbles.replace("=", "D")
    end = len(packed) + len(packed) % 2 - 2
    return packed[: end - 16] + cipher(bytes.fromhex(packed[end - 16 : end])).hex().upper() + packed[end:]
