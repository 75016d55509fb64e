"""Entry into the network: the merchant's number, its terminals' numbers, its terms and its accounts with the host.

The merchant number is 15 digits: the acquirer's code (3), the area (4), the trade (4), a serial number (4). The area is
the first four digits of the district's code. Until the contract is in force the merchant is closed with the host.

Source: the structure of merchant numbers in China, as acquirers publish it. Leaves out the terminals' keys, which come
with their devices.
"""

from __future__ import annotations

from posterm.merchant.errors import MerchantError
from posterm.merchant.form import ApplicationForm
from posterm.merchant.marks import add_mark
from posterm.merchant.merchant import MERCHANT_NUMBER, Merchant, TerminalSite
from posterm.merchant.office import Office
from posterm.merchant.plan_choice import plan_for

SERIALS = 9999
TERMINALS = 89_999_999
_FIRST_TERMINAL = 10_000_000


def enter_network(office: Office, merchant: Merchant, form: ApplicationForm) -> dict[str, object]:
    """Give numbers to a merchant and its terminals and enrol it with the host, closed.

    Returns: what changes in the merchant. Raises: MerchantError: the numbers are used up.
    """
    plan = plan_for(form)
    merchant_id = _merchant_id(office, merchant, form)
    office.host.enrol_merchant(merchant_id, form.trading_name, plan=plan, owner=merchant.identity)
    office.host.set_merchant_open(merchant_id, is_open=False)
    add_mark(office, MERCHANT_NUMBER, merchant_id, merchant.key)
    known = merchant.terminal_ids[: form.terminal_count]
    terminal_ids = (*known, *(_terminal_id(office) for _ in range(form.terminal_count - len(known))))
    for terminal_id in terminal_ids:
        office.cabinet.put(
            TerminalSite(
                key=terminal_id,
                subject=merchant.subject,
                merchant=merchant.key,
                merchant_id=merchant_id,
                district=form.district,
                address=form.address,
                location=form.location,
            )
        )
    return {"merchant_id": merchant_id, "terminal_ids": terminal_ids, "plan": plan}


def _merchant_id(office: Office, merchant: Merchant, form: ApplicationForm) -> str:
    """A new number; the one it has when that still says where it is and what it does."""
    first = f"{office.terms.acquirer_code}{form.district[:4]}{form.mcc}"
    if merchant.merchant_id.startswith(first):
        return merchant.merchant_id
    for _ in range(SERIALS):
        serial = office.cabinet.next_number(f"merchant-id/{first}")
        if serial > SERIALS:
            break
        if office.store.merchant(f"{first}{serial:04d}") is None:
            return f"{first}{serial:04d}"
    raise MerchantError(f"all {SERIALS} merchant numbers that begin with {first} are used")


def _terminal_id(office: Office) -> str:
    for _ in range(TERMINALS):
        number = office.cabinet.next_number("terminal-id")
        if number > TERMINALS:
            break
        if not office.host.knows_terminal(f"{_FIRST_TERMINAL + number}"):
            return f"{_FIRST_TERMINAL + number}"
    raise MerchantError(f"all {TERMINALS} terminal numbers are used")
