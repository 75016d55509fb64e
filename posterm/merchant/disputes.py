"""Disputes: a cardholder does not accept a payment. From the retrieval request to the end, posted in the ledger.

    retrieval request     the issuer asks for the slip; unanswered in time it charges back
    chargeback            the amount leaves the merchant for the account of disputes; unanswered in time it is lost
    representment         the merchant hands in evidence; the issuer withdraws, or asks the network to decide
    won                   the amount returns to the merchant
    lost                  the amount goes back to the card

Source: the dispute cycle of card networks as publicly described (retrieval, chargeback, representment,
pre-arbitration); periods are the office's terms. Leaves out fees of a dispute and the network's own reason codes.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from enum import StrEnum
from typing import ClassVar, Final

from pydantic import BaseModel, ConfigDict

from posterm.host import AccountKind
from posterm.host.adjustments import Adjustment, AdjustmentKind
from posterm.host.chart import acquirer_account, bank
from posterm.host.records import TransactionRecord, TransferKind, TransferRecord
from posterm.merchant.actor import SYSTEM, Actor, Role
from posterm.merchant.calendar import WAKES
from posterm.merchant.document import Document
from posterm.merchant.enrolled import is_purchase
from posterm.merchant.errors import NotFoundError, RefusedError
from posterm.merchant.free_text import free_text
from posterm.merchant.machines import DISPUTE
from posterm.merchant.merchant import merchant_numbered
from posterm.merchant.office import Office
from posterm.merchant.problem import Problem
from posterm.merchant.service_problems import SERVICE_PROBLEMS

LARGEST_SLIP_BYTES: Final = 5_000_000
_LOST: Final = "LOST"


class DisputeReason(StrEnum):
    """Why a cardholder does not accept a payment."""

    NOT_RECOGNISED = "not-recognised"
    FRAUD = "fraud"
    DUPLICATE = "duplicate"
    AMOUNT_DIFFERS = "amount-differs"
    NOT_RECEIVED = "not-received"
    NOT_AS_DESCRIBED = "not-as-described"
    REFUND_NOT_PROCESSED = "refund-not-processed"


class Evidence(BaseModel):
    """What was handed in. `paper` names the sealed picture of a slip, empty for none."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    at: str
    by: Role
    text: str
    paper: str = ""


class Dispute(Document):
    """One dispute over a payment. `transaction` is the payment's reference, `card` its masked number."""

    kind: ClassVar[str] = "dispute"

    merchant: str
    merchant_id: str
    transaction: str
    rrn: str
    card: str
    amount_minor: int
    currency: str
    reason: DisputeReason
    opened_at: str
    evidence: tuple[Evidence, ...] = ()


def request_retrieval(
    office: Office, actor: Actor, ref: str, reason: DisputeReason, amount_minor: int, now: datetime
) -> Dispute:
    """The issuer asks for the slip of a payment.

    Args:
        ref: the payment's reference.
        amount_minor: how much of it is disputed.
    Raises: NotFoundError: no such payment. RefusedError: with every problem.
    """
    actor.must_be(Role.OPERATOR)
    record = office.store.transaction(ref)
    if record is None:
        raise NotFoundError("no such transaction")
    merchant = merchant_numbered(office, record.merchant_id)
    problems = _problems(office, merchant.subject, record, amount_minor, now)
    if problems:
        raise RefusedError(problems)
    with office.all_or_nothing():
        dispute = Dispute(
            key=f"X{office.cabinet.next_number('dispute'):08d}",
            subject=merchant.subject,
            state=DISPUTE.initial,
            due=_in_days(now, office.terms.retrieval_days),
            merchant=merchant.key,
            merchant_id=record.merchant_id,
            transaction=ref,
            rrn=record.rrn,
            card=record.masked_pan,
            amount_minor=amount_minor,
            currency=record.currency,
            reason=reason,
            opened_at=now.isoformat(),
        )
        office.cabinet.put(dispute)
        office.tell(dispute, "open", now, after=dispute.state, reason=str(reason))
        return dispute


