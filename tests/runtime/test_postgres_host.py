"""What only a PostgreSQL database has to show: several hosts on one ledger, lost connections, and addresses."""

from __future__ import annotations

import sys
import threading

import pytest

from benchmarks.load import parts
from posterm.host.records import HoldRecord, MerchantRecord
from posterm.runtime.errors import StoreConflictError, StoreError
from posterm.runtime.store.host_tables import SCHEMA_VERSION
from posterm.runtime.store.postgres_host import NUMBERS_IN_A_BLOCK, PostgresHostStore, shown_address
from posterm.runtime.store.retry import in_batch
from posterm.unionpay.transactions import Kind
from tests.host.hand_terminal import BALANCE, OTHER_TID, HandTerminal, Place, new_host, open_place, seeded_hsm
from tests.runtime.host_rows import transfer
from tests.runtime.postgres_server import Server

WAIT_S = 60


@pytest.fixture
def address(postgres: Server) -> str:
    return postgres.new_schema()


def count_up(store: PostgresHostStore) -> int:
    """Read and write one row, as hosts do with the account of a merchant they share."""
    record = store.merchant("m") or MerchantRecord("m", "0")
    number = int(record.name) + 1
    store.put_merchant(MerchantRecord("m", str(number)))
    return number


# --- several hosts


def race(slow: PostgresHostStore, fast: PostgresHostStore) -> None:
    """What the slow one has read, the fast one changes before the slow one is done."""
    with slow.batch():
        count_up(slow)
        with fast.batch():
            count_up(fast)


def test_of_two_batches_that_change_the_same_row_one_is_kept(address):
    with PostgresHostStore(address) as slow, PostgresHostStore(address) as fast:
        with pytest.raises(StoreConflictError, match="another host was faster"):
            race(slow, fast)
        assert fast.merchant("m") == MerchantRecord("m", "1")
        assert in_batch(slow, lambda: count_up(slow)) == 2


def test_a_conflict_that_the_work_itself_has_caught_is_raised_all_the_same(address):
    def swallow() -> None:
        with slow.batch():
            slow.merchant("m")
            with fast.batch():
                count_up(fast)
            slow.put_hold(HoldRecord("h"))
            slow._database._fault = StoreConflictError("met while reading")
            with pytest.raises(StoreConflictError):
                slow.account("a")

    with PostgresHostStore(address) as slow, PostgresHostStore(address) as fast:
        with pytest.raises(StoreConflictError):
            swallow()
        assert slow.hold("h") is None


def exclusive_locks(server: Server) -> int:
    statement = "SELECT count(*) FROM pg_locks JOIN pg_class ON oid = relation WHERE relname = 'posterm_schema'"
    return int(server.run(f"{statement} AND mode = 'ExclusiveLock'")[0][0])


def test_the_try_after_a_conflict_runs_alone_and_the_next_one_among_others(postgres, address):
    with PostgresHostStore(address) as slow, PostgresHostStore(address) as fast:
        with pytest.raises(StoreConflictError):
            race(slow, fast)
        for alone in (1, 0):
            with slow.batch():
                count_up(slow)
                assert exclusive_locks(postgres) == alone


def at_once(*works) -> list[BaseException]:
    """Run each in a thread of its own. Returns: what they raised."""
    raised: list[BaseException] = []
    together = threading.Barrier(len(works))

    def run(work) -> None:
        try:
            together.wait(WAIT_S)
            work()
        except BaseException as error:
            raised.append(error)

    threads = [threading.Thread(target=run, args=(work,)) for work in works]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(WAIT_S)
    return raised


def test_hosts_that_meet_at_every_batch_lose_nothing(address):
    stores = [PostgresHostStore(address) for _ in range(3)]

    def work(store: PostgresHostStore) -> None:
        for _ in range(25):
            in_batch(store, lambda: count_up(store))

    assert at_once(*(lambda store=store: work(store) for store in stores)) == []
    assert stores[0].merchant("m") == MerchantRecord("m", "75")
    for store in stores:
        store.close()


def test_no_two_hosts_get_the_same_number(address):
    with PostgresHostStore(address) as one, PostgresHostStore(address) as other:
        numbers = [store.next_number("rrn") for _ in range(NUMBERS_IN_A_BLOCK + 5) for store in (one, other)]
    assert len(set(numbers)) == len(numbers)


