"""What an HTTP request can have against it before any service sees it.

PostermError
└─ ApiError
   ├─ NoTokenError           a route that needs a token, and none that could be read
   ├─ TooManyRequestsError   a caller that asks more than it may
   └─ RequestTooLargeError   a body larger than any that is taken
"""

from __future__ import annotations

from posterm.errors import PostermError


class ApiError(PostermError):
    """Base of the faults of a request."""


class NoTokenError(ApiError):
    """A route that needs a token, and no header that holds one."""


class TooManyRequestsError(ApiError):
    """A caller that asks more than it may. `wait_s` is when it may ask again."""

    def __init__(self, wait_s: float) -> None:
        super().__init__("too many requests")
        self.wait_s = wait_s


class RequestTooLargeError(ApiError):
    """A body larger than any that is taken."""
