"""Captures made by hand: packets around TCP payloads, and pcap and pcapng files around packets."""

from __future__ import annotations

import ipaddress
import struct
from collections.abc import Iterable
from typing import NamedTuple

TERMINAL, HOST = "192.0.2.10", "192.0.2.1"
TERMINAL_6, HOST_6 = "2001:db8::10", "2001:db8::1"
CLIENT_PORT, HOST_PORT = 40_000, 8583
SECOND = 1_900_000_000
FIN, SYN, ACK = 0x01, 0x02, 0x10


class Sent(NamedTuple):
    """One TCP segment: to the host unless `back`; `at` is its sequence number."""

    payload: bytes
    at: int = 1
    back: bool = False
    flags: int = ACK
    client_port: int = CLIENT_PORT
    port: int = HOST_PORT


def tcp(sent: Sent) -> bytes:
    ports = (sent.port, sent.client_port) if sent.back else (sent.client_port, sent.port)
    return struct.pack(">HHIIBBHHH", *ports, sent.at % (1 << 32), 0, 5 << 4, sent.flags, 8192, 0, 0) + sent.payload


def ipv4(sent: Sent, *, fragment: int = 0, protocol: int = 6) -> bytes:
    body = tcp(sent)
    ends = [ipaddress.ip_address(each).packed for each in (TERMINAL, HOST)]
    source, destination = reversed(ends) if sent.back else ends
    head = struct.pack(">BBHHHBBH", 0x45, 0, 20 + len(body), 1, fragment, 64, protocol, 0)
    return head + source + destination + body


def ipv6(sent: Sent, *, extensions: bytes = b"", first: int = 6) -> bytes:
    body = extensions + tcp(sent)
    ends = [ipaddress.ip_address(each).packed for each in (TERMINAL_6, HOST_6)]
    source, destination = reversed(ends) if sent.back else ends
    return struct.pack(">IHBB", 6 << 28, len(body), first, 64) + source + destination + body


def ethernet(packet: bytes, *, vlans: int = 0) -> bytes:
    kind = 0x86DD if packet[0] >> 4 == 6 else 0x0800
    return bytes(12) + b"\x81\x00\x00\x05" * vlans + struct.pack(">H", kind) + packet


def cooked(packet: bytes) -> bytes:
    return bytes(14) + struct.pack(">H", 0x86DD if packet[0] >> 4 == 6 else 0x0800) + packet


def cooked_2(packet: bytes) -> bytes:
    return struct.pack(">H", 0x86DD if packet[0] >> 4 == 6 else 0x0800) + bytes(18) + packet


def loopback(packet: bytes) -> bytes:
    return struct.pack("<I", 2) + packet


def pcap(packets: Iterable[bytes], *, link_type: int = 1, order: str = "<", nanoseconds: bool = False) -> bytes:
    """A pcap file; the packets are a millisecond apart."""
    magic, unit = (0xA1B23C4D, 1_000_000) if nanoseconds else (0xA1B2C3D4, 1000)
    parts = [struct.pack(f"{order}IHHiIII", magic, 2, 4, 0, 0, 65_535, link_type)]
    for number, packet in enumerate(packets):
        parts.append(struct.pack(f"{order}IIII", SECOND, number * unit, len(packet), len(packet)) + packet)
    return b"".join(parts)


def block(kind: int, body: bytes, order: str = "<") -> bytes:
    body += bytes(-len(body) % 4)
    size = struct.pack(f"{order}I", len(body) + 12)
    return struct.pack(f"{order}I", kind) + size + body + size


def section(order: str = "<") -> bytes:
    return block(0x0A0D0D0A, struct.pack(f"{order}IHHq", 0x1A2B3C4D, 1, 0, -1), order)


def interface(link_type: int = 1, order: str = "<", options: bytes = b"") -> bytes:
    return block(1, struct.pack(f"{order}HHI", link_type, 0, 0) + options, order)


def enhanced(packet: bytes, ticks: int, order: str = "<", index: int = 0) -> bytes:
    head = struct.pack(f"{order}IIIII", index, ticks >> 32, ticks & 0xFFFF_FFFF, len(packet), len(packet))
    return block(6, head + packet, order)


def pcapng(packets: Iterable[bytes], *, link_type: int = 1, order: str = "<") -> bytes:
    """A pcapng file with microseconds; the packets are a millisecond apart."""
    blocks = [section(order), interface(link_type, order), block(5, bytes(12), order)]
    for number, packet in enumerate(packets):
        blocks.append(enhanced(packet, SECOND * 1_000_000 + number * 1000, order))
    return b"".join(blocks)
