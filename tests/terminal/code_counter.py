"""A counter where payments by a code are made: the real terminal, the real host, a telephone, and a line that fails."""

from __future__ import annotations

import random
from collections.abc import Generator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from posterm.host import Host
from posterm.host.wallet_rows import wallet_named
from posterm.iso8583 import Message
from posterm.sensitive import Track2
from posterm.terminal import Identity, MemoryTerminalStore, Result, Terminal, TerminalStore
from posterm.terminal import effects as fx
from posterm.unionpay.envelope import open_envelope
from posterm.unionpay.profile import AcquirerProfile, get_profile
from posterm.unionpay.tusn import DeviceIdentity
from simulators.phone import TEST_WALLETS, Phone
from tests.host.hand_terminal import MID, NOW, TID, Place, open_place
from tests.terminal.scripted_host import CASHIER, COMPONENTS, MANAGER, SUPERVISOR, PowerCut

TRACK = "6212345678901265=30122011234567890123"


@dataclass
class CodeCounter:
    """Everything in one process. `faults` says by MTI and processing code what happens to the next frames of a kind:
    `lose-request`, `lose-answer`, `late`, `double`, `not-sent`, `garble`."""

    profile: AcquirerProfile = field(default_factory=lambda: get_profile("default"))
    store: TerminalStore = field(default_factory=MemoryTerminalStore)
    place: Place = field(init=False)
    terminal: Terminal = field(init=False)
    phone: Phone = field(init=False)
    now: datetime = NOW
    faults: list[tuple[str, str]] = field(default_factory=list)
    scanning: bool = True
    """The customer scans what the terminal shows."""
    text: str = ""
    """What the scanner reads instead of the telephone."""
    cancel_at_pause: int = 0
    printer_fails: int = 0
    cut_at_effect: int = 0
    cut_after: bool = False
    sent: list[Message] = field(default_factory=list)
    shown: list[str] = field(default_factory=list)
    printed: list[Any] = field(default_factory=list)
    told: list[fx.Tell] = field(default_factory=list)
    effects: int = 0
    late: list[bytes] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.place = open_place(self.profile)
        self.place.terminal.manage("0820", "002")
        for wallet in TEST_WALLETS:
            self.host.enrol_wallet(wallet.name, wallet.network, balance=wallet.balance_minor, free=wallet.free_minor)
        self.phone = self.telephone("wechat")
        self.power_on()
        self.terminal.inject_tmk(COMPONENTS, password=MANAGER)
        assert self.do("sign_on", "01", CASHIER).done
        self.sent.clear()

    @property
    def host(self) -> Host:
        return self.place.host

    def telephone(self, wallet: str, **more: Any) -> Phone:
        return Phone(self.host, wallet, lambda: self.now, random.Random(wallet).randrange, **more)

    def power_on(self, *, run: bool = False) -> None:
        self.terminal = Terminal(
            profile=self.profile,
            identity=Identity(TID, MID, DeviceIdentity("TEST010000000001")),
            hsm=self.place.hsm,
            store=self.store,
            now=self.now,
            merchant_name="TEST SHOP",
        )
        if run:
            self.drive(self.terminal.power_on(self.now))

    def do(self, name: str, *arguments: Any) -> Any:
        return self.drive(getattr(self.terminal, name)(*arguments, self.now))

    def void(self, stan: str = "") -> Result:
        return self.do("void", stan, SUPERVISOR)

    def drive(self, flow: Generator[Any, Any, Any]) -> Any:
        reply: Any = None
        self._pauses = 0
        try:
            while True:
                effect = flow.send(reply)
                self.effects += 1
                cut = self.effects == self.cut_at_effect
                if cut and not self.cut_after:
                    raise PowerCut
                reply = self._do(effect)
                if cut:
                    raise PowerCut
        except StopIteration as end:
            return end.value

    def _do(self, effect: Any) -> Any:
        match effect:
            case fx.Tell():
                self.told.append(effect)
                return None
            case fx.Transmit(frame=frame):
                return self._transmit(frame[2:])
            case fx.Await():
                return self._next([])
            case fx.ScanCode():
                text = self.text or self.phone.code()
                return fx.Scanned(text) if text != "cancel" else fx.Cancelled()
            case fx.ShowCode(text=text):
                self.shown.append(text)
                return None
            case fx.Pause(seconds=seconds):
                return self._pause(seconds)
            case fx.PresentCard():
                return fx.Swiped(Track2(TRACK))
            case fx.EnterPin():
                return fx.PinSkipped()
            case fx.Print(documents=documents):
                if self.printer_fails:
                    self.printer_fails -= 1
                    return fx.PrinterFailed("no paper")
                self.printed += documents
                return fx.Printed()
        raise AssertionError(f"an effect nobody does: {type(effect).__name__}")

    def _pause(self, seconds: float) -> Any:
        self._pauses += 1
        self.now += timedelta(seconds=seconds)
        if self._pauses == self.cancel_at_pause:
            return fx.Cancelled()
        if self.shown and self.scanning:
            self.phone.scan(self.shown[-1])
            self.scanning = False
        self.phone.wait()
        return fx.Waited(self.now)

    def _transmit(self, frame: bytes) -> Any:
        message = self.profile.dialect.unpack(open_envelope(frame).wire)
        self.sent.append(message)
        code = str(message.get(3, ""))
        found = next((one for one in self.faults if one[0] in (message.mti, code[:2])), ("", ""))
        fault = found[1]
        if fault:
            self.faults.remove(found)
        if fault == "not-sent":
            return fx.NotSent(self.now, "no route")
        early, self.late = self.late, []
        if fault == "lose-request":
            return self._next(early)
        with self.place.store.batch():
            reply = self.host.handle(frame, self.now)
            if fault == "double":
                assert self.host.handle(frame, self.now).frame == reply.frame
        frames = [reply.frame] if reply.frame is not None else []
        if fault == "garble" and frames:
            frames = [frames[0][:-3] + b"000"]
        if fault == "late":
            self.late = frames
        if fault in ("lose-answer", "late"):
            frames = []
        return self._next([*early, *frames])

    def _next(self, frames: list[bytes]) -> Any:
        self._waiting = [*frames, *(getattr(self, "_waiting", []) if not frames else [])]
        if not self._waiting:
            self.now += timedelta(seconds=60)
            return fx.TimedOut(self.now)
        return fx.FrameArrived(self._waiting.pop(0), self.now)

    # --- what a test asks ---

    def codes(self) -> list[str]:
        """Processing codes of what was sent, first two digits."""
        return [str(message.get(3, ""))[:2] for message in self.sent if message.mti == "0200"]

    def balance(self, wallet: str) -> int:
        record = wallet_named(self.place.store, wallet)
        card = self.place.store.card(record.card)
        return self.host.ledger.account(card.account_id).available

    def states(self) -> list[str]:
        return [order.state for order in self.host.orders()]

    def check(self) -> None:
        """Terminal and host count the same, and the ledger proves."""
        assert self.terminal.totals == self.host.totals(TID, self.terminal.batch)
        assert self.host.ledger.prove().faults == ()
