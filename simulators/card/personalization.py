"""From profile to card: keys, certificates, records, file control information, for one application and interface.

A tapped card has records, an AIP and certificates of its own, because what is signed covers the AIP.

Source: EMV 4.4 Book 3, 7 (files, mandatory data), 10.2 (AFL), 10.3 (what is signed), annex C1 (AIP); Book 2, 5.1 and
6.1 (what each method needs); Book C-2, A.1 (stripe data); Book C-3, annex A.
Leaves out 9F4A other than the AIP, and records that hold more than one template.
"""

from __future__ import annotations

import calendar
import hashlib
from dataclasses import dataclass, field, replace
from typing import Final, Literal

from posterm import tlv
from posterm.hsm.cryptogram import Cvn
from posterm.sensitive import Pan
from simulators.card import certificates, rsa
from simulators.card.issuer_keys import (
    AUTHORITY_INDEX,
    CardKeys,
    authority_key,
    issuer_key,
    master_keys,
)
from simulators.card.profile import Application, CardProfile, parse_dol
from simulators.card.rsa import RsaKey
from simulators.cards import CHIP_CARD, find_card

Interface = Literal["contact", "contactless"]
Records = dict[tuple[int, int], bytes]
"""Records by short file identifier and number, template and all."""

STRIPE_SFI, KEYS_SFI, DATA_SFI, CASH_SFI, SIGNATURE_SFI = 1, 2, 3, 4, 5
SIGNED_RECORD: Final = (DATA_SFI, 1)
"""What offline authentication covers, beside the AIP."""

CASH_RECORD: Final = (CASH_SFI, 1)
"""Named by the AFL only when electronic cash pays."""

_SDA, _DDA, _CARDHOLDER, _TERMINAL_RISK, _ISSUER_AUTHENTICATION, _CDA = 0x40, 0x20, 0x10, 0x08, 0x04, 0x01
_EMV_MODE: Final = 0x80  # AIP byte 2 of a Mastercard that does more than the stripe
LOG_SFI, LOG_RECORDS = 11, 10
LOG_FORMAT: Final = bytes.fromhex("9A039F21039F02069F03069F1A025F2A029C019F3602")
"""What a record of the transaction log holds (9F4F). Source: EMV 4.4 Book 3, annex D; JR/T 0025.5."""

_DATA_AUTHENTICATION_CODE: Final = bytes.fromhex("DAC1")
_QVSDC_PDOL: Final = "9F66049F02069F03069F1A0295055F2A029A039C019F3704"
_STRIPE_PUNATC: Final = {"9F62": "000000000038", "9F63": "0000000003C6", "9F64": "04"}
_STRIPE_PUNATC_2: Final = {"9F65": "0038", "9F66": "03C6", "9F67": "04"}


@dataclass(frozen=True, slots=True, repr=False)
class Personalization:
    """One application on one interface, as it leaves the issuer."""

    profile: CardProfile
    application: Application
    interface: Interface
    keys: CardKeys
    icc_key: RsaKey
    pin_key: RsaKey
    aip: bytes
    pdol: tuple[tuple[str, int], ...]
    cdol1: tuple[tuple[str, int], ...]
    cdol2: tuple[tuple[str, int], ...]
    ddol: tuple[tuple[str, int], ...]
    fci: bytes
    records: Records = field(default_factory=dict)

    @property
    def aid(self) -> bytes:
        return bytes.fromhex(self.application.aid)

    @property
    def cvn(self) -> Cvn:
        return self.application.version_of_cryptogram

    @property
    def mode(self) -> str:
        """`contact`, or how it answers when tapped."""
        if self.interface == "contact" or self.application.contactless is None:
            return "contact"
        return self.application.contactless.mode

    @property
    def can_sign(self) -> bool:
        """It has a key of its own: DDA, CDA."""
        return bool(self.application.authentication & {"dda", "cda"})


def personalize(profile: CardProfile, application: Application, interface: Interface) -> Personalization:
    """Make the application as it is on this interface."""
    bits = application.icc_key_bits
    pan = Pan(profile.holder.pan)
    pdol = application.pdol
    blank = Personalization(
        profile,
        application,
        interface,
        keys=master_keys(profile.scheme).for_card(application.version_of_cryptogram, pan, profile.holder.sequence),
        icc_key=rsa.key(f"icc/{profile.key_label}", bits),
        pin_key=rsa.key(f"pin/{profile.key_label}", bits),
        aip=b"",
        pdol=(),
        cdol1=application.dol("cdol1"),
        cdol2=application.dol("cdol2"),
        ddol=application.dol("ddol"),
        fci=b"",
    )
    if blank.mode == "qvsdc":
        pdol = _QVSDC_PDOL
    made = replace(blank, aip=_aip(blank), pdol=parse_dol(bytes.fromhex(pdol)), fci=_fci(blank, pdol))
    return replace(made, records=_records(made))


