"""A key as it is stored and passed about under a variant local master key: a scheme letter and hexadecimal digits.

Such a field does not say what the key is for. That is the key type, which the caller knows, so it goes with the field
everywhere: two fields are the same key only when their types are the same as well.

Source: Thales payShield, variant LMK scheme.
"""

from __future__ import annotations

from posterm.hsm.errors import KeyBlockError
from posterm.hsm.key_block import KeyBlock
from posterm.hsm.key_types import KeyType, key_type
from posterm.hsm.variant_lmk import parse_field


class VariantKey(str):
    """The name of a key under a variant LMK: printable, immutable, useless without the LMK.

    Args:
        field: `U`, `T`, `X`, `Y`, `Z` or nothing, and 16, 32 or 48 hexadecimal digits.
        code: three characters, such as 001.
    Raises: KeyBlockError: not the form of a key field, or a key type that is not known.

    >>> zpk = VariantKey("U1EF828AA8F6B80EB83E19FBC373F3A85", "001")
    >>> zpk.type.name
    'ZPK'
    >>> zpk == VariantKey(str(zpk), "002")
    False
    """

    __slots__ = ("type",)

    type: KeyType

    def __new__(cls, field: str, code: str) -> VariantKey:
        parse_field(field)
        self = super().__new__(cls, field)
        self.type = key_type(code)
        return self

    @property
    def key_type(self) -> str:
        """The three characters of its type."""
        return self.type.code

    def __eq__(self, other: object) -> bool:
        return isinstance(other, VariantKey) and self._fields() == other._fields()

    def __ne__(self, other: object) -> bool:
        return not self == other

    # Every reference is looked up on every call. One field under several types is rare enough to be told by equality.
    __hash__ = str.__hash__

    def __repr__(self) -> str:
        return f"VariantKey({str(self)!r}, {self.type.code!r})"

    def __reduce__(self) -> tuple[object, ...]:
        return VariantKey, self._fields()

    def _fields(self) -> tuple[str, str]:
        return str(self), self.type.code


KeyReference = KeyBlock | VariantKey
"""A key by its sealed form, under whichever kind of local master key."""


def key_reference(text: str, code: str = "") -> KeyReference:
    """A key reference from its text: a key block, or a field under a variant LMK when a key type goes with it.

    Raises: KeyBlockError: neither.
    """
    if text.startswith("S"):
        return KeyBlock(text)
    if not code:
        raise KeyBlockError("key field: under a variant LMK it needs a key type, here is none")
    return VariantKey(text, code)
