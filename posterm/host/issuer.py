"""Cards: taking them on, finding the one a request names, and whether it may pay.

A PAN is only looked at here and in the HSM; what is kept is its keyed fingerprint and its masked form. A wrong PIN is
answered 55 as often as the profile allows tries; after that every PIN is answered 75, the right one too.

Source: Q/CUP 009, PAN and PIN elements; ISO/IEC 7813 (expiry). Leaves out CVVs; chips are judged in
`chip`.
"""

from __future__ import annotations

from typing import Final

from posterm.bcd import is_digits
from posterm.host.case import Case, Desk, Refusal, key_block
from posterm.host.chart import AccountKind, bank
from posterm.host.chip import spares_pin
from posterm.host.errors import EnrolmentError
from posterm.host.fees import FeeClass
from posterm.host.records import ACTIVE, CardKind, CardRecord, PinPolicy, TransferKind, TransferRecord
from posterm.hsm import HsmError, Pin, PinFormat, PinMismatch
from posterm.sensitive import Pan, SensitiveValueError, Track2, Track3, luhn_valid
from posterm.unionpay.response_codes import response_code
from posterm.unionpay.transactions import CHIP_ENTRIES, CODE_ENTRIES, STRIPE_ENTRIES, Entry, Kind

_ACCOUNTS: Final = {
    CardKind.DEBIT.value: AccountKind.CARDHOLDER_DEBIT,
    CardKind.CREDIT.value: AccountKind.CARDHOLDER_CREDIT,
}
HOME_SCHEME: Final = "CUP"
_CHANNELS: Final[dict[str, str]] = {
    **dict.fromkeys(CHIP_ENTRIES, "chip"),
    **dict.fromkeys((*STRIPE_ENTRIES, Entry.CONTACTLESS_STRIPE), "stripe"),
    **dict.fromkeys(CODE_ENTRIES, "qr"),
}
"""How a card was read, as plans name it, by DE 22; all else is keyed."""

_PIN_FORMATS: Final = {"1": PinFormat.NO_PAN, "2": PinFormat.ISO_0}
"""By the first digit of DE 53; any other is the profile's own."""
_NEEDS_PIN: Final = frozenset({Kind.SALE, Kind.PREAUTH, Kind.BALANCE})
_TAKES_MONEY: Final = frozenset({Kind.SALE, Kind.PREAUTH, Kind.PREAUTH_ADD, Kind.BALANCE})
"""Kinds for which the card itself must be good. Money that comes back, and what was authorised before, goes through."""

NAMES_ORIGINAL: Final = frozenset(
    {
        Kind.VOID,
        Kind.REFUND,
        Kind.PREAUTH_ADD,
        Kind.PREAUTH_VOID,
        Kind.COMPLETION,
        Kind.COMPLETION_VOID,
        Kind.COMPLETION_NOTICE,
        Kind.TIP_ADJUST,
    }
)
"""Kinds that refer to an earlier transaction, and so may leave the card out."""


