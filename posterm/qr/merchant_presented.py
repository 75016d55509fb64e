"""Codes that a merchant shows and a customer scans: EMVCo QR, merchant-presented mode.

A code is text: objects of two digits of ID, two digits of length in characters, and the value; templates nest once. The
last object is a CRC-16 over all that stands before its value.

    00 payload format   01 static or dynamic   02-51 merchant accounts, one per network   52 MCC   53 currency
    54 amount   55-57 tip   58 country   59 name   60 city   61 postal code   62 bill, store, terminal   63 CRC
    64 name and city in another language   65-79 reserved   80-99 templates of their own

`parse` keeps every object, known or not, in order; `MerchantCode.text` writes what was read character by character.

Source: EMV QR Code Specification for Payment Systems, Merchant-Presented Mode, version 1.1, chapters 3 and 4 (objects,
lengths, presence, CRC); ISO/IEC 13239 (CRC). Leaves out what is inside templates 02-51 beyond their identifier: each
network says that itself.
"""

from __future__ import annotations

import re
from binascii import crc_hqx
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final

from posterm.amount import Amount, currency
from posterm.qr.errors import MerchantCodeError

MAX_CHARACTERS: Final = 512
MAX_VALUE: Final = 99

PAYLOAD_FORMAT: Final = "01"
STATIC: Final = "11"
DYNAMIC: Final = "12"

ADDITIONAL_DATA: Final = "62"
CRC: Final = "63"
LANGUAGE: Final = "64"
UNIONPAY_ACCOUNTS: Final = ("15", "16")

_DIGITS: Final = re.compile(r"[0-9]+")
_AMOUNT: Final = re.compile(r"[0-9]{1,13}|(?=.{1,13}$)[0-9]+\.[0-9]*")
_ANY: Final = re.compile(r".+", re.DOTALL)


@dataclass(frozen=True, slots=True)
class _Rule:
    """What the book says of an object: its name, shortest and longest value in characters, form."""

    name: str
    shortest: int
    longest: int
    form: re.Pattern[str] = _ANY


OBJECTS: Final[dict[str, _Rule]] = {
    "00": _Rule("Payload Format Indicator", 2, 2, _DIGITS),
    "01": _Rule("Point of Initiation Method", 2, 2, _DIGITS),
    "52": _Rule("Merchant Category Code", 4, 4, _DIGITS),
    "53": _Rule("Transaction Currency", 3, 3, _DIGITS),
    "54": _Rule("Transaction Amount", 1, 13, _AMOUNT),
    "55": _Rule("Tip or Convenience Indicator", 2, 2, re.compile("0[123]")),
    "56": _Rule("Value of Convenience Fee Fixed", 1, 13, _AMOUNT),
    "57": _Rule("Value of Convenience Fee Percentage", 1, 5, re.compile(r"[0-9]{1,2}(\.[0-9]{0,2})?|100")),
    "58": _Rule("Country Code", 2, 2, re.compile("[A-Z]{2}")),
    "59": _Rule("Merchant Name", 1, 25),
    "60": _Rule("Merchant City", 1, 15),
    "61": _Rule("Postal Code", 1, 10),
    "63": _Rule("CRC", 4, 4, re.compile("[0-9A-Fa-f]{4}")),
}
ADDITIONAL_OBJECTS: Final[dict[str, _Rule]] = {
    "01": _Rule("Bill Number", 1, 25),
    "02": _Rule("Mobile Number", 1, 25),
    "03": _Rule("Store Label", 1, 25),
    "04": _Rule("Loyalty Number", 1, 25),
    "05": _Rule("Reference Label", 1, 25),
    "06": _Rule("Customer Label", 1, 25),
    "07": _Rule("Terminal Label", 1, 25),
    "08": _Rule("Purpose of Transaction", 1, 25),
    "09": _Rule("Additional Consumer Data Request", 1, 3, re.compile("(?!.*(.).*\\1)[AME]{1,3}")),
    "10": _Rule("Merchant Tax ID", 1, 20),
    "11": _Rule("Merchant Channel", 3, 3),
}
LANGUAGE_OBJECTS: Final[dict[str, _Rule]] = {
    "00": _Rule("Language Preference", 2, 2, re.compile("[A-Za-z]{2}")),
    "01": _Rule("Merchant Name, Alternate Language", 1, 25),
    "02": _Rule("Merchant City, Alternate Language", 1, 15),
}
_TEMPLATES: Final = frozenset({f"{number:02d}" for number in range(26, 52)}) | {
    ADDITIONAL_DATA,
    LANGUAGE,
    *(f"{number:02d}" for number in range(80, 100)),
}
_ACCOUNTS: Final = frozenset(f"{number:02d}" for number in range(2, 52))
_MANDATORY: Final = ("00", "52", "53", "58", "59", "60", CRC)
_TIP_FIXED: Final = "02"
_TIP_PERCENTAGE: Final = "03"


