"""Risk: blocked cards, and one card seen too often at one merchant.

A card is blocked by the acquirer whatever its issuer says of it, alone or with its whole range. The rules about uses
are the merchant's plan's; what they need to remember is kept for each card and merchant, no longer than they look back.

    same card            more sales of one card within some minutes are refused, 65
    inquiry before sale  so many balance inquiries and then a sale within some seconds is told as an event; it is what
                         someone does who tries out stolen cards

Source: the same-card rule and the black list of a public acquirer's host.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Final

from posterm.host.case import Case, Refusal
from posterm.host.events import EventName
from posterm.host.records import CardUseRecord
from posterm.unionpay.transactions import Kind

_WATCHED: Final = frozenset({Kind.SALE, Kind.PREAUTH, Kind.BALANCE})


def check_black_list(case: Case) -> Refusal | None:
    """The code the card, or its whole range, was blocked with."""
    if case.known_row().kind not in _WATCHED:
        return None
    if case.card is not None and case.card.blocked:
        return Refusal(case.card.blocked, "the card is blocked by the acquirer")
    if case.range is not None and case.range.blocked:
        return Refusal(case.range.blocked, "the card's range is blocked by the acquirer")
    return None


def check_card_uses(case: Case) -> Refusal | None:
    """65 when the card has had too many sales here lately. Approved or not, this use is remembered."""
    rules, kind = case.plan.risk, case.known_row().kind
    if kind not in _WATCHED or case.card is None or not (rules.same_card_sales_max or rules.inquiries_before_sale):
        return None
    store, name = case.desk.store, f"{case.merchant_id}/{case.card.fingerprint}"
    found = store.card_use(name) or CardUseRecord(name)
    since = (case.now - timedelta(minutes=rules.same_card_minutes)).isoformat()
    sales = tuple(at for at in found.sales if at > since)
    since = (case.now - timedelta(seconds=rules.inquiry_seconds)).isoformat()
    inquiries = tuple(at for at in found.inquiries if at > since)
    if kind is Kind.BALANCE:
        kept = (*inquiries, case.at)[-max(rules.inquiries_before_sale, 1) :]
        store.put_card_use(CardUseRecord(name, sales, kept))
        return None
    if rules.inquiries_before_sale and len(inquiries) >= rules.inquiries_before_sale:
        case.tell(EventName.INQUIRIES_BEFORE_SALE, inquiries=len(inquiries), card=case.card.masked_pan)
    if not rules.same_card_sales_max:
        return None
    if len(sales) >= rules.same_card_sales_max:
        return Refusal("65", f"{len(sales)} sales of this card within {rules.same_card_minutes} minutes")
    store.put_card_use(CardUseRecord(name, (*sales, case.at), inquiries))
    return None
