"""The way from a device's initial key to the key of one transaction, kept, so that the next counter costs one step.

A transaction counter names a path: from the highest of its set bits to the lowest, each bit leads from one key to the
next. The counter that follows shares the path but for its lowest bits, so a device that counts in order pays for one
step, and for a whole path only when it jumps.

Source: ANSI X9.24-1:2009, A.2; ANSI X9.24-3:2017, 6.3.
"""

from __future__ import annotations

from collections.abc import Callable

from posterm.hsm.errors import DukptError


class KeyChain:
    """The keys on the path to one device's last counter.

    Args:
        initial: the device's initial key.
        step: makes the next key from a key and the counter bits up to there.
        counter_bits: how wide the counter is.
        most_ones: how many bits of it may be set; counters with more are skipped.
    """

    __slots__ = ("_counter_bits", "_keys", "_most_ones", "_path", "_step")

    def __init__(self, initial: bytes, step: Callable[[bytes, int], bytes], counter_bits: int, most_ones: int) -> None:
        self._step = step
        self._counter_bits = counter_bits
        self._most_ones = most_ones
        self._path = [0]
        self._keys = [initial]

    def key(self, counter: int) -> bytes:
        """The key of one transaction.

        Raises: DukptError: a counter of zero, beyond its width, or with too many bits set.
        """
        require_counter(counter, self._counter_bits, self._most_ones)
        path, keys = self._path, self._keys
        # Keep what leads here: a kept key does when this counter, cut after that key's lowest bit, is that key's own.
        while (reached := path[-1]) != counter & -(reached & -reached):
            path.pop()
            keys.pop()
        key = keys[-1]
        rest = counter ^ reached
        while rest:
            bit = 1 << rest.bit_length() - 1
            rest ^= bit
            reached |= bit
            key = self._step(key, reached)
            path.append(reached)
            keys.append(key)
        return key

    def __repr__(self) -> str:
        return f"<KeyChain of {self._counter_bits} bits>"


def require_counter(counter: int, counter_bits: int, most_ones: int) -> None:
    """Raises: DukptError: a counter of zero, beyond its width, or with too many bits set."""
    if not 0 < counter < 1 << counter_bits:
        raise DukptError(
            f"DUKPT: a transaction counter is 1 to {counter_bits} bits wide and not zero, this is {counter}"
        )
    if counter.bit_count() > most_ones:
        raise DukptError(
            f"DUKPT: a transaction counter has at most {most_ones} bits set, this has {counter.bit_count()}",
            hint="devices skip such counters: the key serial number was misread, or is not of this kind",
        )


def next_counter(counter: int, counter_bits: int, most_ones: int) -> int | None:
    """The counter a device uses after this one; None when its keys are used up."""
    counter += 1
    while counter.bit_count() > most_ones:
        counter += counter & -counter
    return counter if counter < 1 << counter_bits else None
