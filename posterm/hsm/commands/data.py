"""Data enciphered: whole blocks in ECB or CBC, and tracks in place.

Source: NIST SP 800-38A (modes); Q/CUP 009 (track data); Thales payShield (M0, M2).
Left out: padding, which the caller knows; `posterm.hsm.mac` has the usual ones.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Final

from posterm.hsm import track
from posterm.hsm.dukpt_key import WorkingKey
from posterm.hsm.errors import DataError
from posterm.hsm.needs import DECRYPT_DATA, DECRYPT_TRACK, ENCRYPT_DATA, ENCRYPT_TRACK
from posterm.hsm.primitives import cbc_decrypt, cbc_encrypt
from posterm.hsm.vault import KeyVault, OpenKey

LONGEST_DATA: Final = 65_536
"""Bytes enciphered at once."""


class CipherMode(StrEnum):
    """How blocks are enciphered one after the other."""

    ECB = "ecb"
    CBC = "cbc"


class DataCommands(KeyVault):
    """Encipherment of data."""

    __slots__ = ()

    def encrypt_data(self, key: WorkingKey, mode: CipherMode, data: bytes, iv: bytes = b"") -> bytes:
        """Whole blocks enciphered.

        Args:
            key: a data key, or that of a DUKPT transaction.
            data: 1 block to 65,536 bytes.
            iv: a block for CBC, zeros when left out; nothing for ECB.
        Raises: KeyUsageError: no data key that may encipher. DataError: no whole blocks, too many, or another IV.
        """
        opened = self._open(key, ENCRYPT_DATA)
        iv = _checked(opened, mode, data, iv)
        if mode is CipherMode.ECB:
            return opened.cipher.encrypt(data)
        return cbc_encrypt(opened.algorithm, opened.clear, iv, data)

    def decrypt_data(self, key: WorkingKey, mode: CipherMode, data: bytes, iv: bytes = b"") -> bytes:
        """The reverse of `encrypt_data`."""
        opened = self._open(key, DECRYPT_DATA)
        iv = _checked(opened, mode, data, iv)
        if mode is CipherMode.ECB:
            return opened.cipher.decrypt(data)
        return cbc_decrypt(opened.algorithm, opened.clear, iv, data)

    # --- track --------------------------------------------------------------------------------------------------------

    def encrypt_track(self, tdk: WorkingKey, nibbles: str) -> str:
        """Encipher a track in place, as `posterm.hsm.track` describes.

        Args:
            nibbles: 17 to 107 of 0-9, A-F and `=`.
        Returns: as many nibbles in upper case, separators as D.
        Raises: KeyUsageError: no data key, or one of a cipher with 16-byte blocks. TrackError: no such track.
        """
        opened = self._open(tdk, ENCRYPT_TRACK)
        return track.in_place(nibbles, opened.cipher.encrypt)

    def decrypt_track(self, tdk: WorkingKey, nibbles: str) -> str:
        """The reverse of `encrypt_track`; separators come out as D."""
        opened = self._open(tdk, DECRYPT_TRACK)
        return track.in_place(nibbles, opened.cipher.decrypt)


def _checked(opened: OpenKey, mode: CipherMode, data: bytes, iv: bytes) -> bytes:
    """The IV to use. Raises: DataError: data or IV do not go with cipher and mode."""
    size = opened.algorithm.block_bytes
    if not data or len(data) % size or len(data) > LONGEST_DATA:
        raise DataError(f"data: need whole blocks of {size} bytes, at most {LONGEST_DATA}, found {len(data)}")
    if mode is CipherMode.ECB:
        if iv:
            raise DataError("data: ECB takes no IV")
        return iv
    if len(iv) not in (0, size):
        raise DataError(f"data: an IV is {size} bytes here, this has {len(iv)}")
    return iv or bytes(size)
