"""Keys under the key-block LMK: made, taken in, put together from components, sent out under a key encryption key.

Source: Q/CUP 009 (working keys under the TMK), Thales payShield (A0, A4, A6, A8, BU).
Left out: keys under a variant LMK, which `variant_keys` has, and key blocks for others, which `key_blocks` has.
"""

from __future__ import annotations

import hmac
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from posterm.hsm.errors import KeyCheckError, KeyUsageError
from posterm.hsm.guard import Activity
from posterm.hsm.key_block import KeyBlock, drawn
from posterm.hsm.keys import STRENGTH_BITS, Algorithm, Exportability, KeyUsage, ModeOfUse
from posterm.hsm.needs import UNWRAP, WRAP
from posterm.hsm.primitives import ODD_PARITY, check_value, require_key_length
from posterm.hsm.variant_key import KeyReference, VariantKey
from posterm.hsm.vault import KeyVault, require_no_zero_half

_LONGEST_CHECK_VALUE: Final = 16


@dataclass(frozen=True, slots=True)
class ExportedKey:
    """A key under a key encryption key, as it goes to the other side."""

    cryptogram: bytes
    """As long as the key; ECB."""
    kcv: bytes
    """4 bytes."""


class KeyCommands(KeyVault):
    """Keys in, keys out, check values."""

    __slots__ = ()

    def generate_key(
        self,
        usage: KeyUsage,
        algorithm: Algorithm,
        *,
        mode: ModeOfUse | None = None,
        exportability: Exportability = Exportability.EXPORTABLE,
    ) -> KeyBlock:
        """A new random key. DES and TDES keys get odd parity."""
        return self._wrap(self._random_key(algorithm), usage, algorithm, mode, exportability)

    def load_clear_key(
        self,
        key: bytes,
        usage: KeyUsage,
        algorithm: Algorithm,
        *,
        mode: ModeOfUse | None = None,
        exportability: Exportability = Exportability.EXPORTABLE,
    ) -> KeyBlock:
        """Take a clear key in. For tests and published samples: a real key is never whole in one place in the clear.

        Args:
            key: as many bytes as the algorithm asks for; parity is not looked at.
        Raises: KeyCheckError: another length, or a double-length key of which the second half is zero.
            NotAuthorizedError: clear keys are not permitted now.
        """
        self._permit(Activity.CLEAR_KEYS)
        return self._wrap(key, usage, algorithm, mode, exportability)

    def combine_components(
        self,
        components: Sequence[bytes],
        usage: KeyUsage,
        algorithm: Algorithm,
        kcv: bytes | None = None,
        *,
        mode: ModeOfUse | None = None,
        exportability: Exportability = Exportability.EXPORTABLE,
    ) -> KeyBlock:
        """The key that 2 to 9 components give, by exclusive or.

        Args:
            components: each as long as the key.
            kcv: 2 to 16 bytes of the expected check value, when there is one to compare with.
        Raises: KeyCheckError: number or length of the components, components that cancel out, or the check value.
        """
        self._permit(Activity.CLEAR_KEYS)
        clear = combined(components, algorithm)
        if kcv is not None:
            require_check_value(clear, usage, algorithm, kcv)
        return self._wrap(clear, usage, algorithm, mode, exportability)

    def import_key(
        self,
        kek: KeyReference,
        cryptogram: bytes,
        usage: KeyUsage,
        algorithm: Algorithm,
        kcv: bytes | None = None,
        *,
        mode: ModeOfUse | None = None,
        exportability: Exportability = Exportability.EXPORTABLE,
    ) -> KeyBlock:
        """Take a key in that comes enciphered under a key encryption key, in ECB.

        Args:
            cryptogram: as long as the key. A double-length slot of which the second half is zero holds a single-length
                key: whoever reads the layout asks for DES with the first half.
            kcv: 2 to 16 bytes of the expected check value; without one nothing tells a wrong key.
        Raises: KeyCheckError: length, zero half, or the check value. KeyUsageError: `kek` is none, or too weak.
        """
        opened = self._open(kek, UNWRAP)
        require_wraps(opened.algorithm, algorithm)
        require_key_length(algorithm, cryptogram)
        require_no_zero_half(algorithm, cryptogram)
        clear = opened.cipher.decrypt(cryptogram)
        if kcv is not None:
            require_check_value(clear, usage, algorithm, kcv)
        return self._wrap(clear, usage, algorithm, mode, exportability)

    def export_key(self, kek: KeyReference, key: KeyReference) -> ExportedKey:
        """A key under a key encryption key, in ECB, with its check value.

        Raises: KeyUsageError: `kek` is none or weaker than the key, or the key may not be exported.
        """
        key = self._require_exportable(key)
        opened = self._open(kek, WRAP)
        self._permit(Activity.KEY_EXPORT)
        algorithm, clear = self._unwrap(key)
        require_wraps(opened.algorithm, algorithm)
        return ExportedKey(opened.cipher.encrypt(clear), check_value(algorithm, clear, 4))

    def key_check_value(self, key: KeyReference, length: int = 4) -> bytes:
        """The leftmost bytes of the key's check value: 1 to its cipher's block length. Any key has one."""
        algorithm, clear = self._unwrap(self._reference(key))
        return check_value(algorithm, clear, length)

    def key_algorithm(self, key: KeyReference) -> Algorithm:
        """The cipher a key is for, and its length: a header tells no length."""
        return self._unwrap(self._reference(key))[0]

    def _random_key(self, algorithm: Algorithm) -> bytes:
        clear = drawn(self._entropy, algorithm.key_bytes)
        return clear.translate(ODD_PARITY) if algorithm.is_des else clear

    def _require_exportable(self, key: KeyReference) -> KeyReference:
        """The key itself; one under a variant LMK has no header to forbid it."""
        key = self._reference(key)
        if not isinstance(key, VariantKey) and key.exportability is Exportability.NON_EXPORTABLE:
            raise KeyUsageError(f"key export: the header of this {key.usage} key forbids it")
        return key


