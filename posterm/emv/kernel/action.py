"""Terminal action analysis, GENERATE AC, and what the card's answer is worth.

Source: EMV 4.4 Book 3, 10.7, 10.8, 10.11 and 6.5.5; Book 2, 6.6 (CDA), Book 4, 6.3.2.1 (CDA modes) and A6 (response
codes).
"""

from __future__ import annotations

import hashlib
from typing import Final

from posterm.emv.bits import CryptogramType, Tsi, Tvr
from posterm.emv.card_data import CryptogramAnswer, parse_cryptogram_answer
from posterm.emv.certificates import verify_combined_data
from posterm.emv.dol import Dol, build_dol_data, parse_dol
from posterm.emv.errors import CertificateError, Stop
from posterm.emv.exchange import Exchange
from posterm.emv.kernel import commands
from posterm.emv.kernel.authentication import fail_cda
from posterm.emv.kernel.session import Session

_BOOK: Final = "Book 3"
_ALL: Final = Tvr((1 << 40) - 1)
_CDA_REQUEST: Final = 0x10
_RANK: Final = {CryptogramType.AAC: 0, CryptogramType.ARQC: 1, CryptogramType.TC: 2}


def decide(session: Session) -> CryptogramType:
    """What the terminal asks the card for: AAC to decline, ARQC to go online, TC to approve.

    Source: EMV 4.4 Book 3, 10.7. A missing issuer action code is all zeros for denial and all ones for online and
    default; the terminal's own default to zeros. They are OR-ed.
    """
    terminal = session.terminal
    if matched := _matched(session, session.profile.tac_denial, "9F0E", absent=Tvr.NONE):
        session.note(_BOOK, "10.7", f"action code denial: decline, because of {matched}")
        return CryptogramType.AAC
    if terminal.online_capable:
        if not terminal.offline_capable:
            session.note(_BOOK, "10.7", "the terminal is online only: go online")
            return CryptogramType.ARQC
        if matched := _matched(session, session.profile.tac_online, "9F0F", absent=_ALL):
            session.note(_BOOK, "10.7", f"action code online: go online, because of {matched}")
            return CryptogramType.ARQC
    elif matched := _matched(session, session.profile.tac_default, "9F0D", absent=_ALL):
        session.note(_BOOK, "10.7", f"action code default, the terminal is offline only: decline, because of {matched}")
        return CryptogramType.AAC
    session.note(_BOOK, "10.7", "no action code matched: approve")
    return CryptogramType.TC


def decide_unable_to_go_online(session: Session) -> CryptogramType:
    """TC or AAC when the issuer could not be reached. Source: EMV 4.4 Book 3, 10.7; Book 4, 6.3.8."""
    if not session.terminal.offline_capable:
        session.note(_BOOK, "10.7", "unable to go online, and the terminal is online only: decline")
        return CryptogramType.AAC
    if matched := _matched(session, session.profile.tac_default, "9F0D", absent=_ALL):
        session.note(_BOOK, "10.7", f"unable to go online, action code default: decline, because of {matched}")
        return CryptogramType.AAC
    session.note(_BOOK, "10.7", "unable to go online, no action code default matched: approve")
    return CryptogramType.TC


def first_generate_ac(session: Session, wanted: CryptogramType) -> Exchange[CryptogramType]:
    """The first GENERATE AC.

    Returns: what the card made of it. It is worth nothing when `session.signature_wrong` is set.
    Raises: Stop: a refusal, or more than was asked for.
    """
    request_cda = session.cda and (
        wanted is CryptogramType.TC or (wanted is CryptogramType.ARQC and session.terminal.cda_mode.on_arqc)
    )
    if session.cda and not request_cda:
        session.set(
            Tvr.OFFLINE_DATA_AUTHENTICATION_NOT_PERFORMED, "Book 4", "6.3.2.1", f"no CDA asked for with {wanted.name}"
        )
    if wanted is not CryptogramType.ARQC:
        session.own["8A"] = b"Y1" if wanted is CryptogramType.TC else b"Z1"
    cdol = parse_dol(session.card["8C"])
    _hash_transaction_certificate(session, cdol)
    session.cdol1_values = build_dol_data(cdol, session.values())
    session.note(_BOOK, "10.8", f"first GENERATE AC: {wanted.name} asked for")
    given = yield from _generate(session, wanted, session.cdol1_values, cda=request_cda)
    session.done(Tsi.CARD_RISK_MANAGEMENT_PERFORMED, _BOOK, "10.8", "card risk management performed")
    return given


