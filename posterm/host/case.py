"""One request on its way through the checks: what is known of it so far, and what the host works with.

A check fills in what it found out (terminal, card, original) and either passes or gives a `Refusal`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import lru_cache
from typing import Any, Final, NamedTuple

from posterm.host.card_ranges import CardRange
from posterm.host.chart import merchant_pending
from posterm.host.chip_tables import ChipTables
from posterm.host.errors import HostError
from posterm.host.events import EventName, HostEvent
from posterm.host.fees import FeeClass
from posterm.host.forced import NOTHING, ForcedOutcome
from posterm.host.ledger import Ledger
from posterm.host.plan import MerchantPlan
from posterm.host.records import (
    CardRecord,
    IssuerKeyRecord,
    MerchantRecord,
    TerminalRecord,
    TransactionRecord,
    reference,
)
from posterm.host.store import HostStore
from posterm.host.switch.directory import IssuerDirectory
from posterm.host.switch.port import IssuerPort
from posterm.host.terms import HostTerms
from posterm.host.wallet_rows import WalletRecord
from posterm.hsm import HsmPort, KeyBlock
from posterm.hsm.cryptogram import Cvn
from posterm.hsm.port import ChipPort
from posterm.iso8583 import Message
from posterm.sensitive import Pan
from posterm.unionpay.envelope import Envelope, Sealer
from posterm.unionpay.profile import AcquirerProfile
from posterm.unionpay.transactions import Transaction


@dataclass(frozen=True, slots=True)
class HostKeys:
    """Keys of the host itself: `fingerprint` names cards and contents, `pvk` verifies PINs, `storage` seals messages
    that issuers over the network must have; a host that has none of these needs none."""

    fingerprint: KeyBlock
    pvk: KeyBlock
    storage: KeyBlock | None = None


@dataclass(frozen=True, slots=True)
class Desk:
    """What a request is worked on with; the same for all requests."""

    profile: AcquirerProfile
    hsm: HsmPort
    chip_hsm: ChipPort | None
    """None when the HSM does not speak to chips."""
    store: HostStore
    keys: HostKeys
    ledger: Ledger
    sealer: Sealer
    forced_outcomes: bool
    late_answer_s: float
    acquirer_id: str
    terms: HostTerms
    chip_tables: ChipTables | None = None
    """None when this host has no CA keys and application parameters to download."""
    here: IssuerPort = field(kw_only=True)
    """The issuer in this process."""
    issuers: IssuerDirectory = field(default_factory=IssuerDirectory, kw_only=True)
    """Those over the network."""

    def plan_of(self, merchant: MerchantRecord) -> MerchantPlan:
        """A merchant's terms. Raises: HostError: its plan is not among those this host was given."""
        plan = self.terms.plans.get(merchant.plan)
        if plan is None:
            raise HostError(f"merchant {merchant.merchant_id}: there is no plan {merchant.plan!r}")
        return plan

    def fingerprint(self, what: str, text: str) -> str:
        """A keyed hash, 32 hexadecimal characters; `what` keeps hashes for different uses apart."""
        return self.hsm.fingerprint(self.keys.fingerprint, f"{what}:{text}".encode())

    def card_fingerprint(self, pan: Pan) -> str:
        """The name under which a card is kept."""
        return self.fingerprint("pan", pan.reveal())

    def own_code(self, code: str, otherwise: str) -> str:
        """The acquirer's own answer code where its profile has it, else a standard one."""
        return code if self.profile.knows_code(code) else otherwise


class Refusal(NamedTuple):
    """A decline: the answer code, and the reason for the event. Without `record` a repeat is judged anew."""

    code: str
    why: str
    event: EventName = EventName.DECLINED
    record: bool = True


@dataclass(frozen=True, slots=True)
class ChipData:
    """A chip whose cryptogram has been verified: what it said, and the keys that speak to it.

    `values` are those of DE 55 by tag. `sequence` is the card sequence number, 2 digits.
    """

    values: Mapping[str, bytes] = field(repr=False)
    issuer: IssuerKeyRecord
    version: Cvn
    sequence: str
    counter: int

    @property
    def tags(self) -> dict[int, bytes]:
        """The values as the HSM takes them."""
        return {int(tag, 16): value for tag, value in self.values.items()}

    @property
    def cryptogram(self) -> bytes:
        return self.values["9F26"]


@lru_cache(maxsize=8192)
def key_block(text: str) -> KeyBlock:
    """A key block as a row holds it. Rows hold what came from the HSM, and the same ones come again and again."""
    return KeyBlock(text)


UNCLASSED: Final = FeeClass("", "")


