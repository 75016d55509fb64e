"""Management messages: sign-on with new working keys, sign-off, echo, status, parameters, and the script notice.

A sign-on replaces the working keys at once and leaves the batch alone; until it comes the old keys are valid. The same
sign-on again (batch and trace number) gets the same keys.
Sign-off only means that the terminal has to sign on before its next transaction.

Source: Q/CUP 009, management messages (60.3). CA keys and application parameters are in
`chip_downloads`. Leaves out initialisation and the other downloads, which are answered 40.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from posterm.host.answers import financial_answer, management_answer, rrn_for
from posterm.host.case import Case
from posterm.host.checks import takes_up_later_batch
from posterm.host.chip import hear_of_scripts
from posterm.host.chip_downloads import CHIP_ACTIONS
from posterm.host.events import EventName
from posterm.host.pipeline import IDENTITY
from posterm.host.records import TerminalRecord, TransactionRecord
from posterm.host.registry import check_terminal, keep_terminal, parameters_of, with_requirement_met
from posterm.hsm import KeyBlock, KeyUsage
from posterm.iso8583 import Message
from posterm.unionpay.header import Requirement
from posterm.unionpay.key_layout import Role, WrappedKey, key_algorithm, key_bytes, pack_keys
from posterm.unionpay.parameters import pack_parameters
from posterm.unionpay.transactions import SIGN_ON_CODES, Network

_USAGES: Final = {Role.PIK: KeyUsage.PIN_ENCRYPTION, Role.MAK: KeyUsage.MAC, Role.TDK: KeyUsage.DATA_ENCRYPTION}
_MAX_STATUS: Final = 256


def handle_management(case: Case) -> Message:
    """Answer an 0800 or 0820."""
    refusal = check_terminal(case)
    if refusal is not None:
        case.tell(refusal.event, code=refusal.code, check="terminal", why=refusal.why)
        return management_answer(case, refusal.code)
    if case.message.mti == "0800" and case.network in SIGN_ON_CODES:
        return _sign_on(case)
    action = _ACTIONS.get((case.message.mti, case.network))
    if action is None:
        return _declined(case, "40", f"network code {case.network or 'missing'} is not run by this host")
    return action(case)


def handle_script_notice(case: Case) -> Message:
    """Answer an 0620/951: the card's result of an issuer script. A repeat is answered the same."""
    for step in IDENTITY:
        refusal = step.check(case)
        if refusal is not None:
            case.tell(refusal.event, code=refusal.code, check=step.name, why=refusal.why)
            return financial_answer(case, ("39", refusal.code))
    if case.network != Network.SCRIPT_NOTICE:
        case.tell(EventName.DECLINED, code="12", check="kind", why="not a script notice")
        return financial_answer(case, ("39", "12"))
    original = _original(case)
    case.tell(EventName.SCRIPT_NOTICE, original=case.text(61)[:12])
    hear_of_scripts(case, original)
    now = case.now
    return financial_answer(case, ("12", f"{now:%H%M%S}", "13", f"{now:%m%d}", "32", case.desk.acquirer_id, "39", "00"))


def _original(case: Case) -> TransactionRecord | None:
    """The request of this terminal that element 61 names."""
    batch, stan = case.text(61)[:6], case.text(61)[6:12]
    found = (case.desk.store.transaction(case.ref_for(mti, batch, stan)) for mti in ("0200", "0100"))
    return next((record for record in found if record is not None), None)


def _sign_on(case: Case) -> Message:
    takes_up_later_batch(case)
    desk, terminal = case.desk, case.known_terminal()
    if case.network != desk.profile.keys.sign_on_code:
        return _declined(case, "40", f"this acquirer's terminals sign on with {desk.profile.keys.sign_on_code}")
    layout = desk.profile.keys.layout
    # A sign-on the network doubled gets the keys its first delivery made; others would part host and terminal.
    again = terminal.signed_on and terminal.sign_on == case.ref
    keys = _working_keys(terminal) if again else _new_keys(case, layout)
    wrapped: dict[Role, WrappedKey] = {}
    for role in key_bytes(layout):
        exported = desk.hsm.export_key(KeyBlock(terminal.tmk), keys[role])
        wrapped[role] = WrappedKey(exported.cryptogram, exported.kcv)
    if not again:
        pik, mak, tdk = (keys.get(role, "") for role in (Role.PIK, Role.MAK, Role.TDK))
        signed_on = terminal._replace(pik=pik, mak=mak, tdk=tdk, signed_on=True, sign_on=case.ref)
        keep_terminal(case, with_requirement_met(signed_on, Requirement.SIGN_ON))
    name = EventName.REPEAT if again else EventName.SIGNED_ON
    case.tell(name, layout=layout, batch=terminal.batch, operator=case.text(63)[:3])
    field = pack_keys(layout, wrapped)
    return management_answer(case, "00", rrn=rrn_for(case), batch=terminal.batch, added={62: field})


def _new_keys(case: Case, layout: str) -> dict[Role, KeyBlock]:
    keys: dict[Role, KeyBlock] = {}
    for role, size in key_bytes(layout).items():
        keys[role] = case.desk.hsm.generate_key(_USAGES[role], key_algorithm(layout, size))
    return keys


def _working_keys(terminal: TerminalRecord) -> dict[Role, KeyBlock]:
    kept = {Role.PIK: terminal.pik, Role.MAK: terminal.mak, Role.TDK: terminal.tdk}
    return {role: KeyBlock(block) for role, block in kept.items() if block}


def _sign_off(case: Case) -> Message:
    keep_terminal(case, case.known_terminal()._replace(signed_on=False))
    case.tell(EventName.SIGNED_OFF)
    return management_answer(case, "00", rrn=rrn_for(case))


def _echo(case: Case) -> Message:
    case.tell(EventName.ECHO)
    return management_answer(case, "00", rrn=rrn_for(case))


def _status(case: Case) -> Message:
    raw = case.message.get(62, b"")[:_MAX_STATUS]
    status = raw.decode("latin-1") if isinstance(raw, bytes) else ""
    readable = "".join(letter if letter.isprintable() else "." for letter in status)
    keep_terminal(
        case, with_requirement_met(case.known_terminal()._replace(status=readable), Requirement.UPLOAD_STATUS)
    )
    case.tell(EventName.STATUS_RECEIVED)
    return management_answer(case, "00", rrn=rrn_for(case))


def _parameters(case: Case) -> Message:
    values = parameters_of(case.known_terminal())
    case.tell(EventName.PARAMETERS_SENT, parameters=len(values))
    return management_answer(case, "00", rrn=rrn_for(case), added={62: pack_parameters(values)} if values else {})


def _parameters_end(case: Case) -> Message:
    keep_terminal(case, with_requirement_met(case.known_terminal(), Requirement.DOWNLOAD_PARAMETERS))
    case.tell(EventName.PARAMETERS_TAKEN)
    return management_answer(case, "00", rrn=rrn_for(case))


_ACTIONS: Final[dict[tuple[str, str], Callable[[Case], Message]]] = {
    ("0820", Network.SIGN_OFF): _sign_off,
    ("0820", Network.ECHO): _echo,
    ("0820", Network.STATUS): _status,
    ("0800", Network.PARAMETERS): _parameters,
    ("0800", Network.PARAMETERS_END): _parameters_end,
    ("0820", Network.PARAMETERS_END): _parameters_end,
    **CHIP_ACTIONS,
}


def _declined(case: Case, code: str, why: str) -> Message:
    case.tell(EventName.DECLINED, code=code, check="network", why=why)
    return management_answer(case, code)
