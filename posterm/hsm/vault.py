"""The key vault: keys go in and out by their blocks, and are opened here and nowhere else.

A command opens its keys by `_open`: usage, mode of use and algorithm are read from the block's header and refused
there, before any cryptography; then the block is unsealed, once, and the cipher contexts are kept for the next call.

Source: ANSI X9.143-2021 (key attributes), Thales payShield (key block LMK).
Left out: authorized states, which need a store.
"""

from __future__ import annotations

import hmac
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from posterm.hsm import key_block
from posterm.hsm.at_rest import AtRestKey
from posterm.hsm.errors import HsmError, KeyCheckError, KeyUsageError
from posterm.hsm.key_block import KeyBlock
from posterm.hsm.keys import AES_FAMILY, PERMITS, STRENGTH_BITS, Algorithm, Exportability, KeyUsage, ModeOfUse
from posterm.hsm.lmk import Lmk
from posterm.hsm.mac import MacKey
from posterm.hsm.needs import UNWRAP, WRAP, Need
from posterm.hsm.primitives import BlockCipher, check_value, require_key_length

KEPT_KEYS: Final = 16_384
"""Opened keys kept at most: three for each of five thousand terminals."""

_LONGEST_CHECK_VALUE: Final = 16


@dataclass(frozen=True, slots=True)
class ExportedKey:
    """A key under a key encryption key, as it goes to the other side."""

    cryptogram: bytes
    """As long as the key; ECB."""
    kcv: bytes
    """4 bytes."""


class OpenKey:
    """An unsealed key: its kept contexts, without the key itself, and the needs it was found to meet."""

    __slots__ = ("algorithm", "at_rest", "cipher", "mac", "passed")

    def __init__(self, algorithm: Algorithm, clear: bytes) -> None:
        self.algorithm = algorithm
        self.at_rest = AtRestKey(clear) if algorithm in AES_FAMILY else None
        self.mac = MacKey(algorithm, clear)
        self.cipher: BlockCipher = self.mac.cipher
        self.passed: set[Need] = set()

    def __repr__(self) -> str:
        return f"<OpenKey {self.algorithm}>"


