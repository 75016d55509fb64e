"""Cardholder verification: the card's list of methods, in its order, until one succeeds.

Source: EMV 4.4 Book 3, 10.5 and annex C3; Book 4, 6.3.4 (PIN bypass) and A4 (CVM results).
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Final

from posterm.emv import apdu
from posterm.emv.bits import Aip, TerminalCapabilities, Tsi, Tvr
from posterm.emv.certificates import KeyCertificate, PublicKey, encipher_pin, pin_block, recover_icc_key
from posterm.emv.config import TransactionType
from posterm.emv.describe import cvm_rule
from posterm.emv.errors import Cancelled, CardDataError, CertificateError, Stop
from posterm.emv.exchange import AskPin, Exchange, PinAnswer, PinMethod, PinReply
from posterm.emv.kernel import commands, electronic_cash
from posterm.emv.kernel.authentication import recover_card_key, recover_keys
from posterm.emv.kernel.risk import counter_of
from posterm.emv.kernel.session import Session

MAX_PIN_ENTRIES: Final = 15
"""The counter in 63Cx has four bits; a card that never counts down is not asked for ever."""

_BOOK: Final = "Book 3"
_NEXT_IF_FAILED: Final = 0x40
_METHOD: Final = 0x3F
_NO_CVM_PERFORMED: Final = 0x3F

_FAIL: Final = 0x00
_PLAINTEXT_PIN: Final = 0x01
_ONLINE_PIN: Final = 0x02
_PLAINTEXT_PIN_AND_SIGNATURE: Final = 0x03
_ENCIPHERED_PIN: Final = 0x04
_ENCIPHERED_PIN_AND_SIGNATURE: Final = 0x05
_SIGNATURE: Final = 0x1E
_NO_CVM: Final = 0x1F

_PIN_METHODS: Final = frozenset(range(_PLAINTEXT_PIN, _ENCIPHERED_PIN_AND_SIGNATURE + 1))
_WITH_SIGNATURE: Final = frozenset({_PLAINTEXT_PIN_AND_SIGNATURE, _ENCIPHERED_PIN_AND_SIGNATURE, _SIGNATURE})
_ENCIPHERED: Final = frozenset({_ENCIPHERED_PIN, _ENCIPHERED_PIN_AND_SIGNATURE})

_NEEDS: Final = {
    _FAIL: TerminalCapabilities(0),
    _PLAINTEXT_PIN: TerminalCapabilities.PLAINTEXT_OFFLINE_PIN,
    _ONLINE_PIN: TerminalCapabilities.ENCIPHERED_ONLINE_PIN,
    _PLAINTEXT_PIN_AND_SIGNATURE: TerminalCapabilities.PLAINTEXT_OFFLINE_PIN | TerminalCapabilities.SIGNATURE,
    _ENCIPHERED_PIN: TerminalCapabilities.ENCIPHERED_OFFLINE_PIN,
    _ENCIPHERED_PIN_AND_SIGNATURE: TerminalCapabilities.ENCIPHERED_OFFLINE_PIN | TerminalCapabilities.SIGNATURE,
    _SIGNATURE: TerminalCapabilities.SIGNATURE,
    _NO_CVM: TerminalCapabilities.NO_CVM_REQUIRED,
}
"""What the terminal must be able to do for each method (9F33 byte 2)."""


class _Result(Enum):
    """Byte 3 of the CVM results. Source: EMV 4.4 Book 4, A4."""

    UNKNOWN = 0x00
    FAILED = 0x01
    SUCCESSFUL = 0x02


@dataclass(frozen=True, slots=True)
class CvmList:
    """A CVM list (8E): two amounts in the application's currency, and rules of two bytes."""

    x: int
    y: int
    rules: tuple[tuple[int, int], ...]


def parse_cvm_list(value: bytes) -> CvmList:
    """Read a CVM list. Raises: CardDataError: shorter than its amounts, or half a rule. Source: Book 3, 10.5."""
    if len(value) < 8 or len(value) % 2:
        raise CardDataError(f"CVM list: need 8 bytes and rules of 2, have {len(value)} bytes")
    rules = tuple((value[at], value[at + 1]) for at in range(8, len(value), 2))
    return CvmList(int.from_bytes(value[:4], "big"), int.from_bytes(value[4:8], "big"), rules)


