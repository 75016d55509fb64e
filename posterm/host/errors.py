"""Faults of the host itself. A decline is a value, never one of these.

HostError
├── EnrolmentError    a merchant, terminal or card that cannot be taken on as given
└── LedgerError       a transfer that cannot be: unknown account, used identifier, nothing pending to resolve
"""

from __future__ import annotations

from posterm.errors import PostermError


class HostError(PostermError):
    """Base of the host's own faults."""


class EnrolmentError(HostError):
    """A merchant, terminal or card that cannot be taken on as given."""


class LedgerError(HostError):
    """A transfer that cannot be. Nothing of its group was posted."""
