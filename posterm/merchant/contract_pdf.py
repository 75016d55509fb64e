"""Contracts and receipts as PDF: the same bytes for the same contract, whenever they are made.

Chinese text is set in a font of Adobe's Asian font pack, which readers have and the file does not hold.
"""

from __future__ import annotations

from collections.abc import Sequence
from io import BytesIO
from typing import Final
from xml.sax.saxutils import escape

from reportlab.lib.pagesizes import A4
from reportlab.lib.styles import ParagraphStyle
from reportlab.lib.units import mm
from reportlab.pdfbase import pdfmetrics
from reportlab.pdfbase.cidfonts import UnicodeCIDFont
from reportlab.platypus import Paragraph, SimpleDocTemplate

from posterm.merchant.actor import Actor
from posterm.merchant.contract_text import clauses, yuan
from posterm.merchant.contracting import owned_contract
from posterm.merchant.deposit import Deposit
from posterm.merchant.office import Office
from posterm.merchant.problem import Language

_FONT: Final = "STSong-Light"
_TITLE: Final = ParagraphStyle("title", fontName=_FONT, fontSize=16, leading=24, alignment=1, spaceAfter=16)
_HEADING: Final = ParagraphStyle("heading", fontName=_FONT, fontSize=12, leading=18, spaceBefore=6)
_TEXT: Final = ParagraphStyle("text", fontName=_FONT, fontSize=10, leading=15)
_MARGIN: Final = 25 * mm

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
    story = [(words["contract"], _TITLE)]
    for heading, lines in clauses(contract, language):
        story += [(heading, _HEADING), *((line, _TEXT) for line in lines)]
    story += [
        (words["signatures"], _HEADING),
        (words["acquirer"] + (_moment(contract.signed_by_acquirer) or words["unsigned"]), _TEXT),
        (words["merchant"] + (_moment(contract.signed_by_merchant) or words["unsigned"]), _TEXT),
        (words["in-force"] + (_moment(contract.in_force_at) or words["not-in-force"]), _TEXT),
        (words["digest"], _TEXT),
        (contract.digest, _TEXT),
    ]
    return _drawn(story, contract.key)


def deposit_receipt_pdf(office: Office, actor: Actor, key: str, *, language: Language = Language.CHINESE) -> bytes:
    """The receipt for the deposit of a contract as PDF. Raises: NotFoundError: none was paid."""
    contract = owned_contract(office, actor, key)
    deposit = office.cabinet.need(Deposit, contract.merchant)
    words = _WORDS[language]
    values = {"name": contract.merchant_name, "number": contract.merchant_id}
    story = [
        (words["receipt"], _TITLE),
        (words["received"].format(amount=yuan(deposit.amount_minor), **values), _TEXT),
        (words["terms"].format(target=yuan(deposit.target_minor)), _TEXT),
        (words["held"] + _moment(deposit.held_at), _TEXT),
    ]
    if deposit.state == "REFUNDED":
        story.append((words["returned"] + _moment(deposit.ended_at), _TEXT))
    return _drawn(story, f"{contract.key} deposit")


def _moment(text: str) -> str:
    return text.replace("T", " ")[:19]


def _paragraph(text: str, style: ParagraphStyle) -> Paragraph:
    """A paragraph; one that has Chinese text may be broken between any two characters."""
    breaks = "CJK" if any(char > "⺀" for char in text) else None
    return Paragraph(escape(text), ParagraphStyle(style.name, style, wordWrap=breaks))


def _drawn(story: Sequence[tuple[str, ParagraphStyle]], title: str) -> bytes:
    if _FONT not in pdfmetrics.getRegisteredFontNames():
        pdfmetrics.registerFont(UnicodeCIDFont(_FONT))
    target = BytesIO()
    margins = {f"{side}Margin": _MARGIN for side in ("left", "right", "top", "bottom")}
    document = SimpleDocTemplate(target, pagesize=A4, title=title, author="posterm", invariant=1, **margins)
    document.build([_paragraph(text, style) for text, style in story])
    return target.getvalue()