def verify_cardholder(session: Session) -> Exchange[None]:
    """Go through the list; sets the CVM results (9F34) and TVR byte 3.

    Raises: CardDataError: a malformed list. Stop: the cardholder cancelled, or VERIFY was answered with nonsense.
    """
    session.own["9F34"] = bytes((_NO_CVM_PERFORMED, 0, 0))
    if electronic_cash.pays(session):
        session.note("JR/T 0025.13", "terminal", "electronic cash pays: the cardholder is not verified")
        return
    if not session.aip & Aip.CARDHOLDER_VERIFICATION_SUPPORTED:
        session.note(_BOOK, "10.5", "the card supports no cardholder verification")
        return
    if "8E" not in session.card:
        session.set(Tvr.ICC_DATA_MISSING, _BOOK, "7.5", "the card supports cardholder verification and has no CVM list")
        return
    methods = parse_cvm_list(session.card["8E"])
    if not methods.rules:
        session.note(_BOOK, "10.5", "the CVM list has no rules, which counts as no list")
        return
    if not (yield from _go_through(session, methods)):
        session.set(Tvr.CARDHOLDER_VERIFICATION_NOT_SUCCESSFUL, _BOOK, "10.5", "no method of the CVM list succeeded")
    session.done(Tsi.CARDHOLDER_VERIFICATION_PERFORMED, _BOOK, "10.5", "cardholder verification performed")


def _go_through(session: Session, methods: CvmList) -> Exchange[bool]:
    """Apply the rules in order. Returns: True when one succeeded, or leaves its result to others (unknown)."""
    results = bytes((_NO_CVM_PERFORMED, 0, _Result.FAILED.value))
    bypassed = False
    for code, condition in methods.rules:
        method, words = code & _METHOD, cvm_rule(code, condition)
        if not condition_holds(session, methods, method, condition):
            session.note(_BOOK, "10.5", f"{words}: condition not met")
            continue
        if method not in _NEEDS:
            session.set(Tvr.UNRECOGNISED_CVM, _BOOK, "10.5", f"{words}: not recognised")
        elif _can(session, method):
            result, bypassed = yield from _perform(session, method, bypassed=bypassed)
            results = bytes((code, condition, result.value))
            session.note(_BOOK, "10.5", f"{words}: {result.name.lower()}")
            if result is not _Result.FAILED:
                session.signature = method in _WITH_SIGNATURE
                session.own["9F34"] = results
                return True
        elif method in _PIN_METHODS:
            session.set(Tvr.PIN_PAD_NOT_PRESENT_OR_NOT_WORKING, _BOOK, "10.5", f"{words}: the terminal cannot")
        else:
            session.note(_BOOK, "10.5", f"{words}: the terminal cannot")
        if not code & _NEXT_IF_FAILED:
            break
    session.own["9F34"] = results
    return False


def condition_holds(session: Session, methods: CvmList, method: int, condition: int) -> bool:
    """True when a rule applies to this transaction. Conditions no book lists never hold.

    X and Y count only when the application's currency (9F42) is the transaction's. Source: EMV 4.4 Book 3, C3.
    """
    transaction = session.transaction
    cash = transaction.type == TransactionType.CASH
    unattended_cash, manual_cash = cash and not session.terminal.attended, cash and session.terminal.attended
    cashback = transaction.other > 0 and not cash
    if condition in (0x06, 0x07, 0x08, 0x09):
        if session.card.get("9F42") != session.own["5F2A"]:
            return False
        limit = methods.x if condition in (0x06, 0x07) else methods.y
        return transaction.amount < limit if condition in (0x06, 0x08) else transaction.amount > limit
    return {
        0x00: True,
        0x01: unattended_cash,
        0x02: not (unattended_cash or manual_cash or cashback),
        0x03: method in _NEEDS and _can(session, method),
        0x04: manual_cash,
        0x05: cashback,
    }.get(condition, False)


def _can(session: Session, method: int) -> bool:
    need = _NEEDS[method]
    return session.terminal.capabilities & need == need


def _perform(session: Session, method: int, *, bypassed: bool) -> Exchange[tuple[_Result, bool]]:
    """Perform one method. Returns: its result, and whether the cardholder refuses to enter a PIN."""
    if method == _NO_CVM:
        return _Result.SUCCESSFUL, bypassed
    if method == _SIGNATURE:
        return _Result.UNKNOWN, bypassed
    if method == _FAIL or bypassed:
        # Who refused one PIN is not asked for another. Source: EMV 4.4 Book 4, 6.3.4.3.
        return _Result.FAILED, bypassed
    if method == _ONLINE_PIN:
        reply: PinReply = yield AskPin(PinMethod.ONLINE, pan=session.account_number)
        entered = _entered(session, reply)
        if entered:
            session.online_pin = True
            session.set(Tvr.ONLINE_PIN_ENTERED, _BOOK, "10.5.2", "PIN entered for the issuer")
        return _Result.UNKNOWN if entered else _Result.FAILED, reply.answer is PinAnswer.BYPASSED
    verified, refused = yield from _offline_pin(session, enciphered=method in _ENCIPHERED)
    if not verified:
        return _Result.FAILED, refused
    return _Result.UNKNOWN if method in _WITH_SIGNATURE else _Result.SUCCESSFUL, False


