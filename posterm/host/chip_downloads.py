"""CA keys and application parameters for terminals: a list in parts, one entry after the other, and the end.

A host without `ChipTables` runs none of it and answers 40.

Source: Q/CUP 009, public key and parameter downloads (60.3 = 370 to 372, 380 to 382).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from posterm.host.answers import management_answer, rrn_for
from posterm.host.case import Case
from posterm.host.chip_tables import ChipTables
from posterm.host.events import EventName
from posterm.host.registry import keep_terminal, with_requirement_met
from posterm.iso8583 import Message
from posterm.unionpay.chip_parameters import (
    NOT_THERE,
    KeyName,
    ListStatus,
    pack_application,
    pack_application_list,
    pack_key,
    pack_key_list,
    parse_application_name,
    parse_key_name,
    parse_query,
)
from posterm.unionpay.errors import LayoutError
from posterm.unionpay.header import Requirement
from posterm.unionpay.transactions import Network

_ENTRIES_IN_A_PART: Final = 20
"""A key's entry has 23 bytes and DE 62 room for 512."""


def _key_list(tables: ChipTables, asked: bytes) -> bytes:
    names = [KeyName(key.rid, key.index, key.expires) for key in tables.keys]
    start = parse_query(asked)
    part = names[start : start + _ENTRIES_IN_A_PART]
    return pack_key_list(_status(start, len(part), len(names)), part)


def _key(tables: ChipTables, asked: bytes) -> bytes:
    name = parse_key_name(asked)
    key = tables.key(name.rid, name.index)
    return NOT_THERE if key is None else pack_key(key)


def _application_list(tables: ChipTables, asked: bytes) -> bytes:
    aids = [application.aid for application in tables.applications]
    start = parse_query(asked)
    part = aids[start : start + _ENTRIES_IN_A_PART]
    return pack_application_list(_status(start, len(part), len(aids)), part)


def _application(tables: ChipTables, asked: bytes) -> bytes:
    application = tables.application(parse_application_name(asked))
    return NOT_THERE if application is None else pack_application(application)


def _status(start: int, size: int, total: int) -> ListStatus:
    if not size:
        return ListStatus.EMPTY
    if start + size < total:
        return ListStatus.MORE_FOLLOW
    return ListStatus.LAST_PART if start else ListStatus.COMPLETE


def _sending(field_of: Callable[[ChipTables, bytes], bytes]) -> Callable[[Case], Message]:
    """The action that answers with this field."""

    def action(case: Case) -> Message:
        tables = case.desk.chip_tables
        if tables is None:
            return _declined(case, "40", "this host has no CA keys and applications for terminals")
        try:
            field = field_of(tables, bytes(case.message.get(62, b"")))
        except LayoutError as error:
            return _declined(case, "30", str(error))
        return management_answer(case, "00", rrn=rrn_for(case), added={62: field})

    return action


def _keys_end(case: Case) -> Message:
    tables = case.desk.chip_tables
    if tables is None:
        return _declined(case, "40", "this host has no CA keys for terminals")
    terminal = case.known_terminal()._replace(ca_keys=tables.keys_version)
    keep_terminal(case, with_requirement_met(terminal, Requirement.UPDATE_CA_KEYS))
    case.tell(EventName.CA_KEYS_TAKEN, keys=len(tables.keys), version=tables.keys_version)
    return management_answer(case, "00", rrn=rrn_for(case))


def _applications_end(case: Case) -> Message:
    tables = case.desk.chip_tables
    if tables is None:
        return _declined(case, "40", "this host has no applications for terminals")
    terminal = case.known_terminal()._replace(applications=tables.applications_version)
    keep_terminal(case, with_requirement_met(terminal, Requirement.DOWNLOAD_AID_PARAMETERS))
    case.tell(EventName.APPLICATIONS_TAKEN, applications=len(tables.applications), version=tables.applications_version)
    return management_answer(case, "00", rrn=rrn_for(case))


def _declined(case: Case, code: str, why: str) -> Message:
    case.tell(EventName.DECLINED, code=code, check="network", why=why)
    return management_answer(case, code)


CHIP_ACTIONS: Final[dict[tuple[str, str], Callable[[Case], Message]]] = {
    ("0820", Network.CA_KEY_LIST): _sending(_key_list),
    ("0800", Network.CA_KEY): _sending(_key),
    ("0800", Network.CA_KEYS_END): _keys_end,
    ("0820", Network.APPLICATION_LIST): _sending(_application_list),
    ("0800", Network.APPLICATION): _sending(_application),
    ("0800", Network.APPLICATIONS_END): _applications_end,
}
