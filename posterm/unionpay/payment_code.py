"""What payments by a code add to the messages: the code in DE 57 or 59, channel and state in DE 44.

    A3 nnn   the code as it was scanned, in DE 57 or 59, beside the terminal's serial where that goes into the same one
    DE 44    of an answer: channel (3), state: `002SUCCESS`
    DE 62    of the answer to an order: the text of the code to show

Source: the terminal's tags 2 characters, length 3 digits, of UnionPay notice 21/2017 as restated by acquirer
specifications; the channels of acquirers' QR messages. What the states are called in DE 44 is posterm's own.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final, Self

from posterm.unionpay.errors import LayoutError
from posterm.unionpay.tusn import parse_tags

CODE_TAG: Final = "A3"
MAX_CODE: Final = 512
_CHANNEL_DIGITS: Final = 3


class CodeChannel(StrEnum):
    """Whose payment it is."""

    WECHAT = "002"
    ALIPAY = "003"
    UNIONPAY = "004"


class CodeState(StrEnum):
    """How far the payment is, as the acquirer says it to a terminal."""

    SUCCESS = "SUCCESS"
    PAYING = "PAYING"
    FAIL = "FAIL"
    CLOSED = "CLOSED"


@dataclass(frozen=True, slots=True)
class CodeResult:
    """DE 44 of an answer. `channel` is None as long as nobody has paid an order."""

    channel: CodeChannel | None
    state: CodeState

    @property
    def text(self) -> str:
        return f"{self.channel or '000'}{self.state}"

    @classmethod
    def parse(cls, text: str) -> Self | None:
        """What DE 44 says; None when it is anything else, such as issuer and acquirer."""
        number, state = text[:_CHANNEL_DIGITS], text[_CHANNEL_DIGITS:].rstrip()
        if state not in set(CodeState) or not (number == "000" or number in set(CodeChannel)):
            return None
        return cls(None if number == "000" else CodeChannel(number), CodeState(state))


def pack_code(code: str) -> str:
    """The code with its tag and length. Raises: LayoutError: none, too long, or not printable ASCII."""
    if not 0 < len(code) <= MAX_CODE or not (code.isascii() and code.isprintable()):
        raise LayoutError(f"payment code: need 1 to {MAX_CODE} printable ASCII characters, have {len(code)}")
    return f"{CODE_TAG}{len(code):03d}{code}"


def parse_code(text: str) -> str:
    """The code in DE 57 or 59. Raises: LayoutError: no tag A3, an empty one, or a length that does not fit."""
    code = parse_tags(text).get(CODE_TAG, "")
    if not code:
        raise LayoutError("no tag A3 with a payment code")
    return code
