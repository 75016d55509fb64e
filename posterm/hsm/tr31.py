"""Key blocks that go from one party to another under a key block protection key (KBPK): TR-31, now ANSI X9.143.

    version   KBPK                 keys derived from it        cipher   MAC
    A, C      TDES, 16 or 24       its variants 45 and 4D      CBC      4 bytes, CBC-MAC over header and ciphertext
    B         TDES, 16 or 24       by TDES-CMAC                CBC      8 bytes, CMAC over header and clear payload
    D         AES, 16, 24 or 32    by AES-CMAC                 CBC      16 bytes, CMAC over header and clear payload
    E         AES, 16, 24 or 32    by AES-CMAC                 CTR      16 bytes, as D

Under B, D and E the MAC is the initial vector; under A and C it is the first header characters. The payload is the
key's length in bits (2 bytes), the key, and random fill. Optional blocks stand in the header, in the clear: two
characters of name, two of length (or 00 and an extended length), printable data; a block PB fills them up to whole
cipher blocks.

Source: ANSI X9.143-2021 (TR-31:2018), 5 and 7; ISO 20038:2017 (version E).
Left out: asymmetric keys, certificates in optional blocks; what optional blocks mean.
"""

from __future__ import annotations

import hmac
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from posterm.hsm.errors import KeyBlockError, KeyCheckError
from posterm.hsm.key_block import drawn
from posterm.hsm.keys import Algorithm
from posterm.hsm.primitives import CbcChain, aes_algorithm, aes_ctr, cbc_decrypt, cbc_encrypt, cmac

HEADER: Final = 16
LONGEST_BLOCK: Final = 9_999
LONGEST_KEY: Final = 512
MOST_OPTIONAL_BLOCKS: Final = 99

_HEADER: Final = re.compile(
    r"(?P<version>[ABCDE])(?P<length>[0-9]{4})(?P<usage>[A-Z0-9]{2})(?P<algorithm>[A-Z0-9])(?P<mode>[A-Z0-9])"
    r"(?P<key_version>[A-Za-z0-9]{2})(?P<exportability>[A-Z0-9])(?P<optional>[0-9]{2})(?P<reserved>[A-Za-z0-9]{2})",
    re.ASCII,
)
_OPTIONAL: Final = re.compile(r"[A-Za-z0-9]{2}", re.ASCII)
_PRINTABLE: Final = re.compile(r"[ -~]*", re.ASCII)
_HEXADECIMAL: Final = re.compile(r"[0-9A-Fa-f]+", re.ASCII)

_MAC_BYTES: Final = {"A": 4, "B": 8, "C": 4, "D": 16, "E": 16}
_BLOCK_BYTES: Final = {"A": 8, "B": 8, "C": 8, "D": 16, "E": 16}
_PAYLOAD_UNIT: Final = {"A": 8, "B": 8, "C": 8, "D": 16, "E": 1}
_KBPK_BYTES: Final = {"A": (16, 24), "B": (16, 24), "C": (16, 24), "D": (16, 24, 32), "E": (16, 24, 32)}


@dataclass(frozen=True, slots=True)
class OptionalBlock:
    """One optional block: two characters of name, printable data."""

    name: str
    data: str

    def __post_init__(self) -> None:
        if _OPTIONAL.fullmatch(self.name) is None or _PRINTABLE.fullmatch(self.data) is None:
            raise KeyBlockError("key block: an optional block is a name of two characters and printable data")


@dataclass(frozen=True, slots=True)
class Tr31Header:
    """What a key block says of its key in the clear, in the letters of the standard.

    Raises: KeyBlockError: a field of another form.
    """

    version: str
    usage: str
    algorithm: str
    mode: str
    key_version: str = "00"
    exportability: str = "E"
    optional: tuple[OptionalBlock, ...] = ()
    reserved: str = "00"

    def __post_init__(self) -> None:
        if _HEADER.fullmatch(self._written(0, 0)) is None:
            raise KeyBlockError("key block: a header field is of another form than the standard has it")
        if len(self.optional) > MOST_OPTIONAL_BLOCKS - 1:
            raise KeyBlockError(f"key block: at most {MOST_OPTIONAL_BLOCKS - 1} optional blocks and the fill")

    def _written(self, length: int, optional: int) -> str:
        return (
            f"{self.version}{length:04d}{self.usage}{self.algorithm}{self.mode}{self.key_version}"
            f"{self.exportability}{optional:02d}{self.reserved}"
        )

    def text(self, payload_bytes: int) -> str:
        """The header with its optional blocks, as it leads a block with a payload of so many bytes.

        Raises: KeyBlockError: more than 9,999 characters in all.
        """
        optional = [_optional_text(block) for block in self.optional]
        joined = "".join(optional)
        unit = _BLOCK_BYTES[self.version]
        if len(joined) % unit:
            fill = -(len(joined) + 4) % unit
            joined += f"PB{fill + 4:02X}" + "0" * fill
            optional.append("PB")
        length = HEADER + len(joined) + 2 * (payload_bytes + _MAC_BYTES[self.version])
        if length > LONGEST_BLOCK:
            raise KeyBlockError(f"key block: at most {LONGEST_BLOCK} characters, this would have {length}")
        return self._written(length, len(optional)) + joined


