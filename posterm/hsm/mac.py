"""Message authentication codes of the POS link: one definition for the HSM and for the calculator.

    unionpay-ecb       R = xor of all 8-byte blocks; H = its hexadecimal text; E2 = E(E(H[0:8]) xor H[8:16]);
                       the MAC is the first 8 characters of the hexadecimal text of E2
    xor-tdes-binary    E(R), 8 bytes
    x9.9               DES-CBC-MAC, 8 bytes
    x9.19              DES-CBC-MAC under K1, then D(K2), E(K1): the retail MAC, 8 bytes
    unionpay-sm4-ecb   as unionpay-ecb with SM4 and 16-byte blocks
    sm4-cbc-text       SM4-CBC-MAC, the first 8 characters of its hexadecimal text
    sm4-cbc-binary     SM4-CBC-MAC, its first 8 bytes
    iso9797-1-pad1..3  ISO 9797-1 algorithm 1, CBC-MAC under DES or TDES, with padding 1, 2 or 3
    iso9797-3-pad2..3  ISO 9797-1 algorithm 3, the retail MAC, with padding 2 or 3 (with padding 1 it is x9.19)
    tdes-cmac          CMAC under TDES, 8 bytes
    aes-cmac           CMAC under AES, 16 bytes
    none               8 zero bytes, under any MAC key: for tests of what lies around the MAC

Where no padding is named, zero bytes go to whole blocks, and an empty message counts as one block of zeros. Every one
gives the 8 bytes that DE 64 carries, or as many of its leftmost as are asked for; AES-CMAC has 16.

Source: Q/CUP 009 and its national-cipher edition (unionpay-*, sm4-*); acquirers' practice (xor-tdes-binary);
ANSI X9.9-1986; ANSI X9.19-1996 (ISO/IEC 9797-1, MAC algorithms 1 and 3, padding method 1);
ISO/IEC 9797-1:2011, 6.3 (padding methods), 7.2, 7.4; NIST SP 800-38B (CMAC).
Left out: HMAC, whose keys are of any length: `hash_mac` has it.
"""

from __future__ import annotations

import hmac
from binascii import hexlify
from collections.abc import Callable
from enum import StrEnum
from functools import partial
from typing import Final

from posterm.hsm.errors import KeyUsageError, MacError, MacMismatch
from posterm.hsm.keys import AES_FAMILY, DES_FAMILY, Algorithm
from posterm.hsm.primitives import BlockCipher, CbcChain, KeptCmac

MAC_BYTES: Final = 8
SHORTEST_MAC: Final = 4
LONGEST_DATA: Final = 65_536
"""Bytes a MAC is made over at most; no message of the link comes near it."""


class MacAlgorithm(StrEnum):
    """How a MAC is made; the value is its name on the command line."""

    __hash__ = str.__hash__  # looked up on every call; an enumeration's own hash is written in Python

    UNIONPAY_ECB = "unionpay-ecb"
    XOR_TDES_BINARY = "xor-tdes-binary"
    X9_9 = "x9.9"
    X9_19 = "x9.19"
    UNIONPAY_SM4_ECB = "unionpay-sm4-ecb"
    SM4_CBC_TEXT = "sm4-cbc-text"
    SM4_CBC_BINARY = "sm4-cbc-binary"
    ISO9797_1_PAD1 = "iso9797-1-pad1"
    ISO9797_1_PAD2 = "iso9797-1-pad2"
    ISO9797_1_PAD3 = "iso9797-1-pad3"
    ISO9797_3_PAD2 = "iso9797-3-pad2"
    ISO9797_3_PAD3 = "iso9797-3-pad3"
    TDES_CMAC = "tdes-cmac"
    AES_CMAC = "aes-cmac"
    NONE = "none"

    @property
    def longest(self) -> int:
        """Bytes this MAC has at most."""
        return 16 if self is MacAlgorithm.AES_CMAC else MAC_BYTES


_TDES: Final = frozenset({Algorithm.TDES_DOUBLE, Algorithm.TDES_TRIPLE})
_SM4: Final = frozenset({Algorithm.SM4})

