"""The issuer's commands to a card, each with a MAC of 8 bytes under the transaction's script key.

    APPLICATION BLOCK 1E   APPLICATION UNBLOCK 18   CARD BLOCK 16
    PIN CHANGE/UNBLOCK 24  PUT DATA DA              UPDATE RECORD DC

They are obeyed after an online request, before or after the second GENERATE AC.

Source: EMV 4.4 Book 2, 9; Book 3, 6.5.1 to 6.5.3, 6.5.10, 10.10; JR/T 0025 (PUT DATA, UPDATE RECORD).
Leaves out MACs of fewer bytes.
"""

from __future__ import annotations

import hmac
from collections.abc import Callable
from typing import Final

from posterm.hsm import Algorithm, Pin, PinBlockError, PinError, PinFormat
from posterm.hsm.cryptogram import Scheme, script_session_key
from posterm.hsm.emv_script import script_mac
from posterm.hsm.pin_block import decode
from posterm.hsm.primitives import BlockCipher
from simulators.card.applet import Applet
from simulators.card.command import Command, RefusedError, Sw
from simulators.card.state import Phase

MAC_BYTES: Final = 8
_SECURED: Final = (0x04, 0x84, 0x8C, 0x0C)
_CASH_LIMITS: Final = frozenset({"9F77", "9F78", "9F6D"})
_AMOUNT_BYTES: Final = 6
_LONGEST_RECORD: Final = 254


def is_script(command: Command) -> bool:
    """True when the class says secure messaging, and the instruction is an issuer's."""
    return command.cla in _SECURED and command.ins in _OBEY


def obey(applet: Applet, command: Command) -> bytes:
    """Check the MAC and do what is commanded. Both success and failure count in the card verification results."""
    now, memory = applet.now, applet.memory
    applet.require(Phase.ONLINE, Phase.COMPLETED)
    if not now.cryptogram:
        raise RefusedError(Sw.CONDITIONS)
    now.scripts += 1
    memory.script_count = min(now.scripts, 15)
    try:
        _OBEY[command.ins](applet, command, _authentic_data(applet, command))
    except RefusedError:
        memory.script_failed = True
        raise
    return b""


def _authentic_data(applet: Applet, command: Command) -> bytes:
    """The command's data before its MAC. Raises: RefusedError: 6987 no MAC, 6988 a wrong one."""
    if len(command.data) < MAC_BYTES:
        raise RefusedError(Sw.MAC_MISSING)
    data, mac = command.data[:-MAC_BYTES], command.data[-MAC_BYTES:]
    header = command.header + bytes((len(command.data),))
    key, atc = applet.card.keys.script.integrity, applet.memory.atc
    if not hmac.compare_digest(script_mac(applet.card.cvn, key, header, atc, applet.now.cryptogram, data), mac):
        raise RefusedError(Sw.MAC_WRONG)
    return data


def _block_application(applet: Applet, _command: Command, data: bytes) -> None:
    _require_none(data)
    applet.memory.blocked = True


def _unblock_application(applet: Applet, _command: Command, data: bytes) -> None:
    _require_none(data)
    applet.memory.blocked = False


def _block_card(applet: Applet, _command: Command, data: bytes) -> None:
    _require_none(data)
    applet.memory.blocked = True
    applet.card_is_blocked = True


def _change_pin(applet: Applet, command: Command, data: bytes) -> None:
    """P2 00 gives the tries back; 01 and 02 also set a new PIN, the first of them with the present one mixed in."""
    memory = applet.memory
    if command.p1 or command.p2 not in (0, 1, 2):
        raise RefusedError(Sw.WRONG_P1_P2)
    if command.p2 == 0:
        _require_none(data)
    else:
        memory.pin = _new_pin(applet, data, with_present=command.p2 == 1)
    memory.pin_tries_left = applet.card.application.pin_tries


def _new_pin(applet: Applet, enciphered: bytes, *, with_present: bool) -> Pin:
    cvn, keys = applet.card.cvn, applet.card.keys.script
    block = _deciphered(applet, enciphered)
    visa_form = cvn.scheme is Scheme.VISA and (with_present or cvn.name != "visa-22")
    if with_present and not visa_form:
        raise RefusedError(Sw.WRONG_P1_P2)
    if len(block) != 8:
        raise RefusedError(Sw.WRONG_DATA)
    number = int.from_bytes(block, "big")
    if visa_form:
        number ^= int.from_bytes(keys.cryptogram[4:8], "big")
    if with_present:
        number ^= int(applet.memory.pin.reveal().ljust(16, "0"), 16)
    form = PinFormat.NO_PAN if visa_form else PinFormat.ISO_2
    try:
        return decode(form, number.to_bytes(8, "big"), None)
    except (PinBlockError, PinError):
        raise RefusedError(Sw.WRONG_DATA) from None


def _deciphered(applet: Applet, data: bytes) -> bytes:
    """What an issuer enciphered for this transaction. Source: Book 2, 9.3."""
    if not data or len(data) % 8:
        raise RefusedError(Sw.WRONG_LENGTH)
    cvn = applet.card.cvn
    key = script_session_key(cvn, applet.card.keys.script.confidentiality, applet.memory.atc, applet.now.cryptogram)
    plain = BlockCipher(Algorithm.TDES_DOUBLE, key).decrypt(data)
    if cvn.scheme is Scheme.MASTERCARD:
        chained = int.from_bytes(plain, "big") ^ int.from_bytes(bytes(8) + data[:-8], "big")
        return chained.to_bytes(len(data), "big")
    return plain[1 : 1 + plain[0]]


def _put_data(applet: Applet, command: Command, data: bytes) -> None:
    """Balance and limits of the electronic cash."""
    tag = f"{command.p1:02X}{command.p2:02X}"
    if applet.card.application.electronic_cash is None or tag not in _CASH_LIMITS | {"9F79"}:
        raise RefusedError(Sw.DATA_NOT_FOUND)
    if len(data) != _AMOUNT_BYTES or not data.hex().isdecimal():
        raise RefusedError(Sw.WRONG_DATA)
    if tag != "9F79":
        applet.memory.put[tag] = data
    elif int(data.hex()) > applet.cash_limit_minor("9F77"):
        raise RefusedError(Sw.WRONG_DATA)
    else:
        applet.memory.funds_minor = int(data.hex())


def _update_record(applet: Applet, command: Command, data: bytes) -> None:
    place = (command.p2 >> 3, command.p1)
    if command.p2 & 7 != 4:
        raise RefusedError(Sw.WRONG_P1_P2)
    if place not in applet.card.records:
        raise RefusedError(Sw.RECORD_NOT_FOUND)
    if not 1 <= len(data) <= _LONGEST_RECORD:
        raise RefusedError(Sw.WRONG_LENGTH)
    applet.memory.updated[place] = data


def _require_none(data: bytes) -> None:
    if data:
        raise RefusedError(Sw.WRONG_LENGTH)


_OBEY: Final[dict[int, Callable[[Applet, Command, bytes], None]]] = {
    0x1E: _block_application,
    0x18: _unblock_application,
    0x16: _block_card,
    0x24: _change_pin,
    0xDA: _put_data,
    0xDC: _update_record,
}
