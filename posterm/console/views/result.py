"""How a transaction ended, in one line or as a document."""

from __future__ import annotations

from typing import Any, Final

from posterm.terminal import Outcome, Result
from posterm.terminal.receipt import Language
from posterm.unionpay.transactions import TRANSACTIONS

_WORDS: Final[dict[Outcome, tuple[str, str]]] = {
    Outcome.APPROVED: ("approved", "交易成功"),
    Outcome.APPROVED_OFFLINE: ("approved offline", "脱机批准"),
    Outcome.DECLINED: ("declined", "交易拒绝"),
    Outcome.REFUSED: ("refused by the terminal", "终端拒绝"),
    Outcome.CANCELLED: ("cancelled", "已取消"),
    Outcome.NOT_SENT: ("not sent", "未发送"),
    Outcome.REVERSED: ("no good answer, reversed", "无有效应答,已冲正"),
    Outcome.REVERSAL_PENDING: ("no good answer, the reversal is stored", "无有效应答,待冲正"),
    Outcome.TRAINED: ("practised, no money was moved", "训练完成,未产生资金"),
    Outcome.UNKNOWN: ("no answer yet, it is repeated", "无应答,将重发"),
}


def result_line(result: Result, language: Language) -> str:
    """One line for the cashier."""
    chinese = language == "zh"
    row = TRANSACTIONS[result.kind]
    parts = [row.name_zh if chinese else row.name.lower()]
    if result.entry is not None and result.entry.amount_minor:
        parts.append(f"{result.entry.amount_minor // 100}.{result.entry.amount_minor % 100:02d}")
    parts.append(_WORDS[result.outcome][chinese])
    if not result.approved and result.outcome is not Outcome.TRAINED:
        text = result.text_zh if chinese and result.text_zh else result.text
        parts.append(f"({result.code} {text})" if result.code else f"({text})")
    if result.balance is not None:
        parts.append(f"{result.balance.currency} {'-' if result.overdrawn else ''}{result.balance}")
    if result.stan:
        parts.append(f"{'凭证号' if chinese else 'voucher'} {result.stan}")
    return " ".join(parts)


def result_document(result: Result) -> dict[str, Any]:
    """The same for machines."""
    entry = result.entry
    return {
        "transaction": result.kind.value,
        "outcome": result.outcome.value,
        "approved": result.approved,
        "voucher": result.stan,
        "code": result.code,
        "text": result.text,
        "rrn": entry.rrn if entry else "",
        "auth_code": entry.auth_code if entry else "",
        "amount_minor": entry.amount_minor if entry else 0,
        "card": entry.masked_pan if entry else "",
        "balance_minor": _balance_minor(result),
        "why": list(result.why),
    }


def _balance_minor(result: Result) -> int | None:
    if result.balance is None:
        return None
    return -result.balance.minor if result.overdrawn else result.balance.minor
