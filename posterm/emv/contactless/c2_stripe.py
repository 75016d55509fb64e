"""Kernel 2, mag-stripe mode: a track with a code that is new in every tap.

Source: EMV Contactless Book C-2, 6 and 7.1 (COMPUTE CRYPTOGRAPHIC CHECKSUM and what follows), annex A (9F60 to 9F6B,
DF4B). Leaves out track 1, and the recovery of torn transactions.
"""

from __future__ import annotations

from typing import Final

from posterm.emv.bits import Aip, CryptogramType, TerminalCapabilities
from posterm.emv.card_data import objects_of, template
from posterm.emv.contactless import cvc3
from posterm.emv.contactless.outcome import KernelOutcome, Message, Verdict, Verification
from posterm.emv.contactless.tap import Tap
from posterm.emv.dol import build_dol_data, parse_dol
from posterm.emv.errors import CardDataError
from posterm.emv.exchange import Exchange
from posterm.emv.kernel import commands

BOOK: Final = "EMV Contactless Book C-2"
DEFAULT_UDOL: Final = bytes.fromhex("9F6A04")

_MANDATORY: Final = ("9F6B", "9F65", "9F66", "9F67")

# DF4B, POS cardholder interaction information, byte 2. Source: Book C-2, annex A.
_DEVICE_VERIFIED: Final = 0x10
_CONFIRM_AND_TAP_AGAIN: Final = 0x0F


def run(tap: Tap) -> Exchange[KernelOutcome]:
    """COMPUTE CRYPTOGRAPHIC CHECKSUM and what follows; the records have been read.

    Raises: CardDataError, Stop.
    """
    if missing := [tag for tag in _MANDATORY if not tap.card.get(tag)]:
        raise CardDataError(f"mag-stripe mode: need {' '.join(missing)}, have none")
    positions = cvc3.Positions.of(tap.card["9F65"], tap.card["9F66"], tap.card["9F67"])
    number = cvc3.unpredictable_number(tap.own["9F37"], positions.number_digits)
    tap.own["9F6A"] = number
    udol = parse_dol(tap.card.get("9F69") or DEFAULT_UDOL)
    answer = yield from tap.transmit(commands.compute_cryptographic_checksum(build_dol_data(udol, tap.values())))
    if not answer.ok:
        tap.note(BOOK, "7.1", f"COMPUTE CRYPTOGRAPHIC CHECKSUM: the card answered {answer.sw:04X}")
        return tap.ended(Verdict.END_APPLICATION, "the card made no checksum", Message.INSERT_OR_SWIPE)
    what = "answer to COMPUTE CRYPTOGRAPHIC CHECKSUM"
    tap.card |= dict(objects_of(template(answer.data, "77", what), what))
    if "9F36" not in tap.card:
        raise CardDataError(f"{what}: need 9F36, have none")
    shown = tap.card.get("DF4B", b"")
    if "9F61" not in tap.card:
        return _no_checksum(tap, shown)
    track = tap.card["9F6B"].hex().upper().rstrip("F")
    track = cvc3.dynamic_track2(track, positions, tap.card["9F61"], number, tap.card["9F36"])
    tap.card["9F6B"] = bytes.fromhex(track + "F" * (len(track) % 2))
    tap.note(BOOK, "7.1", "CVC3, unpredictable number and counter are in track 2; mag-stripe mode goes online")
    tap.cryptogram = CryptogramType.ARQC
    return tap.goes_online(_verification(tap, shown))


def _no_checksum(tap: Tap, shown: bytes) -> KernelOutcome:
    """The device wants its holder to confirm first, or declines."""
    if len(shown) == 3 and shown[1] & _CONFIRM_AND_TAP_AGAIN:
        return tap.ended(Verdict.TRY_AGAIN, "the device asks its holder to confirm", Message.SEE_PHONE)
    return tap.declined("the card gave no CVC3: it declines")


def _verification(tap: Tap, shown: bytes) -> Verification:
    """Source: Book C-2, 7.1: the mag-stripe CVM capability, when the limit asks for one."""
    if not tap.combination.cvm_required:
        return Verification.NONE
    on_device = tap.aip & Aip.ON_DEVICE_CARDHOLDER_VERIFICATION_SUPPORTED
    if on_device and len(shown) == 3 and shown[1] & _DEVICE_VERIFIED:
        return Verification.DEVICE
    able = tap.terminal.capabilities
    if able & TerminalCapabilities.ENCIPHERED_ONLINE_PIN:
        return Verification.ONLINE_PIN
    return Verification.SIGNATURE if able & TerminalCapabilities.SIGNATURE else Verification.NONE