def two_hosts(address: str) -> tuple[Place, HandTerminal]:
    """A place at one host, and a second terminal of the same merchant at another host on the same store."""
    place = open_place(store=PostgresHostStore(address))
    place.host.enrol_terminal(OTHER_TID, place.terminal.merchant_id, place.tmk)
    hsm = seeded_hsm(2)
    other = HandTerminal(new_host(PostgresHostStore(address), hsm), hsm, place.tmk, terminal_id=OTHER_TID)
    assert other.sign_on().code == "00"
    return place, other


def store_of(terminal: HandTerminal) -> PostgresHostStore:
    return terminal.host._desk.store


def close_both(place: Place, other: HandTerminal) -> None:
    place.store.close()
    store_of(other).close()


def test_two_hosts_sell_for_one_merchant_and_one_card_and_the_ledger_adds_up(address):
    place, other = two_hosts(address)

    def sell(terminal: HandTerminal) -> None:
        store = store_of(terminal)
        for _ in range(8):
            first = terminal.next_stan

            def batch() -> list[str]:
                terminal.next_stan = first  # noqa: B023 - done before the next turn
                return [terminal.sale(10).code for _ in range(4)]

            assert in_batch(store, batch) == ["00"] * 4

    assert at_once(lambda: sell(place.terminal), lambda: sell(other)) == []
    assert (place.earned, place.available) == (640, BALANCE - 640)
    assert place.host.ledger.prove().faults == ()
    numbers = [
        record.rrn for tid in ("10000001", OTHER_TID) for record in place.store.transactions_in_batch(tid, "000001")
    ]
    assert len(set(numbers)) == 64
    close_both(place, other)


def test_a_request_at_two_hosts_at_once_is_posted_once(address):
    place, other = two_hosts(address)
    request = place.terminal.request(Kind.SALE, 500, elements=place.terminal.card())

    def at_both() -> None:
        with place.store.batch():
            first = place.terminal.send(request)
            with store_of(other).batch():
                other.host.handle(place.terminal.frames[-1], place.terminal.now)
            assert first.code == "00"

    with pytest.raises(StoreConflictError):
        at_both()
    again = in_batch(place.store, lambda: place.terminal.repeat())
    assert (again.code, again.events) == ("00", ["repeat"])
    assert place.earned == 500
    close_both(place, other)


def test_a_reversal_at_another_host_and_its_sale_are_never_both_kept_as_if_the_other_was_not_there(address):
    place, other = two_hosts(address)
    terminal = place.terminal
    request = terminal.request(Kind.SALE, 700, elements=terminal.card())
    reversal = terminal.reversal(request)

    def sale_overtaken() -> None:
        with place.store.batch():
            terminal.send(request)
            with store_of(other).batch():
                terminal.host = other.host
                assert terminal.send(reversal).code == "25"
            terminal.host = place.host

    with pytest.raises(StoreConflictError):
        sale_overtaken()
    terminal.host = place.host
    assert in_batch(place.store, lambda: terminal.send(request)).code == "CA"
    assert place.earned == 0
    close_both(place, other)


# --- faults


def lose_connections(server: Server) -> None:
    server.run("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid() AND datname <> ''")


def test_a_lost_connection_fails_the_batch_and_is_made_again(postgres, address):
    def lose_within_a_batch() -> None:
        with store.batch():
            store.put_merchant(MerchantRecord("m", "1"))
            lose_connections(postgres)

    with PostgresHostStore(address) as store:
        with pytest.raises(StoreError, match="cannot"):
            lose_within_a_batch()
        with store.batch():
            store.put_merchant(MerchantRecord("n", "1"))
        assert (store.merchant("m"), store.merchant("n")) == (None, MerchantRecord("n", "1"))
        lose_connections(postgres)
        with pytest.raises(StoreError, match="cannot read"):
            store.merchant("n")
        assert store.merchant("n") == MerchantRecord("n", "1")


def test_a_batch_that_a_killed_host_left_open_is_undone(postgres, address):
    dead, heir = PostgresHostStore(address), PostgresHostStore(address)
    dead._database.begin()
    dead._database.connection.execute("INSERT INTO merchants VALUES ('m', 'x', '156', 1, 'standard', '', '')")
    dead._database.connection.pgconn.finish()  # the socket is gone without a word
    with heir.batch():
        assert heir.merchant("m") is None
        heir.put_merchant(MerchantRecord("m", "1"))
    assert heir.merchant("m") == MerchantRecord("m", "1")
    heir.close()


