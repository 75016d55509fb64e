"""The write-ahead log of a SQLite file, put into the file by a thread of its own while batches go on.

Left alone, SQLite does that within a COMMIT, and everybody waits for tens of milliseconds. A thread can copy all but
what is written meanwhile. That rest is small, and whoever writes copies it before its next batch: only then is nothing
left, and the log begins anew. The log is never read here, and a crash at any point finds file and log as SQLite keeps
them at any time.

The thread begins with the first `ROWS_AT_ONCE` rows, so a store that is opened for a few rows has none. What it cannot
do, on a full disk or beside a long reader, it tries again that many rows later; the log grows meanwhile, until SQLite
helps itself within a COMMIT as before.

Source: SQLite documentation, Write-Ahead Logging, section 3.3 and PRAGMA wal_checkpoint.
"""

from __future__ import annotations

import sqlite3
import threading
from contextlib import closing, suppress
from pathlib import Path
from typing import Final

ROWS_AT_ONCE: Final = 4_000
"""Rows between one copying and the next: some thousand pages, so that a page that changes often is copied once."""

SMALL_REST_PAGES: Final = 256
_PASSES: Final = 5
"""Each copies what was written during the one before, and takes a fraction of its time."""

_PASSIVE: Final = "PRAGMA wal_checkpoint(PASSIVE)"
"""It waits for nobody, and nobody waits for it. Gives: 1 when another one is at it, pages in the log, pages copied."""


class LogCopier:
    """Copies the log of one file; `wrote` and `finish` are for the connection that writes."""

    def __init__(self, name: str) -> None:
        self._address = f"{Path(name).absolute().as_uri()}?mode=rw"
        self._rows = 0
        self._thread: threading.Thread | None = None
        self._wanted = threading.Event()
        self._closing = False
        self._rest_is_small = False

    def wrote(self, rows: int) -> None:
        """So many rows were committed."""
        self._rows += rows
        if self._rows < ROWS_AT_ONCE:
            return
        self._rows = 0
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name="sqlite-log", daemon=True)
            self._thread.start()
        self._wanted.set()

    def finish(self, connection: sqlite3.Connection) -> None:
        """Copy the rest when it is small. Not within a transaction."""
        if self._rest_is_small:
            self._rest_is_small = False
            with suppress(sqlite3.Error):  # the batch that begins now has nothing to do with it
                connection.execute(_PASSIVE).fetchone()

    def close(self) -> None:
        """End the thread, before the connection that writes is closed."""
        self._closing = True
        self._wanted.set()
        if self._thread is not None:
            self._thread.join()

    def _run(self) -> None:
        while self._wanted.wait() and not self._closing:
            self._wanted.clear()
            with suppress(sqlite3.Error):  # tried again after so many rows more
                self._rest_is_small = self._copy()

    def _copy(self) -> bool:
        """Copy until the rest is small. Returns: whether it is."""
        with closing(sqlite3.connect(self._address, uri=True, isolation_level=None)) as connection:
            connection.execute("PRAGMA synchronous = FULL")
            for _ in range(_PASSES):
                _, pages, copied = connection.execute(_PASSIVE).fetchone()
                if pages - copied <= SMALL_REST_PAGES:
                    return True
        return False
