"""How kernels talk to the world: they yield what they want and are sent the answer.

A kernel is a generator. It yields a `Command` or another effect, is sent the reply, and returns an outcome. Whoever
drives it does the effects: a test from a transcript, a terminal with a reader, a simulation.

    Command              -> Response | None      None: the card is gone, or what it sent was no answer
    ChooseApplication    -> int | None           the place of the chosen candidate; None: the cardholder wants none
    AskPin               -> PinReply
    GoOnline             -> OnlineResult
    Refer                -> bool                 the attendant telephoned: go on as approved?

Source: EMV 4.4 Book 4, part II (what a terminal does for its kernel).
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Any, Final, TypeAlias, TypeVar

from posterm.emv.apdu import Command, Response
from posterm.emv.errors import ApduError, CardGone, Stop
from posterm.emv.trace import Trace
from posterm.sensitive import Pan, Sensitive

MAX_COMMANDS: Final = 256
"""The most commands one transaction may take. The longest honest one takes fewer than a hundred."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """An application that card and terminal both know.

    `df_name` is what SELECT gets, `terminal_aid` the entry of the terminal's list it matched; `priority` is 1 (highest)
    to 15, 0 when the card gives none.
    """

    df_name: bytes
    label: str
    priority: int = 0
    needs_confirmation: bool = False
    terminal_aid: bytes = b""


@dataclass(frozen=True, slots=True)
class ChooseApplication:
    """Let the cardholder choose; a single candidate is one that asks for confirmation."""

    candidates: tuple[Candidate, ...]


class PinMethod(Enum):
    """Who verifies the PIN."""

    OFFLINE = "offline"
    ONLINE = "online"


@dataclass(frozen=True, slots=True)
class AskPin:
    """Ask for the PIN. An offline PIN comes back in the reply; an online PIN stays in the PIN pad.

    `tries_left` is the card's counter, None when it does not tell; `wrong_before` says that the last PIN was wrong;
    `pan` is what the PIN pad binds an online PIN to.
    """

    method: PinMethod
    tries_left: int | None = None
    wrong_before: bool = False
    pan: Pan | None = None


class PinAnswer(Enum):
    """How the request for a PIN ended."""

    ENTERED = "entered"
    BYPASSED = "bypassed"
    PAD_FAILED = "PIN pad missing or out of order"
    CANCELLED = "cancelled"


@dataclass(frozen=True, slots=True)
class PinReply:
    """How the request ended, with the PIN (4 to 12 digits) when it is an offline one that was entered.

    `card_answer` is set instead of `pin` by a reader that has a PIN pad and sent VERIFY itself.
    """

    answer: PinAnswer
    pin: Sensitive | None = None
    card_answer: Response | None = None


@dataclass(frozen=True, slots=True)
class GoOnline:
    """Send the transaction to the issuer. `data` are all data objects the kernel has, by tag."""

    data: Mapping[str, bytes] = field(repr=False)
    reason: str = ""


@dataclass(frozen=True, slots=True)
class OnlineResult:
    """What the issuer said.

    `response_code` is the two characters of tag 8A (DE 39), empty when nobody could be reached; `issuer_data` is
    BER-TLV with 91, 71 and 72 as they came (DE 55 of the answer).
    """

    response_code: str = ""
    issuer_data: bytes = field(default=b"", repr=False)

    @property
    def reached(self) -> bool:
        """True when an answer came."""
        return bool(self.response_code)

    @property
    def approved(self) -> bool:
        """True for the codes ISO 8583 counts as approval."""
        return self.response_code in APPROVALS

    @property
    def referred(self) -> bool:
        """True for the codes that ask the attendant to telephone."""
        return self.response_code in REFERRALS


APPROVALS: Final = frozenset({"00", "08", "10", "11", "16"})
REFERRALS: Final = frozenset({"01", "02"})
UNABLE_TO_GO_ONLINE: Final = OnlineResult()


@dataclass(frozen=True, slots=True)
class Refer:
    """The issuer asks the attendant to telephone. Source: EMV 4.4 Book 4, 6.3.4 and 6.3.8."""

    response_code: str


Effect: TypeAlias = Command | ChooseApplication | AskPin | GoOnline | Refer
T = TypeVar("T")
Exchange: TypeAlias = Generator[Effect, Any, T]


class Conversation:
    """One transaction's talk with the card: what it may still ask, and the trace of what was decided."""

    __slots__ = ("commands_left", "trace")

    def __init__(self) -> None:
        self.commands_left = MAX_COMMANDS
        self.trace = Trace()

    def transmit(self, command: Command) -> Exchange[Response]:
        """Send a command. Raises: CardGone: no answer. Stop: the transaction took too many commands."""
        if self.commands_left <= 0:
            raise Stop(f"the card used up the {MAX_COMMANDS} commands of a transaction")
        self.commands_left -= 1
        answer: Response | None = yield command
        if answer is None:
            raise CardGone("the card is gone, or what it sent was no answer")
        return answer


Answers: TypeAlias = Callable[[ChooseApplication | AskPin | GoOnline | Refer], object]


def perform(exchange: Exchange[T], transmit: Callable[[bytes], bytes], answer: Answers) -> T:
    """Run an exchange to its end: commands go to `transmit`, everything else to `answer`.

    Args:
        transmit: takes a command APDU, gives the answer APDU; fewer than two bytes count as a card that is gone.
        answer: takes an effect, gives the reply the table above lists.
    """
    reply: object = None
    while True:
        try:
            effect = exchange.send(reply)
        except StopIteration as end:
            result: T = end.value
            return result
        if isinstance(effect, Command):
            try:
                reply = Response.parse(transmit(bytes(effect)))
            except ApduError:
                reply = None
        else:
            reply = answer(effect)
