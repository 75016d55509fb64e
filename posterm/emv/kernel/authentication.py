"""Offline data authentication: SDA, DDA, and the keys CDA will need.

What happens in each case, in TVR byte 1 and the TSI:

    neither side can, or both cannot agree     not performed (b8)           TSI unchanged
    an object it needs is missing              ICC data missing, failed     performed
    CA key unknown, withdrawn or expired       failed                       performed
    certificate revoked, expired or forged     failed                       performed

Source: EMV 4.4 Book 3, 10.3; Book 2, 5, 6.3 to 6.6; Book 4, 10.2 (expired CA keys are withdrawn).
"""

from __future__ import annotations

from typing import Final

from posterm.emv.bits import Aip, TerminalCapabilities, Tsi, Tvr
from posterm.emv.capk import CaKey
from posterm.emv.card_data import objects_of, template
from posterm.emv.certificates import (
    KeyCertificate,
    PublicKey,
    recover_icc_key,
    recover_issuer_key,
    verify_dynamic_data,
    verify_static_data,
)
from posterm.emv.dol import build_dol_data, parse_dol
from posterm.emv.errors import CardDataError, CertificateError, DolError, ObjectMissing, Stop
from posterm.emv.exchange import Exchange
from posterm.emv.kernel import commands
from posterm.emv.kernel.session import Session

_BOOK: Final = "Book 3"
_CLAUSE: Final = "10.3"
_AIP_ONLY: Final = bytes.fromhex("82")


def authenticate_card(session: Session) -> Exchange[None]:
    """Choose the method both sides can do and perform it.

    Raises: Stop: the card refuses INTERNAL AUTHENTICATE.
    """
    can, card = session.terminal.capabilities, session.aip
    if card & Aip.CDA_SUPPORTED and can & TerminalCapabilities.CDA:
        prepare_cda(session)
    elif card & Aip.DDA_SUPPORTED and can & TerminalCapabilities.DDA:
        yield from _dynamic(session)
    elif card & Aip.SDA_SUPPORTED and can & TerminalCapabilities.SDA:
        _static(session)
    else:
        session.set(
            Tvr.OFFLINE_DATA_AUTHENTICATION_NOT_PERFORMED, _BOOK, _CLAUSE, "no method both card and terminal support"
        )


def fail_cda(session: Session, reason: str) -> None:
    """CDA has failed: the bits, and no further request for it."""
    session.cda = False
    session.set(Tvr.CDA_FAILED, "Book 2", "6.6.2", reason)
    session.done(Tsi.OFFLINE_DATA_AUTHENTICATION_PERFORMED, _BOOK, _CLAUSE, "CDA performed")


def _static(session: Session) -> None:
    session.set(Tvr.SDA_SELECTED, _BOOK, _CLAUSE, "SDA selected")
    try:
        key = recover_keys(session, need=("93",))
        session.card["9F45"] = verify_static_data(session.card["93"], key, covered_data(session))
        session.note("Book 2", "5.4", "SDA succeeded")
    except CertificateError as error:
        _failed(session, Tvr.SDA_FAILED, error)
    session.done(Tsi.OFFLINE_DATA_AUTHENTICATION_PERFORMED, _BOOK, _CLAUSE, "SDA performed")


def _dynamic(session: Session) -> Exchange[None]:
    try:
        recover_keys(session, need=("9F46", "9F47"))
        icc_key = recover_card_key(session)
        ddol = _ddol(session)
    except CertificateError as error:
        _failed(session, Tvr.DDA_FAILED, error)
    else:
        values = build_dol_data(ddol, session.values())
        answer = yield from session.transmit(commands.internal_authenticate(values))
        if not answer.ok:
            raise Stop(f"INTERNAL AUTHENTICATE answered {answer.sw:04X}")
        try:
            signature = _signature(answer.data)
            session.card["9F4C"] = verify_dynamic_data(signature, icc_key, values).icc_dynamic_number
            session.card["9F4B"] = signature
            session.note("Book 2", "6.5", "DDA succeeded")
        except CertificateError as error:
            _failed(session, Tvr.DDA_FAILED, error)
    session.done(Tsi.OFFLINE_DATA_AUTHENTICATION_PERFORMED, _BOOK, _CLAUSE, "DDA performed")


