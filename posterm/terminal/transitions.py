"""The two state tables of a terminal. Everything else asks them.

`LIFECYCLE` says what the terminal as a whole may do: from a new device over keys and sign-on to a settled batch.
`EXCHANGE` follows one transaction that moves money, from the moment it is sent until it is final. Both are complete:
every event in every state leads to a state or is `Refused` with a reason, and a refused event changes nothing.

The lifecycle state and the exchange phase are both stored, so a power cut finds them where they were.

Source: Q/CUP 009 terminal behaviour as restated by acquirer terminal specifications.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final


@dataclass(frozen=True, slots=True)
class Refused:
    """This event cannot happen in this state; `reason` is what an operator is told."""

    reason: str


class State(StrEnum):
    """What the terminal as a whole is doing."""

    NEW = "new"
    """No keys."""
    KEYED = "keyed"
    """A TMK, no working keys."""
    SIGNED_ON = "signed-on"
    SIGN_ON_DUE = "sign-on-due"
    """Signed on once, but the host wants it again before the next transaction."""
    SETTLING = "settling"
    """Totals are on their way; what the host thinks of them is not known."""
    UPLOADING_EQUAL = "uploading-equal"
    UPLOADING_DIFFERENT = "uploading-different"
    BATCH_CLOSED = "batch-closed"
    """The host has the batch; the slip is still to be printed."""
    TRAINING = "training"
    """Practice: the terminal answers itself, and no frame leaves it."""


SETTLEMENT_STATES: Final = frozenset(
    {State.SETTLING, State.UPLOADING_EQUAL, State.UPLOADING_DIFFERENT, State.BATCH_CLOSED}
)
"""States that a settlement goes through; nothing else is done in them."""


class Event(StrEnum):
    """What happens to the terminal as a whole."""

    KEYS_INJECTED = "keys-injected"
    SIGN_ON_REQUESTED = "sign-on-requested"
    SIGN_ON_ACCEPTED = "sign-on-accepted"
    SIGN_ON_REJECTED = "sign-on-rejected"
    """Declined by the host, or a key's check value did not match."""
    SIGN_ON_DEMANDED = "sign-on-demanded"
    """Answer 77, 99 or A0, or header digit 6 = 3."""
    SIGNED_OFF = "signed-off"
    TRANSACTION_REQUESTED = "transaction-requested"
    SETTLEMENT_REQUESTED = "settlement-requested"
    SETTLEMENT_FAILED = "settlement-failed"
    """No answer to the totals, or reconciliation code 3."""
    TOTALS_EQUAL = "totals-equal"
    TOTALS_DIFFERENT = "totals-different"
    CAPTURED_BY_HOST = "captured-by-host"
    """The acquirer closes batches itself; there is nothing to compare or upload."""
    UPLOAD_ENDED = "upload-ended"
    SLIP_PRINTED = "slip-printed"
    TRAINING_STARTED = "training-started"
    TRAINING_ENDED = "training-ended"


_no_keys = Refused("the terminal has no keys; inject the TMK first")
_not_signed_on = Refused("the terminal is not signed on")
_settling = Refused("a settlement is in progress; finish it first")
_closed = Refused("the settlement slip is still to be printed")
_not_asked = Refused("nothing of the kind was asked for")
_training = Refused("the terminal is in training; end that first")
_not_training = Refused("the terminal is not in training")

