"""The card profile: all that makes one test card differ from another, as a small TOML file.

A ready card is its scheme's file (`profiles/visa.toml`), with the part for its kind laid over it. A file of your own
starts from a ready card with `derive = "unionpay-debit"` and names its differences only.

Source of the data elements: EMV 4.4 Book 3, annex A; what the values mean is in `docs/cards.md`.
"""

from __future__ import annotations

import json
import tomllib
from collections.abc import Mapping
from enum import StrEnum
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Annotated, Any, Final, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from posterm.hsm.cryptogram import VERSIONS, Cvn
from posterm.sensitive import luhn_valid
from posterm.tlv import TlvError, check_tag
from simulators.card.errors import ProfileError
from simulators.cards import TestCard, find_card

SCHEMES: Final = ("unionpay", "visa", "mastercard", "jcb", "amex", "discover")

_Hex = Annotated[str, Field(pattern=r"^([0-9A-F]{2})*$")]
_Country = Annotated[str, Field(pattern=r"^[0-9]{4}$")]
_Yymm = Annotated[str, Field(pattern=r"^[0-9]{2}(0[1-9]|1[0-2])$")]
_Minor = Annotated[int, Field(ge=0, lt=10**12)]
_Count = Annotated[int, Field(ge=0, le=255)]


class Condition(StrEnum):
    """What a card's own risk management looks at. Each becomes a bit of the card verification results."""

    NEW_CARD = "new-card"
    LAST_ONLINE_INCOMPLETE = "last-online-incomplete"
    LOWER_COUNT = "lower-count"
    UPPER_COUNT = "upper-count"
    LOWER_AMOUNT = "lower-amount"
    UPPER_AMOUNT = "upper-amount"
    ISSUER_AUTHENTICATION_FAILED = "issuer-authentication-failed"
    SCRIPT_FAILED = "script-failed"
    PIN_TRIES_EXCEEDED = "pin-tries-exceeded"


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Holder(_Section):
    """Whose card it is. `test_card` names one of the test cards, whose number, PIN and expiry it then has."""

    test_card: str = ""
    pan: Annotated[str, Field(pattern=r"^([0-9]{13,19})?$")] = ""
    pin: Annotated[str, Field(pattern=r"^([0-9]{4,12})?$")] = ""
    expiry: Annotated[str, Field(pattern=r"^([0-9]{2}(0[1-9]|1[0-2]))?$")] = ""
    name: Annotated[str, Field(pattern=r"^[ -~]{2,26}$")] = "TEST/CARD"
    sequence: Annotated[str, Field(pattern=r"^[0-9]{2}$")] = "01"

    @model_validator(mode="before")
    @classmethod
    def _from_test_card(cls, values: Any) -> Any:
        if not isinstance(values, dict) or not values.get("test_card"):
            return values
        card = find_card(str(values["test_card"]))
        if card is None:
            raise ValueError(f"there is no test card {values['test_card']}")
        known = {"pan": card.pan.reveal(), "pin": card.pin.reveal(), "expiry": card.expiry}
        return known | values

    @model_validator(mode="after")
    def _is_whole(self) -> Self:
        if not (self.pan and self.pin and self.expiry):
            raise ValueError("need pan, pin and expiry, or the test_card that has them")
        if not luhn_valid(self.pan):
            raise ValueError("the check digit of pan is wrong")
        return self


class Risk(_Section):
    """The card's own risk management: limits, and what each condition leads to."""

    offline_count_lower: _Count = 5
    offline_count_upper: _Count = 9
    offline_amount_lower_minor: _Minor = 500_00
    offline_amount_upper_minor: _Minor = 1_000_00
    decline: frozenset[Condition] = frozenset()
    go_online: frozenset[Condition] = frozenset(
        {
            Condition.LAST_ONLINE_INCOMPLETE,
            Condition.LOWER_COUNT,
            Condition.LOWER_AMOUNT,
            Condition.ISSUER_AUTHENTICATION_FAILED,
            Condition.SCRIPT_FAILED,
        }
    )
    decline_when_unable: frozenset[Condition] = frozenset({Condition.UPPER_COUNT, Condition.UPPER_AMOUNT})


