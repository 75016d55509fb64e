"""Card readers of this machine, through PC/SC: the one door to pyscard.

pyscard is an extra (`posterm[pcsc]`) and is imported when a reader is asked for, not before.

Source: PC/SC Workgroup, parts 3 (ATR of contactless cards), 5 (resource manager) and 10 (PIN pads); the names and
numbers of errors are those of winscard.h. Leaves out readers without a resource manager.
"""

from __future__ import annotations

import contextlib
import enum
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from posterm.emv.atr import parse_atr
from posterm.emv.errors import AtrError
from posterm.emv.t0 import over_t0
from posterm.runtime.errors import CardGone, ReaderError

INSTALL_EXTRA: Final = "pip install 'posterm[pcsc]'"


class Code(enum.IntEnum):
    """Answers of the resource manager that posterm tells apart. Source: winscard.h."""

    SUCCESS = 0
    UNKNOWN_READER = 0x80100009
    TIMEOUT = 0x8010000A
    SHARING_VIOLATION = 0x8010000B
    NO_SMARTCARD = 0x8010000C
    NOT_TRANSACTED = 0x80100016
    READER_UNAVAILABLE = 0x80100017
    NO_SERVICE = 0x8010001D
    SERVICE_STOPPED = 0x8010001E
    NO_ACCESS = 0x80100027
    NO_READERS_AVAILABLE = 0x8010002E
    UNRESPONSIVE_CARD = 0x80100066
    UNPOWERED_CARD = 0x80100067
    RESET_CARD = 0x80100068
    REMOVED_CARD = 0x80100069
    SECURITY_VIOLATION = 0x8010006A


_CODES: Final = frozenset(Code)
_GONE: Final = frozenset(
    {Code.NO_SMARTCARD, Code.NOT_TRANSACTED, Code.UNRESPONSIVE_CARD, Code.UNPOWERED_CARD, Code.RESET_CARD}
    | {Code.REMOVED_CARD}
)
_HINTS: Final = {
    Code.NO_SERVICE: "`posterm doctor` says what is missing",
    Code.SERVICE_STOPPED: "`posterm doctor` says what is missing",
    Code.NO_ACCESS: "`posterm doctor` says how to get the right",
    Code.SECURITY_VIOLATION: "`posterm doctor` says how to get the right",
    Code.SHARING_VIOLATION: "another program holds the card; end it",
    Code.UNKNOWN_READER: "`posterm emv readers` lists those there are",
    Code.NO_READERS_AVAILABLE: "plug one in; `posterm doctor` says more",
}


class Feature(enum.IntEnum):
    """What a reader with keys or a display can do. Source: PC/SC part 10, 2.2."""

    VERIFY_PIN_START = 0x01
    VERIFY_PIN_FINISH = 0x02
    MODIFY_PIN_START = 0x03
    MODIFY_PIN_FINISH = 0x04
    GET_KEY_PRESSED = 0x05
    VERIFY_PIN_DIRECT = 0x06
    MODIFY_PIN_DIRECT = 0x07
    MCT_READER_DIRECT = 0x08
    MCT_UNIVERSAL = 0x09
    IFD_PIN_PROPERTIES = 0x0A
    ABORT = 0x0B
    SET_SPE_MESSAGE = 0x0C
    VERIFY_PIN_DIRECT_APP_ID = 0x0D
    MODIFY_PIN_DIRECT_APP_ID = 0x0E
    WRITE_DISPLAY = 0x0F
    GET_KEY = 0x10
    IFD_DISPLAY_PROPERTIES = 0x11
    GET_TLV_PROPERTIES = 0x12
    CCID_ESC_COMMAND = 0x13


_FEATURES: Final = frozenset(Feature)


@dataclass(frozen=True, slots=True)
class Slot:
    """A reader as the resource manager lists it. `atr` is empty when no card is in it."""

    name: str
    atr: bytes
    in_use: bool

    @property
    def has_card(self) -> bool:
        return bool(self.atr)


def binding() -> Any:
    """pyscard's view of the resource manager.

    Raises: ReaderError: it is not installed, or cannot be loaded.
    """
    try:
        import smartcard.scard as scard
    except ImportError as error:
        missing = error.name is not None and error.name.split(".")[0] == "smartcard"
        found = "pyscard is not installed" if missing else "pyscard cannot be loaded"
        raise ReaderError(f"PC/SC: {found}", hint=INSTALL_EXTRA) from None
    return scard


