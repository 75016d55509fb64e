"""Application cryptograms from the issuer's side: ARQC, TC and AAC by cryptogram version, and the answer, ARPC.

    version       session key              padding   last of the data          ARPC             script key
    Visa 10       none                     1         CVR                       1, card key      Visa
    Visa 14       tree                     2         CVR                       1, session key   Visa
    Visa 17       none                     1         one byte of CVR (short)   1, card key      Visa
    Visa 18       common, ATC              2         whole 9F10                2, session key   Visa
    Visa 22       common, ATC              2         whole 9F10                2, session key   common, ARQC
    M/Chip 16     common, ATC and number   2         CVR                       1, card key      common, ARQC
    M/Chip 17     common, ATC and number   2         CVR, counters             1, card key      common, ARQC
    M/Chip 20     common, ATC              2         CVR                       1, session key   common, ARQC
    M/Chip 21     common, ATC              2         CVR, counters             1, session key   common, ARQC
    UnionPay 01   UnionPay                 2         CVR                       1, session key   UnionPay

Before it: 9F02 9F03 9F1A 95 5F2A 9A 9C 9F37 82 9F36; for Visa 17 only 9F02 9F37 9F36. The cryptogram is the retail MAC
(ISO 9797-1, algorithm 3). Visa 18 and 22 derive the card key by option B, the others by A.

Source: EMV 4.3 Book 2, 8.1, 8.2 and A1; JR/T 0025.7 (UnionPay); Visa and Mastercard versions as publicly described.
Left out: versions of other schemes, CCD (CVN A5), AES.
"""

from __future__ import annotations

import hmac
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import Enum, StrEnum
from operator import itemgetter
from typing import Final

from posterm.hsm.emv_keys import (
    CardKey,
    clear_key,
    emv_session_key,
    require_atc,
    tree_session_key,
    unionpay_session_key,
    visa_script_key,
)
from posterm.hsm.errors import CryptogramError, CryptogramMismatch
from posterm.hsm.keys import Algorithm
from posterm.hsm.mac import pad, pad_2
from posterm.hsm.primitives import encrypt_once, last_block_once

CRYPTOGRAM_BYTES: Final = 8
LONGEST_DATA: Final = 1_024

# Tag and length of the data common to all versions but the short one; 0 where any length goes.
_LENGTHS: Final = {0x9F02: 6, 0x9F03: 6, 0x9F1A: 2, 0x95: 5, 0x5F2A: 2, 0x9A: 3, 0x9C: 1, 0x9F37: 4, 0x82: 2, 0x9F36: 2}
_DATA: Final = tuple(_LENGTHS)
_PADS_2: Final = [pad_2(bytes(length), 8)[length:] for length in range(8)]
"""What padding method 2 puts behind data, by the bytes in their last block."""
_SHORT_DATA: Final = (0x9F02, 0x9F37, 0x9F36)
# The tags, what takes all their values at once, and their lengths.
_WHOLE: Final = (_DATA, itemgetter(*_DATA), [_LENGTHS[tag] for tag in _DATA])
_SHORT: Final = (_SHORT_DATA, itemgetter(*_SHORT_DATA), [_LENGTHS[tag] for tag in _SHORT_DATA])


class Scheme(StrEnum):
    """Whose card it is: the number of a version means another in each."""

    __hash__ = str.__hash__  # looked up on every call; an enumeration's own hash is written in Python

    VISA = "visa"
    MASTERCARD = "mastercard"
    UNIONPAY = "unionpay"


class Session(Enum):
    """How the session key for the cryptogram comes from the card key."""

    NONE = "none"
    COMMON = "common"
    MASTERCARD = "common with the unpredictable number"
    TREE = "tree"
    UNIONPAY = "unionpay"


class ScriptSession(Enum):
    """How the session key for scripts comes from the card key."""

    VISA = "visa"
    COMMON = "common"
    UNIONPAY = "unionpay"


class IssuerData(Enum):
    """What of 9F10 is part of the data."""

    CVR = "cvr"
    CVR_BYTE = "one byte of cvr"
    CVR_AND_COUNTERS = "cvr and counters"
    WHOLE = "whole"


@dataclass(frozen=True, slots=True)
class Cvn:
    """A cryptogram version: a row of the table above."""

    name: str
    scheme: Scheme
    session: Session
    padding: int
    issuer_data: IssuerData
    arpc_method: int
    script: ScriptSession
    arpc_by_card_key: bool = False
    short: bool = False
    option_b: bool = False
    """The card's keys come from the issuer's by option B, which differs for PANs longer than 16 digits."""


_C, _W, _N = IssuerData.CVR, IssuerData.WHOLE, IssuerData.CVR_AND_COUNTERS
_V, _M = Scheme.VISA, Scheme.MASTERCARD
_COMMON: Final = ScriptSession.COMMON

