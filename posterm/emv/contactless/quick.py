"""What kernels 3 and 7 have in common: the whole transaction in the answer to GET PROCESSING OPTIONS.

The card has decided when its answer comes. An approval (TC) counts only with a dynamic signature that holds (fast
DDA); what happens when it does not, or when the card has expired, the card says itself in its transaction qualifiers
(9F6C).

Source: EMV Contactless Book C-3, 5.2 to 5.7; Book C-7 where it follows the same course; Visa's and UnionPay's issuer
application data for the cryptogram type where the card sends no 9F27. Leaves out issuer updates by a second tap and
Visa's mag-stripe mode.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from posterm.emv.bits import Aip, CryptogramType, Ctq, Ttq, Tvr
from posterm.emv.certificates import verify_dynamic_data
from posterm.emv.contactless.outcome import KernelOutcome, Message, Verdict, Verification
from posterm.emv.contactless.tap import Tap, initiate, read_records, recover_key
from posterm.emv.errors import CardDataError, CertificateError
from posterm.emv.exchange import Exchange

_MANDATORY: Final = ("9F10", "9F26", "9F36")
_FDDA_VERSION_0: Final = 0x00
_FDDA_VERSION_1: Final = 0x01


@dataclass(frozen=True, slots=True)
class Clauses:
    """Where the rules of a kernel stand."""

    book: str
    initiation: str
    decision: str
    restrictions: str
    authentication: str
    verification: str


def run(tap: Tap, clauses: Clauses) -> Exchange[KernelOutcome]:
    """One tap, from GET PROCESSING OPTIONS to the verdict.

    Raises: CardDataError, Stop: the caller ends the application.
    """
    refused = yield from initiate(tap, clauses.book, clauses.initiation)
    if refused is not None:
        return refused
    yield from read_records(tap)
    if missing := [tag for tag in _MANDATORY if not tap.card.get(tag)]:
        raise CardDataError(f"processing options: need {' '.join(missing)}, have none")
    tap.card_number()
    decided = _cryptogram_type(tap.card)
    tap.cryptogram = decided
    tap.note(clauses.book, clauses.decision, f"the card decided: {decided.name}")
    ctq = Ctq.from_value(tap.card.get("9F6C", b""))
    match decided:
        case CryptogramType.TC:
            return _offline(tap, clauses, ctq)
        case CryptogramType.ARQC:
            return _verified(tap, clauses, ctq, online=True)
        case _:
            return tap.declined("the card declined")


def _offline(tap: Tap, clauses: Clauses, ctq: Ctq) -> KernelOutcome:
    """What the reader makes of an approval by the card."""
    book = clauses.book
    if tap.combination.ttq & Ttq.ONLINE_CRYPTOGRAM_REQUIRED:
        # The card was told that this amount goes online: an approval of its own is not for it to give.
        return tap.declined("the card approved what had to go online")
    if tap.files.on_exception_file(tap.card_number()):
        bit = Tvr.CARD_ON_TERMINAL_EXCEPTION_FILE
        tap.set(bit, book, clauses.restrictions, "on the exception file")
        return tap.declined("on the exception file")
    expires = tap.card.get("5F24", b"")
    if len(expires) == 3 and expires.hex() < f"{tap.today:%y%m%d}":
        tap.set(Tvr.EXPIRED_APPLICATION, book, clauses.restrictions, "the application has expired")
        if ctq & Ctq.GO_ONLINE_IF_APPLICATION_EXPIRED and _reader_goes_online(tap):
            return _verified(tap, clauses, ctq, online=True)
        return tap.declined("the application has expired")
    if _signature_holds(tap, clauses):
        return _verified(tap, clauses, ctq, online=False)
    if ctq & Ctq.GO_ONLINE_IF_ODA_FAILS_AND_READER_CAN and _reader_goes_online(tap):
        return _verified(tap, clauses, ctq, online=True)
    if ctq & Ctq.SWITCH_INTERFACE_IF_ODA_FAILS and tap.combination.ttq & Ttq.CONTACT_EMV_SUPPORTED:
        why = "the signature does not hold; the card asks for contacts"
        return tap.ended(Verdict.TRY_ANOTHER_INTERFACE, why, Message.INSERT_CARD)
    return tap.declined("the card's signature does not hold")


def _verified(tap: Tap, clauses: Clauses, ctq: Ctq, *, online: bool) -> KernelOutcome:
    verification = _verification(tap, clauses, ctq, online=online)
    if verification is None:
        return tap.declined("the cardholder has to be verified, and card and reader share no way")
    return tap.goes_online(verification) if online else tap.approved(verification)


def _cryptogram_type(card: dict[str, bytes]) -> CryptogramType:
    """9F27, else bits 6-5 of the first byte of the card verification results in the issuer application data (9F10).

    Source: Book C-3, 5.4: the reader takes the type from there when the card sends no cryptogram information.
    """
    if card.get("9F27"):
        return CryptogramType.of(card["9F27"][0])
    if len(card["9F10"]) < 5:
        raise CardDataError("issuer application data: need card verification results, have none")
    return CryptogramType((card["9F10"][4] & 0x30) << 2)


def _signature_holds(tap: Tap, clauses: Clauses) -> bool:
    """Fast DDA of an approval. Source: Book C-3, 5.6 and annex C."""
    try:
        verify_dynamic_data(_signature(tap), recover_key(tap), _terminal_dynamic_data(tap))
    except CertificateError as error:
        tap.set(Tvr.DDA_FAILED, clauses.book, clauses.authentication, f"fast DDA failed: {error}")
        return False
    tap.note(clauses.book, clauses.authentication, "fast DDA: the signature holds")
    return True


def _signature(tap: Tap) -> bytes:
    """9F4B. Raises: CertificateError: there is none."""
    if not tap.aip & (Aip.DDA_SUPPORTED | Aip.CDA_SUPPORTED):
        tap.tvr |= Tvr.OFFLINE_DATA_AUTHENTICATION_NOT_PERFORMED
        raise CertificateError("the card supports no dynamic signature")
    if not tap.card.get("9F4B"):
        tap.tvr |= Tvr.ICC_DATA_MISSING
        raise CertificateError("no signature came with the approval")
    return tap.card["9F4B"]


def _terminal_dynamic_data(tap: Tap) -> bytes:
    """What the reader contributes to the signature; 9F69 says which form. Raises: CertificateError: an unknown form."""
    related, own = tap.card.get("9F69", b""), tap.own
    if not related or related[0] == _FDDA_VERSION_0:
        return own["9F37"]
    if related[0] != _FDDA_VERSION_1:
        raise CertificateError("card authentication related data: an unknown version of fast DDA")
    return own["9F37"] + own["9F02"] + own["5F2A"] + related


def _verification(tap: Tap, clauses: Clauses, ctq: Ctq, *, online: bool) -> Verification | None:
    """How the cardholder is verified. None: he has to be, and cannot. Source: Book C-3, 5.7."""
    book, clause, ttq = clauses.book, clauses.verification, tap.combination.ttq
    if ctq & Ctq.ONLINE_PIN_REQUIRED and ttq & Ttq.ONLINE_PIN_SUPPORTED and online:
        tap.note(book, clause, "the card asks for the PIN online")
        return Verification.ONLINE_PIN
    if ctq & Ctq.CONSUMER_DEVICE_CVM_PERFORMED and _device_is_believed(tap, ctq, online=online):
        tap.note(book, clause, "the device verified its holder")
        return Verification.DEVICE
    if ctq & Ctq.SIGNATURE_REQUIRED and ttq & Ttq.SIGNATURE_SUPPORTED:
        tap.note(book, clause, "the card asks for a signature")
        return Verification.SIGNATURE
    if not ttq & Ttq.CVM_REQUIRED:
        tap.note(book, clause, "below the limit from which the cardholder is verified")
        return Verification.NONE
    if "9F6C" not in tap.card:
        # A card without qualifiers leaves the choice to the reader.
        if ttq & Ttq.SIGNATURE_SUPPORTED:
            return Verification.SIGNATURE
        if ttq & Ttq.ONLINE_PIN_SUPPORTED and online:
            return Verification.ONLINE_PIN
    tap.set(Tvr.CARDHOLDER_VERIFICATION_NOT_SUCCESSFUL, book, clause, "the amount asks for verification: no way fits")
    return None


def _device_is_believed(tap: Tap, ctq: Ctq, *, online: bool) -> bool:
    """True when the signature covers the qualifiers too; online, without 9F69, the issuer sees for itself. C-3, 5.7."""
    related = tap.card.get("9F69", b"")
    return related[5:7] == ctq.to_bytes() if related else online


def _reader_goes_online(tap: Tap) -> bool:
    return tap.terminal.online_capable and not tap.combination.ttq & Ttq.OFFLINE_ONLY
