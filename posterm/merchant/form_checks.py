"""What is wrong with a form and its papers: every field at once, each with its place.

Source: lengths and rules of `addMer` of Lakala's open platform. What needs a registry, a bank or a person's judgement
is in `review_checks`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Set
from datetime import date
from typing import Final

from posterm.merchant.districts import is_district, place_names
from posterm.merchant.eligibility import (
    ELIGIBLE,
    OLD_CERTIFICATES,
    SCENE_PAPERS,
    SETTLEMENT_PAPERS,
    Eligibility,
    PaperKind,
)
from posterm.merchant.form import AccountType, ApplicationForm, BankAccount, IdentityType, Licence, Person
from posterm.merchant.form_problems import FORM_PROBLEMS
from posterm.merchant.identity import (
    age,
    birth_date,
    is_bank_card,
    is_corporate_account,
    is_credit_code,
    is_mobile,
    is_registration_number,
)
from posterm.merchant.problem import Problem
from posterm.merchant.terms import OfficeTerms
from posterm.merchant.trades import SENSITIVE_WORDS, TRADES

YOUNGEST: Final = 16
_PRECISE: Final = re.compile(r"[0-9A-Za-z一二三四五六七八九十]+[-0-9A-Za-z]*\s*(号|室|铺|摊|档|位|栋|单元|层|间|店)")
_LOCATION: Final = re.compile(r"(-?[0-9]{1,2}(?:\.[0-9]{1,7})?),(-?[0-9]{1,3}(?:\.[0-9]{1,7})?)")
_OTHER_DOCUMENTS: Final = re.compile(r"[0-9A-Z]{7,18}")
_BANK_CODE: Final = re.compile(r"[0-9]{12}")
_LENGTHS: Final = {
    "registered_name": (8, 40),
    "trading_name": (4, 64),
    "address": (6, 200),
    "business": (4, 200),
}
"""Bytes in GB18030, in which a Chinese character has two."""

_CHINA: Final = (3.0, 54.0, 73.0, 136.0)

Found = Iterator[Problem]


def form_problems(form: ApplicationForm, papers: Set[PaperKind], today: date, terms: OfficeTerms) -> list[Problem]:
    """Everything that is wrong; nothing when it may be submitted."""
    row = ELIGIBLE.get(form.applicant_type)
    if row is None:
        return [_problem("ordinary-person", "applicant_type")]
    return [
        *_names(form, row),
        *_place(form),
        *_trade(form),
        *_licence(form, row, today),
        *_person(form.legal_person, "legal_person", today),
        *_contact(form),
        *_account(form, row, today),
        *_wishes(form, terms),
        *_papers(form, row, papers),
    ]


def settles_to_another(form: ApplicationForm) -> bool:
    """True when the money goes to somebody who is not the legal person."""
    return bool(form.settlement_person.number)


def _names(form: ApplicationForm, row: Eligibility) -> Found:
    if form.nature not in row.natures:
        yield _problem("nature-mismatch", "nature")
    for path, (shortest, longest) in _LENGTHS.items():
        text = getattr(form, path).strip()
        if not text:
            yield _problem("field-missing", path)
        elif not shortest <= len(text.encode("gb18030", "replace")) <= longest:
            yield _problem("field-length", path)
    if form.registered_name and sum(map(_is_chinese, form.registered_name)) < 4:
        yield _problem("name-not-chinese", "registered_name")
    for path in ("registered_name", "trading_name"):
        if any(word in getattr(form, path) for word in SENSITIVE_WORDS):
            yield _problem("name-sensitive", path)


def _place(form: ApplicationForm) -> Found:
    if not is_district(form.district):
        yield _problem("district-unknown" if form.district else "field-missing", "district")
    elif form.address and not any(name in form.address for name in place_names(form.district)):
        yield _problem("address-outside-district", "address")
    if form.address and _PRECISE.search(form.address) is None:
        yield _problem("address-not-precise", "address")
    found = _LOCATION.fullmatch(form.location)
    if not form.location:
        yield _problem("field-missing", "location")
    elif found is None or not _in_china(float(found[1]), float(found[2])):
        yield _problem("location-malformed", "location")


def _trade(form: ApplicationForm) -> Found:
    trade = TRADES.get(form.mcc)
    if trade is None:
        yield _problem("trade-unknown" if form.mcc else "field-missing", "mcc")
    elif trade.forbidden:
        yield _problem("trade-forbidden", "mcc")


def _licence(form: ApplicationForm, row: Eligibility, today: date) -> Found:
    licence = form.licence
    if not row.has_licence:
        if licence != Licence():
            yield _problem("field-not-used", "licence")
        return
    if not licence.number:
        yield _problem("field-missing", "licence.number")
    elif licence.number == form.legal_person.number.reveal():
        yield _problem("licence-is-identity", "licence.number")
    elif not is_credit_code(licence.number) and not is_registration_number(licence.number):
        yield _problem("licence-number-malformed", "licence.number")
    if not licence.name:
        yield _problem("field-missing", "licence.name")
    elif form.registered_name and licence.name != form.registered_name:
        yield _problem("licence-name-differs", "licence.name")
    yield from _validity(licence, "licence", "licence-expired", today)


def _person(person: Person, path: str, today: date) -> Found:
    if not person.name:
        yield _problem("field-missing", f"{path}.name")
    number = person.number.reveal()
    if not number:
        yield _problem("field-missing", f"{path}.number")
    elif person.identity_type is IdentityType.IDENTITY_CARD:
        born = birth_date(number)
        if born is None or born > today:
            yield _problem("identity-malformed", f"{path}.number")
        elif age(born, today) < YOUNGEST:
            yield _problem("person-too-young", f"{path}.number")
    elif _OTHER_DOCUMENTS.fullmatch(number) is None:
        yield _problem("identity-malformed", f"{path}.number")
    yield from _validity(person, path, "identity-expired", today)


def _validity(part: Licence | Person, path: str, expired: str, today: date) -> Found:
    dates: dict[str, date] = {}
    for name in ("valid_from", "valid_to"):
        text = getattr(part, name)
        try:
            dates[name] = date.fromisoformat(text)
        except ValueError:
            yield _problem("date-malformed" if text else "field-missing", f"{path}.{name}")
    if len(dates) == 2:
        if dates["valid_from"] > min(today, dates["valid_to"]):
            yield _problem("date-order", f"{path}.valid_from")
        if dates["valid_to"] < today:
            yield _problem(expired, f"{path}.valid_to")


def _contact(form: ApplicationForm) -> Found:
    if not form.contact_name:
        yield _problem("field-missing", "contact_name")
    if not is_mobile(form.contact_mobile.reveal()):
        yield _problem("mobile-malformed" if form.contact_mobile else "field-missing", "contact_mobile")


def _account(form: ApplicationForm, row: Eligibility, today: date) -> Found:
    account = form.bank_account
    if not account.number:
        yield _problem("field-missing", "bank_account.number")
    elif not _is_number(account):
        yield _problem("account-malformed", "bank_account.number")
    if not account.bank_name:
        yield _problem("field-missing", "bank_account.bank_name")
    if not account.bank_code:
        yield _problem("field-missing", "bank_account.bank_code")
    elif _BANK_CODE.fullmatch(account.bank_code) is None:
        yield _problem("field-malformed", "bank_account.bank_code")
    if account.account_type is AccountType.CORPORATE and not row.corporate_account:
        yield _problem("account-type-mismatch", "bank_account.account_type")
    if form.settlement_person != Person():
        if row.settles_to_others:
            yield from _person(form.settlement_person, "settlement_person", today)
        else:
            yield _problem("settlement-person-not-allowed", "settlement_person")
    if not account.holder:
        yield _problem("field-missing", "bank_account.holder")
    elif account.holder.reveal() != _rightful_holder(form):
        yield _problem("account-name-differs", "bank_account.holder")


def _rightful_holder(form: ApplicationForm) -> str:
    if form.bank_account.account_type is AccountType.CORPORATE:
        return form.registered_name
    person = form.settlement_person if settles_to_another(form) else form.legal_person
    return person.name.reveal()


def _is_number(account: BankAccount) -> bool:
    number = account.number.reveal()
    return is_corporate_account(number) if account.account_type is AccountType.CORPORATE else is_bank_card(number)


def _wishes(form: ApplicationForm, terms: OfficeTerms) -> Found:
    if form.terminal_count < 1:
        yield _problem("field-malformed", "terminal_count")
    elif form.terminal_count > terms.terminals_per_merchant:
        yield _problem("too-many-terminals", "terminal_count")
    if form.monthly_turnover_minor < 0:
        yield _problem("field-malformed", "monthly_turnover_minor")


def _papers(form: ApplicationForm, row: Eligibility, papers: Set[PaperKind]) -> Found:
    for kind in wanted_papers(form, row):
        if kind not in papers:
            yield _problem("scene-missing" if kind in SCENE_PAPERS else "paper-missing", f"papers[{kind}]")
    trade = TRADES.get(form.mcc)
    if trade is not None and trade.permit is not None and trade.permit not in papers:
        yield _problem("permit-missing", f"papers[{trade.permit}]")
    if trade is not None and trade.needs_lease and PaperKind.LEASE not in papers:
        yield _problem("lease-missing", f"papers[{PaperKind.LEASE}]")


def wanted_papers(form: ApplicationForm, row: Eligibility) -> tuple[PaperKind, ...]:
    """What has to be shown whatever the trade: by the sort of applicant, its licence and who is paid."""
    older = OLD_CERTIFICATES if row.has_licence and is_registration_number(form.licence.number) else ()
    others = SETTLEMENT_PAPERS if row.settles_to_others and settles_to_another(form) else ()
    return (*row.papers, *older, *others)


def _is_chinese(char: str) -> bool:
    return "一" <= char <= "鿿"


def _in_china(latitude: float, longitude: float) -> bool:
    south, north, west, east = _CHINA
    return south <= latitude <= north and west <= longitude <= east


def _problem(code: str, path: str) -> Problem:
    return FORM_PROBLEMS[code].at(path)
