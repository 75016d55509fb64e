"""The audit log's records: lines of JSON, each of which carries its number and the hash of the line before it.

    {"at": 1893456000, "event": "authorized", "number": 2, "previous": "9F…", "activity": "key-export"}

Keys are sorted and there is no white space, so that a record has one form. A change of one record shows in the next
one's hash, and a record that was dropped or moved in the numbers. That the log ends where it should shows only to
someone who kept its head elsewhere: how many records there are, and the hash of the last.

Source: FIPS 180-4 (SHA-256), RFC 8259 (JSON); a hash chain as in RFC 6962, 1, without the tree.
Left out: where the lines are kept, and the sealing of the head.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

LONGEST_RECORD: Final = 4_096
"""Characters of a record."""

_OWN: Final = frozenset({"at", "event", "number", "previous"})


@dataclass(frozen=True, slots=True)
class AuditHead:
    """Where the log ends. The hash is empty when there are no records."""

    count: int = 0
    hash: str = ""


@dataclass(frozen=True, slots=True)
class AuditReport:
    """What a log was found to be. `fault` is empty for a whole one, and names the first bad record otherwise."""

    count: int
    """Records that hold together, from the first on."""
    fault: str = ""

    @property
    def whole(self) -> bool:
        """True when nothing was changed, dropped, moved or cut off."""
        return not self.fault


def record_hash(record: str) -> str:
    """The name by which the next record and the head know a record: 64 hexadecimal digits; none before the first."""
    return hashlib.sha256(record.encode("utf-8")).hexdigest() if record else ""


def chain(previous: str, at: int, event: str, fields: Mapping[str, str | int] | None = None) -> str:
    """The record that follows `previous`.

    Args:
        previous: the last record; empty for the first.
        at: seconds since 1970.
        fields: what else is to be said; names other than the record's own.
    Raises: ValueError: a field has the name of one of the record's own, the record is too long, or `previous` is none.
    """
    number = 1 + (_number(previous) if previous else 0)
    own: dict[str, str | int] = {"at": at, "event": event, "number": number, "previous": record_hash(previous)}
    if fields and not _OWN.isdisjoint(fields):
        raise ValueError("audit record: at, event, number and previous are its own fields")
    record = _canonical({**own, **(fields or {})})
    if len(record) > LONGEST_RECORD:
        raise ValueError(f"audit record: at most {LONGEST_RECORD} characters, this has {len(record)}")
    return record


def verify(records: Iterable[str], head: AuditHead | None = None) -> AuditReport:
    """Whether a log is whole, and where it is not.

    Args:
        records: the lines, without their ends.
        head: what was kept elsewhere; without it a cut at the end, or a change of the last record, cannot be seen.
    """
    previous, count = "", 0
    for record in records:
        if fault := _fault(record, previous, count + 1):
            return AuditReport(count - 1 if fault.startswith("changed") else count, fault.partition(": ")[2])
        previous, count = record, count + 1
        if head is not None and count == head.count and record_hash(record) != head.hash:
            return AuditReport(count - 1, f"record {count} was changed")
    if head is not None and count < head.count:
        return AuditReport(count, f"records {count + 1} to {head.count} were cut off")
    if head is not None and count > head.count:
        return AuditReport(head.count, f"record {head.count + 1} was added behind the sealed end")
    return AuditReport(count)


def _fault(record: str, previous: str, place: int) -> str:
    """What is wrong with the record at `place`, behind the name of the case; empty when nothing is."""
    fields = _fields(record)
    if fields is None:
        return f"malformed: record {place} was changed"
    number = fields["number"]
    if number > place:
        last = "" if number == place + 1 else f" to {number - 1}"
        return f"dropped: record {place}{last} was dropped or moved"
    if number < place:
        return f"moved: record {number} stands again in place {place}"
    if fields["previous"] != record_hash(previous):
        # Number and form fit, so nothing was dropped or moved: the record before is not the one that this one followed.
        return f"changed: record {place - 1} was changed" if place > 1 else "first: record 1 was changed"
    return ""


def _fields(record: str) -> dict[str, Any] | None:
    """The fields of a record in its one form, or None."""
    try:
        fields = json.loads(record)
    except (ValueError, RecursionError):
        return None
    if not isinstance(fields, dict) or not fields.keys() >= _OWN or type(fields["number"]) is not int:
        return None
    return fields if _canonical(fields) == record else None


def _number(record: str) -> int:
    fields = _fields(record)
    if fields is None:
        raise ValueError("audit record: the one to follow is none")
    number: int = fields["number"]
    return number


def _canonical(fields: Mapping[str, object]) -> str:
    return json.dumps(fields, separators=(",", ":"), sort_keys=True, ensure_ascii=True)
