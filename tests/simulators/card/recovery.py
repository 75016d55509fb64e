"""Public keys recovered from a card's certificates, and its signatures checked: written from the book, for these tests.

Nothing here comes from the simulator or the kernel. Source: EMV 4.4 Book 2, 5.3 to 6.6 and 7.1.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass


@dataclass(frozen=True)
class PublicKey:
    modulus: bytes
    exponent: bytes

    def open(self, signed: bytes) -> bytes:
        """The block under a signature, header and trailer checked and taken off, its hash apart."""
        assert len(signed) == len(self.modulus), "as long as the modulus"
        number = pow(
            int.from_bytes(signed, "big"), int.from_bytes(self.exponent, "big"), int.from_bytes(self.modulus, "big")
        )
        block = number.to_bytes(len(self.modulus), "big")
        assert block[0] == 0x6A, "header"
        assert block[-1] == 0xBC, "trailer"
        return block[1:-1]

    def opened(self, signed: bytes, tail: bytes) -> bytes:
        """The body, when its hash is that of the body and `tail`."""
        block = self.open(signed)
        body, digest = block[:-20], block[-20:]
        assert hashlib.sha1(body + tail).digest() == digest, "hash"
        return body


def issuer_key(authority: PublicKey, heard: dict[str, bytes]) -> PublicKey:
    rest, exponent = heard.get("92", b""), heard["9F32"]
    body = authority.opened(heard["90"], rest + exponent)
    assert body[0] == 2
    assert heard["5A"].hex().startswith(body[1:5].hex().rstrip("f"))
    size, exponent_size = body[12], body[13]
    assert exponent_size == len(exponent)
    return PublicKey((body[14:] + rest)[:size] if rest else body[14 : 14 + size], exponent)


def card_key(issuer: PublicKey, heard: dict[str, bytes], static: bytes, tags: tuple[str, str, str]) -> PublicKey:
    certificate, exponent_tag, rest_tag = tags
    rest, exponent = heard.get(rest_tag, b""), heard[exponent_tag]
    body = issuer.opened(heard[certificate], rest + exponent + static)
    assert body[0] == 4
    assert body[1:11].hex().rstrip("f") == heard["5A"].hex().rstrip("f")
    size = body[18]
    return PublicKey((body[20:] + rest)[:size], exponent)


ICC = ("9F46", "9F47", "9F48")
PIN = ("9F2D", "9F2E", "9F2F")


def data_authentication_code(issuer: PublicKey, heard: dict[str, bytes], static: bytes) -> bytes:
    body = issuer.opened(heard["93"], static)
    assert body[:2] == b"\x03\x01"
    assert set(body[4:]) == {0xBB}
    return body[2:4]


def dynamic_data(icc: PublicKey, signed: bytes, terminal_data: bytes) -> bytes:
    body = icc.opened(signed, terminal_data)
    assert body[:2] == b"\x05\x01"
    length = body[2]
    assert set(body[3 + length :]) <= {0xBB}
    return body[3 : 3 + length]
