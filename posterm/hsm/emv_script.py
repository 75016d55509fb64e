"""Commands that an issuer sends to a card in a script: their MAC, their encipherment, and the one that changes the PIN.

    MAC              retail MAC, padding 2, over header, ATC, ARQC and data
    Visa             length, data, padding 2; ECB
    Mastercard       data, padding 2 unless it is whole blocks; CBC
    UnionPay         as Visa
    PIN, Visa        length and digits filled with F, xor four bytes of the card's cryptogram key, xor the present PIN
    PIN, others      ISO 9564 format 2

Source: EMV 4.3 Book 2, 9; Visa, Mastercard and UnionPay (JR/T 0025.7) as publicly described.
Left out: PIN unblock and other commands without data of their own, which `script_mac` is enough for.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from posterm.hsm.cryptogram import Cvn, Scheme, retail_mac, script_session_key
from posterm.hsm.emv_keys import CardKey, clear_key
from posterm.hsm.errors import CryptogramError
from posterm.hsm.keys import Algorithm
from posterm.hsm.mac import pad_2
from posterm.hsm.pin_block import Pin, PinFormat, encode
from posterm.hsm.primitives import cbc_encrypt, encrypt_once

LONGEST_DATA: Final = 239
"""Bytes of command data, so that length, padding and MAC fit into one command."""
_PIN_CHANGE: Final = bytes.fromhex("842400")
_WITH_PRESENT_PIN: Final = b"\x01"
_WITHOUT: Final = b"\x02"


@dataclass(frozen=True, slots=True, repr=False)
class ScriptKeys:
    """The card's own keys, 16 bytes each: for cryptograms, for the MAC of scripts, for their encipherment."""

    cryptogram: bytes
    integrity: bytes
    confidentiality: bytes

    def __repr__(self) -> str:
        return "<ScriptKeys>"


def script_mac(cvn: Cvn, integrity: bytes | CardKey, header: bytes, atc: int, arqc: bytes, data: bytes = b"") -> bytes:
    """The MAC of a command, 8 bytes.

    Args:
        integrity: the card's key for the MAC of scripts, 16 bytes.
        header: CLA, INS, P1, P2 and Lc: 5 bytes; Lc counts data and MAC.
        data: as it is sent, enciphered.
    Raises: CryptogramError: other lengths.
    """
    if len(header) != 5 or len(arqc) != 8 or len(data) > LONGEST_DATA + 16:
        raise CryptogramError("script: need a header of 5 bytes, an ARQC of 8 and data of one command")
    key = script_session_key(cvn, integrity, atc, arqc)
    return retail_mac(key, header + atc.to_bytes(2, "big") + arqc + data)


def encipher(cvn: Cvn, confidentiality: bytes | CardKey, atc: int, arqc: bytes, data: bytes) -> bytes:
    """Command data enciphered for the card under its key for that, 16 bytes. Raises: CryptogramError: other lengths."""
    if not 1 <= len(data) <= LONGEST_DATA:
        raise CryptogramError(f"script: command data is 1 to {LONGEST_DATA} bytes, this has {len(data)}")
    key = script_session_key(cvn, confidentiality, atc, arqc)
    if cvn.scheme is Scheme.MASTERCARD:
        padded = pad_2(data, 8) if len(data) % 8 else data
        return cbc_encrypt(Algorithm.TDES_DOUBLE, key, bytes(8), padded)
    return encrypt_once(Algorithm.TDES_DOUBLE, key, pad_2(bytes([len(data)]) + data, 8))


def pin_change(
    cvn: Cvn, keys: ScriptKeys, atc: int, arqc: bytes, new_pin: Pin, present_pin: Pin | None = None
) -> bytes:
    """The whole PIN CHANGE command: header, enciphered PIN block, MAC.

    Args:
        present_pin: for the Visa form that needs it.
    Raises: CryptogramError: other lengths, or a present PIN for a scheme that takes none.
    """
    if present_pin is not None and cvn.scheme is not Scheme.VISA:
        raise CryptogramError("script: only the Visa form takes the present PIN")
    # Version 22 has the Visa form with the present PIN only.
    visa_form = cvn.scheme is Scheme.VISA and (present_pin is not None or cvn.name != "visa-22")
    if visa_form:
        block = visa_pin_block(keys.cryptogram, new_pin, present_pin)
    else:
        block = encode(PinFormat.ISO_2, new_pin, None)
    enciphered = encipher(cvn, keys.confidentiality, atc, arqc, block)
    header = _PIN_CHANGE + (_WITHOUT if present_pin is None else _WITH_PRESENT_PIN) + bytes([len(enciphered) + 8])
    return header + enciphered + script_mac(cvn, keys.integrity, header, atc, arqc, enciphered)


def visa_pin_block(cryptogram_key: bytes | CardKey, new_pin: Pin, present_pin: Pin | None) -> bytes:
    """The Visa form of a PIN block for the card, 8 bytes, in the clear.

    Args:
        cryptogram_key: the card's own key for cryptograms.
    Raises: CryptogramError: a key of another length.
    """
    block = int.from_bytes(clear_key(cryptogram_key)[4:8], "big") ^ int.from_bytes(
        encode(PinFormat.NO_PAN, new_pin, None), "big"
    )
    if present_pin is not None:
        block ^= int(present_pin.reveal().ljust(16, "0"), 16)
    return block.to_bytes(8, "big")