VISA_10: Final = Cvn("visa-10", _V, Session.NONE, 1, _C, 1, ScriptSession.VISA)
VISA_14: Final = Cvn("visa-14", _V, Session.TREE, 2, _C, 1, ScriptSession.VISA)
VISA_17: Final = Cvn("visa-17", _V, Session.NONE, 1, IssuerData.CVR_BYTE, 1, ScriptSession.VISA, short=True)
VISA_18: Final = Cvn("visa-18", _V, Session.COMMON, 2, _W, 2, ScriptSession.VISA, option_b=True)
VISA_22: Final = Cvn("visa-22", _V, Session.COMMON, 2, _W, 2, _COMMON, option_b=True)
MCHIP_16: Final = Cvn("mchip-16", _M, Session.MASTERCARD, 2, _C, 1, _COMMON, arpc_by_card_key=True)
MCHIP_17: Final = Cvn("mchip-17", _M, Session.MASTERCARD, 2, _N, 1, _COMMON, arpc_by_card_key=True)
MCHIP_20: Final = Cvn("mchip-20", _M, Session.COMMON, 2, _C, 1, _COMMON)
MCHIP_21: Final = Cvn("mchip-21", _M, Session.COMMON, 2, _N, 1, _COMMON)
UNIONPAY_01: Final = Cvn("unionpay-01", Scheme.UNIONPAY, Session.UNIONPAY, 2, _C, 1, ScriptSession.UNIONPAY)

_BY_CODE: Final = {
    (_V, 0x0A): VISA_10,
    (_V, 0x0E): VISA_14,
    (_V, 0x11): VISA_17,
    (_V, 0x12): VISA_18,
    (_V, 0x16): VISA_22,
    (_M, 0x10): MCHIP_16,
    (_M, 0x11): MCHIP_17,
    (_M, 0x14): MCHIP_20,
    (_M, 0x15): MCHIP_21,
    (Scheme.UNIONPAY, 0x01): UNIONPAY_01,
}
VERSIONS: Final = {cvn.name: cvn for cvn in _BY_CODE.values()}
"""Every version by its name."""

# Where 9F10 has the version, and where its CVR begins and ends.
_PLACES: Final = {_V: (2, 3, 7), _M: (1, 2, 8), Scheme.UNIONPAY: (2, 3, 7)}


def cvn_of(issuer_data: bytes, scheme: Scheme) -> Cvn:
    """The version that 9F10 names.

    Raises: CryptogramError: too short, or a version not known here.
    """
    place, _, end = _PLACES[scheme]
    if not end <= len(issuer_data) <= 32:
        raise CryptogramError(f"9F10: need {end} to 32 bytes for {scheme}, found {len(issuer_data)}")
    cvn = _BY_CODE.get((scheme, issuer_data[place]))
    if cvn is None:
        raise CryptogramError(f"9F10: cryptogram version {issuer_data[place]} of {scheme} is not known here")
    return cvn


def cryptogram_input(cvn: Cvn, tags: Mapping[int, bytes]) -> bytes:
    """The data a cryptogram is made over, before padding.

    Args:
        tags: values by tag, 9F10 among them.
    Raises: CryptogramError: a tag that is missing or of another length.
    """
    wanted, every, lengths = _SHORT if cvn.short else _WHOLE
    try:
        values: Sequence[bytes] = every(tags)
    except KeyError:
        values = ()
    if list(map(len, values)) != lengths:
        values = [_value(tags, tag) for tag in wanted]  # one of them is refused, by its name
    return b"".join(values) + _issuer_data(cvn, tags)


def session_key(cvn: Cvn, card_key: bytes | CardKey, tags: Mapping[int, bytes]) -> bytes:
    """The key a cryptogram is made with, 16 bytes. Raises: CryptogramError: a tag or key of another length."""
    if cvn.session is Session.NONE:
        return clear_key(card_key)
    atc = _value(tags, 0x9F36)
    match cvn.session:
        case Session.COMMON:
            return emv_session_key(card_key, atc + bytes(6))
        case Session.MASTERCARD:
            return emv_session_key(card_key, atc + bytes(2) + _value(tags, 0x9F37))
        case Session.TREE:
            return tree_session_key(card_key, int.from_bytes(atc, "big"))
        case _:
            return unionpay_session_key(card_key, int.from_bytes(atc, "big"))


def generate(cvn: Cvn, card_key: bytes | CardKey, tags: Mapping[int, bytes]) -> bytes:
    """An ARQC, TC or AAC: which it is says the card's CVR in 9F10.

    Args:
        card_key: the card's own key for cryptograms, 16 bytes.
        tags: values by tag.
    Returns: 8 bytes.
    Raises: CryptogramError: a tag that is missing or of another length.
    """
    data = cryptogram_input(cvn, tags)
    return _mac(session_key(cvn, card_key, tags), data, cvn.padding)