class ElectronicCash(_Section):
    """A purse on the card. Source: JR/T 0025 (PBOC 3.0), electronic cash: 9F79, 9F77, 9F78, 9F6D, 9F74."""

    balance_minor: _Minor
    balance_limit_minor: _Minor = 1_000_00
    single_limit_minor: _Minor = 1_000_00
    reset_threshold_minor: _Minor = 0
    authorization_code: Annotated[str, Field(pattern=r"^[A-Z0-9]{6}$")] = "ECC001"


class Contactless(_Section):
    """How the application answers when the card is tapped.

    qvsdc        the cryptogram comes with GET PROCESSING OPTIONS (Visa, UnionPay)
    mchip        as with contacts, by GENERATE AC (Mastercard)
    mag-stripe   a stripe with a check value that changes: COMPUTE CRYPTOGRAPHIC CHECKSUM (Mastercard)
    """

    mode: Literal["qvsdc", "mchip", "mag-stripe"]
    offline_limit_minor: _Minor = 0
    offline_funds_minor: _Minor = 0
    cvm: tuple[Literal["device", "online-pin", "signature"], ...] = ("online-pin", "signature")
    currency: _Country | None = None


class Application(_Section):
    """One application on the card."""

    aid: Annotated[str, Field(pattern=r"^([0-9A-F]{2}){5,16}$")]
    label: Annotated[str, Field(pattern=r"^[0-9A-Za-z ]{1,16}$")]
    preferred_name: Annotated[str, Field(max_length=16)] = ""
    priority: Annotated[int, Field(ge=0, le=15)] = 1
    needs_confirmation: bool = False
    cvn: str
    key_index: _Count = 1
    authentication: frozenset[Literal["sda", "dda", "cda"]] = frozenset({"sda", "dda", "cda"})
    issuer_authentication: Literal["none", "external", "cdol2"] = "external"
    issuer_authentication_mandatory: bool = False
    cardholder_verification: bool = True
    cvm_list: _Hex = "000000000000000042031E031F00"
    usage: Annotated[_Hex, Field(min_length=4, max_length=4)] = "FF80"
    iac_denial: Annotated[_Hex, Field(min_length=10, max_length=10)] = "0010000000"
    iac_online: Annotated[_Hex, Field(min_length=10, max_length=10)] = "D8689CF800"
    iac_default: Annotated[_Hex, Field(min_length=10, max_length=10)] = "D8609CA800"
    version: Annotated[_Hex, Field(min_length=4, max_length=4)] = "008C"
    country: _Country = "0156"
    currency: _Country = "0156"
    pdol: _Hex = ""
    cdol1: _Hex
    cdol2: _Hex
    ddol: _Hex = "9F3704"
    terminal_risk_management: bool = True
    template: Literal[1, 2] = 2
    """Format of the answers to GET PROCESSING OPTIONS, GENERATE AC and INTERNAL AUTHENTICATE: 80 or 77."""

    pin_tries: Annotated[int, Field(ge=1, le=15)] = 3
    pin_tries_left: Annotated[int, Field(ge=0, le=15)] | None = None
    blocked: bool = False
    atc: Annotated[int, Field(ge=0, le=0xFFFF)] = 1
    last_online_atc: Annotated[int, Field(ge=0, le=0xFFFF)] = 1
    icc_key_bits: Annotated[int, Field(ge=512, le=1152, multiple_of=16)] = 1024
    """At most as many as the issuer's key has. Source: EMV 4.4 Book 2, B2.1."""

    transaction_log: bool = False
    risk: Risk = Risk()
    electronic_cash: ElectronicCash | None = None
    contactless: Contactless | None = None
    only: Literal["", "contact", "contactless"] = ""
    """The interface it is offered on; both when empty."""

    @property
    def version_of_cryptogram(self) -> Cvn:
        return VERSIONS[self.cvn]

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        if self.cvn not in VERSIONS:
            raise ValueError(f"cvn is none of {', '.join(VERSIONS)}")
        for name in ("pdol", "cdol1", "cdol2", "ddol"):
            try:
                parse_dol(bytes.fromhex(getattr(self, name)))
            except TlvError as error:
                raise ValueError(f"{name}: {error}") from None
        if (self.issuer_authentication == "cdol2") != any(tag == "91" for tag, _ in self.dol("cdol2")):
            raise ValueError("cdol2 asks for 91 when, and only when, issuer_authentication is cdol2")
        if self.pin_tries_left is not None and self.pin_tries_left > self.pin_tries:
            raise ValueError("pin_tries_left is more than pin_tries")
        if self.last_online_atc > self.atc:
            raise ValueError("last_online_atc is more than atc")
        return self

    def dol(self, name: Literal["pdol", "cdol1", "cdol2", "ddol"]) -> tuple[tuple[str, int], ...]:
        """A data object list: tags and lengths."""
        return parse_dol(bytes.fromhex(getattr(self, name)))


