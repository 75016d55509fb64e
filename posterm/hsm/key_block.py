"""A key as it is stored and passed about: its description in the clear, the key itself sealed under the LMK.

    S 1 0096 P0 T B 00 E 00 00 <ciphertext, hexadecimal> <MAC, 16 hexadecimal characters>
      │ │    │  │ │ │  │ │  └─ LMK identifier
      │ │    │  │ │ │  │ └─ number of optional blocks
      │ │    │  │ │ │  └─ exportability
      │ │    │  │ │ └─ key version number
      │ │    │  │ └─ mode of use
      │ │    │  └─ algorithm
      │ │    └─ key usage
      │ └─ length of all that follows the S, characters
      └─ version 1: AES key-block LMK; 0: TDES key-block LMK, whose MAC has 8 characters

The sealed part is the key's length in bits (2 bytes), the key, and random fill to whole cipher blocks.

Source: Thales payShield key blocks under an AES and a TDES LMK; header fields after ANSI X9.143-2021, 6.
Left out: optional blocks. Blocks that go to others under a key block protection key are in `tr31`.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final

from posterm.hsm.errors import CipherError, KeyBlockError, KeyCheckError, KeyUsageError
from posterm.hsm.keys import (
    PAYSHIELD_USAGES,
    USAGES,
    Algorithm,
    Exportability,
    KeyUsage,
    ModeOfUse,
    algorithm_of,
)
from posterm.hsm.lmk import Lmk
from posterm.hsm.primitives import require_key_length

_BLOCK: Final = re.compile(
    r"S(?P<header>(?P<version>[01])(?P<length>[0-9]{4})(?P<usage>[A-Z0-9]{2})(?P<letter>[A-Z0-9])(?P<mode>[A-Z0-9])[A-Za-z0-9]{2}"
    r"(?P<exportability>[A-Z])(?P<optional>[0-9]{2})[0-9]{2})(?P<sealed>[0-9A-F]{24,176})",
    re.ASCII,
)
_HEADER: Final = 16
HMAC_LETTER: Final = "H"
"""The algorithm letter of HMAC keys, which are for no cipher."""
SHORTEST_HMAC_KEY: Final = 8
LONGEST_HMAC_KEY: Final = 64
"""Bytes of the longest HMAC key in a key block: a digest of SHA-512. Longer ones are hashed before use anyhow."""


class KeyBlock(str):
    """The name of a key: printable, immutable, safe to store and to log, useless without the LMK.

    Raises: KeyBlockError: not the form above. Whether it is authentic shows when the HSM opens it.

    >>> block = KeyBlock("S10064M0DC00E0000" + "0" * 48)
    >>> block.usage, block.mode
    (<KeyUsage.MAC: 'M0'>, <ModeOfUse.GENERATE_AND_VERIFY: 'C'>)
    """

    __slots__ = ()

    def __new__(cls, text: str) -> KeyBlock:
        if type(text) is cls:
            return text
        match = _BLOCK.fullmatch(text)
        if match is None or not _is_whole(match["version"], len(match["sealed"])):
            raise KeyBlockError(
                "key block: need S, version 0 or 1, a 16-character header without optional blocks and hexadecimal"
                f" ciphertext, found {len(text)} characters of another form"
            )
        if int(match["length"]) != len(text) - 1:
            raise KeyBlockError(
                f"key block: the header says {int(match['length'])} characters, there are {len(text) - 1}"
            )
        if match["optional"] != "00":
            raise KeyBlockError(f"key block: {match['optional']} optional blocks, none is known here")
        return super().__new__(cls, text)

    @property
    def header(self) -> str:
        """The 16 header characters, from the version on."""
        return self[1 : 1 + _HEADER]

    @property
    def usage(self) -> KeyUsage:
        """Raises: KeyBlockError: a usage this HSM does not know."""
        usage = _USAGES.get(self[6:8])
        if usage is None:
            raise KeyBlockError(f"key block: usage {self[6:8]} is not known here")
        return usage

    @property
    def letter(self) -> str:
        """The algorithm letter: D DES, T TDES of either length, A AES, 4 SM4."""
        return self[8]

    @property
    def mode(self) -> ModeOfUse:
        """Raises: KeyBlockError: a mode of use this HSM does not know."""
        if self[9] not in _MODES:
            raise KeyBlockError(f"key block: mode of use {self[9]} is not known here")
        return ModeOfUse(self[9])

    @property
    def exportability(self) -> Exportability:
        """Raises: KeyBlockError: none of E, N, S."""
        if self[12] not in _EXPORTABILITIES:
            raise KeyBlockError(f"key block: exportability {self[12]} is not one of E, N, S")
        return Exportability(self[12])


def _is_whole(version: str, characters: int) -> bool:
    """True when ciphertext and MAC are as long as this version's can be."""
    block, mac = (32, 16) if version == "1" else (16, 8)
    return characters > mac and (characters - mac) % block == 0


