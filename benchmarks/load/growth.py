"""What a sale costs in a ledger of SQLite that has had ten thousand sales, and in one that has had millions.

The large ledger is filled with rows like those that the host has written for a sale of its own: other terminals, cards,
merchants, batches and dates, the same columns, and balances to match, so that the ledger still proves. They are put
through the store, thousands in a batch; the host takes no part. At each size real sales are made in both ledgers in
turn, in batches of 16 and under the same load of the machine, so their ratio says what the size costs.
"""

from __future__ import annotations

import statistics
import tempfile
import time
from collections import Counter as Tally
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final

from benchmarks.load.parts import Counter, lower_decile_us
from posterm.host import HostStore
from posterm.host.chart import AccountKind
from posterm.host.records import AccountRecord, TransferRecord, reference
from posterm.runtime.store.sqlite_host import SqliteHostStore
from simulators.load.fleet import Fleet

SIZES: Final = (10_000, 100_000, 1_000_000, 3_000_000)
COMPARED_AT: Final = 16
"""Sales in a batch."""

_TERMINALS, _CARDS, _BATCH_OF, _DAY_OF = 1_000, 5_000, 400, 100_000
"""Of the sales that fill a ledger: how many terminals and cards have made them, and how many of them are in a batch of
a terminal and in a day.
"""

_SELLERS: Final = 1_000
"""Terminals of the sales that are measured: more than a batch, each with its place among the millions of rows."""

_FILLED_AT_ONCE: Final = 20_000
_FIRST_DAY: Final = datetime(2026, 1, 1)  # noqa: DTZ001 - the host's local time
_ROUNDS, _BATCHES_IN_A_ROUND = 30, 10


class Filling:
    """A ledger that is made to have had many sales. Its counter has made one, which the others are like."""

    def __init__(self, counter: Counter, store: HostStore) -> None:
        self.done = 0
        self._store = store
        self._fleet = Fleet(999, _TERMINALS)
        counter.batches(1, 1)
        (batch,) = store.open_batches()
        (self._sale,) = store.transactions_in_batch(batch.terminal_id, batch.batch)
        self._paid, self._charged = (
            transfer for transfer in store.transfers() if transfer.transaction == self._sale.ref
        )

    def fill(self, sales: int) -> None:
        """Go on until the ledger has had so many."""
        while self.done < sales:
            upto = min(self.done + _FILLED_AT_ONCE, sales)
            debited: Tally[str] = Tally()
            credited: Tally[str] = Tally()
            with self._store.batch():
                for number in range(self.done, upto):
                    for transfer in self._add(number):
                        debited[transfer.debit_account] += transfer.amount
                        credited[transfer.credit_account] += transfer.amount
                for account_id in debited.keys() | credited.keys():
                    self._balance(account_id, debited[account_id], credited[account_id])
            self.done = upto

    def _add(self, number: int) -> Iterator[TransferRecord]:
        """Put the rows of one sale. Returns: its transfers."""
        turn, terminal = divmod(number, _TERMINALS)
        terminal_id, merchant_id = self._fleet.terminal_id(terminal), self._fleet.merchant_id(terminal)
        batch, stan = f"{turn // _BATCH_OF + 1:06d}", f"{turn % _BATCH_OF + 1:06d}"
        card, merchant = f"{number % _CARDS:032x}", f"merchant/{merchant_id}/pending"
        at = _FIRST_DAY + timedelta(days=number // _DAY_OF, milliseconds=number % _DAY_OF * 500)
        rrn = f"{at:%m%d}{number:08d}"
        sale = self._sale._replace(
            ref=reference(self._sale.mti, terminal_id, merchant_id, batch, stan),
            terminal_id=terminal_id,
            merchant_id=merchant_id,
            batch=batch,
            stan=stan,
            at=at.isoformat(),
            clearing_date=f"{at:%Y-%m-%d}",
            rrn=rrn,
            content=f"{number:032x}",
            auth_code=rrn[-6:],
            card=card,
        )
        self._store.put_transaction(sale)
        ends = ((self._paid, f"card/{card}", merchant), (self._charged, merchant, self._charged.credit_account))
        for place, (like, debit, credit) in enumerate(ends, start=1):
            transfer = like._replace(
                transfer_id=f"{sale.ref}/{place}",
                debit_account=debit,
                credit_account=credit,
                at=sale.at,
                transaction=sale.ref,
            )
            self._store.add_transfer(transfer)
            yield transfer

    def _balance(self, account_id: str, debited: int, credited: int) -> None:
        account = self._store.account(account_id)
        if account is None:
            kind = AccountKind.CARDHOLDER_DEBIT if account_id.startswith("card/") else AccountKind.MERCHANT_PENDING
            account = AccountRecord(account_id, self._paid.currency, kind.value)
        debits, credits_ = account.debits_posted + debited, account.credits_posted + credited
        self._store.put_account(account._replace(debits_posted=debits, credits_posted=credits_))


def growth(most: int) -> Iterator[dict[str, Any]]:
    """What a sale costs at each size up to `most`, beside the same in a ledger of the smallest size."""
    with _ledger() as (small, small_filling, _), _ledger() as (large, filling, folder):
        small_filling.fill(SIZES[0])
        for size in sorted({size for size in SIZES if size < most} | {most}):
            began = time.monotonic()
            filling.fill(size)
            filled_s = time.monotonic() - began
            size_of_it = {"sales": size, "mib": _bytes_in(folder) >> 20, "filled_in_s": round(filled_s)}
            yield size_of_it | _beside(small, large)


@contextmanager
def _ledger() -> Iterator[tuple[Counter, Filling, Path]]:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        with SqliteHostStore(folder / "host.sqlite") as store:
            counter = Counter(store, terminals=_SELLERS)
            yield counter, Filling(counter, store), folder


def _bytes_in(folder: Path) -> int:
    return sum(file.stat().st_size for file in folder.iterdir())


def _beside(small: Counter, large: Counter) -> dict[str, Any]:
    """Both in turn, and how many times the small one's median the large one's is, by pairs."""
    took: tuple[list[float], list[float]] = [], []
    times = []
    for _ in range(_ROUNDS):
        for counter, each in zip((small, large), took, strict=True):
            each += counter.batches(COMPARED_AT * _BATCHES_IN_A_ROUND, COMPARED_AT)
        pair = [statistics.median(each[-_BATCHES_IN_A_ROUND:]) for each in took]
        times.append(pair[1] / pair[0])
    return {
        "us": lower_decile_us(took[1], COMPARED_AT),
        f"us_at_{SIZES[0]}": lower_decile_us(took[0], COMPARED_AT),
        "times": round(statistics.median(times), 2),
    }
