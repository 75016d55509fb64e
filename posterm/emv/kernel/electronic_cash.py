"""Electronic cash by contact: a purchase from the balance on the card, without the issuer and without a PIN.

The terminal offers it (9F7A) when it takes electronic cash and the amount is within its limit (9F7B). A card that wants
to pay so lists its electronic cash authorization code (9F74) among its records. From there on the flow is the ordinary
one, without cardholder verification, floor limit, random selection and velocity: who has the card has the cash, the
balance on it is the limit, and the card keeps it.

Source: JR/T 0025.13 (PBOC 3.0, small payments on debit and credit applications). Leaves out loading, and the second
balance (9F79 is that of the first currency).
"""

from __future__ import annotations

from typing import Final

from posterm.emv.card_data import template
from posterm.emv.config import TransactionType
from posterm.emv.errors import CardDataError, Stop
from posterm.emv.exchange import Exchange
from posterm.emv.kernel import commands
from posterm.emv.kernel.session import Session

_BOOK: Final = "JR/T 0025.13"
_SUPPORTED: Final = b"\x01"
_AUTHORIZATION_CODE: Final = "9F74"
_BALANCE: Final = "9F79"
_BALANCE_BYTES: Final = 6


def offer(session: Session) -> None:
    """Tell the card, before GET PROCESSING OPTIONS, that it may pay with electronic cash."""
    session.own.pop("9F7A", None)  # what an application selected before was offered
    limit, transaction = session.profile.cash_limit, session.transaction
    if limit is None:
        return
    session.own["9F7B"] = bytes.fromhex(f"{limit:012d}")
    within = transaction.amount <= limit and not transaction.forced_online
    if within and transaction.type == TransactionType.GOODS and not transaction.other:
        session.own["9F7A"] = _SUPPORTED
        session.note(_BOOK, "terminal", "the amount may be paid with electronic cash")


def pays(session: Session) -> bool:
    """True when terminal and card agreed on electronic cash."""
    return session.own.get("9F7A") == _SUPPORTED and bool(session.card.get(_AUTHORIZATION_CODE))


def read_balance(session: Session) -> Exchange[None]:
    """Ask the card what is left; a card that does not tell has paid all the same."""
    try:
        answer = yield from session.transmit(commands.get_data(_BALANCE))
        value = template(answer.data, _BALANCE, "answer to GET DATA") if answer.ok else b""
    except (CardDataError, Stop):
        return
    if len(value) == _BALANCE_BYTES:
        session.card[_BALANCE] = value
        session.note(_BOOK, "terminal", "the card told its balance")