def test_the_database_itself_refuses_a_second_end_of_a_hold_and_a_transfer_twice(address):
    with PostgresHostStore(address) as store, PostgresHostStore(address) as unaware:
        store.add_transfer(transfer("v", resolves="h"))
        for again in (transfer("w", resolves="h"), transfer("v")):
            with pytest.raises(StoreConflictError):
                unaware.add_transfer(again)


def test_text_that_the_database_does_not_take_undoes_its_own_request_only(address):
    def bad() -> None:
        with store.savepoint():
            store.put_merchant(MerchantRecord("n", "a\0b"))

    with PostgresHostStore(address) as store:
        with store.batch():
            store.put_merchant(MerchantRecord("m", "1"))
            with pytest.raises(StoreError, match="not Unicode"):
                bad()
        assert (store.merchant("m"), store.merchant("n")) == (MerchantRecord("m", "1"), None)


# --- opening


def test_a_database_of_a_newer_posterm_is_refused(postgres, address):
    PostgresHostStore(address).close()
    postgres.run(f"UPDATE posterm_schema SET version = {SCHEMA_VERSION + 1}", address)
    with pytest.raises(StoreError, match=f"schema version {SCHEMA_VERSION + 1}") as caught:
        PostgresHostStore(address)
    assert "newer posterm" in caught.value.hint


def test_a_database_that_is_not_a_hosts_is_refused_and_left_alone(postgres, address):
    postgres.run("CREATE TABLE notes (text TEXT)", address)
    with pytest.raises(StoreError, match="not those of a posterm host"):
        PostgresHostStore(address)
    assert postgres.run("SELECT count(*) FROM pg_tables WHERE schemaname = current_schema()", address) == [(1,)]


def test_hosts_that_start_at_once_found_one_database(address):
    assert at_once(*[lambda: PostgresHostStore(address).close()] * 4) == []


SECRET = "pa ss@wo:rd/9%"


@pytest.mark.parametrize(
    ("change", "hint"),
    [({"database": "nowhere"}, "does not exist"), ({"user": "nobody-known"}, "does not exist")],
    ids=["database", "user"],
)
def test_a_refused_connection_says_what_to_look_at_and_not_the_password(postgres, change, hint):
    with pytest.raises(StoreError, match="cannot connect") as caught:
        PostgresHostStore(postgres.address(password=SECRET, **change))
    assert hint in caught.value.hint
    assert SECRET not in str(caught.value) + caught.value.hint


def test_a_server_that_is_not_there_is_named(tmp_path):
    with pytest.raises(StoreError, match="cannot connect") as caught:
        PostgresHostStore(f"postgresql://me:secretword@/db?host={tmp_path}")
    assert "running" in caught.value.hint
    assert "secretword" not in str(caught.value)


@pytest.mark.parametrize(
    ("address", "shown"),
    [
        ("postgresql://me:secretword@db.example:5433/pos", "postgresql://me@db.example:5433/pos"),
        ("postgres://db.example/pos", "postgresql://db.example/pos"),
        ("postgresql://me@/pos?host=/run/pg&password=secretword", "postgresql://me@/run/pg/pos"),
    ],
)
def test_an_address_is_shown_without_its_password(address, shown):
    assert shown_address(address) == shown


@pytest.mark.parametrize(
    "address",
    ["postgresql://me:secret@word@db/pos", "postgresql://me:secretword@db:port/pos?x", "mysql://me:secretword@db", ""],
)
def test_an_address_that_cannot_be_read_is_not_repeated(address):
    with pytest.raises(StoreError, match="cannot be read") as caught:
        shown_address(address)
    assert "secret" not in str(caught.value) + caught.value.hint


def test_without_the_driver_the_error_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "psycopg", None)
    with pytest.raises(StoreError, match="psycopg") as caught:
        PostgresHostStore("postgresql://db/pos")
    assert "posterm[postgres]" in caught.value.hint


@pytest.mark.parametrize("name", parts.POSTGRES_STORES)
def test_the_load_benchmark_takes_sales_in_a_schema_that_is_gone_afterwards(postgres, name):
    with parts.opened(name, postgres.address()) as store:
        counter = parts.Counter(store)
        assert len(counter.batches(4, 2)) == 2
        assert counter.host.ledger.prove().holds
        assert postgres.run("SELECT 1 FROM pg_namespace WHERE nspname LIKE 'posterm_load_%'")
    assert not postgres.run("SELECT 1 FROM pg_namespace WHERE nspname LIKE 'posterm_load_%'")
