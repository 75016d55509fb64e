"""Derived unique key per transaction, with AES: keys of 16, 24 or 32 bytes, a counter of 32 bits, at most 16 set.

    KSN   12 bytes   initial key identifier (8 bytes), transaction counter (4 bytes)

Every key comes from the one before by enciphering a block that says what it will be for:

    01 <block number> <use, 2 bytes> <algorithm, 2 bytes> <length in bits, 2 bytes> <identifier and counter, 8 bytes>

For initial keys the last eight bytes are the whole identifier; for all others its last four, then the counter.
Working keys may be for TDES as well, but are never stronger than the key they come from.

Source: ANSI X9.24-3:2017, 6.
Left out: the device's own key registers.
"""

from __future__ import annotations

from enum import Enum
from typing import Final

from posterm.hsm.dukpt_chain import KeyChain, next_counter
from posterm.hsm.errors import DukptError
from posterm.hsm.keys import STRENGTH_BITS, Algorithm
from posterm.hsm.primitives import aes_algorithm, encrypt_once

KSN_BYTES: Final = 12
IDENTIFIER_BYTES: Final = 8
COUNTER_BITS: Final = 32
MOST_ONES: Final = 16
_UPDATE_COUNTER: Final = 0xFFFF_FFFF


class AesKeyUse(Enum):
    """What a derived key is for; the value is the code in the derivation data."""

    KEY_ENCRYPTION = 0x0002
    PIN = 0x1000
    MAC_GENERATION = 0x2000
    MAC_VERIFICATION = 0x2001
    MAC_BOTH = 0x2002
    DATA_ENCRYPT = 0x3000
    DATA_DECRYPT = 0x3001
    DATA_BOTH = 0x3002
    KEY_DERIVATION = 0x8000
    INITIAL_KEY = 0x8001


WORKING_USES: Final = tuple(use for use in AesKeyUse if use.value < AesKeyUse.KEY_DERIVATION.value)

# Code in the derivation data for what the derived key is for, and the key's length in bytes.
_TYPES: Final = {
    Algorithm.TDES_DOUBLE: 0,
    Algorithm.TDES_TRIPLE: 1,
    Algorithm.AES_128: 2,
    Algorithm.AES_192: 3,
    Algorithm.AES_256: 4,
}


def counter_of(ksn: bytes) -> int:
    """The transaction counter of a key serial number. Raises: DukptError: not 12 bytes."""
    return int.from_bytes(_ksn(ksn)[IDENTIFIER_BYTES:], "big")


def initial_key_identifier(ksn: bytes) -> bytes:
    """What names the device in a key serial number, 8 bytes. Raises: DukptError: not 12 bytes."""
    return _ksn(ksn)[:IDENTIFIER_BYTES]


def next_ksn(ksn: bytes) -> bytes | None:
    """The key serial number of the device's next transaction; None when its keys are used up."""
    counter = next_counter(counter_of(ksn), COUNTER_BITS, MOST_ONES)
    return None if counter is None else ksn[:IDENTIFIER_BYTES] + counter.to_bytes(4, "big")


def initial_key(bdk: bytes, identifier: bytes) -> bytes:
    """The key a device is loaded with, as long as the base derivation key.

    Args:
        bdk: 16, 24 or 32 bytes.
        identifier: the initial key identifier, 8 bytes.
    Raises: DukptError: other lengths.
    """
    if len(identifier) != IDENTIFIER_BYTES:
        raise DukptError(f"DUKPT: an initial key identifier is {IDENTIFIER_BYTES} bytes, this has {len(identifier)}")
    return _derive(bdk, _algorithm(bdk), AesKeyUse.INITIAL_KEY, int.from_bytes(identifier, "big"))


