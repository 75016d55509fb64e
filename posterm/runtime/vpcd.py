"""A card offered to every program of the machine, through the virtual reader of PC/SC.

The virtual reader listens on a TCP port; the card connects to it. Each message is a length of two bytes, then so many
bytes. One byte alone is an order to the card (power off, power on, reset, send the ATR), of which only the last is
answered; everything else is a command and is answered.

Source: vsmartcard, "Virtual Smart Card", the vpcd protocol. Leaves out its reversed mode, in which the reader connects.
"""

from __future__ import annotations

import contextlib
import socket
from typing import Final, Protocol

from posterm.runtime.errors import ConnectError, ReaderError

DEFAULT_PORT: Final = 0x8C7B
"""Where the virtual reader's first slot listens; each further slot on the next port."""

_POWER_OFF: Final = 0
_POWER_ON: Final = 1
_RESET: Final = 2
_SEND_ATR: Final = 4
_QUICKACK: Final = getattr(socket, "TCP_QUICKACK", None)


class PoweredCard(Protocol):
    """A card as a reader sees it."""

    def power_on(self) -> bytes:
        """Begin from nothing. Returns: the answer to reset."""

    def transmit(self, apdu: bytes) -> bytes:
        """Answer one command. Returns: data and status word; empty when the card was withdrawn."""


class VirtualSlot:
    """One slot of the virtual reader with a card in it, from `connect` to `close`.

    Args:
        card: what answers. It is in the reader as long as the connection stands.
    """

    def __init__(self, card: PoweredCard, host: str = "127.0.0.1", port: int = DEFAULT_PORT) -> None:
        self._card = card
        self._address = (host, port)
        self._socket: socket.socket | None = None
        self._atr = b""

    def connect(self, timeout_s: float = 5.0) -> None:
        """Put the card into the slot.

        Raises: ConnectError: nothing listens there.
        """
        host, port = self._address
        try:
            connection = socket.create_connection(self._address, timeout=timeout_s)
        except OSError as error:
            raise ConnectError(
                f"virtual reader: no connection to {host}:{port}: {error.strerror or error}",
                hint="start pcscd with the virtual reader (Debian: vsmartcard-vpcd), or name its port",
            ) from None
        connection.settimeout(None)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._socket = connection
        # The reader asks for the ATR to see whether a card is there, before it gives it power.
        self._atr = self._card.power_on()

    def serve(self) -> int:
        """Answer the reader until the connection ends, or the card is withdrawn.

        Returns: how many commands were answered.
        Raises: ReaderError: what arrives is not the protocol.
        """
        answered = 0
        try:
            while (message := self._receive()) is not None:
                if len(message) == 1:
                    self._obey(message[0])
                elif answer := self._card.transmit(message):
                    self._send(answer)
                    answered += 1
                else:
                    break
        finally:
            self.close()
        return answered

    def close(self) -> None:
        """Take the card out of the slot. May be called from another thread; `serve` then returns."""
        connection, self._socket = self._socket, None
        if connection is not None:
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
            connection.close()

    def _obey(self, order: int) -> None:
        if order in (_POWER_ON, _RESET):
            self._atr = self._card.power_on()
        elif order == _SEND_ATR:
            self._send(self._atr)
        elif order != _POWER_OFF:
            raise ReaderError(f"virtual reader: need order 0, 1, 2 or 4, have {order}")

    def _send(self, payload: bytes) -> None:
        connection = self._socket
        if connection is not None:
            # After the card was taken out nobody waits for the answer.
            with contextlib.suppress(OSError):
                connection.sendall(len(payload).to_bytes(2, "big") + payload)

    def _receive(self) -> bytes | None:
        """The next message; None when the reader has gone or the card was taken out."""
        head = self._exactly(2)
        return None if head is None else self._exactly(int.from_bytes(head, "big"))

    def _exactly(self, size: int) -> bytes | None:
        data = bytearray()
        while len(data) < size:
            connection = self._socket
            if connection is None:
                return None
            try:
                # The reader writes length and data apart and waits for the acknowledgement in between, which Linux
                # delays by 40 ms unless told not to before every read.
                if _QUICKACK is not None:
                    connection.setsockopt(socket.IPPROTO_TCP, _QUICKACK, 1)
                chunk = connection.recv(size - len(data))
            except OSError:
                return None
            if not chunk:
                return None
            data += chunk
        return bytes(data)
