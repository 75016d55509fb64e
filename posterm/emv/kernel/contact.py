"""A contact transaction, from the selection of an application to the last script: the whole flow on one screen.

Source: EMV 4.4 Book 3, 8 (figure 7) and Book 4, 6.3.

Fallback. The stripe may be used when the chip could not be: it does not answer, its data cannot be read, or card and
terminal know no common application. It may not when the chip spoke for its issuer (card or application blocked), when
the cardholder gave up, and once GENERATE AC was sent: from then on there is a transaction.
"""

from __future__ import annotations

from posterm import tlv
from posterm.emv.bits import CryptogramType
from posterm.emv.capk import CaKeyStore
from posterm.emv.config import TerminalConfig, TerminalFiles, Transaction
from posterm.emv.errors import Cancelled, EmvError, Stop
from posterm.emv.exchange import Exchange, GoOnline, OnlineResult, Refer
from posterm.emv.kernel import electronic_cash
from posterm.emv.kernel.action import (
    decide,
    decide_unable_to_go_online,
    first_generate_ac,
    second_generate_ac,
)
from posterm.emv.kernel.authentication import authenticate_card
from posterm.emv.kernel.online import IssuerData, authenticate_issuer, parse_issuer_data, run_scripts
from posterm.emv.kernel.reading import initiate, read_application_data
from posterm.emv.kernel.restrictions import processing_restrictions
from posterm.emv.kernel.risk import manage_risk
from posterm.emv.kernel.selection import build_candidate_list, choose, select_application
from posterm.emv.kernel.session import Draw, Session
from posterm.emv.kernel.verification import verify_cardholder
from posterm.emv.outcome import Ending, Fallback, Outcome

NO_FILES = TerminalFiles()


def contact_transaction(
    terminal: TerminalConfig,
    transaction: Transaction,
    keys: CaKeyStore,
    draw: Draw,
    files: TerminalFiles = NO_FILES,
) -> Exchange[Outcome]:
    """Run a transaction with a card that is powered. Whatever the card answers, it ends with an outcome.

    Args:
        keys: the CA keys trusted. draw: gives as many random bytes as asked.
        files: exception file and log of earlier amounts.
    """
    session = Session(terminal, transaction, keys, files, draw)
    return (yield from _ending(session, _transaction(session)))


def _transaction(session: Session) -> Exchange[Outcome]:
    if (failed := (yield from _start(session))) is not None:
        return failed
    yield from read_application_data(session)
    yield from authenticate_card(session)
    processing_restrictions(session)
    yield from verify_cardholder(session)
    yield from manage_risk(session)
    wanted = decide(session)
    session.fallback = Fallback.NOT_ALLOWED
    given = yield from first_generate_ac(session, wanted)
    if given is CryptogramType.ARQC:
        return (yield from _online(session))
    if given is CryptogramType.TC and electronic_cash.pays(session):
        yield from electronic_cash.read_balance(session)
    return _completed(session, given, offline="1")


def _start(session: Session) -> Exchange[Outcome | None]:
    """Select an application that lets itself be used. Returns: how it ended when there is none."""
    candidates = yield from build_candidate_list(session)
    while candidates:
        candidate = yield from choose(candidates)
        if candidate is None:
            return session.outcome(Ending.CANCELLED, "the cardholder wants none of the applications")
        if (yield from select_application(session, candidate)):
            electronic_cash.offer(session)
            if (yield from initiate(session)):
                return None
        candidates.remove(candidate)
    return session.outcome(Ending.TRY_ANOTHER_CARD, "no application of this card can be used here")


def _online(session: Session) -> Exchange[Outcome]:
    """From the ARQC to the end: the issuer's answer, or its absence, and the second GENERATE AC."""
    if session.signature_wrong:
        # A signature that is wrong ends the transaction without the issuer. Source: EMV 4.4 Book 2, 6.6.2.
        session.own["8A"] = b"Z1"
        given = yield from second_generate_ac(session, CryptogramType.AAC)
        return _completed(session, given, offline="1")
    result: OnlineResult = OnlineResult()
    if session.terminal.online_capable:
        result = yield GoOnline(session.values(), "the card made an ARQC")
    if not result.reached:
        return (yield from _unable_to_go_online(session))
    session.online, session.own["8A"] = True, result.response_code.encode("ascii", "replace")
    approved = result.approved
    if result.referred:
        approved = yield Refer(result.response_code)
        session.note("Book 4", "6.3.4", f"referral {result.response_code}: {'approved' if approved else 'declined'}")
    session.host_approved = approved
    issuer = _issuer_data(session, result)
    yield from authenticate_issuer(session, issuer)
    yield from run_scripts(session, issuer, after_final=False)
    given = yield from second_generate_ac(session, CryptogramType.TC if approved else CryptogramType.AAC)
    yield from run_scripts(session, issuer, after_final=True)
    return _completed(session, given)


def _unable_to_go_online(session: Session) -> Exchange[Outcome]:
    wanted = decide_unable_to_go_online(session)
    session.own["8A"] = b"Y3" if wanted is CryptogramType.TC else b"Z3"
    given = yield from second_generate_ac(session, wanted)
    return _completed(session, given, offline="3")


def _completed(session: Session, given: CryptogramType, *, offline: str = "") -> Outcome:
    """The end after the last cryptogram. `offline` is 1 or 3: the second character of the response code, Y or Z.

    Source: EMV 4.4 Book 4, 6.3.6 and A6; Book 2, 6.6.2 (a TC with a wrong signature is declined).
    """
    good = given is CryptogramType.TC and not session.signature_wrong
    if offline:
        session.own["8A"] = f"{'Y' if good else 'Z'}{offline}".encode()
    if good:
        return session.outcome(Ending.APPROVED, "the card made a TC")
    if given is CryptogramType.TC:
        return session.outcome(Ending.DECLINED, "the card made a TC with a signature that is wrong")
    if session.host_approved:
        return session.outcome(Ending.DECLINED, "the issuer approved and the card did not")
    if session.online:
        return session.outcome(Ending.DECLINED, "the issuer declined")
    return session.outcome(Ending.DECLINED, "declined offline")


def _issuer_data(session: Session, result: OnlineResult) -> IssuerData:
    try:
        return parse_issuer_data(result.issuer_data)
    except tlv.TlvError:
        session.note("Book 4", "12.1", "the issuer's data cannot be read and are passed over")
        return IssuerData()


def _ending(session: Session, flow: Exchange[Outcome]) -> Exchange[Outcome]:
    """Run a flow; what stops it becomes an outcome."""
    try:
        return (yield from flow)
    except Cancelled as stop:
        ending, reason = Ending.CANCELLED, str(stop)
    except Stop as stop:
        ending, reason = Ending.TERMINATED, str(stop)
    except EmvError as error:
        ending, reason = Ending.TERMINATED, f"card data: {error}"
    session.note("Book 3", "7.5", f"the transaction ends: {reason}")
    return session.outcome(ending, reason)
