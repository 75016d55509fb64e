"""Processing restrictions: may this card be used here, for this, today.

Source: EMV 4.4 Book 3, 10.4.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from typing import Final

from posterm.emv.bits import Auc, Tvr
from posterm.emv.certificates import century
from posterm.emv.config import TransactionType
from posterm.emv.errors import CardDataError
from posterm.emv.kernel.session import Session

_BOOK: Final = "Book 3"

_USES: Final[dict[int, tuple[Auc, Auc]]] = {
    # Transaction type: bits for a card of this country, bits for a card from abroad. Any one of them will do.
    TransactionType.CASH: (Auc.DOMESTIC_CASH, Auc.INTERNATIONAL_CASH),
    TransactionType.GOODS: (
        Auc.DOMESTIC_GOODS | Auc.DOMESTIC_SERVICES,
        Auc.INTERNATIONAL_GOODS | Auc.INTERNATIONAL_SERVICES,
    ),
    TransactionType.CASHBACK: (
        Auc.DOMESTIC_GOODS | Auc.DOMESTIC_SERVICES,
        Auc.INTERNATIONAL_GOODS | Auc.INTERNATIONAL_SERVICES,
    ),
}
"""Source: EMV 4.4 Book 3, 10.4.2, table 36. Other types are restricted by no bit."""


def processing_restrictions(session: Session) -> None:
    """Set the bits of TVR byte 2 this card deserves. Raises: CardDataError: a date that is none."""
    card_version = session.card.get("9F08")
    if card_version is not None and card_version != session.profile.version:
        session.set(
            Tvr.DIFFERENT_APPLICATION_VERSIONS,
            _BOOK,
            "10.4.1",
            f"application version {card_version.hex()}, the terminal has {session.profile.version.hex()}",
        )
    for reason in _uses_not_allowed(session):
        session.set(Tvr.REQUESTED_SERVICE_NOT_ALLOWED, _BOOK, "10.4.2", reason)
    effective = session.card.get("5F25")
    if effective is not None and date_of(effective, "5F25") > session.today:
        session.set(Tvr.APPLICATION_NOT_YET_EFFECTIVE, _BOOK, "10.4.3", "the application is not yet effective")
    # The card is good through the day it names.
    if date_of(session.card["5F24"], "5F24") < session.today:
        session.set(Tvr.EXPIRED_APPLICATION, _BOOK, "10.4.3", "the application has expired")


def date_of(value: bytes, tag: str) -> date:
    """A date YYMMDD. Raises: CardDataError: none."""
    digits = value.hex()
    try:
        return date(century(int(digits[:2])), int(digits[2:4]), int(digits[4:6]))
    except ValueError:
        raise CardDataError(f"{tag} is not a date") from None


def _uses_not_allowed(session: Session) -> Iterator[str]:
    """Every reason why the application usage control (9F07) forbids this transaction."""
    if "9F07" not in session.card:
        return
    allowed = Auc.from_value(session.card["9F07"])
    if not allowed & (Auc.ATMS if session.terminal.is_atm else Auc.OTHER_THAN_ATMS):
        yield f"not valid at {'ATMs' if session.terminal.is_atm else 'terminals other than ATMs'}"
    country = session.card.get("5F28")
    if country is None:
        return
    abroad = country != session.own["9F1A"]
    where = "abroad" if abroad else "in its own country"
    needed = _USES.get(session.transaction.type)
    if needed and not allowed & needed[abroad]:
        yield f"not valid for transaction type {session.transaction.type:02X} {where}"
    cashback = Auc.INTERNATIONAL_CASHBACK if abroad else Auc.DOMESTIC_CASHBACK
    if session.transaction.other and not allowed & cashback:
        yield f"not valid for cashback {where}"