def name_of(object_id: str) -> str:
    """What an object of the outermost level is called."""
    if object_id in OBJECTS:
        return OBJECTS[object_id].name
    if object_id in _ACCOUNTS:
        return "Merchant Account Information"
    if object_id in (ADDITIONAL_DATA, LANGUAGE):
        return {
            ADDITIONAL_DATA: "Additional Data Field Template",
            LANGUAGE: "Merchant Information, Language Template",
        }[object_id]
    return "Unreserved Template" if object_id >= "80" else "Reserved for EMVCo"


@dataclass(frozen=True, slots=True)
class DataObject:
    """One object: two digits of ID and a value of 1 to 99 characters; `inside` is what a template holds."""

    id: str
    value: str
    inside: tuple[DataObject, ...] = ()

    def find(self, object_id: str) -> str:
        """The value of an object inside, empty when there is none."""
        return next((inner.value for inner in self.inside if inner.id == object_id), "")


@dataclass(frozen=True, slots=True)
class MerchantCode:
    """A merchant-presented code: its objects in order, the CRC left out."""

    objects: tuple[DataObject, ...] = field(repr=False)

    def __post_init__(self) -> None:
        _validate(self.objects)

    @property
    def text(self) -> str:
        """The code as it is drawn, with its CRC."""
        body = _written(self.objects) + f"{CRC}04"
        return f"{body}{crc16(body):04X}"

    def find(self, object_id: str) -> str:
        """The value of an object of the outermost level, empty when there is none."""
        return next((found.value for found in self.objects if found.id == object_id), "")

    def template(self, object_id: str) -> DataObject | None:
        """A template of the outermost level."""
        return next((found for found in self.objects if found.id == object_id), None)

    @property
    def dynamic(self) -> bool:
        """True for a code made for one payment; a code that does not say is static."""
        return self.find("01").startswith("12")

    @property
    def accounts(self) -> tuple[DataObject, ...]:
        """Where the merchant takes money, one object for each network."""
        return tuple(found for found in self.objects if found.id in _ACCOUNTS)

    @property
    def amount(self) -> Amount | None:
        """The amount to pay; None when the customer is to enter it.

        Raises: AmountError: a currency posterm does not know, or more decimals than it has.
        """
        written = self.find("54")
        if not written:
            return None
        whole, _, fraction = written.partition(".")
        money = currency(self.find("53"))
        return Amount.parse(f"{whole}.{fraction}" if fraction else whole, money)

    @property
    def merchant_name(self) -> str:
        return self.find("59")

    @property
    def reference(self) -> str:
        """The reference label (62.05), else the bill number (62.01)."""
        additional = self.template(ADDITIONAL_DATA)
        return "" if additional is None else additional.find("05") or additional.find("01")