def application_file_locator(records: Records) -> bytes:
    """The AFL over these records: one entry for each file. A signed record is the first of its file."""
    entries = []
    for sfi in sorted({sfi for sfi, _ in records}):
        numbers = sorted(number for file, number in records if file == sfi)
        entries.append(bytes((sfi << 3, numbers[0], numbers[-1], (sfi, numbers[0]) == SIGNED_RECORD)))
    return b"".join(entries)


def track_2(profile: CardProfile) -> str:
    """PAN, D, expiry, service code and discretionary data, as on the stripe; at most 37 digits."""
    holder = profile.holder
    card = find_card(holder.pan)
    if card is not None and card.expiry == holder.expiry:
        return card.track2.reveal().replace("=", "D")
    return f"{holder.pan}D{holder.expiry}{CHIP_CARD}{'0' * 10}"[:37]


def stripe_template(pan: str, expiry: str) -> bytes:
    """9F6B of a Mastercard that is tapped: track 2 with zeros where the check value, number and counter will be."""
    digits = f"{pan}D{expiry}{CHIP_CARD}{'0' * 13}"[:37]
    return bytes.fromhex(digits + "F" * (len(digits) % 2))


def _aip(card: Personalization) -> bytes:
    application = card.application
    first = 0
    if card.mode == "qvsdc":
        return bytes((_DDA if card.can_sign else 0, 0))
    if card.mode == "mag-stripe":
        return bytes(2)
    if "sda" in application.authentication:
        first |= _SDA
    if "dda" in application.authentication:
        first |= _DDA
    if "cda" in application.authentication:
        first |= _CDA
    if application.cardholder_verification:
        first |= _CARDHOLDER
    if application.terminal_risk_management:
        first |= _TERMINAL_RISK
    if application.issuer_authentication == "external" and card.mode == "contact":
        first |= _ISSUER_AUTHENTICATION
    return bytes((first, _EMV_MODE if card.mode == "mchip" else 0))


def _fci(card: Personalization, pdol: str) -> bytes:
    application = card.application
    items = [("50", application.label.encode("ascii"))]
    if card.interface == "contact" or application.priority:
        items.append(("87", bytes((application.priority | (0x80 if application.needs_confirmation else 0),))))
    if pdol:
        items.append(("9F38", bytes.fromhex(pdol)))
    if card.profile.languages:
        items.append(("5F2D", card.profile.languages.encode("ascii")))
    if application.preferred_name:
        items += [("9F11", b"\x01"), ("9F12", application.preferred_name.encode("latin-1"))]
    if application.transaction_log:
        items.append(("BF0C", tlv.build([("9F4D", bytes((LOG_SFI, LOG_RECORDS)))])))
    return tlv.build([("6F", tlv.build([("84", card.aid), ("A5", tlv.build(items))]))])


def _records(card: Personalization) -> Records:
    if card.mode == "mag-stripe":
        return {(STRIPE_SFI, 1): _record(_stripe_data(card))}
    signed = _record(_signed_data(card))
    records = {(STRIPE_SFI, 1): _record(_holder_data(card)), SIGNED_RECORD: signed}
    if card.mode == "mchip":
        records[STRIPE_SFI, 1] = _record([*_stripe_data(card), *_holder_data(card)])
    if card.mode != "qvsdc":
        records[DATA_SFI, 2] = _record(_lists(card))
    if card.application.electronic_cash is not None:
        code = card.application.electronic_cash.authorization_code.encode("ascii")
        records[CASH_RECORD] = _record([("9F74", code)])
    if card.application.authentication:
        # Source: Book 3, 7.2 and 10.3: records of files 1 to 10 without their template, then the AIP.
        covered = tlv.parse(signed)[0][1] + card.aip
        for number, items in enumerate(_authentication_data(card, covered), start=1):
            records[KEYS_SFI, number] = _record(items)
    return records


def _record(items: list[tuple[str, bytes]]) -> bytes:
    return tlv.build([("70", tlv.build(items))])


def _holder_data(card: Personalization) -> list[tuple[str, bytes]]:
    digits = track_2(card.profile)
    packed = bytes.fromhex(digits + "F" * (len(digits) % 2))
    return [("57", packed), ("5F20", card.profile.holder.name.encode("ascii")), ("9F1F", b"0" * 16)]