class Context:
    """A line to the resource manager; closes as a context manager.

    Raises: ReaderError: there is none, or it refuses.
    """

    def __init__(self) -> None:
        self.scard = binding()
        code, self.handle = self.scard.SCardEstablishContext(self.scard.SCARD_SCOPE_USER)
        _check(code, "resource manager")

    def __enter__(self) -> Context:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        self.scard.SCardReleaseContext(self.handle)

    def names(self) -> list[str]:
        """The readers there are. None is no error."""
        code, names = self.scard.SCardListReaders(self.handle, [])
        if code & 0xFFFFFFFF == Code.NO_READERS_AVAILABLE:
            return []
        _check(code, "list of readers")
        return list(names)

    def slots(self) -> list[Slot]:
        """The readers with what is in them."""
        names = self.names()
        if not names:
            return []
        unaware = [(name, self.scard.SCARD_STATE_UNAWARE) for name in names]
        code, states = self.scard.SCardGetStatusChange(self.handle, 0, unaware)
        _check(code, "state of the readers")
        return [
            Slot(name, bytes(atr) if state & self.scard.SCARD_STATE_PRESENT else b"", self._in_use(state))
            for name, state, atr in states
        ]

    def wait_for_card(self, name: str, timeout_s: float, *, present: bool = True) -> bool:
        """Wait until a card is in a reader, or none. Returns: False when the time is up."""
        scard, state = self.scard, self.scard.SCARD_STATE_UNAWARE
        left_ms = round(timeout_s * 1000)
        while True:
            # The first call tells the state as it is; from then on a call returns when it changes.
            code, states = scard.SCardGetStatusChange(self.handle, left_ms, [(name, state)])
            if code & 0xFFFFFFFF == Code.TIMEOUT:
                return False
            _check(code, name)
            state = states[0][1]
            if bool(state & scard.SCARD_STATE_PRESENT) is present:
                return True

    def _in_use(self, state: int) -> bool:
        return bool(state & (self.scard.SCARD_STATE_EXCLUSIVE | self.scard.SCARD_STATE_INUSE))


def list_readers() -> list[Slot]:
    """The readers of this machine, with what is in them.

    Raises: ReaderError: pyscard or the resource manager is not there.
    """
    with Context() as context:
        return context.slots()


class PcscReader:
    """A reader of this machine with the card in it, held for this program alone.

    Args:
        name: as listed, or any part of it that only one reader has.
    Raises: ReaderError: no such reader, or more than one.
    """

    def __init__(self, name: str) -> None:
        self._context = Context()
        try:
            self.name = _chosen(name, self._context.names())
        except ReaderError:
            self._context.close()
            raise
        self._scard = self._context.scard
        self._card: Any = None
        self._protocol = 0
        self._transmit: Callable[[bytes], bytes] = self._exchange
        self.contactless = False
        """What the answer to reset says, once the card has power."""

    @property
    def protocol(self) -> str:
        """The protocol spoken with the card, once it has power."""
        return "T=0" if self._protocol == self._scard.SCARD_PROTOCOL_T0 else "T=1"

    def wait_for_card(self, timeout_s: float, *, present: bool = True) -> bool:
        """Wait until a card is there, or none. Returns: False when the time is up."""
        return self._context.wait_for_card(self.name, timeout_s, present=present)

    def power_on(self) -> bytes:
        """Power the card, or reset it. Returns: its answer to reset.

        Raises: CardGone: no card is there, or it is mute. ReaderError: the reader cannot be used.
        """
        scard = self._scard
        either = scard.SCARD_PROTOCOL_T0 | scard.SCARD_PROTOCOL_T1
        if self._card is None:
            code, card, protocol = scard.SCardConnect(
                self._context.handle, self.name, scard.SCARD_SHARE_EXCLUSIVE, either
            )
            _check(code, self.name)
            self._card = card
        # The manager gave it power when it was put in; whatever was done with it since is forgotten now.
        code, protocol = scard.SCardReconnect(self._card, scard.SCARD_SHARE_EXCLUSIVE, either, scard.SCARD_UNPOWER_CARD)
        self._checked(code)
        self._protocol = protocol
        self._transmit = over_t0(self._exchange) if protocol == scard.SCARD_PROTOCOL_T0 else self._exchange
        code, _, _, _, atr = scard.SCardStatus(self._card)
        self._checked(code)
        try:
            self.contactless = parse_atr(bytes(atr)).contactless
        except AtrError as error:
            raise ReaderError(f"{self.name}: {error}") from None
        return bytes(atr)

    def transmit(self, apdu: bytes) -> bytes:
        """Carry one command to the card. Returns: data and status word; empty when the card is gone."""
        if self._card is None:
            return b""
        return self._transmit(apdu)

    def power_off(self) -> None:
        """Take the power away, and let other programs have the card."""
        card, self._card = self._card, None
        if card is not None:
            self._scard.SCardDisconnect(card, self._scard.SCARD_UNPOWER_CARD)

    def close(self) -> None:
        """Give the reader back."""
        self.power_off()
        self._context.close()

    def features(self) -> dict[Feature, int]:
        """What its keys and display can do, each with the number by which it is asked for.

        Source: PC/SC part 10, 2.2: CM_IOCTL_GET_FEATURE_REQUEST gives tag, length 4, control code.
        """
        code, answer = self._control(self._scard.SCARD_CTL_CODE(3400), b"")
        return parse_features(answer) if code == Code.SUCCESS else {}

    def verify_pin(self, timeout_s: int = 30) -> bytes:
        """Have the holder type the PIN on the reader, which puts it into a plaintext VERIFY by itself.

        Returns: the card's status word; 6400 when the time was up, 6401 when the holder cancelled.
        Raises: ReaderError: the reader has no keys for it.
        """
        direct = self.features().get(Feature.VERIFY_PIN_DIRECT)
        if direct is None:
            raise ReaderError(f"{self.name}: need a reader with a PIN pad, have one without")
        code, answer = self._control(direct, verify_structure(timeout_s))
        self._checked(code)
        return answer

    def _control(self, number: int, data: bytes) -> tuple[int, bytes]:
        if self._card is None:
            raise CardGone(f"{self.name}: the card has no power")
        code, answer = self._scard.SCardControl(self._card, number, list(data))
        return code & 0xFFFFFFFF, bytes(answer)

    def _exchange(self, data: bytes) -> bytes:
        pci = self._scard.SCARD_PCI_T0 if self._protocol == self._scard.SCARD_PROTOCOL_T0 else self._scard.SCARD_PCI_T1
        code, answer = self._scard.SCardTransmit(self._card, pci, list(data))
        if not code:
            return bytes(answer)
        with contextlib.suppress(CardGone):
            self._checked(code)
        return b""

    def _checked(self, code: int) -> None:
        """Let a card go that is gone, so that the next one is met afresh."""
        try:
            _check(code, self.name)
        except CardGone:
            self.power_off()
            raise


