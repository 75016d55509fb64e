"""What the host keeps: typed, frozen rows. A change is a new row put in place of the old one.

Fields are text, integers, booleans or tuples of text, so that any store can hold them. Amounts are minor units; times
are ISO 8601 text in the host's local time, so that the later of two also sorts later; batch numbers are 6 digits.

No row holds a clear PAN, a PIN or a key: a card is named by its keyed fingerprint and shown masked, keys are key blocks
under the HSM's master key.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Final, NamedTuple

from posterm.host.chart import CHART, Side, network

REVERSAL: Final = "reversal"
"""`TransactionRecord.kind` of an 0400; all others are values of `posterm.unionpay.transactions.Kind`."""


def reference(mti: str, terminal_id: str, merchant_id: str, batch: str, stan: str) -> str:
    """The key under which a request is found again: MTI class, terminal, merchant, batch and trace number.

    Source: Q/CUP 009, duplicate detection.

    >>> reference("0220", "10000001", "898310058120001", "000001", "000012")
    '2/10000001/898310058120001/000001/000012'
    """
    return f"{mti[1]}/{terminal_id}/{merchant_id}/{batch}/{stan}"


class KeyRecord(NamedTuple):
    """A key of the host itself, by its use: a key block, which only the HSM under its master key can open."""

    use: str
    block: str


class MerchantRecord(NamedTuple):
    """A merchant; `open` is False when it may not trade.

    `plan` names its terms. `owner` names whoever stands behind it, so that limits can be shared; empty for nobody.
    `closed_channels` are the ways of paying it may not take (yet): values of `posterm.host.channels.MerchantChannel`.
    """

    merchant_id: str
    name: str
    currency: str = "156"
    open: bool = True
    plan: str = "standard"
    owner: str = ""
    closed_channels: tuple[str, ...] = ()


class TerminalRecord(NamedTuple):
    """A terminal. `tmk`, `pik`, `mak` and `tdk` are key blocks, empty where there is none."""

    terminal_id: str
    merchant_id: str
    tmk: str
    open: bool = True
    pik: str = ""
    mak: str = ""
    tdk: str = ""
    signed_on: bool = False
    sign_on: str = ""
    """The reference of the sign-on that made the working keys."""
    batch: str = "000001"
    requirement: str = "0"
    parameters: tuple[str, ...] = ()
    """Name and value in turn."""
    status: str = ""
    ca_keys: str = ""
    applications: str = ""
    """Which of the host's CA keys and application parameters it took last: `ChipTables.keys_version` and its like."""
    serial: str = ""
    """The hardware that was bound to it; empty for any."""
    location: str = ""
    """Where it stands, `latitude,longitude` in decimal degrees; empty for anywhere."""
    radius_m: int = 0
    """How far from there it may be."""


class CardKind(StrEnum):
    """What stands behind a card."""

    DEBIT = "debit"
    CREDIT = "credit"
    WALLET = "wallet"
    """A wallet on a telephone: no card at all, but an account that pays."""


class PinPolicy(StrEnum):
    """Whether a purchase with the card needs a PIN. A PIN that is sent is always checked."""

    REQUIRED = "required"
    OPTIONAL = "optional"


ACTIVE: Final = "active"


class CardRecord(NamedTuple):
    """A card. `status` is `active`, or the answer code every request with it gets from its issuer; `blocked` is the
    code the acquirer gives, empty when it gives none. `network` is the institution over the network that has issued it,
    empty for a card of this host; what such a card pays is owed by that institution."""

    fingerprint: str
    masked_pan: str
    kind: str
    expiry: str
    currency: str = "156"
    pin_offset: str = ""
    pin_policy: str = PinPolicy.REQUIRED.value
    pin_failures: int = 0
    status: str = ACTIVE
    scheme: str = "CUP"
    issuer_id: str = "03080000"
    blocked: str = ""
    network: str = ""

    @property
    def account_id(self) -> str:
        if self.network:
            return network(self.network, self.currency)
        return f"{'wallet' if self.kind == CardKind.WALLET else 'card'}/{self.fingerprint}"


class IssuerKeyRecord(NamedTuple):
    """An issuer's master keys for the chips of all cards whose number begins with `prefix`; key blocks.

    `scheme` says whose cryptogram versions they are, by the name `posterm.hsm.cryptogram.Scheme` has for it.
    """

    prefix: str
    scheme: str
    cryptogram: str
    integrity: str
    confidentiality: str


class ChipRecord(NamedTuple):
    """A card's chip. `counter` is the highest transaction counter a verified cryptogram came with.

    `scripts` are waiting for the card or for word that it has obeyed them: identifier and command in turn.
    """

    chip: str
    """The card's fingerprint and its sequence number, `fingerprint/01`."""
    counter: int = 0
    scripts: tuple[str, ...] = ()


