"""A MAC over a message that comes in several parts, for CBC-MAC (ISO 9797-1, algorithms 1 and 3).

Between the parts the caller keeps the chaining value. It goes into the first block of the next part by exclusive or,
which is what the chain itself would do.

Source: Thales payShield (M6, M8, MQ, C2, C4: first, middle and last block); ISO/IEC 9797-1:2011, 6.4.
Left out: padding method 3, which needs the length of the whole message first; CMAC.
"""

from __future__ import annotations

import hmac
from typing import Final

from posterm.hsm.errors import MacError, MacMismatch
from posterm.hsm.guard import Verification
from posterm.hsm.keys import Algorithm
from posterm.hsm.mac import MacAlgorithm, pad, pad_2
from posterm.hsm.needs import GENERATE_MAC, VERIFY_MAC, Need
from posterm.hsm.primitives import CbcChain
from posterm.hsm.variant_key import KeyReference
from posterm.hsm.vault import KeyVault

BLOCK_BYTES: Final = 8

# What the last part is padded with, and the same algorithm for a message that is padded already.
_PARTS: Final = {
    MacAlgorithm.X9_9: (pad, MacAlgorithm.X9_9),
    MacAlgorithm.ISO9797_1_PAD1: (pad, MacAlgorithm.ISO9797_1_PAD1),
    MacAlgorithm.ISO9797_1_PAD2: (pad_2, MacAlgorithm.ISO9797_1_PAD1),
    MacAlgorithm.X9_19: (pad, MacAlgorithm.X9_19),
    MacAlgorithm.ISO9797_3_PAD2: (pad_2, MacAlgorithm.X9_19),
}
_SINGLE_CHAIN: Final = frozenset({MacAlgorithm.X9_19, MacAlgorithm.ISO9797_3_PAD2})


class MacChainCommands(KeyVault):
    """Message authentication in parts. A part before the last is whole blocks of 8 bytes."""

    __slots__ = ()

    def chain_mac(self, key: KeyReference, algorithm: MacAlgorithm, part: bytes, chain: bytes = bytes(8)) -> bytes:
        """The chaining value after a part that is not the last, 8 bytes.

        Args:
            chain: that of the part before; zeros for the first.
        Raises: MacError: no whole blocks, or an algorithm that has no parts. KeyUsageError: as `generate_mac`.
        """
        if not part or len(part) % BLOCK_BYTES:
            raise MacError(f"MAC in parts: need whole blocks of {BLOCK_BYTES} bytes, this part has {len(part)}")
        _require_parts(algorithm)
        opened = self._open(key, GENERATE_MAC[algorithm])
        single = algorithm in _SINGLE_CHAIN
        clear, cipher = (opened.clear[:8], Algorithm.DES) if single else (opened.clear, opened.algorithm)
        return CbcChain(cipher, clear).last_block(_chained(part, chain))

    def finish_mac(self, key: KeyReference, algorithm: MacAlgorithm, part: bytes, chain: bytes) -> bytes:
        """The MAC after the last part, 8 bytes. Raises: as `chain_mac`."""
        return self._finish(key, GENERATE_MAC[algorithm], algorithm, part, chain)

    def verify_finished_mac(
        self, key: KeyReference, algorithm: MacAlgorithm, part: bytes, chain: bytes, mac: bytes
    ) -> None:
        """Raises: MacMismatch: `mac`, 4 or 8 bytes, is not the MAC. Else as `chain_mac`."""
        expected = self._finish(key, VERIFY_MAC[algorithm], algorithm, part, chain)
        with self._counting(Verification.MAC, key):
            if len(mac) not in (4, BLOCK_BYTES) or not hmac.compare_digest(expected[: len(mac)], mac):
                raise MacMismatch(f"MAC {algorithm}: it does not verify over the last of several parts")

    def _finish(self, key: KeyReference, need: Need, algorithm: MacAlgorithm, part: bytes, chain: bytes) -> bytes:
        _require_parts(algorithm)
        padding, padded_algorithm = _PARTS[algorithm]
        return self._open(key, need).mac.generate(padded_algorithm, _chained(padding(part, BLOCK_BYTES), chain))


def _require_parts(algorithm: MacAlgorithm) -> None:
    if algorithm not in _PARTS:
        raise MacError(f"MAC {algorithm}: it is not made in parts")


def _chained(part: bytes, chain: bytes) -> bytes:
    if len(chain) != BLOCK_BYTES:
        raise MacError(f"MAC in parts: a chaining value is {BLOCK_BYTES} bytes, this has {len(chain)}")
    number = int.from_bytes(part, "big") ^ int.from_bytes(chain, "big") << (len(part) - BLOCK_BYTES) * 8
    return number.to_bytes(len(part), "big")
