"""What a flow asks of the world, and what the world says back.

A terminal command is a generator (`Flow`): it yields an effect, is sent the reply, and returns a result. Whoever drives
it (a blocking loop over TCP, a simulation with a virtual clock, a test) does the effect. The flow itself does no I/O,
so it can be thrown away at any yield: that is a power cut, and the store has what counts.

    Transmit, Await     -> FrameArrived | TimedOut | LinkLost | NotSent
    PresentCard         -> Swiped | Keyed | Cancelled
    EnterPin            -> PinEntered | PinSkipped | Cancelled
    CompleteCard        -> CardCompleted | CardFailed
    Print               -> Printed | PrinterFailed
    Tell                -> None
"""

from __future__ import annotations

from collections.abc import Generator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, TypeAlias, TypeVar

from posterm.amount import Amount
from posterm.hsm import KeyBlock, PinFormat
from posterm.sensitive import Pan, Track2, Track3
from posterm.terminal.receipt import Document
from posterm.unionpay.transactions import Entry, Kind


@dataclass(frozen=True, slots=True)
class Transmit:
    """Open a connection, send one frame, wait for one. `frame` has its length prefix."""

    frame: bytes = field(repr=False)
    connect_timeout_s: float
    answer_timeout_s: float


@dataclass(frozen=True, slots=True)
class Await:
    """Wait for another frame on the same connection until the same deadline."""


@dataclass(frozen=True, slots=True)
class PresentCard:
    """Ask for a card, for this transaction and amount."""

    kind: Kind
    amount: Amount | None
    entries: frozenset[Entry]


@dataclass(frozen=True, slots=True)
class EnterPin:
    """Ask for the PIN on the PIN pad, which enciphers it under `pik` at once."""

    pan: Pan
    pik: KeyBlock
    pin_format: PinFormat
    amount: Amount | None


@dataclass(frozen=True, slots=True)
class CompleteCard:
    """Let the card have the last word on an approval; a stripe has none."""

    entry: Entry
    issuer_data: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Print:
    """Print documents, one after the other."""

    documents: tuple[Document, ...]


@dataclass(frozen=True, slots=True)
class Tell:
    """Something worth writing down. `details` is masked and may be logged.

    `wire` is a message that was sent or received, in the clear: whoever shows it goes through `iso8583.describe`.
    """

    name: str
    details: Mapping[str, str]
    at: datetime
    wire: bytes = field(default=b"", repr=False)


@dataclass(frozen=True, slots=True)
class FrameArrived:
    """One frame, without its length prefix."""

    frame: bytes = field(repr=False)
    at: datetime


@dataclass(frozen=True, slots=True)
class TimedOut:
    at: datetime


@dataclass(frozen=True, slots=True)
class LinkLost:
    """The connection broke after something may have been sent."""

    at: datetime
    reason: str = ""


@dataclass(frozen=True, slots=True)
class NotSent:
    """No connection came about, so nothing was sent."""

    at: datetime
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Swiped:
    """A stripe; track 2, or track 3 where track 2 cannot be read."""

    track2: Track2 | None
    track3: Track3 | None = None


@dataclass(frozen=True, slots=True)
class Keyed:
    """A card number typed in, with its expiry YYMM."""

    pan: Pan
    expiry: str


@dataclass(frozen=True, slots=True)
class PinEntered:
    """The PIN block, enciphered by the PIN pad."""

    block: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class PinSkipped:
    """The cardholder pressed enter without a PIN."""


@dataclass(frozen=True, slots=True)
class Cancelled:
    """The cardholder or operator pressed cancel."""


@dataclass(frozen=True, slots=True)
class CardCompleted:
    """The card agrees, or has no say."""


@dataclass(frozen=True, slots=True)
class CardFailed:
    """The card refused or was withdrawn after the host had approved."""

    reason: str


@dataclass(frozen=True, slots=True)
class Printed:
    """All documents are on paper."""


@dataclass(frozen=True, slots=True)
class PrinterFailed:
    """Paper, jam, or another reason why the documents are not on paper."""

    reason: str


Effect: TypeAlias = Transmit | Await | PresentCard | EnterPin | CompleteCard | Print | Tell
LinkReply: TypeAlias = FrameArrived | TimedOut | LinkLost | NotSent
CardReply: TypeAlias = Swiped | Keyed | Cancelled
PinReply: TypeAlias = PinEntered | PinSkipped | Cancelled

R = TypeVar("R")
# What is sent back depends on the effect; each flow checks the replies it gets with match or isinstance.
Flow: TypeAlias = Generator[Effect, Any, R]
