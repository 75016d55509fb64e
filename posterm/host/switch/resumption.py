"""Going on with a request whose issuer has answered, or not: the second half of the pipeline.

    00 under a good MAC          posted like any other; 96 and taken back when it cannot be any more
    a decline under a good MAC   its code to the terminal, what was reserved is free again
    nothing, a bad MAC, what is no verdict (96, A0), another approval than 00
                                 98 and taken back, or approved in the issuer's place where its rules say so
    after it was given up        nothing: it was taken back then

While a request waits the world goes on, so terminal, original and clearing date are looked up again, and its batch must
still be open.
"""

from __future__ import annotations

from copy import copy
from datetime import datetime
from typing import Final

from posterm.host import answers, clearing, pipeline
from posterm.host.case import Case, Refusal
from posterm.host.errors import HostError
from posterm.host.events import EventName
from posterm.host.records import RouteRecord, RouteState
from posterm.host.switch.forwards import TRY_AGAIN
from posterm.host.switch.over_link import IssuerOverLink
from posterm.host.switch.port import Suspended
from posterm.host.switch.routes import NO_ANSWER, give_up, take_back
from posterm.iso8583 import Message
from posterm.unionpay.errors import MacFailureError

_APPROVED: Final = "00"
_CANNOT_POST: Final = "96"


def reopened(suspended: Suspended, answer: Message | None, now: datetime) -> Case:
    """The case of a suspended request, to be gone on with. What was suspended can be resumed again."""
    case = copy(suspended.case)
    case.now, case.at, case.events, case.issuer_answer = now, now.isoformat(), [], answer
    return case


def run_resumed(case: Case, suspended: Suspended) -> Message | None:
    """Finish a request. Returns: the answer for the terminal, None when it was given up before."""
    route, issuer = case.desk.store.route(case.ref), case.issuer
    if not isinstance(issuer, IssuerOverLink):
        raise HostError("only an issuer over the network is waited for")
    if route is None or not _still_waits(route, suspended):
        case.tell(EventName.LATE_ANSWER, issuer=suspended.issuer)
        return None
    case.terminal = case.desk.store.terminal(case.terminal_id)
    code = _judged(case, issuer, suspended)
    if code == NO_ANSWER:
        return _unanswered(case, issuer, route)
    if code != _APPROVED:
        case.desk.store.put_route(route._replace(state=RouteState.DECLINED.value, reversal=""))
        pipeline.undo(case, pipeline.TRANSACTION_STEPS)
        return pipeline.decline(case, "issuer", Refusal(code, "the issuer declines"))
    _look_again(case)
    case.desk.store.put_route(route._replace(state=RouteState.APPROVED.value))
    return pipeline.accept(case, pipeline.TRANSACTION_STEPS)


def run_unpostable(case: Case, fault: str) -> Message | None:
    """Take back what the issuer has approved and the host cannot post."""
    route = case.desk.store.route(case.ref)
    if route is None or route.state != RouteState.WAITING:
        return None
    case.terminal, case.issuer_answer = case.desk.store.terminal(case.terminal_id), None
    case.tell(EventName.FAULT, fault=fault)
    return _given_up(case, route, _CANNOT_POST)


def _still_waits(route: RouteRecord, suspended: Suspended) -> bool:
    """True unless it was given up, even if the same request has been sent anew since."""
    return route.state == RouteState.WAITING and route.trace[4:10] == str(suspended.request[11])


def _judged(case: Case, issuer: IssuerOverLink, suspended: Suspended) -> str:
    """The issuer's code when its answer is one, else 98."""
    answer = case.issuer_answer
    why = ""
    if answer is None:
        why = "no answer"
    else:
        try:
            issuer.sealer.check(answer, suspended.zak)
        except MacFailureError as failure:
            why = str(failure)
    code = "" if why or answer is None else str(answer.get(39, ""))
    approved_otherwise = code != _APPROVED and answers.approves(case.desk, code)
    if not why and (not code or code in TRY_AGAIN or approved_otherwise):
        why = f"the answer code {code or 'is missing'} is neither 00 nor a verdict"
    if why:
        case.issuer_answer = None
        case.tell(EventName.ISSUER_SILENT, issuer=issuer.name, why=why)
        return NO_ANSWER
    return code


def _unanswered(case: Case, issuer: IssuerOverLink, route: RouteRecord) -> Message:
    if issuer.terms.stand_in.on_timeout and issuer.stand_in(case, "the issuer has not answered") is None:
        case.events += take_back(case.desk, route, case.now)
        _look_again(case)
        return pipeline.accept(case, pipeline.TRANSACTION_STEPS)
    return _given_up(case, route, NO_ANSWER)


def _given_up(case: Case, route: RouteRecord, code: str) -> Message:
    case.events += give_up(case.desk, route, case.now, code)
    record = case.desk.store.transaction(case.ref)
    if record is None:
        raise HostError(f"the transaction {case.ref} is gone")
    case.tell(EventName.DECLINED, code=code, check="issuer", card=record.masked_pan)
    return answers.financial_answer(case, record.answer)


def _look_again(case: Case) -> None:
    """Raises: HostError: it can no longer be posted."""
    store = case.desk.store
    clearing.find_clearing_date(case)
    if case.original is not None:
        case.original = store.transaction(case.original.ref)
        if case.original is None or not case.original.stands:
            raise HostError("the original does not stand any more")
    batch = store.batch_record(case.terminal_id, case.batch)
    if batch is not None and not batch.open:
        raise HostError("its batch was closed while the issuer was asked")
