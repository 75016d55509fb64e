"""What a card remembers: `Memory` for as long as it exists, `Transaction` from one SELECT to the next.

A memory can be written down (`to_document`) and given to a card of the same profile later: its counters go on.
"""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from enum import IntEnum
from typing import Any

from posterm.hsm import Pin
from simulators.card.errors import CardError
from simulators.card.profile import Application, CardProfile


class Kind(IntEnum):
    """The type of an application cryptogram, as bits 8 and 7 of 9F27; a greater one is worth more to the merchant.

    The order of the numbers is not that of worth: see `worth`. Source: EMV 4.4 Book 3, table 15.
    """

    AAC = 0x00
    TC = 0x40
    ARQC = 0x80

    @property
    def worth(self) -> int:
        return (Kind.AAC, Kind.ARQC, Kind.TC).index(self)


class Phase(IntEnum):
    """How far a transaction is."""

    SELECTED = 1
    INITIATED = 2
    ONLINE = 3
    """An ARQC was given; the second GENERATE AC is awaited."""
    COMPLETED = 4


@dataclass(slots=True)
class Memory:
    """One application's memory that power does not erase."""

    pin: Pin
    pin_tries_left: int
    atc: int
    last_online_atc: int
    blocked: bool = False
    offline_count: int = 0
    offline_amount_minor: int = 0
    last_online_incomplete: bool = False
    issuer_authentication_failed: bool = False
    issuer_authentication_missing: bool = False
    script_failed: bool = False
    script_count: int = 0
    """Of scripts obeyed or refused in the last transaction that had any; at most 15."""

    funds_minor: int = 0
    """What electronic cash, or the offline funds of a tapped card, has left."""
    log: list[bytes] = field(default_factory=list)
    """The transaction log, newest first."""
    put: dict[str, bytes] = field(default_factory=dict)
    """Values of data objects that a script replaced."""
    updated: dict[tuple[int, int], bytes] = field(default_factory=dict)
    """Records that a script replaced."""

    @classmethod
    def of(cls, profile: CardProfile, application: Application) -> Memory:
        """As a new card's."""
        cash, tap = application.electronic_cash, application.contactless
        left = application.pin_tries if application.pin_tries_left is None else application.pin_tries_left
        return cls(
            pin=Pin(profile.holder.pin),
            pin_tries_left=left,
            atc=application.atc,
            last_online_atc=application.last_online_atc,
            blocked=application.blocked,
            funds_minor=cash.balance_minor if cash else tap.offline_funds_minor if tap else 0,
        )

    def to_document(self) -> dict[str, Any]:
        """For JSON. The PIN is in it in the clear, as it is in the card."""
        document: dict[str, Any] = {item.name: getattr(self, item.name) for item in fields(self)}
        document["pin"] = self.pin.reveal()
        document["log"] = [record.hex().upper() for record in self.log]
        document["put"] = {tag: value.hex().upper() for tag, value in self.put.items()}
        document["updated"] = {f"{sfi}.{number}": value.hex().upper() for (sfi, number), value in self.updated.items()}
        return document

    @classmethod
    def from_document(cls, document: dict[str, Any]) -> Memory:
        """What `to_document` wrote. Raises: CardError: something else."""
        try:
            values = dict(document)
            values["pin"] = Pin(values["pin"])
            values["log"] = [bytes.fromhex(record) for record in values["log"]]
            values["put"] = {tag: bytes.fromhex(value) for tag, value in values["put"].items()}
            values["updated"] = {
                (int(place.split(".")[0]), int(place.split(".")[1])): bytes.fromhex(value)
                for place, value in values["updated"].items()
            }
            return cls(**values)
        except (KeyError, TypeError, ValueError, AttributeError, IndexError):
            raise CardError("a card's memory: this was not written by a card") from None


@dataclass(slots=True)
class Transaction:
    """What is forgotten at the next SELECT."""

    phase: Phase = Phase.SELECTED
    values: dict[str, bytes] = field(default_factory=dict)
    """What the terminal said, by tag: the values of PDOL, then CDOL1, then CDOL2."""
    hashed: bytes = b""
    """The values as they came, for CDA."""
    dynamic_number: bytes = b""
    challenge: bytes = b""
    first: Kind | None = None
    second: Kind | None = None
    cryptogram: bytes = b""
    """The first one: what ARPC and scripts are made for."""
    iad: bytes = b""
    issuer_authenticated: bool | None = None
    issuer_declined: bool = False
    """A card status update that verified does not approve."""
    pin_tried: bool = False
    pin_verified: bool = False
    pin_was_enciphered: bool = False
    signed_dynamic: bool = False
    signed_combined: bool = False
    unable_online: bool = False
    electronic_cash: bool = False
    owed_minor: int = 0
    """What the last record read takes from the funds of a tapped card."""
    last_record: tuple[int, int] | None = None
    extra_records: dict[tuple[int, int], bytes] = field(default_factory=dict)
    scripts: int = 0
    """Commands of issuer scripts seen."""
