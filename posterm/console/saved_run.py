"""A chip card transaction as a file: what it began with, what card and kernel said, and what the kernel was told.

    = amount 12.34                settings, before the card gets power
    @ 3B...                       the dialogue, as posterm.emv.transcript has it
    > 00A40400...
    < 6F...9000
    = pin entered                 replies, where they were given
    = online 00 910A...

A PIN is never in it: the data of VERIFY are zeros. The card's number and tracks are, as the card sent them.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Final

from posterm.amount import Amount, currency
from posterm.console.chip_run import ChipRun, Event, Reply, Setting
from posterm.emv.apdu import Command, Response
from posterm.emv.errors import ApduError, TranscriptError
from posterm.emv.exchange import (
    UNABLE_TO_GO_ONLINE,
    AskPin,
    ChooseApplication,
    GoOnline,
    OnlineResult,
    PinAnswer,
    PinReply,
    Refer,
)
from posterm.emv.transcript import PoweredOn, Replay, Turn, parse_transcript, write_transcript
from posterm.errors import PostermError
from posterm.hsm import Pin

_HEAD: Final = (
    "# A chip card transaction of posterm: commands (>), answers (<), what was said to the kernel (=).\n"
    "# It holds the card number in the clear. `posterm emv replay` plays it again.\n"
)
_SETTINGS: Final = ("amount", "currency", "moment", "contactless", "seed")
_REPLIES: Final = ("choose", "pin", "online", "refer")
_ANY_PIN: Final = Pin("0000")


def write_run(run: ChipRun) -> str:
    """The text of a file that `parse_run` reads."""
    setting = run.setting
    values = (
        str(setting.amount),
        setting.amount.currency.code,
        setting.moment.isoformat(),
        "yes" if setting.contactless else "no",
        setting.seed.hex(),
    )
    head = "".join(f"= {name} {value}\n" for name, value in zip(_SETTINGS, values, strict=True))
    return _HEAD + head + "".join(map(_written, run.events))


class SavedRun:
    """A run read from a file: its setting, and a card and a counter that say again what they said.

    Raises: TranscriptError: not such a file.
    """

    def __init__(self, text: str) -> None:
        said = dict.fromkeys(_SETTINGS, "")
        replies: list[Reply] = []
        for number, line in enumerate(text.splitlines(), start=1):
            if not line.startswith("= "):
                continue
            name, _, value = line[2:].strip().partition(" ")
            if name in _SETTINGS:
                said[name] = value
            elif name in _REPLIES:
                replies.append(Reply(name, value))
            else:
                raise TranscriptError(f"line {number}: need one of {', '.join((*_SETTINGS, *_REPLIES))}, have another")
        self.setting = _setting(said)
        self.reader = _SilentPin(Replay(parse_transcript(text), contactless=self.setting.contactless))
        self._replies = iter(replies)

    def __call__(self, effect: ChooseApplication | AskPin | GoOnline | Refer) -> object:
        """What the kernel was told here. Raises: TranscriptError: it was told nothing, or something else."""
        kinds = {ChooseApplication: "choose", AskPin: "pin", GoOnline: "online", Refer: "refer"}
        wanted, reply = kinds[type(effect)], next(self._replies, None)
        if reply is None or reply.kind != wanted:
            have = "nothing" if reply is None else reply.kind
            raise TranscriptError(f"the kernel asks for {wanted}, the run has {have} here")
        try:
            return _reply(reply)
        except (ValueError, KeyError, PostermError):
            raise TranscriptError(f"the reply {reply.kind} cannot be read") from None


class _SilentPin:
    """A reader that plays a dialogue in which the PIN was left out."""

    def __init__(self, replay: Replay) -> None:
        self._replay = replay
        self.name = "saved run"
        self.contactless = replay.contactless

    def power_on(self) -> bytes:
        return self._replay.power_on()

    def transmit(self, apdu: bytes) -> bytes:
        return self._replay.transmit(without_pin(apdu))

    def power_off(self) -> None:
        self._replay.power_off()


def without_pin(apdu: bytes) -> bytes:
    """The command, with zeros for what may be a PIN, in the clear or enciphered."""
    try:
        command = Command.parse(apdu)
    except ApduError:
        return apdu
    return apdu[:5] + bytes(len(command.data)) + apdu[5 + len(command.data) :] if command.carries_pin else apdu


def dialogue(events: list[Event]) -> Iterator[PoweredOn | Turn]:
    """What card and terminal said, without the PIN."""
    for event in events:
        match event:
            case Turn():
                yield Turn(without_pin(event.command), event.answer)
            case PoweredOn():
                yield event


def _written(event: Event) -> str:
    if isinstance(event, Reply):
        return f"= {event.kind} {event.content}\n"
    return write_transcript(dialogue([event]))


def _setting(said: dict[str, str]) -> Setting:
    try:
        return Setting(
            Amount.parse(said["amount"], currency(said["currency"])),
            datetime.fromisoformat(said["moment"]),
            bytes.fromhex(said["seed"] or "-"),
            contactless={"yes": True, "no": False}[said["contactless"]],
        )
    except (ValueError, KeyError, PostermError):
        raise TranscriptError(f"need {', '.join(_SETTINGS)} before the dialogue, have not all of them") from None


def _reply(reply: Reply) -> object:
    first, _, rest = reply.content.partition(" ")
    match reply.kind:
        case "choose":
            return None if first == "-" else int(first)
        case "pin" if first == "card":
            return PinReply(PinAnswer.ENTERED, card_answer=Response.parse(bytes.fromhex(rest)))
        case "pin":
            answer = PinAnswer[first.upper()]
            return PinReply(answer, _ANY_PIN if answer is PinAnswer.ENTERED else None)
        case "online":
            return UNABLE_TO_GO_ONLINE if first == "-" else OnlineResult(first, bytes.fromhex(rest))
        case _:
            return {"yes": True, "no": False}[first]
