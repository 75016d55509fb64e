"""One application on a powered card: its commands but for those that have a module of their own.

    cryptograms   GENERATE AC, EXTERNAL AUTHENTICATE
    tapped        GET PROCESSING OPTIONS and COMPUTE CRYPTOGRAPHIC CHECKSUM without contacts
    pin           VERIFY
    scripts       the issuer's commands

Source: EMV 4.4 Book 3, 6.5 (commands), 10.1 and 10.2; Book 2, 6.5 (INTERNAL AUTHENTICATE).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from posterm import tlv
from simulators.card import certificates
from simulators.card.command import Command, RefusedError, Sw
from simulators.card.personalization import (
    CASH_RECORD,
    LOG_FORMAT,
    LOG_RECORDS,
    LOG_SFI,
    Personalization,
    application_file_locator,
)
from simulators.card.profile import parse_dol
from simulators.card.state import Memory, Phase, Transaction
from simulators.card.stream import Stream

CHALLENGE_BYTES: Final = 8
DYNAMIC_NUMBER_BYTES: Final = 8
_FIRST_SFI, _LAST_SFI = 1, 30
_CASH_TAGS: Final = {
    "9F77": "balance_limit_minor",
    "9F78": "single_limit_minor",
    "9F6D": "reset_threshold_minor",
}


def _unchanged(data: bytes) -> bytes:
    return data


@dataclass(slots=True)
class Applet:
    """An application with its memory and the transaction at hand.

    `dynamic_data` may change what the card signs; only faults do.
    """

    card: Personalization
    memory: Memory
    stream: Stream
    now: Transaction = field(default_factory=Transaction)
    dynamic_data: Callable[[bytes], bytes] = _unchanged
    card_is_blocked: bool = False
    """A script has blocked the whole card."""

    def select(self) -> bytes:
        """Start afresh. Returns: the file control information."""
        self.now = Transaction(dynamic_number=self.stream.draw(DYNAMIC_NUMBER_BYTES))
        return self.card.fci

    def require(self, *phases: Phase) -> None:
        """Raises: RefusedError: 6985, the transaction is at another point."""
        if self.now.phase not in phases:
            raise RefusedError(Sw.CONDITIONS)

    def take(self, dol: tuple[tuple[str, int], ...], data: bytes) -> None:
        """Keep what the terminal says. Raises: RefusedError: 6700, not as long as the list asks."""
        if len(data) != sum(length for _, length in dol):
            raise RefusedError(Sw.WRONG_LENGTH)
        at = 0
        for tag, length in dol:
            self.now.values[tag] = data[at : at + length]
            at += length
        self.now.hashed += data

    @property
    def amount_minor(self) -> int:
        """9F02. Raises: RefusedError: 6A80, it is no packed number."""
        text = self.now.values.get("9F02", bytes(6)).hex()
        if not text.isdecimal():
            raise RefusedError(Sw.WRONG_DATA)
        return int(text)

    @property
    def atc(self) -> bytes:
        return self.memory.atc.to_bytes(2, "big")

    def cash_limit_minor(self, tag: str) -> int:
        """A limit of the electronic cash: the one that a script has put, or the profile's."""
        put = self.memory.put.get(tag)
        if put is not None:
            return int(put.hex())
        return int(getattr(self.card.application.electronic_cash, _CASH_TAGS[tag]))

    def sign(self, dynamic_data: bytes, terminal_data: bytes) -> bytes:
        """Signed dynamic application data over what the card says and what the terminal said."""
        return certificates.signed_dynamic_data(self.card.icc_key, self.dynamic_data(dynamic_data), terminal_data)

    def answer(self, items: list[tuple[str, bytes]]) -> bytes:
        """An answer in the application's format: 80, values alone, or 77, data objects."""
        if self.card.application.template == 1:
            return tlv.build([("80", b"".join(value for _, value in items))])
        return tlv.build([("77", tlv.build(items))])


def begin(applet: Applet, command: Command) -> None:
    """What GET PROCESSING OPTIONS does on every interface: take the PDOL's values and count up the ATC."""
    applet.require(Phase.SELECTED)
    if command.p1 or command.p2:
        raise RefusedError(Sw.WRONG_P1_P2)
    try:
        objects = tlv.parse(command.data)
    except tlv.TlvError:
        raise RefusedError(Sw.WRONG_DATA) from None
    if len(objects) != 1 or objects[0][0] != "83":
        raise RefusedError(Sw.WRONG_DATA)
    if applet.memory.atc == 0xFFFF:
        raise RefusedError(Sw.CONDITIONS)
    applet.take(applet.card.pdol, objects[0][1])
    applet.memory.atc += 1


