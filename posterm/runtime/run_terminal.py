"""Drive a terminal: do the effects of its flows, one after the other, blocking.

A terminal has one cardholder at a time, so nothing here runs beside anything else.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol, TypeVar

from posterm.terminal.effects import (
    Await,
    CardReply,
    ChipReply,
    ChoiceReply,
    EnterOfflinePin,
    EnterPin,
    Flow,
    LinkReply,
    OfflinePinReply,
    Pause,
    PauseReply,
    PinReply,
    PresentCard,
    Print,
    Printed,
    PrinterFailed,
    ReturnCard,
    ScanCode,
    ScanReply,
    SelectApplication,
    ShowCode,
    Tell,
    Transceive,
    Transmit,
)

R = TypeVar("R")


class Line(Protocol):
    """What carries frames."""

    def transmit(self, effect: Transmit) -> LinkReply: ...
    def wait(self) -> LinkReply: ...
    def hang_up(self) -> None: ...


class Front(Protocol):
    """The terminal's front: reader, PIN pad and printer, and whoever stands before them."""

    def present(self, asked: PresentCard) -> CardReply: ...
    def scan(self, asked: ScanCode) -> ScanReply: ...
    def show_code(self, asked: ShowCode) -> None: ...
    def pause(self, asked: Pause) -> PauseReply: ...
    def enter_pin(self, asked: EnterPin) -> PinReply: ...
    def transceive(self, asked: Transceive) -> ChipReply: ...
    def select(self, asked: SelectApplication) -> ChoiceReply: ...
    def enter_offline_pin(self, asked: EnterOfflinePin) -> OfflinePinReply: ...
    def return_card(self) -> None: ...
    def print(self, asked: Print) -> Printed | PrinterFailed: ...


def drive(flow: Flow[R], *, line: Line, front: Front, listen: Callable[[Tell], None]) -> R:
    """Run a flow to its end and return its result. The line is hung up whatever happens."""
    try:
        reply: object = None
        while True:
            try:
                effect = flow.send(reply)
            except StopIteration as end:
                result: R = end.value
                return result
            match effect:
                case Transmit():
                    reply = line.transmit(effect)
                case Await():
                    reply = line.wait()
                case PresentCard():
                    reply = front.present(effect)
                case ScanCode():
                    reply = front.scan(effect)
                case ShowCode():
                    front.show_code(effect)
                    reply = None
                case Pause():
                    reply = front.pause(effect)
                case EnterPin():
                    reply = front.enter_pin(effect)
                case Transceive():
                    reply = front.transceive(effect)
                case SelectApplication():
                    reply = front.select(effect)
                case EnterOfflinePin():
                    reply = front.enter_offline_pin(effect)
                case ReturnCard():
                    front.return_card()
                    reply = None
                case Print():
                    reply = front.print(effect)
                case Tell():
                    listen(effect)
                    reply = None
    finally:
        flow.close()
        line.hang_up()
