"""MACs: generated and verified under a MAC key, or under the key of a DUKPT transaction; HMACs.

Source: as `posterm.hsm.mac` and `posterm.hsm.hash_mac`.
"""

from __future__ import annotations

from posterm.hsm.dukpt_key import WorkingKey
from posterm.hsm.errors import KeyCheckError, KeyUsageError
from posterm.hsm.guard import Activity, Verification
from posterm.hsm.hash_mac import HashAlgorithm, hash_mac, verify_hash_mac
from posterm.hsm.key_block import HMAC_LETTER, KeyBlock, drawn, open_block, wrap_hmac
from posterm.hsm.keys import PERMITS, Exportability, KeyUsage, ModeOfUse, Operation
from posterm.hsm.mac import MAC_BYTES, MacAlgorithm
from posterm.hsm.needs import GENERATE_MAC, VERIFY_MAC
from posterm.hsm.vault import KeyVault


class MacCommands(KeyVault):
    """Message authentication."""

    __slots__ = ()

    def generate_mac(self, key: WorkingKey, algorithm: MacAlgorithm, data: bytes, length: int = MAC_BYTES) -> bytes:
        """The MAC over at most 65,536 bytes.

        Args:
            length: how many bytes of it, from the left: 8 as DE 64 carries them, at least 4, 16 for AES-CMAC at most.
        Raises: KeyUsageError: no MAC key, or not one for `algorithm`. MacError: too much data, or another length.
        """
        opened = self._open(key, GENERATE_MAC[algorithm])
        return opened.mac.generate(algorithm, data, length)

    def verify_mac(
        self, key: WorkingKey, algorithm: MacAlgorithm, data: bytes, mac: bytes, length: int = MAC_BYTES
    ) -> None:
        """Hold a MAC of `length` bytes against the data.

        Raises: MacMismatch: `mac` is not the MAC over `data`. KeyUsageError, MacError: as `generate_mac`.
            BudgetSpentError: too many failures before.
        """
        opened = self._open(key, VERIFY_MAC[algorithm])
        if self._guard is None:
            opened.mac.verify(algorithm, data, mac, length)
            return
        with self._counting(Verification.MAC, key):
            opened.mac.verify(algorithm, data, mac, length)

    # --- HMAC ---------------------------------------------------------------------------------------------------------

    def generate_hmac_key(
        self,
        size: int,
        *,
        mode: ModeOfUse | None = None,
        exportability: Exportability = Exportability.EXPORTABLE,
    ) -> KeyBlock:
        """A new random HMAC key of 8 to 64 bytes. Raises: KeyCheckError: another length."""
        return wrap_hmac(self._lmk, drawn(self._entropy, size), self._entropy, mode, exportability)

    def load_clear_hmac_key(
        self,
        key: bytes,
        *,
        mode: ModeOfUse | None = None,
        exportability: Exportability = Exportability.EXPORTABLE,
    ) -> KeyBlock:
        """Take a clear HMAC key in, 8 to 64 bytes; as `load_clear_key`."""
        self._permit(Activity.CLEAR_KEYS)
        return wrap_hmac(self._lmk, key, self._entropy, mode, exportability)

    def generate_hmac(self, key: KeyBlock, algorithm: HashAlgorithm, data: bytes, length: int | None = None) -> bytes:
        """The HMAC over at most 65,536 bytes.

        Args:
            key: at least half as long as the hash.
            length: how many bytes of it, from the left: at least 4; all when left out.
        Raises: KeyUsageError: no HMAC key. KeyCheckError: one that is too short. MacError: too much data, or a
            length it has not.
        """
        return hash_mac(algorithm, self._hmac_key(key, Operation.GENERATE, algorithm), data, length)

    def verify_hmac(
        self, key: KeyBlock, algorithm: HashAlgorithm, data: bytes, mac: bytes, length: int | None = None
    ) -> None:
        """Raises: MacMismatch: `mac` is not what `generate_hmac` gives. Else as `generate_hmac`."""
        clear = self._hmac_key(key, Operation.VERIFY, algorithm)
        with self._counting(Verification.MAC, key):
            verify_hash_mac(algorithm, clear, data, mac, length)

    def _hmac_key(self, key: KeyBlock, operation: Operation, algorithm: HashAlgorithm) -> bytes:
        """The clear key; its header is looked at before it is unsealed."""
        key = KeyBlock(key)
        usage, mode = key.usage, key.mode
        if usage is not KeyUsage.HMAC or key.letter != HMAC_LETTER or operation not in PERMITS[mode]:
            raise KeyUsageError(
                f"key usage: need a {KeyUsage.HMAC} key that may {operation}, found a {usage} key that may"
                f" {' and '.join(sorted(PERMITS[mode]))}"
            )
        clear = open_block(self._lmk, key)
        # NIST SP 800-107, 5.3.4: a key is at least as strong as what is asked of the hash.
        if len(clear) * 2 < algorithm.digest_bytes:
            raise KeyCheckError(
                f"HMAC {algorithm}: a key is at least {algorithm.digest_bytes // 2} bytes, this has {len(clear)}"
            )
        return clear
