"""Card verification values: three to five digits that only the issuer can make from a card's data.

    CVV, CVC    track: PAN, expiry YYMM, the service code of the track
    CVV2, CVC2  printed: the same with service code 000; some issuers write the expiry as MMYY here
    iCVV        chip's track 2 equivalent: the same with service code 999
    dCVV        contactless magnetic stripe: the ATC in place of the first four PAN digits, under a key of the card
    CAVV        3-D Secure: four digits of the transaction number for the expiry, the result codes for the service code
    CVC3        contactless, Mastercard: two bytes over the track template, the unpredictable number and the ATC

All but CVC3 write PAN, four and three digits in 32 decimal digits filled with zeros, take the retail MAC of these 16
bytes, and the first decimal digits of it: first those that are digits, then letters less ten.

Source: Visa and Mastercard CVV/CVC as described for z/OS ICSF (CVV generate) and payShield CW; Mastercard CVC3 and
Visa dCVV as publicly described for payShield PM and QY.
Left out: American Express CSC, the CAVV of other versions than the one built on CVV.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Final

from posterm.bcd import is_digits
from posterm.hsm.errors import CardValueError
from posterm.hsm.keys import Algorithm
from posterm.hsm.mac import MacAlgorithm, MacKey
from posterm.hsm.pin_verify import decimalised
from posterm.hsm.primitives import BlockCipher
from posterm.sensitive import Pan

DIGITS: Final = 3


class CardValue(StrEnum):
    """Which value of a card; the value is its name on the command line."""

    CVV = "cvv"
    CVV2 = "cvv2"
    ICVV = "icvv"


_SERVICE_CODES: Final = {CardValue.CVV2: "000", CardValue.ICVV: "999"}


def service_code_for(kind: CardValue, service_code: str = "") -> str:
    """The service code that goes into the value: the card's own for CVV, a fixed one for the others.

    Raises: CardValueError: CVV without one, or another with one.
    """
    fixed = _SERVICE_CODES.get(kind)
    if fixed is None:
        return service_code
    if service_code not in ("", fixed):
        raise CardValueError(f"card value: {kind} goes with service code {fixed} alone")
    return fixed


def value_input(pan: str, four: str, three: str) -> str:
    """The 32 digits a value is made from.

    Args:
        four: the expiry, or what stands in its place: 4 digits.
        three: the service code, or what stands in its place: 3 digits.
    Raises: CardValueError: other lengths, or not digits.
    """
    if len(four) != 4 or not is_digits(four):
        raise CardValueError(f"card value: the expiry is 4 digits, this has {len(four)} characters of another form")
    if len(three) != 3 or not is_digits(three):
        raise CardValueError(
            f"card value: a service code is 3 digits, this has {len(three)} characters of another form"
        )
    return (pan + four + three).ljust(32, "0")


def card_value(cvk: MacKey, pan: Pan, expiry: str, service_code: str, digits: int = DIGITS) -> str:
    """CVV, CVV2, iCVV, CAVV: whichever the fields make it.

    Args:
        cvk: a double-length TDES key.
        digits: 1 to 5.
    Raises: CardValueError: the fields. KeyUsageError: a key of another kind.
    """
    return _value(cvk, value_input(pan.reveal(), expiry, service_code), digits)


def cavv(cvk: MacKey, pan: Pan, transaction_number: str, result_codes: str) -> str:
    """The 3 digits of a CAVV.

    Args:
        transaction_number: the 4 digits of the authentication transaction number that count.
        result_codes: authentication result and second factor, 3 digits.
    """
    return card_value(cvk, pan, transaction_number, result_codes)


def dcvv(card_key: MacKey, pan: Pan, expiry: str, service_code: str, atc: int) -> str:
    """The 3 digits of a dCVV.

    Args:
        card_key: derived for this card from the issuer's master key (EMV option A).
        atc: the application transaction counter; its last four decimal digits replace the first four of the PAN.
    Raises: CardValueError: the fields, or a counter beyond 2 bytes.
    """
    _require_atc(atc)
    return _value(card_key, value_input(f"{atc % 10000:04d}{pan.reveal()[4:]}", expiry, service_code), DIGITS)


def cvc3(card_key: bytes, track_template: bytes, atc: int, unpredictable_number: bytes) -> str:
    """The CVC3 of a contactless magnetic stripe card: 5 digits, of which the card sends as many as its bitmap says.

    Args:
        card_key: KD-CVC3 of the card, 16 bytes.
        track_template: static track 1 or track 2 data; at most 256 bytes.
        unpredictable_number: 4 bytes, as digits packed.
    Raises: CardValueError: another length.
    """
    _require_atc(atc)
    if len(card_key) != 16 or len(unpredictable_number) != 4 or not 1 <= len(track_template) <= 256:
        raise CardValueError("CVC3: need a key of 16 bytes, a number of 4 and a template of 1 to 256")
    key = MacKey(Algorithm.TDES_DOUBLE, card_key)
    iv = key.generate(MacAlgorithm.ISO9797_3_PAD2, track_template)[-2:]
    block = BlockCipher(Algorithm.TDES_DOUBLE, card_key).encrypt(iv + unpredictable_number + atc.to_bytes(2, "big"))
    return f"{int.from_bytes(block[-2:], 'big'):05d}"


def _value(key: MacKey, text: str, digits: int) -> str:
    if not 1 <= digits <= 5:
        raise CardValueError(f"card value: 1 to 5 digits are taken, this asks for {digits}")
    return decimalised(key.generate(MacAlgorithm.X9_19, bytes.fromhex(text)), digits)


def _require_atc(atc: int) -> None:
    if not 0 <= atc <= 0xFFFF:
        raise CardValueError("card value: an application transaction counter has two bytes, this has more")
