"""Faults of the host itself. A decline is a value, never one of these.

HostError
├── EnrolmentError    a merchant, terminal or card that cannot be taken on as given
├── TermsError        a plan, a table of card ranges or a calendar that cannot be
├── PayoutError       a payout that is unknown, or not in the state for it
│   └── AdvanceRefusedError     an instant payout that is not made, with its answer code
├── OrderError        a payment by a code that is unknown, or not in the state for it
└── LedgerError       a transfer that cannot be: unknown account, nothing pending to resolve
    ├── TransferConflictError   its identifier is that of another transfer
    └── HoldEndedError          what it would end is ended already, or past its deadline
"""

from __future__ import annotations

from posterm.errors import PostermError


class HostError(PostermError):
    """Base of the host's own faults."""


class EnrolmentError(HostError):
    """A merchant, terminal or card that cannot be taken on as given."""


class TermsError(HostError):
    """A plan, a table of card ranges or a calendar that cannot be used; the text names the key."""


class PayoutError(HostError):
    """A payout that is unknown, or not in the state for what is asked."""


class AdvanceRefusedError(PayoutError):
    """An instant payout that is not made; nothing was posted.

    Args:
        code: the answer code, D5 to D7.
    """

    def __init__(self, code: str, text: str) -> None:
        super().__init__(text)
        self.code = code


class OrderError(HostError):
    """A payment by a code that is unknown, or not in the state for what is asked."""


class LedgerError(HostError):
    """A transfer that cannot be. Nothing of its group was posted."""


class TransferConflictError(LedgerError):
    """The identifier was used before, for a transfer with other content."""


class HoldEndedError(LedgerError):
    """The pending transfer has been posted, voided or has expired."""
