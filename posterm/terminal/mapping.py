"""From what the terminal knows to the elements of a message: one function per family of requests.

Which element goes into which request is section 5.1 of the field table in docs/unionpay-pos.md; conditions stand here.

Source: Q/CUP 009 as restated by acquirer terminal specifications.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from posterm.hsm import HsmPort, KeyBlock
from posterm.iso8583 import Message
from posterm.sensitive import Pan, Track2
from posterm.terminal.effects import Keyed, Swiped
from posterm.terminal.records import JournalEntry
from posterm.unionpay.chip import OFFLINE_SALE, REQUEST, REVERSAL, pack_chip, pack_chip_detail, parse_chip
from posterm.unionpay.payment_code import pack_code
from posterm.unionpay.profile import AcquirerProfile
from posterm.unionpay.transactions import (
    CODE_ENTRIES,
    CONTACTLESS_ENTRIES,
    TRANSACTIONS,
    ChipCondition,
    Entry,
    Kind,
    Network,
    ReadCapability,
)
from posterm.unionpay.tusn import DeviceIdentity

Elements = dict[int, object]

_NO_SCHEME = "000"
_WITHOUT_CONTACT: Final = CONTACTLESS_ENTRIES | CODE_ENTRIES | {Entry.CONTACTLESS_STRIPE}
_NAMES_NO_DATE: Final = frozenset({Kind.VOID, Kind.COMPLETION_VOID, Kind.QR_VOID, Kind.QR_QUERY})
_NAMES_RRN: Final = frozenset(
    {Kind.VOID, Kind.COMPLETION_VOID, Kind.REFUND, Kind.TIP_ADJUST, Kind.QR_VOID, Kind.QR_REFUND}
)


TEST_DEVICE: Final = DeviceIdentity("TEST500100000001")


@dataclass(frozen=True, slots=True)
class Identity:
    """Who the terminal is: terminal id (8 characters), merchant id (15), serial and device identity."""

    terminal_id: str
    merchant_id: str
    device: DeviceIdentity = TEST_DEVICE


@dataclass(frozen=True, slots=True)
class CardData:
    """What the terminal knows of the card in a transaction: from the card itself, or from the journal."""

    entry: Entry
    pan: Pan
    expiry: str
    track2: str = ""
    track3: str = ""
    sequence: str = ""
    """DE 23 of a chip, 3 digits."""
    chip: Mapping[str, bytes] = field(default_factory=dict, repr=False)
    """Data objects of a chip transaction by tag."""
    fallback: bool = False
    """The stripe was read because the chip could not be."""


@dataclass(frozen=True, slots=True)
class CodeData:
    """What takes a card's place in a payment by a code, and in what refers to one; `code` is empty there."""

    entry: Entry
    code: str = field(default="", repr=False)
    masked: str = ""


@dataclass(frozen=True, slots=True)
class PinData:
    """What came from the PIN pad: an enciphered block, and whether a PIN is in it."""

    block: bytes | None = field(default=None, repr=False)
    entered: bool = False


NO_PIN: Final = PinData()


def card_data(reply: Swiped | Keyed) -> CardData:
    """The card as it was presented."""
    if isinstance(reply, Keyed):
        return CardData(Entry.KEYED, reply.pan, reply.expiry)
    if reply.track2 is not None:
        track3 = reply.track3.reveal() if reply.track3 else ""
        return CardData(Entry.STRIPE, reply.track2.pan, reply.track2.expiry, reply.track2.reveal(), track3)
    if reply.track3 is not None:
        return CardData(Entry.STRIPE, reply.track3.pan, "", "", reply.track3.reveal())
    raise ValueError("a swiped card has at least one track")


def chip_card(entry: Entry, values: Mapping[str, bytes]) -> CardData:
    """The card as its chip describes it.

    Args:
        values: the kernel's data objects by tag: 57, 5A or 9F6B, and 5F24, 5F34 where the card has them.
    Raises: SensitiveValueError: no card number, or track 2 data that are none.
    """
    if "9F26" not in values and "9F6B" in values:
        # Mag-stripe mode: what the card has computed is in the track, and there is no chip data beside it.
        stripe = Track2(values["9F6B"].hex().upper().rstrip("F"))
        return CardData(Entry.CONTACTLESS_STRIPE, stripe.pan, stripe.expiry, stripe.reveal())
    track2 = values.get("57", b"").hex().upper().rstrip("F")
    pan = Track2(track2).pan if track2 else Pan(values.get("5A", b"").hex().upper().rstrip("F"))
    expiry = values["5F24"].hex()[:4] if "5F24" in values else Track2(track2).expiry if track2 else ""
    sequence = f"{int(values['5F34'].hex()):03d}" if values.get("5F34", b"").hex().isdecimal() else ""
    return CardData(entry, pan, expiry, track2.replace("D", "="), sequence=sequence, chip=values)


