"""What can go wrong with messages.

    Iso8583Error
    ├── PackError        our side: a value that does not fit its element
    ├── UnpackError      the peer's side: bytes that are no message of this dialect
    ├── FramingError     the peer's side: a length that cannot be, a header that is none
    ├── NotSentError     our side: a message the link does not take, now or ever
    ├── LinkSettingError our side: settings of a link that cannot be
    ├── DialectError     whoever wrote the dialect: a table that contradicts itself
    └── ReadError        inside this package only: what an element reader found, before it is told where it stood

No text here holds element content; `partial` does, behind a repr that shows element numbers only.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from posterm.errors import PostermError

if TYPE_CHECKING:
    from posterm.iso8583.message import Message


class Iso8583Error(PostermError):
    """Base of all message errors."""


class PackError(Iso8583Error):
    """A message that cannot be packed.

    `path` names the element ("38", "55.9F02", empty for the message), `code` is one of mti, element, type, alphabet,
    length, layout, tlv, mac, json.
    """

    def __init__(self, message: str, *, path: str = "", code: str) -> None:
        super().__init__(message)
        self.path = path
        self.code = code


class UnpackError(Iso8583Error):
    """Bytes that are not a message of this dialect.

    `path` names the element ("38", "55.9F02", empty for the message), `offset` is in bytes from the start of what was
    passed, `needed` and `found` are short texts without content, `partial` is the message as far as it was understood
    (its MTI is empty when not even that was). `code` is one of mti, bitmap, unknown-element, truncated, length,
    alphabet, trailing, layout, tlv, mac.
    """

    def __init__(
        self, message: str, *, path: str, offset: int, needed: str, found: str, code: str, partial: Message
    ) -> None:
        super().__init__(message)
        self.path = path
        self.offset = offset
        self.needed = needed
        self.found = found
        self.code = code
        self.partial = partial


class FramingError(Iso8583Error):
    """A frame length over the limit or undecodable, a payload too long for its length field, or a malformed header.

    `offset` is in bytes: from the first byte of the stream for a length, from the first byte after the length for a
    header; 0 for what was never on a line.
    """

    def __init__(self, message: str, *, offset: int = 0) -> None:
        super().__init__(message)
        self.offset = offset


class NotSentError(Iso8583Error):
    """A request or answer that a link does not send: it is not up, it is full, or the message could not be paired.

    Nothing of it has gone out.
    """


class LinkSettingError(Iso8583Error):
    """A limit, time or pairing rule of a link that cannot be; the text names it."""


class DialectError(Iso8583Error):
    """A dialect that is unknown or contradicts itself; the text names the file, the key and the fault."""


class ReadError(Iso8583Error):
    """What an element reader found. It never leaves the package: the dialect turns it into an UnpackError."""

    def __init__(self, code: str, offset: int, needed: str, found: str, sub: str = "") -> None:
        super().__init__(code)
        self.code = code
        self.offset = offset
        self.needed = needed
        self.found = found
        self.sub = sub