class AesDukptDevice:
    """One device as the host sees it: its initial key, and the keys on the way to its last transaction.

    Args:
        initial: its initial key, 16, 24 or 32 bytes.
        identifier: its initial key identifier, 8 bytes.
    Raises: DukptError: other lengths.
    """

    __slots__ = ("_algorithm", "_chain", "_identifier", "_initial", "_low_identifier")

    def __init__(self, initial: bytes, identifier: bytes) -> None:
        if len(identifier) != IDENTIFIER_BYTES:
            raise DukptError(
                f"DUKPT: an initial key identifier is {IDENTIFIER_BYTES} bytes, this has {len(identifier)}"
            )
        self._algorithm = _algorithm(initial)
        self._initial = initial
        self._identifier = identifier
        self._low_identifier = int.from_bytes(identifier[4:], "big") << 32
        self._chain = KeyChain(initial, self._next, COUNTER_BITS, MOST_ONES)

    @classmethod
    def of_bdk(cls, bdk: bytes, ksn: bytes) -> AesDukptDevice:
        """The device of a key serial number (12 bytes) under a base derivation key."""
        identifier = _ksn(ksn)[:IDENTIFIER_BYTES]
        return cls(initial_key(bdk, identifier), identifier)

    def transaction_key(self, ksn: bytes) -> bytes:
        """The key of one transaction, from which the working keys come.

        Raises: DukptError: a key serial number of another device, or with a counter no device uses.
        """
        if _ksn(ksn)[:IDENTIFIER_BYTES] != self._identifier:
            raise DukptError("DUKPT: the key serial number is of another device")
        return self._chain.key(int.from_bytes(ksn[IDENTIFIER_BYTES:], "big"))

    def working_key(self, ksn: bytes, use: AesKeyUse, algorithm: Algorithm | None = None) -> bytes:
        """The key for one use in one transaction.

        Args:
            algorithm: TDES of either length or AES; that of the initial key when left out.
        Raises: DukptError: as `transaction_key`, a use that is none of a working key, or an algorithm that is none or
            stronger than the initial key.
        """
        if use not in WORKING_USES:
            raise DukptError(f"DUKPT: {use.name.lower()} is not the use of a working key")
        key = self.transaction_key(ksn)
        wanted = self._wanted(algorithm)
        return _derive(key, wanted, use, self._low_identifier | counter_of(ksn))

    def update_key(self, algorithm: Algorithm | None = None) -> bytes:
        """The key under which a new initial key is sent to the device.

        Raises: DukptError: as `working_key`.
        """
        wanted = self._wanted(algorithm)
        # No transaction has a counter of all ones: its path is the update key's, all 32 steps of it.
        key, reached = self._initial, 0
        for place in reversed(range(COUNTER_BITS)):
            reached |= 1 << place
            key = self._next(key, reached)
        return _derive(key, wanted, AesKeyUse.KEY_ENCRYPTION, self._low_identifier | _UPDATE_COUNTER)

    def _wanted(self, algorithm: Algorithm | None) -> Algorithm:
        if algorithm is None:
            return self._algorithm
        if algorithm not in _TYPES:
            raise DukptError(f"DUKPT: no {algorithm} key is derived")
        if STRENGTH_BITS[algorithm] > STRENGTH_BITS[self._algorithm]:
            raise DukptError(f"DUKPT: a {algorithm} key would be stronger than the {self._algorithm} key it comes from")
        return algorithm

    def _next(self, key: bytes, counter: int) -> bytes:
        return _derive(key, self._algorithm, AesKeyUse.KEY_DERIVATION, self._low_identifier | counter)

    def __repr__(self) -> str:
        return f"<AesDukptDevice {self._algorithm}>"


def _derive(key: bytes, algorithm: Algorithm, use: AesKeyUse, tail: int) -> bytes:
    size = algorithm.key_bytes
    fixed = use.value << 96 | _TYPES[algorithm] << 80 | size * 8 << 64 | tail
    data = (0x0101 << 112 | fixed).to_bytes(16, "big")
    if size > 16:
        data += (0x0102 << 112 | fixed).to_bytes(16, "big")
    return encrypt_once(_algorithm(key), key, data)[:size]


def _algorithm(key: bytes) -> Algorithm:
    if len(key) not in (16, 24, 32):
        raise DukptError(f"DUKPT: an AES key is 16, 24 or 32 bytes, this has {len(key)}")
    return aes_algorithm(key)


def _ksn(ksn: bytes) -> bytes:
    if len(ksn) != KSN_BYTES:
        raise DukptError(f"DUKPT: a key serial number of AES is {KSN_BYTES} bytes, this has {len(ksn)}")
    return ksn
