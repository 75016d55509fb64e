"""The folder an HSM keeps its state in: named keys, failures counted, audit log, and the head that holds them together.

    keys.sealed      the register of named keys, sealed under the key of the files
    head.sealed      which register is the right one and how far the audit log goes, sealed too
    audit.jsonl      the audit log, one record a line, readable
    budgets.sqlite   failed verifications
    lock             held by the process that works with the folder

A change of the register is announced in the head before it is made, so a kill in between leaves either state whole.
A file that was altered, moved here from another folder, cut short, or put back to an older state does not fit the head.

Left out: a folder that was put back as a whole. Nothing in it can tell that; whoever keeps the number of audit records
elsewhere can. Budgets are not sealed: whoever may write here may clear them.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Final, Self

from posterm.hsm.at_rest import AtRestKey
from posterm.hsm.audit import record_hash
from posterm.hsm.errors import KeyRegisterError
from posterm.hsm.key_register import KeyRegister, StoreHead, digest
from posterm.runtime.errors import StoreError
from posterm.runtime.store.audit_file import AuditFile, whole_lines
from posterm.runtime.store.sqlite_budgets import SqliteBudgets
from posterm.runtime.store.whole_file import write_whole

REGISTER: Final = "keys.sealed"
HEAD: Final = "head.sealed"
AUDIT: Final = "audit.jsonl"
BUDGETS: Final = "budgets.sqlite"
_LOCK: Final = "lock"
_TAMPERED: Final = "put the right file back, or start with a new folder"


class HsmDirectory:
    """An HSM's state on disk; what a guard asks of its store, and the register of named keys.

    Args:
        path: the folder; it is made when there is none.
        key: the key of the files.
        entropy: called with a number of bytes, gives that many.
    Raises: StoreError: it cannot be opened, another process has it, or a file does not fit the head.
        KeyRegisterError: a sealed file that was altered, moved, or is of another master key.
    """

    def __init__(self, path: Path, key: AtRestKey, entropy: Callable[[int], bytes] = os.urandom) -> None:
        self.path = path
        self._key = key
        self._entropy = entropy
        self._lock = _locked(path)
        try:
            self._head = self._read_head()
            self.register = self._read_register()
            self._audit = AuditFile(path / AUDIT)
            try:
                self._settle_audit()
                self._budgets = SqliteBudgets(path / BUDGETS)
            except BaseException:
                self._audit.close()
                raise
        except BaseException:
            os.close(self._lock)
            raise

    # --- named keys ---

    def store(self, register: KeyRegister) -> None:
        """Put a changed register in the place of the one that is there. Raises: StoreError; SealedDataError."""
        sealed = register.seal(self._key, self._entropy)
        self._write_head(replace(self._head, announced=digest(sealed)))
        write_whole(self.path / REGISTER, sealed)
        self._write_head(replace(self._head, register=digest(sealed)))
        self.register = register

    # --- what a guard asks of its store ---

    def failures(self, subject: str) -> tuple[int, int]:
        """How many failures a subject has, and when the last one was, in seconds."""
        return self._budgets.failures(subject)

    def record_failure(self, subject: str, now: int) -> None:
        """Count a failure; it is on the disk when this returns."""
        self._budgets.record_failure(subject, now)

    def clear(self, subject: str) -> None:
        """Forget a subject's failures."""
        self._budgets.clear(subject)

    def append_audit(self, record: str) -> None:
        """Add a record to the audit log; it is on the disk, and in the head, when this returns."""
        self._audit.append(record)
        self._seal_audit()

    def last_audit(self) -> str:
        """The last record of the audit log, empty when there is none."""
        return self._audit.last

    @property
    def audit_count(self) -> int:
        """How many records the audit log has."""
        return self._audit.count

    def close(self) -> None:
        self._budgets.close()
        self._audit.close()
        os.close(self._lock)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    # --- the head ---

    def _read_head(self) -> StoreHead:
        if not (self.path / HEAD).exists():
            if any(_has_content(self.path / name) for name in (REGISTER, AUDIT)):
                raise StoreError(f"{self.path}: there are keys or an audit log, but no {HEAD}", hint=_TAMPERED)
            return StoreHead()
        return read_head(self.path, self._key)

    def _read_register(self) -> KeyRegister:
        try:
            sealed = (self.path / REGISTER).read_bytes()
        except FileNotFoundError:
            if self._head.register:
                raise StoreError(f"{self.path}: {REGISTER} is gone", hint=_TAMPERED) from None
            return KeyRegister()
        except OSError as error:
            raise StoreError(f"cannot read {self.path / REGISTER}: {error.strerror}") from None
        register = KeyRegister.unseal(self._key, sealed)
        if digest(sealed) not in (self._head.register, self._head.announced):
            raise KeyRegisterError(f"{self.path / REGISTER}: put back to an older state", hint=_TAMPERED)
        self._head = replace(self._head, register=digest(sealed), announced=digest(sealed))
        return register

    def _settle_audit(self) -> None:
        """Hold the audit log against the head. A kill leaves at most one record that is not sealed in the head yet."""
        beyond = self._audit.count - self._head.audit_count
        if beyond < 0:
            raise StoreError(f"{self.path / AUDIT}: cut short, {-beyond} records are gone", hint=_TAMPERED)
        if beyond > 1:
            raise StoreError(f"{self.path / HEAD}: put back to an older state", hint=_TAMPERED)
        sealed_last = _line(self.path / AUDIT, self._head.audit_count)
        if record_hash(sealed_last) != self._head.audit_hash:
            raise StoreError(
                f"{self.path / AUDIT}: record {self._head.audit_count} was changed",
                hint="`posterm hsm audit verify` says where it begins",
            )
        self._seal_audit()

    def _seal_audit(self) -> None:
        self._write_head(replace(self._head, audit_count=self._audit.count, audit_hash=record_hash(self._audit.last)))

    def _write_head(self, head: StoreHead) -> None:
        write_whole(self.path / HEAD, head.seal(self._key, self._entropy))
        self._head = head


def _has_content(path: Path) -> bool:
    return path.exists() and path.stat().st_size > 0


def read_head(path: Path, key: AtRestKey) -> StoreHead:
    """The head of a folder that another process may be working with. Raises: StoreError, KeyRegisterError."""
    try:
        return StoreHead.unseal(key, (path / HEAD).read_bytes())
    except OSError as error:
        raise StoreError(f"cannot read {path / HEAD}: {error.strerror}") from None


def _line(path: Path, number: int) -> str:
    for place, line in enumerate(whole_lines(path), 1):
        if place == number:
            return line.decode("utf-8", "replace")
    return ""


def _locked(path: Path) -> int:
    try:
        path.mkdir(parents=True, exist_ok=True, mode=0o700)
        descriptor = os.open(path / _LOCK, os.O_RDWR | os.O_CREAT, 0o600)
    except OSError as error:
        raise StoreError(f"cannot open the HSM's folder {path}: {error.strerror}") from None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(descriptor)
        raise StoreError(
            f"another process works with the HSM's folder {path}", hint="stop the server first, or ask it by its port"
        ) from None
    return descriptor
