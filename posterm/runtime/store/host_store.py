"""Which store a host uses: a file of SQLite in its folder, or a database of PostgreSQL by its address."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from posterm.runtime.errors import StoreError
from posterm.runtime.store.postgres_host import SCHEMES, PostgresHostStore
from posterm.runtime.store.sql_host import SqlHostStore
from posterm.runtime.store.sqlite_host import SqliteHostStore

SQLITE_STORE: Final = "sqlite"
FILE_NAME: Final = "host.sqlite"


def is_store_name(text: str) -> bool:
    """True for `sqlite`, and for what looks like an address of PostgreSQL."""
    return text == SQLITE_STORE or text.startswith(SCHEMES)


def open_host_store(name: str, directory: Path, *, found: bool = True) -> SqlHostStore:
    """The rows of a host.

    Args:
        name: `sqlite`, or the address of a database.
        directory: where the file is.
        found: make the file when there is none.
    Raises: StoreError.
    """
    if name != SQLITE_STORE:
        return PostgresHostStore(name)
    path = directory / FILE_NAME
    if not found and not path.is_file():
        raise StoreError(f"there is no ledger in {directory}", hint="`posterm host serve` makes one at its first start")
    try:
        directory.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StoreError(f"cannot make {directory}: {(error.strerror or 'unknown reason').lower()}") from None
    return SqliteHostStore(path)