def enrol_card(
    desk: Desk, pan: Pan, pin: Pin | None, card: CardRecord, *, balance: int, credit_line: int, at: str
) -> str:
    """Take on a card with its account and opening balance. `card` gives its terms; fingerprint and mask are put in.

    Returns: the card's fingerprint.
    Raises: EnrolmentError: a value that cannot be, or enrolled before.
    """
    if not luhn_valid(pan.reveal()):
        raise EnrolmentError(f"card {pan}: the check digit is wrong")
    if card.kind not in _ACCOUNTS or card.pin_policy not in set(PinPolicy):
        raise EnrolmentError(f"card {pan}: need a kind of debit or credit and a PIN policy of required or optional")
    if card.status != ACTIVE and (len(card.status) != 2 or not card.status.isalnum() or not card.status.isascii()):
        raise EnrolmentError(f"card {pan}: need a status of active or a two-character answer code")
    if response_code(card.status, desk.profile.code_extensions).approved:
        raise EnrolmentError(f"card {pan}: the status {card.status} is an approval")
    if not _fits(card.scheme, 3) or not _fits(card.issuer_id, 11):
        raise EnrolmentError(f"card {pan}: need a scheme of 3 characters and an issuer of at most 11")
    if len(card.expiry) != 4 or not is_digits(card.expiry) or not 1 <= int(card.expiry[2:]) <= 12:
        raise EnrolmentError(f"card {pan}: need an expiry of YYMM")
    if balance < 0 or credit_line < 0 or (credit_line and card.kind == CardKind.DEBIT):
        raise EnrolmentError(
            f"card {pan}: balance and credit line are not negative, and debit cards have no credit line"
        )
    fingerprint = desk.card_fingerprint(pan)
    if desk.store.card(fingerprint) is not None:
        raise EnrolmentError(f"card {pan} is enrolled already")
    offset = desk.hsm.generate_pin_offset(desk.keys.pvk, pin, pan) if pin is not None else ""
    named = card._replace(fingerprint=fingerprint, masked_pan=pan.masked, pin_offset=offset)
    currency = card.currency
    with desk.store.savepoint():
        desk.store.put_card(named)
        desk.ledger.open_account(bank(currency), currency, AccountKind.BANK)
        desk.ledger.open_account(named.account_id, currency, _ACCOUNTS[card.kind], credit_line=credit_line)
        if balance:
            opening = f"opening/{fingerprint}"
            kind = TransferKind.POSTED.value
            desk.ledger.apply([TransferRecord(opening, kind, bank(currency), named.account_id, balance, currency, at)])
    return fingerprint


def block_card(desk: Desk, fingerprint: str, code: str) -> None:
    """Put a card on the acquirer's black list with the answer code it gets; take it off with an empty one.

    Raises: EnrolmentError: no such card, or a code that is none or approves.
    """
    card = desk.store.card(fingerprint)
    if card is None:
        raise EnrolmentError("no such card is enrolled")
    if code and not (len(code) == 2 and code.isascii() and code.isalnum()):
        raise EnrolmentError("need an answer code of two letters or digits")
    if code and response_code(code, desk.profile.code_extensions).approved:
        raise EnrolmentError(f"the answer code {code} is an approval")
    desk.store.put_card(card._replace(blocked=code))


def _fits(text: str, length: int) -> bool:
    return 0 < len(text) <= length and text.isascii() and text.isalnum()


def read_pan(case: Case) -> Refusal | None:
    """Find the PAN in 2, else in track 2, else in track 3. None, with `case.pan` unset, when there is no card data.

    Answers: 14 what is there is no card number, or element 2 and the track name different cards.
    """
    try:
        keyed = Pan(case.text(2)) if 2 in case.message else None
        track = _track_pan(case)
    except (SensitiveValueError, HsmError):
        return Refusal("14", "the card number cannot be read")
    if keyed is not None and track is not None and keyed != track[0]:
        return Refusal("14", "element 2 and the track name different cards")
    case.pan, case.track_expiry = track or (None, "")
    case.pan = keyed or case.pan
    return None


def check_range(case: Case) -> Refusal | None:
    """ZB, else 15, when the card number is in no range of the table. Finds out whose card it is."""
    if case.pan is None:
        return None
    if case.desk.issuers:
        case.issuer = case.desk.issuers.of_card(case.pan.reveal()) or case.issuer
    case.range = case.desk.terms.ranges.find(case.pan.reveal())
    return None if case.range is not None else Refusal(case.desk.own_code("ZB", "15"), "the card is in no known range")


def find_issuer(case: Case) -> Refusal | None:
    """Find out who issued the card of an original that stands for its card; 92 when nobody leads there any more."""
    card = case.card
    if card is None or not card.network or case.issuer is not case.desk.here:
        return None
    issuer = case.desk.issuers.named(card.network)
    if issuer is None:
        return Refusal("92", "no route to the card's issuer any more")
    case.issuer = issuer
    issuer.find_card_number(case)
    return None


