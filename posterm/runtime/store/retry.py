"""Work in a batch, tried again when other hosts on the same store were faster.

A store shared by several processes may find at the end of a batch that another one has changed what this one has read.
Nothing was kept then, and the whole work is done again from what stands now. So the work must have no effect outside
the store.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, TypeVar

from posterm.host import HostStore
from posterm.runtime.errors import StoreConflictError

R = TypeVar("R")

TRIES: Final = 4
"""A store lets the try after a conflict go alone, so more than two are rarely needed."""


def in_batch(store: HostStore, work: Callable[[], R]) -> R:
    """Do the work within one `store.batch()`.

    Returns: what it returned when the batch was kept.
    Raises: StoreConflictError: others were faster `TRIES` times. Whatever else the work or the store raises.
    """
    for _ in range(TRIES - 1):
        try:
            with store.batch():
                return work()
        except StoreConflictError:
            continue
    with store.batch():
        return work()