KEY_ALGORITHMS: Final[dict[MacAlgorithm, frozenset[Algorithm]]] = {
    MacAlgorithm.UNIONPAY_ECB: _TDES | {Algorithm.DES},
    MacAlgorithm.XOR_TDES_BINARY: _TDES,
    MacAlgorithm.X9_9: frozenset({Algorithm.DES}),
    MacAlgorithm.X9_19: frozenset({Algorithm.TDES_DOUBLE}),
    MacAlgorithm.UNIONPAY_SM4_ECB: _SM4,
    MacAlgorithm.SM4_CBC_TEXT: _SM4,
    MacAlgorithm.SM4_CBC_BINARY: _SM4,
    MacAlgorithm.ISO9797_1_PAD1: DES_FAMILY,
    MacAlgorithm.ISO9797_1_PAD2: DES_FAMILY,
    MacAlgorithm.ISO9797_1_PAD3: DES_FAMILY,
    MacAlgorithm.ISO9797_3_PAD2: frozenset({Algorithm.TDES_DOUBLE}),
    MacAlgorithm.ISO9797_3_PAD3: frozenset({Algorithm.TDES_DOUBLE}),
    MacAlgorithm.TDES_CMAC: _TDES,
    MacAlgorithm.AES_CMAC: AES_FAMILY,
    MacAlgorithm.NONE: frozenset(Algorithm),
}
"""The keys each MAC algorithm takes."""


_ALGORITHM_1: Final = (MacAlgorithm.ISO9797_1_PAD1, MacAlgorithm.ISO9797_1_PAD2, MacAlgorithm.ISO9797_1_PAD3)
_ALGORITHM_3: Final = (MacAlgorithm.X9_19, MacAlgorithm.ISO9797_3_PAD2, MacAlgorithm.ISO9797_3_PAD3)


class MacKey:
    """A MAC key with its kept contexts.

    Raises: KeyCheckError: the key is not as long as its algorithm asks for.
    """

    __slots__ = ("_key", "_makers", "algorithm", "cipher")

    def __init__(self, algorithm: Algorithm, key: bytes) -> None:
        self.algorithm = algorithm
        self.cipher = BlockCipher(algorithm, key)
        self._key = key
        self._makers: dict[MacAlgorithm, Callable[[bytes], bytes]] = {}

    def generate(self, algorithm: MacAlgorithm, data: bytes, length: int = MAC_BYTES) -> bytes:
        """The MAC over `data`, at most 65,536 bytes.

        Args:
            length: how many bytes of it, from the left: 8 as DE 64 carries them, at least 4, at most `longest`.
        Raises: KeyUsageError: this key does not go with `algorithm`. MacError: too much data, or a length it has not.
        """
        maker = self._makers.get(algorithm)
        if maker is None:
            maker = self._makers[algorithm] = self._maker(algorithm)
        if len(data) > LONGEST_DATA:
            raise MacError(f"MAC {algorithm}: at most {LONGEST_DATA} bytes of data, this has {len(data)}")
        if length == MAC_BYTES:
            return maker(data)[:MAC_BYTES]
        if not SHORTEST_MAC <= length <= algorithm.longest:
            raise MacError(f"MAC {algorithm}: it has {SHORTEST_MAC} to {algorithm.longest} bytes, not {length}")
        return maker(data)[:length]

    def verify(self, algorithm: MacAlgorithm, data: bytes, mac: bytes, length: int = MAC_BYTES) -> None:
        """Raises: MacMismatch: `mac` is not what `generate` gives. The comparison takes constant time."""
        if not hmac.compare_digest(self.generate(algorithm, data, length), mac):
            raise MacMismatch(f"MAC {algorithm}: it does not verify over {len(data)} bytes of data")

    def _maker(self, algorithm: MacAlgorithm) -> Callable[[bytes], bytes]:
        """What makes this MAC, with the contexts that it takes."""
        if self.algorithm not in KEY_ALGORITHMS[algorithm]:
            raise KeyUsageError(f"MAC {algorithm}: a {self.algorithm} key does not go with it")
        cipher, size = self.cipher, self.cipher.block_bytes
        match algorithm:
            case MacAlgorithm.UNIONPAY_ECB | MacAlgorithm.UNIONPAY_SM4_ECB:
                return partial(_ecb_of_hex, cipher.encrypt, size)
            case MacAlgorithm.XOR_TDES_BINARY:
                return partial(_folded, cipher.encrypt)
            case MacAlgorithm.SM4_CBC_TEXT:
                return partial(_chained_text, CbcChain(self.algorithm, self._key))
            case MacAlgorithm.X9_9 | MacAlgorithm.SM4_CBC_BINARY:
                return partial(_chained, pad, CbcChain(self.algorithm, self._key))
            case MacAlgorithm.TDES_CMAC | MacAlgorithm.AES_CMAC:
                return KeptCmac(self.algorithm, self._key).of
            case MacAlgorithm.NONE:
                return _none
        if algorithm in _ALGORITHM_1:
            return partial(_chained, _PADDINGS[algorithm], CbcChain(self.algorithm, self._key))
        single = CbcChain(Algorithm.DES, self._key[:8])
        return partial(_retail, _PADDINGS[algorithm], single, cipher.encrypt)

    def __repr__(self) -> str:
        return f"<MacKey {self.algorithm}>"