def get_processing_options(applet: Applet, command: Command) -> bytes:
    """AIP and AFL."""
    begin(applet, command)
    applet.now.electronic_cash = _pays_by_electronic_cash(applet)
    applet.now.phase = Phase.INITIATED
    card = applet.card
    records = {place: record for place, record in card.records.items() if place != CASH_RECORD}
    if applet.now.electronic_cash:
        records = card.records
    return applet.answer([("82", card.aip), ("94", application_file_locator(records))])


def _pays_by_electronic_cash(applet: Applet) -> bool:
    """The terminal takes it, it is the card's currency, and there is enough of it.

    Source: JR/T 0025.13 (9F7A, electronic cash terminal support indicator).
    """
    values, application = applet.now.values, applet.card.application
    if application.electronic_cash is None or values.get("9F7A") != b"\x01":
        return False
    if values.get("5F2A") != bytes.fromhex(application.currency):
        return False
    return applet.amount_minor <= min(applet.memory.funds_minor, applet.cash_limit_minor("9F78"))


def read_record(applet: Applet, command: Command) -> bytes:
    """A record that the AFL may name. What a tapped card owes is paid when the last one is read."""
    sfi, number = command.p2 >> 3, command.p1
    if sfi == LOG_SFI and applet.card.application.transaction_log:
        return _logged(applet, command)
    applet.require(Phase.INITIATED, Phase.ONLINE, Phase.COMPLETED)
    if command.p2 & 7 != 4 or not number or not _FIRST_SFI <= sfi <= _LAST_SFI:
        raise RefusedError(Sw.WRONG_P1_P2)
    records = applet.card.records | applet.memory.updated | applet.now.extra_records
    record = records.get((sfi, number))
    if record is None:
        known = any(file == sfi for file, _ in records)
        raise RefusedError(Sw.RECORD_NOT_FOUND if known else Sw.FILE_NOT_FOUND)
    if (sfi, number) == applet.now.last_record:
        applet.memory.funds_minor -= applet.now.owed_minor
        applet.now.owed_minor = 0
    return record


def log_transaction(applet: Applet) -> None:
    """Write what was approved into the log, in place of the oldest."""
    if applet.card.application.transaction_log:
        values = applet.now.values | {"9F36": applet.atc}
        parts = (values.get(tag, b"").rjust(length, b"\x00")[-length:] for tag, length in parse_dol(LOG_FORMAT))
        applet.memory.log = [b"".join(parts), *applet.memory.log][:LOG_RECORDS]


def _logged(applet: Applet, command: Command) -> bytes:
    """A record of the log, without template; 1 is the newest. It may be read before there is a transaction."""
    if command.p2 & 7 != 4 or not command.p1:
        raise RefusedError(Sw.WRONG_P1_P2)
    if command.p1 > len(applet.memory.log):
        raise RefusedError(Sw.RECORD_NOT_FOUND)
    return applet.memory.log[command.p1 - 1]


def get_data(applet: Applet, command: Command) -> bytes:
    """Counters, and the electronic cash."""
    tag = f"{command.p1:02X}{command.p2:02X}"
    memory, application = applet.memory, applet.card.application
    values = {
        "9F36": applet.atc,
        "9F13": memory.last_online_atc.to_bytes(2, "big"),
        "9F17": bytes((memory.pin_tries_left,)),
    }
    if application.electronic_cash is not None:
        values["9F79"] = packed(memory.funds_minor)
        values |= {limit: packed(applet.cash_limit_minor(limit)) for limit in _CASH_TAGS}
    elif application.contactless is not None and application.contactless.offline_funds_minor:
        values["9F5D"] = packed(memory.funds_minor)
    if application.transaction_log:
        values["9F4F"] = LOG_FORMAT
    if tag not in values:
        raise RefusedError(Sw.DATA_NOT_FOUND)
    return tlv.build([(tag, values[tag])])


def get_challenge(applet: Applet, command: Command) -> bytes:
    """A number against replay, for one enciphered PIN."""
    if command.p1 or command.p2:
        raise RefusedError(Sw.WRONG_P1_P2)
    applet.now.challenge = applet.stream.draw(CHALLENGE_BYTES)
    return applet.now.challenge


def internal_authenticate(applet: Applet, command: Command) -> bytes:
    """Sign the terminal's data: DDA."""
    applet.require(Phase.INITIATED)
    if "dda" not in applet.card.application.authentication:
        raise RefusedError(Sw.CONDITIONS)
    if len(command.data) != sum(length for _, length in applet.card.ddol):
        raise RefusedError(Sw.WRONG_LENGTH)
    number = applet.now.dynamic_number
    applet.now.signed_dynamic = True
    return applet.answer([("9F4B", applet.sign(bytes((len(number),)) + number, command.data))])


def packed(minor: int) -> bytes:
    """An amount as 12 packed digits."""
    return bytes.fromhex(f"{minor:012d}")
