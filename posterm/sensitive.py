"""Values that must not be printed, and the masks under which parts of them may be.

`str()`, `repr()` and f-strings of these types give the masked form; the clear value is asked for by name (`.reveal()`),
so that a search for that word finds every place where one is used. Masking fails closed: what does not look like a PAN
is hidden whole.

Source: PCI DSS 4.0, 3.4.1 (at most the first six and last four digits of a PAN may be shown).
"""

from __future__ import annotations

import re
from typing import ClassVar, Final

from posterm.bcd import is_digits
from posterm.errors import PostermError


class SensitiveValueError(PostermError):
    """A PAN or track that is malformed. The text never holds the value."""


def mask_pan(digits: str) -> str:
    """First six and last four digits; everything else, or everything at all when it is no PAN, as `*`.

    >>> mask_pan("6212345678901265")
    '621234******1265'
    >>> mask_pan("not a pan")
    '*********'
    """
    if not is_digits(digits) or not 13 <= len(digits) <= 19:
        return "*" * len(digits)
    return digits[:6] + "*" * (len(digits) - 10) + digits[-4:]


_DIGIT: Final = bytes((character - 0x30) % 256 for character in range(256))
_DOUBLED: Final = bytes(
    (character - 0x30) * 2 % 256 - 9 * (character > 0x34) if 0x30 <= character <= 0x39 else 0
    for character in range(256)
)
"""For `bytes.translate`: a digit's own value, and that of its double with the digits added."""


def luhn_valid(digits: str) -> bool:
    """True when the last digit is the Luhn check digit of those before it.

    Source: ISO/IEC 7812-1, annex B.
    """
    if not digits or not is_digits(digits):
        return False
    wire = digits.encode("ascii")
    return (sum(wire[-1::-2].translate(_DIGIT)) + sum(wire[-2::-2].translate(_DOUBLED))) % 10 == 0


class Sensitive:
    """Base of values that print masked. Subclasses check in `__init__` and mask in `masked`."""

    __slots__ = ("_clear",)
    kind: ClassVar[str] = "value"

    def __init__(self, clear: str) -> None:
        self._clear = clear

    def reveal(self) -> str:
        """The clear value."""
        return self._clear

    @property
    def masked(self) -> str:
        return "*" * 6

    def __str__(self) -> str:
        return self.masked

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.masked}>"

    def __format__(self, spec: str) -> str:
        return format(self.masked, spec)

    def __eq__(self, other: object) -> bool:
        return type(other) is type(self) and other._clear == self._clear

    def __hash__(self) -> int:
        return hash((type(self), self._clear))

    def __reduce__(self) -> tuple[object, ...]:
        raise TypeError(f"{type(self).__name__} is not pickled: it would travel in the clear")


class Pan(Sensitive):
    """A primary account number, 13 to 19 digits.

    >>> Pan("6212345678901265")
    <Pan 621234******1265>
    """

    __slots__ = ()

    def __init__(self, digits: str) -> None:
        if not is_digits(digits) or not 13 <= len(digits) <= 19:
            raise SensitiveValueError(f"a PAN is 13 to 19 digits, this has {len(digits)} characters")
        self._clear = digits

    @property
    def masked(self) -> str:
        return mask_pan(self._clear)

    @property
    def last_four(self) -> str:
        return self._clear[-4:]

    @property
    def pan12(self) -> str:
        """The 12 rightmost digits without the check digit, as PIN blocks use them (ISO 9564-1)."""
        return self._clear[-13:-1]  # a PAN has 13 digits at least


_TRACK2 = re.compile(r"([0-9]{13,19})[=D]([0-9]{4}|=)([0-9]{3}|=)([0-9=]*)")


class Track2(Sensitive):
    """Track 2 data without sentinels, `=` as separator, at most 37 characters.

    Source: ISO/IEC 7813, 7.2.

    >>> Track2("6212345678901265=30122011234567890123").expiry
    '3012'
    """

    __slots__ = ("_match",)

    def __init__(self, data: str) -> None:
        data = data.replace("D", "=").removeprefix(";").partition("?")[0]
        match = _TRACK2.fullmatch(data) if len(data) <= 37 else None
        if match is None:
            raise SensitiveValueError("not track 2 data: need PAN, =, YYMM, service code, at most 37 characters")
        self._clear = data
        self._match = match

    @property
    def masked(self) -> str:
        return mask_pan(self._match[1]) + "=****"

    @property
    def pan(self) -> Pan:
        return Pan(self._match[1])

    @property
    def expiry(self) -> str:
        """YYMM, or empty when the card carries none."""
        return self._match[2].strip("=")

    @property
    def service_code(self) -> str:
        """Three digits, or empty when the card carries none."""
        return self._match[3].strip("=")

    @property
    def has_chip(self) -> bool:
        """True when the service code says that the card carries a chip (first digit 2 or 6)."""
        return self.service_code[:1] in ("2", "6")


class Track3(Sensitive):
    """Track 3 data without sentinels, at most 104 characters: format code 99, PAN, separator, use and security data.

    Source: ISO/IEC 4909, 5 (format code and PAN lead the track).
    """

    __slots__ = ("_pan",)

    def __init__(self, data: str) -> None:
        data = data.replace("D", "=").removeprefix(";").split("?")[0]
        match = re.fullmatch(r"[0-9]{2}([0-9]{13,19})=[0-9=]*", data) if len(data) <= 104 else None
        if match is None:
            raise SensitiveValueError("not track 3 data: need format code, PAN, =, at most 104 characters")
        super().__init__(data)
        self._pan = match[1]

    @property
    def masked(self) -> str:
        return "**" + mask_pan(self._pan) + "=****"

    @property
    def pan(self) -> Pan:
        return Pan(self._pan)
