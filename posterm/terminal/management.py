"""Sign-on, sign-off, echo, parameter download, status upload, script notice: what carries no money.

Source: Q/CUP 009 as restated by acquirer terminal specifications. None of these messages carries a MAC but the script
notice.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from posterm.hsm import HsmError, KeyBlock, KeyUsage
from posterm.terminal.context import Context
from posterm.terminal.effects import Flow
from posterm.terminal.exchange import Answer, NoAnswer, clock_offset_s, exchange
from posterm.terminal.store import Draft
from posterm.terminal.transitions import Event, State
from posterm.unionpay.errors import LayoutError
from posterm.unionpay.header import Requirement
from posterm.unionpay.key_layout import Role, WrappedKey, key_algorithm, parse_keys
from posterm.unionpay.parameters import parse_parameters
from posterm.unionpay.response_codes import SIGN_ON_AGAIN
from posterm.unionpay.transactions import Network

_STATUS_ALL_WELL: Final = b"011021031041051"
"""DE 62 of a status upload: codes 01 keyboard, 02 PIN pad, 03 reader, 04 printer, 05 display, each with 1 (works)."""

_USAGES: Final = {Role.PIK: KeyUsage.PIN_ENCRYPTION, Role.MAK: KeyUsage.MAC, Role.TDK: KeyUsage.DATA_ENCRYPTION}


@dataclass(frozen=True, slots=True)
class Managed:
    """How a management request ended; `why` is for the operator when it did not end well."""

    done: bool
    code: str = ""
    why: str = ""


def sign_on(ctx: Context, operator: str) -> Flow[Managed]:
    """Fetch new working keys and set clock, batch number and operator by the answer."""
    if reason := ctx.refusal(Event.SIGN_ON_REQUESTED):
        return Managed(False, why=reason)
    # Signed off, or told to sign on again, the terminal cannot settle: there a full batch must not keep it out.
    if ctx.batch_is_full and ctx.state is State.SIGNED_ON:
        return Managed(False, why="the batch is full; settle first")
    draft = ctx.memory.draft()
    draft.registers = draft.registers.next_stan()
    ctx.memory.commit(draft)
    keys = ctx.profile.keys
    registers = ctx.memory.registers
    request = ctx.mapper.management(
        "0800",
        keys.sign_on_code,
        stan=registers.stan_digits,
        batch=registers.batch_digits,
        extra={62: ctx.mapper.serial_text(), 63: operator.ljust(3)},
    )
    answer = yield from exchange(ctx, request, sealed=False)
    if isinstance(answer, NoAnswer):
        return Managed(False, why=answer.why)
    if not answer.code.approved:
        return (yield from _rejected(ctx, answer.code.code, answer.code.text))
    try:
        blocks = _import_keys(ctx, bytes(answer.message.get(62, b"")))
    except (LayoutError, HsmError) as error:
        # Keys that fail their check value would make every later PIN and MAC wrong: better to stay signed off.
        yield ctx.tell("keys-refused", why=str(error))
        return (yield from _rejected(ctx, "", f"working keys refused: {error}"))
    draft = ctx.memory.draft()
    ctx.fire(draft, Event.SIGN_ON_ACCEPTED)
    requirement_met(draft, Requirement.SIGN_ON)
    draft.set(operator=operator, clock_offset_s=clock_offset_s(ctx, answer.message), **blocks)
    _adopt_batch(ctx, answer, draft)
    ctx.memory.commit(draft)
    yield ctx.tell("signed-on", operator=operator, batch=ctx.memory.registers.batch_digits)
    return Managed(True, answer.code.code)


def _rejected(ctx: Context, code: str, why: str) -> Flow[Managed]:
    draft = ctx.memory.draft()
    ctx.fire(draft, Event.SIGN_ON_REJECTED)
    ctx.memory.commit(draft)
    yield ctx.tell("sign-on-rejected", code=code, why=why)
    return Managed(False, code, why)


def _import_keys(ctx: Context, field: bytes) -> Mapping[str, str]:
    wrapped = parse_keys(ctx.profile.keys.layout, field)
    tmk = ctx.key("tmk")
    return {role.lower(): str(_import_key(ctx, tmk, role, key)) for role, key in wrapped.items()}


def _import_key(ctx: Context, tmk: KeyBlock, role: Role, key: WrappedKey) -> KeyBlock:
    algorithm = key_algorithm(ctx.profile.keys.layout, len(key.cryptogram))
    return ctx.hsm.import_key(tmk, key.cryptogram, _USAGES[role], algorithm, kcv=key.kcv)


def _adopt_batch(ctx: Context, answer: Answer, draft: Draft) -> None:
    """Take the host's batch number, unless the open batch has entries: a second sign-on must not lose them.

    Nor is a number taken under which the journal still has entries: they would stand in the totals a second time.
    """
    given = str(answer.message.get("60.2", ""))
    if ctx.memory.batch_entries or any(entry.batch == given for entry in ctx.memory.journal.values()):
        return
    if given.isdigit() and int(given):
        draft.set(batch=int(given))


def sign_on_again(ctx: Context) -> Flow[bool]:
    """Sign on with the operator who is there, because the host demands it."""
    operator = ctx.memory.registers.operator
    if ctx.state is not State.SIGN_ON_DUE or not operator:
        return ctx.state is not State.SIGN_ON_DUE
    managed = yield from sign_on(ctx, operator)
    return managed.done


def sign_off(ctx: Context) -> Flow[Managed]:
    """Tell the host that the cashier leaves; the terminal is signed off whatever the host answers."""
    if reason := ctx.refusal(Event.SIGNED_OFF):
        return Managed(False, why=reason)
    answer = yield from plain_exchange(ctx, "0820", Network.SIGN_OFF, with_stan=True)
    draft = ctx.memory.draft()
    ctx.fire(draft, Event.SIGNED_OFF)
    draft.set(operator="")
    ctx.memory.commit(draft)
    yield ctx.tell("signed-off")
    return managed_by(answer)


def echo(ctx: Context) -> Flow[Managed]:
    """Ask whether anybody is there."""
    return managed_by((yield from plain_exchange(ctx, "0820", Network.ECHO)))


def download_parameters(ctx: Context) -> Flow[Managed]:
    """Fetch the terminal parameters and confirm them; they hold from the confirmation on, all or none."""
    answer = yield from plain_exchange(ctx, "0800", Network.PARAMETERS)
    if isinstance(answer, NoAnswer) or not answer.code.approved:
        return managed_by(answer)
    try:
        parameters = parse_parameters(bytes(answer.message.get(62, b"")))
    except LayoutError as error:
        yield ctx.tell("parameters-refused", why=str(error))
        return Managed(False, why=str(error))
    end = yield from plain_exchange(ctx, "0800", Network.PARAMETERS_END)
    if isinstance(end, NoAnswer) or not end.code.approved:
        return managed_by(end)
    draft = ctx.memory.draft()
    merged = {**draft.registers.parameters, **parameters}
    draft.set(parameters=merged, merchant_name=parameters.get("merchant_name", draft.registers.merchant_name))
    requirement_met(draft, Requirement.DOWNLOAD_PARAMETERS)
    ctx.memory.commit(draft)
    yield ctx.tell("parameters-loaded", names=", ".join(parameters))
    return Managed(True, end.code.code)


def upload_status(ctx: Context) -> Flow[Managed]:
    """Tell the host which parts of the terminal work."""
    answer = yield from plain_exchange(ctx, "0820", Network.STATUS, extra={62: _STATUS_ALL_WELL})
    if isinstance(answer, Answer) and answer.code.approved:
        draft = ctx.memory.draft()
        requirement_met(draft, Requirement.UPLOAD_STATUS)
        ctx.memory.commit(draft)
    return managed_by(answer)


def deliver_script_notice(ctx: Context) -> Flow[bool]:
    """Send the script result an issuer is owed; it stays owed until the host has answered."""
    owed = ctx.memory.script_notice
    if owed is None:
        return True
    entry = ctx.memory.journal.get(f"{owed.batch}-{owed.stan}")
    draft = ctx.memory.draft()
    draft.registers = draft.registers.next_stan()
    ctx.memory.commit(draft)
    extra: dict[int, object] = {
        49: ctx.currency.number,
        55: bytes.fromhex(owed.chip_data),
        61: f"{owed.batch}{owed.stan}{entry.host_date if entry and entry.host_date else '0000'}",
    }
    if entry is not None:
        row = entry.transaction
        extra |= {3: row.processing_code, 4: f"{entry.amount_minor:012d}", 22: f"{entry.entry}0", 25: row.condition}
        if entry.sequence:
            extra[23] = entry.sequence
    registers = ctx.memory.registers
    request = ctx.mapper.management(
        "0620", Network.SCRIPT_NOTICE, stan=registers.stan_digits, batch=registers.batch_digits, extra=extra
    )
    answer = yield from exchange(ctx, request, sealed=True)
    if isinstance(answer, Answer) and answer.code.code in SIGN_ON_AGAIN and (yield from sign_on_again(ctx)):
        answer = yield from exchange(ctx, request, sealed=True)
    if isinstance(answer, NoAnswer) or answer.code.code in SIGN_ON_AGAIN:
        return False
    draft = ctx.memory.draft()
    draft.script_notice = None
    ctx.memory.commit(draft)
    yield ctx.tell("script-notice-delivered", stan=owed.stan, code=answer.code.code)
    return True


def plain_exchange(
    ctx: Context,
    mti: str,
    network: Network,
    *,
    with_stan: bool = False,
    extra: dict[int, object] | None = None,
) -> Flow[Answer | NoAnswer]:
    """Send a message without MAC and wait for its answer; most go without a trace number, too."""
    if with_stan:
        draft = ctx.memory.draft()
        draft.registers = draft.registers.next_stan()
        ctx.memory.commit(draft)
    registers = ctx.memory.registers
    stan = registers.stan_digits if with_stan else ""
    request = ctx.mapper.management(mti, network, stan=stan, batch=registers.batch_digits, extra=extra)
    return (yield from exchange(ctx, request, sealed=False))


def managed_by(answer: Answer | NoAnswer) -> Managed:
    """How a request that only had to be answered ended."""
    if isinstance(answer, NoAnswer):
        return Managed(False, why=answer.why)
    return Managed(answer.code.approved, answer.code.code, "" if answer.code.approved else answer.code.text)


def requirement_met(draft: Draft, requirement: Requirement) -> None:
    """Strike out what the host asked for, unless it asks for something else by now."""
    if draft.registers.requirement is requirement:
        draft.set(requirement=Requirement.NONE)
