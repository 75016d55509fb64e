"""What a flow asks of the world, and what the world says back.

A terminal command is a generator (`Flow`): it yields an effect, is sent the reply, and returns a result. Whoever drives
it (a blocking loop over TCP, a simulation with a virtual clock, a test) does the effect. The flow itself does no I/O,
so it can be thrown away at any yield: that is a power cut, and the store has what counts.

    Transmit, Await     -> FrameArrived | TimedOut | LinkLost | NotSent
    PresentCard         -> Inserted | Tapped | Swiped | Keyed | Cancelled
    Transceive          -> CardAnswered | CardGone
    SelectApplication   -> Chosen | Cancelled
    ScanCode            -> Scanned | Cancelled
    ShowCode            -> None
    Pause               -> Waited | Cancelled
    EnterPin            -> PinEntered | PinSkipped | Cancelled
    EnterOfflinePin     -> PinTyped | PinSkipped | Cancelled
    ReturnCard          -> None
    Print               -> Printed | PrinterFailed
    Tell                -> None
"""

from __future__ import annotations

from collections.abc import Generator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, ClassVar, TypeAlias, TypeVar

from posterm.amount import Amount
from posterm.hsm import KeyBlock, PinFormat
from posterm.sensitive import Pan, Sensitive, Track2, Track3
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
    """Ask for a card, for this transaction and amount; once more when it could not be read, or not in that way."""

    kind: Kind
    amount: Amount | None
    entries: frozenset[Entry]
    again: bool = False


@dataclass(frozen=True, slots=True)
class ScanCode:
    """Read a code off the customer's telephone, or a face; once more when what was read was none."""

    amount: Amount
    again: bool = False


@dataclass(frozen=True, slots=True)
class ShowCode:
    """Show a code for the customer to scan, until the next effect that is no `Pause`, or the end."""

    text: str
    amount: Amount


@dataclass(frozen=True, slots=True)
class Pause:
    """Wait, while the customer pays on a telephone; the cashier may stop it."""

    seconds: float


@dataclass(frozen=True, slots=True)
class EnterPin:
    """Ask for the PIN on the PIN pad, which enciphers it under `pik` at once."""

    pan: Pan
    pik: KeyBlock
    pin_format: PinFormat
    amount: Amount | None


@dataclass(frozen=True, slots=True)
class Transceive:
    """Send one command APDU to the chip that was inserted or tapped."""

    apdu: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class SelectApplication:
    """Let the cardholder choose one of these applications, by their labels; of a single one, whether it is wanted."""

    labels: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class EnterOfflinePin:
    """Ask for a PIN that the card verifies. It goes from the PIN pad to the card and to nobody else.

    `tries_left` is what the card tells of its tries, None when it does not; `wrong_before` says that the last PIN was
    wrong.
    """

    amount: Amount | None
    tries_left: int | None = None
    wrong_before: bool = False


@dataclass(frozen=True, slots=True)
class ReturnCard:
    """The chip is done with: take its power away and let the cardholder have it."""


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
class Inserted:
    """A card in the slot, with its answer to reset."""

    entry: ClassVar[Entry] = Entry.CHIP
    atr: bytes = b""


@dataclass(frozen=True, slots=True)
class Tapped:
    """A card at the antenna, with what its reader gives for an answer to reset."""

    entry: ClassVar[Entry] = Entry.CONTACTLESS
    atr: bytes = b""


@dataclass(frozen=True, slots=True)
class Scanned:
    """What the scanner or the camera has read. It is good for money for a minute."""

    text: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Waited:
    """The time is over."""

    at: datetime


@dataclass(frozen=True, slots=True)
class CardAnswered:
    """What the chip said: data and status word."""

    answer: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class CardGone:
    """The chip was withdrawn, or does not answer."""


@dataclass(frozen=True, slots=True)
class Chosen:
    """The place of the chosen application among those that were offered, from 0."""

    place: int


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
class PinTyped:
    """A PIN for the card, 4 to 12 digits."""

    pin: Sensitive


@dataclass(frozen=True, slots=True)
class PinSkipped:
    """The cardholder pressed enter without a PIN."""


@dataclass(frozen=True, slots=True)
class Cancelled:
    """The cardholder or operator pressed cancel."""


@dataclass(frozen=True, slots=True)
class Printed:
    """All documents are on paper."""


@dataclass(frozen=True, slots=True)
class PrinterFailed:
    """Paper, jam, or another reason why the documents are not on paper."""

    reason: str


Effect: TypeAlias = (
    Transmit
    | Await
    | PresentCard
    | ScanCode
    | ShowCode
    | Pause
    | Transceive
    | SelectApplication
    | EnterPin
    | EnterOfflinePin
    | ReturnCard
    | Print
    | Tell
)
LinkReply: TypeAlias = FrameArrived | TimedOut | LinkLost | NotSent
CardReply: TypeAlias = Inserted | Tapped | Swiped | Keyed | Cancelled
ChipReply: TypeAlias = CardAnswered | CardGone
ChoiceReply: TypeAlias = Chosen | Cancelled
ScanReply: TypeAlias = Scanned | Cancelled
PauseReply: TypeAlias = Waited | Cancelled
PinReply: TypeAlias = PinEntered | PinSkipped | Cancelled
OfflinePinReply: TypeAlias = PinTyped | PinSkipped | Cancelled

R = TypeVar("R")
# What is sent back depends on the effect; each flow checks the replies it gets with match or isinstance.
Flow: TypeAlias = Generator[Effect, Any, R]
