"""The terminal: one method for each key a cashier can press, each a flow to be driven.

    terminal = Terminal(profile=…, identity=…, hsm=…, store=…, merchant_name=…, now=…)
    flow = terminal.sale(Amount.parse("12.34"), now)     # yields effects, returns a Result

What needs only the terminal's own knowledge is checked before the flow's first effect: rights, state, the original of a
void. A second command while one is running is not possible: the runtime drives one flow at a time.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime

from posterm.amount import CNY, Amount, Currency
from posterm.hsm import HsmPort, KeyUsage
from posterm.terminal import training
from posterm.terminal.batch import Settled, last_slip, settle, totals_of
from posterm.terminal.chip_downloads import AIDS, KEYS, download, download_what_is_missing
from posterm.terminal.code_payment import pay_by_code, query, show_order
from posterm.terminal.context import Context
from posterm.terminal.effects import Flow, Print
from posterm.terminal.errors import TerminalError
from posterm.terminal.exchange import Answer
from posterm.terminal.kernels import Kernels
from posterm.terminal.management import Managed, download_parameters, echo, sign_off, sign_on, upload_status
from posterm.terminal.mapping import Identity
from posterm.terminal.notices import owed_notices
from posterm.terminal.operators import (
    NEEDS_SUPERVISOR,
    PASSWORD_COST,
    SUPERVISOR,
    SYSTEM_MANAGER,
    TEST_PASSWORDS,
    hash_password,
    is_cashier,
    password_is_right,
)
from posterm.terminal.order import Order, Outcome, Result
from posterm.terminal.originals import OriginalReference, authorised_minor, find_original, is_named, standing_minor
from posterm.terminal.records import JournalEntry, Status
from posterm.terminal.reversal import settle_pending
from posterm.terminal.steps import print_slips
from posterm.terminal.store import TerminalStore
from posterm.terminal.training import practise, practise_on
from posterm.terminal.transaction import give_up, perform
from posterm.terminal.transitions import SETTLEMENT_STATES, Event, Phase, State
from posterm.unionpay.key_layout import tmk_algorithm
from posterm.unionpay.profile import AcquirerProfile
from posterm.unionpay.totals import Totals
from posterm.unionpay.transactions import CODE_SALES, Kind

__all__ = ["Answer", "Terminal"]


class Terminal:
    """A POS terminal without hands: flows go out, replies come in, the store remembers.

    Args:
        kernels: what talks to chips; without them a card is swiped or keyed.
        password_cost: scrypt's N for the operators' passwords; a simulation of many terminals wants it small.
    """

    def __init__(
        self,
        *,
        profile: AcquirerProfile,
        identity: Identity,
        hsm: HsmPort,
        store: TerminalStore,
        now: datetime,
        merchant_name: str = "",
        currency: Currency = CNY,
        kernels: Kernels | None = None,
        password_cost: int = PASSWORD_COST,
    ) -> None:
        self._password_cost = password_cost
        self._ctx = Context(
            profile=profile,
            identity=identity,
            hsm=hsm,
            store=store,
            currency=currency,
            merchant_name=merchant_name,
            now=now,
            kernels=kernels,
        )
        if not self._ctx.memory.registers.operators:
            draft = self._ctx.memory.draft()
            draft.set(operators=self._hashed(TEST_PASSWORDS))
            self._ctx.memory.commit(draft)

    # --- what can be seen ---

    @property
    def state(self) -> State:
        return self._ctx.state

    @property
    def phase(self) -> Phase:
        """Where the transaction in flight stands; idle when there is none."""
        reversal = self._ctx.memory.reversal
        return reversal.phase if reversal else Phase.IDLE

    @property
    def identity(self) -> Identity:
        return self._ctx.identity

    @property
    def profile(self) -> AcquirerProfile:
        return self._ctx.profile

    @property
    def operator(self) -> str:
        """The operator who is signed on, or empty."""
        return self._ctx.memory.registers.operator

    @property
    def batch(self) -> str:
        """The number of the open batch, 6 digits."""
        return self._ctx.memory.registers.batch_digits

    @property
    def stan(self) -> str:
        """The trace number used last, 6 digits."""
        return self._ctx.memory.registers.stan_digits

    @property
    def journal(self) -> list[JournalEntry]:
        """The entries of the open batch, the closed one before it, and open pre-authorisations; oldest first."""
        return list(self._ctx.memory.journal.values())

    @property
    def open_batch(self) -> list[JournalEntry]:
        return self._ctx.memory.batch_entries

    @property
    def totals(self) -> Totals:
        """Totals of the open batch."""
        return totals_of(self._ctx.memory.batch_entries)

    @property
    def owed(self) -> list[JournalEntry]:
        """Notices the host has not accepted yet."""
        return owed_notices(self._ctx, with_failed=True)

    @property
    def reversal_stan(self) -> str:
        """The trace number of the stored reversal, or empty."""
        reversal = self._ctx.memory.reversal
        return reversal.stan if reversal else ""

    @property
    def parameters(self) -> Mapping[str, str]:
        """What the host has downloaded into the terminal."""
        return self._ctx.memory.registers.parameters

    # --- system manager ---

    def inject_tmk(self, components: list[bytes], *, kcv: bytes | None = None, password: str) -> str:
        """Form the terminal master key from its components (16 bytes each).

        Returns: its check value, 8 hexadecimal digits.
        Raises: TerminalError: wrong password or state. KeyCheckError: the components do not give that key.
        """
        self._require(SYSTEM_MANAGER, password)
        ctx = self._ctx
        if reason := ctx.refusal(Event.KEYS_INJECTED):
            raise TerminalError(reason)
        if ctx.memory.batch_entries or ctx.memory.reversal:
            raise TerminalError("the open batch must be settled before the terminal gets a new master key")
        algorithm = tmk_algorithm(ctx.profile.keys.layout)
        tmk = ctx.hsm.combine_components(components, KeyUsage.KEY_ENCRYPTION, algorithm, kcv)
        draft = ctx.memory.draft()
        ctx.ensure_storage_key(draft)
        ctx.fire(draft, Event.KEYS_INJECTED)
        draft.set(tmk=str(tmk), pik="", mak="", tdk="", operator="")
        ctx.memory.commit(draft)
        return ctx.hsm.key_check_value(tmk, 4).hex().upper()

    def set_operator(self, number: str, password: str, *, manager_password: str) -> None:
        """Add an operator or change a password. Raises: TerminalError."""
        self._require(SYSTEM_MANAGER, manager_password)
        draft = self._ctx.memory.draft()
        draft.set(operators={**draft.registers.operators, **self._hashed({number: password})})
        self._ctx.memory.commit(draft)

    # --- management ---

    def sign_on(self, operator: str, password: str, now: datetime) -> Flow[Managed]:
        """Sign the terminal on for a cashier. One without any CA keys or chip applications downloads them then."""
        self._ctx.now = now
        if not is_cashier(operator) or not self._password_is_right(operator, password):
            return Managed(False, why="no such cashier, or a wrong password")
        managed = yield from sign_on(self._ctx, operator)
        if managed.done:
            yield from download_what_is_missing(self._ctx)
        return managed

    def sign_off(self, now: datetime) -> Flow[Managed]:
        self._ctx.now = now
        return (yield from sign_off(self._ctx))

    def echo(self, now: datetime) -> Flow[Managed]:
        """Ask the host whether it is there."""
        self._ctx.now = now
        return (yield from echo(self._ctx))

    def download_parameters(self, now: datetime) -> Flow[Managed]:
        self._ctx.now = now
        return (yield from download_parameters(self._ctx))

    def download_ca_keys(self, now: datetime) -> Flow[Managed]:
        """Fetch the certification authorities' keys, which take the place of those downloaded before."""
        self._ctx.now = now
        return (yield from download(self._ctx, KEYS))

    def download_applications(self, now: datetime) -> Flow[Managed]:
        """Fetch the parameters of chip applications, which take the place of those downloaded before."""
        self._ctx.now = now
        return (yield from download(self._ctx, AIDS))

    def start_training(self, now: datetime) -> Flow[Managed]:
        """Practise from here on: nothing leaves the terminal. Refused while anything of the day is open."""
        self._ctx.now = now
        return (yield from training.start(self._ctx))

    def end_training(self, now: datetime) -> Flow[Managed]:
        """Back to money; the cashier has to sign on."""
        self._ctx.now = now
        return (yield from training.end(self._ctx))

    def upload_status(self, now: datetime) -> Flow[Managed]:
        self._ctx.now = now
        return (yield from upload_status(self._ctx))

    def power_on(self, now: datetime) -> Flow[None]:
        """What the terminal does first after power comes back: undo what was in flight, go on with a settlement.

        A reversal that gets no answer now stays stored and goes out before the next online transaction.
        """
        self._ctx.now = now
        if self._ctx.memory.reversal is not None:
            yield from settle_pending(self._ctx)
        if self.state in SETTLEMENT_STATES:
            yield from settle(self._ctx)

    # --- transactions ---

    def sale(self, amount: Amount, now: datetime) -> Flow[Result]:
        return (yield from self._perform(Order(Kind.SALE, amount), now))

    def preauth(self, amount: Amount, now: datetime) -> Flow[Result]:
        """Reserve an amount, to be completed or voided later."""
        return (yield from self._perform(Order(Kind.PREAUTH, amount), now))

    def balance(self, now: datetime) -> Flow[Result]:
        return (yield from self._perform(Order(Kind.BALANCE, None), now))

    def offline_sale(self, amount: Amount, auth_code: str, now: datetime) -> Flow[Result]:
        """A sale approved by telephone; `auth_code` is what the voice said, 6 characters."""
        if not (auth_code.isascii() and auth_code.isalnum() and len(auth_code) == 6):
            return Result(Outcome.REFUSED, Kind.OFFLINE_SALE, text="an authorisation code has 6 letters or digits")
        return (yield from self._perform(Order(Kind.OFFLINE_SALE, amount, auth_code=auth_code), now))

    def pay_by_code(self, amount: Amount, now: datetime) -> Flow[Result]:
        """Scan the code a customer's telephone shows, or a face, and let the wallet behind it pay."""
        kind = Kind.SALE if self.profile.qr.family == "standard" else Kind.QR_SALE
        return (yield from self._perform(Order(kind, amount), now, pay_by_code))

    def show_code(self, amount: Amount, now: datetime) -> Flow[Result]:
        """Show a code for a customer to scan, until it is paid."""
        return (yield from self._perform(Order(Kind.QR_ORDER, amount), now, show_order))

    def query_code(self, stan: str, now: datetime) -> Flow[Result]:
        """Ask the host how a payment by a code of the open batch stands; the latest without a number."""
        self._ctx.now = now
        if self.state is State.TRAINING:
            return (yield from practise_on(self._ctx, Kind.QR_QUERY, OriginalReference(stan=stan), None))
        original = find_original(self._ctx, Kind.QR_QUERY, OriginalReference(stan=stan))
        if isinstance(original, str):
            return Result(Outcome.REFUSED, Kind.QR_QUERY, text=original)
        return (yield from self._perform(Order(Kind.QR_QUERY, None, original), now, query))

    def void(self, stan: str, password: str, now: datetime) -> Flow[Result]:
        """Take back a sale of the open batch, whole, however it was paid."""
        reference = OriginalReference(stan=stan)
        kind = Kind.QR_VOID if self._was_by_code(reference) else Kind.VOID
        return (yield from self._on_original(kind, reference, None, now, password))

    def refund(self, amount: Amount, original: OriginalReference, password: str, now: datetime) -> Flow[Result]:
        """Give money back for a sale, whole or in part; the card must be swiped, where it was paid by one."""
        kind = Kind.QR_REFUND if self._was_by_code(original) else Kind.REFUND
        return (yield from self._on_original(kind, original, amount, now, password))

    def refund_code(self, amount: Amount, original: OriginalReference, password: str, now: datetime) -> Flow[Result]:
        """Give money back for a payment by a code, also one this terminal no longer has."""
        kind = Kind.REFUND if self.profile.qr.family == "standard" else Kind.QR_REFUND
        return (yield from self._on_original(kind, original, amount, now, password))

    def add_preauth(self, amount: Amount, original: OriginalReference, now: datetime) -> Flow[Result]:
        """Reserve more under a pre-authorisation."""
        return (yield from self._on_original(Kind.PREAUTH_ADD, original, amount, now))

    def complete(self, amount: Amount, original: OriginalReference, now: datetime) -> Flow[Result]:
        """Complete a pre-authorisation online."""
        return (yield from self._on_original(Kind.COMPLETION, original, amount, now))

    def complete_by_notice(self, amount: Amount, original: OriginalReference, now: datetime) -> Flow[Result]:
        """Complete a pre-authorisation here and tell the host later."""
        return (yield from self._on_original(Kind.COMPLETION_NOTICE, original, amount, now))

    def void_preauth(self, original: OriginalReference, password: str, now: datetime) -> Flow[Result]:
        return (yield from self._on_original(Kind.PREAUTH_VOID, original, None, now, password))

    def void_completion(self, stan: str, password: str, now: datetime) -> Flow[Result]:
        return (yield from self._on_original(Kind.COMPLETION_VOID, OriginalReference(stan=stan), None, now, password))

    def adjust_tip(self, stan: str, tip: Amount, now: datetime) -> Flow[Result]:
        """Add a tip to a sale of the open batch."""
        ctx = self._ctx
        ctx.now = now
        if ctx.parameter("tips_allowed", "1") == "0":
            return Result(Outcome.REFUSED, Kind.TIP_ADJUST, text="tips are switched off")
        if self.state is State.TRAINING:
            reference = OriginalReference(stan=stan)
            return (yield from practise_on(ctx, Kind.TIP_ADJUST, reference, None, tip_minor=tip.minor))
        original = find_original(ctx, Kind.TIP_ADJUST, OriginalReference(stan=stan))
        if isinstance(original, str):
            return Result(Outcome.REFUSED, Kind.TIP_ADJUST, text=original)
        if original.tip_minor:
            return Result(Outcome.REFUSED, Kind.TIP_ADJUST, text="the sale has its tip already")
        percent = int(ctx.parameter("tip_percent_max", str(ctx.profile.rules.tip_percent_max)))
        if tip.minor * 100 > original.amount_minor * percent:
            return Result(Outcome.REFUSED, Kind.TIP_ADJUST, text=f"a tip is at most {percent} % of the sale")
        amount = Amount(original.amount_minor, ctx.currency)
        return (yield from self._perform(Order(Kind.TIP_ADJUST, amount, original, tip_minor=tip.minor), now))

    def settle(self, now: datetime) -> Flow[Settled]:
        """Close the batch, or go on closing it."""
        self._ctx.now = now
        return (yield from settle(self._ctx))

    def give_up_reversal(self, password: str, now: datetime) -> Flow[bool]:
        """Put the reversal aside that the host will not acknowledge. Raises: TerminalError: wrong password."""
        self._require(SUPERVISOR, password)
        self._ctx.now = now
        return (yield from give_up(self._ctx))

    # --- paper ---

    def reprint(self, stan: str, now: datetime) -> Flow[bool]:
        """Print a slip of the open or the last closed batch again. Returns: False when there is no such entry."""
        self._ctx.now = now
        found = [entry for entry in self.journal if entry.stan == stan and entry.status is Status.APPROVED]
        if not found:
            return False
        yield from print_slips(self._ctx, found[-1], reprint=True)
        return True

    def reprint_settlement(self, now: datetime) -> Flow[bool]:
        """Print the last settlement slip again. Returns: False when no batch was closed yet."""
        self._ctx.now = now
        slip = last_slip(self._ctx, reprint=True)
        if slip is None:
            return False
        yield Print((slip,))
        return True

    # --- inside ---

    def _was_by_code(self, reference: OriginalReference) -> bool:
        """True when the transaction meant, or without any reference the latest sale, was paid by the code family."""
        named = [
            entry for entry in self.journal if entry.kind in CODE_SALES | {Kind.SALE} and is_named(entry, reference)
        ]
        standing = [entry for entry in named if entry.status is Status.APPROVED and not entry.undone_by]
        found = standing or named
        return bool(found) and found[-1].kind in CODE_SALES

    def _perform(
        self, order: Order, now: datetime, flow: Callable[[Context, Order], Flow[Result]] = perform
    ) -> Flow[Result]:
        self._ctx.now = now
        if order.amount is not None and order.amount.minor == 0:
            return Result(Outcome.REFUSED, order.kind, text="the amount is zero")
        if order.amount is not None and order.amount.currency is not self._ctx.currency:
            return Result(Outcome.REFUSED, order.kind, text=f"this terminal takes {self._ctx.currency} only")
        if not self._allowed(order.kind):
            return Result(Outcome.REFUSED, order.kind, text="the acquirer has switched this transaction off")
        if self.state is State.TRAINING:
            return (yield from practise(self._ctx, order))
        return (yield from flow(self._ctx, order))

    def _on_original(
        self,
        kind: Kind,
        reference: OriginalReference,
        amount: Amount | None,
        now: datetime,
        password: str = "",
    ) -> Flow[Result]:
        self._ctx.now = now
        if kind in NEEDS_SUPERVISOR and not self._password_is_right(SUPERVISOR, password):
            return Result(Outcome.REFUSED, kind, text="the supervisor's password is wrong")
        if self.state is State.TRAINING:
            return (yield from practise_on(self._ctx, kind, reference, amount))
        original = find_original(self._ctx, kind, reference)
        if isinstance(original, str):
            return Result(Outcome.REFUSED, kind, text=original)
        if amount is None:
            held = kind is Kind.PREAUTH_VOID
            minor = (authorised_minor if held else standing_minor)(self._ctx, original)
            amount = Amount(minor, self._ctx.currency)
        # The cashier says which sale, the card at hand has to be the one it was made with.
        by_card = reference if kind is Kind.REFUND else None
        return (yield from self._perform(Order(kind, amount, original, by_card), now))

    def _allowed(self, kind: Kind) -> bool:
        """Parameter 11: a digit for each kind in the order of the table, 0 switches one off."""
        switches = self._ctx.parameter("transactions_allowed", "")
        place = list(Kind).index(kind)
        return place >= len(switches) or switches[place] != "0"

    def _require(self, operator: str, password: str) -> None:
        if not self._password_is_right(operator, password):
            raise TerminalError(f"the password of operator {operator} is wrong")

    def _password_is_right(self, operator: str, password: str) -> bool:
        hashes = self._ctx.memory.registers.operators
        return password_is_right(hashes, self._ctx.identity.terminal_id, operator, password, self._password_cost)

    def _hashed(self, passwords: Mapping[str, str]) -> dict[str, str]:
        terminal_id = self._ctx.identity.terminal_id
        cost = self._password_cost
        return {number: hash_password(terminal_id, number, word, cost) for number, word in passwords.items()}