_S, _E = State, Event
LIFECYCLE: Final[Mapping[State, Mapping[Event, State | Refused]]] = {
    _S.NEW: {
        _E.KEYS_INJECTED: _S.KEYED,
        _E.SIGN_ON_REQUESTED: _no_keys,
        _E.SIGN_ON_ACCEPTED: _not_asked,
        _E.SIGN_ON_REJECTED: _not_asked,
        _E.SIGN_ON_DEMANDED: _S.NEW,
        _E.SIGNED_OFF: _no_keys,
        _E.TRANSACTION_REQUESTED: _no_keys,
        _E.SETTLEMENT_REQUESTED: _no_keys,
        _E.SETTLEMENT_FAILED: _not_asked,
        _E.TOTALS_EQUAL: _not_asked,
        _E.TOTALS_DIFFERENT: _not_asked,
        _E.CAPTURED_BY_HOST: _no_keys,
        _E.UPLOAD_ENDED: _not_asked,
        _E.SLIP_PRINTED: _not_asked,
        _E.TRAINING_STARTED: _no_keys,
        _E.TRAINING_ENDED: _not_training,
    },
    _S.KEYED: {
        _E.KEYS_INJECTED: _S.KEYED,
        _E.SIGN_ON_REQUESTED: _S.KEYED,
        _E.SIGN_ON_ACCEPTED: _S.SIGNED_ON,
        _E.SIGN_ON_REJECTED: _S.KEYED,
        _E.SIGN_ON_DEMANDED: _S.KEYED,
        _E.SIGNED_OFF: _S.KEYED,
        _E.TRANSACTION_REQUESTED: _not_signed_on,
        _E.SETTLEMENT_REQUESTED: _not_signed_on,
        _E.SETTLEMENT_FAILED: _not_asked,
        _E.TOTALS_EQUAL: _not_asked,
        _E.TOTALS_DIFFERENT: _not_asked,
        _E.CAPTURED_BY_HOST: _not_signed_on,
        _E.UPLOAD_ENDED: _not_asked,
        _E.SLIP_PRINTED: _not_asked,
        _E.TRAINING_STARTED: _S.TRAINING,
        _E.TRAINING_ENDED: _not_training,
    },
    _S.SIGNED_ON: {
        _E.KEYS_INJECTED: _S.KEYED,
        _E.SIGN_ON_REQUESTED: _S.SIGNED_ON,
        _E.SIGN_ON_ACCEPTED: _S.SIGNED_ON,
        _E.SIGN_ON_REJECTED: _S.SIGN_ON_DUE,
        _E.SIGN_ON_DEMANDED: _S.SIGN_ON_DUE,
        _E.SIGNED_OFF: _S.KEYED,
        _E.TRANSACTION_REQUESTED: _S.SIGNED_ON,
        _E.SETTLEMENT_REQUESTED: _S.SETTLING,
        _E.SETTLEMENT_FAILED: _not_asked,
        _E.TOTALS_EQUAL: _not_asked,
        _E.TOTALS_DIFFERENT: _not_asked,
        _E.CAPTURED_BY_HOST: _S.BATCH_CLOSED,
        _E.UPLOAD_ENDED: _not_asked,
        _E.SLIP_PRINTED: _not_asked,
        _E.TRAINING_STARTED: _S.TRAINING,
        _E.TRAINING_ENDED: _not_training,
    },
    _S.SIGN_ON_DUE: {
        _E.KEYS_INJECTED: _S.KEYED,
        _E.SIGN_ON_REQUESTED: _S.SIGN_ON_DUE,
        _E.SIGN_ON_ACCEPTED: _S.SIGNED_ON,
        _E.SIGN_ON_REJECTED: _S.SIGN_ON_DUE,
        _E.SIGN_ON_DEMANDED: _S.SIGN_ON_DUE,
        _E.SIGNED_OFF: _S.KEYED,
        _E.TRANSACTION_REQUESTED: Refused("the host wants the terminal to sign on first"),
        _E.SETTLEMENT_REQUESTED: Refused("the host wants the terminal to sign on first"),
        _E.SETTLEMENT_FAILED: _not_asked,
        _E.TOTALS_EQUAL: _not_asked,
        _E.TOTALS_DIFFERENT: _not_asked,
        _E.CAPTURED_BY_HOST: Refused("the host wants the terminal to sign on first"),
        _E.UPLOAD_ENDED: _not_asked,
        _E.SLIP_PRINTED: _not_asked,
        _E.TRAINING_STARTED: _S.TRAINING,
        _E.TRAINING_ENDED: _not_training,
    },
    _S.SETTLING: {
        _E.KEYS_INJECTED: _settling,
        _E.SIGN_ON_REQUESTED: _settling,
        _E.SIGN_ON_ACCEPTED: _not_asked,
        _E.SIGN_ON_REJECTED: _not_asked,
        _E.SIGN_ON_DEMANDED: _S.SETTLING,
        _E.SIGNED_OFF: _settling,
        _E.TRANSACTION_REQUESTED: _settling,
        _E.SETTLEMENT_REQUESTED: _S.SETTLING,
        _E.SETTLEMENT_FAILED: _S.SIGNED_ON,
        _E.TOTALS_EQUAL: _S.UPLOADING_EQUAL,
        _E.TOTALS_DIFFERENT: _S.UPLOADING_DIFFERENT,
        _E.CAPTURED_BY_HOST: _settling,
        _E.UPLOAD_ENDED: _not_asked,
        _E.SLIP_PRINTED: _not_asked,
        _E.TRAINING_STARTED: _settling,
        _E.TRAINING_ENDED: _not_training,
    },
    _S.UPLOADING_EQUAL: {
        _E.KEYS_INJECTED: _settling,
        _E.SIGN_ON_REQUESTED: _settling,
        _E.SIGN_ON_ACCEPTED: _not_asked,
        _E.SIGN_ON_REJECTED: _not_asked,
        _E.SIGN_ON_DEMANDED: _S.UPLOADING_EQUAL,
        _E.SIGNED_OFF: _settling,
        _E.TRANSACTION_REQUESTED: _settling,
        _E.SETTLEMENT_REQUESTED: _S.UPLOADING_EQUAL,
        _E.SETTLEMENT_FAILED: _S.UPLOADING_EQUAL,
        _E.TOTALS_EQUAL: _S.UPLOADING_EQUAL,
        _E.TOTALS_DIFFERENT: _not_asked,
        _E.CAPTURED_BY_HOST: _settling,
        _E.UPLOAD_ENDED: _S.BATCH_CLOSED,
        _E.SLIP_PRINTED: _not_asked,
        _E.TRAINING_STARTED: _settling,
        _E.TRAINING_ENDED: _not_training,
    },
    _S.UPLOADING_DIFFERENT: {
        _E.KEYS_INJECTED: _settling,
        _E.SIGN_ON_REQUESTED: _settling,
        _E.SIGN_ON_ACCEPTED: _not_asked,
        _E.SIGN_ON_REJECTED: _not_asked,
        _E.SIGN_ON_DEMANDED: _S.UPLOADING_DIFFERENT,
        _E.SIGNED_OFF: _settling,
        _E.TRANSACTION_REQUESTED: _settling,
        _E.SETTLEMENT_REQUESTED: _S.UPLOADING_DIFFERENT,
        _E.SETTLEMENT_FAILED: _S.UPLOADING_DIFFERENT,
        _E.TOTALS_EQUAL: _not_asked,
        _E.TOTALS_DIFFERENT: _S.UPLOADING_DIFFERENT,
        _E.CAPTURED_BY_HOST: _settling,
        _E.UPLOAD_ENDED: _S.BATCH_CLOSED,
        _E.SLIP_PRINTED: _not_asked,
        _E.TRAINING_STARTED: _settling,
        _E.TRAINING_ENDED: _not_training,
    },
    _S.BATCH_CLOSED: {
        _E.KEYS_INJECTED: _closed,
        _E.SIGN_ON_REQUESTED: _closed,
        _E.SIGN_ON_ACCEPTED: _not_asked,
        _E.SIGN_ON_REJECTED: _not_asked,
        _E.SIGN_ON_DEMANDED: _S.BATCH_CLOSED,
        _E.SIGNED_OFF: _closed,
        _E.TRANSACTION_REQUESTED: _closed,
        _E.SETTLEMENT_REQUESTED: _S.BATCH_CLOSED,
        _E.SETTLEMENT_FAILED: _not_asked,
        _E.TOTALS_EQUAL: _not_asked,
        _E.TOTALS_DIFFERENT: _not_asked,
        _E.CAPTURED_BY_HOST: _S.BATCH_CLOSED,
        _E.UPLOAD_ENDED: _S.BATCH_CLOSED,
        _E.SLIP_PRINTED: _S.SIGNED_ON,
        _E.TRAINING_STARTED: _closed,
        _E.TRAINING_ENDED: _not_training,
    },
    _S.TRAINING: {
        _E.KEYS_INJECTED: _training,
        _E.SIGN_ON_REQUESTED: _training,
        _E.SIGN_ON_ACCEPTED: _not_asked,
        _E.SIGN_ON_REJECTED: _not_asked,
        _E.SIGN_ON_DEMANDED: _not_asked,
        _E.SIGNED_OFF: _training,
        _E.TRANSACTION_REQUESTED: _training,
        _E.SETTLEMENT_REQUESTED: _training,
        _E.SETTLEMENT_FAILED: _not_asked,
        _E.TOTALS_EQUAL: _not_asked,
        _E.TOTALS_DIFFERENT: _not_asked,
        _E.CAPTURED_BY_HOST: _training,
        _E.UPLOAD_ENDED: _not_asked,
        _E.SLIP_PRINTED: _not_asked,
        _E.TRAINING_STARTED: _training,
        # Real money wants a real sign-on: nobody sells on with the keys and the clock of before.
        _E.TRAINING_ENDED: _S.KEYED,
    },
}


