"""The key vault: keys are opened here and nowhere else.

A command opens its keys by `_open`: usage, mode of use and algorithm are read from the block's header, or from the key
type of a key under a variant LMK, and refused there, before any cryptography; then the key is unsealed, once, and its
cipher contexts are kept for the next call.

Source: ANSI X9.143-2021 (key attributes), Thales payShield (key block LMK, variant LMK).
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from functools import partial
from typing import Any, Final, Self

from posterm.hsm import key_block
from posterm.hsm.at_rest import AtRestKey
from posterm.hsm.dukpt_key import DukptBase, DukptKey, WorkingKey
from posterm.hsm.emv_keys import IssuerKey
from posterm.hsm.errors import HsmError, KeyBlockError, KeyCheckError, KeyUsageError
from posterm.hsm.guard import Activity, Attempt, Guard, Verification
from posterm.hsm.key_block import KeyBlock
from posterm.hsm.keys import DES_FAMILY, PERMITS, Algorithm, Exportability, KeyUsage, ModeOfUse
from posterm.hsm.lmk import Lmk
from posterm.hsm.mac import MacKey
from posterm.hsm.needs import DERIVE_DUKPT, Need
from posterm.hsm.pin_block import PinFormat
from posterm.hsm.primitives import BlockCipher, require_key_length
from posterm.hsm.variant_key import KeyReference, VariantKey
from posterm.hsm.variant_lmk import VariantLmk
from posterm.sensitive import Pan

KEPT_KEYS: Final = 16_384
"""Opened keys kept at most: three for each of five thousand terminals."""


PlainWay = tuple[Callable[[bytes], bytes], Callable[[bytes], bytes], int, Callable[[bytes, Pan | None], int]]
"""Between two PIN keys, for a translation that leaves the clear block as it is: decrypt, encrypt, bytes of a block, and
what finds the PIN's number of digits in a sound one."""


class OpenKey:
    """An unsealed key with its kept contexts, and the needs it was found to meet.

    The contexts are made when they are first asked for (`__getattr__`), and cost nothing to reach from then on.
    """

    __slots__ = ("algorithm", "at_rest", "cipher", "clear", "dukpt", "dukpt_device", "issuer", "mac", "passed")

    clear: bytes
    """The key itself, for what else is derived from it in this package."""
    cipher: BlockCipher
    mac: MacKey
    at_rest: AtRestKey
    dukpt: DukptBase
    """As a base derivation key."""
    dukpt_device: DukptBase
    """As the initial key of one device."""
    issuer: IssuerKey

    def __init__(self, algorithm: Algorithm, clear: bytes) -> None:
        self.algorithm = algorithm
        self.clear = clear
        self.passed: set[Need] = set()

    def __getattr__(self, name: str) -> Any:
        make = _CONTEXTS.get(name)
        if make is None:
            raise AttributeError(name)
        made = make(self.algorithm, self.clear)
        setattr(self, name, made)
        return made

    def __repr__(self) -> str:
        return f"<OpenKey {self.algorithm}>"

    def __reduce__(self) -> tuple[object, ...]:
        raise TypeError("OpenKey is not pickled: it would travel in the clear")


_CONTEXTS: Final[dict[str, Callable[[Algorithm, bytes], object]]] = {
    "cipher": BlockCipher,
    "mac": MacKey,
    "at_rest": lambda _, clear: AtRestKey(clear),
    "issuer": IssuerKey,
    "dukpt": partial(DukptBase, is_initial=False),
    "dukpt_device": partial(DukptBase, is_initial=True),
}


class _Uncounted:
    """The context of a verification without a guard."""

    __slots__ = ()

    def __enter__(self) -> None:
        pass

    def __exit__(self, *_: object) -> None:
        pass


_UNCOUNTED: Final = _Uncounted()


