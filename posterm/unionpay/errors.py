"""Faults of the UnionPay POS link.

LinkError
├── ProfileError      an acquirer profile that cannot be used: file, key path and fault
├── HeaderError       the 6 bytes between TPDU and MTI are not a header
├── LayoutError       a sub-field with context (48, 54, 62, 63) does not fit its layout
└── MacFailureError        a message whose MAC is missing or wrong
"""

from __future__ import annotations

from posterm.errors import PostermError


class LinkError(PostermError):
    """Base of the faults of the UnionPay POS link."""


class ProfileError(LinkError):
    """An acquirer profile that cannot be used."""


class HeaderError(LinkError):
    """The six bytes between TPDU and MTI are not a header."""


class LayoutError(LinkError):
    """A field whose layout depends on context does not fit it."""


class MacFailureError(LinkError):
    """A message whose MAC is missing or does not verify."""
