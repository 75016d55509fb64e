"""An append-only file of lines: what `append` returned from is on the disk.

A line that a power cut tore off was never acknowledged; it is cut away when the file is opened again.

Left out: what stands in a line, and whether the lines belong together (`posterm.hsm.audit`).
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from posterm.runtime.errors import StoreError
from posterm.runtime.store.whole_file import sync_folder

LONGEST_LINE: Final = 65_536
_READ_BYTES: Final = 1 << 20


class AuditFile:
    """The file, open for appending. One process at a time.

    Raises: StoreError: it cannot be opened or read.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        try:
            is_new = not path.exists()
            self._descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600)
            if is_new:
                sync_folder(path.parent)
        except OSError as error:
            raise StoreError(f"cannot open the audit log {path}: {error.strerror}") from None
        try:
            self.count, self.last, self._size = self._survey()
            os.ftruncate(self._descriptor, self._size)
        except (OSError, StoreError) as error:
            os.close(self._descriptor)
            if isinstance(error, StoreError):
                raise
            raise StoreError(f"cannot read the audit log {path}: {error.strerror}") from None

    def append(self, line: str) -> None:
        """Write one line; it is on the disk when this returns. Raises: StoreError; then nothing was written."""
        content = line.encode("utf-8") + b"\n"
        try:
            written = os.write(self._descriptor, content)
            if written == len(content):
                os.fsync(self._descriptor)
        except OSError as error:
            os.ftruncate(self._descriptor, self._size)
            raise StoreError(f"cannot write the audit log {self._path}: {error.strerror}") from None
        if written != len(content):
            os.ftruncate(self._descriptor, self._size)
            raise StoreError(f"cannot write the audit log {self._path}: the disk is full")
        self.count += 1
        self.last = line
        self._size += len(content)

    def close(self) -> None:
        os.close(self._descriptor)

    def _survey(self) -> tuple[int, str, int]:
        """How many whole lines there are, the last of them, and the bytes they take."""
        count, last, size = 0, b"", 0
        for line in whole_lines(self._path):
            count, last, size = count + 1, line, size + len(line) + 1
        return count, last.decode("utf-8", "replace"), size


def whole_lines(path: Path) -> Iterator[bytes]:
    """The lines of a file that end in a line feed, without it. Raises: StoreError: a line longer than 65,536 bytes."""
    with path.open("rb") as file:
        rest = b""
        while chunk := file.read(_READ_BYTES):
            *lines, rest = (rest + chunk).split(b"\n")
            yield from lines
            if len(rest) > LONGEST_LINE:
                raise StoreError(f"{path}: need lines of at most {LONGEST_LINE} bytes, found a longer one")