class KeyVault:
    """Keys under one local master key of each kind, each opened once and kept.

    Args:
        lmk: seals the key blocks.
        entropy: called with a number of bytes, gives that many. Operating system randomness, or seeded in simulations.
        variant_lmk: enciphers the keys that have no header; without one they are refused.
        kept_keys: how many opened keys are kept at most; the one opened first goes first.
        guard: what is permitted, and how often one may be wrong. Without one everything is that the keys permit.
    Raises: PublishedLmkError: a test LMK, where the guard is in production.
    """

    __slots__ = (
        "_allow_weaker_kek",
        "_connection",
        "_entropy",
        "_former_variant_lmk",
        "_guard",
        "_kept",
        "_kept_keys",
        "_lmk",
        "_plain",
        "_variant_lmk",
    )

    _allow_weaker_kek: bool
    _former_variant_lmk: VariantLmk | None

    def __init__(
        self,
        lmk: Lmk,
        entropy: Callable[[int], bytes],
        *,
        variant_lmk: VariantLmk | None = None,
        kept_keys: int = KEPT_KEYS,
        guard: Guard | None = None,
    ) -> None:
        if kept_keys < 1:
            raise HsmError(f"at least one opened key must be kept, this says {kept_keys}")
        self._lmk = lmk
        self._variant_lmk = variant_lmk
        self._entropy = entropy
        self._kept: dict[WorkingKey, OpenKey] = {}
        self._kept_keys = kept_keys
        self._plain: dict[tuple[WorkingKey, PinFormat, WorkingKey, PinFormat], PlainWay] = {}
        self._guard = guard
        self._connection = ""
        if guard is not None:
            guard.require_lmk(is_test=self.uses_test_lmk)

    def session(self, connection: str) -> Self:
        """The same HSM as one connection has it, whose failures are counted together.

        Args:
            connection: its name, such as the address of the peer; no secret.
        """
        view = copy.copy(self)
        view._connection = connection  # noqa: SLF001  a copy of this one
        return view

    @property
    def uses_test_lmk(self) -> bool:
        """True under a published test LMK, under which nothing real may be kept."""
        return self._lmk.is_test or (self._variant_lmk is not None and self._variant_lmk.is_test)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self._lmk!r}, {len(self._kept)} keys kept>"

    def _permit(self, activity: Activity) -> None:
        """Raises: NotAuthorizedError: there is a guard, and it does not permit this now."""
        if self._guard is not None:
            self._guard.require(activity, self._connection)

    def _counting(self, verification: Verification, key: WorkingKey, pan: Pan | None = None) -> Attempt | _Uncounted:
        """A context for one verification under `key`, in which a failure is counted when there is a guard."""
        guard = self._guard
        if guard is None:
            return _UNCOUNTED
        return guard.counting(verification, key.base if isinstance(key, DukptKey) else key, pan, self._connection)

    def _open(self, key: WorkingKey, need: Need) -> OpenKey:
        opened = self._kept.get(key)
        if opened is None or need not in opened.passed:
            opened = self._admit(key, need)
        return opened

    def _admit(self, key: WorkingKey, need: Need) -> OpenKey:
        """Hold a key against what a command needs: its header or type before it is unsealed, its length after."""
        if isinstance(key, DukptKey):
            return self._derive_working_key(key, need)
        key = self._reference(key)
        if isinstance(key, VariantKey):
            self._require_type(key, need)
        else:
            self._require_header(key, need)
        opened = self._kept.get(key) or self._unseal(key)
        if opened.algorithm not in need.algorithms:
            raise _wrong_algorithm(need, opened.algorithm)
        opened.passed.add(need)
        return opened

    def _derive_working_key(self, key: DukptKey, need: Need) -> OpenKey:
        """The transaction's key for what the command does. It is used once, and not kept."""
        usage = next((usage for usage in DUKPT_USAGES if usage in need.usages), None)
        if usage is None:
            raise KeyUsageError(f"key usage: need a {need} key, DUKPT gives keys for PINs, MACs and data alone")
        base = self._open(key.base, DERIVE_DUKPT)
        algorithm, clear = self._dukpt_base(key.base, base).working_key(key, usage)
        if algorithm not in need.algorithms:
            raise _wrong_algorithm(need, algorithm)
        return OpenKey(algorithm, clear)

    @staticmethod
    def _dukpt_base(key: KeyReference, opened: OpenKey) -> DukptBase:
        if isinstance(key, VariantKey):
            is_initial = KeyUsage.INITIAL_DUKPT in key.type.usages
        else:
            is_initial = KeyBlock(key).usage is KeyUsage.INITIAL_DUKPT
        return opened.dukpt_device if is_initial else opened.dukpt

    def _require_header(self, key: KeyBlock, need: Need) -> None:
        usage, mode = key.usage, key.mode
        if usage not in need.usages or need.operation not in PERMITS[mode]:
            raise KeyUsageError(
                f"key usage: need a {need} key that may {need.operation}, found a {usage} key that may"
                f" {' and '.join(sorted(PERMITS[mode]))}"
            )
        if all(key.letter != algorithm.letter for algorithm in need.algorithms):
            raise _wrong_algorithm(need, key.letter)

    def _require_type(self, key: VariantKey, need: Need) -> None:
        if need.usages.isdisjoint(key.type.usages):
            raise KeyUsageError(f"key type: need a {need} key, found one of type {key.key_type}, {key.type.name}")
        if need.algorithms.isdisjoint(DES_FAMILY):
            raise _wrong_algorithm(need, "a key under the variant LMK, which has DES keys alone")

    def _unseal(self, key: KeyReference) -> OpenKey:
        opened = OpenKey(*self._unwrap(key))
        if len(self._kept) >= self._kept_keys:
            del self._kept[next(iter(self._kept))]
            self._plain.clear()
        self._kept[key] = opened
        return opened

    def _unwrap(self, key: KeyReference) -> tuple[Algorithm, bytes]:
        """The algorithm and the clear key. Raises: KeyBlockError, KeyCheckError: not a key of this vault."""
        if isinstance(key, VariantKey):
            clear = self._variants().decrypt_key(str(key), key.key_type)
            return DES_BY_LENGTH[len(clear)], clear
        return key_block.unwrap(self._lmk, key)

    def _variants(self) -> VariantLmk:
        if self._variant_lmk is None:
            raise KeyBlockError("key field: there is no variant LMK here, keys go by their key blocks")
        return self._variant_lmk

    def _wrap(
        self,
        clear: bytes,
        usage: KeyUsage,
        algorithm: Algorithm,
        mode: ModeOfUse | None,
        exportability: Exportability,
    ) -> KeyBlock:
        require_key_length(algorithm, clear)
        require_no_zero_half(algorithm, clear)
        return key_block.wrap(self._lmk, clear, usage, algorithm, self._entropy, mode, exportability)

    @staticmethod
    def _reference(key: KeyReference) -> KeyReference:
        return key if isinstance(key, VariantKey) else KeyBlock(key)


def require_no_zero_half(algorithm: Algorithm, key: bytes) -> None:
    if algorithm is Algorithm.TDES_DOUBLE and not any(key[8:]):
        raise KeyCheckError(
            "key: the second half of a double-length key is zero",
            hint="the slot holds a single-length key: import its first 8 bytes as des",
        )


def _wrong_algorithm(need: Need, found: str) -> KeyUsageError:
    allowed = ", ".join(sorted(need.algorithms))
    return KeyUsageError(f"key algorithm: need a {need} key of {allowed}, found {found}")


DUKPT_USAGES: Final = (KeyUsage.PIN_ENCRYPTION, KeyUsage.MAC, KeyUsage.DATA_ENCRYPTION)
DES_BY_LENGTH: Final = {8: Algorithm.DES, 16: Algorithm.TDES_DOUBLE, 24: Algorithm.TDES_TRIPLE}