def build(
    *,
    accounts: Iterable[DataObject],
    mcc: str,
    merchant_name: str,
    merchant_city: str,
    currency_number: str = "156",
    country: str = "CN",
    amount: Amount | None = None,
    additional: Iterable[tuple[str, str]] = (),
    language: Iterable[tuple[str, str]] = (),
    postal_code: str = "",
    tip: Iterable[tuple[str, str]] = (),
) -> MerchantCode:
    """A code for a merchant: dynamic when it carries an amount, static when the customer enters one.

    Args:
        accounts: at least one `account(…)`.
        mcc: four digits.
        additional, language: object IDs and values of templates 62 and 64.
        tip: objects 55 to 57.
    Raises: MerchantCodeError: a value of another form or length, a mandatory one missing, or too long altogether.
        AmountError: no such currency.

    >>> noodles = {"mcc": "5812", "merchant_name": "NOODLE HOUSE", "merchant_city": "WUHAN"}
    >>> code = build(accounts=[account("15", "31250156")], **noodles)
    >>> code.text
    '0002010102111508312501565204581253031565802CN5912NOODLE HOUSE6005WUHAN63048D04'
    """
    if amount is not None:
        currency_number = amount.currency.number
    objects = [DataObject("00", PAYLOAD_FORMAT), DataObject("01", STATIC if amount is None else DYNAMIC), *accounts]
    objects += [DataObject("52", mcc), DataObject("53", currency(currency_number).number)]
    if amount is not None:
        objects.append(DataObject("54", str(amount)))
    objects += [DataObject(number, value) for number, value in tip]
    objects += [DataObject("58", country), DataObject("59", merchant_name), DataObject("60", merchant_city)]
    if postal_code:
        objects.append(DataObject("61", postal_code))
    for template_id, items in ((ADDITIONAL_DATA, tuple(additional)), (LANGUAGE, tuple(language))):
        if items:
            objects.append(template(template_id, items))
    code = MerchantCode(tuple(objects))
    if len(code.text) > MAX_CHARACTERS:
        raise MerchantCodeError(f"need at most {MAX_CHARACTERS} characters, have {len(code.text)}")
    return code


def account(object_id: str, value: str) -> DataObject:
    """Merchant account information of a network with an ID of its own, 02 to 25; UnionPay has 15 and 16."""
    return DataObject(object_id, value)


def template(object_id: str, items: Iterable[tuple[str, str]]) -> DataObject:
    """A template: 26 to 51 (object 00 inside is the network's globally unique identifier), 62, 64, 80 to 99."""
    inside = tuple(DataObject(number, value) for number, value in items)
    return DataObject(object_id, _written(inside), inside)


def parse(text: str) -> MerchantCode:
    """Read a code and hold it against the book: lengths, forms, mandatory objects, CRC.

    Raises: MerchantCodeError: with the path of the object that is wrong.
    """
    if not text or len(text) > MAX_CHARACTERS:
        raise MerchantCodeError(f"need 1 to {MAX_CHARACTERS} characters, have {len(text)}")
    if not text.startswith(f"0002{PAYLOAD_FORMAT}"):
        raise MerchantCodeError("need the payload format indicator 000201 first", hint="is it a payment code at all?")
    if text[-8:-4] != f"{CRC}04":
        raise MerchantCodeError("the code must end with it", path=CRC)
    if text[-4:].upper() != f"{crc16(text[:-4]):04X}":
        raise MerchantCodeError("the CRC does not fit the code", path=CRC, hint="a character was misread or changed")
    return MerchantCode(tuple(_read(text[:-8], "", _TEMPLATES)))


def crc16(text: str) -> int:
    """CRC-16 of the code's UTF-8 bytes: polynomial 1021, initial value FFFF, no reflection.

    >>> f"{crc16('123456789'):04X}"
    '29B1'
    """
    return crc_hqx(text.encode("utf-8"), 0xFFFF)


