"""Field 62 of the chip downloads: CA public keys (60.3 = 370 to 372) and application parameters (380 to 382).

    query     1nn                      the terminal has nn entries so far
    list      s entry entry …          s: 0 none, 1 all are here, 2 more follow, 3 the last part
    download  9F06 [9F22]              one key or application
    answer    s objects                s: 0 there is none such, 1 it follows

An entry is 9F06, 9F22 and DF05 of a key, or 9F06 of an application. What comes in is made into the values the kernel's
store and configuration hold, so a key whose check value does not hold is refused here.

Source: Q/CUP 009, parameter and public key downloads, as restated by acquirer specifications. Leaves out SM2 keys, and
the lists of BINs (39x).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import date
from enum import Enum
from typing import Any, Final

from posterm import tlv
from posterm.bcd import is_digits
from posterm.emv.bits import Tvr
from posterm.emv.capk import CaKey, Use, exponent_bytes
from posterm.emv.config import ApplicationConfig
from posterm.emv.errors import EmvError
from posterm.unionpay.errors import LayoutError

MAX_ENTRIES: Final = 99
"""Two digits count what has come."""
NOT_THERE: Final = b"0"
"""The answer to a download of what the host has not."""

_AID: Final = "9F06"
_INDEX: Final = "9F22"
_EXPIRY: Final = "DF05"
_SHA_1_WITH_RSA: Final = b"\x01"
_UNIONPAY_KERNEL: Final = 7
_UNIONPAY_RID: Final = bytes.fromhex("A000000333")


class ListStatus(Enum):
    """The first character of a list."""

    EMPTY = "0"
    COMPLETE = "1"
    MORE_FOLLOW = "2"
    LAST_PART = "3"


@dataclass(frozen=True, slots=True)
class KeyName:
    """An entry of the list of keys."""

    rid: bytes
    index: int
    expires: date | None = None


def pack_query(received: int) -> bytes:
    """What a query says: how many entries came so far. Raises: LayoutError: not 0 to 99."""
    if not 0 <= received <= MAX_ENTRIES:
        raise LayoutError(f"DE 62 query: need 0 to {MAX_ENTRIES} entries received, have {received}")
    return f"1{received:02d}".encode("ascii")


def parse_query(field: bytes) -> int:
    """How many entries a terminal has. Raises: LayoutError: not three digits that start with 1."""
    text = field.decode("latin-1")
    if len(text) != 3 or text[0] != "1" or not is_digits(text):
        raise LayoutError("DE 62 query: need 1 and two digits")
    return int(text[1:])


def pack_key_list(status: ListStatus, names: Iterable[KeyName]) -> bytes:
    """A list of keys, or a part of it."""
    parts = [
        tlv.build([(_AID, name.rid), (_INDEX, bytes((name.index,))), (_EXPIRY, _pack_date(name.expires))])
        for name in names
    ]
    return status.value.encode("ascii") + b"".join(parts)


def parse_key_list(field: bytes) -> tuple[ListStatus, tuple[KeyName, ...]]:
    """Read a list of keys. Raises: LayoutError: no status, or objects that do not make entries."""
    status, objects = _list_of(field, "list of CA keys")
    names: list[KeyName] = []
    for start in range(0, len(objects), 3):
        entry = dict(objects[start : start + 3])
        if set(entry) != {_AID, _INDEX, _EXPIRY} or len(entry[_INDEX]) != 1:
            raise LayoutError("DE 62 list of CA keys: need 9F06, 9F22 of 1 byte and DF05 in each entry")
        names.append(KeyName(entry[_AID], entry[_INDEX][0], _parse_date(entry[_EXPIRY])))
    return status, tuple(names)


def pack_application_list(status: ListStatus, aids: Iterable[bytes]) -> bytes:
    """A list of applications, or a part of it."""
    return status.value.encode("ascii") + tlv.build((_AID, aid) for aid in aids)


def parse_application_list(field: bytes) -> tuple[ListStatus, tuple[bytes, ...]]:
    """Read a list of applications. Raises: LayoutError: no status, or other objects than 9F06."""
    status, objects = _list_of(field, "list of applications")
    if any(tag != _AID for tag, _ in objects):
        raise LayoutError("DE 62 list of applications: need 9F06 and nothing else")
    return status, tuple(value for _, value in objects)


def pack_key_name(name: KeyName) -> bytes:
    """The request for one key."""
    return tlv.build([(_AID, name.rid), (_INDEX, bytes((name.index,)))])


def parse_key_name(field: bytes) -> KeyName:
    """Which key is asked for. Raises: LayoutError: other objects than 9F06 and 9F22."""
    objects = _objects_in(field, "request for a CA key")
    if set(objects) != {_AID, _INDEX} or len(objects[_INDEX]) != 1:
        raise LayoutError("DE 62 request for a CA key: need 9F06 and 9F22 of 1 byte")
    return KeyName(objects[_AID], objects[_INDEX][0])


def pack_application_name(aid: bytes) -> bytes:
    """The request for one application's parameters."""
    return tlv.build([(_AID, aid)])


