"""Data enciphered: tracks in place.

Source: Q/CUP 009 (track data).
"""

from __future__ import annotations

from posterm.hsm import track
from posterm.hsm.needs import DECRYPT_TRACK, ENCRYPT_TRACK
from posterm.hsm.variant_key import KeyReference
from posterm.hsm.vault import KeyVault


class DataCommands(KeyVault):
    """Encipherment of data."""

    __slots__ = ()

    def encrypt_track(self, tdk: KeyReference, nibbles: str) -> str:
        """Encipher a track in place, as `posterm.hsm.track` describes.

        Args:
            nibbles: 17 to 107 of 0-9, A-F and `=`.
        Returns: as many nibbles in upper case, separators as D.
        Raises: KeyUsageError: no data key, or one of a cipher with 16-byte blocks. TrackError: no such track.
        """
        opened = self._open(tdk, ENCRYPT_TRACK)
        return track.in_place(nibbles, opened.cipher.encrypt)

    def decrypt_track(self, tdk: KeyReference, nibbles: str) -> str:
        """The reverse of `encrypt_track`; separators come out as D."""
        opened = self._open(tdk, DECRYPT_TRACK)
        return track.in_place(nibbles, opened.cipher.decrypt)
