"""A merchant's standing: frozen under suspicion, restricted while one of its ways of paying is stopped.

A frozen merchant takes no payment anywhere: the host answers C2 where the acquirer has it, else 03. What it has earned
is cleared and paid as before.
"""

from __future__ import annotations

from datetime import datetime

from posterm.merchant.actor import Actor, Role
from posterm.merchant.capabilities import keep_standing
from posterm.merchant.enrolled import enrolled_merchant
from posterm.merchant.machines import MERCHANT
from posterm.merchant.merchant import Merchant
from posterm.merchant.office import Office


def freeze_merchant(office: Office, actor: Actor, key: str, now: datetime) -> Merchant:
    """Let a merchant take no payments until it is looked into. Raises: NotNowError: it is not live."""
    actor.must_be(Role.REVIEWER, Role.OPERATOR)
    with office.all_or_nothing():
        frozen = office.move(MERCHANT, enrolled_merchant(office, actor, key), "freeze", now)
        office.host.set_merchant_open(frozen.merchant_id, is_open=False)
        return frozen


def unfreeze_merchant(office: Office, actor: Actor, key: str, now: datetime) -> Merchant:
    """Let a frozen merchant take payments again. Raises: NotNowError."""
    actor.must_be(Role.REVIEWER, Role.OPERATOR)
    with office.all_or_nothing():
        lifted = office.move(MERCHANT, enrolled_merchant(office, actor, key), "unfreeze", now)
        office.host.set_merchant_open(lifted.merchant_id, is_open=True)
        return keep_standing(office, lifted, now)