def wrap(
    kbpk: bytes, header: Tr31Header, key: bytes, entropy: Callable[[int], bytes], *, padded_key_bytes: int = 0
) -> str:
    """Seal a key with its header.

    Args:
        kbpk: 16 or 24 bytes for versions A to C, 16, 24 or 32 for D and E.
        key: 1 to 512 bytes.
        entropy: gives the fill behind the key.
        padded_key_bytes: fill shorter keys up to this length, so that the block does not tell it.
    Raises: KeyBlockError: a header or block that cannot be. KeyCheckError: the length of a key, or an AES key under a
        TDES one.
    """
    _require_kbpk(header.version, kbpk)
    if not 1 <= len(key) <= LONGEST_KEY or padded_key_bytes > LONGEST_KEY:
        raise KeyCheckError(f"key block: a key is 1 to {LONGEST_KEY} bytes, this has {len(key)}")
    if header.algorithm == "A" and header.version in "ABC":
        raise KeyCheckError(f"key block: an AES key does not go under a TDES key, as version {header.version} has it")
    clear_bytes = 2 + max(len(key), padded_key_bytes)
    clear_bytes += -clear_bytes % _PAYLOAD_UNIT[header.version]
    fill = drawn(entropy, clear_bytes - 2 - len(key))
    payload = (len(key) * 8).to_bytes(2, "big") + key + fill
    text = header.text(clear_bytes)
    ciphertext, mac = _seal(header.version, kbpk, text.encode("ascii"), payload)
    return text + (ciphertext + mac).hex().upper()


