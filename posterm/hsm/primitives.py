"""Block ciphers as the rest of the package sees them. The only module that imports `cryptography`.

Building a cipher context costs ten times what a block through it does, so each key keeps its contexts for life: ECB has
no state, and CBC is brought back to a zero IV by folding its last ciphertext block into the next message. That holds
only while every call hands over whole blocks: a context that once saw a partial block would answer every later caller
shifted by what was left inside. `_Kept.update` is the one place where contexts are fed, and therefore the guard.

Source: FIPS 46-3 and NIST SP 800-67 (DES, TDES), FIPS 197 (AES), GB/T 32907-2016 (SM4), NIST SP 800-38A, SP 800-38B.
Left out: parity (keys are taken as given), asymmetric ciphers (`sm2` calculates its own).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.decrepit.ciphers.algorithms import TripleDES
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.ciphers import Cipher, CipherContext, algorithms, modes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.cmac import CMAC

from posterm.hsm.errors import CipherError, KeyCheckError
from posterm.hsm.keys import AES_FAMILY, Algorithm

ODD_PARITY: Final = bytes(byte & 0xFE | (byte.bit_count() - (byte & 1) + 1) % 2 for byte in range(256))
"""For `bytes.translate`: every byte with its lowest bit set so that the number of set bits is odd."""


_ECB: Final = modes.ECB()  # noqa: S305  one block at a time is what is asked for


_CBC_FROM_ZERO: Final = {size: modes.CBC(bytes(size)) for size in (8, 16)}


class _Kept:
    """One cipher context, kept and guarded: whole blocks only, and a fresh context after anything unexpected."""

    __slots__ = ("_make", "_mask", "_update")

    def __init__(self, make: Callable[[], CipherContext], block_bytes: int) -> None:
        self._make = make
        self._mask = block_bytes - 1
        self._update = make().update

    def update(self, blocks: bytes) -> bytes:
        """Put whole blocks through the context.

        Raises: CipherError: `blocks` is not plain `bytes` of whole blocks. A type that could lie about its length, or
            change under the cipher's hands, is refused as well.
        """
        if type(blocks) is not bytes or len(blocks) & self._mask:
            raise CipherError(
                f"a block cipher takes bytes in whole blocks of {self._mask + 1}, this is {type(blocks).__name__}"
                + (f" of {len(blocks)}" if type(blocks) is bytes else "")
            )
        try:
            return self._update(blocks)
        except BaseException:
            self.renew()
            raise

    def renew(self) -> None:
        """Drop the context, and with it whatever state it is in."""
        self._update = self._make().update


class BlockCipher:
    """A block cipher under one key: `encrypt` and `decrypt` whole blocks, each on its own (ECB).

    Args:
        key: as many bytes as the algorithm asks for; parity is not looked at.
    Raises: KeyCheckError: the key has another length.
    """

    __slots__ = ("_cipher", "algorithm", "block_bytes", "decrypt", "encrypt")

    encrypt: Callable[[bytes], bytes]
    decrypt: Callable[[bytes], bytes]

    def __init__(self, algorithm: Algorithm, key: bytes) -> None:
        self._cipher = Cipher(_cipher_algorithm(algorithm, key), _ECB)
        self.algorithm = algorithm
        self.block_bytes = algorithm.block_bytes

    def __getattr__(self, name: str) -> Callable[[bytes], bytes]:
        # Either context is made when it is first asked for; many keys only ever encipher.
        if name == "encrypt":
            self.encrypt = _Kept(self._cipher.encryptor, self.block_bytes).update
            return self.encrypt
        if name == "decrypt":
            self.decrypt = _Kept(self._cipher.decryptor, self.block_bytes).update
            return self.decrypt
        raise AttributeError(name)

    def __repr__(self) -> str:
        return f"<BlockCipher {self.algorithm}>"


def encrypt_once(algorithm: Algorithm, key: bytes, blocks: bytes) -> bytes:
    """Whole blocks under a key that is used once, each on its own (ECB): one context, spent at once.

    Raises: KeyCheckError: the key has another length. CipherError: a partial block.
    """
    size, block_bytes, make = _CIPHERS[algorithm]
    if len(key) != size:
        require_key_length(algorithm, key)
    if len(blocks) % block_bytes:
        raise CipherError(f"a block cipher takes bytes in whole blocks of {block_bytes}, this is not")
    return Cipher(make(key), _ECB).encryptor().update(blocks)


class CbcChain:
    """Cipher block chaining from a zero IV under one key, for MACs: only the last ciphertext block comes out.

    Raises: KeyCheckError: the key has another length than the algorithm asks for.
    Source: ISO/IEC 9797-1, 6.3 and 6.4.
    """

    __slots__ = ("_carry", "_kept", "algorithm", "block_bytes")

    def __init__(self, algorithm: Algorithm, key: bytes) -> None:
        self.algorithm = algorithm
        self.block_bytes = algorithm.block_bytes
        cipher = Cipher(_cipher_algorithm(algorithm, key), _CBC_FROM_ZERO[self.block_bytes])
        self._kept = _Kept(cipher.encryptor, self.block_bytes)
        self._carry = 0

    def last_block(self, blocks: bytes) -> bytes:
        """The last ciphertext block of `blocks`, which are whole and at least one.

        Raises: CipherError: no block, or a partial one.
        """
        if type(blocks) is not bytes or not blocks:
            raise CipherError(f"chaining takes bytes in whole blocks of {self.block_bytes}, at least one")
        size = len(blocks)
        if size % self.block_bytes:
            raise CipherError(f"chaining takes bytes in whole blocks of {self.block_bytes}, this has {size}")
        # The context will xor its last ciphertext block into the first block of this message; doing the same here
        # cancels it, and the message starts from a zero IV.
        first = int.from_bytes(blocks, "big") ^ self._carry << (size - self.block_bytes) * 8
        try:
            last = self._kept.update(first.to_bytes(size, "big"))[-self.block_bytes :]
            self._carry = int.from_bytes(last, "big")
        except BaseException:
            self._kept.renew()
            self._carry = 0
            raise
        return last

    def __repr__(self) -> str:
        return f"<CbcChain {self.algorithm}>"


def last_block_once(algorithm: Algorithm, key: bytes, blocks: bytes) -> bytes:
    """As `CbcChain.last_block`, under a key that is used once: one context, spent at once. Raises: CipherError."""
    size, block_bytes, make = _CIPHERS[algorithm]
    if len(key) != size:
        require_key_length(algorithm, key)
    if not blocks or len(blocks) % block_bytes:
        raise CipherError(f"a block cipher takes bytes in whole blocks of {block_bytes}, this is not")
    return Cipher(make(key), _CBC_FROM_ZERO[block_bytes]).encryptor().update(blocks)[-block_bytes:]


def check_value(algorithm: Algorithm, key: bytes, length: int = 4) -> bytes:
    """The key check value: `length` leftmost bytes of the enciphered zero block, or of its CMAC for AES.

    Args:
        length: 1 to the cipher's block length, bytes.
    Raises: KeyCheckError: the key or `length` has the wrong size.
    Source: Q/CUP 009 (TDES and SM4 working keys); ANSI X9.24-1:2017, annex A (AES by CMAC).

    >>> check_value(Algorithm.TDES_DOUBLE, bytes.fromhex("0123456789ABCDEFFEDCBA9876543210")).hex()
    '08d7b4fb'
    """
    if algorithm in AES_FAMILY:
        _require_length("a key check value", length, algorithm.block_bytes)
        _cipher_algorithm(algorithm, key)
        return aes_cmac(key, bytes(16))[:length]
    return check_value_of(BlockCipher(algorithm, key), length)


def check_value_of(cipher: BlockCipher, length: int) -> bytes:
    """The enciphered zero block's `length` leftmost bytes, for DES, TDES and SM4."""
    _require_length("a key check value", length, cipher.block_bytes)
    return cipher.encrypt(bytes(cipher.block_bytes))[:length]


