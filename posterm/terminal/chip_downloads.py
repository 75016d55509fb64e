"""CA keys and application parameters from the host: the list, each entry, then all of them at once into the store.

A download counts from the commit that follows its last entry. One that breaks off, or brings an entry that cannot be
used, such as a key whose check value does not hold, changes nothing. Only what is stored is confirmed to the host, so
that a power cut makes the host ask again and never believe what is not so.

Source: Q/CUP 009, public key and parameter downloads (60.3 = 370 to 372, 380 to 382).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from posterm.terminal.context import Context
from posterm.terminal.effects import Flow
from posterm.terminal.exchange import NoAnswer
from posterm.terminal.management import Managed, managed_by, plain_exchange, requirement_met
from posterm.terminal.records import Download
from posterm.terminal.store import APPLICATIONS, CA_KEYS
from posterm.unionpay.chip_parameters import (
    MAX_ENTRIES,
    KeyName,
    ListStatus,
    pack_application_name,
    pack_key_name,
    pack_query,
    parse_application,
    parse_application_list,
    parse_key,
    parse_key_list,
)
from posterm.unionpay.errors import LayoutError
from posterm.unionpay.header import Requirement
from posterm.unionpay.transactions import Network


@dataclass(frozen=True, slots=True)
class Kind:
    """One of the two downloads.

    Attributes:
        name: its document in the store, and the first word of what is told of it.
        requests_in: reads a part of the list into the requests for its entries, DE 62 of each.
        request_of: reads an entry into the request it answers; None when the host has no such entry.
    """

    name: str
    requirement: Requirement
    list_code: Network
    entry_code: Network
    end_code: Network
    requests_in: Callable[[bytes], tuple[ListStatus, list[bytes]]]
    request_of: Callable[[bytes], bytes | None]


def _key_requests(field: bytes) -> tuple[ListStatus, list[bytes]]:
    status, names = parse_key_list(field)
    return status, [pack_key_name(name) for name in names]


def _key_request(field: bytes) -> bytes | None:
    key = parse_key(field)
    return None if key is None else pack_key_name(KeyName(key.rid, key.index))


def _application_requests(field: bytes) -> tuple[ListStatus, list[bytes]]:
    status, aids = parse_application_list(field)
    return status, [pack_application_name(aid) for aid in aids]


def _application_request(field: bytes) -> bytes | None:
    application = parse_application(field)
    return None if application is None else pack_application_name(application.aid)


KEYS: Final = Kind(
    CA_KEYS,
    Requirement.UPDATE_CA_KEYS,
    Network.CA_KEY_LIST,
    Network.CA_KEY,
    Network.CA_KEYS_END,
    _key_requests,
    _key_request,
)
AIDS: Final = Kind(
    APPLICATIONS,
    Requirement.DOWNLOAD_AID_PARAMETERS,
    Network.APPLICATION_LIST,
    Network.APPLICATION,
    Network.APPLICATIONS_END,
    _application_requests,
    _application_request,
)


def download(ctx: Context, kind: Kind) -> Flow[Managed]:
    """Fetch all entries of one kind, put them in the place of what was downloaded before, and confirm them."""
    if ctx.kernels is None:
        return Managed(False, why="this terminal reads no chips")
    requests = yield from _list(ctx, kind)
    if isinstance(requests, Managed):
        return requests
    fields: list[str] = []
    for request in requests:
        field = yield from _entry(ctx, kind, request)
        if isinstance(field, Managed):
            return field
        fields.append(field.hex())
    draft = ctx.memory.draft()
    draft.downloads[kind.name] = Download(fields)
    ctx.memory.commit(draft)
    ctx.equip_kernels()
    yield ctx.tell(f"{kind.name}-loaded", entries=str(len(fields)))
    end = yield from plain_exchange(ctx, "0800", kind.end_code)
    if not isinstance(end, NoAnswer):
        _met(ctx, kind)
    return managed_by(end)


def download_what_is_missing(ctx: Context) -> Flow[None]:
    """Fetch keys and applications where the kernels have none at all, as after the first sign-on."""
    if ctx.kernels is None:
        return
    if not len(ctx.kernels.keys):
        yield from download(ctx, KEYS)
    if not ctx.kernels.applications:
        yield from download(ctx, AIDS)


def _list(ctx: Context, kind: Kind) -> Flow[list[bytes] | Managed]:
    """The requests for all entries, from as many parts of the list as there are."""
    found: dict[bytes, None] = {}
    while True:
        answer = yield from plain_exchange(ctx, "0820", kind.list_code, extra={62: pack_query(len(found))})
        if isinstance(answer, NoAnswer):
            return managed_by(answer)
        if not answer.code.approved:
            return (yield from _refused(ctx, kind, answer.code.text, answer.code.code))
        try:
            status, requests = kind.requests_in(bytes(answer.message.get(62, b"")))
        except LayoutError as error:
            return (yield from _refused(ctx, kind, str(error)))
        before = len(found)
        found |= dict.fromkeys(requests)
        if len(found) > MAX_ENTRIES:
            return (yield from _refused(ctx, kind, f"the list has more than {MAX_ENTRIES} entries"))
        if status is not ListStatus.MORE_FOLLOW:
            break
        if len(found) == before:
            return (yield from _refused(ctx, kind, "a part of the list brings nothing new"))
    return list(found) if found else (yield from _refused(ctx, kind, "the host has none"))


def _entry(ctx: Context, kind: Kind, request: bytes) -> Flow[bytes | Managed]:
    """DE 62 of one entry, which has been read and checked."""
    answer = yield from plain_exchange(ctx, "0800", kind.entry_code, extra={62: request})
    if isinstance(answer, NoAnswer):
        return managed_by(answer)
    if not answer.code.approved:
        return (yield from _refused(ctx, kind, answer.code.text, answer.code.code))
    field = bytes(answer.message.get(62, b""))
    try:
        answered = kind.request_of(field)
    except LayoutError as error:
        return (yield from _refused(ctx, kind, str(error)))
    if answered != request:
        return (yield from _refused(ctx, kind, "DE 62: need the entry that was asked for, have another or none"))
    return field


def _refused(ctx: Context, kind: Kind, why: str, code: str = "") -> Flow[Managed]:
    """The host has answered, and there is nothing to be had: what it asked for is not tried until it asks again."""
    _met(ctx, kind)
    yield ctx.tell(f"{kind.name}-refused", why=why)
    return Managed(False, code, why)


def _met(ctx: Context, kind: Kind) -> None:
    draft = ctx.memory.draft()
    requirement_met(draft, kind.requirement)
    ctx.memory.commit(draft)
