"""What a terminal keeps on disk: registers, journal, pending reversal, owed script notice, settlement slip.

Each record is one JSON document. Card numbers and requests that hold track data are sealed by the HSM under the
terminal's storage key before they get here; everything else may be read by anyone who holds the file.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from enum import Enum, StrEnum
from types import MappingProxyType
from typing import Any, ClassVar, Self

from posterm.terminal.errors import TerminalStoreError
from posterm.terminal.transitions import Phase, State
from posterm.unionpay.header import Requirement
from posterm.unionpay.totals import Totals
from posterm.unionpay.transactions import TRANSACTIONS, Entry, Kind, ReversalReason, Side, Transaction


@dataclass(frozen=True)
class _Document:
    """A record that turns into a JSON document and back."""

    enums: ClassVar[Mapping[str, type[Enum]]] = MappingProxyType({})

    def to_document(self) -> dict[str, Any]:
        document = dict(vars(self))
        for name in self.enums:
            document[name] = document[name].value
        return document

    @classmethod
    def from_document(cls, document: Mapping[str, Any]) -> Self:
        """Raises: TerminalStoreError: a field is missing, unknown or has a value it cannot have."""
        values = dict(document)
        try:
            for name in cls.enums.keys() & values.keys():
                values[name] = cls.enums[name](values[name])
            return cls(**values)
        except (TypeError, ValueError) as error:
            raise TerminalStoreError(f"stored {cls.__name__}: {error}") from None


class Status(StrEnum):
    """Where a journal entry stands."""

    PENDING = "pending"
    """Sent or about to be; no final answer yet."""
    APPROVED = "approved"
    DECLINED = "declined"
    NOT_SENT = "not-sent"
    REVERSED = "reversed"


class Delivery(StrEnum):
    """Where a stored notice stands."""

    NONE = "none"
    OWED = "owed"
    DELIVERED = "delivered"
    FAILED = "failed"
    """The host answered, but not with an approval; it goes up again with the batch."""
    REFUSED = "refused"
    """The host refused it in the batch upload, too; it counts nowhere and stands on the slip."""


@dataclass(frozen=True)
class JournalEntry(_Document):
    """One transaction of the open or the last closed batch. Amounts in minor units of `currency` (numeric code)."""

    enums = MappingProxyType({"kind": Kind, "status": Status, "entry": Entry, "delivery": Delivery})

    batch: str
    stan: str
    kind: Kind
    amount_minor: int
    currency: str
    status: Status
    entry: Entry
    operator: str
    at: str
    """Terminal time when it began, ISO 8601."""
    pin_entered: bool = False
    masked_pan: str = ""
    sealed_card: str = ""
    sealed_request: str = ""
    expiry: str = ""
    tip_minor: int = 0
    rrn: str = ""
    auth_code: str = ""
    response_code: str = ""
    host_time: str = ""
    host_date: str = ""
    settlement_date: str = ""
    institutions: str = ""
    """DE 44: issuer and acquirer."""
    scheme: str = ""
    remark: str = ""
    original_batch: str = ""
    original_stan: str = ""
    original_date: str = ""
    undone_by: str = ""
    """STAN of the void that took it back, or of the completion that used it up."""
    delivery: Delivery = Delivery.NONE
    delivery_code: str = ""
    sequence: str = ""
    """Card sequence number of a chip, 3 digits."""
    chip: Mapping[str, str] = field(default_factory=dict)
    """What the chip's slip, reversal and batch upload need, hexadecimal by tag; empty for other cards."""
    signature_waived: bool = False
    """The cardholder need not sign, though no PIN went to the host."""

    @property
    def chip_values(self) -> dict[str, bytes]:
        return {tag: bytes.fromhex(value) for tag, value in self.chip.items()}

    @property
    def transaction(self) -> Transaction:
        return TRANSACTIONS[self.kind]

    @property
    def key(self) -> str:
        return f"{self.batch}-{self.stan}"

    @property
    def counts(self) -> bool:
        """True when the entry stands in the settlement totals."""
        return (
            self.status is Status.APPROVED
            and self.transaction.side is not Side.NONE
            and self.delivery is not Delivery.REFUSED
        )

    @property
    def total_minor(self) -> int:
        """The amount with its tip."""
        return self.amount_minor + self.tip_minor


@dataclass(frozen=True)
class PendingReversal(_Document):
    """The transaction in flight and the reversal that goes out unless it comes to a good end."""

    enums = MappingProxyType({"phase": Phase, "reason": ReversalReason})

    batch: str
    stan: str
    sealed_message: str
    """The 0400 without DE 39 and MAC, packed and sealed."""
    phase: Phase = Phase.AWAITING_ANSWER
    reason: ReversalReason = ReversalReason.NO_ANSWER
    attempts: int = 0

    @property
    def key(self) -> str:
        return f"{self.batch}-{self.stan}"


@dataclass(frozen=True)
class ScriptNotice(_Document):
    """A script result owed to the issuer: the transaction it belongs to and DE 55 as the card left it."""

    batch: str
    stan: str
    chip_data: str
    """Hexadecimal."""


@dataclass(frozen=True)
class Download(_Document):
    """CA keys or application parameters as the host sent them."""

    fields: list[str]
    """DE 62 of each entry's answer, hexadecimal."""

    @property
    def answers(self) -> list[bytes]:
        return [bytes.fromhex(field) for field in self.fields]


@dataclass(frozen=True)
class SettlementProgress(_Document):
    """How far the settlement has come, so that a power cut continues it."""

    equal: bool
    terminal: str
    host: str
    """Totals as the 30 digits of DE 48, debit amount and count, credit amount and count."""
    uploaded: int = 0
    """Steps of the upload that the host has acknowledged."""


@dataclass(frozen=True)
class Registers(_Document):
    """The terminal's single values."""

    enums = MappingProxyType({"state": State, "requirement": Requirement})

    state: State = State.NEW
    stan: int = 0
    batch: int = 1
    operator: str = ""
    tmk: str = ""
    pik: str = ""
    mak: str = ""
    tdk: str = ""
    storage_key: str = ""
    clock_offset_s: int = 0
    requirement: Requirement = Requirement.NONE
    merchant_name: str = ""
    parameters: Mapping[str, str] = field(default_factory=dict)
    operators: Mapping[str, str] = field(default_factory=dict)
    chip_failed: bool = False
    """The chip that was put in last could not be read."""
    practice: Mapping[str, Any] = field(default_factory=dict)
    """Journal entries of a training by voucher number; no part of the journal."""
    settlement: Mapping[str, Any] | None = None
    last_slip: Mapping[str, Any] | None = None

    @property
    def batch_digits(self) -> str:
        return f"{self.batch:06d}"

    @property
    def progress(self) -> SettlementProgress | None:
        return None if self.settlement is None else SettlementProgress.from_document(self.settlement)

    def next_stan(self) -> Registers:
        """The registers with the next trace number taken; 999999 is followed by 000001."""
        return replace(self, stan=self.stan % 999_999 + 1)

    @property
    def stan_digits(self) -> str:
        return f"{self.stan:06d}"


def totals_document(totals: Totals) -> dict[str, int]:
    """Totals as they are stored with a slip."""
    return asdict(totals)
