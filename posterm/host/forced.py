"""Outcomes anyone can ask for from outside, by amount, so that any real terminal can meet a decline or a broken link.

    sale or pre-authorisation of, in CNY
        9000.CC   declined with answer code CC (01 to 99; codes that would approve, 10 11 16, are not forced)
        9001.00   carried out, never answered
        9001.01   dropped before anything is done: no trace
        9001.02   answered with a wrong MAC
        9001.03   answered late (`Host(late_answer_s=…)`, 5 s)
        9001.04   the answer is torn in the middle and the connection closed
        9001.05   answered with another trace number
        9001.06   carried out, then the connection is closed without an answer
        9002.0D   approved, and header digit 6 asks for D (0 to 9)
    payment by a code of, in CNY, beside 9000 and 9001
        9004.01   waits for a password, which is given by the terminal's second query; an order is paid by then
        9004.02   waits for a password that is never given; an order is never paid
        9004.03   waits for a password; 55 by the second query
        9004.04   the wallet says nothing until the second query, and has paid then
        9004.05   the wallet says nothing
        9004.06   54, the code's minute is over
        9004.07   94, the code was used before
        9004.08   58, the channel is not open to the merchant
    offline sale of
        9003.NN   refused with 96 as an 0220, accepted in the batch upload

By card: a card enrolled with an answer code as its status gets that code. The table is off when the host is made with
`forced_outcomes=False`.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Final

from posterm.unionpay.header import Requirement
from posterm.unionpay.response_codes import response_code
from posterm.unionpay.transactions import CODE_SALES, Kind

CURRENCY: Final = "156"


class Link(Enum):
    """What is done to the answer of a request that was carried out, or to the request itself."""

    AS_IT_IS = "as it is"
    NO_ANSWER = "no answer"
    DROPPED = "dropped"
    WRONG_MAC = "wrong mac"
    LATE = "late"
    TORN = "torn"
    OTHER_STAN = "other stan"
    CLOSED = "closed"


class ForcedPayment(Enum):
    """What becomes of a payment by a code that is not decided at once."""

    AS_IT_IS = ""
    PASSWORD = "password"
    NO_PASSWORD = "no password"
    WRONG_PASSWORD = "wrong password"
    NOT_HEARD = "not heard"
    NEVER_HEARD = "never heard"


@dataclass(frozen=True, slots=True)
class ForcedOutcome:
    """`payment` decides about a payment by a code.

    `code` declines (empty: it does not), `link` spoils the answer, `requirement` goes into the header.
    """

    code: str = ""
    link: Link = Link.AS_IT_IS
    requirement: Requirement | None = None
    payment: ForcedPayment = ForcedPayment.AS_IT_IS


_PAYMENTS: Final = {
    1: ForcedOutcome(payment=ForcedPayment.PASSWORD),
    2: ForcedOutcome(payment=ForcedPayment.NO_PASSWORD),
    3: ForcedOutcome(payment=ForcedPayment.WRONG_PASSWORD),
    4: ForcedOutcome(payment=ForcedPayment.NOT_HEARD),
    5: ForcedOutcome(payment=ForcedPayment.NEVER_HEARD),
    6: ForcedOutcome(code="54"),
    7: ForcedOutcome(code="94"),
    8: ForcedOutcome(code="58"),
}
_LINKS: Final = (
    Link.NO_ANSWER,
    Link.DROPPED,
    Link.WRONG_MAC,
    Link.LATE,
    Link.TORN,
    Link.OTHER_STAN,
    Link.CLOSED,
)
_FORCED: Final = CODE_SALES | {Kind.SALE, Kind.PREAUTH}
NOTHING: Final = ForcedOutcome()


def forced_outcome(kind: Kind, amount_minor: int, currency: str) -> ForcedOutcome:
    """What the table says of a request; `NOTHING` for most.

    >>> forced_outcome(Kind.SALE, 900051, "156").code
    '51'
    """
    yuan, cents = divmod(amount_minor, 100)
    if currency != CURRENCY or not 9000 <= yuan <= 9004:
        return NOTHING
    if kind is Kind.OFFLINE_SALE:
        return ForcedOutcome(code="96") if yuan == 9003 else NOTHING
    if kind in CODE_SALES and yuan == 9004:
        return _PAYMENTS.get(cents, NOTHING)
    if kind not in _FORCED:
        return NOTHING
    if yuan == 9000:
        code = f"{cents:02d}"
        return NOTHING if response_code(code).approved else ForcedOutcome(code=code)
    if yuan == 9001 and cents < len(_LINKS):
        return ForcedOutcome(link=_LINKS[cents])
    if yuan == 9002 and cents <= 9:
        return ForcedOutcome(requirement=Requirement(str(cents)))
    return NOTHING