def find_fee_class(case: Case) -> Refusal | None:
    """Find out what fees and limits depend on; nothing is refused here. A card's own issuer knows its class best."""
    card = case.card
    if card is not None:
        entry = case.text(22)[:2]
        case.fee_class = FeeClass(card.kind, _CHANNELS.get(entry, "keyed"), foreign=_is_foreign(card))
    return None


def _is_foreign(card: CardRecord) -> bool:
    return card.scheme != HOME_SCHEME and card.kind != CardKind.WALLET


def check_card(case: Case) -> Refusal | None:
    """14 unknown card or bad check digit, 57 another currency, 54 expired, or the card's status as the answer code."""
    kind = case.known_row().kind
    if case.pan is None:
        return None if kind in NAMES_ORIGINAL else Refusal("14", "no card number")
    if not luhn_valid(case.pan.reveal()):
        return Refusal("14", "the check digit is wrong")
    card = case.desk.store.card(case.desk.card_fingerprint(case.pan))
    if card is None:
        return Refusal("14", "no such card")
    if card.network:
        return Refusal("92", "no route to the card's issuer any more")
    case.card = card
    if card.currency != case.currency:
        return Refusal("57", "the card is kept in another currency")
    if kind not in _TAKES_MONEY:
        return None
    if card.status != ACTIVE:
        return Refusal(card.status, "the card's status")
    if card.expiry < case.at[2:4] + case.today[:2]:
        return Refusal("54", "the card has expired")
    presented = case.text(14) or case.track_expiry
    if presented and presented != card.expiry:
        return Refusal("54", "the expiry presented is not the card's")
    return None


def check_pin(case: Case) -> Refusal | None:
    """55 wrong or missing, 75 no tries left, 99 the block cannot be opened."""
    desk, card = case.desk, case.known_card()
    form = case.text(53)[:1]
    if 52 not in case.message or form == "0":
        needed = case.known_row().kind in _NEEDS_PIN and card.pin_policy == PinPolicy.REQUIRED and not spares_pin(case)
        return Refusal("55", "the card needs a PIN") if needed and card.pin_offset else None
    if case.pan is None or not card.pin_offset:
        return Refusal("55", "the card has no PIN to compare with")
    if card.pin_failures >= desk.profile.rules.pin_tries_max:
        return Refusal("75", "no PIN tries left")
    try:
        desk.hsm.verify_pin(
            key_block(case.known_terminal().pik),
            case.message[52],
            _PIN_FORMATS.get(form) or desk.profile.pin.pin_format,
            case.pan,
            pvk=desk.keys.pvk,
            offset=card.pin_offset,
        )
    except PinMismatch:
        case.card = card._replace(pin_failures=card.pin_failures + 1)
        desk.store.put_card(case.card)
        return Refusal("55", f"wrong PIN, try {case.card.pin_failures} of {desk.profile.rules.pin_tries_max}")
    except HsmError:
        return Refusal("99", "the PIN block cannot be opened")
    if card.pin_failures:
        case.card = card._replace(pin_failures=0)
        desk.store.put_card(case.card)
    return None


def _track_pan(case: Case) -> tuple[Pan, str] | None:
    """The PAN and expiry of the track that was sent."""
    if 35 in case.message:
        track2 = Track2(clear_track(case, 35))
        return track2.pan, track2.expiry
    if 36 in case.message:
        return Track3(clear_track(case, 36)).pan, ""
    return None


def clear_track(case: Case, element: int) -> str:
    """Track 2 or 3 as it is on the card, whether it was sent enciphered or not. Raises: HsmError."""
    nibbles = case.text(element)
    if case.text(53)[2:3] != "1":
        return nibbles
    tdk = case.known_terminal().tdk
    return case.desk.hsm.decrypt_track(key_block(tdk), nibbles)
