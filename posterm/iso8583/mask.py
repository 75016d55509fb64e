"""What of an element may be shown. Masking fails closed: what does not look as it should is hidden whole.

Source: PCI DSS 4.0, 3.4.1.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from posterm.iso8583.composite import Composite
from posterm.iso8583.element import Element
from posterm.sensitive import mask_pan

PAN, TRACK_2 = 2, 35
_TRACK_2 = re.compile(r"([0-9]{13,19})=")


def flat_text(value: object) -> str:
    """A value as one line of text: bytes in upper-case hexadecimal, a composite as its raw value."""
    if isinstance(value, Composite):
        value = value.raw
    if isinstance(value, (bytes, bytearray)):
        return value.hex().upper()
    if isinstance(value, Mapping):
        return "{" + " ".join(map(str, value)) + "}"
    return str(value)


def masked(element: Element | None, value: object) -> str:
    """The text of an element as it may be shown; an element without description counts as sensitive."""
    text = flat_text(value)
    if element is not None and not element.sensitive:
        return text
    if element is not None and element.number == PAN:
        return mask_pan(text)
    if element is not None and element.number == TRACK_2:
        match = _TRACK_2.match(text)
        return mask_pan(match[1]) + "=****" if match else "*" * len(text)
    return "*" * len(text)
