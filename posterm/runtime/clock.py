"""The time of day, in one place."""

from __future__ import annotations

from datetime import UTC, datetime


def now() -> datetime:
    """The local time with its offset, to the microsecond."""
    return datetime.now(tz=UTC).astimezone()
