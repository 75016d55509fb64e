"""The application form: everything the acquirer asks, as it is being filled in.

Source: the fields of `addMer` of Lakala's open platform. A draft may be empty or wrong anywhere; `form_checks` says
what is missing. Leaves out split settlement, and cycle and cut-off of settlement, which are the plan's.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Final

from pydantic import BaseModel, ConfigDict, Field

from posterm.merchant.eligibility import ApplicantType, ModelName
from posterm.merchant.personal import AccountNumber, IdentityNumber, Mobile, PersonName

FOREVER: Final = "9999-12-31"
"""The last day of what has no last day."""

Text = Annotated[str, Field(max_length=1000)]
"""No field of a draft is longer; `form_checks` asks for less."""


class IdentityType(StrEnum):
    """Identity documents, by the platform's numbers."""

    IDENTITY_CARD = "01"
    PASSPORT = "02"
    HONG_KONG_MACAU_PASS = "03"
    TAIWAN_PASS = "04"
    FOREIGN_RESIDENCE = "10"
    HONG_KONG_MACAU_RESIDENCE = "11"
    TAIWAN_RESIDENCE = "12"


class AccountType(StrEnum):
    """Whose a settlement account is, by the platform's numbers."""

    CORPORATE = "57"
    PERSONAL = "58"


class Part(BaseModel):
    """A part of the form. Dates are YYYY-MM-DD."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)


class Person(Part):
    """Somebody with an identity document."""

    name: PersonName = PersonName("")
    identity_type: IdentityType = IdentityType.IDENTITY_CARD
    number: IdentityNumber = IdentityNumber("")
    valid_from: Text = ""
    valid_to: Text = ""


class Licence(Part):
    """A business licence, or a public body's registration certificate."""

    name: Text = ""
    number: Text = ""
    valid_from: Text = ""
    valid_to: Text = ""


class BankAccount(Part):
    """Where the merchant's money goes."""

    account_type: AccountType = AccountType.PERSONAL
    bank_code: Text = ""
    bank_name: Text = ""
    number: AccountNumber = AccountNumber("")
    holder: PersonName = PersonName("")
    reserved_mobile: Mobile = Mobile("")


class ApplicationForm(Part):
    """All of it. `location` is latitude and longitude of the shop in degrees, `31.2304,121.4737`.

    `settlement_person` is who gets the money when it is not the legal person; `device_serial` a device the merchant
    has, when it has one.
    """

    applicant_type: ApplicantType = ApplicantType.MICRO
    nature: int = 0
    registered_name: Text = ""
    trading_name: Text = ""
    district: Text = ""
    address: Text = ""
    location: Text = ""
    mcc: Text = ""
    business: Text = ""
    opening_hours: Text = ""
    licence: Licence = Licence()
    legal_person: Person = Person()
    contact_name: PersonName = PersonName("")
    contact_mobile: Mobile = Mobile("")
    bank_account: BankAccount = BankAccount()
    settlement_person: Person = Person()
    device_model: ModelName = ModelName.ESIGN
    device_serial: Text = ""
    terminal_count: int = 1
    monthly_turnover_minor: int = 0
