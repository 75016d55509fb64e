"""One terminal, and what its flow asks for: a line, a card, a PIN, paper, and power that may be gone at any of them.

A terminal that loses power, or whose disk fails, is switched on again and goes on from its store.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from typing import Any, Final, Protocol

from posterm.emv.capk import CaKey, CaKeyStore
from posterm.emv.config import TerminalConfig
from posterm.hsm import Lmk, SoftHsm
from posterm.runtime.errors import StoreError
from posterm.terminal import Identity, Outcome, Result, Terminal
from posterm.terminal.effects import (
    Await,
    Cancelled,
    EnterOfflinePin,
    EnterPin,
    Flow,
    FrameArrived,
    LinkLost,
    LinkReply,
    NotSent,
    PresentCard,
    Print,
    Printed,
    PrinterFailed,
    ReturnCard,
    ScanCode,
    SelectApplication,
    ShowCode,
    Tell,
    TimedOut,
    Transceive,
    Transmit,
    Waited,
)
from posterm.terminal.effects import Pause as WaitForCustomer
from posterm.terminal.kernels import EmvKernels
from posterm.terminal.operators import TEST_PASSWORDS
from posterm.terminal.records import JournalEntry
from posterm.unionpay.envelope import frame_decoder
from posterm.unionpay.profile import AcquirerProfile
from posterm.unionpay.totals import Totals
from posterm.unionpay.transactions import Kind
from simulators.card import Card
from simulators.cards import TestCard
from simulators.enrolment import MERCHANT_ID, MERCHANT_NAME, TMK_COMPONENTS
from simulators.front import Front, Hand, PinPad
from simulators.network import Fate, UnreliableLine
from simulators.world.clock import Clock, DriftingClock
from simulators.world.customers import Customers
from simulators.world.disks import PowerCut, TerminalDisk
from simulators.world.host_site import Caller, HostSite
from simulators.world.story import Story

MANAGER: Final = TEST_PASSWORDS["99"]
_PASSWORD_COST: Final = 2
"""The least there is: nobody steals a simulated terminal."""

_DARK_S: Final = 20.0
"""From a power cut until the terminal is on again."""


@dataclass(frozen=True, slots=True)
class Pause:
    """The people do nothing for a while."""

    seconds: float


@dataclass(slots=True)
class Day:
    """What one terminal's people saw: every result, and the slip of every closed batch."""

    terminal_id: str
    slips: dict[str, Totals]
    """What the terminal counted, by batch number."""
    results: list[Result] = field(default_factory=list)
    settled: bool = False
    """True when the last batch was closed in the evening."""
    power_cuts: int = 0
    told: dict[str, int] = field(default_factory=dict)

    @property
    def batch(self) -> str:
        """The number of the batch closed last; empty when none was."""
        return next(reversed(self.slips), "")

    @property
    def totals(self) -> Totals:
        """The totals of all batches that were closed."""
        slips = self.slips.values()
        return Totals(
            sum(slip.debit_minor for slip in slips),
            sum(slip.debit_count for slip in slips),
            sum(slip.credit_minor for slip in slips),
            sum(slip.credit_count for slip in slips),
        )

    def count(self, outcome: Outcome) -> int:
        return sum(result.outcome is outcome for result in self.results)


class Surroundings(Protocol):
    """What a counter and its people find around them."""

    seed: int
    profile: AcquirerProfile
    clock: Clock
    line: UnreliableLine
    story: Story
    site: HostSite
    chip_terminal: TerminalConfig
    ca_keys: tuple[CaKey, ...]
    customers: Customers

    def borrow(self, card: TestCard) -> Card | None: ...
    def give_back(self, card: TestCard, chip: Card) -> None: ...
    def slip(self, kinds: Collection[Kind], randomness: random.Random) -> JournalEntry | None: ...


