"""What a merchant's scanner or camera has read, whoever it belongs to.

    digits        a Chinese payment code (`payment_code`)
    base64        an EMVCo consumer-presented code (`consumer_presented`)
    fp…           a face payment token: what a wallet's camera software gives for a face it has recognised

Source: the modules named; the form of a face token after Alipay's face payment documentation (`fp` and letters and
digits). Leaves out how a face is recognised: that is the wallet's own business.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from posterm.qr import consumer_presented
from posterm.qr.errors import ConsumerCodeError, PaymentCodeError
from posterm.qr.payment_code import Network, PaymentCode
from posterm.sensitive import Sensitive

FACE_PREFIX: Final = "fp"
_FACE: Final = re.compile(rf"{FACE_PREFIX}[0-9a-z]{{16,64}}")
_CONSUMER_START: Final = "hQVDUFYwMW"
"""Base64 of tag 85 with the value CPV01."""


class Form(StrEnum):
    """What kind of thing was read."""

    DIGITS = "digits"
    CONSUMER_PRESENTED = "consumer-presented"
    FACE = "face"


class FaceToken(Sensitive):
    """A wallet's token for a face. It prints masked. Raises: PaymentCodeError: it has not the form of one."""

    __slots__ = ()

    def __init__(self, text: str) -> None:
        if _FACE.fullmatch(text) is None:
            raise PaymentCodeError(f"face token: need {FACE_PREFIX} and 16 to 64 small letters and digits")
        super().__init__(text)

    @property
    def masked(self) -> str:
        return f"{FACE_PREFIX}{'*' * 8}{self.reveal()[-2:]}"


@dataclass(frozen=True, slots=True)
class Scanned:
    """One reading. `network` is None where only whoever issued the code can tell."""

    form: Form
    text: Sensitive
    masked: str
    network: Network | None


class ConsumerText(Sensitive):
    """The text of a consumer-presented code, which holds a card number."""

    __slots__ = ()


def read(text: str) -> Scanned:
    """Tell what a scanner has read.

    Raises: PaymentCodeError: nothing to pay with.

    >>> read("134567890123456789").network
    <Network.WECHAT: 'wechat'>
    """
    if text.startswith(FACE_PREFIX):
        face = FaceToken(text)
        return Scanned(Form.FACE, face, face.masked, None)
    if text.startswith(_CONSUMER_START):
        try:
            pan = consumer_presented.parse(text).applications[0].pan
        except ConsumerCodeError as error:
            raise PaymentCodeError(f"consumer-presented code: {error}") from None
        return Scanned(Form.CONSUMER_PRESENTED, ConsumerText(text), pan.masked, Network.UNIONPAY)
    code = PaymentCode(text)
    return Scanned(Form.DIGITS, code, code.masked, code.network)
