"""The ledger: double entry, two-phase, linked, idempotent, and provable."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from posterm.host import AccountKind, HoldEndedError, Ledger, LedgerError, MemoryHostStore, TransferConflictError
from posterm.host.chart import CHART, ChartRow, Side
from posterm.host.ledger import MAX_BALANCE, Outcome
from posterm.host.records import HoldRecord, TransferKind, TransferRecord

ACCOUNTS = ("a", "b", "c", "bank")
KINDS = [kind.value for kind in TransferKind if kind is not TransferKind.EXPIRE_PENDING]


@pytest.fixture
def ledger() -> Ledger:
    return new_ledger()


def new_ledger() -> Ledger:
    ledger = Ledger(MemoryHostStore())
    for account in ("a", "b"):
        ledger.open_account(account, "156", AccountKind.CARDHOLDER_DEBIT)
    ledger.open_account("c", "156", AccountKind.CARDHOLDER_CREDIT, credit_line=100)
    ledger.open_account("bank", "156", AccountKind.BANK)
    return ledger


def transfer(name: str, debit: str, credit: str, amount: int, kind: str = "posted", **more) -> TransferRecord:
    return TransferRecord(name, kind, debit, credit, amount, "156", "2026-06-01T12:00:00", **more)


def fund(ledger: Ledger, amount: int = 1000, account: str = "a") -> None:
    ledger.apply([transfer(f"fund-{account}", "bank", account, amount)])


def test_a_transfer_debits_one_account_and_credits_another(ledger):
    fund(ledger)
    ledger.apply([transfer("t", "a", "b", 300)])
    assert (ledger.account("a").available, ledger.account("b").available) == (700, 300)


def test_a_bounded_account_never_falls_below_its_credit_line(ledger):
    assert ledger.apply([transfer("t", "c", "b", 101)]) is Outcome.INSUFFICIENT
    assert ledger.apply([transfer("t", "c", "b", 100)]) is Outcome.POSTED


def test_a_forced_transfer_ignores_the_bound(ledger):
    assert ledger.apply([transfer("t", "a", "b", 5, forced=True)]) is Outcome.POSTED
    assert ledger.account("a").available == -5


def test_a_hold_makes_money_unavailable_and_moves_none(ledger):
    fund(ledger)
    ledger.apply([transfer("h", "a", "b", 400, "pending")])
    account = ledger.account("a")
    assert (account.available, account.balance, ledger.account("b").available) == (600, 1000, 0)


def test_a_hold_is_posted_in_part_or_voided(ledger):
    fund(ledger)
    ledger.apply([transfer("h", "a", "b", 400, "pending"), transfer("g", "a", "b", 100, "pending")])
    ledger.apply([transfer("p", "a", "b", 300, "post-pending", resolves="h")])
    ledger.apply([transfer("v", "a", "b", 100, "void-pending", resolves="g")])
    assert (ledger.account("a").available, ledger.account("a").debits_pending) == (700, 0)
    assert ledger.account("b").balance == 300


def test_a_linked_group_may_use_what_it_releases(ledger):
    fund(ledger)
    ledger.apply([transfer("h", "a", "b", 1000, "pending")])
    group = [transfer("t", "a", "b", 900), transfer("v", "a", "b", 1000, "void-pending", resolves="h")]
    assert ledger.apply(group) is Outcome.POSTED


def test_a_linked_group_is_posted_whole_or_not_at_all(ledger):
    fund(ledger)
    assert ledger.apply([transfer("t", "a", "b", 900), transfer("u", "a", "b", 200)]) is Outcome.INSUFFICIENT
    assert ledger.account("a").available == 1000


def test_the_same_transfer_again_changes_nothing(ledger):
    fund(ledger)
    again = transfer("t", "a", "b", 300)._replace(at="2026-06-02T00:00:00")
    assert ledger.apply([transfer("t", "a", "b", 300)]) is Outcome.POSTED
    assert ledger.apply([again]) is Outcome.REPEATED
    assert ledger.account("a").available == 700


@pytest.mark.parametrize(
    ("group", "found"),
    [
        ([transfer("fund-a", "bank", "a", 999)], "other content"),
        ([transfer("fund-a", "bank", "a", 1000), transfer("t", "a", "b", 1)], "a part of the group"),
        ([transfer("t", "a", "b", 1), transfer("t", "a", "b", 1)], "the same transfer twice"),
        ([transfer("t", "a", "nobody", 1)], "no account nobody"),
        ([transfer("t", "a", "a", 1)], "the same account"),
        ([transfer("t", "a", "b", 0)], "1 to 12 digits"),
        ([transfer("t", "a", "b", -1)], "1 to 12 digits"),
        ([transfer("t", "a", "b", 10**12)], "1 to 12 digits"),
        ([transfer("t", "a", "b", 1)._replace(currency="840")], "kept in 156"),
        ([transfer("t", "a", "b", 1, "void-pending", resolves="nothing")], "nothing pending"),
        ([transfer("t", "a", "b", 1, "void-pending", resolves="fund-a")], "nothing pending"),
        ([transfer("t", "a", "b", 1, "void-pending")], "do not agree"),
        ([transfer("t", "a", "b", 1, resolves="h")], "do not agree"),
        ([transfer("t", "a", "b", 1, "gift")], "no such kind"),
        ([transfer("t", "b", "a", 400, "void-pending", resolves="h")], "other accounts"),
        ([transfer("t", "a", "b", 401, "post-pending", resolves="h")], "more than"),
        ([transfer("t", "a", "b", 400, "void-pending", resolves="ended")], "ended already"),
        (
            [
                transfer("t", "a", "b", 400, "void-pending", resolves="h"),
                transfer("u", "a", "b", 400, "void-pending", resolves="h"),
            ],
            "ended already",
        ),
        ([transfer(f"t{number}", "a", "b", 1) for number in range(1001)], "at most 1000"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_group_that_cannot_be_is_refused_and_changes_nothing(ledger, group, found):
    fund(ledger)
    ledger.apply([transfer("h", "a", "b", 400, "pending"), transfer("ended", "a", "b", 400, "pending")])
    ledger.apply([transfer("end", "a", "b", 400, "void-pending", resolves="ended")])
    before = list(ledger._store.accounts())
    with pytest.raises(LedgerError, match=found):
        ledger.apply(group)
    assert list(ledger._store.accounts()) == before


def test_an_account_cannot_be_opened_twice_with_other_terms(ledger):
    ledger.open_account("bank", "156", AccountKind.BANK)
    for currency, kind, line in (
        ("840", AccountKind.BANK, 0),
        ("156", AccountKind.SUSPENSE, 0),
        ("156", AccountKind.BANK, 1),
    ):
        with pytest.raises(LedgerError, match="open already"):
            ledger.open_account("bank", currency, kind, credit_line=line)


def test_another_transfer_under_a_used_name_has_an_error_of_its_own(ledger):
    fund(ledger)
    for other in (transfer("fund-a", "bank", "a", 1000, forced=True), transfer("fund-a", "bank", "b", 1000)):
        with pytest.raises(TransferConflictError, match="other content"):
            ledger.apply([other])


def test_an_account_that_grows_by_debits_is_bounded_by_them(ledger, monkeypatch):
    monkeypatch.setitem(CHART, AccountKind.BANK, ChartRow(Side.DEBIT, True, "money at hand"))
    ledger.apply([transfer("in", "bank", "a", 100)])
    assert ledger.apply([transfer("out", "a", "bank", 100)]) is Outcome.POSTED
    assert ledger.apply([transfer("more", "c", "bank", 1)]) is Outcome.INSUFFICIENT
    assert ledger.apply([transfer("held", "c", "bank", 1, "pending")]) is Outcome.INSUFFICIENT
    assert ledger.apply([transfer("forced", "c", "bank", 1, forced=True)]) is Outcome.POSTED
    assert (ledger.account("bank").available, ledger.account("bank").balance) == (-1, -1)


def test_a_balance_never_outgrows_what_a_store_keeps(ledger):
    account = ledger.account("b")
    ledger._store.put_account(account._replace(credits_posted=MAX_BALANCE - 5))
    with pytest.raises(LedgerError, match="account b: its balance would grow over"):
        ledger.apply([transfer("t", "bank", "b", 6)])
    assert ledger.apply([transfer("t", "bank", "b", 5)]) is Outcome.POSTED


def test_every_kind_of_account_stands_in_the_chart():
    assert set(CHART) == set(AccountKind)


# --- deadlines: the hold begins at twelve and is over at thirteen

NOON, ONE, LATE = "2026-06-01T12:00:00", "2026-06-01T13:00:00", "2026-06-02T00:00:00"


def held(ledger: Ledger, name: str = "h", deadline: str = ONE) -> None:
    fund(ledger)
    ledger.apply([transfer(name, "a", "b", 400, "pending", deadline=deadline)])


@pytest.mark.parametrize(("now", "ended"), [("2026-06-01T12:59:59.999999", 0), (ONE, 1), (LATE, 1)])
def test_a_hold_is_released_when_its_deadline_has_come(ledger, now, ended):
    held(ledger)
    assert ledger.expire(now) == ended
    assert ledger.account("a").available == (1000 if ended else 600)
    assert ledger.expire(now) == 0
    assert ledger.prove().holds


def test_a_hold_without_a_deadline_stands_until_it_is_ended(ledger):
    held(ledger, deadline="")
    assert ledger.expire("9999") == 0
    assert ledger.stands("h", "9999")


@pytest.mark.parametrize("swept", [False, True])
@pytest.mark.parametrize("kind", ["post-pending", "void-pending"])
def test_a_hold_is_over_at_its_deadline_whether_it_was_swept_or_not(ledger, kind, swept):
    held(ledger)
    if swept:
        ledger.expire(ONE)
    with pytest.raises(HoldEndedError):
        ledger.apply([transfer("t", "a", "b", 400, kind, resolves="h")._replace(at=ONE)])
    assert not ledger.stands("h", ONE)
    assert ledger.stands("h", NOON) is not swept


def test_a_hold_posted_in_time_is_not_swept(ledger):
    held(ledger)
    ledger.apply([transfer("p", "a", "b", 400, "post-pending", resolves="h")])
    assert ledger.expire(LATE) == 0
    assert ledger.account("b").balance == 400


def test_many_holds_are_swept_at_once(ledger):
    fund(ledger, 10_000)
    for number in range(600):
        ledger.apply([transfer(f"h{number}", "a", "b", 1, "pending", deadline=ONE)])
    assert ledger.expire(ONE) == 600
    assert ledger.account("a").available == 10_000


def test_a_void_is_undone_by_holding_again_until_the_same_deadline(ledger):
    held(ledger)
    ledger.apply([ledger.release("h", "v", NOON, "")])
    again = ledger.inverse("v", "again", NOON, "")
    assert (again.kind, again.deadline, again.corrects) == ("pending", ONE, "v")
    ledger.apply([again])
    assert ledger.expire(ONE) == 1
    assert ledger.inverse("v", "later", ONE, "") is None
    assert ledger.inverse("again", "later", ONE, "") is None


def test_what_expired_is_not_put_on_again(ledger):
    held(ledger)
    ledger.expire(ONE)
    with pytest.raises(LedgerError, match="has expired"):
        ledger.inverse("h/expired", "t", ONE, "")


@pytest.mark.parametrize(
    ("bad", "found"),
    [
        (transfer("t", "a", "b", 1, deadline=ONE), "only a pending one"),
        (transfer("t", "a", "b", 1, "pending", deadline=NOON), "before it begins"),
        (transfer("t", "a", "b", 400, "expire-pending", resolves="h"), "not at its deadline yet"),
        (transfer("t", "a", "b", 1, corrects="nothing"), "what it corrects"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_deadline_or_correction_that_makes_no_sense_is_refused(ledger, bad, found):
    held(ledger)
    with pytest.raises(LedgerError, match=found):
        ledger.apply([bad])


def test_the_proof_finds_a_hold_whose_state_was_changed(ledger):
    held(ledger)
    for changed in (HoldRecord("h", ONE, "x"), HoldRecord("h", LATE), HoldRecord("h")):
        ledger._store.put_hold(changed)
        assert [fault for fault in ledger.prove().faults if "hold h" in fault]
    ledger._store.put_hold(HoldRecord("h", ONE))
    assert ledger.prove().holds


# --- laws

moves = st.lists(
    st.tuples(
        st.sampled_from(KINDS),
        st.sampled_from(ACCOUNTS),
        st.sampled_from(ACCOUNTS),
        st.integers(1, 2000),
        st.booleans(),
        st.integers(0, 30),
    ),
    max_size=30,
)


def play(moves) -> Ledger:
    ledger = new_ledger()
    for number, (kind, debit, credit, amount, forced, ends) in enumerate(moves):
        ending = kind in ("post-pending", "void-pending")
        made = transfer(f"t{number}", debit, credit, amount, kind, resolves=f"t{ends}" if ending else "", forced=forced)
        held = ledger._store.transfer(made.resolves)
        if ending and held is not None:
            made = made._replace(debit_account=held.debit_account, credit_account=held.credit_account)
        try:
            ledger.apply([made])
        except LedgerError:
            continue
    return ledger


@given(moves)
def test_any_sequence_of_transfers_sums_to_zero(moves):
    assert play(moves).prove().faults == ()


@given(moves)
def test_no_bounded_account_falls_below_its_line_unless_forced(moves):
    ledger = play([(*move[:4], False, move[5]) for move in moves])
    assert all(account.available >= 0 for account in ledger._store.accounts() if account.account_id != "bank")


@given(moves)
def test_undoing_every_transfer_in_reverse_leaves_every_account_empty(moves):
    ledger = play(moves)
    undone: dict[str, str] = {}
    posted = {made.resolves for made in ledger._store.transfers() if made.kind == "post-pending"}
    for number, made in enumerate(reversed(list(ledger._store.transfers()))):
        if made.kind == "pending" and made.transfer_id in posted:
            continue  # its money went, and has come back by itself
        inverse = ledger.inverse(undone.get(made.transfer_id, made.transfer_id), f"undo{number}", made.at, "")
        if made.kind == "void-pending":
            undone[made.resolves] = inverse.transfer_id  # the hold stands again, under another name
        ledger.apply([inverse])
    accounts = list(ledger._store.accounts())
    assert all(account.balance == 0 for account in accounts)
    assert ledger.prove().holds


@given(moves.filter(bool), st.sampled_from(["debits_posted", "credits_posted", "debits_pending", "credits_pending"]))
def test_the_proof_finds_a_balance_that_was_changed(moves, field):
    ledger = play(moves)
    account = ledger.account("b")
    ledger._store.put_account(account._replace(**{field: getattr(account, field) + 1}))
    faults = ledger.prove().faults
    assert any("account b" in fault for fault in faults)
    assert any("sum to" in fault for fault in faults)


def test_the_proof_finds_a_transfer_that_was_changed_or_left_out(ledger):
    fund(ledger)
    rows = ledger._store._transfers
    original = rows.pop("fund-a")
    assert not ledger.prove().holds
    rows["fund-a"] = original._replace(amount=1)
    assert not ledger.prove().holds
    rows["fund-a"] = original
    assert ledger.prove().holds


def test_the_proof_finds_a_hold_ended_twice(ledger):
    fund(ledger)
    ledger.apply([transfer("h", "a", "b", 400, "pending")])
    ledger.apply([transfer("v", "a", "b", 400, "void-pending", resolves="h")])
    ledger._store.add_transfer(transfer("w", "a", "b", 400, "void-pending", resolves="h"))
    assert any("ends nothing" in fault for fault in ledger.prove().faults)