def parse_application_name(field: bytes) -> bytes:
    """Which application is asked for. Raises: LayoutError: other objects than 9F06."""
    objects = _objects_in(field, "request for an application")
    if set(objects) != {_AID}:
        raise LayoutError("DE 62 request for an application: need 9F06 and nothing else")
    return objects[_AID]


def pack_key(key: CaKey) -> bytes:
    """The answer that carries a key."""
    return b"1" + tlv.build(
        [
            (_AID, key.rid),
            (_INDEX, bytes((key.index,))),
            (_EXPIRY, _pack_date(key.expires)),
            ("DF06", _SHA_1_WITH_RSA),
            ("DF07", _SHA_1_WITH_RSA),
            ("DF02", key.modulus),
            ("DF04", exponent_bytes(key.exponent)),
            ("DF03", key.checksum),
        ]
    )


def parse_key(field: bytes, *, use: Use = Use.UNKNOWN) -> CaKey | None:
    """Read the answer to a key download. Returns: None when the host has no such key.

    Args:
        use: what the acquirer's keys are for; the download does not say.
    Raises: LayoutError: unreadable, an algorithm other than SHA-1 with RSA, or a key that does not check.
    """
    what = "CA key"
    objects = _answer_of(field, what)
    if objects is None:
        return None
    for tag in ("DF06", "DF07"):
        if objects.get(tag, _SHA_1_WITH_RSA) != _SHA_1_WITH_RSA:
            raise LayoutError(f"DE 62 {what}: need {tag} 01, SHA-1 with RSA")
    missing = [tag for tag in (_AID, _INDEX, "DF02", "DF03", "DF04") if not objects.get(tag)]
    if missing or len(objects[_INDEX]) != 1:
        raise LayoutError(f"DE 62 {what}: need {', '.join(missing) or '9F22 of 1 byte'}")
    expires = _parse_date(objects[_EXPIRY]) if objects.get(_EXPIRY) else None
    try:
        return CaKey(
            objects[_AID],
            objects[_INDEX][0],
            objects["DF02"],
            int.from_bytes(objects["DF04"], "big"),
            objects["DF03"],
            expires,
            use,
            "download",
        )
    except EmvError as error:
        raise LayoutError(f"DE 62: {error}") from None


def pack_application(application: ApplicationConfig) -> bytes:
    """The answer that carries an application's parameters."""
    limits = application.contactless
    amounts = (
        ("9F7B", application.cash_limit),
        ("DF19", limits.floor),
        ("DF20", limits.transaction),
        ("DF21", limits.cvm),
    )
    return b"1" + tlv.build(
        [
            (_AID, application.aid),
            ("DF01", b"\x00" if application.partial else b"\x01"),
            ("9F08", application.version),
            ("DF11", application.tac_default.to_bytes()),
            ("DF12", application.tac_online.to_bytes()),
            ("DF13", application.tac_denial.to_bytes()),
            ("9F1B", application.floor_limit.to_bytes(4, "big")),
            ("DF15", application.threshold.to_bytes(4, "big")),
            ("DF16", bytes.fromhex(f"{application.max_target_percent:02d}")),
            ("DF17", bytes.fromhex(f"{application.target_percent:02d}")),
            ("DF14", application.default_ddol),
            *((tag, bytes.fromhex(f"{amount:012d}")) for tag, amount in amounts if amount is not None),
        ]
    )