class Counter:
    """A terminal behind which people follow a script; `again` gives the one they follow after a power cut."""

    def __init__(self, world: Surroundings, terminal_id: str, again: Callable[[], Flow[None]]) -> None:
        self._world = world
        self._again = again
        self.terminal_id = terminal_id
        self._random = random.Random(f"counter {terminal_id} {world.seed}")
        self.disk = TerminalDisk(random.Random(f"disk {terminal_id} {world.seed}"), lambda: world.line.faults)
        self.wall_clock = DriftingClock(world.clock)
        self._identity = Identity(terminal_id, MERCHANT_ID)
        self.hsm = SoftHsm(Lmk.test(), random.Random(f"entropy {terminal_id} {world.seed}").randbytes)
        self.front = self._front_with(Hand.empty())
        self._decoder = frame_decoder(world.profile)
        self._script: Flow[None] | None = None
        self._connection = 0
        self._patience = 0
        self._waiting = False
        self.busy = False
        self.day = Day(terminal_id, self.disk.slips)
        self._kernels = EmvKernels.for_terminal(
            world.chip_terminal,
            CaKeyStore(world.ca_keys),
            random.Random(f"kernels {terminal_id} {world.seed}").randbytes,
            identity=self._identity,
            profile=world.profile,
        )
        self.terminal = self._new_terminal()
        self.terminal.inject_tmk(list(TMK_COMPONENTS), password=MANAGER)

    def set_clock_wrong(self) -> None:
        """From now on the terminal's own clock is as far from the true time as the faults have it."""
        most = self._world.line.faults.clock_drift_s_max
        rate = self._random.uniform(-1e-4, 1e-4) if most else 0.0
        self.wall_clock = DriftingClock(self._world.clock, self._random.uniform(-most, most), rate)

    def put(self, hand: Hand, *, patience: int = 0) -> None:
        """Let somebody else stand before the terminal, and a cashier behind it who waits so many times for them."""
        self.front = self._front_with(hand)
        self._patience = patience

    def start(self, script: Flow[None]) -> None:
        """Let the people follow a script, in a moment."""
        self.busy = True
        self._script = script
        self._world.clock.after(self._random.uniform(0.0, 2.0), lambda: self._go_on(None))

    def say(self, what: str) -> None:
        """Note what the people do."""
        self._world.story.note(self.terminal_id, "people", what)

    def switch_on(self) -> Terminal:
        """Start the terminal again, from its disk. Returns: it."""
        self.terminal = self._new_terminal()
        return self.terminal

    def _new_terminal(self) -> Terminal:
        return Terminal(
            profile=self._world.profile,
            identity=self._identity,
            hsm=self.hsm,
            store=self.disk,
            now=self.wall_clock.now,
            merchant_name=MERCHANT_NAME,
            kernels=self._kernels,
            password_cost=_PASSWORD_COST,
        )

    def _front_with(self, hand: Hand) -> Front:
        return Front(hand, PinPad(self.hsm), lambda _document: None)

    # --- what the terminal's flow asks for ---

    def _go_on(self, reply: object) -> None:
        """Run the script until it has to wait."""
        self._waiting = False
        while self._script is not None:
            try:
                effect: Any = self._script.send(reply)
            except StopIteration:
                self._script, self.busy = None, False
                return
            except PowerCut:
                self._power_cut("loses power after a commit")
                return
            except StoreError:
                self._power_cut("cannot write to its disk, and is switched off")
                return
            if isinstance(effect, Pause):
                self._world.clock.after(effect.seconds, lambda: self._go_on(None))
                return
            if self._random.random() < self._world.line.faults.power_cut:
                self._power_cut(f"loses power before {type(effect).__name__}")
                return
            if isinstance(effect, Transmit | Await):
                self._on_the_line(effect)
                return
            if isinstance(effect, WaitForCustomer) and self._patience:
                self._patience -= 1
                self._world.clock.after(effect.seconds, lambda: self._go_on(Waited(self.wall_clock.now)))
                return
            reply = self._at_the_front(effect)

    def _power_cut(self, how: str) -> None:
        self._world.story.note(self.terminal_id, "power", how)
        self.day.power_cuts += 1
        script, self._script = self._script, None
        if script is not None:
            script.close()
        self._connection += 1
        self._world.clock.after(_DARK_S, self._power_returns)

    def _power_returns(self) -> None:
        self._world.story.note(self.terminal_id, "power", "is back")
        self.switch_on()
        self.start(self._again())

    def _at_the_front(self, effect: object) -> object:
        faults = self._world.line.faults
        match effect:
            case Tell(name=name):
                self.day.told[name] = self.day.told.get(name, 0) + 1
                self._world.story.note(self.terminal_id, "terminal", name, effect.details, frame=effect.wire)
                return None
            case PresentCard():
                return self.front.present(effect)
            case Transceive():
                if self._random.random() < faults.card_withdrawn:
                    self.front.return_card()
                return self.front.transceive(effect)
            case SelectApplication():
                return self.front.select(effect)
            case EnterPin():
                return self.front.enter_pin(effect)
            case EnterOfflinePin():
                return self.front.enter_offline_pin(effect)
            case ReturnCard():
                self.front.return_card()
                return None
            case ScanCode():
                return self.front.scan(effect)
            case ShowCode():
                self.front.show_code(effect)
                return None
            case WaitForCustomer():
                return Cancelled()
            case Print():
                fails = self._random.random() < faults.printer_fails
                return PrinterFailed("paper") if fails else Printed()
            case _:
                raise TypeError(f"no such effect: {type(effect).__name__}")

    def _on_the_line(self, effect: Transmit | Await) -> None:
        world, after = self._world, self._world.clock.after
        self._waiting = True
        if isinstance(effect, Await):
            return
        self._connection += 1
        connection = self._connection
        if world.line.refuses() or not world.site.up:
            after(1.0, lambda: self._resume(connection, NotSent(self.wall_clock.now, "refused")))
            return
        after(effect.answer_timeout_s, lambda: self._resume(connection, TimedOut(self.wall_clock.now)))
        (frame,) = self._decoder.feed(effect.frame)
        passage = world.line.passage()
        frame = world.line.carried(frame, passage)
        world.story.note(self.terminal_id, "line", "request", frame=frame, enveloped=True, passage=passage)

        def lose() -> None:
            self._resume(connection, LinkLost(self.wall_clock.now, "closed"))

        if passage.fate is Fate.TORN:
            after(0.5, lose)
        caller = Caller(self.terminal_id, lose, self._answered)
        for delay in passage.arrivals:
            after(delay, lambda: world.site.arrive(caller, frame))

    def _answered(self, frame: bytes) -> None:
        """A frame for this terminal: it takes whatever comes while it waits, as on a line that is never hung up."""
        if self._waiting:
            self._go_on(FrameArrived(frame, self.wall_clock.now))

    def _resume(self, connection: int, reply: LinkReply) -> None:
        if self._waiting and connection == self._connection:
            self._go_on(reply)