def with_chip_data(reversal: Message, values: Mapping[str, bytes]) -> Message:
    """A reversal with the chip's part, from data objects by tag."""
    data = pack_chip(REVERSAL, values)
    return reversal.with_elements({55: data}) if data else reversal


@dataclass(frozen=True, slots=True)
class Mapper:
    """Builds requests for one terminal."""

    profile: AcquirerProfile
    identity: Identity
    hsm: HsmPort

    def request(
        self,
        kind: Kind,
        *,
        stan: str,
        batch: str,
        amount_minor: int | None,
        currency: str,
        card: CardData | CodeData,
        operator: str,
        pin: PinData = NO_PIN,
        original: JournalEntry | None = None,
        tip_minor: int = 0,
        auth_code: str = "",
    ) -> Message:
        """A financial request without its MAC, its tracks in the clear.

        Raises: LayoutError: a chip whose data lack what the host must have.

        Args:
            original: the journal entry a void, refund, completion or adjustment refers to.
            auth_code: DE 38 when it does not come from the original, such as a voice approval.
        """
        row = TRANSACTIONS[kind]
        elements: Elements = {
            3: row.processing_code,
            11: stan,
            49: currency,
            60: self._element_60(row.message_type, batch, card),
            **self._whoami(),
        }
        if row.condition:
            elements[25] = row.condition
        if amount_minor is not None:
            elements[4] = f"{amount_minor:012d}"
        if isinstance(card, CodeData):
            elements[22] = f"{card.entry}2"
        else:
            elements |= self._card(card, with_tracks=original is None or kind is Kind.REFUND)
            elements |= self._pin(card, pin)
            if card.chip and original is None:
                form = OFFLINE_SALE if kind is Kind.CHIP_OFFLINE_SALE else REQUEST
                elements[55] = pack_chip(form, card.chip)
        if original is not None:
            elements |= self._original(kind, original)
        if auth_code:
            elements[38] = auth_code
        if kind is Kind.OFFLINE_SALE:
            # 61.1 to 61.3 have nothing to name; 61.4 says that the approval came by telephone.
            elements[61] = "0" * 16 + "01"
        if kind is Kind.TIP_ADJUST:
            elements[48] = f"{tip_minor:012d}"
        if row.mti == "0220":
            elements[63] = _NO_SCHEME
        elif self.profile.operator_in_63_always:
            elements[63] = operator.ljust(3)
        elements |= self._private(card)
        return Message(row.mti, elements)

    def with_tracks_enciphered(self, request: Message, tdk: KeyBlock) -> Message:
        """The request as it goes on the line. It is stored without this: the key is another after the next sign-on."""
        tracks = {number: str(request[number]) for number in (35, 36) if number in request}
        if not tracks:
            return request
        control = str(request[53])
        elements: Elements = {number: self.hsm.encrypt_track(tdk, track) for number, track in tracks.items()}
        return request.with_elements({**elements, 53: f"{control[:2]}1{control[3:]}"})

    def reversal(self, request: Message) -> Message:
        """The 0400 for a request, without reason (DE 39), authorisation code and MAC."""
        kept = {
            number: request[number] for number in (2, 3, 4, 11, 22, 23, 25, 41, 42, 49, 60, 61) if number in request
        }
        reversal = Message("0400", kept)
        return with_chip_data(reversal, parse_chip(bytes(request[55]))) if 55 in request else reversal

    def closing(self, request: Message, *, stan: str) -> Message:
        """The void that closes a payment by a code, without reason (DE 39) and MAC; it names the payment by 61."""
        kept = {number: request[number] for number in (4, 22, 41, 42, 49, 60) if number in request}
        named = str(request[60])[2:8] + str(request[11])
        return Message(request.mti, {**kept, 3: TRANSACTIONS[Kind.QR_VOID].processing_code, 11: stan, 61: named})

    def management(
        self, mti: str, network: str, *, stan: str = "", batch: str, extra: Elements | None = None
    ) -> Message:
        """A network management request: 41, 42, 60 and what the kind adds."""
        elements: Elements = {**self._whoami(), 60: f"00{batch}{network}", **(extra or {})}
        if stan:
            elements[11] = stan
        return Message(mti, elements)

    def serial_text(self) -> bytes:
        """DE 62 of a sign-on: the hardware serial."""
        serial = self.identity.device.serial
        return f"Sequence No{len(serial):02d}{serial}".encode("ascii")

    def notice_upload(self, entry: JournalEntry, notice: Message, network: Network, *, batch: str) -> Message:
        """A notice as it goes up again with the batch: 0320 with the notice's own elements and trace number.

        DE 62 is usage 7: `71`, card class 2, code 2, amount 12, currency 3, then 60.1 of the notice 2 and a 0, by
        which the host can post a notice it has never accepted. The last three digits are this link's own.
        """
        kept = {
            number: notice[number]
            for number in (2, 3, 4, 11, 14, 22, 23, 25, 37, 38, 41, 42, 48, 49, 55, 61)
            if number in notice
        }
        usage = f"7100{(entry.response_code or '00'):.2}{entry.total_minor:012d}{entry.currency}"
        message_type = entry.transaction.message_type
        return Message("0320", {**kept, 60: f"00{batch}{network}", 62: f"{usage}{message_type}0".encode("ascii")})

    def chip_upload(self, entry: JournalEntry, card: CardData, network: Network, *, batch: str) -> Message:
        """A chip transaction as it goes up with the batch: 0320 with its trace number and its final cryptogram."""
        elements: Elements = {
            **self._whoami(),
            2: card.pan.reveal(),
            4: f"{entry.total_minor:012d}",
            11: entry.stan,
            22: f"{entry.entry}{'1' if entry.pin_entered else '2'}",
            55: pack_chip(OFFLINE_SALE, entry.chip_values),
            60: f"00{batch}{network}",
            62: pack_chip_detail(entry.total_minor, entry.currency, code=entry.response_code or "00"),
        }
        if entry.sequence:
            elements[23] = entry.sequence
        return Message("0320", elements)

    def _whoami(self) -> Elements:
        return {41: self.identity.terminal_id, 42: self.identity.merchant_id}

    def _element_60(self, message_type: str, batch: str, card: CardData | CodeData) -> str:
        capability = ReadCapability.CONTACTLESS if card.entry in _WITHOUT_CONTACT else ReadCapability.CHIP
        fallback = isinstance(card, CardData) and card.fallback
        condition = ChipCondition.LAST_READ_FAILED if fallback else ChipCondition.NOT_USED
        return f"{message_type}{batch}{Network.TRANSACTION}{capability}{condition}0"

    def _card(self, card: CardData, *, with_tracks: bool) -> Elements:
        tracks: Elements = {number: track for number, track in ((35, card.track2), (36, card.track3)) if track}
        if with_tracks and tracks and not card.chip:
            return tracks
        elements: Elements = {2: card.pan.reveal()}
        if card.expiry:
            elements[14] = card.expiry
        if card.sequence:
            elements[23] = card.sequence
        return elements | tracks if with_tracks and card.chip else elements

    def _pin(self, card: CardData, pin: PinData) -> Elements:
        profile = self.profile.pin
        if not pin.entered:
            # Some acquirers want a block all the same; 22 and 53 say that there is no PIN in it.
            block: Elements = {} if pin.block is None else {52: pin.block}
            return {22: f"{card.entry}2", 53: f"0{profile.algorithm_digit}".ljust(16, "0"), **block}
        with_pan = "2" if profile.format == "with-pan" else "1"
        return {
            22: f"{card.entry}1",
            26: profile.max_digits,
            52: pin.block,
            53: f"{with_pan}{profile.algorithm_digit}".ljust(16, "0"),
        }

    def _original(self, kind: Kind, original: JournalEntry) -> Elements:
        elements: Elements = {}
        if original.auth_code:
            elements[38] = original.auth_code
        if kind in _NAMES_RRN and original.rrn:
            elements[37] = original.rrn
        reference = original.batch + original.stan
        if kind not in _NAMES_NO_DATE:
            reference += original.host_date or "0000"
        elements[61] = reference
        return elements

    def _private(self, card: CardData | CodeData) -> Elements:
        """DE 57 and 59: the hardware serial, the payment code, or one behind the other where both go into one."""
        tusn = self.profile.tusn
        texts: dict[int, str] = {}
        read = card.code if isinstance(card, CodeData) else card.pan.reveal()
        if tusn.send:
            texts[tusn.element] = self.identity.device.pack(read[-6:])
        if isinstance(card, CodeData) and card.code:
            number = self.profile.qr.element
            texts[number] = texts.get(number, "") + pack_code(card.code)
        return {**texts}
