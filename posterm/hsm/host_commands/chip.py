"""Chip cards by cryptogram version and data objects: posterm's own commands beside KQ, KW, JS, KU, KY and JU.

    ZQ   a cryptogram verified     ZS   its answer     ZU   the MAC of a script command

The payShield's commands have a layout for each version, and leave it to the host to know which objects go into a
cryptogram. These take the objects as they came, in BER-TLV, and the version: the letter of the scheme and its number.

Source: EMV 4.4 Book 2, 8 and 9; the layouts are posterm's own.
Left out: encipherment of scripts and PIN change, which KU, KY and JU have.
"""

from __future__ import annotations

from typing import Final

from posterm import tlv
from posterm.hsm import cryptogram
from posterm.hsm.commands.emv import ChipCard
from posterm.hsm.cryptogram import Cvn
from posterm.hsm.host_commands.command_set import HostCommandSet
from posterm.hsm.host_commands.errors import INVALID_ACCOUNT, INVALID_INPUT, VERIFICATION_FAILURE, HostCommandRefusal
from posterm.hsm.host_commands.fields import Field, Layout, counted, hexadecimal, key, length, text
from posterm.hsm.host_commands.table import host_command
from posterm.hsm.variant_key import KeyReference
from posterm.sensitive import Pan
from posterm.tlv import TlvError

VERSIONS: Final[dict[str, Cvn]] = {
    "V10": cryptogram.VISA_10,
    "V14": cryptogram.VISA_14,
    "V17": cryptogram.VISA_17,
    "V18": cryptogram.VISA_18,
    "V22": cryptogram.VISA_22,
    "M16": cryptogram.MCHIP_16,
    "M17": cryptogram.MCHIP_17,
    "M20": cryptogram.MCHIP_20,
    "M21": cryptogram.MCHIP_21,
    "U01": cryptogram.UNIONPAY_01,
}
"""Cryptogram versions by their codes."""

_VERSION: Final = Field(
    "cryptogram version",
    "3 A",
    "[MUV][0-9]{2}",
    ", ".join(f"{code} {version.name}" for code, version in VERSIONS.items()),
    convert=lambda value: _version(value.decode("ascii")),
)
_PAN: Final = text("PAN", "13-19 N and `;`", "[0-9]{13,19};", refuse=INVALID_ACCOUNT)
_CARD: Final = (_VERSION, _PAN, text("PAN sequence number", "2 N", "[0-9]{2}"))
_OBJECTS: Final = (length("objects length", 4), counted("chip data objects", "BER-TLV"))
_ARQC: Final = hexadecimal("ARQC", 16)


@host_command(
    "ZQ",
    "Verify a cryptogram over data objects",
    Layout(key("MK-AC", "109"), *_CARD, _ARQC, *_OBJECTS),
    codes=(VERIFICATION_FAILURE,),
    own={TlvError: INVALID_INPUT},
)
def verify_arqc(
    commands: HostCommandSet,
    mk_ac: KeyReference,
    version: Cvn,
    pan: str,
    sequence: str,
    arqc: bytes,
    _length: bytes,
    objects: bytes,
) -> bytes:
    commands.hsm.verify_arqc(mk_ac, _card(version, pan, sequence), _tags(objects), arqc)
    return b""


@host_command(
    "ZS",
    "Answer a cryptogram over data objects",
    Layout(
        key("MK-AC", "109"),
        *_CARD,
        _ARQC,
        text("issuer's answer", "4 or 8 H", "[0-9A-F]{4}(?:[0-9A-F]{4})?", "response code, or card status update"),
        text("delimiter", "1 A", ";"),
        *_OBJECTS,
    ),
    answer=(Field("ARPC", "8/16 H"),),
    own={TlvError: INVALID_INPUT},
)
def generate_arpc(
    commands: HostCommandSet,
    mk_ac: KeyReference,
    version: Cvn,
    pan: str,
    sequence: str,
    arqc: bytes,
    answer: str,
    _delimiter: str,
    _length: bytes,
    objects: bytes,
) -> bytes:
    card = _card(version, pan, sequence)
    return _hexadecimal(commands.hsm.generate_arpc(mk_ac, card, _tags(objects), arqc, bytes.fromhex(answer)))


@host_command(
    "ZU",
    "MAC of a script command",
    Layout(
        key("MK-SMI", "209"),
        *_CARD,
        hexadecimal("ARQC", 16),
        hexadecimal("ATC", 4),
        hexadecimal("command header", 10, "CLA INS P1 P2 Lc; Lc counts data and MAC"),
        length("data length", 4),
        counted("command data", "as it is sent"),
    ),
    answer=(Field("MAC", "16 H"),),
)
def generate_script_mac(
    commands: HostCommandSet,
    mk_smi: KeyReference,
    version: Cvn,
    pan: str,
    sequence: str,
    arqc: bytes,
    atc: bytes,
    header: bytes,
    _length: bytes,
    data: bytes,
) -> bytes:
    card = _card(version, pan, sequence)
    return _hexadecimal(commands.hsm.generate_script_mac(mk_smi, card, header, int.from_bytes(atc, "big"), arqc, data))


def _version(code: str) -> Cvn:
    found = VERSIONS.get(code)
    if found is None:
        raise HostCommandRefusal(INVALID_INPUT)
    return found


def _card(version: Cvn, pan: str, sequence: str) -> ChipCard:
    return ChipCard(Pan(pan[:-1]), version, sequence)


def _tags(objects: bytes) -> dict[int, bytes]:
    return {int(tag, 16): value for tag, value in tlv.parse(objects)}


def _hexadecimal(data: bytes) -> bytes:
    return data.hex().upper().encode("ascii")
