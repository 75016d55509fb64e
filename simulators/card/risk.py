"""Card risk management: what holds for this card now, and what cryptogram that lets it give.

A card may give less than the terminal asks for, never more: TC, then ARQC, then AAC.

Source: EMV 4.4 Book 3, 9.3, 10.8 and 10.11; the conditions are those that Visa, Mastercard and PBOC cards share.
Leaves out checks by currency, country and merchant category.
"""

from __future__ import annotations

from collections.abc import Set
from typing import Final

from simulators.card.profile import Application, Condition
from simulators.card.state import Kind, Memory, Transaction

UNABLE_TO_GO_ONLINE: Final = (b"Y3", b"Z3")
"""Authorisation response codes by which a terminal says that it reached nobody. Source: EMV 4.4 Book 4, annex A6."""


def conditions(application: Application, memory: Memory, amount_minor: int) -> frozenset[Condition]:
    """What holds, counting the transaction at hand as one more offline."""
    risk = application.risk
    count, total = memory.offline_count + 1, memory.offline_amount_minor + amount_minor
    held = {
        Condition.NEW_CARD: memory.last_online_atc == 0,
        Condition.LAST_ONLINE_INCOMPLETE: memory.last_online_incomplete,
        Condition.LOWER_COUNT: bool(risk.offline_count_lower) and count > risk.offline_count_lower,
        Condition.UPPER_COUNT: bool(risk.offline_count_upper) and count > risk.offline_count_upper,
        Condition.LOWER_AMOUNT: bool(risk.offline_amount_lower_minor) and total > risk.offline_amount_lower_minor,
        Condition.UPPER_AMOUNT: bool(risk.offline_amount_upper_minor) and total > risk.offline_amount_upper_minor,
        Condition.ISSUER_AUTHENTICATION_FAILED: memory.issuer_authentication_failed,
        Condition.SCRIPT_FAILED: memory.script_failed,
        Condition.PIN_TRIES_EXCEEDED: memory.pin_tries_left == 0,
    }
    return frozenset(condition for condition, holds in held.items() if holds)


def first_decision(application: Application, memory: Memory, asked: Kind, held: Set[Condition], *, cash: bool) -> Kind:
    """What the first GENERATE AC is answered with.

    Args:
        cash: electronic cash pays for it: the limits for other offline payments do not count.
    """
    if memory.blocked or held & application.risk.decline:
        return Kind.AAC
    if cash or not held & application.risk.go_online:
        return asked
    return least(asked, Kind.ARQC)


def second_decision(
    application: Application, memory: Memory, now: Transaction, asked: Kind, held: Set[Condition]
) -> Kind:
    """What the second GENERATE AC is answered with: TC or AAC."""
    if memory.blocked or asked is not Kind.TC:
        return Kind.AAC
    if now.unable_online:
        return Kind.AAC if held & application.risk.decline_when_unable else Kind.TC
    if now.issuer_authenticated is False or now.issuer_declined:
        return Kind.AAC
    if now.issuer_authenticated is None and application.issuer_authentication_mandatory:
        return Kind.AAC
    return Kind.TC


def least(one: Kind, other: Kind) -> Kind:
    """The one that is worth less."""
    return min(one, other, key=lambda kind: kind.worth)


def account(memory: Memory, now: Transaction, given: Kind, amount_minor: int) -> None:
    """Move the counters after a final cryptogram."""
    was_online = now.first is Kind.ARQC and not now.unable_online
    if was_online and given is Kind.TC and now.issuer_authenticated is not False:
        memory.offline_count = 0
        memory.offline_amount_minor = 0
        memory.last_online_atc = memory.atc
        memory.issuer_authentication_failed = False
        memory.issuer_authentication_missing = now.issuer_authenticated is None
        memory.script_failed = False
        memory.script_count = 0
    elif given is Kind.TC and not now.electronic_cash:
        memory.offline_count = min(memory.offline_count + 1, 0xFF)
        memory.offline_amount_minor += amount_minor
    if was_online:
        memory.last_online_incomplete = False
        memory.issuer_authentication_failed = now.issuer_authenticated is False
