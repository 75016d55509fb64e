"""Track 2 of a contactless stripe: the card's CVC3, the reader's number and the counter written into it.

Two bitmaps say where: each bit stands for a digit of the track's discretionary data, the rightmost bit for the
rightmost digit. The digits of PUNATC that NATC does not take for the counter take the unpredictable number, and the
last digit of all says how many those are.

Source: EMV Contactless Book C-2, 7.1 (insertion of CVC3, unpredictable number and ATC). Leaves out track 1.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from posterm.emv.errors import CardDataError

MAX_NUMBER_DIGITS: Final = 8


@dataclass(frozen=True, slots=True)
class Positions:
    """Where in the discretionary data what stands.

    Attributes:
        cvc3: PCVC3 (9F65, 2 bytes). number_and_atc: PUNATC (9F66, 2 bytes). atc_digits: NATC (9F67).
    """

    cvc3: int
    number_and_atc: int
    atc_digits: int

    @classmethod
    def of(cls, pcvc3: bytes, punatc: bytes, natc: bytes) -> Positions:
        """Read the three objects. Raises: CardDataError: they contradict each other."""
        found = cls(*(int.from_bytes(value, "big") for value in (pcvc3, punatc, natc)))
        if not 0 <= found.number_digits <= MAX_NUMBER_DIGITS:
            raise CardDataError(
                f"positions in track 2: need 0 to {MAX_NUMBER_DIGITS} digits of the unpredictable number,"
                f" have {found.number_digits}"
            )
        return found

    @property
    def number_digits(self) -> int:
        """How many digits of the unpredictable number go into the track (nUN)."""
        return self.number_and_atc.bit_count() - self.atc_digits


def unpredictable_number(random: bytes, digits: int) -> bytes:
    """The numeric unpredictable number (9F6A, 4 bytes): that many random digits after zeros.

    >>> unpredictable_number(bytes.fromhex("00001E61"), 3).hex()
    '00000777'
    """
    return bytes.fromhex(f"{int.from_bytes(random, 'big') % 10**digits:08d}" if digits else "00000000")


def dynamic_track2(track2: str, positions: Positions, cvc3: bytes, number: bytes, atc: bytes) -> str:
    """The track as it goes to the issuer.

    Args:
        track2: 9F6B in nibbles, separator D, without filler.
        cvc3: 9F61, 2 bytes. number: 9F6A, 4 bytes packed. atc: 9F36, 2 bytes.
    Raises: CardDataError: no separator, or a position outside the discretionary data.
    """
    head, separator, tail = track2.partition("D")
    if not separator or len(tail) < 8:
        raise CardDataError("track 2: need a separator, expiry, service code and discretionary data")
    digits = list(tail[7:])
    inserted = (positions.cvc3 | positions.number_and_atc).bit_length()
    if inserted > len(digits):
        raise CardDataError(f"track 2: need {inserted} digits of discretionary data, have {len(digits)}")
    _write(digits, _places(positions.cvc3), str(int.from_bytes(cvc3, "big")))
    eligible = _places(positions.number_and_atc)
    of_number = positions.number_digits
    _write(digits, eligible[:of_number], number.hex())
    _write(digits, eligible[of_number:], str(int.from_bytes(atc, "big")))
    digits[-1] = str(of_number)
    return f"{head}D{tail[:7]}{''.join(digits)}"


def _places(bitmap: int) -> list[int]:
    """Digits from the right, the rightmost first."""
    return [place for place in range(bitmap.bit_length()) if bitmap >> place & 1]


def _write(digits: list[str], places: list[int], number: str) -> None:
    """The least significant digits of a number into those places, zeros where it has none left."""
    for place, digit in zip(places, reversed(number.rjust(len(places), "0")), strict=False):
        digits[-1 - place] = digit
