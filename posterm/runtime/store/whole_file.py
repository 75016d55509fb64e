"""Files that are there whole or not at all, also after a power cut.

Source: POSIX rename(2), fsync(2).
"""

from __future__ import annotations

import os
import tempfile
from contextlib import suppress
from pathlib import Path

from posterm.runtime.errors import StoreError


def write_whole(path: Path, content: bytes, *, replace: bool = True) -> None:
    """Write a file that only its owner can read; its folder is made when there is none.

    Args:
        replace: take the place of a file that is there; else that file is an error.
    Raises: StoreError.
    """
    draft_name = ""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile("wb", dir=path.parent, prefix=".draft-", delete=False) as draft:
            draft_name = draft.name
            draft.write(content)
            draft.flush()
            os.fsync(draft.fileno())
        if replace:
            Path(draft_name).replace(path)
        else:
            path.hardlink_to(draft_name)  # fails when there is one, however many try at once
            Path(draft_name).unlink()
        sync_folder(path.parent)
    except OSError as error:
        if draft_name:
            Path(draft_name).unlink(missing_ok=True)
        if isinstance(error, FileExistsError):
            raise StoreError(f"{path} is there already") from None
        raise StoreError(f"cannot write {path}: {error.strerror}") from None


def sync_folder(folder: Path) -> None:
    """Bring a folder's entries to the disk, where the file system lets a folder be synced."""
    with suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