class CardProfile(_Section):
    """A whole card."""

    name: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]{0,39}$")]
    description: str = ""
    scheme: Literal["unionpay", "visa", "mastercard", "jcb", "amex", "discover"]
    holder: Holder
    languages: Annotated[str, Field(pattern=r"^([a-z]{2}){0,4}$")] = "zhen"
    protocol: Literal["T=0", "T=1"] = "T=1"
    directory: bool = True
    """A payment system environment, PSE, when inserted. There always is one, PPSE, when tapped."""

    effective: _Yymm = "2001"
    certificate_expiry: _Yymm = "4912"
    counterfeit: bool = False
    """Its certificates are copied from another card: what it signs does not verify."""

    key_seed: Annotated[str, Field(max_length=64)] = ""
    """Other keys for each seed; the scheme's ready ones when empty."""

    applications: dict[str, Application]

    @model_validator(mode="after")
    def _has_applications(self) -> Self:
        if not 1 <= len(self.applications) <= 10:
            raise ValueError("a card has 1 to 10 applications")
        return self

    @property
    def key_label(self) -> str:
        """What the labels of this card's own keys end in."""
        return f"{self.scheme}/{self.key_seed}" if self.key_seed else self.scheme


def parse_dol(dol: bytes) -> tuple[tuple[str, int], ...]:
    """Tags and lengths of a data object list. Raises: TlvError: it is none."""
    found, at = [], 0
    while at < len(dol):
        size = 1
        if dol[at] & 0x1F == 0x1F:
            size = 2
            while at + size <= len(dol) and dol[at + size - 1] & 0x80:
                size += 1
        tag = dol[at : at + size].hex().upper()
        check_tag(tag)
        if at + size >= len(dol):
            raise TlvError("a length", "the end", offset=at + size, tag=tag)
        found.append((tag, dol[at + size]))
        at += size + 1
    return tuple(found)


def profile_names() -> tuple[str, ...]:
    """The ready cards, by scheme."""
    kinds = _kinds()
    return tuple(f"{scheme}-{kind}" for scheme in SCHEMES for kind in kinds if _offers(scheme, kind))


def load_profile(name: str, changes: Mapping[str, Any] | None = None) -> CardProfile:
    """The profile of a ready card, of the chip on a test card, or of a TOML file.

    Args:
        name: `unionpay-debit`; `poor`, a test card with a chip; or a path that ends in `.toml`.
        changes: laid over it, as the tables of a file would be.
    Raises: ProfileError: it cannot be.
    """
    document = merged(_document(name, depth=0), changes or {})
    try:
        return CardProfile.model_validate(document)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False, include_context=False)[0]
        where = ".".join(str(part) for part in first["loc"])
        raise ProfileError(f"card profile {name}: {where or 'as a whole'}: {first['msg'].lower()}") from None


