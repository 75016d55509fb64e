"""An issuer over the network: what it is asked, what it is told, and what takes either back.

A request goes out as 0100 or 0200 and waits. What is a notice already when it comes from the terminal, and what was
approved in the issuer's place, is posted at once and told as 0120 or 0220. Either can be taken back by an 0420. The
card's payments stand in the ledger against the issuer's account, never against a card's.

Source: Q/CUP 006 as restated publicly: elements of requests; DE 90.
Leaves out CVV2, identity documents, and fees between institutions.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Annotated, Any, Final

from pydantic import BaseModel, ConfigDict, Field

from posterm.host import answers, postings
from posterm.host.case import Case, Refusal
from posterm.host.chart import AccountKind
from posterm.host.events import EventName
from posterm.host.issuer import NAMES_ORIGINAL, clear_track
from posterm.host.records import CardKind, CardRecord, RouteRecord, RouteState, TransactionRecord
from posterm.host.switch import forwards
from posterm.host.switch.port import Approval, Suspended
from posterm.host.switch.routes import has_follower, next_stan
from posterm.host.switch.stand_in import UNREACHABLE, StandInRules, stand_in
from posterm.hsm import HsmError, KeyBlock, PinFormat
from posterm.hsm.port import TranslationPort
from posterm.iso8583 import Message
from posterm.sensitive import Pan, luhn_valid
from posterm.unionpay.network_link import KEY_ALGORITHM, KEY_USAGES, KeyRole, Trace, new_key, wire_of
from posterm.unionpay.network_mac import NetworkSealer
from posterm.unionpay.transactions import Delivery, Kind

GRACE_S: Final = 2.0
"""How long after its time-out a request is still left to the host that sent it."""

_EARLIER_FORWARDS: Final = 1000
_REVERSED_WITH: Final = (2, 3, 4, 18, 22, 25, 37, 38, 41, 42, 49, 100)


class IssuerTerms(BaseModel):
    """An institution whose cards begin with one of `prefixes`.

    Args:
        name: what the host calls it.
        institution: its identification code, at most 11 digits.
        timeout_s: how long it has to answer.
        stand_in: what may be approved in its place.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: Annotated[str, Field(pattern=r"^[a-z0-9-]{1,32}$")]
    institution: Annotated[str, Field(pattern=r"^[0-9]{1,11}$")]
    prefixes: Annotated[tuple[Annotated[str, Field(pattern=r"^[0-9]{1,12}$")], ...], Field(min_length=1)]
    timeout_s: Annotated[float, Field(gt=0, le=600)] = 25.0
    stand_in: StandInRules = StandInRules()


@dataclass(frozen=True, slots=True)
class ZoneKeys:
    """The keys of one connection: `zpk` for PIN blocks, `zak` for MACs."""

    zpk: KeyBlock
    zak: KeyBlock


