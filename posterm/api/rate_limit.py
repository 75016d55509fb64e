"""How much each caller may ask: a bucket of requests that fills up steadily.

The state is this process's own and bounded: when there are too many callers, the one that asked least recently is
forgotten, and begins with a full bucket.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from typing import Final

CALLERS_MAX: Final = 10_000


class RateLimit:
    """Buckets by caller.

    Args:
        per_minute: how many requests a bucket gets in a minute, and holds at most.
        clock: seconds, never going back.
    """

    def __init__(self, per_minute: int, clock: Callable[[], float]) -> None:
        self.per_minute = per_minute
        self._clock = clock
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def wait_s(self, caller: str) -> float:
        """How long this caller has to wait until it may ask; 0 when it may now."""
        left = self._left(caller)
        return 0.0 if left >= 1 else (1 - left) * 60 / self.per_minute

    def take(self, caller: str) -> None:
        """Count a request."""
        self._buckets[caller] = (max(self._left(caller) - 1, 0.0), self._clock())
        self._buckets.move_to_end(caller)
        if len(self._buckets) > CALLERS_MAX:
            self._buckets.popitem(last=False)

    def _left(self, caller: str) -> float:
        left, at = self._buckets.get(caller, (float(self.per_minute), self._clock()))
        return min(left + (self._clock() - at) * self.per_minute / 60, float(self.per_minute))