@dataclass(slots=True)
class Case:
    """One request. `again` is the record of the same request answered before."""

    desk: Desk
    message: Message
    now: datetime
    envelope: Envelope | None = None
    terminal: TerminalRecord | None = None
    merchant: MerchantRecord | None = None
    row: Transaction | None = None
    content: str = ""
    pan: Pan | None = None
    track_expiry: str = ""
    """YYMM from the track that came with the request."""
    card: CardRecord | None = None
    range: CardRange | None = None
    wallet: WalletRecord | None = None
    """Whose code was scanned."""
    waiting: str = ""
    """The answer code of a payment by a code that somebody has to do something for; `orders` knows what."""
    chip: ChipData | None = None
    chip_judged: bool = False
    """True once `check_chip` has looked at the request."""
    original: TransactionRecord | None = None
    again: TransactionRecord | None = None
    over: bool = False
    """True when no further step has anything to say: it was answered before, or is to leave no trace."""
    clearing_date: str = ""
    fee_class: FeeClass = UNCLASSED
    limits: tuple[str, ...] = ()
    """The limits in which `reserved_minor` is reserved for this request."""
    reserved_minor: int = 0
    rrn: str = ""
    """The retrieval reference, once there is one."""
    stood_in: bool = False
    """True when the host approves in the issuer's place."""
    issuer_answer: Message | None = field(default=None, repr=False)
    """What an issuer over the network has answered."""
    forced: ForcedOutcome = NOTHING
    uploaded: bool = False
    """True when the request stands for a notice that came in a batch upload."""
    events: list[HostEvent] = field(default_factory=list)
    issuer: IssuerPort = field(init=False, repr=False)
    """Who decides on the card; this process, until its number is known."""
    payee: str = field(init=False)
    """The account that a payment by the card credits."""
    terminal_id: str = field(init=False)
    merchant_id: str = field(init=False)
    stan: str = field(init=False)
    message_type: str = field(init=False)
    """60.1."""
    batch: str = field(init=False)
    """60.2."""
    network: str = field(init=False)
    """60.3."""
    ref: str = field(init=False)
    """The key of this request."""
    at: str = field(init=False)
    amount_minor: int = field(init=False)
    """Element 4; 0 when it is absent."""
    currency: str = field(init=False)

    _texts: dict[int, str] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        self._texts = self.message.texts()
        text = self._texts.get
        self.issuer = self.desk.here
        self.stan, self.terminal_id, self.merchant_id = text(11, ""), text(41, ""), text(42, "")
        codes = text(60, "")
        self.message_type, self.batch, self.network = codes[0:2], codes[2:8], codes[8:11]
        self.ref = reference(self.message.mti, self.terminal_id, self.merchant_id, self.batch, self.stan)
        self.payee = merchant_pending(self.merchant_id)
        self.at = self.now.isoformat()
        self.amount_minor, self.currency = int(text(4) or "0"), text(49, "")

    def text(self, element: int) -> str:
        """An element's raw text, empty when it is absent."""
        return self._texts.get(element, "")

    def texts(self, elements: Iterable[int]) -> list[str]:
        """The raw text of each of these elements, empty where it is absent."""
        get = self._texts.get
        return [get(element, "") for element in elements]

    def echo(self, elements: Iterable[int]) -> dict[int, str | bytes]:
        """Of these elements those that the message has, as an answer repeats them."""
        texts = self._texts
        return {element: texts[element] for element in elements if element in texts}

    @property
    def today(self) -> str:
        """The host's date, MMDD."""
        return self.at[5:7] + self.at[8:10]

    @property
    def time_of_day(self) -> str:
        """The host's time, hhmmss."""
        return self.at[11:13] + self.at[14:16] + self.at[17:19]

    def ref_for(self, mti: str, batch: str, stan: str) -> str:
        """The key of another request of the same terminal and merchant."""
        return reference(mti, self.terminal_id, self.merchant_id, batch, stan)

    @property
    def plan(self) -> MerchantPlan:
        """The merchant's terms; only after the check that finds the merchant."""
        if self.merchant is None:
            raise HostError("the merchant is asked for before it was checked")
        return self.desk.plan_of(self.merchant)

    def known_terminal(self) -> TerminalRecord:
        """The terminal; only after the check that finds it."""
        if self.terminal is None:
            raise HostError("the terminal is asked for before it was checked")
        return self.terminal

    def known_card(self) -> CardRecord:
        """The card; only after the check that finds it."""
        if self.card is None:
            raise HostError("the card is asked for before it was checked")
        return self.card

    def known_original(self) -> TransactionRecord:
        """The original; only after the check that finds it."""
        if self.original is None:
            raise HostError("the original is asked for before it was checked")
        return self.original

    def known_row(self) -> Transaction:
        """The kind of transaction; only after the check that finds it."""
        if self.row is None:
            raise HostError("the kind is asked for before it was checked")
        return self.row

    def tell(self, name: EventName, **details: Any) -> None:
        """Add an event; terminal and trace number are put in."""
        told = {"terminal": self.terminal_id, "stan": self.stan, "mti": self.message.mti, **details}
        said = {key: text for key, value in told.items() if (text := str(value))}
        self.events.append(HostEvent(name, self.now, said))
