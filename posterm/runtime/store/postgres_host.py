"""The host's rows in a PostgreSQL database, which several host processes may share: one ledger, any number of hosts.

Each batch is a SERIALIZABLE transaction: the database makes sure that the batches of all hosts together have done what
they would have done one after the other, and fails one of two where that is not so. That one raises
`StoreConflictError` and nothing of it is kept. The next batch of this store then runs with no other beside it, so the
same work done again is certain to pass: every batch locks the table of the schema version, many at once in the ordinary
case, one alone after a conflict. PostgreSQL serves those who wait for a lock in their order.

Numbers are drawn in blocks, on a connection of their own, so that hosts do not meet over a counter; a block that was
not used up when a host ended is left out. A lost connection is made again at the next batch. A commit whose answer was
lost may have been kept or not: nobody is answered, and terminals ask again.

The driver is psycopg 3, installed with `posterm[postgres]`. Addresses hold passwords, so they appear in no error; nor
does the driver's text about a connection.

Source: PostgreSQL documentation, Serializable Isolation Level and LOCK (a serializable transaction sees what stands
after a LOCK TABLE that comes first).
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any, Final

from posterm.runtime.errors import StoreConflictError, StoreError
from posterm.runtime.store.host_migrations import POSTGRES_STEPS
from posterm.runtime.store.host_tables import SCHEMA_VERSION, Flavour, schema
from posterm.runtime.store.sql_host import SqlHostStore
from posterm.runtime.store.unit_of_work import Row, Writes

if TYPE_CHECKING:
    import psycopg

SCHEMES: Final = ("postgresql://", "postgres://")
POSTGRES: Final = Flavour(
    mark="%s",
    text='TEXT COLLATE "C"',
    integer="BIGINT",
    counted="BIGINT GENERATED ALWAYS AS IDENTITY",
    plain_end="",
    counted_end="",
)
NUMBERS_IN_A_BLOCK: Final = 100
_CONNECT_S: Final = 10
_SESSION: Final = (
    "SET synchronous_commit = on; SET lock_timeout = '20s'; SET statement_timeout = '60s'; "
    "SET idle_in_transaction_session_timeout = '60s'"
)
_BATCH: Final = "BEGIN ISOLATION LEVEL SERIALIZABLE; LOCK TABLE posterm_schema IN "
_AMONG_OTHERS: Final = "ROW SHARE MODE"
_ALONE: Final = "EXCLUSIVE MODE"
_SNAPSHOT: Final = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"
_FOUNDING: Final = "SELECT pg_advisory_xact_lock(hashtext('posterm_schema'))"
_BLOCK: Final = (
    f"INSERT INTO sequences (name, last) VALUES (%s, {NUMBERS_IN_A_BLOCK}) "  # noqa: S608
    f"ON CONFLICT (name) DO UPDATE SET last = sequences.last + {NUMBERS_IN_A_BLOCK} RETURNING last"
)
_RACES: Final = frozenset({"40001", "40P01", "23505"})
"""serialization_failure, deadlock_detected, unique_violation: another transaction was faster."""


class PostgresHostStore(SqlHostStore):
    """A `HostStore` in a database of PostgreSQL.

    Args:
        address: `postgresql://user:password@host:port/database`, as libpq takes it.
    Raises: StoreError: no driver, no connection, a newer schema, or a database that is not a host's.
    """

    def __init__(self, address: str) -> None:
        super().__init__(PostgresDatabase(address))


class PostgresDatabase:
    """One connection for batches, and one for numbers."""

    flavour = POSTGRES

    def __init__(self, address: str) -> None:
        self._driver = _load_driver()
        self._address = address
        self.name = shown_address(address)
        self._alone = False
        self._open = False
        self._fault: StoreError | None = None
        self._numbers: dict[str, list[int]] = {}
        self._numbering: psycopg.Connection[Row] | None = None
        self.connection = self._connect()
        try:
            with self._translated("open"):
                self._prepare()
        except StoreError:
            self.close()
            raise

    def close(self) -> None:
        for connection in (self.connection, self._numbering):
            if connection is not None:
                with suppress(self._driver.Error):
                    connection.close()

    def one(self, statement: str, values: Row) -> Row | None:
        with self._translated("read"):
            return self._run(statement, values).fetchone()

    def all(self, statement: str, values: Row) -> list[Row]:
        with self._translated("read"):
            return self._run(statement, values).fetchall()

    def begin(self) -> bool:
        self._begin(f"{_BATCH}{_ALONE if self._alone else _AMONG_OTHERS}")
        return False

    def begin_snapshot(self) -> None:
        self._begin(_SNAPSHOT)

    def commit(self, writes: Writes) -> None:
        """Write and make durable. A fault that the batch has met already is raised again: nothing of it is kept."""
        with self._translated("write"):
            if writes:
                with self.connection.pipeline(), self.connection.cursor() as cursor:
                    for statement, rows in writes:
                        cursor.executemany(_text(statement), rows)
        with self._translated("commit"):
            # A transaction that has failed is answered ROLLBACK, and that is no error.
            if self.connection.execute("COMMIT", prepare=False).statusmessage != "COMMIT":
                raise StoreError(f"{self.name}: cannot commit: the batch had failed before")
        self._alone = self._open = False

    def roll_back(self) -> None:
        self._alone = self._alone or isinstance(self._fault, StoreConflictError)
        self._open, self._fault = False, None
        try:
            if self.connection.info.transaction_status:  # anything but idle
                self.connection.execute("ROLLBACK", prepare=False)
        except self._driver.Error:
            self.connection.close()

    def next_number(self, sequence: str) -> int | None:
        block = self._numbers.setdefault(sequence, [])
        if not block:
            if self._numbering is None or self._numbering.closed:
                self._numbering = self._connect()
            with self._translated("number"):
                row = self._numbering.execute(_BLOCK, (sequence,)).fetchone()
            last = row[0] if row is not None else NUMBERS_IN_A_BLOCK
            block.extend(range(last, last - NUMBERS_IN_A_BLOCK, -1))
        return block.pop()

    def _run(self, statement: str, values: Row) -> psycopg.Cursor[Row]:
        if self.connection.closed and not self._open:
            self.connection = self._connect()
        return self.connection.execute(_text(statement), values, prepare=True)

    def _begin(self, statement: str) -> None:
        if self.connection.closed:
            self.connection = self._connect()
        self._open = True
        try:
            with self._translated("begin"):
                self.connection.execute(_text(statement), prepare=False)
        except StoreError:
            self.roll_back()
            raise

    def _connect(self) -> psycopg.Connection[Row]:
        try:
            connection: psycopg.Connection[Row] = self._driver.connect(
                self._address, autocommit=True, connect_timeout=_CONNECT_S
            )
            connection.execute(_SESSION, prepare=False)
        except self._driver.Error as error:
            raise StoreError(f"{self.name}: cannot connect", hint=_connection_hint(str(error))) from None
        return connection

    def _prepare(self) -> None:
        """Make the tables of an empty schema, or bring older ones up to date. One host does it, others wait."""
        with self.connection.transaction():
            self.connection.execute(_FOUNDING)
            version = self._version()
            statements: tuple[str, ...] = ()
            if not version:
                statements = (*schema(POSTGRES), "CREATE TABLE posterm_schema (version BIGINT NOT NULL)")
                statements += ("INSERT INTO posterm_schema VALUES (0)",)
            for past in range(version, SCHEMA_VERSION) if version else ():
                statements += POSTGRES_STEPS[past]
            for statement in statements:
                self.connection.execute(_text(statement), prepare=False)
            if version != SCHEMA_VERSION:
                self.connection.execute("UPDATE posterm_schema SET version = %s", (SCHEMA_VERSION,))

    def _version(self) -> int:
        """The schema version, 0 where there is nothing yet."""
        if self._value("SELECT to_regclass('posterm_schema')") is None:
            if self._value("SELECT count(*) FROM pg_tables WHERE schemaname = current_schema()"):
                raise StoreError(
                    f"{self.name} has tables, but not those of a posterm host", hint="give it a database of its own"
                )
            return 0
        version = int(self._value("SELECT version FROM posterm_schema"))
        if version > SCHEMA_VERSION:
            raise StoreError(
                f"{self.name} has schema version {version}, this posterm knows {SCHEMA_VERSION}",
                hint="it was made by a newer posterm; use that one, or another database",
            )
        return version

    def _value(self, statement: str) -> Any:
        row = self.connection.execute(_text(statement)).fetchone()
        return None if row is None else row[0]

    @contextmanager
    def _translated(self, doing: str) -> Iterator[None]:
        """The driver's faults as ours; the first of a batch is the batch's, whoever caught it meanwhile."""
        if self._fault is not None:
            raise self._fault
        try:
            yield
        except self._driver.Error as error:
            fault = self._as_store_error(doing, error)
            self._fault = fault if self._open else None
            raise fault from None

    def _as_store_error(self, doing: str, error: psycopg.Error) -> StoreError:
        if error.sqlstate in _RACES:
            return StoreConflictError(f"{self.name}: cannot {doing}: another host was faster")
        why = error.diag.message_primary or ("the connection is lost" if self.connection.closed else str(error))
        hint = "another host keeps the store locked" if error.sqlstate == "55P03" else ""
        return StoreError(f"{self.name}: cannot {doing}: {why}", hint=hint)


def shown_address(address: str) -> str:
    """An address without its password. Raises: StoreError: it is no address of PostgreSQL; its text is not repeated."""
    conninfo = _load_driver().conninfo
    try:
        parts = conninfo.conninfo_to_dict(address)
    except Exception:  # the driver's text about an address may repeat the password
        parts = {}
    host = str(parts.get("host", ""))
    if not address.startswith(SCHEMES) or not parts or "@" in host:
        raise StoreError(
            "the address of the store cannot be read",
            hint="postgresql://user:password@host:port/database; write @ : / in a password as %40 %3A %2F",
        )
    user = f"{parts['user']}@" if "user" in parts else ""
    port = f":{parts['port']}" if "port" in parts else ""
    return f"postgresql://{user}{host}{port}/{parts.get('dbname', '')}"


def _load_driver() -> Any:
    try:
        import psycopg
    except ImportError:
        raise StoreError("PostgreSQL needs the psycopg driver", hint="pip install 'posterm[postgres]'") from None
    return psycopg


def _connection_hint(text: str) -> str:
    """What to do about a connection that failed, told without the driver's words."""
    hints = {
        "password authentication failed": "the user or the password is wrong",
        "no password supplied": "the server wants a password",
        "does not exist": "the user or the database does not exist",
        "refused": "is the server running there?",
        "No such file": "is the server running there?",
        "could not translate": "the server's name cannot be resolved",
        "too many": "the server takes no more connections",
    }
    return next((hint for part, hint in hints.items() if part in text), "is the server running, and may you log in?")


def _text(statement: str) -> Any:
    """psycopg's types want literal SQL; ours is built from this package's own tables."""
    return statement
