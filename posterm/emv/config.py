"""What a terminal is told before any card comes: what it can do, which applications it takes, within which limits.

Source: EMV 4.4 Book 4, 10.3 (data for each application) and annex A1 to A3; Book 3, 10.6.2 (random selection) and 10.7
(terminal action codes); EMV Contactless Book A, 5.2 (limits for each combination).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum, IntEnum
from typing import Final

from posterm.amount import CNY, Currency
from posterm.bcd import is_digits, pack_right
from posterm.emv.bits import AdditionalTerminalCapabilities, TerminalCapabilities, Tvr
from posterm.emv.describe import TERMINAL_TYPES
from posterm.emv.errors import ConfigurationError
from posterm.sensitive import Pan

MAX_FLOOR_LIMIT: Final = 0xFFFFFFFF
"""9F1B has four binary bytes."""


@dataclass(frozen=True, slots=True)
class ContactlessLimits:
    """Limits of a contactless application, in minor units; None: no limit. Source: EMV Contactless Book A, 5.2.

    `transaction` from it on the tap is refused, `floor` above it the transaction goes online, `cvm` from it on the
    cardholder is verified. `without_device`: kernel 2's limit for cards that verify no one. `status_check`: an amount
    of one unit asks whether the card is good, and goes online. `stripe_mode`: kernel 2 takes cards without EMV mode.
    """

    transaction: int | None = None
    floor: int | None = None
    cvm: int | None = None
    without_device: int | None = None
    status_check: bool = False
    stripe_mode: bool = True


@dataclass(frozen=True, slots=True)
class ApplicationConfig:
    """An application the terminal takes.

    Attributes:
        aid: 5 to 16 bytes (9F06). partial: it also stands for longer names that start with it.
        version: 9F09, 2 bytes.
        tac_denial, tac_online, tac_default: terminal action codes.
        floor_limit: above it, or equal, the transaction goes online (9F1B). Minor units of the terminal's currency.
        threshold, target_percent, max_target_percent: random selection; a threshold below the floor limit.
        default_ddol, default_tdol: used when the card brings none.
        velocity_checking: count consecutive offline transactions where the card asks for it.
        risk_management_data: 9F1D, 1 to 8 bytes, or empty.
        kernel: the contactless kernel for this application; 0: contact only. `ttq`: 9F66 of kernels 3 and 7.
        cash_limit: 9F7B, electronic cash, minor units; None: no electronic cash.
    """

    aid: bytes
    name: str
    partial: bool = True
    version: bytes = b"\x00\x01"
    tac_denial: Tvr = Tvr.NONE
    tac_online: Tvr = Tvr.NONE
    tac_default: Tvr = Tvr.NONE
    floor_limit: int = 0
    threshold: int = 0
    target_percent: int = 0
    max_target_percent: int = 0
    default_ddol: bytes = bytes.fromhex("9F3704")
    default_tdol: bytes = b""
    velocity_checking: bool = True
    risk_management_data: bytes = b""
    kernel: int = 0
    contactless: ContactlessLimits = field(default_factory=ContactlessLimits)
    ttq: bytes = b""
    cash_limit: int | None = None

    def __post_init__(self) -> None:
        if not 5 <= len(self.aid) <= 16:
            raise ConfigurationError(f"application {self.name}: an AID has 5 to 16 bytes, this has {len(self.aid)}")
        where = f"application {self.name} ({self.aid.hex().upper()})"
        if len(self.version) != 2:
            raise ConfigurationError(f"{where}: a version has 2 bytes, this has {len(self.version)}")
        if not 0 <= self.floor_limit <= MAX_FLOOR_LIMIT:
            raise ConfigurationError(f"{where}: a floor limit is 0 to {MAX_FLOOR_LIMIT} minor units")
        if not 0 <= self.threshold <= max(self.floor_limit, 0):
            raise ConfigurationError(f"{where}: the threshold is at most the floor limit")
        if not 0 <= self.target_percent <= self.max_target_percent <= 99:
            raise ConfigurationError(f"{where}: need 0 <= target percentage <= greatest target percentage <= 99")

    @property
    def rid(self) -> bytes:
        """The scheme: the first five bytes of the AID."""
        return self.aid[:5]

    def matches(self, df_name: bytes) -> bool:
        """True when a card's application is this one. Source: EMV 4.4 Book 1, 12.3.1."""
        return df_name.startswith(self.aid) if self.partial else df_name == self.aid