class ChipUseRecord(NamedTuple):
    """One use of a transaction counter: the request that came with it, and what was heard of it since.

    Cryptograms are hexadecimal. `scripts` are the identifiers sent with the answer.
    """

    use: str
    """The chip and the counter, `fingerprint/01/258`."""
    ref: str
    request_cryptogram: str = ""
    certificate: str = ""
    """The transaction certificate (TC) of an offline sale or a batch upload, when it verified."""
    scripts: tuple[str, ...] = ()


class AccountRecord(NamedTuple):
    """An account with its four balances. `kind` is a row of the chart, `credit_line` how far it may fall below zero."""

    account_id: str
    currency: str
    kind: str
    credit_line: int = 0
    debits_posted: int = 0
    credits_posted: int = 0
    debits_pending: int = 0
    credits_pending: int = 0

    @property
    def available(self) -> int:
        """What may still be taken from it, in minor units; what is only pending towards it does not count yet."""
        if CHART[self.kind].side is Side.CREDIT:
            return self.credits_posted + self.credit_line - self.debits_posted - self.debits_pending
        return self.debits_posted + self.credit_line - self.credits_posted - self.credits_pending

    @property
    def balance(self) -> int:
        """What is posted on the account's own side, less what is posted on the other."""
        balance = self.credits_posted - self.debits_posted
        return balance if CHART[self.kind].side is Side.CREDIT else -balance


class TransferKind(StrEnum):
    """What a transfer does to the balances."""

    POSTED = "posted"
    PENDING = "pending"
    POST_PENDING = "post-pending"
    VOID_PENDING = "void-pending"
    EXPIRE_PENDING = "expire-pending"


class TransferRecord(NamedTuple):
    """A movement from the debited to the credited account; never changed once it is there.

    `resolves` names the pending transfer that a `…-pending` one ends, `transaction` the request it was made for,
    `corrects` the transfer it makes good. A pending one ends by itself at its `deadline`, where it has one. `forced`
    ones ignore the bounds of accounts.
    """

    transfer_id: str
    kind: str
    debit_account: str
    credit_account: str
    amount: int
    currency: str
    at: str
    transaction: str = ""
    resolves: str = ""
    forced: bool = False
    deadline: str = ""
    corrects: str = ""


class HoldRecord(NamedTuple):
    """Whether a pending transfer still stands: `ended_by` is the transfer that ended it, empty while it is open."""

    transfer_id: str
    deadline: str = ""
    ended_by: str = ""

    def stands(self, now: str) -> bool:
        """True before the deadline, unless something has ended it."""
        return not self.ended_by and not self.is_due(now)

    def is_due(self, now: str) -> bool:
        """True from the deadline on. Times are compared as the text they are."""
        return bool(self.deadline) and now >= self.deadline


class TransactionRecord(NamedTuple):
    """A request with financial meaning, what was answered, and what has happened to it since. Its `code` is empty while
    its issuer is being asked.

    `content` is the keyed fingerprint of what was asked; `answer` is name and value in turn of the response elements
    that do not come from the request. `posted_minor` is what stands in the ledger now (a tip changes it);
    `authorised_minor` and `holds` belong to a pre-authorisation and include its incremental ones. `transfers` is how
    many transfers it made; `fee_now_minor` the fee of a sale as it stands now. `limits` are the rows it counts in, with
    `limited_minor`.

    `gross_minor` and `fee_minor` are what it adds on `clearing_date`, an ISO date, to what the merchant has earned and
    is charged; they never change once that date is closed.
    """

    ref: str
    mti: str
    kind: str
    terminal_id: str
    merchant_id: str
    batch: str
    stan: str
    entry_mode: str
    amount_minor: int
    currency: str
    at: str
    clearing_date: str
    rrn: str
    content: str
    code: str = ""
    answer: tuple[str, ...] = ()
    auth_code: str = ""
    card: str = ""
    masked_pan: str = ""
    declined_by: str = ""
    original: str = ""
    transfers: int = 0
    posted_minor: int = 0
    authorised_minor: int = 0
    refunded_minor: int = 0
    tip_minor: int = 0
    holds: tuple[str, ...] = ()
    reversed: bool = False
    voided_by: str = ""
    completed_by: str = ""
    approved: bool = False
    card_class: str = ""
    channel: str = ""
    gross_minor: int = 0
    fee_minor: int = 0
    fee_now_minor: int = 0
    limits: tuple[str, ...] = ()
    limited_minor: int = 0

    @property
    def settlement_date(self) -> str:
        """Element 15: month and day of the clearing date."""
        return self.clearing_date[5:7] + self.clearing_date[8:10]

    @property
    def stands(self) -> bool:
        """True when it was approved and not reversed."""
        return self.approved and not self.reversed


