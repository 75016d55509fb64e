"""The cyclic garbage of a process that serves: looked for while nobody waits.

What a request makes is freed by its reference counts; the few cycles come from connections and faults. A full
collection looks at all that lives, which takes a tenth of a second and more, so it waits until no work has come for a
while, or until the last one is long ago. What lives when the serving begins is not looked at again.

Source: Python documentation, module gc.
"""

from __future__ import annotations

import asyncio
import gc
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Final

LOOKED_AT_S: Final = 5.0
"""How often it is looked whether there was no work since the last time."""

AT_LEAST_EVERY_S: Final = 300.0

_YOUNG: Final = 20_000
_MIDDLE: Final = 20
_NEVER: Final = 1_000_000
"""Thresholds of the three generations: objects more made than freed, and collections of the generation before."""


@asynccontextmanager
async def collected_when_idle(done: Callable[[], int]) -> AsyncIterator[None]:
    """Keep full collections away from requests while the context is open; the collector is as before after it.

    Args:
        done: how much work has been done so far, counted in anything.
    """
    before = gc.get_threshold()
    put_off_full_collections()
    watch = asyncio.ensure_future(_collect(done))
    try:
        yield
    finally:
        watch.cancel()
        gc.set_threshold(*before)
        gc.unfreeze()


def put_off_full_collections() -> None:
    """Leave all that lives now out of every collection to come, and let only what is young be collected: for good in a
    process that ends soon.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(_YOUNG, _MIDDLE, _NEVER)


async def _collect(done: Callable[[], int]) -> None:
    before, collected = done(), time.monotonic()
    while True:
        await asyncio.sleep(LOOKED_AT_S)
        now = done()
        if now == before or time.monotonic() - collected >= AT_LEAST_EVERY_S:
            gc.collect()
            collected = time.monotonic()
        before = now
