"""The test world's papers: a merchant, terminals and the test cards, as a host and a terminal must know them.

The terminal master key is published test material: 0123456789ABCDEFFEDCBA9876543210, given in two components.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Final

from posterm.host import EnrolmentError, Host, PinPolicy
from posterm.hsm import HsmPort, KeyBlock, KeyUsage
from posterm.unionpay.key_layout import tmk_algorithm
from posterm.unionpay.profile import AcquirerProfile
from simulators.cards import TEST_CARDS

MERCHANT_ID: Final = "898310058120001"
MERCHANT_NAME: Final = "测试商户"
TERMINAL_IDS: Final = ("10000001", "10000002")
TMK_COMPONENTS: Final = (
    bytes.fromhex("1F1E1D1C1B1A19180706050403020100"),
    bytes.fromhex("1E3D587B92B1D4F7F9DABF9C75563310"),
)


def load_tmk(hsm: HsmPort, profile: AcquirerProfile, components: Sequence[bytes] = TMK_COMPONENTS) -> KeyBlock:
    """The test TMK from its components, for the cipher of the acquirer's working keys."""
    algorithm = tmk_algorithm(profile.keys.layout)
    return hsm.combine_components(components, KeyUsage.KEY_ENCRYPTION, algorithm)


def enrol_everything(
    host: Host,
    hsm: HsmPort,
    *,
    at: datetime,
    terminal_ids: Sequence[str] = TERMINAL_IDS,
    merchant_id: str = MERCHANT_ID,
    merchant_name: str = MERCHANT_NAME,
    tmk_components: Sequence[bytes] = TMK_COMPONENTS,
) -> None:
    """Enrol merchant, terminals and test cards; what is enrolled already stays as it is."""
    unknown = [terminal_id for terminal_id in terminal_ids if not host.knows_terminal(terminal_id)]
    if unknown:
        host.enrol_merchant(merchant_id, merchant_name)
    for terminal_id in unknown:
        host.enrol_terminal(terminal_id, merchant_id, load_tmk(hsm, host.profile, tmk_components))
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