def require_wraps(kek: Algorithm, key: Algorithm) -> None:
    """A key goes under a key encryption key of its own family that is no weaker than itself."""
    same_family = kek.letter == key.letter or (kek.is_des and key.is_des)
    if not same_family or STRENGTH_BITS[kek] < STRENGTH_BITS[key]:
        raise KeyUsageError(f"key encryption: a {kek} key does not wrap a {key} key")
    if key.key_bytes % kek.block_bytes:
        raise KeyUsageError(f"key encryption: a {key} key is no whole blocks of {kek}, and goes in a key block alone")


def require_check_value(clear: bytes, usage: str, algorithm: Algorithm, kcv: bytes) -> None:
    longest = min(_LONGEST_CHECK_VALUE, algorithm.block_bytes)
    if not 2 <= len(kcv) <= longest:
        raise KeyCheckError(f"key check value: need 2 to {longest} bytes for a {algorithm} key, this has {len(kcv)}")
    if not hmac.compare_digest(check_value(algorithm, clear, len(kcv)), kcv):
        raise KeyCheckError(
            f"key check value: it does not match the {usage} key that came with it, taken as {algorithm}",
            hint="the two sides may hold different key encryption keys, or the key's place or length was misread",
        )


def combined(components: Sequence[bytes], algorithm: Algorithm) -> bytes:
    """The clear key that components give. Raises: KeyCheckError: as `combine_components`."""
    if not 2 <= len(components) <= 9:
        raise KeyCheckError(f"key components: need 2 to 9, found {len(components)}")
    number = 0
    for place, component in enumerate(components, 1):
        if len(component) != algorithm.key_bytes:
            raise KeyCheckError(
                f"key component {place}: a {algorithm} component is {algorithm.key_bytes} bytes,"
                f" this has {len(component)}"
            )
        number ^= int.from_bytes(component, "big")
    if not number:
        raise KeyCheckError("key components: they cancel out and leave a key of zeros")
    return number.to_bytes(algorithm.key_bytes, "big")
