"""What the pipeline asks of whoever issued a card: this host itself, or an institution over the network."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple, Protocol

from posterm.hsm import KeyBlock
from posterm.iso8583 import Message

if TYPE_CHECKING:
    from posterm.host.case import Case, Refusal
    from posterm.host.records import TransactionRecord


@dataclass(frozen=True, slots=True)
class Suspended:
    """A request that waits for its issuer. Everything it has done is in the store, and so is its reversal.

    `request` goes to `issuer` once the batch is durable; `Host.resume` takes what comes of it, at the latest after
    `timeout_s` seconds. Its answer has its MAC under `zak`.
    """

    case: Case
    issuer: str
    request: Message
    zak: KeyBlock
    timeout_s: float


class Approval(NamedTuple):
    """What an issuer adds to an approval: elements 38, 54 and 55 (hexadecimal); empty where it adds nothing."""

    auth_code: str = ""
    balance: str = ""
    chip_data: str = ""


class IssuerPort(Protocol):
    """The issuer of the card in a request. Checks give None or a `Refusal`, as all steps do."""

    def check_card(self, case: Case) -> Refusal | None:
        """Find the card and whether it may pay; sets `case.card`."""

    def check_chip(self, case: Case) -> Refusal | None:
        """Judge the chip data."""

    def check_pin(self, case: Case) -> Refusal | None:
        """Judge the PIN."""

    def ask(self, case: Case) -> Suspended | Refusal | None:
        """Let the issuer decide on what every other step has passed. Returns: None when it may be posted at once."""

    def approval(self, case: Case) -> Approval:
        """What the issuer says beside its approval."""

    def chip_data(self, case: Case, code: str) -> str:
        """Element 55 of a decline, hexadecimal."""

    def posted(self, case: Case, record: TransactionRecord) -> None:
        """The request was approved, posted and recorded."""