class CdaMode(Enum):
    """When a card that can is asked for a combined signature. Source: EMV 4.4 Book 4, 6.3.2.1 and table 30."""

    MODE_1 = 1
    """On every ARQC, and on the second TC."""
    MODE_2 = 2
    """On every ARQC; not after an online approval."""
    MODE_3 = 3
    """Not on an ARQC; on a TC only, and not after an online approval."""
    MODE_4 = 4
    """Not on an ARQC; on every TC."""

    @property
    def on_arqc(self) -> bool:
        """True when the first GENERATE AC for an ARQC asks for CDA."""
        return self in (CdaMode.MODE_1, CdaMode.MODE_2)

    @property
    def on_second_tc(self) -> bool:
        """True when the second GENERATE AC for a TC asks for CDA after the issuer was reached."""
        return self in (CdaMode.MODE_1, CdaMode.MODE_4)


_CAPABILITIES: Final = TerminalCapabilities.from_value(bytes.fromhex("E0F8C8"))
_ADDITIONAL_CAPABILITIES: Final = AdditionalTerminalCapabilities.from_value(bytes.fromhex("6000F0A001"))


@dataclass(frozen=True, slots=True)
class TerminalConfig:
    """A terminal.

    Attributes:
        applications: those it takes, in its order of preference.
        capabilities, additional_capabilities: 9F33 and 9F40. terminal_type: 9F35, such as 0x22.
        country: ISO 3166 numeric (9F1A). currency: of every transaction (5F2A, 5F36).
        terminal_id, merchant_id, merchant_name, merchant_category, acquirer_id, ifd_serial: 9F1C (8), 9F16 (15), 9F4E,
            9F15 (4 digits), 9F01 (6 to 11 digits), 9F1E (8).
        cda_mode: 1 is what most terminals are certified with.
        pin_bypass: the cardholder may refuse to enter a PIN.
    """

    applications: tuple[ApplicationConfig, ...]
    capabilities: TerminalCapabilities = _CAPABILITIES
    additional_capabilities: AdditionalTerminalCapabilities = _ADDITIONAL_CAPABILITIES
    terminal_type: int = 0x22
    country: str = "156"
    currency: Currency = CNY
    terminal_id: str = "12345678"
    merchant_id: str = "123456789012345"
    merchant_name: str = ""
    merchant_category: str = "5999"
    acquirer_id: str = ""
    ifd_serial: str = "00000001"
    cda_mode: CdaMode = CdaMode.MODE_1
    pin_bypass: bool = True

    def __post_init__(self) -> None:
        if self.terminal_type not in TERMINAL_TYPES:
            raise ConfigurationError(f"terminal type {self.terminal_type:02X}: no book lists it")
        for name, digits, most in (
            ("country", self.country, 3),
            ("merchant_category", self.merchant_category, 4),
            ("acquirer_id", self.acquirer_id, 12),
        ):
            if not is_digits(digits) or len(digits) > most:
                raise ConfigurationError(f"{name}: need at most {most} digits")
        for name, text, length in (
            ("terminal_id", self.terminal_id, 8),
            ("merchant_id", self.merchant_id, 15),
            ("ifd_serial", self.ifd_serial, 8),
        ):
            if not text.isascii() or len(text) != length:
                raise ConfigurationError(f"{name}: need {length} ASCII characters, have {len(text)}")
        aids = [application.aid for application in self.applications]
        if len(set(aids)) != len(aids):
            raise ConfigurationError("applications: an AID stands there twice")

    @property
    def online_capable(self) -> bool:
        """Types x1, x2, x4, x5. Source: EMV 4.4 Book 4, A1."""
        return self.terminal_type & 0x0F in (1, 2, 4, 5)

    @property
    def offline_capable(self) -> bool:
        """Types x2, x3, x5, x6: the terminal may approve by itself."""
        return self.terminal_type & 0x0F in (2, 3, 5, 6)

    @property
    def attended(self) -> bool:
        """Types x1 to x3."""
        return self.terminal_type & 0x0F in (1, 2, 3)

    @property
    def is_atm(self) -> bool:
        """A terminal of types 14 to 16 that gives cash. Source: EMV 4.4 Book 4, A1."""
        return self.terminal_type in (0x14, 0x15, 0x16) and bool(
            self.additional_capabilities & AdditionalTerminalCapabilities.CASH
        )

    def objects(self) -> dict[str, bytes]:
        """The terminal's own data objects by tag."""
        values = {
            "9F1A": pack_right(self.country.zfill(4)),
            "5F2A": pack_right(self.currency.number.zfill(4)),
            "5F36": bytes((self.currency.exponent,)),
            "9F33": self.capabilities.to_bytes(),
            "9F40": self.additional_capabilities.to_bytes(),
            "9F35": bytes((self.terminal_type,)),
            "9F1C": self.terminal_id.encode("ascii"),
            "9F16": self.merchant_id.encode("ascii"),
            "9F15": pack_right(self.merchant_category.zfill(4)),
            "9F1E": self.ifd_serial.encode("ascii"),
        }
        if self.acquirer_id:
            values["9F01"] = pack_right(self.acquirer_id.zfill(12))
        if self.merchant_name:
            values["9F4E"] = self.merchant_name.encode("ascii", "replace")
        return values


