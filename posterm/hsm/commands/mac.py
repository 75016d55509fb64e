"""MACs: generated and verified under a MAC key, or under the key of a DUKPT transaction.

Source: as `posterm.hsm.mac` and `posterm.hsm.hash_mac`.
"""

from __future__ import annotations

from posterm.hsm.dukpt_key import WorkingKey
from posterm.hsm.guard import Verification
from posterm.hsm.mac import MacAlgorithm
from posterm.hsm.needs import GENERATE_MAC, VERIFY_MAC
from posterm.hsm.vault import KeyVault


class MacCommands(KeyVault):
    """Message authentication."""

    __slots__ = ()

    def generate_mac(self, key: WorkingKey, algorithm: MacAlgorithm, data: bytes) -> bytes:
        """The MAC over at most 65,536 bytes: 8 bytes as DE 64 carries them.

        Raises: KeyUsageError: no MAC key, or not one for `algorithm`. MacError: too much data.
        """
        opened = self._open(key, GENERATE_MAC[algorithm])
        return opened.mac.generate(algorithm, data)

    def verify_mac(self, key: WorkingKey, algorithm: MacAlgorithm, data: bytes, mac: bytes) -> None:
        """Raises: MacMismatch: `mac` is not the MAC over `data`. KeyUsageError: as `generate_mac`."""
        opened = self._open(key, VERIFY_MAC[algorithm])
        with self._counting(Verification.MAC, key):
            opened.mac.verify(algorithm, data, mac)
