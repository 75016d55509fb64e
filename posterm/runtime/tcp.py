"""A terminal's line to its host: one TCP connection for each request, blocking, with deadlines.

Source: RFC 9293; terminals of this link open, send, wait and close.
"""

from __future__ import annotations

import socket
import time
from collections import deque
from collections.abc import Callable

from posterm.iso8583 import FrameDecoder, FramingError
from posterm.runtime import clock
from posterm.terminal.effects import FrameArrived, LinkLost, LinkReply, NotSent, TimedOut, Transmit

_READ_BYTES = 65_536


class TcpLine:
    """The line of one terminal.

    Args:
        decoder: makes a frame decoder for a new connection.
    """

    def __init__(self, host: str, port: int, decoder: Callable[[], FrameDecoder]) -> None:
        self._address = (host, port)
        self._make_decoder = decoder
        self._socket: socket.socket | None = None
        self._decoder = decoder()
        self._frames: deque[bytes] = deque()
        self._deadline = 0.0

    def transmit(self, effect: Transmit) -> LinkReply:
        """Open a connection, send a frame, wait for one."""
        self.hang_up()
        try:
            self._socket = socket.create_connection(self._address, timeout=effect.connect_timeout_s)
        except OSError as error:
            return NotSent(clock.now(), f"no connection to {self._address[0]}:{self._address[1]}: {_why(error)}")
        self._deadline = time.monotonic() + effect.answer_timeout_s
        try:
            self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self._socket.sendall(effect.frame)
        except OSError as error:
            # Part of it may be there already, and a part may be enough for the host to act on.
            return LinkLost(clock.now(), _why(error))
        return self.wait()

    def wait(self) -> LinkReply:
        """Wait for another frame on the same connection until the same deadline."""
        while not self._frames:
            if self._socket is None:
                return LinkLost(clock.now(), "the connection is closed")
            left = self._deadline - time.monotonic()
            if left <= 0:
                return TimedOut(clock.now())
            self._socket.settimeout(left)
            try:
                chunk = self._socket.recv(_READ_BYTES)
                # An empty frame is a keep-alive; it answers nothing.
                self._frames.extend(frame for frame in self._decoder.feed(chunk) if frame)
            except TimeoutError:
                return TimedOut(clock.now())
            except (OSError, FramingError) as error:
                return LinkLost(clock.now(), _why(error))
            if not chunk:
                return LinkLost(clock.now(), "the host closed the connection")
        return FrameArrived(self._frames.popleft(), clock.now())

    def hang_up(self) -> None:
        """Close the connection, if there is one, and forget what came over it."""
        if self._socket is not None:
            self._socket.close()
        self._socket = None
        self._decoder = self._make_decoder()
        self._frames.clear()


def _why(error: Exception) -> str:
    return error.strerror or str(error) if isinstance(error, OSError) else str(error)
