"""The time of day, in one place."""

from __future__ import annotations

import time
from datetime import UTC, datetime


def now() -> datetime:
    """The local time with its offset, to the microsecond."""
    return datetime.now(tz=UTC).astimezone()


def pause(seconds: float) -> datetime:
    """Let time pass. Returns: the time then."""
    time.sleep(seconds)
    return now()