def disputes_of(office: Office, actor: Actor, *, subject: str | None = None, state: str | None = None) -> list[Dispute]:
    """Disputes, a merchant's own only, by key."""
    if actor.role is Role.MERCHANT:
        subject = actor.subject
    return office.cabinet.find(Dispute, subject=subject, state=state)


def need_dispute(office: Office, actor: Actor, key: str) -> Dispute:
    """A dispute. Raises: NotFoundError: there is none, or it is another's."""
    found = office.cabinet.need(Dispute, key)
    actor.must_own(found.subject, "dispute")
    return found


def answer_retrieval(office: Office, actor: Actor, key: str, text: str, now: datetime, *, slip: bytes = b"") -> Dispute:
    """Hand in the slip. `slip` is its picture. Raises: RefusedError: neither text nor picture."""
    dispute = _with_evidence(office, actor, need_dispute(office, actor, key), text, slip, now)
    return _moved(office, dispute, "answer", now, office.terms.retrieval_days)


def read_slip(office: Office, actor: Actor, key: str, paper: str) -> bytes:
    """The picture of a slip that was handed in. Raises: NotFoundError: no such dispute, or no such slip of it."""
    dispute = need_dispute(office, actor, key)
    sealed = office.pictures.get(paper) if paper in {each.paper for each in dispute.evidence} and paper else None
    if sealed is None:
        raise NotFoundError("no such slip")
    return office.cabinet.unseal_bytes(sealed, f"slip/{paper}")


def charge_back(office: Office, actor: Actor, key: str, now: datetime) -> Dispute:
    """The issuer takes the amount back: it leaves what the merchant has earned."""
    actor.must_be(Role.OPERATOR)
    with office.all_or_nothing():
        dispute = need_dispute(office, actor, key)
        moved = _moved(office, dispute, "charge-back", now, office.terms.representment_days)
        against = acquirer_account(AccountKind.DISPUTES, dispute.currency)
        office.ledger.open_account(against, dispute.currency, AccountKind.DISPUTES)
        _adjust(office, moved, AdjustmentKind.CHARGEBACK, -dispute.amount_minor, now)
        return moved


def represent(office: Office, actor: Actor, key: str, text: str, now: datetime, *, slip: bytes = b"") -> Dispute:
    """Contest a chargeback with evidence. Raises: RefusedError: neither text nor picture."""
    dispute = _with_evidence(office, actor, need_dispute(office, actor, key), text, slip, now)
    return _moved(office, dispute, "represent", now, office.terms.representment_days)


def accept_chargeback(office: Office, actor: Actor, key: str, now: datetime) -> Dispute:
    """The merchant accepts it: the dispute is lost."""
    actor.must_be(Role.MERCHANT, Role.OPERATOR)
    return _ended(office, need_dispute(office, actor, key), "accept", now)


def withdraw_dispute(office: Office, actor: Actor, key: str, now: datetime) -> Dispute:
    """The issuer gives up: the dispute is won."""
    actor.must_be(Role.OPERATOR)
    return _ended(office, need_dispute(office, actor, key), "withdraw", now)


def pre_arbitrate(office: Office, actor: Actor, key: str, now: datetime) -> Dispute:
    """The issuer does not accept the evidence: the network decides."""
    actor.must_be(Role.OPERATOR)
    return _moved(office, need_dispute(office, actor, key), "pre-arbitrate", now, None)


def judge_dispute(office: Office, actor: Actor, key: str, now: datetime, *, won: bool) -> Dispute:
    """What the network has decided."""
    actor.must_be(Role.OPERATOR)
    return _ended(office, need_dispute(office, actor, key), "win" if won else "lose", now)