class Phase(StrEnum):
    """Where one transaction that moves money stands."""

    IDLE = "idle"
    AWAITING_ANSWER = "awaiting-answer"
    """Sent, or about to be: a reversal is stored and will go out unless a final answer comes."""
    POLLING = "polling"
    """A payment by a code that is not decided yet: the host is asked about it, and closes it in the end."""
    COMPLETING = "completing"
    """Approved; the terminal has still to finish its part (card, printer)."""
    REVERSING = "reversing"


class Happening(StrEnum):
    """What happens to one transaction."""

    STORED = "stored"
    """Journal entry and reversal are on disk; the request may go out."""
    NOT_SENT = "not-sent"
    """No connection came about; the host cannot have seen it."""
    APPROVED = "approved"
    DECLINED = "declined"
    UNANSWERED = "unanswered"
    """Time-out, torn connection, or only answers that do not match."""
    BAD_MAC = "bad-mac"
    COMPLETED = "completed"
    COULD_NOT_COMPLETE = "could-not-complete"
    POWER_RESTORED = "power-restored"
    REVERSAL_ACKNOWLEDGED = "reversal-acknowledged"
    REVERSAL_UNANSWERED = "reversal-unanswered"
    LATE_ANSWER = "late-answer"
    RESULT_UNKNOWN = "result-unknown"
    """A payment by a code that is not decided, or not answered: the host can be asked about it."""


