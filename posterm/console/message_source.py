"""Where `decode` takes its messages from: digits, a file of digits or bytes, a stream of frames, or a capture."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, BinaryIO, Final

from posterm.console.capture_file import Packet, read_packets
from posterm.console.capture_stream import Address, CaptureReader, Found
from posterm.console.captured import Captured
from posterm.console.cli.message_choice import taken_apart
from posterm.console.errors import InputError
from posterm.iso8583 import FrameDecoder, FrameHeader, FramingError

if TYPE_CHECKING:
    from posterm.iso8583.framing import LengthForm

MAX_STREAM_BYTES: Final = 64 * 1024 * 1024
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Item:
    """One message found, or a place where none could be read (`fault`, and nothing captured).

    `number` counts messages from 1, 0 for a lone one. Time and addresses are empty outside captures. A message that is
    captured with no bytes keeps the connection alive.
    """

    number: int = 0
    captured: Captured | None = None
    fault: str = ""
    time: str = ""
    source: str = ""
    destination: str = ""
    to_host: bool = True

    @property
    def direction(self) -> str:
        """Which way it went; empty outside captures."""
        return ("to host" if self.to_host else "from host") if self.source else ""


@dataclass(frozen=True, slots=True)
class Cut:
    """How frames are cut: the length before each (None for none) and the headers after it."""

    length: LengthForm | None = None
    counts_itself: bool = False
    headers: tuple[FrameHeader, ...] = ()


def lone_message(data: bytes, cut: Cut) -> Iterator[Item]:
    """The one message in what was pasted.

    Raises: FramingError: the named headers are not there.
    """
    yield Item(captured=taken_apart(data, cut.headers))


def framed_messages(data: bytes, cut: Cut) -> Iterator[Item]:
    """The messages of a stream of frames; one that is cut off at the end is told as a fault."""
    decoder = FrameDecoder(cut.length or "be16", cut.counts_itself)
    number = 0
    try:
        for number, payload in enumerate(decoder.feed(data), start=1):
            yield _item(Item(number), payload, cut)
        if decoder.fault is not None:
            raise decoder.fault
    except FramingError as error:
        yield Item(fault=str(error))
        return
    if decoder.pending:
        yield Item(fault=f"frame {number + 1}: need a whole frame, have its first {len(decoder.pending)} bytes")


def captured_messages(file: BinaryIO, magic: bytes, port: int | None, cut: Cut) -> Iterator[Item]:
    """The messages of a capture, in the order in which each became whole.

    Packets left out, and where the file breaks off, are told at the end.

    Raises: InputError: no capture, a broken one, or no port given where several listen.
    """
    if port is None:
        port = _only_port(file, magic)
        file.seek(len(magic))
    reader = CaptureReader(port, cut.length, counts_itself=cut.counts_itself)
    number = 0
    broken: list[InputError] = []

    def packets() -> Iterator[Packet]:
        try:
            yield from read_packets(file, magic)
        except InputError as error:  # what came before it is worth reading
            broken.append(error)

    for found in reader.frames(packets()):
        place = Item(
            time=_written_time(found.time_ns),
            source=_written(found.source),
            destination=_written(found.destination),
            to_host=found.to_host,
        )
        if isinstance(found, Found):
            number += 1
            yield _item(replace(place, number=number), found.payload, cut)
        else:
            yield replace(place, fault=f"{place.source} to {place.destination}, {place.time}: {found.why}")
    if broken and not number:
        raise broken[0]
    yield from (Item(fault=str(error)) for error in broken)
    for what, count in reader.left_out.items():
        yield Item(fault=f"capture: {count} {what} left out")
    if not number:
        raise InputError(f"capture: need messages on port {port}, have none", hint=_ports_hint(reader.ports))


def _item(place: Item, payload: bytes, cut: Cut) -> Item:
    try:
        return replace(place, captured=taken_apart(payload, cut.headers) if payload else Captured(b""))
    except FramingError as error:
        return replace(place, fault=f"message {place.number}: {error}")


def _only_port(file: BinaryIO, magic: bytes) -> int:
    """The one port on which the host of a capture listens."""
    if not file.seekable():
        raise InputError("--port: need the host's TCP port, since a capture from a pipe is read only once")
    reader = CaptureReader(-1, None)
    for _ in reader.frames(read_packets(file, magic)):
        pass
    if len(reader.ports) != 1:
        raise InputError("--port: need the host's TCP port, have none", hint=_ports_hint(reader.ports))
    return next(iter(reader.ports))


def _ports_hint(ports: Counter[int]) -> str:
    if not ports:
        return "the capture holds no TCP over Ethernet, loopback, Linux cooked or raw IP"
    listed = ", ".join(f"{port} ({count} packets)" for port, count in ports.most_common(8))
    return f"in the capture, TCP listens on {listed}"


def _written(address: Address) -> str:
    host, port = address
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def _written_time(time_ns: int) -> str:
    """UTC to the microsecond, which is what most captures have."""
    try:
        moment = _EPOCH + timedelta(microseconds=time_ns // 1000)
    except OverflowError:
        return "at a time that is no date"
    return moment.strftime("%Y-%m-%dT%H:%M:%S.%fZ")
