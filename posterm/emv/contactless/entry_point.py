"""A contactless transaction from the amount to its end: the entry point finds the kernel and acts on its outcome.

    amount -> combinations it may be paid with -> SELECT PPSE -> what card and reader share, best first
           -> SELECT application -> kernel 2, 3 or 7 -> outcome: approve, decline, go online, next application, ...

Source: EMV Contactless Book B, 3.1 (pre-processing), 3.3 (combination selection), 3.4 (kernel activation) and 3.5
(outcome processing). Leaves out the loop that waits for a card, collisions of two cards, and restarts after an online
answer.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Final

from posterm.emv.bits import CryptogramType, Tsi, Tvr
from posterm.emv.capk import CaKeyStore
from posterm.emv.card_data import parse_fci
from posterm.emv.config import TerminalConfig, TerminalFiles, Transaction
from posterm.emv.contactless import c2, c3, c7
from posterm.emv.contactless.combinations import KernelId, prepare
from posterm.emv.contactless.outcome import KernelOutcome, Verdict, Verification
from posterm.emv.contactless.selection import PPSE, Choice, choices
from posterm.emv.contactless.tap import Tap
from posterm.emv.errors import CardDataError, CardGone, Stop
from posterm.emv.exchange import AskPin, Conversation, Exchange, GoOnline, OnlineResult, PinAnswer, PinMethod, PinReply
from posterm.emv.kernel import commands
from posterm.emv.outcome import Ending, Fallback, Outcome

_BOOK: Final = "EMV Contactless Book B"

_KERNELS: Final[dict[KernelId, Callable[[Tap], Exchange[KernelOutcome]]]] = {
    KernelId.C2: c2.perform,
    KernelId.C3: c3.perform,
    KernelId.C7: c7.perform,
}

# EMV 4.4 Book 4, A6: offline approved and declined, unable to go online.
_APPROVED_OFFLINE: Final = "Y1"
_DECLINED_OFFLINE: Final = "Z1"
_UNABLE_TO_GO_ONLINE: Final = "Z3"

_ENDINGS: Final = {
    Verdict.TRY_AGAIN: Ending.TRY_AGAIN,
    Verdict.TRY_ANOTHER_INTERFACE: Ending.TRY_ANOTHER_INTERFACE,
    Verdict.END_APPLICATION: Ending.TERMINATED,
}


def tap(
    terminal: TerminalConfig,
    transaction: Transaction,
    keys: CaKeyStore,
    draw: Callable[[int], bytes],
    files: TerminalFiles | None = None,
) -> Exchange[Outcome]:
    """One tap from first command to last decision. Whatever the card answers, it ends in an outcome.

    Args:
        draw: gives as many random bytes as asked.
    """
    talk = Conversation()
    reader = _Reader(terminal, transaction, keys, draw, files or TerminalFiles(), talk)
    try:
        return (yield from reader.tap())
    except CardGone as gone:
        talk.trace.rule(_BOOK, "3.5", str(gone))
        return Outcome(Ending.TRY_AGAIN, str(gone), trace=talk.trace)
    except (Stop, CardDataError) as error:
        talk.trace.rule(_BOOK, "3.5", str(error))
        return Outcome(Ending.TERMINATED, str(error), trace=talk.trace)


class _Reader:
    """What stays the same while one combination after the other is tried."""

    def __init__(
        self,
        terminal: TerminalConfig,
        transaction: Transaction,
        keys: CaKeyStore,
        draw: Callable[[int], bytes],
        files: TerminalFiles,
        talk: Conversation,
    ) -> None:
        self._terminal = terminal
        self._transaction = transaction
        self._keys = keys
        self._draw = draw
        self._files = files
        self._talk = talk

    def tap(self) -> Exchange[Outcome]:
        amount = self._transaction.amount
        one_unit = 10**self._terminal.currency.exponent
        combinations = prepare(self._terminal.applications, amount, one_unit_minor=one_unit)
        self._note("3.1", f"{len(combinations)} combinations may be paid with")
        if not combinations:
            return self._ended(Ending.TRY_ANOTHER_INTERFACE, "the amount is above every contactless limit")
        directory = yield from self._talk.transmit(commands.select(PPSE))
        if not directory.ok:
            self._note("3.3.2", f"SELECT PPSE: the card answered {directory.sw:04X}")
            return self._ended(Ending.TRY_ANOTHER_INTERFACE, "the card has no contactless directory")
        shared = choices(directory.data, combinations)
        self._note("3.3.2", f"{len(shared)} combinations are shared with the card")
        if not shared:
            return self._ended(Ending.TRY_ANOTHER_INTERFACE, "card and reader share no contactless application")
        for choice in shared:
            outcome = yield from self._try(choice)
            if outcome is not None:
                return outcome
        return self._ended(Ending.TRY_ANOTHER_CARD, "no application of the card can be used here")

    def _try(self, choice: Choice) -> Exchange[Outcome | None]:
        """One combination to its end. None: the next one is to be tried."""
        answer = yield from self._talk.transmit(commands.select(choice.df_name))
        name = choice.df_name.hex().upper()
        if not answer.ok:
            self._note("3.3.3", f"SELECT {name}: the card answered {answer.sw:04X}")
            return None
        fci = parse_fci(answer.data)
        session = Tap(
            self._terminal,
            self._transaction,
            self._keys,
            self._files,
            self._draw,
            talk=self._talk,
            combination=choice.combination,
        )
        session.card = dict(fci.objects) | {"84": fci.df_name}
        self._note("3.4", f"kernel {choice.combination.kernel.value} for {name}")
        ended = yield from _KERNELS[choice.combination.kernel](session)
        if ended.verdict is Verdict.SELECT_NEXT:
            return None
        return (yield from _act(session, ended))

    def _note(self, clause: str, text: str) -> None:
        self._talk.trace.rule(_BOOK, clause, text)

    def _ended(self, ending: Ending, reason: str) -> Outcome:
        self._note("3.5", reason)
        return Outcome(ending, reason, fallback=Fallback.STRIPE, trace=self._talk.trace)


def _act(session: Tap, ended: KernelOutcome) -> Exchange[Outcome]:
    """Do what the kernel's outcome asks for. Source: Book B, 3.5; Book A, 6.2."""
    session.signature = ended.verification is Verification.SIGNATURE
    match ended.verdict:
        case Verdict.APPROVED:
            return _closed(session, Ending.APPROVED, ended.reason, _APPROVED_OFFLINE)
        case Verdict.DECLINED:
            return _closed(session, Ending.DECLINED, ended.reason, _DECLINED_OFFLINE)
        case Verdict.ONLINE_REQUEST:
            return (yield from _go_online(session, ended))
        case _:
            outcome = session.outcome(_ENDINGS[ended.verdict], ended.reason)
            return replace(outcome, fallback=Fallback.STRIPE)


