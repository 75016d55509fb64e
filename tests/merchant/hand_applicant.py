"""Applicants for tests: numbers with right check digits, forms without a fault, pictures, and the way to a merchant."""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from io import BytesIO
from typing import Any

import pytest
from PIL import Image, ImageDraw, ImageFilter, PngImagePlugin

from posterm.merchant import Actor, Office, RefusedError, Role
from posterm.merchant.actor import VISITOR
from posterm.merchant.applicant import Applicant, register, verify
from posterm.merchant.application import Application, edit_application, start_application
from posterm.merchant.calendar import advance
from posterm.merchant.contract import Contract
from posterm.merchant.contracting import contract_of, pay_deposit, sign_contract
from posterm.merchant.eligibility import ELIGIBLE, ApplicantType, PaperKind
from posterm.merchant.form import FOREVER
from posterm.merchant.identity import credit_check_character, identity_check_digit, registration_check_digit
from posterm.merchant.merchant import Merchant
from posterm.merchant.papers import hand_in_paper
from posterm.merchant.review import submit_application
from posterm.sensitive import luhn_valid
from tests.merchant.hand_office import NOW

PASSWORD = "Abc-12345"
MOBILE = "13800000001"
OPERATOR, REVIEWER = Actor(Role.OPERATOR), Actor(Role.REVIEWER)


def identity_number(sequence: str = "101", born: str = "19900307", region: str = "310101") -> str:
    first = region + born + sequence
    return first + identity_check_digit(first)


def credit_code(serial: str = "0001", organisation: str = "MA1F") -> str:
    first = "92310101" + organisation + serial + "X"
    return first + credit_check_character(first)


def registration_number(serial: str = "0001") -> str:
    first = "3101016000" + serial
    return first + registration_check_digit(first)


def bank_card(serial: str = "0001") -> str:
    first = "62170012" + "000000" + serial
    return next(first + digit for digit in "0123456789" if luhn_valid(first + digit))


def picture(seed: int, *, blurred: bool = False, dark: bool = False, **texts: str) -> bytes:
    """Boxes, other ones for each seed. `texts` are what a PNG says of itself; without them it is a JPEG."""
    rng = random.Random(seed)
    image = Image.new("RGB", (320, 240), (128, 128, 128))
    draw = ImageDraw.Draw(image)
    for _ in range(120):
        x, y = rng.randrange(320), rng.randrange(240)
        draw.rectangle((x, y, x + rng.randrange(8, 60), y + rng.randrange(8, 60)), fill=tuple(rng.randbytes(3)))
    if blurred:
        image = image.filter(ImageFilter.GaussianBlur(12))
    if dark:
        image = image.point(lambda value: value // 12)
    target = BytesIO()
    if texts:
        said = PngImagePlugin.PngInfo()
        for name, text in texts.items():
            said.add_text(name, text)
        image.save(target, "PNG", pnginfo=said)
    else:
        image.save(target, "JPEG", quality=90)
    return target.getvalue()


@contextmanager
def refused_with(*codes: str) -> Iterator[None]:
    """What is done within is refused with these problems: codes, or codes and places joined with ` at `."""
    with pytest.raises(RefusedError) as refusal:
        yield
    found = {each.code for each in refusal.value.problems} | {
        f"{each.code} at {each.path}" for each in refusal.value.problems
    }
    assert set(codes) <= found
    assert len(codes) == len(refusal.value.problems)


def form(applicant_type: ApplicantType = ApplicantType.MICRO, **changes: Any) -> dict[str, Any]:
    """A form without a fault. `changes` are fields to be other than they are here."""
    row = ELIGIBLE[applicant_type]
    name = "上海好味道小吃店"
    whole: dict[str, Any] = {
        "applicant_type": applicant_type.value,
        "nature": row.natures[0],
        "registered_name": name,
        "trading_name": "好味道小吃",
        "district": "310101",
        "address": "上海市黄浦区南京东路100号12铺",
        "location": "31.2355,121.4780",
        "mcc": "5499",
        "business": "水果蔬菜零售",
        "opening_hours": "08:00-20:00",
        "legal_person": {
            "name": "王小明",
            "number": identity_number(),
            "valid_from": "2020-01-01",
            "valid_to": FOREVER,
        },
        "contact_name": "王小明",
        "contact_mobile": "13800000001",
        "bank_account": {
            "bank_code": "105290000014",
            "bank_name": "建设银行上海分行",
            "number": bank_card(),
            "holder": "王小明",
            "reserved_mobile": "13800000001",
        },
        "device_model": row.device.value,
    }
    if row.has_licence:
        whole["licence"] = {
            "name": name,
            "number": credit_code(),
            "valid_from": "2020-01-01",
            "valid_to": FOREVER,
        }
    return whole | changes


def new_applicant(office: Office, mobile: str = MOBILE, now: datetime = NOW) -> tuple[Actor, Applicant]:
    applicant = register(office, VISITOR, mobile, now)
    active = verify(office, VISITOR, mobile, applicant.code.reveal(), PASSWORD, now)
    return Actor(Role.MERCHANT, active.key), active


def new_application(
    office: Office, actor: Actor, applicant_type: ApplicantType = ApplicantType.MICRO, *, seed: int = 1, **changes: Any
) -> Application:
    """A draft with a form and papers to which nothing is missing."""
    application = start_application(office, actor, actor.subject, applicant_type, NOW)
    edit_application(office, actor, application.key, form(applicant_type, **changes), NOW)
    for place, paper_kind in enumerate(ELIGIBLE[applicant_type].papers):
        hand_in_paper(office, actor, application.key, PaperKind(paper_kind), picture(100 * seed + place), NOW)
    return office.cabinet.need(Application, application.key)


def approved(
    office: Office, actor: Actor, applicant_type: ApplicantType = ApplicantType.MICRO, **options: Any
) -> tuple[Application, datetime]:
    """An application that the simulated reviewer has approved, and the time by then."""
    application = new_application(office, actor, applicant_type, **options)
    submit_application(office, actor, application.key, NOW)
    later = NOW + timedelta(days=3)
    advance(office, later)
    decided = office.cabinet.need(Application, application.key)
    assert decided.state == "WAIT_FOR_CONTACT", [problem.code for problem in decided.problems]
    return decided, later


def contracted(
    office: Office, applicant_type: ApplicantType = ApplicantType.MICRO, mobile: str = MOBILE, **options: Any
) -> tuple[Actor, Merchant, Contract, datetime]:
    """A merchant whose contract is in force, by the whole way there, and the time by then."""
    actor, _ = new_applicant(office, mobile)
    application, later = approved(office, actor, applicant_type, contact_mobile=mobile, **options)
    offered = contract_of(office, actor, application.merchant)
    assert offered is not None
    sign_contract(office, actor, offered.key, offered.digest, later)
    contract = pay_deposit(office, actor, offered.key, offered.deposit_minor, later)
    return actor, office.cabinet.need(Merchant, application.merchant), contract, later
