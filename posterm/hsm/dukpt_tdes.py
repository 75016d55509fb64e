"""Derived unique key per transaction, with TDES: 16-byte keys, a counter of 21 bits, at most 10 of them set.

    KSN   10 bytes   key set and device identifier (59 bits), transaction counter (21 bits)

Only the device knows its initial key, and forgets each key when it is used; the host derives any of them from the base
derivation key. A transaction's key is never used itself: each use has its own variant of it.

Source: ANSI X9.24-1:2009, annex A.
Left out: key serial numbers of 8 bytes, the older single-DES form.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Final

from posterm.hsm.dukpt_chain import KeyChain, next_counter
from posterm.hsm.errors import DukptError
from posterm.hsm.keys import Algorithm
from posterm.hsm.primitives import encrypt_once

KSN_BYTES: Final = 10
KEY_BYTES: Final = 16
COUNTER_BITS: Final = 21
MOST_ONES: Final = 10

_COUNTER_MASK: Final = (1 << COUNTER_BITS) - 1
_DEVICE_MASK: Final = (1 << 64) - 1 ^ _COUNTER_MASK
_HALF_VARIANT: Final = 0xC0C0_C0C0_0000_0000
_KEY_VARIANT: Final = 0xC0C0_C0C0_0000_0000_C0C0_C0C0_0000_0000


class TdesKeyUse(StrEnum):
    """What a working key is for; "request" goes from device to host, "response" back."""

    PIN = "pin"
    MAC_REQUEST = "mac-request"
    MAC_RESPONSE = "mac-response"
    DATA_REQUEST = "data-request"
    DATA_RESPONSE = "data-response"


_VARIANTS: Final = {
    TdesKeyUse.PIN: 0xFF,
    TdesKeyUse.MAC_REQUEST: 0xFF00,
    TdesKeyUse.MAC_RESPONSE: 0xFF00_0000,
    TdesKeyUse.DATA_REQUEST: 0xFF_0000,
    TdesKeyUse.DATA_RESPONSE: 0xFF_0000_0000,
}
_WIDE_VARIANTS: Final = {use: variant << 64 | variant for use, variant in _VARIANTS.items()}
_DATA_USES: Final = frozenset({TdesKeyUse.DATA_REQUEST, TdesKeyUse.DATA_RESPONSE})


def counter_of(ksn: bytes) -> int:
    """The transaction counter of a key serial number. Raises: DukptError: not 10 bytes."""
    return int.from_bytes(_ksn(ksn), "big") & _COUNTER_MASK


def device_of(ksn: bytes) -> bytes:
    """The key serial number with its counter at zero: what names the device. Raises: DukptError: not 10 bytes."""
    return (int.from_bytes(_ksn(ksn), "big") & ~_COUNTER_MASK).to_bytes(KSN_BYTES, "big")


def next_ksn(ksn: bytes) -> bytes | None:
    """The key serial number of the device's next transaction; None when its keys are used up."""
    number = int.from_bytes(_ksn(ksn), "big")
    counter = next_counter(number & _COUNTER_MASK, COUNTER_BITS, MOST_ONES)
    return None if counter is None else (number & ~_COUNTER_MASK | counter).to_bytes(KSN_BYTES, "big")


def initial_key(bdk: bytes, ksn: bytes) -> bytes:
    """The key a device is loaded with.

    Args:
        bdk: the base derivation key, 16 bytes.
        ksn: 10 bytes; its counter does not count.
    Raises: DukptError: another length.
    """
    if len(bdk) != KEY_BYTES:
        raise DukptError(f"DUKPT: a base derivation key of TDES is {KEY_BYTES} bytes, this has {len(bdk)}")
    block = (int.from_bytes(_ksn(ksn), "big") & ~_COUNTER_MASK).to_bytes(KSN_BYTES, "big")[:8]
    other = (int.from_bytes(bdk, "big") ^ _KEY_VARIANT).to_bytes(KEY_BYTES, "big")
    return encrypt_once(Algorithm.TDES_DOUBLE, bdk, block) + encrypt_once(Algorithm.TDES_DOUBLE, other, block)


class TdesDukptDevice:
    """One device as the host sees it: its initial key, and the keys on the way to its last transaction.

    Args:
        initial: its initial key, 16 bytes.
        ksn: any of its key serial numbers, 10 bytes.
    Raises: DukptError: other lengths.
    """

    __slots__ = ("_chain", "_device", "_register")

    def __init__(self, initial: bytes, ksn: bytes) -> None:
        if len(initial) != KEY_BYTES:
            raise DukptError(f"DUKPT: an initial key of TDES is {KEY_BYTES} bytes, this has {len(initial)}")
        self._device = int.from_bytes(_ksn(ksn), "big") & ~_COUNTER_MASK
        self._register = self._device & _DEVICE_MASK
        self._chain = KeyChain(initial, self._next, COUNTER_BITS, MOST_ONES)

    @classmethod
    def of_bdk(cls, bdk: bytes, ksn: bytes) -> TdesDukptDevice:
        """The device of `ksn` under a base derivation key of 16 bytes."""
        return cls(initial_key(bdk, ksn), ksn)

    def transaction_key(self, ksn: bytes) -> bytes:
        """The key of one transaction, 16 bytes, from which the working keys come.

        Raises: DukptError: a key serial number of another device, or with a counter no device uses.
        """
        number = int.from_bytes(_ksn(ksn), "big")
        if number & ~_COUNTER_MASK != self._device:
            raise DukptError("DUKPT: the key serial number is of another device")
        return self._chain.key(number & _COUNTER_MASK)

    def working_key(self, ksn: bytes, use: TdesKeyUse) -> bytes:
        """The key for one use in one transaction, 16 bytes. Raises: as `transaction_key`."""
        return working_key(self.transaction_key(ksn), use)

    def _next(self, key: bytes, counter: int) -> bytes:
        """The non-reversible key generation process: one half under the key, the other under its variant."""
        left, right = int.from_bytes(key[:8], "big"), int.from_bytes(key[8:], "big")
        register = self._register | counter
        new_right = _half(left, right, register)
        new_left = _half(left ^ _HALF_VARIANT, right ^ _HALF_VARIANT, register)
        return (new_left << 64 | new_right).to_bytes(16, "big")

    def __repr__(self) -> str:
        return "<TdesDukptDevice>"


def working_key(transaction_key: bytes, use: TdesKeyUse) -> bytes:
    """The variant of a transaction's key for one use; data keys are enciphered under themselves besides."""
    key = (int.from_bytes(transaction_key, "big") ^ _WIDE_VARIANTS[use]).to_bytes(KEY_BYTES, "big")
    if use in _DATA_USES:
        return encrypt_once(Algorithm.TDES_DOUBLE, key, key)
    return key


def _half(left: int, right: int, register: int) -> int:
    enciphered = encrypt_once(Algorithm.DES, left.to_bytes(8, "big"), (register ^ right).to_bytes(8, "big"))
    return int.from_bytes(enciphered, "big") ^ right


def _ksn(ksn: bytes) -> bytes:
    if len(ksn) != KSN_BYTES:
        raise DukptError(f"DUKPT: a key serial number of TDES is {KSN_BYTES} bytes, this has {len(ksn)}")
    return ksn