class KeyVault:
    """Keys under one local master key, each opened once and kept.

    Args:
        lmk: seals the key blocks.
        entropy: called with a number of bytes, gives that many. Operating system randomness, or seeded in simulations.
        kept_keys: how many opened keys are kept at most; the one opened first goes first.
    """

    __slots__ = ("_entropy", "_kept", "_kept_keys", "_lmk")

    def __init__(self, lmk: Lmk, entropy: Callable[[int], bytes], *, kept_keys: int = KEPT_KEYS) -> None:
        if kept_keys < 1:
            raise HsmError(f"at least one opened key must be kept, this says {kept_keys}")
        self._lmk = lmk
        self._entropy = entropy
        self._kept: dict[KeyBlock, OpenKey] = {}
        self._kept_keys = kept_keys

    @property
    def uses_test_lmk(self) -> bool:
        """True under the published test LMK, under which nothing real may be kept."""
        return self._lmk.is_test

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self._lmk!r}, {len(self._kept)} keys kept>"

    # --- keys ---------------------------------------------------------------------------------------------------------

    def generate_key(
        self,
        usage: KeyUsage,
        algorithm: Algorithm,
        *,
        mode: ModeOfUse | None = None,
        exportability: Exportability = Exportability.EXPORTABLE,
    ) -> KeyBlock:
        """A new random key. DES and TDES keys get odd parity."""
        clear = key_block.drawn(self._entropy, algorithm.key_bytes)
        if algorithm.is_des:
            clear = bytes([_ODD_PARITY[byte] for byte in clear])
        return self._wrap(clear, usage, algorithm, mode, exportability)

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
        """
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
        if not 2 <= len(components) <= 9:
            raise KeyCheckError(f"key components: need 2 to 9, found {len(components)}")
        combined = 0
        for place, component in enumerate(components, 1):
            if len(component) != algorithm.key_bytes:
                raise KeyCheckError(
                    f"key component {place}: a {algorithm} component is {algorithm.key_bytes} bytes,"
                    f" this has {len(component)}"
                )
            combined ^= int.from_bytes(component, "big")
        if not combined:
            raise KeyCheckError("key components: they cancel out and leave a key of zeros")
        clear = combined.to_bytes(algorithm.key_bytes, "big")
        if kcv is not None:
            _require_check_value(clear, usage, algorithm, kcv)
        return self._wrap(clear, usage, algorithm, mode, exportability)

    def import_key(
        self,
        kek: KeyBlock,
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
        _require_wraps(opened.algorithm, algorithm)
        require_key_length(algorithm, cryptogram)
        _require_no_zero_half(algorithm, cryptogram)
        clear = opened.cipher.decrypt(cryptogram)
        if kcv is not None:
            _require_check_value(clear, usage, algorithm, kcv)
        return self._wrap(clear, usage, algorithm, mode, exportability)

    def export_key(self, kek: KeyBlock, key: KeyBlock) -> ExportedKey:
        """A key under a key encryption key, in ECB, with its check value.

        Raises: KeyUsageError: `kek` is none or weaker than the key, or the key may not be exported.
        """
        key = KeyBlock(key)
        if key.exportability is Exportability.NON_EXPORTABLE:
            raise KeyUsageError(f"key export: the header of this {key.usage} key forbids it")
        opened = self._open(kek, WRAP)
        algorithm, clear = key_block.unwrap(self._lmk, key)
        _require_wraps(opened.algorithm, algorithm)
        return ExportedKey(opened.cipher.encrypt(clear), check_value(algorithm, clear, 4))

    def key_check_value(self, key: KeyBlock, length: int = 4) -> bytes:
        """The leftmost bytes of the key's check value: 1 to its cipher's block length. Any key has one."""
        algorithm, clear = key_block.unwrap(self._lmk, KeyBlock(key))
        return check_value(algorithm, clear, length)

    # --- opening ------------------------------------------------------------------------------------------------------

    def _open(self, block: KeyBlock, need: Need) -> OpenKey:
        opened = self._kept.get(block)
        if opened is None or need not in opened.passed:
            opened = self._admit(block, need)
        return opened

    def _admit(self, block: KeyBlock, need: Need) -> OpenKey:
        """Hold a key against what a command needs: its header before it is unsealed, its length after."""
        block = KeyBlock(block)
        usage, mode = block.usage, block.mode
        if usage is not need.usage or need.operation not in PERMITS[mode]:
            raise KeyUsageError(
                f"key usage: need a {need.usage} key that may {need.operation}, found a {usage} key that may"
                f" {' and '.join(sorted(PERMITS[mode]))}"
            )
        if all(block.letter != algorithm.letter for algorithm in need.algorithms):
            raise _wrong_algorithm(need, block.letter)
        opened = self._kept.get(block) or self._unseal(block)
        if opened.algorithm not in need.algorithms:
            raise _wrong_algorithm(need, opened.algorithm)
        opened.passed.add(need)
        return opened

    def _unseal(self, block: KeyBlock) -> OpenKey:
        opened = OpenKey(*key_block.unwrap(self._lmk, block))
        if len(self._kept) >= self._kept_keys:
            del self._kept[next(iter(self._kept))]
        self._kept[block] = opened
        return opened

    def _wrap(
        self,
        clear: bytes,
        usage: KeyUsage,
        algorithm: Algorithm,
        mode: ModeOfUse | None,
        exportability: Exportability,
    ) -> KeyBlock:
        require_key_length(algorithm, clear)
        _require_no_zero_half(algorithm, clear)
        return key_block.wrap(self._lmk, clear, usage, algorithm, self._entropy, mode, exportability)


def _require_wraps(kek: Algorithm, key: Algorithm) -> None:
    """A key goes under a key encryption key of its own family that is no weaker than itself."""
    same_family = kek.letter == key.letter or (kek.is_des and key.is_des)
    if not same_family or STRENGTH_BITS[kek] < STRENGTH_BITS[key]:
        raise KeyUsageError(f"key encryption: a {kek} key does not wrap a {key} key")
    if key.key_bytes % kek.block_bytes:
        raise KeyUsageError(f"key encryption: a {key} key is no whole blocks of {kek}, and goes in a key block alone")


def _require_no_zero_half(algorithm: Algorithm, key: bytes) -> None:
    if algorithm is Algorithm.TDES_DOUBLE and not any(key[8:]):
        raise KeyCheckError(
            "key: the second half of a double-length key is zero",
            hint="the slot holds a single-length key: import its first 8 bytes as des",
        )


def _require_check_value(clear: bytes, usage: KeyUsage, algorithm: Algorithm, kcv: bytes) -> None:
    longest = min(_LONGEST_CHECK_VALUE, algorithm.block_bytes)
    if not 2 <= len(kcv) <= longest:
        raise KeyCheckError(f"key check value: need 2 to {longest} bytes for a {algorithm} key, this has {len(kcv)}")
    if not hmac.compare_digest(check_value(algorithm, clear, len(kcv)), kcv):
        raise KeyCheckError(
            f"key check value: it does not match the {usage} key that came with it, taken as {algorithm}",
            hint="the two sides may hold different key encryption keys, or the key's place or length was misread",
        )


def _wrong_algorithm(need: Need, found: str) -> KeyUsageError:
    allowed = ", ".join(sorted(need.algorithms))
    return KeyUsageError(f"key algorithm: need a {need.usage} key of {allowed}, found {found}")


_ODD_PARITY: Final = bytes(byte & 0xFE | (byte.bit_count() - (byte & 1) + 1) % 2 for byte in range(256))
