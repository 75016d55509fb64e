"""A terminal's line to its host: one TCP connection for each request, blocking, with deadlines.

Source: RFC 9293; terminals of this link open, send, wait and close.
"""

from __future__ import annotations

import socket
import time
from collections import deque
from collections.abc import Callable

from posterm.iso8583 import FramingError
from posterm.runtime import clock
from posterm.runtime.channel import Channel
from posterm.terminal.effects import FrameArrived, LinkLost, LinkReply, NotSent, TimedOut, Transmit

_READ_BYTES = 65_536


class TcpLine:
    """The line of one terminal.

    Args:
        channel: makes the terminal's end of a new connection.
    """

    def __init__(self, host: str, port: int, channel: Callable[[], Channel]) -> None:
        self._address = (host, port)
        self._make_channel = channel
        self._socket: socket.socket | None = None
        self._channel = channel()
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
            self._socket.sendall(self._channel.send(effect.frame))
            if self._channel.closes_after_sending:
                self._socket.shutdown(socket.SHUT_WR)
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
                self._frames.extend(frame for frame in self._channel.receive(chunk) if frame)
            except TimeoutError:
                return TimedOut(clock.now())
            except (OSError, FramingError) as error:
                return LinkLost(clock.now(), _why(error))
            if not chunk and not self._frames:
                return LinkLost(clock.now(), "the host closed the connection")
        return FrameArrived(self._frames.popleft(), clock.now())

    def hang_up(self) -> None:
        """Close the connection, if there is one, and forget what came over it."""
        if self._socket is not None:
            self._socket.close()
        self._socket = None
        self._channel = self._make_channel()
        self._frames.clear()


def _why(error: Exception) -> str:
    return error.strerror or str(error) if isinstance(error, OSError) else str(error)