def second_generate_ac(session: Session, wanted: CryptogramType) -> Exchange[CryptogramType]:
    """The second GENERATE AC. Returns and raises as the first."""
    request_cda = session.cda and wanted is CryptogramType.TC
    if request_cda and session.online and not session.terminal.cda_mode.on_second_tc:
        request_cda = False
    if request_cda:
        session.tvr &= ~Tvr.OFFLINE_DATA_AUTHENTICATION_NOT_PERFORMED
    cdol = parse_dol(session.card["8D"])
    _hash_transaction_certificate(session, cdol)
    values = build_dol_data(cdol, session.values())
    session.note(_BOOK, "10.11", f"second GENERATE AC: {wanted.name} asked for")
    return (yield from _generate(session, wanted, values, cda=request_cda, before=session.cdol1_values, second=True))


def _generate(
    session: Session,
    wanted: CryptogramType,
    values: bytes,
    *,
    cda: bool,
    before: bytes = b"",
    second: bool = False,
) -> Exchange[CryptogramType]:
    reference = wanted.value | (_CDA_REQUEST if cda else 0)
    answer = yield from session.transmit(commands.generate_ac(reference, values))
    if not answer.ok:
        raise Stop(f"{'second ' if second else ''}GENERATE AC answered {answer.sw:04X}")
    made = parse_cryptogram_answer(answer.data)
    given = CryptogramType.of(made.cid)
    if given not in _RANK or _RANK[given] > _RANK[wanted] or (second and given is CryptogramType.ARQC):
        raise Stop(f"GENERATE AC: {wanted.name} was asked for, the card answered {given.name}")
    session.cryptogram = given
    session.card |= {
        "9F27": bytes((made.cid,)),
        "9F36": made.atc,
        "9F10": made.issuer_application_data,
    }
    if made.cryptogram:
        session.card["9F26"] = made.cryptogram
    session.note(_BOOK, "10.8" if not second else "10.11", f"the card answered {given.name}")
    if cda and given is not CryptogramType.AAC:
        _check_signature(session, made, session.pdol_values + before + values)
    return given


def _check_signature(session: Session, made: CryptogramAnswer, sent: bytes) -> None:
    """Verify the signature of a GENERATE AC answer and take the cryptogram out of it."""
    if session.icc_key is None or not made.signature:
        _reject_signature(session, "the card answered without the signature it was asked for")
        return
    try:
        signed = verify_combined_data(
            made.signature, session.icc_key, session.own["9F37"], made.cid, sent + made.signed_objects
        )
    except CertificateError as error:
        _reject_signature(session, str(error))
        return
    session.card |= {"9F26": signed.cryptogram, "9F4C": signed.icc_dynamic_number, "9F4B": made.signature}
    session.done(Tsi.OFFLINE_DATA_AUTHENTICATION_PERFORMED, "Book 2", "6.6.2", "CDA succeeded")


def _reject_signature(session: Session, reason: str) -> None:
    fail_cda(session, reason)
    session.signature_wrong = True


def _hash_transaction_certificate(session: Session, cdol: Dol) -> None:
    """The TC hash (98), when the card wants one, over what its TDOL or the terminal's asks for.

    Source: EMV 4.4 Book 3, 5.2.2 and 10.7; Book 4, 6.3.6.
    """
    if all(tag != "98" for tag, _ in cdol):
        return
    tdol = session.card.get("97")
    if tdol is None:
        tdol = session.profile.default_tdol
        session.set(Tvr.DEFAULT_TDOL_USED, _BOOK, "5.2.2", "the card gives no TDOL")
    hashed = build_dol_data(parse_dol(tdol), session.values())
    session.own["98"] = hashlib.sha1(hashed, usedforsecurity=False).digest()


def _matched(session: Session, terminal_code: Tvr, tag: str, *, absent: Tvr) -> Tvr:
    """The TVR bits that the terminal's or the issuer's action code names."""
    value = session.card.get(tag)
    return session.tvr & (terminal_code | (absent if value is None else Tvr.from_value(value)))