def parse_features(data: bytes) -> dict[Feature, int]:
    """The answer to CM_IOCTL_GET_FEATURE_REQUEST; features without a name here are left out."""
    found: dict[Feature, int] = {}
    for at in range(0, len(data) - 5, 6):
        if data[at + 1] == 4 and data[at] in _FEATURES:
            found[Feature(data[at])] = int.from_bytes(data[at + 2 : at + 6], "big")
    return found


def verify_structure(timeout_s: int) -> bytes:
    """PIN_VERIFY_STRUCTURE for a plaintext offline PIN of 4 to 12 digits, ended by the Enter key.

    Source: PC/SC part 10, 2.5.2; EMV 4.4 Book 3, 6.5.12 (the block: 2, length, digits, F).
    """
    command = bytes.fromhex("0020008008" + "20" + "FF" * 7)
    return b"".join(
        (
            bytes((timeout_s, timeout_s)),  # for the first key, and for the one after it
            b"\x89",  # bmFormatString: BCD, left justified, from the second byte of the block
            b"\x47",  # bmPINBlockString: length of 4 bits, a block of 7 bytes
            b"\x04",  # bmPINLengthFormat: the length stands 4 bits into the block
            (0x040C).to_bytes(2, "little"),  # wPINMaxExtraDigit: at least 4, at most 12
            b"\x02",  # bEntryValidationCondition: the Enter key
            b"\x01",  # bNumberMessage: one
            (0x0409).to_bytes(2, "little"),  # wLangId: English
            b"\x00",  # bMsgIndex: the first
            bytes(3),  # bTeoPrologue: for T=1 readers that speak TPDU
            len(command).to_bytes(4, "little"),
            command,
        )
    )


def _chosen(wanted: str, names: list[str]) -> str:
    if wanted in names:
        return wanted
    found = [name for name in names if wanted.lower() in name.lower()]
    if len(found) == 1:
        return found[0]
    hint = "; ".join(names) or _HINTS[Code.NO_READERS_AVAILABLE]
    have = "none" if not found else f"{len(found)}"
    raise ReaderError(f"reader {wanted[:40]!r}: need one of this name, have {have}", hint=hint)


def _check(code: int, where: str) -> None:
    """Raises: CardGone, ReaderError: the resource manager did not do what it was asked."""
    code &= 0xFFFFFFFF
    if code == Code.SUCCESS:
        return
    known = code in _CODES
    what = Code(code).name.lower().replace("_", " ") if known else "unknown"
    text = f"{where}: {what} (PC/SC error {code:08X})"
    if known and Code(code) in _GONE:
        raise CardGone(text)
    raise ReaderError(text, hint=_HINTS.get(Code(code), "") if known else "")
