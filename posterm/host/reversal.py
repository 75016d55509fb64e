"""Reversals: undoing exactly what one request did, whether it was answered or not, and even before it comes.

    original unknown           the profile's code (25 or 00); the original is refused should it come later
    original declined          00, there is nothing to undo
    original reversed before   its own record answers a repeat; here another reversal of it gets 00
    something builds on it     12: a voided or refunded sale, a completed or voided pre-authorisation
    batch closed               12: no reversal across the cut-over
    another kind               12
    another amount             64, so that an operator looks at it

The money goes back by force: an account may fall below its bound when a void is undone. A hold whose deadline has come
is over by itself, and is neither released nor put on again. The fee and what counted against limits go back too. While
the original's clearing date is open both count nowhere; once it is closed the reversal counts with the opposite sign.

Source: Q/CUP 009, reversal rules; DE 39 of the request is the reason and is not judged.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from posterm.host.case import Case, Refusal
from posterm.host.checks import takes_up_later_batch
from posterm.host.clearing import was_cleared
from posterm.host.errors import LedgerError
from posterm.host.events import EventName
from posterm.host.limits import counted
from posterm.host.records import TransactionRecord, TransferKind, TransferRecord
from posterm.host.switch.routes import has_follower
from posterm.unionpay.transactions import TRANSACTIONS, Delivery, Kind, Transaction

_BY_WIRE: Final = {
    (row.processing_code, row.condition, row.message_type): row
    for row in TRANSACTIONS.values()
    if row.delivery in (Delivery.REVERSE, Delivery.CLOSE)
}
_MANDATORY: Final = (3, 4, 11, 22, 25, 39, 41, 42, 49, 60)


@dataclass(frozen=True, slots=True)
class Undone:
    """What a reversal did: the answer code, the event, the original's reference, the number of transfers, and what it
    adds to the merchant's clearing."""

    code: str
    event: EventName
    original: str = ""
    transfers: int = 0
    gross_minor: int = 0
    fee_minor: int = 0


def check_reversal(case: Case) -> Refusal | None:
    """30 an element is missing, 12 it names nothing that is reversed."""
    missing = [number for number in _MANDATORY if number not in case.message and not _is_spared(case, number)]
    if missing:
        return _refused("30", "missing element " + " ".join(map(str, missing)))
    return None if _row(case) is not None else _refused("12", "no transaction that is reversed has this 3, 25 and 60.1")


def check_reversed_batch(case: Case) -> Refusal | None:
    """12 when the original's batch is closed, 77 when it is no batch of this terminal."""
    terminal = case.known_terminal()
    batch = case.desk.store.batch_record(terminal.terminal_id, case.batch)
    if batch is not None:
        return None if batch.open else _refused("12", "the original's batch is closed")
    if case.batch == terminal.batch or takes_up_later_batch(case):
        return None
    return Refusal("77", f"batch {case.batch} is not open", record=False)


def check_reversed_original(case: Case) -> Refusal | None:
    """12 another kind, 64 another amount, 12 when something builds on the original. An unknown one is no refusal."""
    row = _row(case)
    found = [case.desk.store.transaction(case.ref_for(mti, case.batch, case.stan)) for mti in ("0100", "0200")]
    known = [record for record in found if record is not None]
    if row is None or not known:
        return None
    original = known[0]
    if original.kind != row.kind:
        return _refused("12", f"the original is a {original.kind}, not a {row.kind}")
    if original.amount_minor != case.amount_minor:
        return _refused("64", "not the original's amount")
    if case.desk.issuers and has_follower(case.desk, original.ref):
        return _refused("12", "a later transaction about the original waits for the issuer")
    if original.stands and built_upon(case, original):
        return _refused("12", "a later transaction builds on the original")
    case.original = original
    return None


