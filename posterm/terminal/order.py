"""What the cashier asks for, and what the cashier is told in the end."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from posterm.amount import Amount
from posterm.terminal.exchange import Answer, NoAnswer
from posterm.terminal.originals import OriginalReference
from posterm.terminal.records import JournalEntry
from posterm.unionpay.transactions import Kind


class Outcome(StrEnum):
    """How a transaction ended for the cashier."""

    APPROVED = "approved"
    APPROVED_OFFLINE = "approved-offline"
    DECLINED = "declined"
    REFUSED = "refused"
    """The terminal itself said no; nothing was sent."""
    CANCELLED = "cancelled"
    NOT_SENT = "not-sent"
    REVERSED = "reversed"
    REVERSAL_PENDING = "reversal-pending"
    TRAINED = "trained"
    """Practice: nothing left the terminal."""
    UNKNOWN = "unknown"
    """A refund without an answer yet; it is repeated until there is one."""


@dataclass(frozen=True, slots=True)
class Result:
    """What the cashier is told. `code` is DE 39 where the host answered, Z1 or Z3 where a chip was declined offline.

    `why` holds one line for each rule of the card scheme that fired, for a transaction with a chip.
    """

    outcome: Outcome
    kind: Kind
    stan: str = ""
    code: str = ""
    text: str = ""
    text_zh: str = ""
    entry: JournalEntry | None = None
    balance: Amount | None = None
    overdrawn: bool = False
    """True when `balance` is what the cardholder owes."""
    why: tuple[str, ...] = ()

    @property
    def approved(self) -> bool:
        return self.outcome in (Outcome.APPROVED, Outcome.APPROVED_OFFLINE)


@dataclass(frozen=True, slots=True)
class Order:
    """What the cashier asks for: the checks that need only the terminal's own knowledge have been made."""

    kind: Kind
    amount: Amount | None
    original: JournalEntry | None = None
    reference: OriginalReference | None = None
    """How the cashier named the original, where the card at hand decides which one that is."""
    tip_minor: int = 0
    auth_code: str = ""


def result_of(outcome: Outcome, kind: Kind, entry: JournalEntry, answer: Answer | NoAnswer) -> Result:
    """The result of a request and its answer."""
    if isinstance(answer, NoAnswer):
        return Result(outcome, kind, entry.stan, text=answer.why, entry=entry)
    code = answer.code
    return Result(outcome, kind, entry.stan, code.code, code.text, code.text_zh, entry)