class TransactionType(IntEnum):
    """What is bought (9C): the first two digits of the processing code, packed. Source: ISO 8583:1987, DE 3."""

    GOODS = 0x00
    CASH = 0x01
    CASHBACK = 0x09
    REFUND = 0x20
    INQUIRY = 0x31


@dataclass(frozen=True, slots=True)
class Transaction:
    """One transaction before the card has a say.

    Attributes:
        amount: minor units, other amount included (9F02). other: cashback (9F03).
        type: 9C, one byte; those that mean something to a kernel are named in `TransactionType`.
        moment: local date and time (9A, 9F21).
        sequence: 9F41, 1 to 8 digits.
        forced_online: the attendant wants an authorization.
        account_type: 5F57, two digits.
    """

    amount: int
    moment: datetime
    other: int = 0
    type: int = TransactionType.GOODS
    sequence: int = 1
    forced_online: bool = False
    account_type: str = "00"

    def __post_init__(self) -> None:
        if not 0 <= self.other <= self.amount <= 999_999_999_999:
            raise ConfigurationError("transaction: need 0 <= other amount <= amount, at most 12 digits")
        if not 0 <= self.type <= 0xFF:
            raise ConfigurationError("transaction: its type is one byte")

    def objects(self) -> dict[str, bytes]:
        """The transaction's data objects by tag."""
        values = {
            "9F02": bytes.fromhex(f"{self.amount:012d}"),
            "9F03": bytes.fromhex(f"{self.other:012d}"),
            "9A": bytes.fromhex(f"{self.moment:%y%m%d}"),
            "9F21": bytes.fromhex(f"{self.moment:%H%M%S}"),
            "9C": bytes((self.type,)),
            "9F41": bytes.fromhex(f"{self.sequence % 100_000_000:08d}"),
            "5F57": bytes.fromhex(self.account_type),
        }
        # 81 and 9F04 hold four binary bytes; larger amounts have no binary form.
        if self.amount <= 0xFFFFFFFF:
            values |= {"81": self.amount.to_bytes(4, "big"), "9F04": self.other.to_bytes(4, "big")}
        return values


def nobody(_: Pan) -> bool:
    """An empty exception file."""
    return False


def no_earlier_amount(_: Pan) -> int:
    """A transaction log without entries."""
    return 0


@dataclass(frozen=True, slots=True)
class TerminalFiles:
    """What a terminal looks up by card number.

    Attributes:
        on_exception_file: the card is listed as lost, stolen or barred. Source: EMV 4.4 Book 4, 6.3.5.
        earlier_amount: what the same card spent here just before, minor units, so that a purchase split in two meets
            the floor limit too. Source: EMV 4.4 Book 3, 10.6.1.
    """

    on_exception_file: Callable[[Pan], bool] = nobody
    earlier_amount: Callable[[Pan], int] = no_earlier_amount
