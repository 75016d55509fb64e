"""A device on a merchant's counter: a real terminal on a quiet line to the town's host, at the town's time."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final, TypeVar

from posterm.amount import Amount
from posterm.hsm import Pin
from posterm.runtime.run_terminal import drive
from posterm.terminal import Identity, Result, Terminal
from posterm.terminal.effects import Flow, FrameArrived, LinkReply, TimedOut, Transmit
from posterm.terminal.store import MemoryTerminalStore
from posterm.unionpay.envelope import frame_decoder
from posterm.unionpay.tusn import DeviceIdentity
from simulators.cards import TestCard
from simulators.front import Front, Hand, PinPad
from simulators.lives.town import Town

MANAGER_PASSWORD, CASHIER, CASHIER_PASSWORD = "88888888", "01", "0000"
PASSWORD_COST: Final = 2
R = TypeVar("R")


@dataclass(frozen=True, slots=True)
class _Line:
    answer: Callable[[bytes], bytes]
    now: Callable[[], datetime]

    def transmit(self, effect: Transmit) -> LinkReply:
        answer = self.answer(effect.frame)
        return FrameArrived(answer, self.now()) if answer else TimedOut(self.now())

    def wait(self) -> LinkReply:
        return TimedOut(self.now())

    def hang_up(self) -> None:
        """Nothing is held."""


class Counter:
    """A terminal with a cashier.

    Args:
        components: of its master key, as the office injected them.
        location: where it stands, `latitude,longitude`.
    """

    def __init__(
        self,
        town: Town,
        terminal_id: str,
        merchant_id: str,
        serial: str,
        components: Sequence[bytes],
        *,
        location: str = "",
        name: str = "",
    ) -> None:
        self.town = town
        self.terminal = Terminal(
            profile=town.host.profile,
            identity=Identity(terminal_id, merchant_id, DeviceIdentity(serial, location=location)),
            hsm=town.hsm,
            store=MemoryTerminalStore(),
            now=town.now,
            merchant_name=name,
            password_cost=PASSWORD_COST,
        )
        self.terminal.inject_tmk(list(components), password=MANAGER_PASSWORD)

    def sign_on(self) -> bool:
        """Sign the terminal and its cashier on, and do what the host asks for."""
        return self._drive(self.terminal.sign_on(CASHIER, CASHIER_PASSWORD, self.town.now), Hand.empty()).done

    def sell(self, minor: int, card: TestCard, pin: Pin | None = None) -> Result:
        """Swipe a card for an amount."""
        return self._drive(
            self.terminal.sale(Amount(minor), self.town.now), Hand.swiping(card, card.pin if pin is None else pin)
        )

    def settle(self) -> bool:
        """Close the batch with the host."""
        return self._drive(self.terminal.settle(self.town.now), Hand.empty()).done

    def _drive(self, flow: Flow[R], hand: Hand) -> R:
        front = Front(hand, PinPad(self.town.hsm), lambda _document: None)
        line = _Line(self._answer, lambda: self.town.now)
        return drive(flow, line=line, front=front, listen=lambda _told: None)

    def _answer(self, frame: bytes) -> bytes:
        (whole,) = frame_decoder(self.town.host.profile).feed(frame)
        with self.town.store.batch():
            (reply,) = self.town.host.handle_all([whole], self.town.now)
        return reply.frame or b""
