"""What ought to stand in every limit, counted anew from the ledger and the merchant's plan.

The host keeps its limits as it goes along: reserved, confirmed, released. Here nothing of that is read: what was moved
from and to cards, what is still held, and when and how the card was used say what counts in which row.

    sale, offline sale    what stands of it, with its tip, in the rows of its day and month
    completion            what stands of it, in the rows of its authorisation
    pre-authorisation     what it holds, reserved
    void, reversal, tip   with what they change
    refund                with its sale, on the day of the sale; later not
    payment by a code     as a sale, in the rows of the day and month when the wallet paid

Source: the terms of Chinese acquirers, as `posterm.host.plan` has them.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from posterm.host.plan import LimitRow, MerchantPlan
from posterm.host.records import REVERSAL, TransactionRecord, TransferKind, TransferRecord
from posterm.unionpay.transactions import CODE_SALES, Entry, Kind
from simulators.world.disks import HostDisk

PAYER: Final = ("card/", "wallet/", "network/")
"""How the accounts of those who pay begin."""

_AUTHORISATIONS: Final = frozenset({Kind.PREAUTH, Kind.PREAUTH_ADD})
_COMPLETIONS: Final = frozenset({Kind.COMPLETION, Kind.COMPLETION_NOTICE})
_ASKED: Final = CODE_SALES | {Kind.SALE, Kind.PREAUTH}
"""What is held against the limits of one transaction."""

_REFUNDS: Final = frozenset({Kind.REFUND, Kind.QR_REFUND})
_UNASKED: Final = frozenset({Kind.OFFLINE_SALE, Kind.CHIP_OFFLINE_SALE, Kind.ADJUST, Kind.COMPLETION_NOTICE})
"""What counts under a limit without being asked: the goods are gone."""

_SALES: Final = CODE_SALES | _UNASKED | _COMPLETIONS | {Kind.SALE}

_CHANNELS: Final = {
    Entry.STRIPE: "stripe",
    Entry.STRIPE_WHOLE: "stripe",
    Entry.CONTACTLESS_STRIPE: "stripe",
    Entry.CHIP: "chip",
    Entry.CHIP_UNRELIABLE: "chip",
    Entry.CONTACTLESS: "chip",
    Entry.TELEPHONE: "chip",
    Entry.CODE: "qr",
    Entry.OPTICAL: "qr",
}
_DAY, _MONTH = slice(10), slice(7)
"""Of a time as text."""

_ORIGINALS_MAX: Final = 4
"""A reversal of a void of a completion of an authorisation: no chain is longer."""


@dataclass(slots=True)
class Counted:
    """What stands in one row: `unasked_minor` is the part that no check could have refused."""

    reserved_minor: int = 0
    confirmed_minor: int = 0
    unasked_minor: int = 0


class LimitCount:
    """Every row of a plan's limits in which something was ever counted. `transfers` are all of the ledger's."""

    def __init__(self, store: HostDisk, transfers: Iterable[TransferRecord], plan: MerchantPlan) -> None:
        self._store = store
        self._plan = plan
        self.rows: dict[str, Counted] = defaultdict(Counted)
        if not plan.limits:
            return
        taken, unasked = self._taken(transfers)
        for record, minor in self._minor_by_record(taken):
            for use in self._uses(record):
                self.rows[use].confirmed_minor += minor
                self.rows[use].unasked_minor += minor if record.ref in unasked else 0
        for record, minor in self._minor_by_record(self._held()):
            for use in self._uses(record):
                self.rows[use].reserved_minor += minor
                self.rows[use].unasked_minor += minor if record.ref in unasked else 0

    def too_large(self) -> Iterator[tuple[TransactionRecord, LimitRow]]:
        """Approved transactions over what one transaction may be, each with the rule."""
        rules = [row for row in self._plan.limits if row.per == "transaction"]
        for record in self._store.rows if rules else ():
            if record.stands and record.kind in _ASKED:
                yield from (
                    (record, row) for row in rules if record.amount_minor > row.most_minor and self._fits(row, record)
                )

    def _taken(self, transfers: Iterable[TransferRecord]) -> tuple[Mapping[str, int], set[str]]:
        """What stands of each sale, by its reference, and those that count without having been asked for."""
        taken: dict[str, int] = defaultdict(int)
        unasked: set[str] = set()
        for transfer in transfers:
            record = self._store.transaction(transfer.transaction) if transfer.transaction else None
            if record is None:
                continue
            posted = transfer.kind in (TransferKind.POSTED, TransferKind.POST_PENDING)
            sign = transfer.debit_account.startswith(PAYER) - transfer.credit_account.startswith(PAYER)
            counting = self._what_counts(record, _SALES)
            if record.kind in _UNASKED or (record.kind == Kind.TIP_ADJUST and counting is not None):
                unasked.add(counting.ref if counting is not None else record.ref)
            if record.kind == REVERSAL:
                # Undoing a void or a completion lets something count again, and nothing may refuse that.
                unasked |= {each.ref for each in self._chain(record)}
            if not posted or not sign or counting is None:
                continue
            if record.kind not in _REFUNDS or record.at[_DAY] == counting.at[_DAY]:
                taken[counting.ref] += sign * transfer.amount
        return taken, unasked

    def _held(self) -> Mapping[str, int]:
        """What is held under each authorisation, by its reference."""
        held: dict[str, int] = defaultdict(int)
        for hold in self._store.open_holds():
            pending = self._store.transfer(hold.transfer_id)
            record = self._store.transaction(pending.transaction) if pending is not None else None
            first = self._what_counts(record, {Kind.PREAUTH}) if record is not None else None
            if pending is not None and first is not None:
                held[first.ref] += pending.amount
        return held

    def _minor_by_record(self, minor_by_ref: Mapping[str, int]) -> Iterator[tuple[TransactionRecord, int]]:
        for ref, minor in minor_by_ref.items():
            record = self._store.transaction(ref)
            if record is not None:
                yield record, minor

    def _chain(self, record: TransactionRecord) -> Iterator[TransactionRecord]:
        """A request, what it refers to, what that refers to, and so on."""
        found: TransactionRecord | None = record
        for _ in range(_ORIGINALS_MAX):
            if found is None:
                return
            yield found
            found = self._store.transaction(found.original) if found.original else None

    def _what_counts(self, record: TransactionRecord, kinds: Iterable[str]) -> TransactionRecord | None:
        """The request itself, or the first it leads to that is of one of these kinds."""
        return next((each for each in self._chain(record) if each.kind in kinds), None)

    def _uses(self, record: TransactionRecord) -> list[str]:
        """The rows a request counts in: those of its authorisation, where it completes one."""
        if record.kind in _COMPLETIONS:
            first = self._what_counts(record, {Kind.PREAUTH})
            return self._uses(first) if first is not None else []
        merchant = self._store.merchant(record.merchant_id)
        owner = merchant.owner if merchant is not None else ""
        uses = []
        for row in self._plan.limits:
            if row.per != "transaction" and self._fits(row, record):
                whose = f"owner/{owner}" if row.of == "owner" and owner else f"merchant/{record.merchant_id}"
                uses.append(f"{whose}/{row.name}/{record.at[_DAY if row.per == 'day' else _MONTH]}")
        return uses

    def _fits(self, row: LimitRow, record: TransactionRecord) -> bool:
        card = self._store.card(record.card)
        channel = _CHANNELS.get(Entry(record.entry_mode[:2]), "keyed")
        return (
            (row.card == "any" or (card is not None and card.kind == row.card))
            and (row.channel in ("any", channel) or (row.channel == "card" and channel != "qr"))
            and (row.kind == "any" or (row.kind == "preauth") == (record.kind in _AUTHORISATIONS))
        )
