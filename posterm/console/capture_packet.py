"""What a captured packet carries: the TCP segment in it, through the layers around it.

Source: the link types registered at tcpdump.org; IEEE 802.3 and 802.1Q; RFC 791 (IPv4), RFC 8200 (IPv6), RFC 9293
(TCP).
Leaves out checksums, which capturing machines often have not filled in yet, and puts no IP fragments together.
"""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from typing import Final

from posterm.errors import PostermError

_IPV4, _IPV6 = 0x0800, 0x86DD
_VLAN: Final = frozenset({0x8100, 0x88A8, 0x9100})
_TCP: Final = 6
_FRAGMENT: Final = 44
_EXTENSIONS: Final = frozenset({0, 43, 60})
_MOST_LAYERS: Final = 8

_BY_VERSION: Final = frozenset({12, 14, 101, 228, 229})
"""Link types without a header: the first nibble says which IP it is."""
_ETHERNET, _NULL, _LOOP, _COOKED, _COOKED_2 = 1, 0, 108, 113, 276
LINK_TYPES: Final = _BY_VERSION | {_ETHERNET, _NULL, _LOOP, _COOKED, _COOKED_2}


@dataclass(frozen=True, slots=True)
class Segment:
    """One TCP segment, its payload perhaps cut short by the capture."""

    source: tuple[str, int]
    destination: tuple[str, int]
    sequence: int
    payload: bytes
    begins: bool
    ends: bool
    answers: bool


class NotTcp(PostermError):  # noqa: N818 - no error: most captures hold other packets too
    """A packet without a TCP segment that can be read; the text says what it is, empty for what nobody misses."""


def segment_of(link_type: int, data: bytes) -> Segment:
    """The TCP segment in a packet.

    Raises: NotTcp: there is none, or not the whole of its headers.
    """
    ether_type, at = _network(link_type, data)
    if ether_type == _IPV4:
        return _from_ipv4(data[at:])
    if ether_type == _IPV6:
        return _from_ipv6(data[at:])
    raise NotTcp("")


def _network(link_type: int, data: bytes) -> tuple[int, int]:
    """The type of the network layer, and where it begins."""
    if link_type == _ETHERNET:
        at = 12
        for _ in range(_MOST_LAYERS):
            kind = int.from_bytes(data[at : at + 2], "big")
            if kind not in _VLAN:
                return kind, at + 2
            at += 4
    elif link_type in (_NULL, _LOOP):
        return _by_version(data, 4)
    elif link_type == _COOKED:
        return int.from_bytes(data[14:16], "big"), 16
    elif link_type == _COOKED_2:
        return int.from_bytes(data[0:2], "big"), 20
    elif link_type in _BY_VERSION:
        return _by_version(data, 0)
    else:
        raise NotTcp(f"packets of link type {link_type}")
    raise NotTcp("")


def _by_version(data: bytes, at: int) -> tuple[int, int]:
    """The address family before it is numbered by every system in its own way, so the IP header decides."""
    version = data[at] >> 4 if len(data) > at else 0
    return {4: _IPV4, 6: _IPV6}.get(version, 0), at


def _from_ipv4(data: bytes) -> Segment:
    if len(data) < 20 or data[0] >> 4 != 4:
        raise NotTcp("packets cut off before their TCP header")
    header = (data[0] & 0x0F) * 4
    total = int.from_bytes(data[2:4], "big")
    if data[9] != _TCP:
        raise NotTcp("")
    if int.from_bytes(data[6:8], "big") & 0x3FFF:
        raise NotTcp("IP fragments")
    if total == 0:  # left to the network card, which cuts large segments itself
        total = len(data)
    return _tcp(data[header:total], data[12:16], data[16:20])


def _from_ipv6(data: bytes) -> Segment:
    if len(data) < 40:
        raise NotTcp("packets cut off before their TCP header")
    total = int.from_bytes(data[4:6], "big") + 40
    if total == 40:
        total = len(data)
    kind, at = data[6], 40
    for _ in range(_MOST_LAYERS):
        if kind == _TCP:
            return _tcp(data[at:total], data[8:24], data[24:40])
        if kind == _FRAGMENT:
            raise NotTcp("IP fragments")
        if kind not in _EXTENSIONS or len(data) < at + 8:
            raise NotTcp("")
        kind, at = data[at], at + (data[at + 1] + 1) * 8
    raise NotTcp("")


def _tcp(data: bytes, source: bytes, destination: bytes) -> Segment:
    header = (data[12] >> 4) * 4 if len(data) >= 20 else 0
    if not 20 <= header <= len(data):
        raise NotTcp("packets cut off before their TCP header")
    flags = data[13]
    return Segment(
        (str(ipaddress.ip_address(source)), int.from_bytes(data[0:2], "big")),
        (str(ipaddress.ip_address(destination)), int.from_bytes(data[2:4], "big")),
        int.from_bytes(data[4:8], "big"),
        data[header:],
        begins=bool(flags & 0x02),
        ends=bool(flags & 0x05),
        answers=bool(flags & 0x10),
    )
