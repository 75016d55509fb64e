"""Concluding a contract: offered to an approved merchant, signed by both, in force when the deposit is paid.

Nothing is sent to a merchant before its contract is in force. An offer that is not taken in time is void, and the
application is rejected with it.

Source: states and kinds (EC007, EC008, EC009) of the electronic contracts of Lakala's open platform.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

from posterm.merchant.actor import SYSTEM, Actor, Role
from posterm.merchant.application import Application
from posterm.merchant.calendar import WAKES
from posterm.merchant.capabilities import open_capabilities
from posterm.merchant.contract import Contract
from posterm.merchant.contract_problems import CONTRACT_PROBLEMS
from posterm.merchant.contract_text import text_digest
from posterm.merchant.deposit import hold_deposit
from posterm.merchant.eligibility import ApplicantType
from posterm.merchant.errors import RefusedError
from posterm.merchant.machines import APPLICATION, CONTRACT, MERCHANT
from posterm.merchant.merchant import Merchant
from posterm.merchant.office import Office
from posterm.merchant.review_problems import REVIEW_PROBLEMS
from posterm.merchant.settlement import begin_settlement
from posterm.merchant.sub_channel import RealName, open_channel

CONTRACT_KIND: Final = {
    ApplicantType.COMPANY: "EC007",
    ApplicantType.PUBLIC_BODY: "EC007",
    ApplicantType.INDIVIDUAL_BUSINESS: "EC008",
    ApplicantType.MICRO: "EC009",
}


def offer_contract(office: Office, merchant: Merchant, now: datetime) -> Contract:
    """Offer an approved merchant its contract, signed by the acquirer."""
    terms, plan = office.terms, office.host_terms.plans[merchant.plan]
    contract_kind = CONTRACT_KIND[merchant.applicant_type]
    sign_by = (now + timedelta(days=terms.contract_days)).isoformat()
    contract = Contract(
        key=f"{contract_kind}{office.cabinet.next_number('contract'):09d}",
        subject=merchant.subject,
        state=CONTRACT.initial,
        due=sign_by,
        merchant=merchant.key,
        application=merchant.application,
        contract_kind=contract_kind,
        merchant_name=merchant.name,
        merchant_id=merchant.merchant_id,
        terminal_ids=merchant.terminal_ids,
        plan=plan.name,
        fees=plan.fees,
        cycle=plan.terms.cycle,
        deposit_minor=terms.deposit_minor * len(merchant.terminal_ids),
        deposit_target_minor=terms.deposit_target_minor,
        deposit_target_days=terms.deposit_target_days,
        annual_fee_minor=terms.annual_fee_minor,
        offered_at=now.isoformat(),
        sign_by=sign_by,
    )
    contract = contract.model_copy(update={"digest": text_digest(contract), "signed_by_acquirer": now.isoformat()})
    office.cabinet.put(contract)
    office.tell(contract, "offer", now, after=contract.state)
    return contract


def sign_contract(office: Office, actor: Actor, key: str, digest: str, now: datetime) -> Contract:
    """Sign as the merchant.

    Args:
        digest: of the text that is signed; the contract has it.
    Raises: RefusedError: another text, or it is signed already; NotNowError: the contract is in force or void.
    """
    with office.all_or_nothing():
        contract = owned_contract(office, actor, key)
        actor.must_be(Role.MERCHANT)
        CONTRACT.after(contract.state, "sign")
        if contract.signed_by_merchant:
            raise RefusedError([CONTRACT_PROBLEMS["contract-signed"].at("")])
        if digest != contract.digest or digest != text_digest(contract):
            raise RefusedError([CONTRACT_PROBLEMS["contract-text-differs"].at("digest")])
        signed = office.move(CONTRACT, contract, "sign", now, signed_by_merchant=now.isoformat())
        return _complete(office, signed, now)


def pay_deposit(office: Office, actor: Actor, key: str, amount_minor: int, now: datetime) -> Contract:
    """Pay the deposit of a contract that is signed; with that it is in force.

    Raises: RefusedError: it is not signed, or another amount; NotNowError: the contract is in force or void.
    """
    with office.all_or_nothing():
        contract = owned_contract(office, actor, key)
        actor.must_be(Role.MERCHANT, Role.OPERATOR)
        CONTRACT.after(contract.state, "sign")
        if not contract.signed_by_merchant:
            raise RefusedError([CONTRACT_PROBLEMS["signature-missing"].at("signed_by_merchant")])
        if amount_minor != contract.deposit_minor:
            raise RefusedError([CONTRACT_PROBLEMS["deposit-amount"].at("amount_minor")])
        hold_deposit(office, office.cabinet.need(Merchant, contract.merchant), amount_minor, now)
        paid = office.cabinet.put(contract.model_copy(update={"deposit_paid_at": now.isoformat()}))
        return _complete(office, paid, now)


def owned_contract(office: Office, actor: Actor, key: str) -> Contract:
    """A contract, when the actor may see it. Raises: NotFoundError."""
    contract = office.cabinet.need(Contract, key)
    actor.must_own(contract.subject, Contract.kind)
    return contract


def contract_of(office: Office, actor: Actor, merchant_key: str) -> Contract | None:
    """The contract a merchant has or is offered, the last one when it was offered several."""
    merchant = office.cabinet.need(Merchant, merchant_key)
    actor.must_own(merchant.subject, Merchant.kind)
    found = office.cabinet.find(Contract, subject=merchant.subject)
    return next((each for each in reversed(found) if each.merchant == merchant_key), None)


def _complete(office: Office, contract: Contract, now: datetime) -> Contract:
    """In force as soon as nothing is missing."""
    if not contract.signed_by_merchant or (contract.deposit_minor and not contract.deposit_paid_at):
        return contract
    in_force = office.move(CONTRACT, contract, "complete", now, in_force_at=now.isoformat(), due="")
    merchant = office.cabinet.need(Merchant, contract.merchant)
    merchant = office.move(MERCHANT, merchant, "contract", now, contracted_at=now.isoformat())
    office.host.set_merchant_open(contract.merchant_id, is_open=True)
    open_capabilities(office, merchant, now)
    begin_settlement(office, now)
    for real_name in office.cabinet.find(RealName, subject=merchant.subject):
        if real_name.merchant == merchant.key:
            open_channel(office, real_name, now)
    return in_force


def _wake(office: Office, contract: Contract, now: datetime) -> None:
    office.move(CONTRACT, contract, "lapse", now, due="", ended_at=now.isoformat())
    office.move(MERCHANT, office.cabinet.need(Merchant, contract.merchant), "lapse", now)
    office.move(
        APPLICATION,
        office.cabinet.need(Application, contract.application),
        "contract-lapses",
        now,
        decided_by=SYSTEM.role.value,
        decided_at=now.isoformat(),
        problems=(REVIEW_PROBLEMS["contract-not-signed"].at("contract"),),
    )


WAKES[Contract] = _wake
