"""Bytes from a seed: what a card draws, and what its keys are made from. The same seed gives the same bytes.

SHA-256 over seed and a counter. Good enough to be unpredictable to a test; no source of real keys.
"""

from __future__ import annotations

import hashlib


class Stream:
    """An endless sequence of bytes."""

    def __init__(self, seed: str) -> None:
        self._seed = hashlib.sha256(seed.encode()).digest()
        self._counter = 0
        self._left = b""

    def draw(self, size: int) -> bytes:
        """The next `size` bytes."""
        while len(self._left) < size:
            self._left += hashlib.sha256(self._seed + self._counter.to_bytes(8, "big")).digest()
            self._counter += 1
        drawn, self._left = self._left[:size], self._left[size:]
        return drawn