def _ecb_of_hex(encrypt: Callable[[bytes], bytes], size: int, data: bytes) -> bytes:
    text = hexlify(fold(data, size).to_bytes(size, "big")).upper()
    masked = int.from_bytes(encrypt(text[:size]), "big") ^ int.from_bytes(text[size:], "big")
    return _as_text(encrypt(masked.to_bytes(size, "big")))


def _folded(encrypt: Callable[[bytes], bytes], data: bytes) -> bytes:
    return encrypt(fold(data, 8).to_bytes(8, "big"))


def _chained(padding: Callable[[bytes, int], bytes], chain: CbcChain, data: bytes) -> bytes:
    return chain.last_block(padding(data, chain.block_bytes))[:MAC_BYTES]


def _chained_text(chain: CbcChain, data: bytes) -> bytes:
    return _as_text(chain.last_block(pad(data, chain.block_bytes)))


def _retail(
    padding: Callable[[bytes, int], bytes], chain: CbcChain, encrypt: Callable[[bytes], bytes], data: bytes
) -> bytes:
    # E(K1), D(K2), E(K1) on the last block is one TDES block; only what comes before it is chained under K1.
    padded = padding(data, 8)
    if len(padded) == 8:
        return encrypt(padded)
    masked = int.from_bytes(chain.last_block(padded[:-8]), "big") ^ int.from_bytes(padded[-8:], "big")
    return encrypt(masked.to_bytes(8, "big"))


def _none(_data: bytes) -> bytes:
    return bytes(MAC_BYTES)


def _as_text(block: bytes) -> bytes:
    return hexlify(block[:4]).upper()


def compute(algorithm: MacAlgorithm, key: bytes, data: bytes) -> bytes:
    """The MAC over `data` under a clear key, for the calculator.

    Args:
        key: 8 to 24 bytes; its length and `algorithm` say which cipher it is for.
        data: at most 65,536 bytes.
    Returns: 8 bytes as DE 64 carries them.
    Raises: KeyUsageError: no key of this length goes with `algorithm`. MacError: too much data.
    """
    return MacKey(key_algorithm(algorithm, key), key).generate(algorithm, data)


def key_algorithm(algorithm: MacAlgorithm, key: bytes) -> Algorithm:
    """The cipher that a clear key of this length is for, when used with `algorithm`.

    Raises: KeyUsageError: none.
    """
    for candidate in Algorithm:
        if candidate.key_bytes == len(key) and candidate in KEY_ALGORITHMS[algorithm]:
            return candidate
    sizes = sorted({candidate.key_bytes for candidate in KEY_ALGORITHMS[algorithm]})
    raise KeyUsageError(f"MAC {algorithm}: need a key of {' or '.join(map(str, sizes))} bytes, this has {len(key)}")


def explain(algorithm: MacAlgorithm, key: bytes, data: bytes) -> list[tuple[str, str]]:
    """The steps to a MAC, each with its name and its value in upper-case hexadecimal; the last is the MAC.

    Args and Raises: as `compute`.

    >>> explain(MacAlgorithm.XOR_TDES_BINARY, bytes(range(16)), b"posterm")[0]
    ('R', '706F737465726D00')
    """
    mac = compute(algorithm, key, data)
    cipher = BlockCipher(key_algorithm(algorithm, key), key)
    return [*_steps(algorithm, cipher, key, data), ("MAC", mac.hex().upper())]


