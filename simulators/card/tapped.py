"""What an application does when the card is tapped: the whole transaction in one answer, or a stripe that changes.

Source: EMV Contactless Book C-3, 2.4 and annexes (terminal and card transaction qualifiers, dynamic signature with
9F69); JR/T 0025.12 (UnionPay); Book C-2, 5.14 (COMPUTE CRYPTOGRAPHIC CHECKSUM).
Leaves out relay resistance, data storage, and Visa's magnetic stripe mode.
"""

from __future__ import annotations

from typing import Final

from posterm import tlv
from posterm.hsm.card_values import cvc3
from simulators.card import risk
from simulators.card.applet import Applet, begin, log_transaction, packed
from simulators.card.command import Command, RefusedError, Sw
from simulators.card.cryptograms import make_cryptogram
from simulators.card.personalization import (
    SIGNATURE_SFI,
    STRIPE_SFI,
    application_file_locator,
)
from simulators.card.profile import Condition, Contactless
from simulators.card.state import Kind, Phase

# Terminal transaction qualifiers 9F66, byte 1 then byte 2 then byte 3.
_READER_IS_OFFLINE, _READER_TAKES_PIN, _READER_TAKES_SIGNATURE = 0x08, 0x04, 0x02
_ONLINE_WANTED, _CVM_WANTED = 0x80, 0x40
_READER_TAKES_DEVICE = 0x40
# Card transaction qualifiers 9F6C.
_CTQ: Final = {"online-pin": b"\x80\x00", "signature": b"\x40\x00", "device": b"\x00\x80", "": b"\x00\x00"}
_LONGEST_SIGNATURE_IN_ANSWER: Final = 128
_CHECKSUM_P1_P2: Final = (0x8E, 0x80)
_OFFLINE_FORBIDDEN: Final = frozenset(
    {Condition.LOWER_COUNT, Condition.LAST_ONLINE_INCOMPLETE, Condition.ISSUER_AUTHENTICATION_FAILED}
)


def get_processing_options(applet: Applet, command: Command) -> bytes:
    """Decide at once, and answer with the cryptogram and all the reader needs.

    Offline (TC) comes with an AFL, certificates and a signature; online (ARQC) and declined (AAC) with neither.
    """
    begin(applet, command)
    terms = applet.card.application.contactless
    if terms is None:
        raise RefusedError(Sw.CONDITIONS)
    now, memory = applet.now, applet.memory
    held = risk.conditions(applet.card.application, memory, applet.amount_minor)
    cvm = _cardholder_verification(terms, now.values["9F66"])
    now.first = _decision(applet, terms, held, cvm)
    qualifiers = _CTQ[cvm or ""]
    cryptogram = now.cryptogram = make_cryptogram(applet, held)
    now.phase = Phase.COMPLETED
    items = [("82", applet.card.aip)]
    signature = b""
    if now.first is Kind.TC:
        signature = _sign(applet, qualifiers)
        items.append(("94", _offline_records(applet, signature, qualifiers)))
        now.owed_minor = applet.amount_minor
        now.electronic_cash = applet.card.application.electronic_cash is not None
        risk.account(memory, now, Kind.TC, now.owed_minor)
        log_transaction(applet)
    items += [
        ("57", tlv.parse(tlv.parse(applet.card.records[STRIPE_SFI, 1])[0][1])[0][1]),
        ("5F34", bytes.fromhex(applet.card.profile.holder.sequence)),
        ("9F10", now.iad),
        ("9F26", cryptogram),
        ("9F27", bytes((now.first,))),
        ("9F36", applet.atc),
        ("9F6C", qualifiers),
    ]
    if now.first is Kind.TC:
        items.append(("9F5D", packed(memory.funds_minor - now.owed_minor)))
    if 0 < len(signature) <= _LONGEST_SIGNATURE_IN_ANSWER:
        items.append(("9F4B", signature))
    return tlv.build([("77", tlv.build(items))])


def compute_cryptographic_checksum(applet: Applet, command: Command) -> bytes:
    """The check values for both tracks, and the counter."""
    applet.require(Phase.INITIATED)
    if (command.p1, command.p2) != _CHECKSUM_P1_P2:
        raise RefusedError(Sw.WRONG_P1_P2)
    if len(command.data) != 4:
        raise RefusedError(Sw.WRONG_LENGTH)
    stripe = dict(tlv.parse(tlv.parse(applet.card.records[STRIPE_SFI, 1])[0][1]))
    applet.now.phase = Phase.COMPLETED

    def check_value(track: str) -> bytes:
        digits = cvc3(applet.card.keys.cvc3, stripe[track], applet.memory.atc, command.data)
        return int(digits).to_bytes(2, "big")

    items = [("9F61", check_value("9F6B")), ("9F60", check_value("56")), ("9F36", applet.atc)]
    return tlv.build([("77", tlv.build(items))])


def _cardholder_verification(terms: Contactless, ttq: bytes) -> str | None:
    """The first method of the card that the reader has; empty when it wants none, None when nothing fits."""
    if not ttq[1] & _CVM_WANTED:
        return ""
    offered = {
        "online-pin": bool(ttq[0] & _READER_TAKES_PIN),
        "signature": bool(ttq[0] & _READER_TAKES_SIGNATURE),
        "device": bool(ttq[2] & _READER_TAKES_DEVICE),
    }
    return next((method for method in terms.cvm if offered[method]), None)


def _decision(applet: Applet, terms: Contactless, held: frozenset[Condition], cvm: str | None) -> Kind:
    ttq, memory, application = applet.now.values["9F66"], applet.memory, applet.card.application
    if memory.blocked or cvm is None or held & application.risk.decline:
        return Kind.AAC
    cash = application.electronic_cash
    limit = terms.offline_limit_minor if cash is None else applet.cash_limit_minor("9F78")
    is_offline = (
        not ttq[1] & _ONLINE_WANTED
        and applet.card.can_sign
        and cvm != "online-pin"
        and applet.now.values["5F2A"] == bytes.fromhex(terms.currency or application.currency)
        and applet.amount_minor <= min(limit, memory.funds_minor)
        and (cash is not None or not held & _OFFLINE_FORBIDDEN)
    )
    if is_offline:
        return Kind.TC
    return Kind.AAC if ttq[0] & _READER_IS_OFFLINE else Kind.ARQC


def _related_data(applet: Applet, qualifiers: bytes) -> bytes:
    """Card authentication related data, 9F69: version, the card's own number, its qualifiers."""
    return b"\x01" + applet.now.dynamic_number[:4] + qualifiers


def _sign(applet: Applet, qualifiers: bytes) -> bytes:
    """The dynamic signature over counter, number, amount, currency and the card's qualifiers."""
    said = applet.now.values
    terminal_data = said["9F37"] + said["9F02"] + said["5F2A"] + _related_data(applet, qualifiers)
    return applet.sign(bytes((len(applet.atc),)) + applet.atc, terminal_data)


def _offline_records(applet: Applet, signature: bytes, qualifiers: bytes) -> bytes:
    """The AFL; its last record is made for this transaction, and holds the signature when the answer cannot."""
    items = [("9F69", _related_data(applet, qualifiers))]
    if len(signature) > _LONGEST_SIGNATURE_IN_ANSWER:
        items.append(("9F4B", signature))
    last = (SIGNATURE_SFI, 1)
    applet.now.extra_records = {last: tlv.build([("70", tlv.build(items))])}
    applet.now.last_record = last
    kept = {place: record for place, record in applet.card.records.items() if place[0] != STRIPE_SFI}
    return application_file_locator(kept | applet.now.extra_records)
