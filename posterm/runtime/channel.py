"""How frames lie on a connection, for each end: behind a length, as all there is, or in HTTP posts.

    be16, bcd16   a length, then the frame; any number of them on one connection
    none          the connection carries one frame each way; the sender's end closes after it
    http          the frame is the body of a POST, the answer that of its response

A channel is fed what arrives and gives frames; it is given frames and gives what to send. It does no I/O itself.

Source: UnionPay terminals over the internet put their frames into `x-ISO-TPDU/x-auth` posts; RFC 9112 through h11.
"""

from __future__ import annotations

from typing import Final, Protocol

import h11

from posterm.iso8583 import FramingError, encode_frame
from posterm.unionpay.envelope import frame_decoder
from posterm.unionpay.profile import AcquirerProfile

CONTENT_TYPE: Final = "x-ISO-TPDU/x-auth"
_HEADER_BYTES: Final = 16_384


class Channel(Protocol):
    """One end of one connection."""

    closes_after_sending: bool
    """The other side learns by the end of the stream that the frame is whole."""

    def receive(self, data: bytes) -> list[bytes]:
        """Take what arrived, `b""` at the end of the stream; give the frames that are whole now.

        Raises: FramingError: this is no frame and never will be.
        """

    def send(self, frame: bytes) -> bytes:
        """What goes on the line for a frame."""

    @property
    def unread(self) -> int:
        """Bytes of a frame that has not arrived whole."""


def client_channel(profile: AcquirerProfile, host: str) -> Channel:
    """The terminal's end. `host` is the name the host is called by."""
    match profile.frame.length_prefix:
        case "none":
            return _WholeConnection(profile.frame.max_bytes)
        case "http":
            return _HttpClient(profile.frame.max_bytes, profile.frame.http_path, host)
        case _:
            return _Framed(profile, adds_length=False)


def server_channel(profile: AcquirerProfile) -> Channel:
    """The host's end."""
    match profile.frame.length_prefix:
        case "none":
            return _WholeConnection(profile.frame.max_bytes)
        case "http":
            return _HttpServer(profile.frame.max_bytes, profile.frame.http_path)
        case _:
            return _Framed(profile, adds_length=True)


class _Framed:
    """Frames behind a length. The terminal core puts the length on itself, the host core leaves it to the runtime."""

    closes_after_sending = False

    def __init__(self, profile: AcquirerProfile, *, adds_length: bool) -> None:
        self._decoder = frame_decoder(profile)
        self._adds_length = adds_length
        self._frame = profile.frame

    def receive(self, data: bytes) -> list[bytes]:
        return self._decoder.feed(data)

    def send(self, frame: bytes) -> bytes:
        form = self._frame.length_prefix
        if not self._adds_length or form == "none" or form == "http":
            return frame
        return encode_frame(frame, length=form, counts_itself=self._frame.length_counts_itself)

    @property
    def unread(self) -> int:
        return len(self._decoder.pending)


class _WholeConnection:
    """One frame is all the connection carries in this direction."""

    closes_after_sending = True

    def __init__(self, max_bytes: int) -> None:
        self._max_bytes = max_bytes
        self._arrived = bytearray()

    def receive(self, data: bytes) -> list[bytes]:
        self._arrived += data
        if len(self._arrived) > self._max_bytes:
            raise FramingError(f"need at most {self._max_bytes} bytes on one connection, have more")
        if data or not self._arrived:
            return []
        whole = bytes(self._arrived)
        self._arrived.clear()
        return [whole]

    def send(self, frame: bytes) -> bytes:
        return frame

    @property
    def unread(self) -> int:
        return len(self._arrived)


class _Http:
    """What both ends of HTTP share: collecting one body after the other within the limit."""

    closes_after_sending = False

    def __init__(self, role: type[h11.CLIENT] | type[h11.SERVER], max_bytes: int) -> None:
        self._http = h11.Connection(our_role=role, max_incomplete_event_size=_HEADER_BYTES)
        self._max_bytes = max_bytes
        self._body = bytearray()

    def receive(self, data: bytes) -> list[bytes]:
        frames: list[bytes] = []
        try:
            self._http.receive_data(data)
            while True:
                event = self._http.next_event()
                if event in (h11.NEED_DATA, h11.PAUSED) or isinstance(event, h11.ConnectionClosed):
                    return frames
                if isinstance(event, h11.Data):
                    self._body += event.data
                    if len(self._body) > self._max_bytes:
                        raise FramingError(f"HTTP body: need at most {self._max_bytes} bytes, have more")
                elif isinstance(event, h11.EndOfMessage):
                    frames.append(bytes(self._body))
                    self._body.clear()
                else:
                    self._head(event)
        except h11.RemoteProtocolError as error:
            raise FramingError(f"HTTP: {error}") from None

    def _head(self, event: object) -> None:
        """Look at a request or response line and its headers. Raises: FramingError: not the one expected."""

    def _written(self, *events: h11.Event) -> bytes:
        return b"".join(self._http.send(event) or b"" for event in events)

    @property
    def unread(self) -> int:
        return len(self._body)


class _HttpClient(_Http):
    def __init__(self, max_bytes: int, path: str, host: str) -> None:
        super().__init__(h11.CLIENT, max_bytes)
        self._path, self._host = path, host

    def send(self, frame: bytes) -> bytes:
        headers = [
            ("Host", self._host),
            ("Content-Type", CONTENT_TYPE),
            ("Content-Length", str(len(frame))),
            ("Connection", "close"),
        ]
        request = h11.Request(method="POST", target=self._path, headers=headers)
        return self._written(request, h11.Data(data=frame), h11.EndOfMessage())

    def _head(self, event: object) -> None:
        if isinstance(event, h11.Response) and event.status_code != 200:
            raise FramingError(f"HTTP: need status 200, have {event.status_code}")


class _HttpServer(_Http):
    def __init__(self, max_bytes: int, path: str) -> None:
        super().__init__(h11.SERVER, max_bytes)
        self._path = path

    def send(self, frame: bytes) -> bytes:
        headers = [("Content-Type", CONTENT_TYPE), ("Content-Length", str(len(frame)))]
        written = self._written(
            h11.Response(status_code=200, headers=headers), h11.Data(data=frame), h11.EndOfMessage()
        )
        if self._http.our_state is h11.DONE and self._http.their_state is h11.DONE:
            self._http.start_next_cycle()
        else:
            self.closes_after_sending = True
        return written

    def _head(self, event: object) -> None:
        if isinstance(event, h11.Request) and (event.method, event.target) != (b"POST", self._path.encode("ascii")):
            raise FramingError(f"HTTP: need a POST to {self._path}")