class DocumentRecord(NamedTuple):
    """Something the merchant's back office keeps. `body` is its own business; the rest is what it is found by.

    `due` is when it is to be looked at again, empty for never.
    """

    kind: str
    key: str
    subject: str = ""
    state: str = ""
    due: str = ""
    body: str = "{}"


class ExchangeRecord(NamedTuple):
    """A settlement or upload message that was answered, so that its repeat gets the same answer."""

    ref: str
    content: str
    answer: tuple[str, ...]


class BatchRecord(NamedTuple):
    """A terminal's batch. `terminal_totals` is the 30 digits the terminal last claimed, empty before it settles."""

    terminal_id: str
    batch: str
    merchant_id: str
    open: bool = True
    terminal_totals: str = ""
    closed_at: str = ""


class UploadRecord(NamedTuple):
    """One item a terminal uploaded: what it says it did under a trace number."""

    terminal_id: str
    batch: str
    stan: str
    card: str
    amount_minor: int


class SettlementReport(NamedTuple):
    """How a batch ended: what both sides counted (30 digits each), what it nets to, and every difference.

    `only_host` and `only_terminal` are trace numbers of items the other side does not know or knows otherwise.
    """

    terminal_id: str
    batch: str
    merchant_id: str
    at: str
    host_totals: str
    terminal_totals: str = ""
    net_minor: int = 0
    uploaded: int = 0
    only_host: tuple[str, ...] = ()
    only_terminal: tuple[str, ...] = ()

    @property
    def equal(self) -> bool:
        """True when no terminal totals were claimed, or they are the host's."""
        return not self.terminal_totals or self.terminal_totals == self.host_totals


class LimitUseRecord(NamedTuple):
    """What counts against one limit in one period; `use` names both."""

    use: str
    reserved_minor: int = 0
    confirmed_minor: int = 0

    @property
    def taken_minor(self) -> int:
        return self.reserved_minor + self.confirmed_minor


class CardUseRecord(NamedTuple):
    """When a card was lately used at a merchant; `use` names both."""

    use: str
    sales: tuple[str, ...] = ()
    inquiries: tuple[str, ...] = ()


class ClearingDayRecord(NamedTuple):
    """A clearing date that has transactions; nothing is added to it once it is closed."""

    clearing_date: str
    closed_at: str = ""


class ClearingRecord(NamedTuple):
    """What a merchant has earned on a clearing date, and when it is paid. `payout` names the payout that pays it."""

    clearing_date: str
    merchant_id: str
    currency: str
    at: str
    due: str
    debit_minor: int = 0
    debit_count: int = 0
    credit_minor: int = 0
    credit_count: int = 0
    fee_minor: int = 0
    payout: str = ""
    advanced_minor: int = 0
    """What was paid before the date was closed, with fees."""

    @property
    def gross_minor(self) -> int:
        return self.debit_minor - self.credit_minor

    @property
    def net_minor(self) -> int:
        return self.gross_minor - self.fee_minor

    @property
    def due_minor(self) -> int:
        """What is left to be paid; below zero when refunds came after an advance."""
        return self.net_minor - self.advanced_minor


class AdvanceRecord(NamedTuple):
    """How much of an open clearing date a merchant was paid before it is closed, with fees, and how often."""

    clearing_date: str
    merchant_id: str
    amount_minor: int = 0
    count: int = 0  # type: ignore[assignment]  # in the place of a tuple's method, which no row needs


class PayoutState(StrEnum):
    """How far a payout is."""

    CREATED = "created"
    SENT = "sent"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    RETURNED = "returned"


class PayoutRecord(NamedTuple):
    """Money on its way to a merchant's bank account. `attempt` counts from 1; `fee_minor` is what it costs extra."""

    payout_id: str
    merchant_id: str
    currency: str
    amount_minor: int
    due: str
    state: str
    changed_at: str
    fee_minor: int = 0
    attempt: int = 1
    reason: str = ""


class RouteState(StrEnum):
    """How far a request to an issuer over the network is."""

    WAITING = "waiting"
    APPROVED = "approved"
    DECLINED = "declined"
    CANCELLED = "cancelled"
    """Given up, or reversed: the issuer has been sent a reversal, or has one coming."""


class RouteRecord(NamedTuple):
    """Where a request was sent, by its reference. `trace` is what DE 90 names it by, `original` the request it acts on.

    `reversal` is the message that takes it back, sealed, ready from before the request leaves. A route that still waits
    at its `deadline` is cancelled by whoever looks.
    """

    ref: str
    issuer: str
    trace: str
    state: str
    deadline: str
    reversal: str
    original: str = ""


class ForwardRecord(NamedTuple):
    """A message an issuer must have, sealed: a reversal or an advice. It is sent until it is answered, in order of
    `forward_id`; then `code` is the answer, and what was sealed is gone."""

    forward_id: str
    issuer: str
    ref: str
    mti: str
    message: str
    code: str = ""