_unresolved = Refused("the last transaction is not resolved yet")
_nothing_pending = Refused("no transaction is waiting for that")

_P, _H = Phase, Happening
EXCHANGE: Final[Mapping[Phase, Mapping[Happening, Phase | Refused]]] = {
    _P.IDLE: {
        _H.STORED: _P.AWAITING_ANSWER,
        _H.NOT_SENT: _nothing_pending,
        _H.APPROVED: _nothing_pending,
        _H.DECLINED: _nothing_pending,
        _H.UNANSWERED: _nothing_pending,
        _H.BAD_MAC: _nothing_pending,
        _H.COMPLETED: _nothing_pending,
        _H.COULD_NOT_COMPLETE: _nothing_pending,
        _H.POWER_RESTORED: _P.IDLE,
        _H.REVERSAL_ACKNOWLEDGED: _nothing_pending,
        _H.REVERSAL_UNANSWERED: _nothing_pending,
        _H.LATE_ANSWER: _P.IDLE,
        _H.RESULT_UNKNOWN: _nothing_pending,
    },
    _P.AWAITING_ANSWER: {
        _H.STORED: _unresolved,
        _H.NOT_SENT: _P.IDLE,
        _H.APPROVED: _P.COMPLETING,
        _H.DECLINED: _P.IDLE,
        _H.UNANSWERED: _P.REVERSING,
        _H.BAD_MAC: _P.REVERSING,
        _H.COMPLETED: _nothing_pending,
        _H.COULD_NOT_COMPLETE: _nothing_pending,
        _H.POWER_RESTORED: _P.REVERSING,
        _H.REVERSAL_ACKNOWLEDGED: _nothing_pending,
        _H.REVERSAL_UNANSWERED: _nothing_pending,
        _H.LATE_ANSWER: _P.AWAITING_ANSWER,
        _H.RESULT_UNKNOWN: _P.POLLING,
    },
    _P.POLLING: {
        _H.STORED: _unresolved,
        _H.NOT_SENT: _P.POLLING,
        _H.APPROVED: _P.COMPLETING,
        _H.DECLINED: _P.IDLE,
        _H.UNANSWERED: _P.REVERSING,
        _H.BAD_MAC: _P.POLLING,
        _H.COMPLETED: _nothing_pending,
        _H.COULD_NOT_COMPLETE: _nothing_pending,
        _H.POWER_RESTORED: _P.REVERSING,
        _H.REVERSAL_ACKNOWLEDGED: _nothing_pending,
        _H.REVERSAL_UNANSWERED: _nothing_pending,
        _H.LATE_ANSWER: _P.POLLING,
        _H.RESULT_UNKNOWN: _P.POLLING,
    },
    _P.COMPLETING: {
        _H.STORED: _unresolved,
        _H.NOT_SENT: _nothing_pending,
        _H.APPROVED: _nothing_pending,
        _H.DECLINED: _nothing_pending,
        _H.UNANSWERED: _nothing_pending,
        _H.BAD_MAC: _nothing_pending,
        _H.COMPLETED: _P.IDLE,
        _H.COULD_NOT_COMPLETE: _P.REVERSING,
        _H.POWER_RESTORED: _P.REVERSING,
        _H.REVERSAL_ACKNOWLEDGED: _nothing_pending,
        _H.REVERSAL_UNANSWERED: _nothing_pending,
        _H.LATE_ANSWER: _P.COMPLETING,
        _H.RESULT_UNKNOWN: _nothing_pending,
    },
    _P.REVERSING: {
        _H.STORED: _unresolved,
        _H.NOT_SENT: _P.REVERSING,
        _H.APPROVED: _P.REVERSING,
        _H.DECLINED: _P.REVERSING,
        _H.UNANSWERED: _P.REVERSING,
        _H.BAD_MAC: _P.REVERSING,
        _H.COMPLETED: _unresolved,
        _H.COULD_NOT_COMPLETE: _P.REVERSING,
        _H.POWER_RESTORED: _P.REVERSING,
        _H.REVERSAL_ACKNOWLEDGED: _P.IDLE,
        _H.REVERSAL_UNANSWERED: _P.REVERSING,
        _H.LATE_ANSWER: _P.REVERSING,
        _H.RESULT_UNKNOWN: _P.REVERSING,
    },
}
