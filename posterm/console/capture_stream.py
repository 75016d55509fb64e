"""The frames of a capture: TCP streams put together by sequence number, and cut where the framing says.

Each direction of a connection is a stream of its own. Segments may come late, twice or overlapping. Where the capture
lost some, the frame they belong to is given up, a `Gap` says how many bytes are missing, and reading goes on with the
next segment, taken to begin a frame.

Source: RFC 9293, 3.4 (sequence numbers).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Final

from posterm.console.capture_file import Packet
from posterm.console.capture_packet import NotTcp, Segment, segment_of
from posterm.console.errors import InputError
from posterm.iso8583 import FrameDecoder, FramingError
from posterm.iso8583.framing import LengthForm

MAX_STREAMS: Final = 4096
MAX_HELD_BYTES: Final = 1_048_576
"""How much of one stream may wait for an earlier segment before that counts as lost; more than a window usually is."""
MAX_WHOLE_BYTES: Final = 65_535
_MODULUS: Final = 1 << 32
_HALF: Final = 1 << 31

Address = tuple[str, int]


@dataclass(frozen=True, slots=True)
class Found:
    """A frame without its length: when its last byte came, from where to where. `to_host` by the port asked for."""

    time_ns: int
    source: Address
    destination: Address
    to_host: bool
    payload: bytes


@dataclass(frozen=True, slots=True)
class Gap:
    """Part of a stream that cannot be read, and why."""

    time_ns: int
    source: Address
    destination: Address
    to_host: bool
    why: str


@dataclass(slots=True)
class _Stream:
    """One direction of one connection. `next` is the sequence number expected, None before the first segment."""

    source: Address
    destination: Address
    to_host: bool
    decoder: FrameDecoder | None
    next: int | None = None
    held: dict[int, bytes] = field(default_factory=dict)
    held_bytes: int = 0
    whole: bytearray = field(default_factory=bytearray)
    last_ns: int = 0
    broken: bool = False


class CaptureReader:
    """Gives the frames of one TCP port of a capture.

    Args:
        port: the host's; segments from and to it count.
        length: how frames are cut; None when a connection carries one message each way.
    """

    def __init__(self, port: int, length: LengthForm | None, *, counts_itself: bool = False) -> None:
        self._port = port
        self._length = length
        self._counts_itself = counts_itself
        self._streams: dict[tuple[Address, Address], _Stream] = {}
        self.ports: Counter[int] = Counter()
        self.left_out: Counter[str] = Counter()

    def frames(self, packets: Iterable[Packet]) -> Iterator[Found | Gap]:
        """What the packets hold, in the order in which it became whole.

        Raises: InputError: more streams than any capture worth reading has.
        """
        last = 0
        for packet in packets:
            last = packet.time_ns
            try:
                segment = segment_of(packet.link_type, packet.data)
            except NotTcp as error:
                if str(error):
                    self.left_out[str(error)] += 1
                continue
            self.ports[_host_port(segment)] += 1
            if self._port in (segment.source[1], segment.destination[1]):
                yield from self._take(segment, packet.time_ns)
        for stream in self._streams.values():
            yield from self._finish(stream, stream.last_ns or last)

    def _take(self, segment: Segment, now: int) -> Iterator[Found | Gap]:
        key = (segment.source, segment.destination)
        stream = self._streams.get(key)
        if stream is not None and segment.begins and stream.next is not None:
            repeated = segment.sequence == (stream.next - 1) % _MODULUS
            if not repeated:
                yield from self._finish(stream, now)
                stream = None
        if stream is None:
            if len(self._streams) >= MAX_STREAMS:
                raise InputError(f"capture: need at most {MAX_STREAMS} streams on port {self._port}, have more")
            stream = self._streams[key] = self._new_stream(segment)
        if segment.begins:
            stream.next = (segment.sequence + 1) % _MODULUS
            return
        if stream.next is None:
            if not segment.payload:
                return
            stream.next = segment.sequence
        stream.last_ns = now
        yield from self._arrange(stream, segment, now)
        if segment.ends and not stream.held and self._length is None:
            yield from self._finish(stream, now)

    def _new_stream(self, segment: Segment) -> _Stream:
        decoder = FrameDecoder(self._length, self._counts_itself) if self._length is not None else None
        return _Stream(segment.source, segment.destination, segment.destination[1] == self._port, decoder)

    def _arrange(self, stream: _Stream, segment: Segment, now: int) -> Iterator[Found | Gap]:
        """Put a segment where it belongs and read on as far as there is no hole."""
        if segment.payload:
            earlier = stream.held.get(segment.sequence, b"")
            if len(segment.payload) > len(earlier):
                stream.held[segment.sequence] = segment.payload
                stream.held_bytes += len(segment.payload) - len(earlier)
        yield from self._read_on(stream, now)
        while stream.held_bytes > MAX_HELD_BYTES:
            yield from self._skip_gap(stream, now)

    def _read_on(self, stream: _Stream, now: int) -> Iterator[Found | Gap]:
        expected = stream.next or 0
        while stream.held:
            sequence = min(stream.held, key=lambda each: _distance(expected, each))
            if _distance(expected, sequence) > 0:
                break
            payload = stream.held.pop(sequence)
            stream.held_bytes -= len(payload)
            fresh = payload[_distance(sequence, expected) :]
            expected = (expected + len(fresh)) % _MODULUS
            stream.next = expected
            if fresh:
                yield from self._feed(stream, fresh, now)

    def _skip_gap(self, stream: _Stream, now: int) -> Iterator[Found | Gap]:
        expected = stream.next or 0
        sequence = min(stream.held, key=lambda each: _distance(expected, each))
        lost = _distance(expected, sequence)
        yield self._gap(stream, now, f"{lost} bytes are missing from the capture; reading goes on behind them")
        stream.next = sequence
        stream.whole.clear()
        stream.broken = False
        if self._length is not None:
            stream.decoder = FrameDecoder(self._length, self._counts_itself)
        yield from self._read_on(stream, now)

    def _feed(self, stream: _Stream, data: bytes, now: int) -> Iterator[Found | Gap]:
        if stream.broken:
            return
        if stream.decoder is None:
            stream.whole += data
            if len(stream.whole) > MAX_WHOLE_BYTES:
                stream.broken = True
                yield self._gap(stream, now, f"need at most {MAX_WHOLE_BYTES} bytes on one connection, have more")
            return
        try:
            for payload in stream.decoder.feed(data):
                yield self._found(stream, now, payload)
            if stream.decoder.fault is not None:
                raise stream.decoder.fault
        except FramingError as error:
            stream.broken = True
            yield self._gap(stream, now, f"{error}; nothing more of this direction can be read")

    def _finish(self, stream: _Stream, now: int) -> Iterator[Found | Gap]:
        """Read what waits for segments that never came, and tell what is left."""
        while stream.held:
            yield from self._skip_gap(stream, now)
        if stream.broken:
            pass
        elif stream.whole:
            yield self._found(stream, now, bytes(stream.whole))
        elif stream.decoder is not None and stream.decoder.pending:
            yield self._gap(stream, now, f"{len(stream.decoder.pending)} bytes of a frame that is not whole")
        stream.whole.clear()
        stream.broken = True

    def _found(self, stream: _Stream, now: int, payload: bytes) -> Found:
        return Found(now, stream.source, stream.destination, stream.to_host, payload)

    def _gap(self, stream: _Stream, now: int, why: str) -> Gap:
        return Gap(now, stream.source, stream.destination, stream.to_host, why)


def _distance(expected: int, sequence: int) -> int:
    """How far a sequence number lies ahead of the one expected; negative when behind. It wraps at 2 to the 32."""
    return (sequence - expected + _HALF) % _MODULUS - _HALF


def _host_port(segment: Segment) -> int:
    """The port of the side that listens: the one asked by the opening segment, else the lower."""
    if segment.begins:
        return segment.source[1] if segment.answers else segment.destination[1]
    return min(segment.source[1], segment.destination[1])
