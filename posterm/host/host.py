"""The door: a frame comes in, a reply goes out, and whatever the bytes are nothing is raised.

Source: Q/CUP 009, frame and message types. The runtime calls `handle_all` with the frames that have arrived inside
one `store.batch()` and sends the answers when it has ended: what was answered is durable. Each request stands in a
savepoint of its own, so one that fails takes no other with it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from typing import NamedTuple, TypeVar

from posterm.host import (
    adjustments,
    advances,
    clearing,
    issuer,
    limits,
    order_payment,
    payouts,
    reconciliation,
    registry,
    scripts,
    settlement,
    wallets,
)
from posterm.host.adjustments import Adjustment
from posterm.host.answers import approves, asks, frame_around, management_answer, pack_answer, refusal_answer
from posterm.host.case import Case, Desk, HostKeys
from posterm.host.checks import check_mac
from posterm.host.chip_tables import ChipTables
from posterm.host.data_files import built_in_terms
from posterm.host.errors import HostError
from posterm.host.events import EventName, HostEvent, Reply
from posterm.host.forced import Link
from posterm.host.ledger import Ledger
from posterm.host.look_ahead import look_ahead
from posterm.host.management import handle_management, handle_script_notice
from posterm.host.pipeline import run_failed, run_reversal, run_transaction
from posterm.host.reconciliation import Reconciliation
from posterm.host.records import (
    ACTIVE,
    CardKind,
    CardRecord,
    ClearingRecord,
    IssuerKeyRecord,
    PayoutRecord,
    PinPolicy,
    SettlementReport,
    TransactionRecord,
)
from posterm.host.store import HostStore
from posterm.host.switch import forwards
from posterm.host.switch.directory import IssuerDirectory
from posterm.host.switch.forwards import Forward
from posterm.host.switch.here import HERE
from posterm.host.switch.port import Suspended
from posterm.host.switch.resumption import reopened, run_resumed, run_unpostable
from posterm.host.switch.routes import give_up_overdue
from posterm.host.terms import HostTerms
from posterm.host.wallet_rows import OrderRecord, OrderState, WalletRecord, orders, wallet_named
from posterm.hsm import HsmPort, KeyBlock, Pin
from posterm.hsm.cryptogram import Scheme
from posterm.hsm.port import ChipPort
from posterm.iso8583 import FramingError, Message, UnpackError
from posterm.qr.payment_code import Network
from posterm.qr.scanned import Form
from posterm.sensitive import Pan, Sensitive
from posterm.unionpay.envelope import Envelope, Sealer, open_envelope
from posterm.unionpay.errors import HeaderError
from posterm.unionpay.header import Requirement
from posterm.unionpay.profile import AcquirerProfile
from posterm.unionpay.totals import Totals
from posterm.unionpay.transactions import SIGN_ON_CODES

ACQUIRER_ID = "48310058"
LATE_ANSWER_S = 5.0
_TRANSACTIONS = frozenset({"0100", "0200", "0220"})
_SETTLEMENTS = frozenset({"0500", "0320"})
_MANAGEMENT = frozenset({"0800", "0820"})
_MAC_BYTES = 8


class _Asked(NamedTuple):
    """A frame that was read: the case of its request, or why there is none."""

    envelope: Envelope
    case: Case | Exception


class _Said(NamedTuple):
    """A request that was worked out, and the answer to it, which is still to be packed."""

    case: Case
    answer: Message


S = TypeVar("S")


class Host:
    """Acquirer and issuer of one profile over one store.

    Args:
        forced_outcomes: run the table in `forced`.
        late_answer_s: how late a forced late answer is.
        acquirer_id: 8 digits, element 32.
        chip_tables: the CA keys and application parameters that terminals may download; without them they may not.
        terms: merchants' plans, card ranges and working days; those that come with posterm when left out.
        issuers: those that are asked over the network for the cards they issued.
    Raises: HostError: issuers over the network, and no storage key to keep messages for them under.
    """

    def __init__(
        self,
        profile: AcquirerProfile,
        hsm: HsmPort,
        store: HostStore,
        keys: HostKeys,
        *,
        forced_outcomes: bool = True,
        late_answer_s: float = LATE_ANSWER_S,
        acquirer_id: str = ACQUIRER_ID,
        chip_tables: ChipTables | None = None,
        terms: HostTerms | None = None,
        issuers: IssuerDirectory | None = None,
    ) -> None:
        if issuers and keys.storage is None:
            raise HostError("a host with issuers over the network needs a storage key")
        self.ledger = Ledger(store)
        self._desk = Desk(
            profile,
            hsm,
            hsm if isinstance(hsm, ChipPort) else None,
            store,
            keys,
            self.ledger,
            Sealer(profile, hsm),
            forced_outcomes,
            late_answer_s,
            acquirer_id,
            terms or built_in_terms(),
            chip_tables,
            here=HERE,
            issuers=issuers or IssuerDirectory(),
        )

    @property
    def profile(self) -> AcquirerProfile:
        """The acquirer profile this host works by."""
        return self._desk.profile

    def handle(self, frame: bytes, now: datetime) -> Reply:
        """Answer what one length prefix counted. `now` is the host's local time. Raises nothing, whatever the bytes."""
        return self._handled(self._read(frame, now), now, _packed)

    def handle_all(self, frames: Sequence[bytes], now: datetime) -> list[Reply]:
        """Answer frames as `handle` does, in order; quicker, as all are read first and all answers packed last."""
        read = [self._read(frame, now) for frame in frames]
        try:
            with self._desk.store.savepoint():
                look_ahead([asked.case for asked in read if isinstance(asked, _Asked) and isinstance(asked.case, Case)])
                return [_packed(said) for said in [self._handled(each, now, lambda said: said) for each in read]]
        except Exception:  # an answer that cannot be packed: each by itself, so that it takes no other with it
            return [self.handle(frame, now) for frame in frames]

    def _read(self, frame: bytes, now: datetime) -> Reply | _Asked:
        """What a frame holds, or what it gets at once. Nothing is done for it yet."""
        if not frame:
            return Reply(None, close=not self._desk.profile.frame.keep_alive)
        try:
            envelope = open_envelope(frame)
        except (FramingError, HeaderError) as error:
            return _not_understood(now, str(error))
        try:
            return _Asked(envelope, Case(self._desk, self._desk.profile.dialect.unpack(envelope.wire), now, envelope))
        except Exception as error:
            return _Asked(envelope, error)

    def _handled(self, read: Reply | _Asked, now: datetime, finished: Callable[[Reply | _Said], S]) -> S:
        """What one frame gets, `finished` while everything can still be taken back."""
        if isinstance(read, Reply):
            return finished(read)
        try:
            with self._desk.store.savepoint():
                return finished(self._answer(read, now))
        except Exception as error:  # the last net: one request that fails takes no other with it
            return finished(self._failed(read.envelope, now, error))

    def resume(self, suspended: Suspended, answer: Message | None, now: datetime) -> Reply:
        """Go on with a request that waited for its issuer.

        Args:
            answer: what the issuer has answered; None for nothing.
        Returns: what to do with the connection the request came from. Raises nothing, whatever the answer.
        """
        case = reopened(suspended, answer, now)
        try:
            with self._desk.store.savepoint():
                return _packed(self._resumed(case, run_resumed(case, suspended)))
        except Exception as error:  # as in `handle`: it is taken back, and the others of the batch stand
            case = reopened(suspended, answer, now)
            try:
                with self._desk.store.savepoint():
                    return _packed(self._resumed(case, run_unpostable(case, type(error).__name__)))
            except Exception:  # the store fails: whoever looks for overdue requests will find it
                return Reply(None, (HostEvent(EventName.FAULT, now, {"fault": type(error).__name__}),), close=True)

    def give_up_overdue(self, now: datetime) -> tuple[HostEvent, ...]:
        """Give up requests to issuers whose time is long over: those a host has left behind that is no more."""
        with self._desk.store.savepoint():
            return give_up_overdue(self._desk, now)

    def first_forward(self, issuer: str) -> Forward | None:
        """The reversal or advice an issuer must have next, None when it has all."""
        return forwards.first_due(self._desk, issuer)

    def forwarded(self, forward_id: str, answer: Message, now: datetime) -> HostEvent | None:
        """Take an issuer's answer to a forward; its MAC has been checked. Returns: None when it is to be sent again."""
        with self._desk.store.savepoint():
            return forwards.take_answer(self._desk, forward_id, str(answer.get(39, "")), now)

    @property
    def acquirer_id(self) -> str:
        """Its identification code, element 32."""
        return self._desk.acquirer_id

    @property
    def issuers(self) -> IssuerDirectory:
        """The issuers over the network."""
        return self._desk.issuers

    def enrol_merchant(
        self, merchant_id: str, name: str, *, currency: str = "CNY", plan: str = "standard", owner: str = ""
    ) -> None:
        """Take on a merchant of 15 characters, or change its name and terms.

        Args:
            plan: the name of its terms.
            owner: a name for whoever stands behind it, the same for all merchants of one owner; letters and digits.
        Raises: EnrolmentError.
        """
        registry.enrol_merchant(self._desk, merchant_id, name, currency, plan, owner)

    def enrol_terminal(self, terminal_id: str, merchant_id: str, tmk: KeyBlock, *, batch: str = "000001") -> None:
        """Take on a terminal of 8 characters, or give it another TMK. Raises: EnrolmentError."""
        registry.enrol_terminal(self._desk, terminal_id, merchant_id, tmk, batch)

    def knows_terminal(self, terminal_id: str) -> bool:
        """True when the terminal is enrolled, open or not."""
        return self._desk.store.terminal(terminal_id) is not None

    def enrol_card(
        self,
        pan: Pan,
        pin: Pin | None,
        *,
        kind: CardKind | str = CardKind.DEBIT,
        balance: int = 0,
        credit_line: int = 0,
        expiry: str = "3012",
        pin_policy: PinPolicy | str = PinPolicy.REQUIRED,
        status: str = ACTIVE,
        scheme: str = "CUP",
        issuer_id: str = "03080000",
        currency: str = "CNY",
        at: datetime | None = None,
    ) -> str:
        """Take on a card; `balance` and `credit_line` in minor units, `status` active or the answer code it gets.

        The PIN goes into the HSM and comes out as an offset; only that is kept.

        Returns: the card's fingerprint. Raises: EnrolmentError.
        """
        card = CardRecord(
            fingerprint="",
            masked_pan="",
            kind=str(kind),
            expiry=expiry,
            currency=registry.currency_number(currency),
            pin_policy=str(pin_policy),
            status=status,
            scheme=scheme,
            issuer_id=issuer_id,
        )
        opened = at.isoformat() if at is not None else ""
        return issuer.enrol_card(self._desk, pan, pin, card, balance=balance, credit_line=credit_line, at=opened)

    def enrol_wallet(
        self,
        wallet: str,
        network: Network | str,
        *,
        balance: int = 0,
        free: int = 100_000,
        currency: str = "CNY",
        at: datetime | None = None,
    ) -> None:
        """Take on a wallet that pays by codes; `balance` in minor units.

        Args:
            wallet: its name, at most 24 letters, digits and hyphens.
            free: the amount up to which it pays without a password.
        Raises: EnrolmentError.
        """
        opened = at.isoformat() if at is not None else ""
        record = WalletRecord(wallet, str(network), "", free)
        wallets.enrol_wallet(self._desk, record, registry.currency_number(currency), balance=balance, at=opened)

    def knows_wallet(self, wallet: str) -> bool:
        """True when the wallet is enrolled."""
        return wallet_named(self._desk.store, wallet) is not None

    def show_code(self, wallet: str, now: datetime, draw: Callable[[int], int], form: Form = Form.DIGITS) -> Sensitive:
        """A fresh code of a wallet, good once and for a minute.

        Args:
            draw: called with a bound, gives a number below it.
        Raises: EnrolmentError.
        """
        with self._desk.store.savepoint():
            return wallets.show_code(self._desk, wallet, form, now, draw)

    def pay_order(self, order_id: str, wallet: str, now: datetime) -> str:
        """A customer who has scanned a merchant's code pays. Returns: the answer code. Raises: OrderError."""
        with self._desk.store.savepoint():
            return order_payment.pay_order(self._desk, order_id, wallet, now)

    def answer_password(self, order_id: str, now: datetime, *, given: bool = True) -> str:
        """A customer gives a wallet's password, or will not. Returns: the answer code. Raises: OrderError."""
        with self._desk.store.savepoint():
            return order_payment.answer_password(self._desk, order_id, given=given, now=now)

    def orders(self, *, wallet: str | None = None, state: OrderState | None = None) -> list[OrderRecord]:
        """Payments by codes, by identifier: all, those of a wallet, those in a state, or both."""
        return orders(self._desk.store, wallet=wallet, state=state)

    def block_card(self, card: str, code: str) -> None:
        """Put a card on the acquirer's black list, with the answer code it gets; an empty code takes it off.

        Args:
            card: the fingerprint that `enrol_card` returned.
        Raises: EnrolmentError.
        """
        issuer.block_card(self._desk, card, code)

    def set_issuer_keys(
        self,
        prefix: str,
        scheme: Scheme | str,
        *,
        cryptogram: KeyBlock,
        integrity: KeyBlock,
        confidentiality: KeyBlock,
    ) -> None:
        """Hold an issuer's master keys for the chips of all cards whose number begins with `prefix`.

        Args:
            prefix: 1 to 8 digits; the longest that fits a card wins.
            scheme: whose cryptogram versions the cards have.
        Raises: EnrolmentError.
        """
        registry.set_issuer_keys(
            self._desk,
            IssuerKeyRecord(prefix, str(scheme), str(cryptogram), str(integrity), str(confidentiality)),
        )

    def knows_issuer(self, prefix: str) -> bool:
        """True when master keys are held for this prefix."""
        return self._desk.store.issuer_keys(prefix) is not None

    def queue_script(self, card: str, command: str, *, sequence: str = "00") -> str:
        """Let a command wait for a card's next online transaction; `posterm.host.scripts` has the commands.

        Args:
            card: the fingerprint that `enrol_card` returned.
            sequence: the card sequence number, 2 digits.
        Returns: the script's identifier. Raises: EnrolmentError.
        """
        return scripts.queue(self._desk, f"{card}/{sequence}", command)

    def set_merchant_open(self, merchant_id: str, is_open: bool) -> None:
        """Let a merchant trade, or stop it. Raises: EnrolmentError."""
        registry.set_open(self._desk, merchant_id=merchant_id, is_open=is_open)

    def set_channels(self, merchant_id: str, closed: Iterable[str]) -> None:
        """Close these ways of paying to a merchant, and open all others; nothing else of it changes.

        Args:
            closed: values of `posterm.host.channels.MerchantChannel`.
        Raises: EnrolmentError: no such merchant or channel.
        """
        registry.set_channels(self._desk, merchant_id, closed)

    def place_terminal(self, terminal_id: str, *, serial: str = "", location: str = "", radius_m: int = 0) -> None:
        """Tie a terminal to one device and one place: payments from another serial or from farther off are refused.

        Args:
            serial: the device's hardware serial, up to 50 letters and digits; empty for any.
            location: `latitude,longitude` in decimal degrees; empty for anywhere.
            radius_m: how far from there it may be, in metres.
        Raises: EnrolmentError.
        """
        registry.place_terminal(self._desk, terminal_id, serial, location, radius_m)

    def set_terminal_open(self, terminal_id: str, is_open: bool) -> None:
        """Let a terminal trade, or stop it. Raises: EnrolmentError."""
        registry.set_open(self._desk, terminal_id=terminal_id, is_open=is_open)

    def request_action(self, terminal_id: str, requirement: Requirement) -> None:
        """Ask a terminal for something in the header of its answers, until it has done it. Raises: EnrolmentError."""
        registry.request_action(self._desk, terminal_id, requirement)

    def set_parameters(self, terminal_id: str, values: Mapping[str, str]) -> None:
        """What the terminal gets at its next parameter download. Raises: EnrolmentError, LayoutError."""
        registry.set_parameters(self._desk, terminal_id, dict(values))

    def totals(self, terminal_id: str, batch: str) -> Totals:
        """What the host has counted in a batch, open or closed."""
        return settlement.totals_of(self._desk.store.transactions_in_batch(terminal_id, batch))

    def close_day(self, now: datetime) -> tuple[SettlementReport, ...]:
        """The cut-over where the host captures: settle every open batch.

        Raises: HostError: this acquirer's terminals settle their own batches.
        """
        if self._desk.profile.settlement.captured_by != "host":
            raise HostError("the terminals of this acquirer profile settle their own batches")
        with self._desk.store.savepoint():
            return settlement.close_day(self._desk, now)

    def expire(self, now: datetime) -> int:
        """Release every hold whose deadline has come. Returns: how many. Run it often: a hold is over by then anyway,
        but its money is free again only when it is released.
        """
        with self._desk.store.savepoint():
            store = self._desk.store
            return self.ledger.expire(now.isoformat(), lambda hold: limits.release_expired(store, hold))

    def close_clearing(self, now: datetime) -> tuple[ClearingRecord, ...]:
        """Close every clearing date whose cut-off has passed. Returns: what each merchant has earned on them."""
        with self._desk.store.savepoint():
            return clearing.close_dates(self._desk, now)

    def create_payouts(self, now: datetime) -> tuple[PayoutRecord, ...]:
        """Make payouts of all that is due and in none yet."""
        with self._desk.store.savepoint():
            return payouts.create_payouts(self._desk, now)

    def request_advance(self, merchant_id: str, key: str, now: datetime, *, amount: int = 0) -> PayoutRecord:
        """Pay a merchant at once what it has earned on the open date, or `amount` of it; the same key pays once.

        Raises: AdvanceRefusedError: with its answer code. EnrolmentError.
        """
        with self._desk.store.savepoint():
            return advances.request_advance(self._desk, merchant_id, key, amount, now)

    def move_payout(self, payout_id: str, action: str, now: datetime, *, reason: str = "") -> PayoutRecord:
        """Take a payout one step on: send, succeed, fail, return or retry. Raises: PayoutError."""
        with self._desk.store.savepoint():
            return payouts.move_payout(self._desk, payout_id, action, now, reason=reason)

    def adjust(self, adjustment: Adjustment, now: datetime) -> TransactionRecord:
        """Give a merchant money outside a payment, or take some; the same adjustment again does nothing.

        Raises: HostError: see `adjustments`. LedgerError: no account of the name it gives.
        """
        with self._desk.store.savepoint():
            return adjustments.adjust(self._desk, adjustment, now)

    def reconcile(self, clearing_date: str) -> Reconciliation:
        """Compare what terminals, records and ledger say of a clearing date, YYYY-MM-DD."""
        return reconciliation.reconcile(self._desk, clearing_date)

    def _answer(self, asked: _Asked, now: datetime) -> Reply | _Said:
        case = asked.case
        if isinstance(case, UnpackError):
            return self._partly_understood(asked.envelope, now, case)
        if isinstance(case, Exception):
            raise case
        message = case.message
        if not asks(message.mti):
            return _not_understood(now, f"no request has the MTI {message.mti}")
        fault = _unaddressed(case)
        if fault:
            return self._refused(case, "30", fault)
        if message.mti in _TRANSACTIONS:
            answer = run_transaction(case)
            if isinstance(answer, Suspended):
                return Reply(None, tuple(case.events), suspended=answer)
            return Reply(None, tuple(case.events)) if answer is None else self._over_the_link(case, answer)
        if message.mti == "0400":
            return _Said(case, run_reversal(case))
        if message.mti in _SETTLEMENTS:
            return _Said(case, settlement.handle_settlement(case))
        if message.mti in _MANAGEMENT:
            return _Said(case, handle_management(case))
        if message.mti == "0620":
            return _Said(case, handle_script_notice(case))
        return self._refused(case, "12", f"no request of this link has the MTI {message.mti}")

    def _resumed(self, case: Case, answer: Message | None) -> Reply | _Said:
        return Reply(None, tuple(case.events)) if answer is None else self._over_the_link(case, answer)

    def _over_the_link(self, case: Case, answer: Message) -> Reply | _Said:
        """Send an answer, or spoil it as the table of forced outcomes asks."""
        link = case.forced.link
        if link is Link.AS_IT_IS:
            return _Said(case, answer)
        case.tell(EventName.FORCED, outcome=link.value)
        if link is Link.OTHER_STAN:
            answer = answer.with_elements({11: f"{int(case.stan) % 999_999 + 1:06d}"})
        frame = pack_answer(case, answer)
        events = tuple(case.events)
        if link in (Link.NO_ANSWER, Link.CLOSED):
            return Reply(None, events, close=link is Link.CLOSED)
        if link is Link.TORN:
            return Reply(frame, events, close=True, tear_after=len(frame) // 2)
        if link is Link.WRONG_MAC and approves(self._desk, str(answer[39])):  # a decline may carry none
            spoilt = bytes(byte ^ 0x01 for byte in frame[-_MAC_BYTES:])
            return Reply(frame[:-_MAC_BYTES] + spoilt, events)
        return Reply(frame, events, delay_s=self._desk.late_answer_s if link is Link.LATE else 0.0)

    def _partly_understood(self, envelope: Envelope, now: datetime, error: UnpackError) -> Reply | _Said:
        answer = refusal_answer(error.partial, "30")
        if answer is None:
            return _not_understood(now, _place(error))
        case = Case(self._desk, error.partial, now, envelope)
        case.terminal = self._desk.store.terminal(case.terminal_id)
        code = _code_for_form(case, "30")
        case.tell(EventName.DECLINED, code=code, check="form", why=_place(error))
        return _Said(case, answer.with_elements({39: code}))

    def _refused(self, case: Case, code: str, why: str) -> _Said:
        case.terminal = self._desk.store.terminal(case.terminal_id)
        code = _code_for_form(case, code)
        case.tell(EventName.DECLINED, code=code, check="form", why=why)
        return _Said(case, management_answer(case, code))

    def _failed(self, envelope: Envelope, now: datetime, error: Exception) -> Reply:
        """96 for a request that the host itself could not carry out; all it did was undone.

        A transaction's 96 is on record, so that its repeat gets it too. One that cannot be kept is not given: the
        connection is closed, and the terminal makes sure by itself.
        """
        fault = type(error).__name__
        event = HostEvent(EventName.FAULT, now, {"fault": fault})
        try:
            message = self._desk.profile.dialect.unpack(envelope.wire)
            if message.mti in _TRANSACTIONS:
                case = Case(self._desk, message, now, envelope)
                with self._desk.store.savepoint():
                    return Reply(pack_answer(case, run_failed(case, fault)), tuple(case.events))
            answer = refusal_answer(message, "96")
            wire = self._desk.profile.dialect.pack(answer) if answer is not None else b""
        except Exception:  # it fails again: there is nothing left to say
            return Reply(None, (event,), close=True)
        return (
            Reply(frame_around(self._desk, envelope, wire, None), (event,))
            if wire
            else Reply(None, (event,), close=True)
        )


def _unaddressed(case: Case) -> str:
    """What is wrong with the elements that say who asks and which request it is; empty when nothing is."""
    # Echo tests, downloads and status uploads go without a trace number; a sign-on has one.
    numbered = () if case.message.mti in _MANAGEMENT and case.network not in SIGN_ON_CODES else (11,)
    missing = case.message.lacking((*numbered, 41, 42, 60))
    if missing:
        return "missing element " + " ".join(map(str, missing))
    return "" if len(case.text(60)) >= 11 else "element 60 is shorter than type, batch and network code"


def _code_for_form(case: Case, code: str) -> str:
    """The code for a request that makes no sense; A0 for a notice or refund that was damaged on its way.

    It is repeated until there is a verdict, and a sound copy of it may have been approved before.
    """
    keyed = case.terminal is not None and case.terminal.mak
    return "A0" if case.message.mti == "0220" and keyed and check_mac(case) is not None else code


def _packed(said: Reply | _Said) -> Reply:
    if isinstance(said, Reply):
        return said
    case, answer = said
    return Reply(pack_answer(case, answer), tuple(case.events))


def _not_understood(now: datetime, why: str) -> Reply:
    return Reply(None, (HostEvent(EventName.NOT_ISO8583, now, {"why": why}),), close=True)


def _place(error: UnpackError) -> str:
    element = f"element {error.path}" if error.path else "message"
    return f"{element}: {error.code} at byte {error.offset}: need {error.needed}, found {error.found}"