class IssuerOverLink:
    """An `IssuerPort` over a link that somebody else holds.

    `keys` are those of the connection there is; None while there is none. Whoever holds the link sets them.
    """

    def __init__(self, terms: IssuerTerms, sealer: NetworkSealer, zmk: KeyBlock) -> None:
        self.terms = terms
        self.sealer = sealer
        self.keys: ZoneKeys | None = None
        self._zmk = zmk

    @property
    def name(self) -> str:
        return self.terms.name

    def draw_keys(self, own: str, stans: Iterable[str], now: datetime) -> tuple[ZoneKeys, tuple[Message, ...]]:
        """New keys for a connection, and the messages that bring them; they are in force once both are answered 00.

        Args:
            own: the acquirer's identification code.
            stans: a trace number for each message.
        """
        hsm = self.sealer.hsm
        drawn = {role: hsm.generate_key(usage, KEY_ALGORITHM) for role, usage in KEY_USAGES.items()}
        exported = {role: hsm.export_key(self._zmk, key) for role, key in drawn.items()}
        messages = tuple(
            new_key(role, key.cryptogram, key.kcv, stan, now, own)
            for (role, key), stan in zip(exported.items(), stans, strict=True)
        )
        return ZoneKeys(drawn[KeyRole.PIN], drawn[KeyRole.MAC]), messages

    def check_card(self, case: Case) -> Refusal | None:
        """14 no card number, or its check digit is wrong. All else the issuer knows."""
        desk, pan = case.desk, case.pan
        if pan is None:
            return None if case.known_row().kind in NAMES_ORIGINAL else Refusal("14", "no card number")
        if not luhn_valid(pan.reveal()):
            return Refusal("14", "the check digit is wrong")
        fingerprint = desk.card_fingerprint(pan)
        found = desk.store.card(fingerprint)
        card = found if found is not None else self._first_seen(case, fingerprint, pan)
        if card.network != self.name:
            card = card._replace(network=self.name, issuer_id=self.terms.institution)
        if card is not found:
            desk.store.put_card(card)
        if card.currency != case.currency:
            return Refusal("57", "the card is kept in another currency")
        case.card = card
        if desk.store.account(card.account_id) is None:
            desk.ledger.open_account(card.account_id, card.currency, AccountKind.NETWORK)
        return None

    def check_chip(self, case: Case) -> None:
        case.chip_judged = True  # by the issuer, which has the keys

    def check_pin(self, case: Case) -> None:
        pass

    def ask(self, case: Case) -> Suspended | Refusal | None:
        """Make the request and keep its reversal.

        Answers: 12 something else about the original waits, 14 no card number, 91 the issuer is not there, 99 the PIN
        block cannot be translated.
        """
        row, original = case.known_row(), case.original
        if original is not None and has_follower(case.desk, original.ref):
            return Refusal("12", "another request about the original waits for the issuer", record=False)
        if row.delivery is Delivery.REPEAT:
            return None
        if case.pan is None:
            return Refusal("14", "the issuer cannot be asked without the card number")
        keys = self.keys
        if keys is None:
            return self.stand_in(case, "the issuer is not there")
        if original is not None and self._is_due(case, original):
            return Refusal(UNREACHABLE, "the issuer has not been told of the original yet")
        try:
            secret = self._secret(case, case.pan, keys)
        except HsmError:
            return Refusal("99", "the PIN block cannot be translated")
        case.rrn = answers.rrn_for(case)
        plain = self._plain(case, case.pan, wire_of(row.kind, told=False), case.amount_minor)
        deadline = case.now + timedelta(seconds=self.terms.timeout_s + GRACE_S)
        self._keep_route(case, plain, RouteState.WAITING, deadline.isoformat())
        request = self.sealer.seal(plain.with_elements(secret), keys.zak)
        return Suspended(case, self.name, request, keys.zak, self.terms.timeout_s)

    def stand_in(self, case: Case, why: str) -> Refusal | None:
        """Decide in the issuer's place. Returns: None when approved; the issuer is told once it is posted."""
        refusal = stand_in(case, self.name, self.terms.stand_in, why)
        case.stood_in = refusal is None
        return refusal

    def approval(self, case: Case) -> Approval:
        answer, kind = case.issuer_answer, case.known_row().kind
        if answer is None:
            return Approval()
        balance = str(answer.get(54, "")) if kind is Kind.BALANCE else postings.balance_text(case)
        return Approval(str(answer.get(38, "")).strip(), balance, self.chip_data(case, "00"))

    def chip_data(self, case: Case, code: str) -> str:  # noqa: ARG002 - the issuer has said it with its answer
        return bytes(case.issuer_answer.get(55, b"")).hex() if case.issuer_answer is not None else ""

    def posted(self, case: Case, record: TransactionRecord) -> None:
        """Tell the issuer of what it was not asked for."""
        kind, amount = case.known_row().kind, case.amount_minor
        if case.issuer_answer is not None or case.pan is None:
            return
        if kind is Kind.TIP_ADJUST:
            kind, amount = Kind.SALE if record.gross_minor > 0 else Kind.REFUND, abs(record.gross_minor)
        if amount:
            plain = self._plain(case, case.pan, wire_of(kind, told=True), amount)
            plain = plain.with_elements({37: record.rrn, **({38: record.auth_code} if record.auth_code else {})})
            self._keep_route(case, plain, RouteState.APPROVED, "")
            about = case.original.ref if case.original is not None else case.ref
            case.events.append(forwards.queue(case.desk, self.name, about, plain, case.now))
            if case.stood_in:
                case.tell(EventName.STOOD_IN, issuer=self.name, amount=amount)

    def find_card_number(self, case: Case) -> None:
        """A request that names its card by its original alone: its number stands in the original's reversal."""
        original = case.known_original()
        route = case.desk.store.route(original.ref)
        if route is not None and route.reversal:
            case.pan = Pan(str(forwards.unseal(case.desk, route.ref, route.reversal)[2]))

    # --- messages -----------------------------------------------------------------------------------------------------

    def _plain(self, case: Case, pan: Pan, wire: tuple[str, str, str], amount: int) -> Message:
        """A request or advice, without what is secret and without its MAC."""
        mti, code, condition = wire
        own = case.desk.acquirer_id
        trace = Trace(mti, next_stan(case.desk), f"{case.now:%m%d%H%M%S}", own, own)
        codes = case.text(60)
        elements: dict[int, Any] = {
            2: pan.reveal(),
            3: code,
            4: f"{amount:012d}",
            **trace.elements,
            12: f"{case.now:%H%M%S}",
            13: f"{case.now:%m%d}",
            14: case.text(14) or case.track_expiry,
            22: case.text(22),
            23: case.text(23),
            25: condition,
            37: case.rrn,
            41: case.terminal_id,
            42: case.merchant_id,
            49: case.currency,
            # 60.1 no reason; 60.2: how the terminal can read cards, why the chip was not used, an attended terminal
            60: f"00000{codes[11:12] or '0'}{codes[12:13] or '0'}003000000",
            90: self._original_of(case),
            100: self.terms.institution,
        }
        return Message(mti, {number: value for number, value in elements.items() if value})

    def _secret(self, case: Case, pan: Pan, keys: ZoneKeys) -> dict[int, Any]:
        """Track, PIN block and chip data. Raises: HsmError: the PIN block does not open."""
        secret: dict[int, Any] = {}
        if 35 in case.message:
            secret[35] = clear_track(case, 35)
        if 55 in case.message:
            secret[55] = bytes(case.message[55])
        if 52 in case.message and case.text(53)[:1] != "0":
            hsm, form = case.desk.hsm, case.text(53)[:1]
            if not isinstance(hsm, TranslationPort):
                raise HsmError("the HSM does not translate PIN blocks")
            source = {"1": PinFormat.NO_PAN, "2": PinFormat.ISO_0}.get(form, case.desk.profile.pin.pin_format)
            pik = KeyBlock(case.known_terminal().pik)
            secret[52] = hsm.translate_pin(pik, case.message[52], source, keys.zpk, source, pan)
            secret[53] = f"{form}6".ljust(16, "0")
        return secret

    def _keep_route(self, case: Case, plain: Message, state: RouteState, deadline: str) -> None:
        trace = Trace.of(plain).pack()
        original = case.original.ref if case.original is not None else ""
        reversal = ""
        if case.known_row().kind is not Kind.BALANCE:
            kept = {number: plain[number] for number in _REVERSED_WITH if number in plain}
            reversal = forwards.seal(case.desk, case.ref, Message("0420", {**kept, 90: trace}))
        route = RouteRecord(case.ref, self.name, trace, state.value, deadline, reversal, original)
        case.desk.store.put_route(route)

    @staticmethod
    def _original_of(case: Case) -> str:
        """DE 90: what the issuer knows the original by."""
        route = case.desk.store.route(case.original.ref) if case.original is not None else None
        return route.trace if route is not None else ""

    def _is_due(self, case: Case, original: TransactionRecord) -> bool:
        about = (original.ref, original.original)
        return any(each.ref in about for each in case.desk.store.forwards_due(self.name, _EARLIER_FORWARDS))

    def _first_seen(self, case: Case, fingerprint: str, pan: Pan) -> CardRecord:
        found = case.range
        return CardRecord(
            fingerprint,
            pan.masked,
            (found.card if found is not None else "") or CardKind.DEBIT.value,
            expiry="",
            currency=case.currency,
            scheme=found.scheme if found is not None else "CUP",
            issuer_id=self.terms.institution,
            network=self.name,
        )
