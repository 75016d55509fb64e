"""One chip card transaction without a host: kernel, card and whoever answers for cardholder, cashier and issuer.

Everything that went by is kept, commands and replies alike, so that a run can be saved and played again (`saved_run`).
What the kernel draws comes from a seed, so that it draws the same again.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from posterm.amount import Amount
from posterm.emv.apdu import Response
from posterm.emv.capk import CaKeyStore
from posterm.emv.config import TerminalConfig, Transaction
from posterm.emv.contactless.entry_point import tap
from posterm.emv.exchange import (
    UNABLE_TO_GO_ONLINE,
    Answers,
    AskPin,
    ChooseApplication,
    Exchange,
    GoOnline,
    OnlineResult,
    PinAnswer,
    PinMethod,
    PinReply,
    Refer,
    perform,
)
from posterm.emv.kernel.contact import contact_transaction
from posterm.emv.outcome import Outcome
from posterm.emv.reader import Reader
from posterm.emv.transcript import Entry, PoweredOn, Turn
from posterm.sensitive import Sensitive

SEED_BYTES: Final = 16
_PAD_ENDED: Final = 0x64
_PAD_CANCELLED: Final = 0x6401


@dataclass(frozen=True, slots=True)
class Setting:
    """What a run begins with. `moment` is local time; the kernel draws from `seed`."""

    amount: Amount
    moment: datetime
    seed: bytes
    contactless: bool = False


@dataclass(frozen=True, slots=True)
class Reply:
    """What was said to the kernel: kind (`choose`, `pin`, `online`, `refer`) and content, as a saved run has them."""

    kind: str
    content: str


Event = Entry | Reply


@dataclass(slots=True)
class ChipRun:
    """A run and its outcome; `events` in the order they happened."""

    setting: Setting
    events: list[Event] = field(default_factory=list, repr=False)
    outcome: Outcome = field(init=False)


class Drawn:
    """Bytes from a seed: SHA-256 over seed and a counter."""

    def __init__(self, seed: bytes) -> None:
        self._seed = seed
        self._drawn = 0

    def __call__(self, size: int) -> bytes:
        data = b""
        while len(data) < size:
            data += hashlib.sha256(self._seed + self._drawn.to_bytes(8, "big")).digest()
            self._drawn += 1
        return data[:size]


def run_chip(setting: Setting, terminal: TerminalConfig, keys: CaKeyStore, reader: Reader, answers: Answers) -> ChipRun:
    """Run a transaction with the card in the reader, from power on to power off.

    Args:
        answers: what is not a command goes there, see `posterm.emv.exchange.perform`.
    Raises: ReaderError: the reader cannot be used, or has no card.
    """
    run = ChipRun(setting)

    def transmit(apdu: bytes) -> bytes:
        answer = reader.transmit(apdu)
        run.events.append(Turn(apdu, answer))
        return answer

    def reply_to(effect: ChooseApplication | AskPin | GoOnline | Refer) -> object:
        reply = answers(effect)
        run.events.append(told(reply))
        return reply

    run.events.append(PoweredOn(reader.power_on()))
    try:
        run.outcome = perform(_exchange(setting, terminal, keys), transmit, reply_to)
    finally:
        reader.power_off()
    return run


def told(reply: object) -> Reply:
    """A reply as it is kept. A PIN is not: only that one was entered."""
    match reply:
        case PinReply(card_answer=Response() as answer):
            return Reply("pin", f"card {bytes(answer).hex().upper()}")
        case PinReply():
            return Reply("pin", reply.answer.name.lower())
        case OnlineResult(reached=False):
            return Reply("online", "-")
        case OnlineResult():
            return Reply("online", f"{reply.response_code} {reply.issuer_data.hex().upper()}".strip())
        case bool():
            return Reply("refer", "yes" if reply else "no")
        case int():
            return Reply("choose", str(reply))
        case None:
            return Reply("choose", "-")
    raise TypeError(f"no kernel is told a {type(reply).__name__}")


def _exchange(setting: Setting, terminal: TerminalConfig, keys: CaKeyStore) -> Exchange[Outcome]:
    transaction = Transaction(setting.amount.minor, setting.moment)
    kernel = tap if setting.contactless else contact_transaction
    return kernel(terminal, transaction, keys, Drawn(setting.seed))


def first_application(_: ChooseApplication) -> int:
    """Takes what card and terminal like best."""
    return 0


def no_pad() -> None:
    """The reader has no keys of its own."""


@dataclass(slots=True)
class Counter:
    """Cardholder, cashier and issuer, as the command line has them.

    Attributes:
        online: reaches the issuer; None: nobody can be reached.
        ask_pin: asks the cardholder for an offline PIN; gives None when it is refused.
        pad: has the reader's own PIN pad verify an offline PIN; gives the card's answer, None where it has no pad.
        choose: gives the place of one of the applications; None: none of them.
        enters_online_pin: the cardholder types the PIN that goes to the issuer.
    """

    online: Callable[[GoOnline], OnlineResult] | None = None
    ask_pin: Callable[[AskPin], Sensitive | None] | None = None
    pad: Callable[[], Response | None] = no_pad
    choose: Callable[[ChooseApplication], int | None] = first_application
    enters_online_pin: bool = True

    def __call__(self, effect: ChooseApplication | AskPin | GoOnline | Refer) -> object:
        match effect:
            case ChooseApplication():
                return self.choose(effect)
            case AskPin():
                return self._pin(effect)
            case GoOnline():
                return UNABLE_TO_GO_ONLINE if self.online is None else self.online(effect)
            case Refer():
                return False

    def _pin(self, wanted: AskPin) -> PinReply:
        if wanted.method is PinMethod.ONLINE:
            # The PIN goes from the pad to the issuer; nobody here sees it.
            return PinReply(PinAnswer.ENTERED if self.enters_online_pin else PinAnswer.BYPASSED)
        if (answer := self.pad()) is not None:
            return _typed_on_the_reader(answer)
        pin = None if self.ask_pin is None else self.ask_pin(wanted)
        return PinReply(PinAnswer.BYPASSED) if pin is None else PinReply(PinAnswer.ENTERED, pin)


def _typed_on_the_reader(answer: Response) -> PinReply:
    """Source: PC/SC part 10, 2.5.2: 6400 time-out, 6401 cancelled, 6402 and 6403 PINs that do not fit."""
    if answer.sw >> 8 == _PAD_ENDED:
        return PinReply(PinAnswer.CANCELLED if answer.sw == _PAD_CANCELLED else PinAnswer.BYPASSED)
    return PinReply(PinAnswer.ENTERED, card_answer=answer)