def _go_online(session: Tap, ended: KernelOutcome) -> Exchange[Outcome]:
    if ended.verification is Verification.ONLINE_PIN:
        reply: PinReply = yield AskPin(PinMethod.ONLINE, pan=session.account_number)
        if reply.answer is PinAnswer.CANCELLED:
            return session.outcome(Ending.CANCELLED, "the cardholder gave up at the PIN")
        if reply.answer is PinAnswer.PAD_FAILED:
            session.set(Tvr.PIN_PAD_NOT_PRESENT_OR_NOT_WORKING, _BOOK, "3.5", "the PIN pad is out of order")
            return _closed(session, Ending.DECLINED, "the PIN pad is out of order", _DECLINED_OFFLINE)
        # A PIN that was not entered is the issuer's affair: it sees the request without one.
        session.online_pin = reply.answer is PinAnswer.ENTERED
    result: OnlineResult = yield GoOnline(session.values(), ended.reason)
    if not result.reached:
        return _closed(session, Ending.DECLINED, "the issuer cannot be reached", _UNABLE_TO_GO_ONLINE)
    session.online = True
    session.host_approved = result.approved
    session.note(_BOOK, "3.5", f"the issuer answered {result.response_code}")
    ending = Ending.APPROVED if result.approved else Ending.DECLINED
    return _closed(session, ending, f"the issuer answered {result.response_code}", result.response_code)


def _closed(session: Tap, ending: Ending, reason: str, response_code: str) -> Outcome:
    session.own["8A"] = response_code.encode("ascii", "replace")[:2]
    if session.cryptogram is not CryptogramType.AAC:
        session.tsi = Tsi(session.tsi | Tsi.CARD_RISK_MANAGEMENT_PERFORMED)
    return session.outcome(ending, reason)
