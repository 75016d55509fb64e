"""Kernel 2: Mastercard contactless, in its EMV mode; `c2_stripe` has the other.

    GET PROCESSING OPTIONS, records | CDA keys | restrictions | cardholder | limits | action analysis | GENERATE AC

The decisions are those of the contact kernel, with what the tap changes: the cardholder does nothing while the card
is in the field, combined signatures are the only offline authentication, and there is no second GENERATE AC.

Source: EMV Contactless Book C-2, 6 and 7 (CVM selection 7.5, processing restrictions 7.7, action analysis 7.8). Leaves
out relay resistance, data storage, balance reading, and the recovery of torn transactions.
"""

from __future__ import annotations

from typing import Final

from posterm.emv.bits import Aip, CryptogramType, TerminalCapabilities, Tvr
from posterm.emv.contactless import c2_stripe
from posterm.emv.contactless.outcome import KernelOutcome, Message, Verdict, Verification
from posterm.emv.contactless.tap import Tap, initiate, read_records
from posterm.emv.errors import CardDataError
from posterm.emv.exchange import Exchange
from posterm.emv.kernel.action import decide, first_generate_ac
from posterm.emv.kernel.authentication import prepare_cda
from posterm.emv.kernel.restrictions import processing_restrictions
from posterm.emv.kernel.verification import condition_holds, parse_cvm_list

BOOK: Final = c2_stripe.BOOK

_MANDATORY: Final = ("5A", "5F24", "8C")
_METHOD: Final = 0x3F
_NEXT_IF_FAILED: Final = 0x40
_OFFLINE_PIN_METHODS: Final = frozenset({0x00, 0x01, 0x03, 0x04, 0x05})
"""Methods a contactless reader never can: fail, and every PIN that the card would verify."""

_METHODS: Final = {
    0x02: (Verification.ONLINE_PIN, TerminalCapabilities.ENCIPHERED_ONLINE_PIN, 0x00),
    0x1E: (Verification.SIGNATURE, TerminalCapabilities.SIGNATURE, 0x00),
    0x1F: (Verification.NONE, TerminalCapabilities.NO_CVM_REQUIRED, 0x02),
}
"""What each other method is, what the terminal needs for it, and byte 3 of the results. Source: Book C-2, 7.5."""

_NO_CVM: Final = bytes.fromhex("3F0002")
_DEVICE_CVM: Final = bytes.fromhex("010002")
_NO_LIST: Final = bytes.fromhex("3F0000")
_NONE_FITTED: Final = bytes.fromhex("3F0001")


def perform(tap: Tap) -> Exchange[KernelOutcome]:
    """One tap with kernel 2, in the mode that card and reader share. Raises: CardDataError, Stop."""
    refused = yield from initiate(tap, BOOK, "6")
    if refused is not None:
        return refused
    yield from read_records(tap)
    limits = tap.combination.application.contactless
    if not tap.aip & Aip.ON_DEVICE_CARDHOLDER_VERIFICATION_SUPPORTED and (
        limits.without_device is not None and tap.transaction.amount > limits.without_device
    ):
        return tap.ended(Verdict.SELECT_NEXT, "above the limit of a card that verifies no one", Message.INSERT_OR_SWIPE)
    if tap.aip & Aip.EMV_MODE_SUPPORTED:
        return (yield from _emv_mode(tap))
    if not limits.stripe_mode:
        return tap.ended(Verdict.END_APPLICATION, "the card has no EMV mode", Message.INSERT_OR_SWIPE)
    return (yield from c2_stripe.run(tap))


def _emv_mode(tap: Tap) -> Exchange[KernelOutcome]:
    if missing := [tag for tag in _MANDATORY if not tap.card.get(tag)]:
        raise CardDataError(f"EMV mode: need {' '.join(missing)}, have none")
    pan = tap.card_number()
    if tap.aip & Aip.CDA_SUPPORTED and tap.terminal.capabilities & TerminalCapabilities.CDA:
        prepare_cda(tap)
    else:
        tap.set(Tvr.OFFLINE_DATA_AUTHENTICATION_NOT_PERFORMED, BOOK, "6", "no combined signature")
    processing_restrictions(tap)
    verification = _select_verification(tap)
    if tap.combination.above_floor:
        tap.set(Tvr.FLOOR_LIMIT_EXCEEDED, BOOK, "6", "above the contactless floor limit")
    if tap.files.on_exception_file(pan):
        tap.set(Tvr.CARD_ON_TERMINAL_EXCEPTION_FILE, "EMV Book 4", "6.3.5", "the card is on the exception file")
    given = yield from first_generate_ac(tap, decide(tap))
    if given is CryptogramType.AAC:
        return tap.declined("the card declined")
    if tap.tvr & Tvr.CDA_FAILED and tap.icc_key is not None:
        # The key was good and a signature asked for: what came is not the card's.
        return tap.declined("the card's signature does not hold")
    return tap.goes_online(verification) if given is CryptogramType.ARQC else tap.approved(verification)


def _select_verification(tap: Tap) -> Verification:
    """CVM selection. Source: Book C-2, 7.5."""
    required = tap.combination.cvm_required
    if tap.aip & Aip.ON_DEVICE_CARDHOLDER_VERIFICATION_SUPPORTED and required:
        tap.own["9F34"] = _DEVICE_CVM
        tap.note(BOOK, "7.5", "the device verifies its holder")
        return Verification.DEVICE
    if not (required and tap.aip & Aip.CARDHOLDER_VERIFICATION_SUPPORTED):
        tap.own["9F34"] = _NO_CVM
        return Verification.NONE
    methods = parse_cvm_list(tap.card["8E"]) if "8E" in tap.card else None
    if methods is None or not methods.rules:
        tap.own["9F34"] = _NO_LIST
        tap.set(Tvr.ICC_DATA_MISSING, BOOK, "7.5", "no CVM list")
        return Verification.NONE
    for code, condition in methods.rules:
        method = code & _METHOD
        if not condition_holds(tap, methods, method, condition):
            continue
        verification, needed, result = _METHODS.get(method, (None, TerminalCapabilities(0), 0))
        if verification is not None and tap.terminal.capabilities & needed:
            tap.own["9F34"] = bytes((code, condition, result))
            bit = Tvr.ONLINE_PIN_ENTERED if verification is Verification.ONLINE_PIN else Tvr.NONE
            tap.set(bit, BOOK, "7.5", f"cardholder verification: {verification}")
            return verification
        if verification is None and method not in _OFFLINE_PIN_METHODS:
            tap.set(Tvr.UNRECOGNISED_CVM, BOOK, "7.5", "a method no book lists")
        if not code & _NEXT_IF_FAILED:
            break
    tap.own["9F34"] = _NONE_FITTED
    tap.set(Tvr.CARDHOLDER_VERIFICATION_NOT_SUCCESSFUL, BOOK, "7.5", "no way of verification fits")
    return Verification.NONE
