"""One suite for every store of the host: memory, a file of SQLite, a server of PostgreSQL."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from posterm.host import HostStore, MemoryHostStore
from posterm.host.records import (
    AccountRecord,
    BatchRecord,
    CardRecord,
    ChipRecord,
    ChipUseRecord,
    DocumentRecord,
    ExchangeRecord,
    ForwardRecord,
    HoldRecord,
    IssuerKeyRecord,
    KeyRecord,
    MerchantRecord,
    RouteRecord,
    SettlementReport,
    TerminalRecord,
    TransactionRecord,
    UploadRecord,
)
from posterm.runtime.store.postgres_host import PostgresHostStore
from posterm.runtime.store.sql_host import SqlHostStore
from posterm.runtime.store.sqlite_host import SqliteHostStore
from tests.host.hand_terminal import open_place
from tests.runtime.host_rows import full, play_a_day, transfer


@pytest.fixture(params=["memory", "sqlite", "postgresql"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[HostStore]:
    if request.param == "memory":
        yield MemoryHostStore()
        return
    if request.param == "postgresql":
        opened: SqlHostStore = PostgresHostStore(request.getfixturevalue("postgres").new_schema())
    else:
        opened = SqliteHostStore(tmp_path / "host.db")
    with opened:
        yield opened


class Undo(Exception):  # noqa: N818
    """Raised to undo."""


ROWS = [
    ("key", "put_key", full(KeyRecord), ("use",), {"block": "other"}),
    ("merchant", "put_merchant", full(MerchantRecord), ("merchant_id",), {"name": "new"}),
    ("terminal", "put_terminal", full(TerminalRecord), ("terminal_id",), {"batch": "000002", "parameters": ()}),
    ("card", "put_card", full(CardRecord), ("fingerprint",), {"pin_failures": 2}),
    ("issuer_keys", "put_issuer_keys", full(IssuerKeyRecord), ("prefix",), {"scheme": "visa"}),
    ("chip", "put_chip", full(ChipRecord), ("chip",), {"counter": 2}),
    ("chip_use", "put_chip_use", full(ChipUseRecord), ("use",), {"certificate": "00"}),
    ("account", "put_account", full(AccountRecord), ("account_id",), {"debits_posted": 5}),
    ("hold", "put_hold", full(HoldRecord), ("transfer_id",), {"ended_by": "", "deadline": ""}),
    ("transaction", "put_transaction", full(TransactionRecord), ("ref",), {"reversed": False, "holds": ("h",)}),
    ("document", "put_document", full(DocumentRecord), ("kind", "key"), {"state": "other", "due": ""}),
    ("route", "put_route", full(RouteRecord), ("ref",), {"state": "approved"}),
    ("forward", "put_forward", full(ForwardRecord), ("forward_id",), {"message": "", "code": "00"}),
    ("exchange", "put_exchange", full(ExchangeRecord), ("ref",), {"content": "other"}),
    ("batch_record", "put_batch_record", full(BatchRecord), ("terminal_id", "batch"), {"open": False}),
    ("report", "put_report", full(SettlementReport), ("terminal_id", "batch"), {"net_minor": -5, "only_host": ()}),
]


@pytest.mark.parametrize("count", [2, 250])
def test_several_rows_are_found_as_each_alone_would_be(store, count):
    names = [f"n{number}" for number in range(count)]
    store.put_transaction(full(TransactionRecord, ref="n1"))
    store.add_transfer(transfer("n0"))

    def found_alike() -> bool:
        transactions = [store.transaction(name) for name in names]
        transfers = [store.transfer(name) for name in names]
        asked = (store.transactions_named(names), store.transfers_named(names))
        return asked == (transactions, transfers) and transfers[0] == transfer("n0")

    assert found_alike()
    with store.batch():
        assert found_alike()
        store.put_transaction(full(TransactionRecord, ref="n0"))
        store.add_transfer(transfer("n1"))
        assert found_alike()
    assert [record.ref for record in store.transactions_named(["n1", "n1", "n0"])] == ["n1", "n1", "n0"]
    assert store.transactions_named([]) == []


@pytest.mark.parametrize(("get", "put", "record", "key", "change"), ROWS, ids=[row[0] for row in ROWS])
def test_a_row_comes_back_as_it_was_put_and_is_replaced(store, get, put, record, key, change):
    keys = [getattr(record, name) for name in key]
    assert getattr(store, get)(*keys) is None
    getattr(store, put)(record)
    assert getattr(store, get)(*keys) == record
    getattr(store, put)(record._replace(**change))
    assert getattr(store, get)(*keys) == record._replace(**change)


def test_documents_are_found_by_owner_and_state(store):
    rows = [
        DocumentRecord("case", "2", "ann", "OPEN"),
        DocumentRecord("case", "1", "ann", "SOLVED"),
        DocumentRecord("case", "3", "bob", "OPEN"),
        DocumentRecord("news", "1", "ann", "OPEN"),
    ]
    for row in rows:
        store.put_document(row)

    def found(**wanted: str) -> list[str]:
        return [record.key for record in store.documents("case", **wanted)]

    assert found() == ["1", "2", "3"]
    assert found(subject="ann") == ["1", "2"]
    assert found(state="OPEN") == ["2", "3"]
    assert found(subject="ann", state="OPEN") == ["2"]
    assert found(subject="carl") == []
    with store.batch():
        store.put_document(rows[0]._replace(state="SOLVED", subject="bob"))
        assert (found(subject="ann"), found(subject="bob", state="SOLVED")) == (["1"], ["2"])
    assert found(subject="bob") == ["2", "3"]


def test_documents_are_due_the_earliest_first_and_no_more_once_they_are_put_off(store):
    for key, due in (
        ("a", "2026-06-03T00:00:00"),
        ("b", "2026-06-01T00:00:00"),
        ("c", ""),
        ("d", "2026-07-01T00:00:00"),
    ):
        store.put_document(DocumentRecord("case", key, due=due))

    def due(until: str, most: int = 9) -> list[str]:
        return [record.key for record in store.documents_due(until, most)]

    assert due("2026-05-31") == []
    assert due("2026-06-03T00:00:00") == due("2026-06-03T00:00:00") == ["b", "a"]
    assert due("2026-12-31", 1) == ["b"]
    with pytest.raises(Undo), store.batch():  # noqa: PT012
        store.put_document(DocumentRecord("case", "b", due="2026-08-01T00:00:00"))
        assert due("2026-07-01T00:00:00") == ["a", "d"]
        raise Undo
    assert due("2026-12-31") == ["b", "a", "d"]
    store.put_document(DocumentRecord("case", "b"))
    assert due("2026-12-31") == ["a", "d"]


def test_transfers_come_back_in_the_order_they_were_added(store):
    added = [transfer("z"), transfer("a"), transfer("m", resolves="z", kind="void-pending")]
    for record in added:
        store.add_transfer(record)
    assert list(store.transfers()) == added
    assert (store.transfer("a"), store.transfer("x")) == (added[1], None)


def test_transfers_of_a_batch_come_after_those_before_it(store):
    store.add_transfer(transfer("z"))
    with store.batch():
        store.add_transfer(transfer("a"))
        assert [record.transfer_id for record in store.transfers()] == ["z", "a"]


def test_thousands_of_transfers_are_all_read(store):
    with store.batch():
        for number in range(2100):
            store.add_transfer(transfer(f"t{number}"))
    assert [record.transfer_id for record in store.transfers()] == [f"t{number}" for number in range(2100)]


def test_numbers_go_up_by_one_for_each_sequence(store):
    assert [store.next_number("a"), store.next_number("a"), store.next_number("b")] == [1, 2, 1]
    with store.batch():
        assert [store.next_number("a"), store.next_number("b")] == [3, 2]


def test_no_number_is_used_twice_whatever_is_undone(store):
    used = [store.next_number("a")]
    fail(store.batch(), lambda: store.next_number("a"))
    with store.batch():
        fail(store.savepoint(), lambda: store.next_number("a"))
        used.append(store.next_number("a"))
    used.append(store.next_number("a"))
    assert used == sorted(set(used))


HOLDS = [HoldRecord("c", "2026-06-02"), HoldRecord("a", "2026-06-03"), HoldRecord("b", "2026-06-02"), HoldRecord("d")]


def test_open_holds_are_listed_by_transfer_and_due_ones_by_deadline(store):
    for hold in HOLDS:
        store.put_hold(hold)
    assert [hold.transfer_id for hold in store.open_holds()] == ["a", "b", "c", "d"]
    assert [hold.transfer_id for hold in store.holds_due("2026-06-03", 9)] == ["b", "c", "a"]
    assert [hold.transfer_id for hold in store.holds_due("2026-06-02T23", 9)] == ["b", "c"]
    assert [hold.transfer_id for hold in store.holds_due("2026-06-03", 1)] == ["b"]
    store.put_hold(HOLDS[2]._replace(ended_by="x"))
    assert [hold.transfer_id for hold in store.open_holds()] == ["a", "c", "d"]
    assert [hold.transfer_id for hold in store.holds_due("2026-06-03", 9)] == ["c", "a"]


def test_lists_within_a_batch_show_what_the_batch_has_changed(store):
    for hold in HOLDS:
        store.put_hold(hold)
    store.put_transaction(full(TransactionRecord, ref="1", terminal_id="T", batch="1", rrn="R", merchant_id="M"))
    store.put_batch_record(full(BatchRecord, terminal_id="T", batch="1"))
    with store.batch():
        store.put_hold(HOLDS[2]._replace(ended_by="x"))
        store.put_hold(HoldRecord("e", "2026-06-01"))
        store.put_transaction(full(TransactionRecord, ref="0", terminal_id="T", batch="1", rrn="R", merchant_id="M"))
        store.put_transaction(full(TransactionRecord, ref="1", terminal_id="T", batch="1", rrn="S", merchant_id="M"))
        store.put_batch_record(full(BatchRecord, terminal_id="T", batch="1", open=False))
        assert [hold.transfer_id for hold in store.holds_due("2026-06-03", 2)] == ["e", "c"]
        assert [hold.transfer_id for hold in store.open_holds()] == ["a", "c", "d", "e"]
        assert [record.ref for record in store.transactions_in_batch("T", "1")] == ["0", "1"]
        assert [record.ref for record in store.transactions_by_rrn("M", "R")] == ["0"]
        assert store.open_batches() == []


def test_a_snapshot_reads_what_is_there(store):
    store.put_merchant(MerchantRecord("m", "1"))
    with store.snapshot():
        assert store.merchant("m") == MerchantRecord("m", "1")
        with store.snapshot():
            assert list(store.transfers()) == []
    store.put_merchant(MerchantRecord("m", "2"))


def test_transactions_are_listed_by_batch_rrn_and_authorisation_code(store):
    base = full(TransactionRecord, terminal_id="T", merchant_id="M", batch="000001", rrn="R1", auth_code="A1")
    first, second = base._replace(ref="2"), base._replace(ref="1", rrn="R2", auth_code="")
    other = base._replace(ref="3", merchant_id="N", terminal_id="U")
    for record in (first, second, other):
        store.put_transaction(record)
    assert store.transactions_in_batch("T", "000001") == [second, first]
    assert store.transactions_by_rrn("M", "R1") == [first]
    assert store.transactions_by_auth_code("M", "A1") == [first]
    assert store.transactions_by_auth_code("M", "") == []
    store.put_transaction(second._replace(auth_code="A1"))
    assert [record.ref for record in store.transactions_by_auth_code("M", "A1")] == ["1", "2"]


def test_terminals_accounts_reports_batches_and_uploads_are_listed_in_order(store):
    for name in ("b", "a"):
        store.put_terminal(full(TerminalRecord, terminal_id=name))
        store.put_account(full(AccountRecord, account_id=name))
        store.put_report(full(SettlementReport, terminal_id=name))
        store.put_batch_record(full(BatchRecord, terminal_id=name, batch="1"))
        store.put_upload(full(UploadRecord, terminal_id="T", batch="1", stan=name))
    store.put_batch_record(full(BatchRecord, terminal_id="c", batch="1", open=False))
    store.put_upload(full(UploadRecord, terminal_id="T", batch="1", stan="a", amount_minor=7))
    assert [row.terminal_id for row in store.terminals()] == ["a", "b"]
    assert [row.account_id for row in store.accounts()] == ["a", "b"]
    assert [row.terminal_id for row in store.reports()] == ["a", "b"]
    assert [row.terminal_id for row in store.open_batches()] == ["a", "b"]
    assert [(row.stan, row.amount_minor) for row in store.uploads("T", "1")] == [("a", 7), ("b", 123_456_789_012)]
    assert store.uploads("T", "2") == []


def test_waiting_routes_and_due_forwards_are_listed_until_they_are_neither(store):
    for name in ("b", "a", "c"):
        store.put_route(full(RouteRecord, ref=name, state="waiting"))
        store.put_forward(full(ForwardRecord, forward_id=name, issuer="I", code=""))
    store.put_forward(full(ForwardRecord, forward_id="0", issuer="J", code=""))
    assert [row.ref for row in store.routes_waiting()] == ["a", "b", "c"]
    assert [row.forward_id for row in store.forwards_due("I", 2)] == ["a", "b"]
    with store.batch():
        store.put_route(full(RouteRecord, ref="a", state="approved"))
        store.put_forward(full(ForwardRecord, forward_id="a", issuer="I", code="00", message=""))
        assert [row.ref for row in store.routes_waiting()] == ["b", "c"]
        assert [row.forward_id for row in store.forwards_due("I", 2)] == ["b", "c"]
    assert [row.ref for row in store.routes_waiting()] == ["b", "c"]
    assert [row.forward_id for row in store.forwards_due("I", 9)] == ["b", "c"]
    assert [row.forward_id for row in store.forwards_due("J", 9)] == ["0"]


def fail(within, *actions) -> None:
    """Do the actions inside `within` and leave it by an exception."""

    def failing() -> None:
        with within:
            for action in actions:
                action()
            raise Undo

    with pytest.raises(Undo):
        failing()


def test_an_exception_undoes_the_batch(store):
    store.put_merchant(MerchantRecord("m", "before"))
    fail(
        store.batch(),
        lambda: store.put_merchant(MerchantRecord("m", "after")),
        lambda: store.put_merchant(MerchantRecord("n", "new")),
        lambda: store.put_upload(full(UploadRecord, terminal_id="T", batch="1", stan="1")),
        lambda: store.add_transfer(transfer("t")),
        lambda: store.put_hold(HoldRecord("h")),
    )
    assert store.merchant("m") == MerchantRecord("m", "before")
    assert (store.merchant("n"), store.transfer("t"), store.hold("h")) == (None, None, None)
    assert (store.uploads("T", "1"), list(store.open_holds())) == ([], [])


def test_an_exception_undoes_a_savepoint_down_to_what_the_batch_had_put_before(store):
    store.put_hold(HoldRecord("h"))
    with store.batch():
        store.put_merchant(MerchantRecord("m", "first"))
        fail(
            store.savepoint(),
            lambda: store.put_merchant(MerchantRecord("m", "second")),
            lambda: store.put_hold(HoldRecord("h", ended_by="x")),
            lambda: store.add_transfer(transfer("t")),
        )
        assert (store.merchant("m"), store.hold("h")) == (MerchantRecord("m", "first"), HoldRecord("h"))
        assert (list(store.transfers()), list(store.open_holds())) == ([], [HoldRecord("h")])
    assert (store.merchant("m"), store.hold("h")) == (MerchantRecord("m", "first"), HoldRecord("h"))


def test_an_exception_undoes_its_savepoint_and_no_more(store):
    def inner() -> None:
        with store.savepoint():
            store.put_merchant(MerchantRecord("gone", "1"))

    with store.batch():
        with store.savepoint():
            store.put_merchant(MerchantRecord("kept", "1"))
        fail(store.savepoint(), lambda: store.put_merchant(MerchantRecord("kept", "2")), inner)
        store.put_merchant(MerchantRecord("last", "1"))
    assert store.merchant("kept") == MerchantRecord("kept", "1")
    assert (store.merchant("gone"), store.merchant("last")) == (None, MerchantRecord("last", "1"))


def test_a_savepoint_alone_is_a_batch(store):
    fail(store.savepoint(), lambda: store.put_merchant(MerchantRecord("m", "1")))
    with store.savepoint():
        store.put_merchant(MerchantRecord("n", "1"))
    assert (store.merchant("m"), store.merchant("n")) == (None, MerchantRecord("n", "1"))


def test_a_day_ends_the_same_in_every_store(store):
    place, model = open_place(store=store), open_place()
    assert play_a_day(place) == play_a_day(model)
    assert place.host.ledger.prove().faults == ()
    assert list(store.accounts()) == list(model.store.accounts())
    assert list(store.transfers()) == list(model.store.transfers())
    assert list(store.open_holds()) == list(model.store.open_holds()) != []
    assert list(store.reports()) == list(model.store.reports())
    listed = store.transactions_in_batch("10000001", "000001")
    assert listed == model.store.transactions_in_batch("10000001", "000001")