def aes_cmac(key: bytes, data: bytes) -> bytes:
    """AES-CMAC, 16 bytes, under a key of 16 or 32 bytes. Source: NIST SP 800-38B."""
    mac = CMAC(algorithms.AES(key))
    mac.update(data)
    return mac.finalize()


class KeptCmac:
    """CMAC under one TDES, AES or SM4 key, its schedule kept: a whole block for any data.

    Raises: KeyCheckError: the key has another length than the algorithm asks for.
    Source: NIST SP 800-38B.
    """

    __slots__ = ("_fresh",)

    def __init__(self, algorithm: Algorithm, key: bytes) -> None:
        self._fresh = CMAC(_cipher_algorithm(algorithm, key))

    def of(self, data: bytes) -> bytes:
        mac = self._fresh.copy()
        mac.update(data)
        return mac.finalize()


def sm3(data: bytes) -> bytes:
    """The SM3 digest, 32 bytes. Source: GB/T 32905-2016."""
    digest = hashes.Hash(hashes.SM3())
    digest.update(data)
    return digest.finalize()


def aes_algorithm(key: bytes) -> Algorithm:
    """AES of this key's length. Raises: KeyCheckError: not 16, 24 or 32 bytes."""
    for algorithm in AES_FAMILY:
        if algorithm.key_bytes == len(key):
            return algorithm
    raise KeyCheckError(f"an AES key is 16, 24 or 32 bytes, this has {len(key)}")


