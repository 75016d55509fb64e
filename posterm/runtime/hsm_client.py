"""A blocking client of host commands: one connection, kept; one command at a time.

    request    length (2 bytes)   header   command (2)   fields
    answer     length             header   command + 1   code (2)   fields

A connection that broke while nobody used it (the server was started anew) is opened again once, and the command sent
again. One that breaks while an answer is awaited is not: the command may have been carried out.

Source: Thales payShield, host interface over TCP.
Left out: several commands in flight.
"""

from __future__ import annotations

import itertools
import socket
import ssl
import time
from contextlib import suppress
from typing import Final, Self

from posterm.runtime.errors import HsmLinkError

_LENGTH_BYTES: Final = 2
_LONGEST: Final = 0xFFFF
_READ_BYTES: Final = 65_536


class HsmClient:
    """A connection to an HSM, opened when it is first needed.

    Args:
        address, port: where it listens.
        header_length: characters before the command; they number the commands, so that no answer is taken for another.
        tls: our side of TLS; None for TCP in the clear.
        timeout_s: for connecting, and for each answer.
    """

    def __init__(
        self,
        address: str,
        port: int,
        *,
        header_length: int = 4,
        tls: ssl.SSLContext | None = None,
        timeout_s: float = 5.0,
    ) -> None:
        self._address = (address, port)
        self._header_length = header_length
        self._tls = tls
        self._timeout_s = timeout_s
        self._socket: socket.socket | None = None
        self._numbers = itertools.count(1)

    def call(self, message: bytes) -> bytes:
        """Send a command with its fields; the answer from its command on, without the header.

        Raises: HsmLinkError: it cannot be reached, does not answer in time, or answers something else.
        """
        header = str(next(self._numbers)).encode("ascii").rjust(self._header_length, b"0")
        header = header[len(header) - self._header_length :]
        if len(header) + len(message) > _LONGEST:
            raise HsmLinkError(f"HSM command: at most {_LONGEST - len(header)} bytes, this has {len(message)}")
        frame = (len(header) + len(message)).to_bytes(_LENGTH_BYTES, "big") + header + message
        answer = self._exchange(frame)
        if answer[: self._header_length] != header or len(answer) < self._header_length + 4:
            self.close()
            raise HsmLinkError(f"{self._name}: the answer is not that of the command")
        return answer[self._header_length :]

    def close(self) -> None:
        """Close the connection; the next command opens another one."""
        if self._socket is not None:
            self._socket.close()
        self._socket = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def _name(self) -> str:
        return f"HSM at {self._address[0]}:{self._address[1]}"

    def _exchange(self, frame: bytes) -> bytes:
        deadline = time.monotonic() + self._timeout_s
        if self._socket is not None and self._is_stale(self._socket):
            self.close()
        if self._socket is None:
            self._socket = self._connect()
        try:
            self._socket.settimeout(self._timeout_s)
            self._socket.sendall(frame)
            return self._answer(self._socket, deadline)
        except OSError as error:
            self.close()
            why = "no answer in time" if isinstance(error, TimeoutError) else error.strerror or str(error)
            raise HsmLinkError(f"{self._name}: {why}") from None
        except BaseException:
            self.close()  # an answer that was not read would be taken for the next command's
            raise

    def _connect(self) -> socket.socket:
        try:
            connection = socket.create_connection(self._address, self._timeout_s)
        except OSError as error:
            raise HsmLinkError(
                f"{self._name}: cannot be reached: {error.strerror or error}", hint="`posterm hsm serve` starts one"
            ) from None
        try:
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            return self._tls.wrap_socket(connection, server_hostname=self._address[0]) if self._tls else connection
        except OSError as error:
            connection.close()
            raise HsmLinkError(f"{self._name}: no TLS with it: {error.strerror or error}") from None

    @staticmethod
    def _is_stale(connection: socket.socket) -> bool:
        """True when the server closed it, or sent what nobody asked for."""
        with suppress(BlockingIOError, ssl.SSLWantReadError):
            connection.settimeout(0)
            try:
                connection.recv(1)
            except (BlockingIOError, ssl.SSLWantReadError):
                raise
            except OSError:
                pass
            return True
        return False

    def _answer(self, connection: socket.socket, deadline: float) -> bytes:
        received = b""
        while True:
            if len(received) >= _LENGTH_BYTES:
                end = _LENGTH_BYTES + int.from_bytes(received[:_LENGTH_BYTES], "big")
                if len(received) == end:
                    return received[_LENGTH_BYTES:]
                if len(received) > end:
                    raise HsmLinkError(f"{self._name}: more came than the answer")
            left = deadline - time.monotonic()
            if left <= 0:
                raise TimeoutError
            connection.settimeout(left)
            chunk = connection.recv(_READ_BYTES)
            if not chunk:
                raise HsmLinkError(f"{self._name}: closed the connection before it answered")
            received += chunk
