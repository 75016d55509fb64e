"""What an issuer must have: reversals and advices, kept sealed and sent in order until they are answered.

    answered 00, or 25 to a reversal    done
    A0, 77, 91, 96, 98                  sent again: the issuer could not take it now
    any other code                      done, and told: the books of acquirer and issuer differ by it

Only the first of an issuer's is under way at a time, so they arrive in order. One that was sent before is a repeat, an
0421 or 0221; the issuer knows both by the same trace.

Source: ISO 8583:1987, message functions of reversal and advice, and their repeats.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from posterm.host.case import Desk
from posterm.host.errors import HostError
from posterm.host.events import EventName, HostEvent
from posterm.host.records import ForwardRecord
from posterm.hsm import KeyBlock
from posterm.iso8583 import Message, get_dialect
from posterm.unionpay.network_link import DIALECT

TRY_AGAIN: Final = frozenset({"77", "91", "96", "98", "A0"})
_NOTHING_TO_UNDO: Final = "25"
_REVERSAL: Final = "0420"


@dataclass(frozen=True, slots=True)
class Forward:
    """A message to be sent; `Host.forwarded` takes the answer."""

    forward_id: str
    message: Message


def seal(desk: Desk, place: str, message: Message) -> str:
    """A message as a store may hold it; `place` is the row it is for."""
    wire = get_dialect(DIALECT).pack(message)
    return desk.hsm.seal(_storage_key(desk), wire, place.encode("utf-8")).hex()


def unseal(desk: Desk, place: str, sealed: str) -> Message:
    """The reverse of `seal`. Raises: SealedDataError: it was for another row, or has been changed."""
    wire = desk.hsm.unseal(_storage_key(desk), bytes.fromhex(sealed), place.encode("utf-8"))
    return get_dialect(DIALECT).unpack(wire)


def queue(desk: Desk, issuer: str, ref: str, message: Message, now: datetime) -> HostEvent:
    """Keep a message for an issuer, behind what it must have before it."""
    forward_id = f"{issuer}/{desk.store.next_number(f'forward/{issuer}'):012d}"
    sealed = seal(desk, forward_id, message)
    desk.store.put_forward(ForwardRecord(forward_id, issuer, ref, message.mti, sealed))
    return HostEvent(EventName.FORWARD_QUEUED, now, {"issuer": issuer, "mti": message.mti, "transaction": ref})


def first_due(desk: Desk, issuer: str) -> Forward | None:
    """What an issuer must have next."""
    due = desk.store.forwards_due(issuer, 1)
    return Forward(due[0].forward_id, unseal(desk, due[0].forward_id, due[0].message)) if due else None


def take_answer(desk: Desk, forward_id: str, code: str, now: datetime) -> HostEvent | None:
    """Note what an issuer has answered; None when it has to be sent again, or was done already."""
    record = desk.store.forward(forward_id)
    if record is None or record.code or code in TRY_AGAIN:
        return None
    desk.store.put_forward(record._replace(code=code, message=""))
    fine = code == "00" or (code == _NOTHING_TO_UNDO and record.mti == _REVERSAL)
    details = {"issuer": record.issuer, "mti": record.mti, "transaction": record.ref, "code": code}
    return HostEvent(EventName.FORWARD_TAKEN if fine else EventName.FORWARD_REFUSED, now, details)


def _storage_key(desk: Desk) -> KeyBlock:
    if desk.keys.storage is None:
        raise HostError("a host with issuers over the network needs a storage key")
    return desk.keys.storage
