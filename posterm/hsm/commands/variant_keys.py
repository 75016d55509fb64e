"""Keys under the variant LMK: made, taken in, put together, sent out under a zone master key, turned into key blocks.

Source: Thales payShield (A0, A4, A6, A8, BW), variant LMK scheme.
Left out: what `key_exchange` adds: Atalla variants, parity put right, components that are kept as keys.
"""

from __future__ import annotations

from collections.abc import Sequence

from posterm.hsm.commands.keys import KeyCommands, combined, require_check_value, require_wraps
from posterm.hsm.errors import KeyUsageError
from posterm.hsm.guard import Activity
from posterm.hsm.key_block import KeyBlock
from posterm.hsm.key_types import key_type as type_of
from posterm.hsm.keys import Algorithm, Exportability, KeyUsage, ModeOfUse
from posterm.hsm.needs import UNWRAP, WRAP
from posterm.hsm.primitives import ODD_PARITY
from posterm.hsm.variant_key import KeyReference, VariantKey
from posterm.hsm.variant_lmk import decrypt_under_zmk, encrypt_under_zmk, parse_field, require_odd_parity
from posterm.hsm.vault import DES_BY_LENGTH, OpenKey, require_no_zero_half


class VariantKeyCommands(KeyCommands):
    """Keys by scheme letter and key type."""

    __slots__ = ()

    def generate_variant_key(
        self, key_type: str, algorithm: Algorithm = Algorithm.TDES_DOUBLE, *, scheme: str = ""
    ) -> VariantKey:
        """A new random key of odd parity.

        Args:
            key_type: three characters, such as 001.
            scheme: Z, X, U, T or Y; Z, U or T by the key's length when left out.
        Raises: KeyBlockError: no variant LMK, or no such type. KeyCheckError: a scheme that does not go with the
            length. KeyUsageError: an algorithm that the type does not take.
        """
        return self._wrap_variant(self._random_key(algorithm), key_type, scheme)

    def load_clear_variant_key(self, key: bytes, key_type: str, *, scheme: str = "") -> VariantKey:
        """Take a clear key in, as `load_clear_key`. Raises: KeyCheckError: its length or parity, or as above."""
        self._permit(Activity.CLEAR_KEYS)
        return self._wrap_variant(key, key_type, scheme)

    def combine_variant_components(
        self,
        components: Sequence[bytes],
        key_type: str,
        algorithm: Algorithm,
        kcv: bytes | None = None,
        *,
        scheme: str = "",
    ) -> VariantKey:
        """The key that 2 to 9 components give, as `combine_components`; its parity is made odd."""
        self._permit(Activity.CLEAR_KEYS)
        clear = combined(components, algorithm).translate(ODD_PARITY)
        if kcv is not None:
            require_check_value(clear, key_type, algorithm, kcv)
        return self._wrap_variant(clear, key_type, scheme)

    def import_zone_key(
        self, zmk: KeyReference, field: str, key_type: str, kcv: bytes | None = None, *, scheme: str = ""
    ) -> VariantKey:
        """Take a key in that comes under a zone master key.

        Args:
            field: scheme letter and hexadecimal digits, as the other side sent it.
            key_type: what the key becomes here.
            kcv: 2 to 8 bytes of the expected check value.
        Raises: KeyUsageError: `zmk` is none. KeyCheckError: parity, length or check value. KeyBlockError: not a field.
        """
        opened = self._open(zmk, UNWRAP)
        algorithm = DES_BY_LENGTH[len(parse_field(field)[1])]
        require_wraps(opened.algorithm, algorithm)
        clear = require_odd_parity(decrypt_under_zmk(zone_master_key(opened), field))
        if kcv is not None:
            require_check_value(clear, key_type, algorithm, kcv)
        return self._wrap_variant(clear, key_type, scheme)

    def export_zone_key(self, zmk: KeyReference, key: KeyReference, *, scheme: str = "") -> str:
        """A key under a zone master key, as a field that begins with its scheme letter.

        Raises: KeyUsageError: `zmk` is none or weaker than the key, or the key may not be exported.
        """
        key = self._require_exportable(key)
        opened = self._open(zmk, WRAP)
        self._permit(Activity.KEY_EXPORT)
        algorithm, clear = self._unwrap(key)
        require_wraps(opened.algorithm, algorithm)
        return encrypt_under_zmk(zone_master_key(opened), clear, scheme)

    def rewrap_as_variant_key(self, key: KeyReference, key_type: str, *, scheme: str = "") -> VariantKey:
        """The same key under the variant LMK: a key block, or a field to get another scheme.

        Raises: KeyUsageError: the type is not for the key's usage, or the key's header forbids that it leaves.
        """
        key = self._require_exportable(key)
        usages = key.type.usages if isinstance(key, VariantKey) else (key.usage,)
        if set(usages).isdisjoint(type_of(key_type).usages):
            raise KeyUsageError(f"key type: a {' or '.join(usages)} key does not become one of type {key_type}")
        _, clear = self._unwrap(key)
        return self._wrap_variant(clear, key_type, scheme)

    def rewrap_as_key_block(
        self,
        key: VariantKey,
        *,
        usage: KeyUsage | None = None,
        mode: ModeOfUse | None = None,
        exportability: Exportability = Exportability.EXPORTABLE,
    ) -> KeyBlock:
        """The same key in a key block.

        Args:
            usage: one of its type's; the first of them when left out.
        Raises: KeyUsageError: another usage. KeyBlockError: a mode that does not go with it.
        """
        usages = key.type.usages
        if not usages or (usage is not None and usage not in usages):
            raise KeyUsageError(f"key type: a key of type {key.key_type} does not become a {usage or 'key block'} key")
        algorithm, clear = self._unwrap(key)
        return self._wrap(clear, usage or usages[0], algorithm, mode, exportability)

    def _wrap_variant(self, clear: bytes, key_type: str, scheme: str) -> VariantKey:
        algorithm = DES_BY_LENGTH.get(len(clear))
        if algorithm is None or algorithm not in type_of(key_type).algorithms:
            raise KeyUsageError(f"key type: one of type {key_type} is not a key of {len(clear)} bytes")
        require_no_zero_half(algorithm, clear)
        require_odd_parity(clear)
        return VariantKey(self._variants().encrypt_key(clear, key_type, scheme), key_type)


def zone_master_key(opened: OpenKey) -> bytes:
    """The clear key, 16 or 24 bytes; a single-length one stands for a double-length one of equal halves."""
    if not opened.algorithm.is_des:
        raise KeyUsageError(f"key encryption: a {opened.algorithm} key is no zone master key")
    return opened.clear * 2 if opened.algorithm is Algorithm.DES else opened.clear
