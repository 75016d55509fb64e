"""The ledger beside a model of it: accounts as two numbers, holds as a table, time that goes on."""

from __future__ import annotations

from dataclasses import dataclass

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from posterm.host import AccountKind, HoldEndedError, Ledger, MemoryHostStore, TransferConflictError
from posterm.host.ledger import Outcome
from posterm.host.records import TransferRecord

ACCOUNTS = {"debit": 0, "credit": 500, "shop": None, "bank": None}
"""How far each may fall below nothing; None for any distance."""

names = st.sampled_from(list(ACCOUNTS))
amounts = st.integers(1, 1000)


@dataclass
class ModelHold:
    debit: str
    credit: str
    amount: int
    deadline: int | None


def clock(hour: int) -> str:
    return f"2026-06-{1 + hour // 24:02}T{hour % 24:02}:00:00"


class LedgerMachine(RuleBasedStateMachine):
    """Everything that can be asked of a ledger; the model says what must come of it."""

    def __init__(self) -> None:
        super().__init__()
        self.store = MemoryHostStore()
        self.ledger = Ledger(self.store)
        self.ledger.open_account("debit", "156", AccountKind.CARDHOLDER_DEBIT)
        self.ledger.open_account("credit", "156", AccountKind.CARDHOLDER_CREDIT, credit_line=500)
        self.ledger.open_account("shop", "156", AccountKind.MERCHANT_PENDING)
        self.ledger.open_account("bank", "156", AccountKind.BANK)
        self.balances = dict.fromkeys(ACCOUNTS, 0)
        self.holds: dict[str, ModelHold] = {}
        self.posted: list[TransferRecord] = []
        self.hour = 0
        self.count = 0

    def free(self, name: str) -> int:
        return self.balances[name] - sum(hold.amount for hold in self.holds.values() if hold.debit == name)

    def make(self, debit: str, credit: str, amount: int, kind: str, **more) -> TransferRecord:
        self.count += 1
        return TransferRecord(f"t{self.count}", kind, debit, credit, amount, "156", clock(self.hour), **more)

    def may_take(self, debit: str, amount: int) -> bool:
        line = ACCOUNTS[debit]
        return line is None or self.free(debit) + line >= amount

    @rule(debit=names, credit=names, amount=amounts, forced=st.booleans())
    def post(self, debit: str, credit: str, amount: int, forced: bool) -> None:
        if debit == credit:
            return
        made = self.make(debit, credit, amount, "posted", forced=forced)
        goes = forced or self.may_take(debit, amount)
        assert self.ledger.apply([made]) is (Outcome.POSTED if goes else Outcome.INSUFFICIENT)
        if goes:
            self.posted.append(made)
            self.balances[debit] -= amount
            self.balances[credit] += amount

    @rule(debit=names, credit=names, amount=amounts, hours=st.none() | st.integers(1, 48))
    def hold(self, debit: str, credit: str, amount: int, hours: int | None) -> None:
        if debit == credit:
            return
        deadline = None if hours is None else self.hour + hours
        made = self.make(debit, credit, amount, "pending", deadline="" if deadline is None else clock(deadline))
        goes = self.may_take(debit, amount)
        assert self.ledger.apply([made]) is (Outcome.POSTED if goes else Outcome.INSUFFICIENT)
        if goes:
            self.holds[made.transfer_id] = ModelHold(debit, credit, amount, deadline)

    @rule(chance=st.randoms(use_true_random=False), part=st.integers(1, 100), void=st.booleans())
    def end(self, chance, part: int, void: bool) -> None:
        if not self.holds:
            return
        name = chance.choice(sorted(self.holds))
        hold = self.holds[name]
        amount = hold.amount if void else max(1, hold.amount * part // 100)
        kind = "void-pending" if void else "post-pending"
        made = self.make(hold.debit, hold.credit, amount, kind, resolves=name)
        if hold.deadline is not None and self.hour >= hold.deadline:
            try:
                self.ledger.apply([made])
            except HoldEndedError:
                return
            raise AssertionError("a hold was ended past its deadline")
        assert self.ledger.apply([made]) is Outcome.POSTED
        del self.holds[name]
        if not void:
            self.balances[hold.debit] -= amount
            self.balances[hold.credit] += amount

    @rule(hours=st.integers(0, 12))
    def wait(self, hours: int) -> None:
        self.hour += hours

    @rule()
    def expire(self) -> None:
        due = [name for name, hold in self.holds.items() if hold.deadline is not None and self.hour >= hold.deadline]
        assert self.ledger.expire(clock(self.hour)) == len(due)
        for name in due:
            del self.holds[name]

    @rule(chance=st.randoms(use_true_random=False))
    def repeat(self, chance) -> None:
        if self.posted:
            assert self.ledger.apply([chance.choice(self.posted)]) is Outcome.REPEATED

    @rule(chance=st.randoms(use_true_random=False))
    def take_a_used_name(self, chance) -> None:
        if not self.posted:
            return
        used = chance.choice(self.posted)
        other = self.make(used.debit_account, used.credit_account, used.amount % 1000 + 1, "posted")
        try:
            self.ledger.apply([other._replace(transfer_id=used.transfer_id)])
        except TransferConflictError:
            return
        assert used.amount == used.amount % 1000 + 1

    @rule(debit=names, credit=names, amount=amounts, more=amounts)
    def link(self, debit: str, credit: str, amount: int, more: int) -> None:
        """Two transfers, of which the second goes the other way: they stand or fall together."""
        if debit == credit:
            return
        there, back = self.make(debit, credit, amount, "posted"), self.make(credit, debit, more, "posted")
        after_debit, after_credit = self.free(debit) - amount + more, self.free(credit) + amount - more
        goes = all(
            (line := ACCOUNTS[name]) is None or after + line >= 0
            for name, after in ((debit, after_debit), (credit, after_credit))
        )
        assert self.ledger.apply([there, back]) is (Outcome.POSTED if goes else Outcome.INSUFFICIENT)
        if goes:
            self.balances[debit] += more - amount
            self.balances[credit] += amount - more

    @invariant()
    def the_books_are_the_models(self) -> None:
        for name, expected in self.balances.items():
            account = self.ledger.account(name)
            assert account.credits_posted - account.debits_posted == expected
            assert account.debits_pending == sum(hold.amount for hold in self.holds.values() if hold.debit == name)
        assert {hold.transfer_id for hold in self.store.open_holds()} == set(self.holds)

    def teardown(self) -> None:
        assert self.ledger.prove().faults == ()


LedgerMachine.TestCase.settings = settings(max_examples=60, stateful_step_count=30, deadline=None)
TestLedger = LedgerMachine.TestCase
