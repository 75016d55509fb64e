"""Public keys of certification authorities, as a terminal keeps them: checked, dated, marked live or test.

A key enters the store only with a checksum that holds. Two different keys under one RID and index are refused: among
test keys that happens, and whichever were taken, half of the cards would fail for no visible reason.

Source: EMV 4.4 Book 2, 10 and 11.2 (what is stored with a key, checksum, revocation list); Book 4, 10.2 (withdrawal).
Leaves out keys on elliptic curves and SM2.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum
from typing import Final

from posterm.emv.errors import CaKeyError

RID_BYTES: Final = 5
MAX_MODULUS_BYTES: Final = 248
MIN_MODULUS_BYTES: Final = 64
EXPONENTS: Final = (3, 65537)
SERIAL_BYTES: Final = 3


class Use(StrEnum):
    """What a key is for. `unknown`: no list that is public says so."""

    LIVE = "live"
    TEST = "test"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class CaKey:
    """A certification authority's public key. It cannot be made with a checksum that does not hold.

    Attributes:
        rid: 5 bytes, the scheme. index: 0 to 255 (tag 8F).
        modulus: 64 to 248 bytes. exponent: 3 or 65537.
        checksum: SHA-1 over RID, index, modulus and exponent, 20 bytes.
        expires: the last day it may be used; None when the source does not say.
        source: where it was published.
    """

    rid: bytes
    index: int
    modulus: bytes = field(repr=False)
    exponent: int
    checksum: bytes = field(repr=False)
    expires: date | None = None
    use: Use = Use.UNKNOWN
    source: str = ""

    def __post_init__(self) -> None:
        if len(self.rid) != RID_BYTES or not 0 <= self.index <= 0xFF:
            raise CaKeyError(f"CA key: need a RID of {RID_BYTES} bytes and an index of one byte, have something else")
        if not MIN_MODULUS_BYTES <= len(self.modulus) <= MAX_MODULUS_BYTES or not self.modulus[0] & 0x80:
            raise CaKeyError(
                f"CA key {self.name}: need a modulus of {MIN_MODULUS_BYTES} to {MAX_MODULUS_BYTES} bytes with its "
                f"highest bit set, have {len(self.modulus)} bytes"
            )
        if self.exponent not in EXPONENTS:
            raise CaKeyError(f"CA key {self.name}: need an exponent of 3 or 65537, have another")
        if self.checksum != checksum_of(self.rid, self.index, self.modulus, self.exponent):
            raise CaKeyError(f"CA key {self.name}: the checksum does not hold")

    @property
    def name(self) -> str:
        """RID and index: `A000000333/04`."""
        return f"{self.rid.hex().upper()}/{self.index:02X}"

    def expired(self, today: date) -> bool:
        """True after its last day."""
        return self.expires is not None and today > self.expires


def checksum_of(rid: bytes, index: int, modulus: bytes, exponent: int) -> bytes:
    """SHA-1 over RID, index, modulus and exponent: 20 bytes. Source: EMV 4.4 Book 2, 11.2.2."""
    content = rid + bytes((index,)) + modulus + exponent_bytes(exponent)
    return hashlib.sha1(content, usedforsecurity=False).digest()


def exponent_bytes(exponent: int) -> bytes:
    """An exponent in as few bytes as it needs: 1 for 3, 3 for 65537."""
    return exponent.to_bytes((exponent.bit_length() + 7) // 8, "big")


class CaKeyStore:
    """The keys a terminal trusts, and the issuer certificates it no longer does. Keeping it is the caller's affair."""

    def __init__(self, keys: Iterable[CaKey] = ()) -> None:
        self._keys: dict[tuple[bytes, int], CaKey] = {}
        self._revoked: set[tuple[bytes, int, bytes]] = set()
        for key in keys:
            self.add(key)

    def __len__(self) -> int:
        return len(self._keys)

    def __iter__(self) -> Iterator[CaKey]:
        return iter(self._keys.values())

    def add(self, key: CaKey, *, replace: bool = False) -> None:
        """Take a key in. The same key again may bring a later expiry.

        Raises: CaKeyError: another key stands under this RID and index, and `replace` is not set.
        """
        known = self._keys.get((key.rid, key.index))
        if known is not None and known.checksum != key.checksum and not replace:
            raise CaKeyError(
                f"CA key {key.name}: the store has another key under this name",
                hint="remove the old key first, or say that the new one replaces it",
            )
        self._keys[key.rid, key.index] = key

    def remove(self, rid: bytes, index: int) -> None:
        """Forget a key; one that is not there is no fault."""
        self._keys.pop((rid, index), None)

    def find(self, rid: bytes, index: int) -> CaKey | None:
        """The key under this RID and index, expired or not."""
        return self._keys.get((rid, index))

    def purge(self, today: date) -> list[CaKey]:
        """Forget the keys that have expired. Returns: those. Source: EMV 4.4 Book 4, 10.2."""
        expired = [key for key in self._keys.values() if key.expired(today)]
        for key in expired:
            self.remove(key.rid, key.index)
        return expired

    def revoke(self, rid: bytes, index: int, serial: bytes) -> None:
        """Put an issuer certificate on the revocation list: CA key and certificate serial number (3 bytes).

        Raises: CaKeyError: a serial number of another length.
        """
        if len(serial) != SERIAL_BYTES:
            raise CaKeyError(f"revocation list: need a serial number of {SERIAL_BYTES} bytes, have {len(serial)}")
        self._revoked.add((rid, index, serial))

    @property
    def revoked(self) -> frozenset[tuple[bytes, int, bytes]]:
        """The revocation list: RID, index and serial number of each."""
        return frozenset(self._revoked)

    def is_revoked(self, rid: bytes, index: int, serial: bytes) -> bool:
        """True when the certificate stands on the revocation list."""
        return (rid, index, serial) in self._revoked