def undo(case: Case) -> Undone:
    """Undo the original, or leave a mark for one that has not come yet. Raises: LedgerError."""
    original = case.original
    if original is None:
        code = case.desk.profile.reversal.unknown_original
        return Undone(code, EventName.REVERSAL_BEFORE_ORIGINAL)
    if not original.stands:
        return Undone("00", EventName.REVERSED, original.ref)
    store, ledger = case.desk.store, case.desk.ledger
    before = store.transaction(original.original) if original.original else None
    if original.original and before is None:
        raise LedgerError(f"the transaction {original.original} is gone")
    standing = {_first_name(case, hold): hold for hold in (before or original).holds}
    made = (f"{original.ref}/{number}" for number in range(original.transfers, 0, -1))
    inverses = [
        ledger.inverse(standing.get(transfer, transfer), f"{case.ref}/{number}", case.at, case.ref)
        for number, transfer in enumerate(made, start=1)
    ]
    group = [transfer for transfer in inverses if transfer is not None]
    if group:
        ledger.apply(group)
    if before is not None:
        store.put_transaction(_counting_again(case, _restored(before, original, group), original))
    late = was_cleared(case.desk, original)
    undone = original._replace(reversed=True, holds=(), fee_now_minor=0)
    if not late:
        undone = undone._replace(gross_minor=0, fee_minor=0)
    case.original = counted(store, undone, -undone.limited_minor)
    store.put_transaction(case.original)
    gross, fee = (-original.gross_minor, -original.fee_minor) if late else (0, 0)
    return Undone("00", EventName.REVERSED, original.ref, len(group), gross, fee)


def _counting_again(case: Case, restored: TransactionRecord, undone: TransactionRecord) -> TransactionRecord:
    """The transaction the undone one referred to, counting against its limits as it did before that one came."""
    store = case.desk.store
    if undone.kind == Kind.PREAUTH_ADD:
        return counted(store, restored, -min(undone.amount_minor, restored.limited_minor))
    if undone.kind in (Kind.PREAUTH_VOID, Kind.COMPLETION):
        return counted(store, restored, restored.authorised_minor if restored.holds else 0)
    return counted(store, restored, restored.posted_minor)


def _restored(before: TransactionRecord, undone: TransactionRecord, group: list[TransferRecord]) -> TransactionRecord:
    """The transaction the undone one referred to, as it stands again."""
    holds = tuple(transfer.transfer_id for transfer in reversed(group) if transfer.kind == TransferKind.PENDING)
    if undone.kind in (Kind.VOID, Kind.COMPLETION_VOID):
        return before._replace(voided_by="", fee_now_minor=-undone.fee_minor)
    if undone.kind == Kind.PREAUTH_VOID:
        return before._replace(voided_by="", holds=holds)
    if undone.kind == Kind.COMPLETION:
        return before._replace(completed_by="", holds=holds)
    released = {transfer.resolves for transfer in group}
    kept = tuple(hold for hold in before.holds if hold not in released)
    return before._replace(holds=kept, authorised_minor=before.authorised_minor - undone.amount_minor)


def built_upon(case: Case, original: TransactionRecord) -> bool:
    """True when a later transaction rests on this one."""
    if original.kind == Kind.PREAUTH_ADD:
        before = case.desk.store.transaction(original.original)
        return before is not None and bool(before.voided_by or before.completed_by)
    if original.kind == Kind.PREAUTH and original.authorised_minor != original.amount_minor:
        return True
    return bool(original.voided_by or original.completed_by or original.refunded_minor or original.tip_minor)


def _first_name(case: Case, hold: str) -> str:
    """The transfer that put a hold on first: one released and put on again has another name each time."""
    ledger = case.desk.ledger
    while released := ledger.transfer(hold).corrects:
        hold = ledger.transfer(released).resolves
    return hold


def _row(case: Case) -> Transaction | None:
    return _BY_WIRE.get((case.text(3), case.text(25), case.message_type))


def _is_spared(case: Case, number: int) -> bool:
    """True for the one element that payments by a code do without."""
    return number == 25 and case.message_type == TRANSACTIONS[Kind.QR_SALE].message_type


def _refused(code: str, why: str) -> Refusal:
    return Refusal(code, why, EventName.REVERSAL_REFUSED)
