"""Key fields as the references they stand for, each read once and kept by its wire form.

Left out: whether such a key opens, which shows when a command uses it.
"""

from __future__ import annotations

from typing import Final

from posterm.hsm.host_commands.errors import INVALID_KEY_TYPE, INVALID_SCHEME, HostCommandRefusal
from posterm.hsm.key_block import KeyBlock
from posterm.hsm.key_types import KEY_TYPES
from posterm.hsm.variant_key import KeyReference, VariantKey

KEPT_REFERENCES: Final = 16_384
"""Keys of each type of which the wire form is kept as a reference at most."""


class ReferencesOfType(dict[bytes, KeyReference]):
    """References to keys of one type, by wire form; one that is asked for is there, or is refused.

    Args:
        key_type: three characters; not looked at for a key block.
        is_variant: keys are under a variant LMK.
    Raises: HostCommandRefusal: when asked, for a scheme that is not of this LMK, or no such key type.
        KeyBlockError: malformed.
    """

    __slots__ = ("_is_variant", "_key_type")

    def __init__(self, key_type: str, *, is_variant: bool) -> None:
        self._key_type = key_type
        self._is_variant = is_variant

    def __missing__(self, wire: bytes) -> KeyReference:
        text = wire.decode("ascii")
        reference: KeyReference
        if self._is_variant:
            if text[0] == "S":
                raise HostCommandRefusal(INVALID_SCHEME)
            if self._key_type not in KEY_TYPES:
                raise HostCommandRefusal(INVALID_KEY_TYPE)
            reference = VariantKey(text, self._key_type)
        else:
            if text[0] != "S":
                raise HostCommandRefusal(INVALID_SCHEME)
            reference = KeyBlock(text)
        if len(self) >= KEPT_REFERENCES:
            del self[next(iter(self))]
        self[wire] = reference
        return reference


class References(dict[str, ReferencesOfType]):
    """References of every type."""

    __slots__ = ("_is_variant",)

    def __init__(self, *, is_variant: bool) -> None:
        self._is_variant = is_variant

    def __missing__(self, key_type: str) -> ReferencesOfType:
        found = self[key_type] = ReferencesOfType(key_type, is_variant=self._is_variant)
        return found
