"""Terminal risk management: exception file, floor limit, random selection, velocity.

Source: EMV 4.4 Book 3, 10.6; Book 4, 6.3.5 (exception file, forced online).
"""

from __future__ import annotations

from typing import Final

from posterm.emv.bits import Aip, Tsi, Tvr
from posterm.emv.card_data import template
from posterm.emv.errors import CardDataError
from posterm.emv.exchange import Exchange
from posterm.emv.kernel import commands, electronic_cash
from posterm.emv.kernel.session import Session

_BOOK: Final = "Book 3"
_BOTH_LIMITS: Final = Tvr.LOWER_CONSECUTIVE_OFFLINE_LIMIT_EXCEEDED | Tvr.UPPER_CONSECUTIVE_OFFLINE_LIMIT_EXCEEDED


def manage_risk(session: Session) -> Exchange[None]:
    """Set the bits of TVR bytes 1, 2 and 4 this transaction deserves."""
    pan = session.account_number
    if pan is not None and session.files.on_exception_file(pan):
        session.set(Tvr.CARD_ON_TERMINAL_EXCEPTION_FILE, "Book 4", "6.3.5", "the card is on the exception file")
    if session.transaction.forced_online:
        session.set(Tvr.MERCHANT_FORCED_ONLINE, "Book 4", "6.3.5", "the attendant wants an authorization")
    if not session.aip & Aip.TERMINAL_RISK_MANAGEMENT_TO_BE_PERFORMED:
        session.note(_BOOK, "10.6", "the card asks for no terminal risk management")
        return
    if electronic_cash.pays(session):
        session.note("JR/T 0025.13", "terminal", "electronic cash pays: no floor limit, random selection or velocity")
        session.done(Tsi.TERMINAL_RISK_MANAGEMENT_PERFORMED, _BOOK, "10.6", "terminal risk management performed")
        return
    # A purchase split in two is looked at as one.
    spent = session.transaction.amount + (session.files.earlier_amount(pan) if pan is not None else 0)
    if spent >= session.profile.floor_limit:
        session.set(Tvr.FLOOR_LIMIT_EXCEEDED, _BOOK, "10.6.1", f"floor limit {session.profile.floor_limit} reached")
    _select_randomly(session)
    yield from _check_velocity(session)
    session.done(Tsi.TERMINAL_RISK_MANAGEMENT_PERFORMED, _BOOK, "10.6", "terminal risk management performed")


def random_target(amount: int, threshold: int, floor_limit: int, target: int, greatest: int) -> int:
    """The percentage of transactions of this amount that go online, 0 to 99; 0 from the floor limit on.

    Source: EMV 4.4 Book 3, 10.6.2: under the threshold the target, above it interpolated towards the greatest.

    >>> [random_target(amount, 100, 500, 10, 50) for amount in (99, 100, 300, 499, 500)]
    [10, 10, 30, 49, 0]
    """
    if amount >= floor_limit:
        return 0
    if amount < threshold:
        return target
    return target + (greatest - target) * (amount - threshold) // (floor_limit - threshold)


def _select_randomly(session: Session) -> None:
    profile = session.profile
    if not (session.terminal.online_capable and session.terminal.offline_capable):
        return
    target = random_target(
        session.transaction.amount,
        profile.threshold,
        profile.floor_limit,
        profile.target_percent,
        profile.max_target_percent,
    )
    if not target:
        return
    drawn = 1 + int.from_bytes(session.draw(4), "big") % 99
    if drawn <= target:
        session.set(Tvr.SELECTED_RANDOMLY_FOR_ONLINE, _BOOK, "10.6.2", f"drew {drawn}, target {target}")
    else:
        session.note(_BOOK, "10.6.2", f"not selected: drew {drawn}, target {target}")


def _check_velocity(session: Session) -> Exchange[None]:
    lower, upper = session.card.get("9F14", b""), session.card.get("9F23", b"")
    if not (session.profile.velocity_checking and lower and upper):
        session.note(_BOOK, "10.6.3", "velocity not checked: the card gives no limits, or the terminal checks none")
        return
    counter = yield from counter_of(session, "9F36")
    last_online = yield from counter_of(session, "9F13")
    if last_online == 0:
        session.set(Tvr.NEW_CARD, _BOOK, "10.6.3", "the card was never online")
    if counter is None or last_online is None:
        session.set(_BOTH_LIMITS, _BOOK, "10.6.3", "transaction counter or last online counter cannot be read")
        return
    if counter <= last_online:
        session.set(_BOTH_LIMITS, _BOOK, "10.6.3", "the transaction counter is not above the last online counter")
        return
    offline = counter - last_online
    if offline > lower[0]:
        session.set(
            Tvr.LOWER_CONSECUTIVE_OFFLINE_LIMIT_EXCEEDED, _BOOK, "10.6.3", f"{offline} offline, lower limit {lower[0]}"
        )
    if offline > upper[0]:
        session.set(
            Tvr.UPPER_CONSECUTIVE_OFFLINE_LIMIT_EXCEEDED, _BOOK, "10.6.3", f"{offline} offline, upper limit {upper[0]}"
        )


def counter_of(session: Session, tag: str) -> Exchange[int | None]:
    """A counter of one or two bytes by GET DATA; None when the card does not give it. Source: Book 3, 6.5.7."""
    answer = yield from session.transmit(commands.get_data(tag))
    if not answer.ok:
        return None
    try:
        value = template(answer.data, tag, "answer to GET DATA")
    except CardDataError:
        return None
    if not 1 <= len(value) <= 2:
        return None
    session.card[tag] = value
    return int.from_bytes(value, "big")
