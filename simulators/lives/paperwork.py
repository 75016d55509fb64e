"""Papers of people who do not exist: numbers whose check digits are right, a form without a fault, and pictures.

Source: GB 11643-1999 (identity numbers), GB 32100-2015 (unified social credit codes), ISO/IEC 7812-1 (card numbers);
what each part may be made to do is in `posterm.merchant.magic`.
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from io import BytesIO
from typing import Any, Final

from PIL import Image, ImageDraw, ImageFilter

from posterm.merchant.eligibility import ELIGIBLE, ApplicantType
from posterm.merchant.form import FOREVER
from posterm.merchant.identity import credit_check_character, identity_check_digit
from posterm.sensitive import luhn_valid

_FAMILIES: Final = "王李张刘陈杨黄赵周吴徐孙马朱胡郭何林高罗"
_GIVEN: Final = "伟芳娜敏静丽强磊军洋勇艳杰娟涛明超霞平刚"
_WIDTH, _HEIGHT = 320, 240


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody with a number. Everything about them follows from it, the same each time."""

    number: int

    @property
    def name(self) -> str:
        family, given = _FAMILIES[self.number % 20], _GIVEN[self.number // 20 % 20]
        return f"{family}{given}{_GIVEN[self.number // 400 % 20]}"

    @property
    def mobile(self) -> str:
        """Its last four digits are below those that mean something."""
        return f"138{self.number // 9000:04d}{self.number % 9000:04d}"

    @property
    def identity_number(self) -> str:
        first = (
            f"310101{1960 + self.number // 8000 % 40}{1 + self.number // 800 % 10:02d}07{101 + self.number % 800:03d}"
        )
        return first + identity_check_digit(first)

    @property
    def password(self) -> str:
        return f"Shop-{self.number:06d}"

    @property
    def bank_card(self) -> str:
        return card_number("62170012" + f"{self.number // 9000:06d}" + f"{self.number % 9000:04d}")

    @property
    def credit_code(self) -> str:
        first = "92310101MA1F" + f"{self.number % 9000:04d}" + "X"
        return first + credit_check_character(first)

    @property
    def device_password(self) -> str:
        return "135790"


def card_number(first: str) -> str:
    """A card number with its check digit."""
    return next(first + digit for digit in "0123456789" if luhn_valid(first + digit))


def form_of(person: Person, applicant_type: ApplicantType, **changes: Any) -> dict[str, Any]:
    """A form without a fault. `changes` are fields to be other than they are here."""
    row = ELIGIBLE[applicant_type]
    shop = f"上海好鲜水果第{person.number}店"
    form: dict[str, Any] = {
        "applicant_type": applicant_type.value,
        "nature": row.natures[0],
        "registered_name": shop,
        "trading_name": f"好鲜水果{person.number}店",
        "district": "310101",
        "address": f"上海市黄浦区南京东路{100 + person.number}号12铺",
        "location": "31.235500,121.478000",
        "mcc": "5499",
        "business": "水果蔬菜零售",
        "opening_hours": "08:00-20:00",
        "legal_person": {
            "name": person.name,
            "number": person.identity_number,
            "valid_from": "2020-01-01",
            "valid_to": FOREVER,
        },
        "contact_name": person.name,
        "contact_mobile": person.mobile,
        "bank_account": {
            "bank_code": "105290000014",
            "bank_name": "建设银行上海分行",
            "number": person.bank_card,
            "holder": person.name,
            "reserved_mobile": person.mobile,
        },
        "device_model": row.device.value,
    }
    if row.has_licence:
        form["licence"] = {
            "name": shop,
            "number": person.credit_code,
            "valid_from": "2020-01-01",
            "valid_to": FOREVER,
        }
    return form | changes


def photograph(seed: str, *, blurred: bool = False) -> bytes:
    """A picture with much to see in it, as JPEG; another one for each seed."""
    randomness = random.Random(seed)
    image = Image.new("RGB", (_WIDTH, _HEIGHT), (128, 128, 128))
    draw = ImageDraw.Draw(image)
    for _ in range(120):
        x, y = randomness.randrange(_WIDTH), randomness.randrange(_HEIGHT)
        red, green, blue = randomness.randbytes(3)
        box = (x, y, x + randomness.randrange(8, 60), y + randomness.randrange(8, 60))
        draw.rectangle(box, fill=(red, green, blue))
    if blurred:
        image = image.filter(ImageFilter.GaussianBlur(12))
    target = BytesIO()
    image.save(target, "JPEG", quality=90)
    return target.getvalue()
