"""Frames on a byte stream: length prefixes, and the whole frame with its headers. No input or output happens here.

Source: Q/CUP 009 for the two-byte length and the TPDU; the other lengths are those of common host links.
Leaves out the headers themselves, which are tables in `frame_header`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from posterm.bcd import is_digits
from posterm.iso8583.errors import FramingError
from posterm.iso8583.frame_header import FrameHeader

LengthForm = Literal["be16", "bcd16", "ascii4", "be32"]

_SIZES: dict[str, int] = {"be16": 2, "bcd16": 2, "ascii4": 4, "be32": 4}
_LIMITS: dict[str, int] = {"be16": 0xFFFF, "bcd16": 9999, "ascii4": 9999, "be32": 0xFFFF_FFFF}
DEFAULT_MAX_LENGTH = 65_535
TPDU_BYTES = 5


class FrameDecoder:
    """Cuts a stream into frames, whatever the pieces it arrives in.

    Args:
        length: be16, be32 (binary, big-endian), bcd16 (four packed digits) or ascii4 (four digits).
        counts_itself: True when the length includes its own bytes.
        max_length: the largest payload accepted, in bytes.
    Raises: FramingError: no such length form, or a limit that is none.

    >>> FrameDecoder().feed(bytes.fromhex("0002ABCD 0000 00"))
    [b'\\xab\\xcd', b'']
    """

    __slots__ = ("_broken", "_buffer", "_consumed", "_counts_itself", "_form", "_max_length", "_size")

    def __init__(
        self, length: LengthForm = "be16", counts_itself: bool = False, max_length: int = DEFAULT_MAX_LENGTH
    ) -> None:
        self._size = _size_of(length)
        if max_length < 0:
            raise FramingError("need a limit of 0 or more bytes, have less")
        self._form = length
        self._counts_itself = counts_itself
        self._max_length = max_length
        self._buffer = bytearray()
        self._consumed = 0
        self._broken: FramingError | None = None

    @property
    def pending(self) -> bytes:
        """What has arrived of a frame that is not complete."""
        return bytes(self._buffer)

    def feed(self, chunk: bytes) -> list[bytes]:
        """Take what arrived; return the payloads of the frames it completes. An empty payload is a keep-alive.

        Raises: FramingError: a length that cannot be. The stream cannot be resynchronised, so every later call raises
            too. Frames completed before the fault in the same chunk are returned, the error comes with the next call.
            Its `offset` is that of the length in the stream.
        """
        if self._broken is not None:
            raise FramingError(str(self._broken), offset=self._broken.offset)
        buffer = self._buffer
        buffer += chunk
        frames: list[bytes] = []
        at, size = 0, self._size
        while len(buffer) - at >= size:
            try:
                end = at + size + self._payload_length(bytes(buffer[at : at + size]))
            except FramingError as error:
                offset = self._consumed + at
                self._broken = FramingError(f"{error}, at byte {offset} of the stream", offset=offset)
                if not frames:
                    raise self._broken from None
                break
            if end > len(buffer):
                break
            frames.append(bytes(buffer[at + size : end]))
            at = end
        del buffer[:at]
        self._consumed += at
        return frames

    @property
    def fault(self) -> FramingError | None:
        """Why the stream cannot be read any further; None while it can."""
        return self._broken

    def _payload_length(self, prefix: bytes) -> int:
        if self._form in ("be16", "be32"):
            length = int.from_bytes(prefix, "big")
        else:
            digits = prefix.hex() if self._form == "bcd16" else prefix.decode("latin-1")
            if not is_digits(digits):
                raise FramingError(f"frame length: need 4 decimal digits ({self._form}), have one outside")
            length = int(digits)
        if self._counts_itself:
            if length < self._size:
                raise FramingError(f"frame length: need at least {self._size}, since it counts itself, have {length}")
            length -= self._size
        if length > self._max_length:
            raise FramingError(f"frame length: need at most {self._max_length} bytes, have {length}")
        return length


def encode_frame(payload: bytes, length: LengthForm = "be16", counts_itself: bool = False) -> bytes:
    """Put the length before a payload.

    Raises: FramingError: no such length form, or a payload too long for it.

    >>> encode_frame(b"ab", "ascii4", counts_itself=True)
    b'0006ab'
    """
    size = _size_of(length)
    count = len(payload) + (size if counts_itself else 0)
    if count > _LIMITS[length]:
        raise FramingError(f"frame length: need at most {_LIMITS[length]} ({length}), have {count}")
    if length in ("be16", "be32"):
        return count.to_bytes(size, "big") + payload
    digits = f"{count:04d}"
    return (bytes.fromhex(digits) if length == "bcd16" else digits.encode("ascii")) + payload


@dataclass(frozen=True, slots=True)
class Frame:
    """A frame without its length: the headers in their order, and the message. A frame without either keeps alive."""

    message: bytes
    headers: tuple[bytes, ...] = ()

    def __repr__(self) -> str:
        return f"<Frame of {len(self.message)} bytes under {len(self.headers)} headers>"


@dataclass(frozen=True, slots=True)
class Framing:
    """How a link frames its messages.

    Args:
        length: be16, be32 (binary, big-endian), bcd16 (four packed digits) or ascii4 (four digits).
        counts_itself: True when the length includes its own bytes.
        headers: what stands between length and message, outermost first.
        max_bytes: the largest frame accepted and sent, in bytes after the length.
    Raises: FramingError: no such length form, or a limit that is none.

    >>> from posterm.iso8583.frame_header import TPDU
    >>> framing = Framing("be16", headers=(TPDU,))
    >>> wire = framing.encode(b"0800")
    >>> wire.hex()
    '0009600003000030383030'
    >>> frame = framing.split(framing.decoder().feed(wire)[0])
    >>> framing.encode(b"0810", answering=frame).hex()
    '0009600000000330383130'
    """

    length: LengthForm = "be16"
    counts_itself: bool = False
    headers: tuple[FrameHeader, ...] = ()
    max_bytes: int = DEFAULT_MAX_LENGTH

    def __post_init__(self) -> None:
        self.decoder()

    def decoder(self) -> FrameDecoder:
        """A decoder for a new connection; `split` takes what it returns."""
        return FrameDecoder(self.length, self.counts_itself, self.max_bytes)

    def split(self, payload: bytes) -> Frame:
        """Take the headers off what a decoder returned.

        Raises: FramingError: the payload does not begin with the headers; the stream goes on all the same.
        """
        if not payload:
            return Frame(b"")
        at, headers = 0, []
        for header in self.headers:
            size = header.measure(payload, at)
            if not 0 <= size <= len(payload) - at:
                raise FramingError(f"{header.name}: need at most {len(payload) - at} bytes, have {size}", offset=at)
            headers.append(payload[at : at + size])
            at += size
        return Frame(payload[at:], tuple(headers))

    def encode(self, message: bytes, answering: Frame | None = None) -> bytes:
        """The frame around a message, as it goes on the line.

        Args:
            answering: the frame this message answers; its headers tell the way back.
        Raises: FramingError: a frame too long for its length field or the limit, or headers of another link.
        """
        asked = answering.headers if answering is not None else (None,) * len(self.headers)
        if len(asked) != len(self.headers):
            raise FramingError(f"answered frame: need {len(self.headers)} headers, have {len(asked)}")
        payload = message
        for header, request in zip(reversed(self.headers), reversed(asked), strict=True):
            payload = header.build(len(payload), request) + payload
        if len(payload) > self.max_bytes:
            raise FramingError(f"frame: need at most {self.max_bytes} bytes, have {len(payload)}")
        return encode_frame(payload, self.length, self.counts_itself)


@dataclass(frozen=True, slots=True)
class Tpdu:
    """The five bytes that route a frame: identifier (2 digits), destination and source (4 hexadecimal digits each).

    Raises: FramingError: a part of another size or alphabet.

    >>> Tpdu().swapped().pack().hex()
    '6000000003'
    """

    id: str = "60"
    destination: str = "0003"
    source: str = "0000"

    def __post_init__(self) -> None:
        for name, size in (("id", 2), ("destination", 4), ("source", 4)):
            value = getattr(self, name)
            if not isinstance(value, str) or len(value) != size or not set(value) <= set("0123456789ABCDEF"):
                raise FramingError(f"TPDU {name}: need {size} digits of 0-9 A-F, have something else")

    def pack(self) -> bytes:
        """The five bytes."""
        return bytes.fromhex(self.id + self.destination + self.source)

    @classmethod
    def unpack(cls, data: bytes) -> Tpdu:
        """Read exactly five bytes.

        Raises: FramingError: not five.
        """
        if len(data) != TPDU_BYTES:
            raise FramingError(f"TPDU: need {TPDU_BYTES} bytes, have {len(data)}")
        digits = data.hex().upper()
        return cls(digits[:2], digits[2:6], digits[6:])

    def swapped(self) -> Tpdu:
        """The TPDU of the answer: destination and source exchanged."""
        return Tpdu(self.id, self.source, self.destination)


def _size_of(form: str) -> int:
    if form not in _SIZES:
        raise FramingError(f"frame length: need one of {' '.join(_SIZES)}, have {form!r}")
    return _SIZES[form]
