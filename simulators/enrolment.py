"""The test world's papers: a merchant, terminals and the test cards, as a host and a terminal must know them.

The terminal master key is published test material: 0123456789ABCDEFFEDCBA9876543210, given in two components.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Final

from posterm.host import EnrolmentError, Host, PinPolicy
from posterm.host.issuing.issuer_host import IssuerHost
from posterm.host.records import CardRecord
from posterm.hsm import Algorithm, HsmPort, KeyBlock, KeyUsage
from posterm.hsm.cryptogram import Scheme
from posterm.unionpay.key_layout import tmk_algorithm
from posterm.unionpay.profile import AcquirerProfile
from simulators.card.issuer_keys import master_keys
from simulators.cards import TEST_CARDS
from simulators.phone import TEST_WALLETS

MERCHANT_ID: Final = "898310058120001"
MERCHANT_NAME: Final = "测试商户"
TERMINAL_IDS: Final = ("10000001", "10000002")
TMK_COMPONENTS: Final = (
    bytes.fromhex("1F1E1D1C1B1A19180706050403020100"),
    bytes.fromhex("1E3D587B92B1D4F7F9DABF9C75563310"),
)

_MASK: Final = bytes(range(1, 17))
"""One of the two components of every master key here; no key is whole outside the HSM, not even one known to all."""
_ISSUERS: Final = (
    ("62", "unionpay", Scheme.UNIONPAY),
    ("4", "visa", Scheme.VISA),
    ("5", "mastercard", Scheme.MASTERCARD),
    ("35", "jcb", Scheme.VISA),
    ("37", "amex", Scheme.VISA),
    ("65", "discover", Scheme.VISA),
)
"""Prefix of the card numbers, the scheme whose test issuer it is, and whose cryptogram versions its cards have."""


def load_tmk(hsm: HsmPort, profile: AcquirerProfile, components: Sequence[bytes] = TMK_COMPONENTS) -> KeyBlock:
    """The test TMK from its components, for the cipher of the acquirer's working keys."""
    algorithm = tmk_algorithm(profile.keys.layout)
    return hsm.combine_components(components, KeyUsage.KEY_ENCRYPTION, algorithm)


def enrol_issuers(host: Host | IssuerHost, hsm: HsmPort) -> None:
    """Let a host hold the master keys of the test issuers, each for the card numbers of its scheme."""
    for prefix, scheme, cryptograms in _ISSUERS:
        if host.knows_issuer(prefix):
            continue
        masters = master_keys(scheme)
        cryptogram, integrity, confidentiality = (
            hsm.combine_components((bytes(_MASK), _masked(key)), usage, Algorithm.TDES_DOUBLE)
            for key, usage in (
                (masters.cryptogram, KeyUsage.EMV_CRYPTOGRAM),
                (masters.integrity, KeyUsage.EMV_INTEGRITY),
                (masters.confidentiality, KeyUsage.EMV_CONFIDENTIALITY),
            )
        )
        host.set_issuer_keys(
            prefix, cryptograms, cryptogram=cryptogram, integrity=integrity, confidentiality=confidentiality
        )


def _masked(key: bytes) -> bytes:
    return bytes(one ^ other for one, other in zip(key, _MASK, strict=True))


def enrol_everything(
    host: Host,
    hsm: HsmPort,
    *,
    at: datetime,
    terminal_ids: Sequence[str] = TERMINAL_IDS,
    merchant_id: str = MERCHANT_ID,
    merchant_name: str = MERCHANT_NAME,
    merchant_plan: str = "standard",
    tmk_components: Sequence[bytes] = TMK_COMPONENTS,
) -> None:
    """Enrol merchant, terminals, test cards and their issuers' keys; what is enrolled already stays as it is."""
    unknown = [terminal_id for terminal_id in terminal_ids if not host.knows_terminal(terminal_id)]
    if unknown:
        host.enrol_merchant(merchant_id, merchant_name, plan=merchant_plan)
    for terminal_id in unknown:
        host.enrol_terminal(terminal_id, merchant_id, load_tmk(hsm, host.profile, tmk_components))
    enrol_issuers(host, hsm)
    for wallet in TEST_WALLETS:
        if not host.knows_wallet(wallet.name):
            host.enrol_wallet(wallet.name, wallet.network, balance=wallet.balance_minor, free=wallet.free_minor, at=at)
    for card in TEST_CARDS:
        try:
            host.enrol_card(
                card.pan,
                card.pin,
                kind=card.kind,
                balance=card.balance_minor,
                credit_line=card.credit_line_minor,
                expiry=card.expiry,
                pin_policy=PinPolicy.REQUIRED if card.pin_required else PinPolicy.OPTIONAL,
                status="active" if card.status == "00" else card.status,
                scheme=card.scheme,
                at=at,
            )
        except EnrolmentError as error:
            if "enrolled already" not in str(error):
                raise


def enrol_issuer_cards(issuer: IssuerHost, hsm: HsmPort, prefixes: Sequence[str], *, at: datetime) -> None:
    """Let an issuer apart have the test cards whose numbers begin so; what is enrolled already stays as it is."""
    enrol_issuers(issuer, hsm)
    for card in TEST_CARDS:
        if not card.pan.reveal().startswith(tuple(prefixes)) or issuer.knows_card(card.pan):
            continue
        terms = CardRecord(
            fingerprint="",
            masked_pan="",
            kind=card.kind,
            expiry=card.expiry,
            pin_policy=PinPolicy.REQUIRED if card.pin_required else PinPolicy.OPTIONAL,
            status="active" if card.status == "00" else card.status,
            scheme=card.scheme,
            issuer_id=issuer.institution,
        )
        issuer.enrol_card(
            card.pan,
            card.pin,
            terms,
            balance=card.balance_minor,
            credit_line=card.credit_line_minor,
            at=at.isoformat(),
        )