def _entered(session: Session, reply: PinReply) -> bool:
    """True when a PIN came. Raises: Stop: cancelled."""
    if reply.answer is PinAnswer.CANCELLED:
        raise Cancelled("the cardholder cancelled instead of entering a PIN")
    if reply.answer is PinAnswer.BYPASSED and session.terminal.pin_bypass:
        session.set(Tvr.PIN_PAD_PRESENT_BUT_PIN_NOT_ENTERED, "Book 4", "6.3.4.3", "the cardholder entered no PIN")
    elif reply.answer is PinAnswer.BYPASSED:
        raise Cancelled("the cardholder entered no PIN, and this terminal allows no bypass")
    elif reply.answer is PinAnswer.PAD_FAILED:
        session.set(Tvr.PIN_PAD_NOT_PRESENT_OR_NOT_WORKING, _BOOK, "10.5.1", "the PIN pad does not work")
    return reply.answer is PinAnswer.ENTERED


def _offline_pin(session: Session, *, enciphered: bool) -> Exchange[tuple[bool, bool]]:
    """Let the card verify the PIN. Returns: verified; the cardholder refused to enter one.

    Source: EMV 4.4 Book 3, 10.5.1 and 6.5.12.
    """
    key: PublicKey | None = None
    if enciphered:
        try:
            key = _pin_key(session)
        except CertificateError as error:
            session.note("Book 2", "7.1", f"no key for the PIN: {error}")
            return False, False
    tries_left = yield from counter_of(session, "9F17")
    if tries_left == 0:
        session.set(Tvr.PIN_TRY_LIMIT_EXCEEDED, _BOOK, "10.5.1", "no PIN tries are left")
        return False, False
    for attempt in range(MAX_PIN_ENTRIES):
        reply: PinReply = yield AskPin(
            PinMethod.OFFLINE, tries_left, wrong_before=attempt > 0, pan=session.account_number
        )
        if not _entered(session, reply):
            return False, reply.answer is PinAnswer.BYPASSED
        sw = yield from _verify(session, reply, key)
        if sw is None:
            return False, False
        if sw == apdu.SUCCESS:
            return True, False
        if sw in (apdu.AUTHENTICATION_BLOCKED, apdu.REFERENCE_DATA_INVALIDATED) or sw == 0x63C0:
            session.set(Tvr.PIN_TRY_LIMIT_EXCEEDED, _BOOK, "10.5.1", f"VERIFY answered {sw:04X}: no tries are left")
            return False, False
        if sw & 0xFFF0 != 0x63C0:
            raise Stop(f"VERIFY answered {sw:04X}")
        tries_left = sw & 0x0F
    session.note(_BOOK, "10.5.1", f"{MAX_PIN_ENTRIES} PINs were wrong and the card counts no further down")
    return False, False


def _verify(session: Session, reply: PinReply, key: PublicKey | None) -> Exchange[int | None]:
    """Send the PIN. Returns: the status word; None when the card gives no challenge to encipher it with."""
    if reply.card_answer is not None:
        return reply.card_answer.sw
    if reply.pin is None:
        raise Stop("the PIN pad said that a PIN was entered and gave none")
    if key is None:
        block = pin_block(reply.pin)
    else:
        answer = yield from session.transmit(commands.get_challenge())
        if not answer.ok or len(answer.data) != 8:
            session.note("Book 2", "7.2", "GET CHALLENGE gave no eight bytes")
            return None
        block = encipher_pin(reply.pin, answer.data, key, session.draw)
    answer = yield from session.transmit(commands.verify(block, enciphered=key is not None))
    return answer.sw


def _pin_key(session: Session) -> PublicKey:
    """The card's PIN encipherment key, or its signature key when it has none of its own.

    Raises: CertificateError: neither can be recovered. Source: EMV 4.4 Book 2, 7.1.
    """
    if "9F2D" not in session.card:
        recover_keys(session, need=("9F46", "9F47"))
        return recover_card_key(session)
    issuer_key = recover_keys(session, need=("9F2E",))
    certificate = KeyCertificate(session.card["9F2D"], session.card.get("9F2F", b""), session.card["9F2E"])
    return recover_icc_key(certificate, issuer_key, session.pan, session.today, b"", for_pin=True)
