"""An audit log in a file, held against its hash chain and against the head that was kept of it.

While the HSM runs, a record may have come since the head was read, and a kill may leave one that the head does not know
yet. Those further records must follow on the chain; the head vouches for all before them.
"""

from __future__ import annotations

from itertools import islice
from pathlib import Path

from posterm.hsm.audit import AuditHead, AuditReport, verify
from posterm.runtime.errors import StoreError
from posterm.runtime.store.audit_file import whole_lines


def check_audit(path: Path, head: AuditHead | None = None) -> AuditReport:
    """Verify a log. Args: head: of the HSM's folder, read before. Raises: StoreError: the file cannot be read."""
    try:
        if head is not None:
            sealed = verify(islice(_records(path), head.count), head)
            if not sealed.whole:
                return sealed
        return verify(_records(path))
    except OSError as error:
        raise StoreError(f"cannot read the audit log {path}: {error.strerror}") from None


def _records(path: Path) -> map[str]:
    return map(_text, whole_lines(path))


def _text(line: bytes) -> str:
    return line.decode("utf-8", "replace")