def profile_text(base: str, changes: Mapping[str, Any]) -> str:
    """A profile file that starts from `base`: texts, and tables of texts.

    >>> print(profile_text("visa-debit", {"name": "mine", "holder": {"expiry": "2906"}}), end="")
    derive = "visa-debit"
    name = "mine"
    <BLANKLINE>
    [holder]
    expiry = "2906"
    """
    texts = {"derive": base} | {key: value for key, value in changes.items() if isinstance(value, str)}
    tables = {key: value for key, value in changes.items() if isinstance(value, Mapping)}
    parts = [_toml_lines(texts)] + [f"[{key}]\n{_toml_lines(table)}" for key, table in tables.items()]
    return "\n".join(parts)


def _toml_lines(texts: Mapping[str, str]) -> str:
    # A JSON string is a TOML basic string.
    return "".join(f"{key} = {json.dumps(value, ensure_ascii=False)}\n" for key, value in texts.items())


def merged(base: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    """`changes` laid over `base`, table by table. A holder given another test card keeps nothing of the first."""
    result = dict(base)
    for key, value in changes.items():
        below = result.get(key)
        if isinstance(value, Mapping) and isinstance(below, Mapping):
            result[key] = dict(value) if key == "holder" and "test_card" in value else merged(below, value)
        else:
            result[key] = value
    return result


def _document(name: str, depth: int) -> dict[str, Any]:
    if name.endswith(".toml"):
        if depth:
            raise ProfileError("card profile: derive names a ready card, not a file")
        return _file(Path(name))
    card = find_card(name)
    if card is not None and card.chip:
        return merged(_ready(card.chip), _of_test_card(card))
    return _ready(name)


def _of_test_card(card: TestCard) -> dict[str, Any]:
    return {"name": card.name, "description": card.description, "holder": {"test_card": card.name}}


def _file(path: Path) -> dict[str, Any]:
    try:
        own = tomllib.loads(path.read_text("utf-8"))
    except OSError as error:
        raise ProfileError(f"card profile {path}: {error.strerror or 'cannot be read'}") from None
    except (UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ProfileError(f"card profile {path}: {error}") from None
    base = own.pop("derive", None)
    if base is None:
        return own
    return merged(_document(str(base), depth=1), {"name": path.stem.lower(), **own})


def _ready(name: str) -> dict[str, Any]:
    scheme, _, kind = name.partition("-")
    if scheme not in SCHEMES or kind not in _kinds() or not _offers(scheme, kind):
        raise ProfileError(
            f"card profile {name}: there is no such ready card, test card with a chip, or .toml file",
            hint="posterm card list shows the ready cards",
        )
    document = {key: value for key, value in _scheme(scheme).items() if key != "kinds"}
    for part in _lineage(kind):
        document = merged(document, {key: value for key, value in _kinds()[part].items() if key not in ("of", "only")})
        document = merged(document, _scheme(scheme)["kinds"].get(part, {}))
    return document | {"name": name, "scheme": scheme}


def _lineage(kind: str) -> list[str]:
    """The kind that this one is a variety of, and itself."""
    of = _kinds()[kind].get("of")
    return [of, kind] if of else [kind]


def _offers(scheme: str, kind: str) -> bool:
    """A kind for all schemes, or one that the scheme names."""
    return not _kinds()[kind].get("only") or kind in _scheme(scheme)["kinds"]


@cache
def _scheme(scheme: str) -> dict[str, Any]:
    return _data(scheme)


@cache
def _kinds() -> dict[str, Any]:
    return _data("kinds")


def _data(name: str) -> dict[str, Any]:
    return tomllib.loads((resources.files("simulators.card") / "profiles" / f"{name}.toml").read_text("utf-8"))
