"""Contracts and receipts as PDF: the same bytes for the same contract, whenever they are made."""

from __future__ import annotations

from typing import Final

from posterm.merchant.actor import Actor
from posterm.merchant.contract_text import clauses, yuan
from posterm.merchant.contracting import owned_contract
from posterm.merchant.deposit import Deposit
from posterm.merchant.office import Office
from posterm.merchant.pdf import HEADING, TEXT, TITLE, drawn, paragraph
from posterm.merchant.problem import Language

_WORDS: Final = {
    Language.CHINESE: {
        "contract": "收单服务合同",
        "signatures": "签署",
        "acquirer": "收单机构签署时间：",
        "merchant": "商户签署时间：",
        "in-force": "生效时间：",
        "digest": "合同文本摘要（SHA-256）：",
        "unsigned": "未签署",
        "not-in-force": "未生效",
        "receipt": "押金收据",
        "received": "兹收到{name}（商户编号{number}）终端押金人民币{amount}元。",
        "terms": "累计收款满{target}元后自动退还。",
        "held": "收款时间：",
        "returned": "退还时间：",
    },
    Language.ENGLISH: {
        "contract": "Contract for acquiring services",
        "signatures": "Signatures",
        "acquirer": "Signed by the acquirer: ",
        "merchant": "Signed by the merchant: ",
        "in-force": "In force since: ",
        "digest": "SHA-256 of the Chinese text: ",
        "unsigned": "not signed",
        "not-in-force": "not in force",
        "receipt": "Receipt for a deposit",
        "received": "Received from {name} (merchant {number}) as deposit for its terminals: {amount} CNY.",
        "terms": "It is returned when {target} CNY were taken.",
        "held": "Received on: ",
        "returned": "Returned on: ",
    },
}


def contract_pdf(office: Office, actor: Actor, key: str, *, language: Language = Language.CHINESE) -> bytes:
    """A contract as PDF, with its signatures as they stand. Raises: NotFoundError."""
    contract = owned_contract(office, actor, key)
    words = _WORDS[language]
    story = [(words["contract"], TITLE)]
    for heading, lines in clauses(contract, language):
        story += [(heading, HEADING), *((line, TEXT) for line in lines)]
    story += [
        (words["signatures"], HEADING),
        (words["acquirer"] + (_moment(contract.signed_by_acquirer) or words["unsigned"]), TEXT),
        (words["merchant"] + (_moment(contract.signed_by_merchant) or words["unsigned"]), TEXT),
        (words["in-force"] + (_moment(contract.in_force_at) or words["not-in-force"]), TEXT),
        (words["digest"], TEXT),
        (contract.digest, TEXT),
    ]
    return drawn([paragraph(*each) for each in story], contract.key)


def deposit_receipt_pdf(office: Office, actor: Actor, key: str, *, language: Language = Language.CHINESE) -> bytes:
    """The receipt for the deposit of a contract as PDF. Raises: NotFoundError: none was paid."""
    contract = owned_contract(office, actor, key)
    deposit = office.cabinet.need(Deposit, contract.merchant)
    words = _WORDS[language]
    values = {"name": contract.merchant_name, "number": contract.merchant_id}
    story = [
        (words["receipt"], TITLE),
        (words["received"].format(amount=yuan(deposit.amount_minor), **values), TEXT),
        (words["terms"].format(target=yuan(deposit.target_minor)), TEXT),
        (words["held"] + _moment(deposit.held_at), TEXT),
    ]
    if deposit.state == "REFUNDED":
        story.append((words["returned"] + _moment(deposit.ended_at), TEXT))
    return drawn([paragraph(*each) for each in story], f"{contract.key} deposit")


def _moment(text: str) -> str:
    return text.replace("T", " ")[:19]