def prepare_cda(session: Session) -> None:
    """Recover the keys; the signature comes with GENERATE AC. Without keys it is not even asked for."""
    try:
        recover_keys(session, need=("9F46", "9F47"))
        recover_card_key(session)
    except CertificateError as error:
        if _lacks_data(error):
            session.set(Tvr.ICC_DATA_MISSING, _BOOK, "7.5", str(error))
        fail_cda(session, str(error))
        return
    session.cda = True
    session.note(_BOOK, _CLAUSE, "CDA selected; the signature comes with GENERATE AC")


def recover_keys(session: Session, need: tuple[str, ...] = ()) -> PublicKey:
    """The issuer's key, after a look whether the card has the objects needed.

    Raises: CertificateError: an object is missing, no usable CA key, or a certificate that does not verify.
    """
    if missing := [tag for tag in ("8F", "90", "9F32", *need) if not session.card.get(tag)]:
        raise ObjectMissing(f"the card lacks {', '.join(missing)}")
    if session.issuer_key is None:
        ca = _ca_key(session)
        certificate = KeyCertificate(session.card["90"], session.card.get("92", b""), session.card["9F32"])
        session.issuer_key = recover_issuer_key(certificate, ca, session.pan, session.today, session.keys)
        session.own["9F22"] = session.card["8F"]
    return session.issuer_key


def recover_card_key(session: Session) -> PublicKey:
    """The card's key under the issuer's. Raises: CertificateError: a check failed."""
    if session.icc_key is None:
        issuer_key = recover_keys(session)
        certificate = KeyCertificate(session.card["9F46"], session.card.get("9F48", b""), session.card["9F47"])
        session.icc_key = recover_icc_key(certificate, issuer_key, session.pan, session.today, covered_data(session))
    return session.icc_key


def covered_data(session: Session) -> bytes:
    """The static data a signature covers: signed records, then the AIP when the tag list asks for it.

    Raises: CertificateError: a signed record not coded as one, or a tag list that names more than the AIP.
    Source: EMV 4.4 Book 3, 10.3; Book 2, 5.1.1.
    """
    if session.static_data is None:
        raise CertificateError("a signed record is not coded in template 70")
    tag_list = session.card.get("9F4A", b"")
    if tag_list not in (b"", _AIP_ONLY):
        raise CertificateError("the static data authentication tag list names more than the AIP")
    return session.static_data + (session.card["82"] if tag_list else b"")


def _ca_key(session: Session) -> CaKey:
    index = session.card["8F"][0]
    name = f"{session.rid.hex().upper()}/{index:02X}"
    key = session.keys.find(session.rid, index)
    if key is None:
        raise CertificateError(f"the terminal has no CA key {name}")
    if key.expired(session.today):
        raise CertificateError(f"CA key {name} has expired")
    return key


def _ddol(session: Session) -> tuple[tuple[str, int], ...]:
    """The card's list, or the terminal's. Raises: CertificateError: none, or one without unpredictable number."""
    ddol = session.card.get("9F49") or session.profile.default_ddol
    if not ddol:
        raise ObjectMissing("the card lacks 9F49, and the terminal has no default")
    try:
        entries = parse_dol(ddol)
        build_dol_data(entries, {})
    except DolError as error:
        raise CertificateError(str(error)) from None
    if all(tag != "9F37" for tag, _ in entries):
        raise CertificateError("the DDOL asks for no unpredictable number")
    return entries


def _signature(answer: bytes) -> bytes:
    """9F4B out of format 80 or 77. Raises: CertificateError: neither. Source: EMV 4.4 Book 3, 6.5.9.4."""
    what = "answer to INTERNAL AUTHENTICATE"
    try:
        if answer[:1] == b"\x80":
            return template(answer, "80", what)
        return dict(objects_of(template(answer, "77", what), what)).get("9F4B", b"")
    except CardDataError as error:
        raise CertificateError(str(error)) from None


def _failed(session: Session, bit: Tvr, error: CertificateError) -> None:
    session.set(bit | Tvr.ICC_DATA_MISSING if _lacks_data(error) else bit, _BOOK, _CLAUSE, str(error))


def _lacks_data(error: CertificateError) -> bool:
    return isinstance(error, ObjectMissing)