def _problems(
    office: Office, subject: str, record: TransactionRecord, amount_minor: int, now: datetime
) -> list[Problem]:
    if not is_purchase(record) or record.voided_by:
        return [SERVICE_PROBLEMS["not-disputable"].at("transaction")]
    problems = []
    before = (each for each in office.cabinet.find(Dispute, subject=subject) if each.transaction == record.ref)
    disputed = sum(each.amount_minor for each in before if each.state != "WON")
    if not 0 < amount_minor <= record.posted_minor - record.refunded_minor - disputed:
        problems.append(SERVICE_PROBLEMS["dispute-over-amount"].at("amount_minor"))
    if now - datetime.fromisoformat(record.at) > timedelta(days=office.terms.dispute_window_days):
        problems.append(SERVICE_PROBLEMS["dispute-too-late"].at("transaction"))
    return problems


def _with_evidence(office: Office, actor: Actor, dispute: Dispute, text: str, slip: bytes, now: datetime) -> Dispute:
    actor.must_be(Role.MERCHANT, Role.OPERATOR)
    written = free_text(text)
    if not written and not slip:
        raise RefusedError([SERVICE_PROBLEMS["evidence-missing"].at("evidence")])
    if len(slip) > LARGEST_SLIP_BYTES:
        raise RefusedError([SERVICE_PROBLEMS["slip-too-large"].at("slip")])
    paper = ""
    if slip:
        paper = office.cabinet.fingerprint("slip", slip.hex())
        office.pictures.put(paper, office.cabinet.seal_bytes(slip, f"slip/{paper}"))
    evidence = Evidence(at=now.isoformat(), by=actor.role, text=written, paper=paper)
    return dispute.model_copy(update={"evidence": (*dispute.evidence, evidence)})


def _moved(office: Office, dispute: Dispute, event: str, now: datetime, days: int | None) -> Dispute:
    with office.all_or_nothing():
        return office.move(DISPUTE, dispute, event, now, due="" if days is None else _in_days(now, days))


def _ended(office: Office, dispute: Dispute, event: str, now: datetime) -> Dispute:
    """Decide a dispute, and send what was taken from the merchant to whoever has won."""
    with office.all_or_nothing():
        ended = _moved(office, dispute, event, now, None)
        if dispute.state == "RETRIEVAL_ANSWERED":  # nothing was taken yet
            return ended
        if ended.state == _LOST:
            _pay_cardholder(office, ended, now)
        else:
            _adjust(office, ended, AdjustmentKind.REPRESENTMENT, ended.amount_minor, now)
        return ended


def _adjust(office: Office, dispute: Dispute, kind: AdjustmentKind, amount: int, now: datetime) -> None:
    office.host.adjust(
        Adjustment(
            f"{dispute.key}/{kind}",
            kind,
            dispute.merchant_id,
            gross_minor=amount,
            against=acquirer_account(AccountKind.DISPUTES, dispute.currency),
            original=dispute.transaction,
        ),
        now,
    )


def _pay_cardholder(office: Office, dispute: Dispute, now: datetime) -> None:
    record = office.store.transaction(dispute.transaction)
    card = None if record is None else office.store.card(record.card)
    office.ledger.apply(
        [
            TransferRecord(
                f"dispute/{dispute.key}/lost",
                TransferKind.POSTED.value,
                acquirer_account(AccountKind.DISPUTES, dispute.currency),
                bank(dispute.currency) if card is None else card.account_id,
                dispute.amount_minor,
                dispute.currency,
                now.isoformat(),
                transaction=dispute.transaction,
            )
        ]
    )


def _in_days(now: datetime, days: int) -> str:
    return (now + timedelta(days=days)).isoformat()


def _wake(office: Office, dispute: Dispute, now: datetime) -> None:
    """A side has not answered in time."""
    match dispute.state:
        case "RETRIEVAL_REQUESTED":
            charge_back(office, SYSTEM, dispute.key, now)
        case "CHARGEBACK":
            _ended(office, dispute, "lapse", now)
        case _:  # the issuer has let its time pass
            _ended(office, dispute, "withdraw", now)


WAKES[Dispute] = _wake