def _steps(algorithm: MacAlgorithm, cipher: BlockCipher, key: bytes, data: bytes) -> list[tuple[str, str]]:
    size = cipher.block_bytes
    match algorithm:
        case MacAlgorithm.UNIONPAY_ECB | MacAlgorithm.UNIONPAY_SM4_ECB:
            r = fold(data, size).to_bytes(size, "big")
            h = r.hex().upper().encode("ascii")
            e1 = cipher.encrypt(h[:size])
            t = _xor(e1, h[size:])
            steps = [("R", r), ("H", h), ("E1", e1), ("T", t), ("E2", cipher.encrypt(t))]
        case MacAlgorithm.XOR_TDES_BINARY:
            r = fold(data, 8).to_bytes(8, "big")
            steps = [("R", r), ("E", cipher.encrypt(r))]
        case MacAlgorithm.X9_9 | MacAlgorithm.SM4_CBC_TEXT | MacAlgorithm.SM4_CBC_BINARY:
            steps = [("C", CbcChain(cipher.algorithm, key).last_block(pad(data, size)))]
        case MacAlgorithm.ISO9797_1_PAD1 | MacAlgorithm.ISO9797_1_PAD2 | MacAlgorithm.ISO9797_1_PAD3:
            padded = _PADDINGS[algorithm](data, size)
            steps = [("P", padded), ("C", CbcChain(cipher.algorithm, key).last_block(padded))]
        case MacAlgorithm.X9_19 | MacAlgorithm.ISO9797_3_PAD2 | MacAlgorithm.ISO9797_3_PAD3:
            first, second = BlockCipher(Algorithm.DES, key[:8]), BlockCipher(Algorithm.DES, key[8:])
            chained = CbcChain(Algorithm.DES, key[:8]).last_block(_PADDINGS[algorithm](data, 8))
            opened = second.decrypt(chained)
            steps = [("C", chained), ("D", opened), ("E", first.encrypt(opened))]
        case MacAlgorithm.TDES_CMAC | MacAlgorithm.AES_CMAC:
            steps = [("C", KeptCmac(cipher.algorithm, key).of(data))]
        case MacAlgorithm.NONE:
            steps = []
    return [(label, value.hex().upper()) for label, value in steps]


def fold(data: bytes, size: int) -> int:
    """The exclusive or of all `size`-byte blocks of `data`, zero-padded to whole blocks, as one number.

    The message is one big number, laid over itself at halving distances until its last block holds the sum: a handful
    of operations where a loop over the blocks would take one for each. What is above the last block is cut off at the
    end; what is left of it on the way never reaches down again.
    """
    number = int.from_bytes(data, "big") << (-len(data) % size * 8)
    if len(data) > 256:
        shift = 1 << (len(data) * 8 - 1).bit_length() - 1
        while shift > 1024:
            number ^= number >> shift
            shift >>= 1
    number ^= number >> 1024
    number ^= number >> 512
    number ^= number >> 256
    number ^= number >> 128
    if size == 8:
        return (number ^ number >> 64) & 0xFFFF_FFFF_FFFF_FFFF
    return number & 0xFFFF_FFFF_FFFF_FFFF_FFFF_FFFF_FFFF_FFFF


def pad(data: bytes, size: int) -> bytes:
    """Zero bytes to whole blocks, at least one (ISO/IEC 9797-1, padding method 1)."""
    return data.ljust(max(size, -(-len(data) // size) * size), b"\x00")


def pad_2(data: bytes, size: int) -> bytes:
    """A byte 80 and zero bytes to whole blocks (ISO/IEC 9797-1, padding method 2)."""
    return pad(data + b"\x80", size)


def pad_3(data: bytes, size: int) -> bytes:
    """Zero bytes to whole blocks, behind a block with the length in bits (ISO/IEC 9797-1, padding method 3).

    Data of no length has no block but that one.
    """
    length = (len(data) * 8).to_bytes(size, "big")
    return length + pad(data, size) if data else length


def _xor(left: bytes, right: bytes) -> bytes:
    return bytes([x ^ y for x, y in zip(left, right, strict=True)])


_PADDINGS: Final = {
    **dict(zip(_ALGORITHM_1, (pad, pad_2, pad_3), strict=True)),
    **dict(zip(_ALGORITHM_3, (pad, pad_2, pad_3), strict=True)),
}