def unwrap(kbpk: bytes, block: str) -> tuple[Tr31Header, bytes]:
    """The header and the clear key of a block, once it proves authentic.

    Raises: KeyBlockError: malformed, altered, or sealed under another key. KeyCheckError: the length of `kbpk`.
    """
    header, end = parse(block)
    _require_kbpk(header.version, kbpk)
    mac_bytes = _MAC_BYTES[header.version]
    sealed = bytes.fromhex(block[end:])
    payload = _open(header.version, kbpk, block[:end].encode("ascii"), sealed[:-mac_bytes], sealed[-mac_bytes:])
    bits = int.from_bytes(payload[:2], "big")
    if bits % 8 or not 0 < bits // 8 <= len(payload) - 2:
        raise KeyBlockError("key block: the length sealed in it does not go with its size")
    return header, payload[2 : 2 + bits // 8]


def parse(block: str) -> tuple[Tr31Header, int]:
    """What a block says in the clear, and where its ciphertext begins; nothing proves that it is authentic.

    Raises: KeyBlockError: malformed.
    """
    match = _HEADER.fullmatch(block[:HEADER])
    if match is None:
        raise KeyBlockError("key block: need a header of 16 characters with version A to E, found another form")
    if int(match["length"]) != len(block):
        raise KeyBlockError(f"key block: the header says {int(match['length'])} characters, there are {len(block)}")
    version = match["version"]
    optional, end = _parse_optional(block, int(match["optional"]))
    if (end - HEADER) % _BLOCK_BYTES[version]:
        raise KeyBlockError("key block: its optional blocks are not filled up to whole cipher blocks")
    sealed = block[end:]
    payload = len(sealed) // 2 - _MAC_BYTES[version]
    if payload < 3 or payload % _PAYLOAD_UNIT[version] or len(sealed) % 2 or _HEXADECIMAL.fullmatch(sealed) is None:
        raise KeyBlockError("key block: what follows the header is not ciphertext and MAC in hexadecimal")
    fields = {name: match[name] for name in ("usage", "algorithm", "mode", "key_version", "exportability", "reserved")}
    return Tr31Header(version=version, optional=optional, **fields), end


def _parse_optional(block: str, count: int) -> tuple[tuple[OptionalBlock, ...], int]:
    found: list[OptionalBlock] = []
    at = HEADER
    for _ in range(count):
        name, size, lead = block[at : at + 2], block[at + 2 : at + 4], 4
        if size == "00":  # the length of the length, then the length
            digits = _hexadecimal(block[at + 4 : at + 6]) * 2
            if not 0 < digits <= 4:
                raise KeyBlockError("key block: an extended length of an optional block has 1 or 2 bytes")
            lead = 6 + digits
            size = block[at + 6 : at + lead]
        length = _hexadecimal(size)
        if length < lead or at + length > len(block):
            raise KeyBlockError("key block: an optional block is shorter than its lead or reaches beyond the block")
        if name != "PB":
            found.append(OptionalBlock(name, block[at + lead : at + length]))
        at += length
    return tuple(found), at


def _hexadecimal(digits: str) -> int:
    if _HEXADECIMAL.fullmatch(digits) is None:
        raise KeyBlockError("key block: an optional block has a length that is not hexadecimal")
    return int(digits, 16)


def _optional_text(block: OptionalBlock) -> str:
    short = 4 + len(block.data)
    if short <= 0xFF:
        return f"{block.name}{short:02X}{block.data}"
    return f"{block.name}0002{10 + len(block.data):04X}{block.data}"


def _require_kbpk(version: str, kbpk: bytes) -> None:
    sizes = _KBPK_BYTES[version]
    if len(kbpk) not in sizes:
        raise KeyCheckError(
            f"key block: version {version} needs a protection key of {' or '.join(map(str, sizes))} bytes,"
            f" this has {len(kbpk)}"
        )


def _seal(version: str, kbpk: bytes, header: bytes, payload: bytes) -> tuple[bytes, bytes]:
    algorithm = _algorithm(version, kbpk)
    encryption_key, mac_key = derive(version, kbpk)
    if version in "AC":
        ciphertext = cbc_encrypt(algorithm, encryption_key, header[:8], payload)
        return ciphertext, CbcChain(algorithm, mac_key).last_block(header + ciphertext)[:4]
    mac = cmac(algorithm, mac_key, header + payload)
    if version == "E":
        return aes_ctr(encryption_key, mac, payload), mac
    return cbc_encrypt(algorithm, encryption_key, mac, payload), mac


def _open(version: str, kbpk: bytes, header: bytes, ciphertext: bytes, mac: bytes) -> bytes:
    algorithm = _algorithm(version, kbpk)
    encryption_key, mac_key = derive(version, kbpk)
    if version in "AC":
        expected = CbcChain(algorithm, mac_key).last_block(header + ciphertext)[:4]
        payload = b""
    else:
        if version == "E":
            payload = aes_ctr(encryption_key, mac, ciphertext)
        else:
            payload = cbc_decrypt(algorithm, encryption_key, mac, ciphertext)
        expected = cmac(algorithm, mac_key, header + payload)
    if not hmac.compare_digest(expected, mac):
        raise KeyBlockError(
            "key block: the authentication code does not match its header and key",
            hint="the block was altered, or sealed under another key block protection key",
        )
    return payload or cbc_decrypt(algorithm, encryption_key, header[:8], ciphertext)


def derive(version: str, kbpk: bytes) -> tuple[bytes, bytes]:
    """The key that enciphers and the key that authenticates, each as long as `kbpk`.

    Source: ANSI X9.143-2021, 7.2 (variants) and 7.3 (CMAC).
    """
    if version in "AC":
        return bytes([byte ^ 0x45 for byte in kbpk]), bytes([byte ^ 0x4D for byte in kbpk])
    return _derived(version, kbpk, 2 if version == "E" else 0), _derived(version, kbpk, 1)


def _derived(version: str, kbpk: bytes, usage: int) -> bytes:
    # Counter, key usage (0 CBC, 1 authenticate, 2 CTR), separator, algorithm, bits asked for.
    algorithm = _algorithm(version, kbpk)
    tail = usage.to_bytes(2, "big") + b"\x00" + _DERIVATION_CODES[algorithm] + (len(kbpk) * 8).to_bytes(2, "big")
    blocks = -(-len(kbpk) // algorithm.block_bytes)
    return b"".join(cmac(algorithm, kbpk, bytes([counter]) + tail) for counter in range(1, blocks + 1))[: len(kbpk)]


def _algorithm(version: str, kbpk: bytes) -> Algorithm:
    if version in "DE":
        return aes_algorithm(kbpk)
    return Algorithm.TDES_DOUBLE if len(kbpk) == 16 else Algorithm.TDES_TRIPLE


_DERIVATION_CODES: Final = {
    Algorithm.TDES_DOUBLE: b"\x00\x00",
    Algorithm.TDES_TRIPLE: b"\x00\x01",
    Algorithm.AES_128: b"\x00\x02",
    Algorithm.AES_192: b"\x00\x03",
    Algorithm.AES_256: b"\x00\x04",
}