def _written(objects: Iterable[DataObject]) -> str:
    parts = []
    for item in objects:
        if len(item.id) != 2 or _DIGITS.fullmatch(item.id) is None or not item.id.isascii():
            raise MerchantCodeError("an object's ID is two digits")
        if not 1 <= len(item.value) <= MAX_VALUE:
            raise MerchantCodeError(f"need 1 to {MAX_VALUE} characters, have {len(item.value)}", path=item.id)
        parts.append(f"{item.id}{len(item.value):02d}{item.value}")
    return "".join(parts)


def _read(text: str, path: str, templates: frozenset[str]) -> list[DataObject]:
    found: list[DataObject] = []
    at = 0
    while at < len(text):
        head = text[at : at + 4]
        if len(head) < 4 or not head.isascii() or not head.isdecimal():
            raise MerchantCodeError(f"need two digits of ID and two of length at character {at}", path=path)
        object_id, length = head[:2], int(head[2:])
        here = f"{path}.{object_id}" if path else object_id
        value = text[at + 4 : at + 4 + length]
        if not length or len(value) < length:
            raise MerchantCodeError(f"need {length or 'at least one'} characters, have {len(value)}", path=here)
        inside = tuple(_read(value, here, frozenset())) if object_id in templates else ()
        found.append(DataObject(object_id, value, inside))
        at += 4 + length
    return found


def _validate(objects: tuple[DataObject, ...]) -> None:
    ids = [item.id for item in objects]
    if CRC in ids:
        raise MerchantCodeError("it is made from the code, not given", path=CRC)
    if ids[:1] != ["00"]:
        raise MerchantCodeError("the payload format indicator must come first", path="00")
    for object_id in (*_MANDATORY[:-1],):
        if object_id not in ids:
            raise MerchantCodeError(f"mandatory and missing: {name_of(object_id)}", path=object_id)
    if not _ACCOUNTS.intersection(ids):
        raise MerchantCodeError("need at least one merchant account, objects 02 to 51")
    twice = next((one for one in ids if ids.count(one) > 1), "")
    if twice:
        raise MerchantCodeError("it stands there twice", path=twice)
    for item in objects:
        _check(item, OBJECTS.get(item.id), item.id)
        inner_rules = {ADDITIONAL_DATA: ADDITIONAL_OBJECTS, LANGUAGE: LANGUAGE_OBJECTS}.get(item.id, {})
        for inner in item.inside:
            _check(inner, inner_rules.get(inner.id), f"{item.id}.{inner.id}")
    _check_language(objects)
    _check_tip(dict(zip(ids, objects, strict=True)))


def _check(item: DataObject, rule: _Rule | None, path: str) -> None:
    size = len(item.value)
    shortest, longest = (rule.shortest, rule.longest) if rule is not None else (1, MAX_VALUE)
    if not shortest <= size <= longest:
        wanted = f"{longest}" if shortest == longest else f"{shortest} to {longest}"
        raise MerchantCodeError(f"need {wanted} characters, have {size}", path=path)
    if rule is not None and rule.form.fullmatch(item.value) is None:
        raise MerchantCodeError(f"the value has not the form of a {rule.name}", path=path)


def _check_language(objects: tuple[DataObject, ...]) -> None:
    found = next((item for item in objects if item.id == LANGUAGE), None)
    if found is not None and not (found.find("00") and found.find("01")):
        raise MerchantCodeError("need the language (00) and the name in it (01)", path=LANGUAGE)


def _check_tip(found: dict[str, DataObject]) -> None:
    """The indicator says which of the two values is there; without it there is neither."""
    indicator = found["55"].value if "55" in found else ""
    for value_id, wanted in (("56", _TIP_FIXED), ("57", _TIP_PERCENTAGE)):
        if (value_id in found) != (indicator == wanted):
            raise MerchantCodeError(f"it goes with indicator 55 = {wanted}, and only with it", path=value_id)
    fee = found.get("57")
    if fee is not None and not float(fee.value):
        raise MerchantCodeError("need more than zero percent", path="57")
