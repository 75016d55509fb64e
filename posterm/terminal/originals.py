"""Which journal entry does a void, refund or completion mean, and may it be done to that one?

The host checks all of this again; the terminal refuses early what it can see itself.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from posterm.terminal.context import Context
from posterm.terminal.records import Delivery, JournalEntry, Status
from posterm.unionpay.transactions import CODE_ENTRIES, CODE_SALES, Entry, Kind


@dataclass(frozen=True, slots=True)
class OriginalReference:
    """How a cashier names the original: by its voucher number, or by what an old slip says.

    `stan` 6 digits; `rrn` 12 characters; `date` MMDD; `auth_code` 6 characters. Empty means not known.
    """

    stan: str = ""
    rrn: str = ""
    date: str = ""
    auth_code: str = ""


_MEANS: Final = {
    Kind.VOID: frozenset({Kind.SALE}),
    Kind.COMPLETION_VOID: frozenset({Kind.COMPLETION}),
    Kind.TIP_ADJUST: frozenset({Kind.SALE}),
    Kind.REFUND: frozenset({Kind.SALE, Kind.COMPLETION, Kind.COMPLETION_NOTICE, Kind.OFFLINE_SALE}),
    Kind.QR_VOID: CODE_SALES,
    Kind.QR_QUERY: CODE_SALES,
    Kind.QR_REFUND: CODE_SALES,
    Kind.PREAUTH_ADD: frozenset({Kind.PREAUTH}),
    Kind.PREAUTH_VOID: frozenset({Kind.PREAUTH}),
    Kind.COMPLETION: frozenset({Kind.PREAUTH}),
    Kind.COMPLETION_NOTICE: frozenset({Kind.PREAUTH}),
}
_OPEN_BATCH_ONLY: Final = frozenset({Kind.VOID, Kind.COMPLETION_VOID, Kind.TIP_ADJUST, Kind.QR_VOID, Kind.QR_QUERY})
_WITHOUT_CARD: Final = frozenset({Kind.REFUND, Kind.QR_VOID, Kind.QR_REFUND, Kind.QR_QUERY})
"""What may be done to an original whose card number is not kept, or that never had one."""


def find_original(ctx: Context, kind: Kind, reference: OriginalReference, *, card: str = "") -> JournalEntry | str:
    """The entry meant, or why there is none that will do.

    Without any reference the latest entry that will do is meant. A refund may name a sale this terminal no longer
    has; then the reference itself has to do, and the host decides.

    Args:
        card: the masked number of the card at hand, when the original has to be one of its own.
    """
    meant = _MEANS[kind]
    batch = ctx.memory.registers.batch_digits
    entries = [
        entry
        for entry in reversed(ctx.memory.journal.values())
        if is_named(entry, reference)
        and card in ("", entry.masked_pan)
        and (kind not in _OPEN_BATCH_ONLY or entry.batch == batch)
    ]
    candidates = [entry for entry in entries if entry.kind in meant]
    if kind is Kind.TIP_ADJUST:
        candidates = [entry for entry in candidates if entry.entry not in CODE_ENTRIES]
    fit = [entry for entry in candidates if kind is Kind.QR_QUERY or fault_of(entry) is None]
    if fit and not fit[0].sealed_card and kind not in _WITHOUT_CARD and fit[0].entry not in CODE_ENTRIES:
        return "the terminal no longer keeps the card number of that transaction"
    if fit:
        return fit[0]
    if candidates:
        return fault_of(candidates[0]) or ""
    if entries:
        return f"this cannot be done to a transaction of that kind ({entries[0].transaction.name.lower()})"
    if kind in (Kind.REFUND, Kind.QR_REFUND) and reference.rrn and reference.date:
        return _from_slip(ctx, reference, kind)
    return f"no such transaction {'with this card ' if card else ''}in this terminal"


def is_named(entry: JournalEntry, reference: OriginalReference) -> bool:
    """True when the entry agrees with all that the cashier says of it."""
    return (
        (not reference.stan or entry.stan == reference.stan.zfill(6))
        and (not reference.rrn or entry.rrn == reference.rrn)
        and (not reference.auth_code or entry.auth_code == reference.auth_code)
        and (not reference.date or entry.host_date == reference.date)
    )


def authorised_minor(ctx: Context, preauth: JournalEntry) -> int:
    """What a pre-authorisation holds with everything that was added to it; a void must name this amount."""
    added = (
        entry.amount_minor
        for entry in ctx.memory.journal.values()
        if entry.kind is Kind.PREAUTH_ADD and entry.status is Status.APPROVED and adds_to(entry, preauth)
    )
    return preauth.amount_minor + sum(added)


def standing_minor(ctx: Context, original: JournalEntry) -> int:
    """What a void has to name: the amount with its tip, without one that the host has refused so far."""
    refused = any(
        entry.kind is Kind.TIP_ADJUST and entry.delivery is Delivery.FAILED and adds_to(entry, original)
        for entry in ctx.memory.journal.values()
    )
    return original.amount_minor if refused else original.total_minor


def adds_to(addition: JournalEntry, preauth: JournalEntry) -> bool:
    """True when `addition` names `preauth` as its original."""
    return (addition.original_batch, addition.original_stan) == (preauth.batch, preauth.stan)


def fault_of(entry: JournalEntry | None) -> str | None:
    """Why nothing can be done to this entry any more, or None."""
    if entry is None:
        return None
    if entry.status is not Status.APPROVED:
        return f"the transaction is {entry.status}, not approved"
    if entry.undone_by:
        return f"the transaction was voided or completed already, by voucher {entry.undone_by}"
    return None


def _from_slip(ctx: Context, reference: OriginalReference, kind: Kind) -> JournalEntry:
    by_code = kind is Kind.QR_REFUND
    return JournalEntry(
        batch="000000",
        stan=reference.stan.zfill(6),
        kind=Kind.QR_SALE if by_code else Kind.SALE,
        amount_minor=0,
        currency=ctx.currency.number,
        status=Status.APPROVED,
        entry=Entry.CODE if by_code else Entry.UNKNOWN,
        operator="",
        at=ctx.local_time.isoformat(),
        rrn=reference.rrn,
        auth_code=reference.auth_code,
        host_date=reference.date,
    )