def wrap(
    lmk: Lmk,
    key: bytes,
    usage: KeyUsage,
    algorithm: Algorithm,
    entropy: Callable[[int], bytes],
    mode: ModeOfUse | None = None,
    exportability: Exportability = Exportability.EXPORTABLE,
) -> KeyBlock:
    """Seal a clear key with its description.

    Args:
        key: as many bytes as `algorithm` asks for.
        entropy: gives the fill behind the key.
        mode: one the usage may carry; the usual one when left out.
    Raises: KeyCheckError: the key's length. KeyBlockError: a mode that does not go with the usage. KeyUsageError: an
        algorithm that does not.
    """
    require_key_length(algorithm, key)
    if algorithm not in USAGES[usage].algorithms:
        raise KeyUsageError(f"key block: usage {usage} does not go with a {algorithm} key")
    mode = require_mode(usage, mode)
    return seal(lmk, f"{usage}{algorithm.letter}{mode}00{exportability}0000", key, entropy)


def wrap_hmac(
    lmk: Lmk,
    key: bytes,
    entropy: Callable[[int], bytes],
    mode: ModeOfUse | None = None,
    exportability: Exportability = Exportability.EXPORTABLE,
) -> KeyBlock:
    """Seal an HMAC key of 8 to 64 bytes, as `wrap`. Raises: KeyCheckError: another length. KeyBlockError: as `wrap`."""
    if not SHORTEST_HMAC_KEY <= len(key) <= LONGEST_HMAC_KEY:
        raise KeyCheckError(
            f"an HMAC key is {SHORTEST_HMAC_KEY} to {LONGEST_HMAC_KEY} bytes in a key block, this has {len(key)}"
        )
    mode = require_mode(KeyUsage.HMAC, mode)
    return seal(lmk, f"{KeyUsage.HMAC}{HMAC_LETTER}{mode}00{exportability}0000", key, entropy)


def require_mode(usage: KeyUsage, mode: ModeOfUse | None) -> ModeOfUse:
    """The mode itself, or the usual one of the usage for None. Raises: KeyBlockError: the two do not go together."""
    modes = USAGES[usage].modes
    if mode is None:
        return modes[0]
    if mode not in modes:
        raise KeyBlockError(f"key block: usage {usage} does not go with mode of use {mode}")
    return mode


def seal(lmk: Lmk, description: str, key: bytes, entropy: Callable[[int], bytes]) -> KeyBlock:
    """Seal `key` under the 11 header characters that follow the length field."""
    fill_bytes = -(2 + len(key)) % lmk.cipher_block
    payload = (len(key) * 8).to_bytes(2, "big") + key + drawn(entropy, fill_bytes)
    characters = _HEADER + 2 * (len(payload) + lmk.mac_bytes)
    header = f"{lmk.version}{characters:04d}{description}"
    return KeyBlock(f"S{header}{lmk.seal(header.encode('ascii'), payload).hex().upper()}")


def unwrap(lmk: Lmk, block: KeyBlock) -> tuple[Algorithm, bytes]:
    """The algorithm and the clear key of a block, once it proves authentic.

    Raises: KeyBlockError: altered, sealed under another LMK, or header and key do not go together.
    """
    key = open_block(lmk, block)
    algorithm = algorithm_of(block.letter, len(key))
    if algorithm is None:
        raise KeyBlockError(f"key block: no algorithm {block.letter} has a key of the length sealed in it")
    return algorithm, key


def open_block(lmk: Lmk, block: KeyBlock) -> bytes:
    """The clear key of a block, whatever its algorithm. Raises: KeyBlockError: as `unwrap`."""
    if block[1] != lmk.version:
        raise KeyBlockError(
            f"key block: version {block[1]} is not of this local master key, whose blocks are {lmk.version}"
        )
    payload = lmk.unseal(block.header.encode("ascii"), bytes.fromhex(block[1 + _HEADER :]))
    bits = int.from_bytes(payload[:2], "big")
    if bits % 8 or not 0 < bits // 8 <= len(payload) - 2:
        raise KeyBlockError("key block: the length sealed in it does not go with its size")
    return payload[2 : 2 + bits // 8]


def drawn(entropy: Callable[[int], bytes], size: int) -> bytes:
    """`size` bytes of entropy. Raises: CipherError: the source gave another number."""
    found = entropy(size)
    if type(found) is not bytes or len(found) != size:
        raise CipherError(f"entropy: asked for {size} bytes, the source gave something else")
    return found


_USAGES: Final = {**PAYSHIELD_USAGES, **{usage.value: usage for usage in KeyUsage}}
_MODES: Final = frozenset(ModeOfUse)
_EXPORTABILITIES: Final = frozenset(Exportability)