def _signed_data(card: Personalization) -> list[tuple[str, bytes]]:
    """What offline authentication protects, beside the AIP."""
    holder, application = card.profile.holder, card.application
    pan = holder.pan + "F" * (len(holder.pan) % 2)
    items = [
        ("5A", bytes.fromhex(pan)),
        ("5F34", bytes.fromhex(holder.sequence)),
        ("5F24", bytes.fromhex(holder.expiry) + _last_day(holder.expiry)),
        ("5F25", bytes.fromhex(card.profile.effective + "01")),
        ("5F28", bytes.fromhex(application.country)),
        ("9F07", bytes.fromhex(application.usage)),
        ("9F0D", bytes.fromhex(application.iac_default)),
        ("9F0E", bytes.fromhex(application.iac_denial)),
        ("9F0F", bytes.fromhex(application.iac_online)),
        ("9F4A", b"\x82"),
    ]
    if application.cardholder_verification and card.mode != "qvsdc":
        items.append(("8E", bytes.fromhex(application.cvm_list)))
    return items


def _lists(card: Personalization) -> list[tuple[str, bytes]]:
    application = card.application
    items = [
        ("8C", bytes.fromhex(application.cdol1)),
        ("8D", bytes.fromhex(application.cdol2)),
        ("5F30", bytes.fromhex(f"0{CHIP_CARD}")),
        ("9F08", bytes.fromhex(application.version)),
        ("9F42", bytes.fromhex(application.currency)),
        ("9F44", b"\x02"),
    ]
    if application.risk.offline_count_lower:
        items += [
            ("9F14", bytes((application.risk.offline_count_lower,))),
            ("9F23", bytes((application.risk.offline_count_upper,))),
        ]
    if card.can_sign:
        items.append(("9F49", bytes.fromhex(application.ddol)))
    return items


def _stripe_data(card: Personalization) -> list[tuple[str, bytes]]:
    """The stripe of a Mastercard that is tapped, with room for five digits of check value, number and counter."""
    holder = card.profile.holder
    track_1 = f"B{holder.pan}^{holder.name}^{holder.expiry}{CHIP_CARD}{'0' * 15}"
    items = [("9F6C", bytes.fromhex("0001"))]
    items += [(tag, bytes.fromhex(value)) for tag, value in _STRIPE_PUNATC.items()]
    items.append(("56", track_1.encode("ascii")))
    items += [(tag, bytes.fromhex(value)) for tag, value in _STRIPE_PUNATC_2.items()]
    items.append(("9F6B", stripe_template(holder.pan, holder.expiry)))
    return items


def _authentication_data(card: Personalization, covered: bytes) -> list[list[tuple[str, bytes]]]:
    """Certificates and signatures, as the contents of records."""
    profile, application = card.profile, card.application
    authority, issuer = authority_key(profile.scheme), issuer_key(profile.scheme)
    pan, expiry = profile.holder.pan, profile.certificate_expiry
    serial = hashlib.sha256(f"{pan}/{profile.key_label}".encode()).digest()[:3]
    if profile.counterfeit:
        covered = covered[:-1] + bytes((covered[-1] ^ 1,))
    by_authority = certificates.issuer_certificate(authority, issuer, pan[:6], expiry, serial)
    found = [[("8F", bytes((AUTHORITY_INDEX,))), ("9F32", issuer.exponent), ("90", by_authority.certificate)]]
    rest = [("92", by_authority.remainder)]
    if "sda" in application.authentication and card.mode != "qvsdc":
        rest.append(("93", certificates.signed_static_data(issuer, _DATA_AUTHENTICATION_CODE, covered)))
    found.append(rest)
    if card.can_sign:
        own = certificates.icc_certificate(issuer, card.icc_key, pan, expiry, serial, covered)
        found.append([("9F46", own.certificate), ("9F47", card.icc_key.exponent), ("9F48", own.remainder)])
    if card.mode == "contact" and _enciphers_pins(application):
        for_pin = certificates.icc_certificate(issuer, card.pin_key, pan, expiry, serial)
        found.append([("9F2D", for_pin.certificate), ("9F2E", card.pin_key.exponent), ("9F2F", for_pin.remainder)])
    with_value = ([(tag, value) for tag, value in items if value] for items in found)
    return [items for items in with_value if items]


def _enciphers_pins(application: Application) -> bool:
    """The CVM list has a rule for an enciphered PIN in the card: 04, or 05 with a signature."""
    rules = bytes.fromhex(application.cvm_list)[8::2]
    return any(rule & 0x3F in (0x04, 0x05) for rule in rules)


def _last_day(expiry: str) -> bytes:
    return bytes.fromhex(str(calendar.monthrange(2000 + int(expiry[:2]), int(expiry[2:]))[1]))