def verify(cvn: Cvn, card_key: bytes | CardKey, tags: Mapping[int, bytes], cryptogram: bytes) -> None:
    """Raises: CryptogramMismatch: it does not verify. CryptogramError: as `generate`."""
    if not hmac.compare_digest(generate(cvn, card_key, tags), cryptogram):
        raise CryptogramMismatch(f"cryptogram {cvn.name}: it does not verify")


def arpc_input(cvn: Cvn, arqc: bytes, answer: bytes, proprietary: bytes = b"") -> bytes:
    """What the ARPC is made from: 8 bytes for method 1, the data of the MAC for method 2. As `arpc`."""
    if len(arqc) != CRYPTOGRAM_BYTES:
        raise CryptogramError(f"ARPC: an ARQC is {CRYPTOGRAM_BYTES} bytes, this has {len(arqc)}")
    if cvn.arpc_method == 1:
        if len(answer) != 2 or proprietary:
            raise CryptogramError(f"ARPC {cvn.name}: method 1 takes a response code of 2 bytes and nothing else")
        return (int.from_bytes(arqc, "big") ^ int.from_bytes(answer, "big") << 48).to_bytes(8, "big")
    if len(answer) != 4 or len(proprietary) > 8:
        raise CryptogramError(f"ARPC {cvn.name}: method 2 takes a card status update of 4 bytes and at most 8 more")
    return arqc + answer + proprietary


def arpc(
    cvn: Cvn, card_key: bytes | CardKey, tags: Mapping[int, bytes], arqc: bytes, answer: bytes, proprietary: bytes = b""
) -> bytes:
    """The issuer's answer to an ARQC.

    Args:
        tags: those that the session key takes: 9F36, and 9F37 for some.
        answer: the response code (2 bytes) for method 1, the card status update (4 bytes) for method 2.
        proprietary: at most 8 bytes, for method 2.
    Returns: 8 bytes for method 1, 4 for method 2.
    Raises: CryptogramError: other lengths.
    """
    data = arpc_input(cvn, arqc, answer, proprietary)
    key = clear_key(card_key) if cvn.arpc_by_card_key else session_key(cvn, card_key, tags)
    if cvn.arpc_method == 1:
        return encrypt_once(Algorithm.TDES_DOUBLE, key, data)
    return _mac(key, data, 2)[:4]


def script_session_key(cvn: Cvn, card_key: bytes | CardKey, atc: int, arqc: bytes) -> bytes:
    """The key for scripts of one transaction, from the card's own for their MAC or their encipherment.

    Raises: CryptogramError: other lengths.
    """
    match cvn.script:
        case ScriptSession.VISA:
            return visa_script_key(card_key, atc)
        case ScriptSession.UNIONPAY:
            return unionpay_session_key(card_key, atc)
        case ScriptSession.COMMON:
            require_atc(atc)
            return emv_session_key(card_key, arqc)


def retail_mac(key: bytes, data: bytes, padding: int = 2) -> bytes:
    """ISO 9797-1, algorithm 3, under a key of 16 bytes that is used once. Raises: CryptogramError: other lengths."""
    return _mac(clear_key(key), data, padding)


def _mac(key: bytes, data: bytes, padding: int) -> bytes:
    if len(data) > LONGEST_DATA:
        raise CryptogramError(f"cryptogram: at most {LONGEST_DATA} bytes of data, this has {len(data)}")
    padded = pad(data, 8) if padding == 1 else data + _PADS_2[len(data) & 7]
    last = padded[-8:]
    if len(padded) > 8:
        chained = last_block_once(Algorithm.DES, key[:8], padded[:-8])
        last = (int.from_bytes(last, "big") ^ int.from_bytes(chained, "big")).to_bytes(8, "big")
    return encrypt_once(Algorithm.TDES_DOUBLE, key, last)


def _issuer_data(cvn: Cvn, tags: Mapping[int, bytes]) -> bytes:
    data = tags.get(0x9F10, b"")
    _, start, end = _PLACES[cvn.scheme]
    if not end <= len(data) <= 32:
        raise CryptogramError(f"cryptogram {cvn.name}: need 9F10 of {end} to 32 bytes, found {len(data)}")
    match cvn.issuer_data:
        case IssuerData.CVR:
            return data[start:end]
        case IssuerData.CVR_BYTE:
            return data[start + 1 : start + 2]
        case IssuerData.WHOLE:
            return data
        case IssuerData.CVR_AND_COUNTERS:
            counters = data[end + 2 :]  # behind two bytes of DAC or dynamic number
            if len(counters) < 8:
                raise CryptogramError(
                    f"cryptogram {cvn.name}: need 9F10 with 8 bytes of counters, found {len(counters)}"
                )
            return data[start:end] + counters


def _value(tags: Mapping[int, bytes], tag: int) -> bytes:
    value = tags.get(tag)
    if value is None or len(value) != _LENGTHS[tag]:
        found = "none" if value is None else f"{len(value)} bytes"
        raise CryptogramError(f"cryptogram: need tag {tag:X} of {_LENGTHS[tag]} bytes, found {found}")
    return value
