"""One connection to the HSM: bytes in, bytes out.

    request    length (2 bytes)   header (n)   command (2)   fields          EM and trailer, optional
    answer     length             same header  command + 1   code (2)  fields   same trailer

The length counts what follows it. Requests may come in pieces and several at a time; the answers come in the same
order. A request too short for a header and a command ends the session: it cannot be answered.

Source: Thales payShield, host interface over TCP.
Left out: the UDP and FICON interfaces.
"""

from __future__ import annotations

from typing import Final, Protocol

from posterm.hsm.host_commands.errors import FrameError

LENGTH_BYTES: Final = 2
COMMAND_BYTES: Final = 2
LONGEST_MESSAGE: Final = 0xFFFF
"""Bytes that the length field can count."""


class Executes(Protocol):
    """What answers one message: `HostCommandSet` does."""

    def execute(self, message: bytes) -> bytes:
        """The answer to a message without its header, from its command on; the answer has no header either."""


class HsmSession:
    """One connection. `receive` takes what came and gives what to send.

    Args:
        commands: answers the messages.
        header_length: characters before the command, 0 to 255, given back as they came.
        longest: bytes of the longest message taken, its header counted.
    """

    __slots__ = ("_commands", "_header_length", "_longest", "_pending", "_shortest", "ended")

    ended: FrameError | None
    """Why nothing more is read on this connection; None while it goes on."""

    def __init__(self, commands: Executes, *, header_length: int = 4, longest: int = LONGEST_MESSAGE) -> None:
        if not 0 <= header_length <= 255:
            raise FrameError(f"message header: its length is 0 to 255, this says {header_length}")
        self._commands = commands
        self._header_length = header_length
        self._shortest = header_length + COMMAND_BYTES
        self._longest = longest
        self._pending = b""
        self.ended = None

    def receive(self, data: bytes) -> bytes:
        """Answer every whole message in what came so far; the rest is kept for the next call.

        Returns: the answers in order, with their length fields; empty when there is nothing to send. When `ended` is
            set, these are the last ones and the connection is to be closed.
        """
        if self.ended is not None:
            return b""
        if self._pending:
            data = self._pending + data
        header, execute = self._header_length, self._commands.execute
        answers = []
        at, size = 0, len(data)
        while size - at >= LENGTH_BYTES:
            length = data[at] << 8 | data[at + 1]
            if not self._shortest <= length <= self._longest:
                self.ended = FrameError(
                    f"frame: need a length of {self._shortest} to {self._longest} bytes, found {length}"
                )
                at = size
                break
            start = at + LENGTH_BYTES
            end = start + length
            if end > size:
                break
            answer = execute(data[start + header : end])
            answers.append((header + len(answer)).to_bytes(2, "big") + data[start : start + header] + answer)
            at = end
        self._pending = data[at:]
        return answers[0] if len(answers) == 1 else b"".join(answers)

    @property
    def is_between_messages(self) -> bool:
        """True when nothing of an unfinished message is waiting."""
        return not self._pending
