"""The test cards: numbers from test ranges, PINs and balances known to all. Nothing here was ever issued.

Each card is what its holder carries (stripe, number, chip) and knows (PIN), and what its issuer keeps (kind, balance,
credit line, status). `status` is the answer code the issuer gives for the card as such, `00` for a good one. `chip`
names the ready card of `simulators.card` that its chip is like; it is empty for a card with nothing but a stripe.

PINs are distinctive six-digit numbers, so that a search through logs for one of them means something.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

from posterm.hsm import Pin
from posterm.sensitive import Pan, Track2, Track3

EXPIRY: Final = "3012"
CHIP_CARD: Final = "201"
STRIPE_CARD: Final = "101"
"""Service codes: international, no restrictions, with and without a chip. Source: ISO/IEC 7813, table 1."""


@dataclass(frozen=True, slots=True)
class TestCard:
    """One test card. Amounts in minor units of CNY. `pin_required`: the issuer declines without a PIN."""

    __test__ = False  # the name is the field's term, not a test case

    name: str
    description: str
    pan: Pan
    pin: Pin
    kind: Literal["debit", "credit"]
    balance_minor: int = 0
    credit_line_minor: int = 0
    expiry: str = EXPIRY
    status: str = "00"
    pin_required: bool = False
    scheme: str = "CUP"
    chip: str = "unionpay-debit"

    @property
    def service_code(self) -> str:
        return CHIP_CARD if self.chip else STRIPE_CARD

    @property
    def track2(self) -> Track2:
        """The second track; its discretionary data are made up from the card number."""
        digits = self.pan.reveal()
        return Track2(f"{digits}={self.expiry}{self.service_code}{int(digits[-9:]) % 10**9:09d}{'0123'}"[:37])

    @property
    def track3(self) -> Track3:
        """A third track with the number and the fields an issuer's host ignores here."""
        return Track3(f"99{self.pan.reveal()}=156156000000000000000000000000000000{self.expiry}0=000000000000=00000000")


TEST_CARDS: Final = (
    TestCard(
        "debit",
        "debit card, the issuer insists on the PIN",
        Pan("6212345678901265"),
        Pin("290174"),
        "debit",
        balance_minor=1_000_000_00,
        pin_required=True,
    ),
    TestCard(
        "credit",
        "credit card with a line of 50,000.00",
        Pan("6259650000000015"),
        Pin("836405"),
        "credit",
        credit_line_minor=50_000_00,
        chip="unionpay-credit",
    ),
    TestCard(
        "long",
        "debit card with a number of 19 digits",
        Pan("6228480000000000018"),
        Pin("460715"),
        "debit",
        balance_minor=20_000_00,
    ),
    TestCard(
        "poor", "debit card with 10.00 on it", Pan("6212345678900002"), Pin("517932"), "debit", balance_minor=10_00
    ),
    TestCard(
        "expired",
        "ended in December 2020: 54",
        Pan("6212345678900010"),
        Pin("604827"),
        "debit",
        balance_minor=1_000_00,
        expiry="2012",
        chip="unionpay-expired",
    ),
    TestCard(
        "lost",
        "reported lost: 41",
        Pan("6212345678900028"),
        Pin("731590"),
        "debit",
        balance_minor=1_000_00,
        status="41",
    ),
    TestCard(
        "stolen",
        "reported stolen: 43",
        Pan("6212345678900036"),
        Pin("948261"),
        "debit",
        balance_minor=1_000_00,
        status="43",
    ),
    TestCard(
        "restricted",
        "restricted by its issuer: 62",
        Pan("6212345678900044"),
        Pin("372648"),
        "debit",
        balance_minor=1_000_00,
        status="62",
    ),
    TestCard(
        "blocked",
        "PIN tries used up: 75",
        Pan("6212345678900051"),
        Pin("185093"),
        "debit",
        balance_minor=1_000_00,
        status="75",
    ),
    TestCard(
        "stripe",
        "debit card without a chip",
        Pan("6212345678900887"),
        Pin("640281"),
        "debit",
        balance_minor=1_000_00,
        chip="",
    ),
    TestCard(
        "ecash",
        "debit card with electronic cash on its chip",
        Pan("6212345678900770"),
        Pin("395172"),
        "debit",
        balance_minor=1_000_00,
        chip="unionpay-ecash",
    ),
    TestCard(
        "visa-credit",
        "Visa credit card",
        Pan("4761730000001142"),
        Pin("718203"),
        "credit",
        credit_line_minor=50_000_00,
        scheme="VIS",
        chip="visa-credit",
    ),
    TestCard(
        "visa-debit",
        "Visa debit card",
        Pan("4761730000002272"),
        Pin("506917"),
        "debit",
        balance_minor=10_000_00,
        scheme="VIS",
        chip="visa-debit",
    ),
    TestCard(
        "mastercard-credit",
        "Mastercard credit card",
        Pan("5413330089003314"),
        Pin("827461"),
        "credit",
        credit_line_minor=50_000_00,
        scheme="MCC",
        chip="mastercard-credit",
    ),
    TestCard(
        "mastercard-debit",
        "Mastercard debit card",
        Pan("5413330089004429"),
        Pin("193586"),
        "debit",
        balance_minor=10_000_00,
        scheme="MCC",
        chip="mastercard-debit",
    ),
    TestCard(
        "jcb-credit",
        "JCB credit card",
        Pan("3569990010030558"),
        Pin("462093"),
        "credit",
        credit_line_minor=50_000_00,
        scheme="JCB",
        chip="jcb-credit",
    ),
    TestCard(
        "jcb-debit",
        "JCB debit card",
        Pan("3569990010030665"),
        Pin("751830"),
        "debit",
        balance_minor=10_000_00,
        scheme="JCB",
        chip="jcb-debit",
    ),
    TestCard(
        "amex-credit",
        "American Express credit card",
        Pan("374245001755114"),
        Pin("938257"),
        "credit",
        credit_line_minor=50_000_00,
        scheme="AMX",
        chip="amex-credit",
    ),
    TestCard(
        "amex-debit",
        "American Express debit card",
        Pan("374245001755221"),
        Pin("284069"),
        "debit",
        balance_minor=10_000_00,
        scheme="AMX",
        chip="amex-debit",
    ),
    TestCard(
        "discover-credit",
        "Discover credit card",
        Pan("6510000000007138"),
        Pin("170648"),
        "credit",
        credit_line_minor=50_000_00,
        scheme="DCC",
        chip="discover-credit",
    ),
    TestCard(
        "discover-debit",
        "Discover debit card",
        Pan("6510000000007245"),
        Pin("629473"),
        "debit",
        balance_minor=10_000_00,
        scheme="DCC",
        chip="discover-debit",
    ),
)

_BY_NAME: Final = {card.name: card for card in TEST_CARDS}


def find_card(name: str) -> TestCard | None:
    """A test card by its name, or by its number."""
    return _BY_NAME.get(name) or next((card for card in TEST_CARDS if card.pan.reveal() == name), None)
