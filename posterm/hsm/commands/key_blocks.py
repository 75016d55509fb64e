"""Keys to and from others in key blocks under a key block protection key: TR-31, X9.143.

A key keeps what its header says of it: usage, mode of use, exportability. What this HSM does not know it does not take
in. The protection key is never weaker than the key it carries.

Source: ANSI X9.143-2021, 5 to 7; ANSI X9.24-3:2017, 6.5.4 (a new initial key under a DUKPT update key).
Left out: key version numbers and optional blocks of imported keys, which are read and not kept.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

from posterm.hsm import key_block, tr31
from posterm.hsm.commands.keys import KeyCommands
from posterm.hsm.dukpt_key import DukptBase
from posterm.hsm.errors import KeyBlockError, KeyUsageError
from posterm.hsm.guard import Activity
from posterm.hsm.key_block import KeyBlock
from posterm.hsm.keys import (
    AES_FAMILY,
    STRENGTH_BITS,
    Algorithm,
    Exportability,
    KeyUsage,
    ModeOfUse,
    algorithm_of,
)
from posterm.hsm.needs import DERIVE_DUKPT, DERIVE_INITIAL_KEY, UNWRAP_BLOCK, WRAP_BLOCK
from posterm.hsm.tr31 import OptionalBlock, Tr31Header
from posterm.hsm.variant_key import KeyReference, VariantKey

_Field = TypeVar("_Field", KeyUsage, ModeOfUse, Exportability)


class KeyBlockCommands(KeyCommands):
    """Keys in standard key blocks, and the keys of DUKPT devices."""

    __slots__ = ()

    def import_key_block(self, kbpk: KeyReference, block: str) -> KeyBlock:
        """Take a key in that comes in a standard key block.

        Args:
            kbpk: a key block protection key, of the algorithm and length the block's version needs.
        Raises: KeyBlockError: malformed, altered, of another protection key, or with a usage, mode or algorithm that is
            not known here. KeyUsageError: `kbpk` is none, or weaker than the key. KeyCheckError: the key's length.
        """
        opened = self._open(kbpk, UNWRAP_BLOCK)
        header, clear = tr31.unwrap(opened.clear, block)
        usage, mode = _known(KeyUsage, header.usage, "usage"), _known(ModeOfUse, header.mode, "mode of use")
        exportability = _known(Exportability, header.exportability, "exportability")
        if header.algorithm == key_block.HMAC_LETTER:
            return self._wrap_hmac(clear, usage, mode, exportability)
        algorithm = algorithm_of(header.algorithm, len(clear))
        if algorithm is None:
            raise KeyBlockError(f"key block: no algorithm {header.algorithm} has a key of the length sealed in it")
        _require_protects(opened.algorithm, algorithm)
        return self._wrap(clear, usage, algorithm, mode, exportability)

    def export_key_block(
        self,
        kbpk: KeyReference,
        key: KeyReference,
        *,
        version: str = "",
        usage: KeyUsage | None = None,
        exportability: Exportability | None = None,
        key_version: str = "00",
        optional: Sequence[OptionalBlock] = (),
    ) -> str:
        """A key in a standard key block.

        Args:
            version: A to E; B under a TDES key and D under an AES key when left out.
            usage: for a key under the variant LMK: one of its type's, the first when left out.
            exportability: what the other side may do; as here when left out.
        Raises: KeyUsageError: `kbpk` is none or weaker than the key, or the key may not be exported. KeyBlockError: a
            header that cannot be. NotAuthorizedError: key export is not permitted now.
        """
        key = self._require_exportable(key)
        opened = self._open(kbpk, WRAP_BLOCK)
        letter, mode, own_exportability, clear = self._described(key, usage)
        algorithm = algorithm_of(letter, len(clear))
        if algorithm is not None:
            _require_protects(opened.algorithm, algorithm)
        header = Tr31Header(
            version=version or ("D" if opened.algorithm in AES_FAMILY else "B"),
            usage=_usage_of(key, usage),
            algorithm=letter,
            mode=mode,
            key_version=key_version,
            exportability=exportability or own_exportability,
            optional=tuple(optional),
        )
        self._permit(Activity.KEY_EXPORT)
        return tr31.wrap(opened.clear, header, clear, self._entropy)

    # --- DUKPT --------------------------------------------------------------------------------------------------------

    def derive_initial_key(
        self, bdk: KeyReference, ksn: bytes, *, exportability: Exportability = Exportability.EXPORTABLE
    ) -> KeyBlock:
        """The initial key of the device of a key serial number: what is injected into it.

        Args:
            ksn: 10 bytes for TDES, 12 for AES; the counter in it does not count.
        Raises: KeyUsageError: no base derivation key. DukptError: the length of the key serial number.
        """
        opened = self._open(bdk, DERIVE_INITIAL_KEY)
        clear = opened.dukpt.initial_key(ksn)
        return self._wrap(clear, KeyUsage.INITIAL_DUKPT, opened.algorithm, None, exportability)

    def export_dukpt_update(self, base: KeyReference, ksn: bytes, new_key: KeyReference) -> str:
        """A new initial key for a device, in a key block (version D) under the device's update key.

        Args:
            base: the device's present base derivation or initial key, AES.
            ksn: one of the device's present key serial numbers, 12 bytes.
            new_key: its new initial key.
        Raises: DukptError: a TDES base key. KeyUsageError: `new_key` is none, is stronger, or may not be exported.
        """
        new_key = self._require_exportable(new_key)
        if isinstance(new_key, VariantKey) or new_key.usage is not KeyUsage.INITIAL_DUKPT:
            raise KeyUsageError(f"key usage: need a {KeyUsage.INITIAL_DUKPT} key in a key block, found another")
        base = self._reference(base)
        present: DukptBase = self._dukpt_base(base, self._open(base, DERIVE_DUKPT))
        kbpk_algorithm, kbpk = present.update_key(ksn, None)
        algorithm, clear = self._unwrap(new_key)
        _require_protects(kbpk_algorithm, algorithm)
        header = Tr31Header("D", KeyUsage.INITIAL_DUKPT, algorithm.letter, ModeOfUse.DERIVE_ONLY, exportability="N")
        self._permit(Activity.KEY_EXPORT)
        return tr31.wrap(kbpk, header, clear, self._entropy)

    # --- HMAC ---------------------------------------------------------------------------------------------------------

    def _wrap_hmac(self, clear: bytes, usage: KeyUsage, mode: ModeOfUse, exportability: Exportability) -> KeyBlock:
        if usage is not KeyUsage.HMAC:
            raise KeyBlockError(f"key block: an HMAC key is for usage {KeyUsage.HMAC}, this is for {usage}")
        return key_block.wrap_hmac(self._lmk, clear, self._entropy, mode, exportability)

    def _described(self, key: KeyReference, usage: KeyUsage | None) -> tuple[str, ModeOfUse, Exportability, bytes]:
        """Algorithm letter, mode, exportability and clear key."""
        if isinstance(key, VariantKey):
            algorithm, clear = self._unwrap(key)
            mode = key_block.require_mode(_usage_of(key, usage), None)
            return algorithm.letter, mode, Exportability.EXPORTABLE, clear
        return key.letter, key.mode, key.exportability, key_block.open_block(self._lmk, key)


def _usage_of(key: KeyReference, usage: KeyUsage | None) -> KeyUsage:
    """Raises: KeyUsageError: a usage that is not the key's own."""
    own = key.type.usages if isinstance(key, VariantKey) else (key.usage,)
    if not own or (usage is not None and usage not in own):
        raise KeyUsageError(f"key export: the key is not for usage {usage or 'of any key block'}")
    return usage or own[0]


def _require_protects(kbpk: Algorithm, key: Algorithm) -> None:
    if STRENGTH_BITS[kbpk] < STRENGTH_BITS[key]:
        raise KeyUsageError(f"key block: a {kbpk} key does not protect a {key} key, which is stronger")


def _known(kind: type[_Field], code: str, what: str) -> _Field:
    try:
        return kind(code)
    except ValueError:
        raise KeyBlockError(f"key block: {what} {code} is not known here") from None