AuthenticationFailed = InvalidTag
"""What `aes_gcm(key).decrypt` raises for anything that was not sealed that way."""


def aes_gcm(key: bytes) -> AESGCM:
    """AES-GCM under a key of 16 or 32 bytes. Source: NIST SP 800-38D."""
    return AESGCM(key)


def aes_cbc_encrypt(key: bytes, iv: bytes, blocks: bytes) -> bytes:
    """AES-CBC without padding: `blocks` are whole. A context of its own, spent at once."""
    return cbc_encrypt(aes_algorithm(key), key, iv, blocks)


def aes_cbc_decrypt(key: bytes, iv: bytes, blocks: bytes) -> bytes:
    """The reverse of `aes_cbc_encrypt`."""
    return cbc_decrypt(aes_algorithm(key), key, iv, blocks)


def cbc_encrypt(algorithm: Algorithm, key: bytes, iv: bytes, blocks: bytes) -> bytes:
    """CBC without padding: `blocks` are whole. A context of its own, spent at once."""
    context = Cipher(_cipher_algorithm(algorithm, key), modes.CBC(iv)).encryptor()
    return context.update(blocks) + context.finalize()


def cbc_decrypt(algorithm: Algorithm, key: bytes, iv: bytes, blocks: bytes) -> bytes:
    """The reverse of `cbc_encrypt`."""
    context = Cipher(_cipher_algorithm(algorithm, key), modes.CBC(iv)).decryptor()
    return context.update(blocks) + context.finalize()


def aes_ctr(key: bytes, counter: bytes, data: bytes) -> bytes:
    """AES in counter mode from `counter`, 16 bytes; its own reverse. Source: NIST SP 800-38A, 6.5."""
    context = Cipher(_cipher_algorithm(aes_algorithm(key), key), modes.CTR(counter)).encryptor()
    return context.update(data) + context.finalize()


def cmac(algorithm: Algorithm, key: bytes, data: bytes) -> bytes:
    """CMAC once, a whole block. Source: NIST SP 800-38B."""
    return KeptCmac(algorithm, key).of(data)


def require_key_length(algorithm: Algorithm, key: bytes) -> None:
    """Raises: KeyCheckError: `key` is not as long as the algorithm asks for."""
    if len(key) != algorithm.key_bytes:
        raise KeyCheckError(f"a {algorithm} key is {algorithm.key_bytes} bytes, this has {len(key)}")


def _cipher_algorithm(algorithm: Algorithm, key: bytes) -> TripleDES | algorithms.AES | algorithms.SM4:
    size, _, make = _CIPHERS[algorithm]
    if len(key) != size:
        require_key_length(algorithm, key)
    return make(key)


_MAKERS: Final[dict[Algorithm, Callable[[bytes], TripleDES | algorithms.AES | algorithms.SM4]]] = {
    Algorithm.DES: lambda key: TripleDES(key * 3),
    Algorithm.TDES_DOUBLE: lambda key: TripleDES(key + key[:8]),
    Algorithm.TDES_TRIPLE: TripleDES,
    Algorithm.AES_128: algorithms.AES,
    Algorithm.AES_192: algorithms.AES,
    Algorithm.AES_256: algorithms.AES,
    Algorithm.SM4: algorithms.SM4,
}
# Bytes of a key and of a block, and what makes the cipher: TDES is always given 24 bytes.
_CIPHERS: Final = {each: (each.key_bytes, each.block_bytes, make) for each, make in _MAKERS.items()}


def _require_length(what: str, length: int, longest: int) -> None:
    if not 1 <= length <= longest:
        raise KeyCheckError(f"{what} is 1 to {longest} bytes here, this has {length}")
