"""The local master key: the one secret under which every key block of this HSM is sealed.

    Lmk       AES-256 key-block LMK, version 1: two keys are derived from it by CMAC
    TdesLmk   TDES key-block LMK, version 0: two keys are its variants 45 and 4D

One key enciphers, the other authenticates, and the LMK itself is not used. A third, of posterm's own, is for PINs.

Source: Thales payShield key block LMK, versions 0 and 1; the derivation is that of ANSI X9.143-2021, 7.3.2 (CMAC,
AES-256).
Left out: several LMKs at a time. Variant LMKs are another thing: `variant_lmk` has them.
"""

from __future__ import annotations

import hmac
from typing import ClassVar, Final

from posterm.hsm.errors import KeyBlockError
from posterm.hsm.keys import Algorithm
from posterm.hsm.primitives import (
    CbcChain,
    aes_cbc_decrypt,
    aes_cbc_encrypt,
    aes_cmac,
    cbc_decrypt,
    cbc_encrypt,
    check_value,
    encrypt_once,
)

MAC_BYTES: Final = 8

# Published test key-block LMK (AES-256) of the payShield; anyone can open what it seals.
_TEST_LMK: Final = bytes.fromhex("9B71333A13F9FAE72F9D0E2DAB4AD6784718012F9244033F3F26A2DE0C8AA11A")
# The same for TDES.
_TEST_TDES_LMK: Final = bytes.fromhex("0123456789ABCDEF8080808080808080FEDCBA9876543210")


class Lmk:
    """A local master key. `seal` and `unseal` bind a header to the key it describes.

    Args:
        key: 32 bytes.
    Raises: KeyBlockError: another length.
    """

    __slots__ = ("_encryption_key", "_mac_key", "check_value", "is_test", "pin_key")

    version: ClassVar[str] = "1"
    """The first header character of its blocks."""
    cipher_block: ClassVar[int] = 16
    """Bytes a payload is filled up to a multiple of."""
    mac_bytes: ClassVar[int] = MAC_BYTES

    def __init__(self, key: bytes) -> None:
        if len(key) != 32:
            raise KeyBlockError(f"a local master key is 32 bytes, this has {len(key)}")
        self._encryption_key = _derive(key, usage=0)
        self._mac_key = _derive(key, usage=1)
        self.pin_key: bytes = _derive(key, usage=2)
        """An AES key for the PINs that are kept under this LMK."""
        self.check_value: bytes = aes_cmac(key, bytes(16))[:3]
        """3 bytes that name the LMK without telling it."""
        self.is_test: bool = hmac.compare_digest(key, _TEST_LMK)
        """True for the published test LMK, under which nothing real may be kept."""

    @classmethod
    def test(cls) -> Lmk:
        """The published test LMK."""
        return cls(_TEST_LMK)

    def seal(self, header: bytes, payload: bytes) -> bytes:
        """Encipher whole 16-byte blocks under `header` (16 bytes): the ciphertext, then an 8-byte MAC over both."""
        ciphertext = aes_cbc_encrypt(self._encryption_key, header, payload)
        return ciphertext + aes_cmac(self._mac_key, header + ciphertext)[:MAC_BYTES]

    def unseal(self, header: bytes, sealed: bytes) -> bytes:
        """What `seal` was given.

        Raises: KeyBlockError: header or ciphertext is not what was sealed under this LMK.
        """
        ciphertext, mac = sealed[:-MAC_BYTES], sealed[-MAC_BYTES:]
        _require_same(aes_cmac(self._mac_key, header + ciphertext)[:MAC_BYTES], mac)
        return aes_cbc_decrypt(self._encryption_key, header, ciphertext)

    def __repr__(self) -> str:
        return f"<Lmk {'test' if self.is_test else self.check_value.hex().upper()}>"

    def __reduce__(self) -> tuple[object, ...]:
        raise TypeError("Lmk is not pickled: it would travel in the clear")


class TdesLmk(Lmk):
    """A TDES key-block local master key of 24 bytes.

    Raises: KeyBlockError: another length.
    """

    __slots__ = ("_mac_chain",)

    version: ClassVar[str] = "0"
    cipher_block: ClassVar[int] = 8
    mac_bytes: ClassVar[int] = 4

    def __init__(self, key: bytes) -> None:
        if len(key) != 24:
            raise KeyBlockError(f"a TDES local master key is 24 bytes, this has {len(key)}")
        self._encryption_key = bytes([byte ^ 0x45 for byte in key])
        pin_key = bytes([byte ^ 0x50 for byte in key])
        self.pin_key = encrypt_once(Algorithm.TDES_TRIPLE, pin_key, bytes(8) + bytes([0xFF] * 8))
        self._mac_chain = CbcChain(Algorithm.TDES_TRIPLE, bytes([byte ^ 0x4D for byte in key]))
        self.check_value = check_value(Algorithm.TDES_TRIPLE, key, 3)
        self.is_test = hmac.compare_digest(key, _TEST_TDES_LMK)

    @classmethod
    def test(cls) -> TdesLmk:
        """The published test LMK."""
        return cls(_TEST_TDES_LMK)

    def seal(self, header: bytes, payload: bytes) -> bytes:
        """Encipher whole 8-byte blocks under `header` (16 bytes): the ciphertext, then a 4-byte MAC over both."""
        ciphertext = cbc_encrypt(Algorithm.TDES_TRIPLE, self._encryption_key, header[:8], payload)
        return ciphertext + self._mac_chain.last_block(header + ciphertext)[: self.mac_bytes]

    def unseal(self, header: bytes, sealed: bytes) -> bytes:
        """What `seal` was given.

        Raises: KeyBlockError: header or ciphertext is not what was sealed under this LMK.
        """
        ciphertext, mac = sealed[: -self.mac_bytes], sealed[-self.mac_bytes :]
        _require_same(self._mac_chain.last_block(header + ciphertext)[: self.mac_bytes], mac)
        return cbc_decrypt(Algorithm.TDES_TRIPLE, self._encryption_key, header[:8], ciphertext)


def _require_same(expected: bytes, mac: bytes) -> None:
    if not hmac.compare_digest(expected, mac):
        raise KeyBlockError(
            "key block: the authentication code does not match its header and key",
            hint="the block was altered, or sealed under another local master key",
        )


def _derive(key: bytes, usage: int) -> bytes:
    # Counter, key usage (0 encipher, 1 authenticate, 2 PINs), separator, algorithm 0004 (AES-256), 0100 bits asked for.
    return b"".join(
        aes_cmac(key, bytes([counter]) + usage.to_bytes(2, "big") + bytes.fromhex("0000040100")) for counter in (1, 2)
    )
