"""The card: applications under one set of contacts, and what selects among them.

Source: EMV 4.4 Book 1, 11.3 (SELECT), 12.2 and 12.3 (PSE, partial names, next occurrence); Book B, 3.3 (PPSE).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from posterm import tlv
from posterm.hsm import HsmError
from simulators.card import applet as basic
from simulators.card import cryptograms, pin, scripts, tapped
from simulators.card.applet import Applet
from simulators.card.command import Command, RefusedError, Sw
from simulators.card.errors import CardError
from simulators.card.faults import NO_FAULT, Answer, Fault, honestly
from simulators.card.personalization import Interface, personalize
from simulators.card.profile import CardProfile
from simulators.card.state import Memory
from simulators.card.stream import Stream
from simulators.card.transport import ATR_CONTACTLESS, ATR_T0, ATR_T1, T0

PSE: Final = b"1PAY.SYS.DDF01"
PPSE: Final = b"2PAY.SYS.DDF01"
_DIRECTORY_SFI: Final = 1
_BY_NAME, _FIRST, _NEXT = 0x04, 0x00, 0x02
_SHORTEST_NAME, _LONGEST_NAME = 5, 16

_Handler = Callable[[Applet, Command], bytes]
_COMMANDS: Final[dict[tuple[int, int], _Handler]] = {
    (0x00, 0xB2): basic.read_record,
    (0x80, 0xCA): basic.get_data,
    (0x00, 0x84): basic.get_challenge,
    (0x00, 0x88): basic.internal_authenticate,
    (0x00, 0x20): pin.verify,
    (0x00, 0x82): cryptograms.external_authenticate,
    (0x80, 0xAE): cryptograms.generate_ac,
}
_CLASSES: Final = frozenset({0x00, 0x80, 0x04, 0x0C, 0x84, 0x8C})
_GET_PROCESSING_OPTIONS: Final = (0x80, 0xA8)
_COMPUTE_CHECKSUM: Final = (0x80, 0x2A)
_STRIPE_MODES: Final = ("mchip", "mag-stripe")


@dataclass(frozen=True, slots=True)
class Directory:
    """PSE or PPSE, selected: its records."""

    fci: bytes
    records: tuple[bytes, ...] = ()


class Card:
    """A test card, and a reader with nothing but that card in it (`posterm.emv.reader.Reader`).

    Args:
        seed: what the card draws comes from it; the same seed gives the same bytes.
        contactless: tapped instead of inserted; may be set before any `power_on`.
        fault: how it misbehaves.
    """

    def __init__(
        self, profile: CardProfile, *, seed: int = 0, contactless: bool = False, fault: Fault = NO_FAULT
    ) -> None:
        self.profile = profile
        self.contactless = contactless
        self.fault = fault
        self._stream = Stream(f"card/{profile.name}/{seed}")
        self._memories = {name: Memory.of(self.profile, each) for name, each in self.profile.applications.items()}
        self._made: dict[Interface, dict[str, Applet]] = {}
        self._interface: Interface = "contact"
        self._is_blocked = False
        self._selected: Applet | Directory | None = None
        self._last_match: tuple[bytes, int] = (b"", -1)
        self._line: Callable[[bytes], bytes] | None = None
        self._commands = 0
        self._answer: Answer = honestly()

    @property
    def name(self) -> str:
        return self.profile.name

    def power_on(self) -> bytes:
        """Power the card, or reset it. Returns: the answer to reset; of a tapped card, the one that PC/SC makes."""
        self._interface = "contactless" if self.contactless else "contact"
        self._forget()
        self._answer = self.fault.answer()
        t0 = not self.contactless and self.profile.protocol == "T=0"
        self._line = T0(self._execute).transmit if t0 else self._execute
        return ATR_CONTACTLESS if self.contactless else ATR_T0 if t0 else ATR_T1

    def power_off(self) -> None:
        """What is not in its memory is forgotten."""
        self._forget()
        self._line = None

    withdraw = power_off
    """Take it away, in the middle of whatever it is."""

    def transmit(self, apdu: bytes) -> bytes:
        """Answer one command: data and status word; nothing at all when it is not powered, or was withdrawn."""
        if self._line is None:
            return b""
        self._commands += 1
        if self.fault.withdrawn_at == self._commands:
            self.withdraw()
            return b""
        answer = self._answer(apdu, self._line(apdu))
        for name, memory in self._memories.items():
            self.fault.after(self.profile.applications[name], memory)
        return answer

    def memory(self) -> dict[str, Any]:
        """All that outlasts power, for JSON: counters, PIN tries, blocks, funds. It holds the PIN in the clear."""
        return {
            "profile": self.profile.name,
            "blocked": self._is_blocked,
            "applications": {name: memory.to_document() for name, memory in self._memories.items()},
        }

    def restore(self, memory: dict[str, Any]) -> None:
        """Go on from what `memory` gave. Raises: CardError: it is of another card, or none at all."""
        applications = memory.get("applications")
        if not isinstance(applications, dict) or memory.get("profile") != self.profile.name:
            applications = {}
        if applications.keys() != self._memories.keys():
            raise CardError(f"card {self.profile.name}: the memory is that of another card")
        self._memories = {name: Memory.from_document(document) for name, document in applications.items()}
        self._is_blocked = bool(memory.get("blocked"))
        self._made = {}
        self.power_off()

    def _forget(self) -> None:
        self._selected = None
        self._last_match = (b"", -1)
        self._commands = 0

    @property
    def _applets(self) -> dict[str, Applet]:
        """The applications of this interface, personalized when they are first needed."""
        made = self._made.get(self._interface)
        if made is None:
            made = self._made[self._interface] = {
                name: Applet(
                    self.fault.personalization(personalize(self.profile, application, self._interface)),
                    self._memories[name],
                    self._stream,
                    dynamic_data=self.fault.dynamic_data,
                )
                for name, application in self.profile.applications.items()
                if application.only in ("", self._interface)
                and (self._interface == "contact" or application.contactless is not None)
            }
        return made

    def _execute(self, apdu: bytes) -> bytes:
        try:
            data, sw = self._dispatch(Command.parse(apdu))
        except RefusedError as refused:
            data, sw = b"", refused.sw
        except HsmError:
            # A value that no cryptogram is made over, such as a list that leaves one out.
            data, sw = b"", int(Sw.WRONG_DATA)
        return data + sw.to_bytes(2, "big")

    def _dispatch(self, command: Command) -> tuple[bytes, int]:
        if command.cla not in _CLASSES:
            raise RefusedError(Sw.UNKNOWN_CLA)
        if self._is_blocked:
            raise RefusedError(Sw.NOT_SUPPORTED)
        place = (command.cla, command.ins)
        if place == (0x00, 0xA4):
            return self._select(command)
        match self._selected:
            case None:
                raise RefusedError(Sw.CONDITIONS if place in _COMMANDS else Sw.UNKNOWN_INS)
            case Directory() as directory:
                return _read_directory(directory, command), Sw.OK
            case Applet() as selected:
                answer = self._handler(selected, command)(selected, command)
                self._is_blocked = selected.card_is_blocked
                return _cut(answer, command), Sw.OK

    def _handler(self, selected: Applet, command: Command) -> _Handler:
        place = (command.cla, command.ins)
        if place == _GET_PROCESSING_OPTIONS:
            return tapped.get_processing_options if selected.card.mode == "qvsdc" else basic.get_processing_options
        if place == _COMPUTE_CHECKSUM and selected.card.mode in _STRIPE_MODES:
            return tapped.compute_cryptographic_checksum
        if scripts.is_script(command):
            return scripts.obey
        handler = _COMMANDS.get(place)
        if handler is None or (selected.card.mode == "mag-stripe" and handler is cryptograms.generate_ac):
            raise RefusedError(Sw.UNKNOWN_INS)
        return handler

    def _select(self, command: Command) -> tuple[bytes, int]:
        if command.p1 != _BY_NAME or command.p2 not in (_FIRST, _NEXT):
            raise RefusedError(Sw.WRONG_P1_P2)
        if not _SHORTEST_NAME <= len(command.data) <= _LONGEST_NAME:
            raise RefusedError(Sw.WRONG_LENGTH)
        directory = self._directory(command.data)
        if directory is not None:
            self._selected = directory
            return directory.fci, Sw.OK
        matches = [each for each in self._applets.values() if each.card.aid.startswith(command.data)]
        name, number = self._last_match
        number = number + 1 if command.p2 == _NEXT and name == command.data else 0
        if number >= len(matches) or (command.p2 == _NEXT and name != command.data):
            raise RefusedError(Sw.FILE_NOT_FOUND)
        self._last_match = (command.data, number)
        self._selected = matches[number]
        fci = matches[number].select()
        return fci, Sw.SELECTED_BLOCKED if matches[number].memory.blocked else Sw.OK

    def _directory(self, name: bytes) -> Directory | None:
        if name == PPSE and self._interface == "contactless":
            entries = b"".join(_entry(each, with_name=False) for each in self._applets.values())
            return Directory(_fci(PPSE, [("BF0C", entries)]))
        if name == PSE and self._interface == "contact" and self.profile.directory:
            items = [("88", bytes((_DIRECTORY_SFI,)))]
            if self.profile.languages:
                items.append(("5F2D", self.profile.languages.encode("ascii")))
            items.append(("9F11", b"\x01"))
            records = (tlv.build([("70", _entry(each, with_name=True))]) for each in self._applets.values())
            return Directory(_fci(PSE, items), tuple(records))
        return None


def _fci(name: bytes, items: list[tuple[str, bytes]]) -> bytes:
    return tlv.build([("6F", tlv.build([("84", name), ("A5", tlv.build(items))]))])


def _entry(applet: Applet, *, with_name: bool) -> bytes:
    """A directory entry. Source: Book 1, table 47 (PSE); Book B, table 3-2 (PPSE)."""
    application = applet.card.application
    priority = application.priority | (0x80 if application.needs_confirmation else 0)
    items = [("4F", applet.card.aid), ("50", application.label.encode("ascii"))]
    if with_name and application.preferred_name:
        items.append(("9F12", application.preferred_name.encode("latin-1")))
    items.append(("87", bytes((priority,))))
    return tlv.build([("61", tlv.build(items))])


def _read_directory(directory: Directory, command: Command) -> bytes:
    if (command.cla, command.ins) != (0x00, 0xB2):
        raise RefusedError(Sw.UNKNOWN_INS)
    if command.p2 != _DIRECTORY_SFI << 3 | 4 or not command.p1:
        raise RefusedError(Sw.WRONG_P1_P2)
    if command.p1 > len(directory.records):
        raise RefusedError(Sw.RECORD_NOT_FOUND)
    return directory.records[command.p1 - 1]


def _cut(answer: bytes, command: Command) -> bytes:
    """An answer that the Le of a command without data has no room for is refused with the right one."""
    if not command.data and command.le is not None and len(answer) > command.le:
        raise RefusedError(Sw.WRONG_LE | len(answer) & 0xFF)
    return answer