def parse_application(field: bytes, known: Iterable[ApplicationConfig] = ()) -> ApplicationConfig | None:
    """Read the answer to an application download. Returns: None when the host has no such application.

    Args:
        known: the terminal's applications; what the download does not say stays as it is in the one of this AID.
    Raises: LayoutError: unreadable, or parameters that cannot be.
    """
    what = "application parameters"
    objects = _answer_of(field, what)
    if objects is None:
        return None
    aid = objects.get(_AID, b"")
    try:
        base = next((each for each in known if each.aid == aid), None) or ApplicationConfig(
            aid, aid.hex().upper(), kernel=_UNIONPAY_KERNEL if aid.startswith(_UNIONPAY_RID) else 0
        )
        return replace(base, **_changes(objects, base))
    except EmvError as error:
        raise LayoutError(f"DE 62 {what}: {error}") from None


def without_pin_to(application: ApplicationConfig, limit_minor: int) -> ApplicationConfig:
    """The application with the cardholder of a tap verified from the next amount on."""
    return replace(application, contactless=replace(application.contactless, cvm=limit_minor + 1))


def _changes(objects: dict[str, bytes], base: ApplicationConfig) -> dict[str, Any]:
    """The fields of an application that the objects set."""
    changes: dict[str, Any] = {}
    for tag, name in (("DF11", "tac_default"), ("DF12", "tac_online"), ("DF13", "tac_denial")):
        if tag in objects:
            changes[name] = Tvr.from_value(_of_length(objects, tag, 5))
    for tag, name in (("DF16", "max_target_percent"), ("DF17", "target_percent")):
        if tag in objects:
            changes[name] = _decimal(_of_length(objects, tag, 1), tag)
    if "DF01" in objects:
        changes["partial"] = _of_length(objects, "DF01", 1) == b"\x00"
    if "9F08" in objects:
        changes["version"] = _of_length(objects, "9F08", 2)
    if objects.get("DF14"):
        changes["default_ddol"] = objects["DF14"]
    floor_limit = int.from_bytes(_of_length(objects, "9F1B", 4), "big") if "9F1B" in objects else base.floor_limit
    threshold = int.from_bytes(_of_length(objects, "DF15", 4), "big") if "DF15" in objects else base.threshold
    # Acquirers send thresholds above the floor limit; nothing is selected there, so the limit is as good.
    changes |= {"floor_limit": floor_limit, "threshold": min(threshold, floor_limit)}
    if "9F7B" in objects:
        changes["cash_limit"] = _decimal(_of_length(objects, "9F7B", 6), "9F7B")
    limits: dict[str, Any] = {
        name: _decimal(_of_length(objects, tag, 6), tag)
        for tag, name in (("DF19", "floor"), ("DF20", "transaction"), ("DF21", "cvm"))
        if tag in objects
    }
    return changes | {"contactless": replace(base.contactless, **limits)}


def _of_length(objects: dict[str, bytes], tag: str, length: int) -> bytes:
    value = objects[tag]
    if len(value) != length:
        raise LayoutError(f"DE 62 application parameters: need {tag} of {length} bytes, have {len(value)}")
    return value


def _decimal(value: bytes, tag: str) -> int:
    digits = value.hex()
    if not is_digits(digits):
        raise LayoutError(f"DE 62 application parameters: need digits in {tag}")
    return int(digits)


def _list_of(field: bytes, what: str) -> tuple[ListStatus, list[tuple[str, bytes]]]:
    try:
        return ListStatus(field[:1].decode("latin-1")), tlv.parse(field[1:])
    except ValueError:
        raise LayoutError(f"DE 62 {what}: need a status of 0 to 3") from None
    except tlv.TlvError as error:
        raise LayoutError(f"DE 62 {what}: {error}") from None


def _answer_of(field: bytes, what: str) -> dict[str, bytes] | None:
    if field[:1] == NOT_THERE:
        return None
    if field[:1] != b"1":
        raise LayoutError(f"DE 62 {what}: need a status of 0 or 1")
    return _objects_in(field[1:], what)


def _objects_in(data: bytes, what: str) -> dict[str, bytes]:
    try:
        return dict(tlv.parse(data))
    except tlv.TlvError as error:
        raise LayoutError(f"DE 62 {what}: {error}") from None


def _pack_date(day: date | None) -> bytes:
    """Eight digits as text; a key without expiry gets the last day there is."""
    return f"{day or date.max:%Y%m%d}".encode("ascii")


def _parse_date(value: bytes) -> date | None:
    """A date of eight digits, as text or packed."""
    digits = value.decode("latin-1") if len(value) == 8 else value.hex()
    try:
        day = date(int(digits[:4]), int(digits[4:6]), int(digits[6:8]))
    except ValueError:
        raise LayoutError("DE 62: DF05 is not a date of eight digits") from None
    return None if day == date.max else day
