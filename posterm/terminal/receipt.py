"""What the printer prints: sales slips for merchant and cardholder, and the settlement slip with its details.

A `Document` is data; `lines` lays it out for a paper 32 or 48 columns wide, in Chinese or English. A Chinese character
is two columns wide. Card numbers come in masked and stay so.

Source: UnionPay receipt practice as restated by acquirer specifications.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final, Literal, TypeAlias

from posterm.amount import Amount, currency
from posterm.terminal.records import Delivery, JournalEntry, Status
from posterm.unionpay.chip import TC
from posterm.unionpay.payment_code import CodeResult
from posterm.unionpay.totals import Totals
from posterm.unionpay.transactions import CODE_ENTRIES, ENTRY_LETTER, TRANSACTIONS, Kind

Language: TypeAlias = Literal["zh", "en"]
WIDTHS: Final = (32, 48)


class Copy(StrEnum):
    """Who gets the slip."""

    MERCHANT = "merchant"
    CARDHOLDER = "cardholder"


@dataclass(frozen=True, slots=True)
class Letterhead:
    """What every slip begins with."""

    merchant_name: str
    merchant_id: str
    terminal_id: str


@dataclass(frozen=True, slots=True)
class Slip:
    """One copy of a transaction's slip."""

    head: Letterhead
    entry: JournalEntry
    copy: Copy
    reprint: bool = False
    training: bool = False
    """Practice, which the slip says above all else."""
    price: tuple[tuple[str, str], ...] = ()
    """How the amount came about, labels and values in the slip's language: discounts that were priced in before."""


@dataclass(frozen=True, slots=True)
class BalanceSlip:
    """The answer to a balance inquiry."""

    head: Letterhead
    entry: JournalEntry
    available: Amount
    overdrawn: bool = False
    """True when `available` is what is owed."""


@dataclass(frozen=True, slots=True)
class SettlementSlip:
    """A closed batch: totals of both sides, every counted transaction, and the notices that were refused."""

    head: Letterhead
    batch: str
    at: str
    operator: str
    terminal: Totals
    host: Totals | None
    """None when the host captures the batch itself and tells no totals."""
    entries: tuple[JournalEntry, ...] = field(default=(), repr=False)
    currency: str = "156"
    reprint: bool = False

    @property
    def equal(self) -> bool:
        return self.host is None or self.host == self.terminal


Document: TypeAlias = Slip | BalanceSlip | SettlementSlip

_WORDS: Final[dict[str, tuple[str, str]]] = {
    "merchant copy": ("MERCHANT COPY", "商户存根"),
    "cardholder copy": ("CARDHOLDER COPY", "持卡人存根"),
    "reprint": ("** REPRINT **", "** 重打印 **"),
    "training": ("*** TRAINING - NO SALE ***", "*** 训练 - 非交易凭证 ***"),
    "merchant": ("MERCHANT", "商户名称"),
    "mid": ("MERCHANT ID", "商户编号"),
    "tid": ("TERMINAL ID", "终端编号"),
    "operator": ("OPERATOR", "操作员号"),
    "issuer": ("ISSUER", "发卡机构"),
    "acquirer": ("ACQUIRER", "收单机构"),
    "wallet": ("WALLET", "付款方式"),
    "wechat": ("WECHAT PAY", "微信支付"),
    "alipay": ("ALIPAY", "支付宝"),
    "unionpay": ("UNIONPAY QR", "银联二维码"),
    "code": ("PAYMENT CODE", "付款码"),
    "card": ("CARD NO", "卡号"),
    "expiry": ("EXP DATE", "有效期"),
    "type": ("TRANS TYPE", "交易类型"),
    "batch": ("BATCH NO", "批次号"),
    "voucher": ("VOUCHER NO", "凭证号"),
    "original voucher": ("ORIG VOUCHER", "原凭证号"),
    "auth": ("AUTH NO", "授权码"),
    "rrn": ("REFER NO", "参考号"),
    "time": ("DATE/TIME", "日期/时间"),
    "amount": ("AMOUNT", "金额"),
    "tip": ("TIP", "小费"),
    "total": ("TOTAL", "总计"),
    "balance": ("AVAILABLE", "可用余额"),
    "remark": ("REMARK", "备注"),
    "offline": ("APPROVED OFFLINE", "脱机批准"),
    "signature": ("CARDHOLDER SIGNATURE", "持卡人签名"),
    "no signature": ("PIN VERIFIED, NO SIGNATURE", "已验证密码,无需签名"),
    "signature waived": ("NO SIGNATURE REQUIRED", "免签名"),
    "acknowledge": ("I ACKNOWLEDGE THE TRANSACTION ABOVE", "本人确认以上交易,同意将其计入本卡账户"),
    "settlement": ("SETTLEMENT", "结算总计单"),
    "details": ("DETAILS", "交易明细"),
    "debit": ("DEBIT", "借记"),
    "credit": ("CREDIT", "贷记"),
    "terminal totals": ("TERMINAL", "终端"),
    "host totals": ("HOST", "主机"),
    "equal": ("EQUAL", "对账平"),
    "different": ("DIFFERENT, BATCH UPLOADED", "对账不平,已批上送"),
    "host captured": ("CAPTURED BY THE HOST", "联机即结算"),
    "refused notices": ("NOTICES REFUSED BY THE HOST", "上送失败的离线交易"),
    "none": ("NONE", "无"),
}


def lines(document: Document, *, columns: int = 32, language: Language = "zh") -> list[str]:
    """Lay a document out. Every line fits `columns`, counting a wide character as two.

    Raises: ValueError: a width no printer here has.
    """
    if columns not in WIDTHS:
        raise ValueError(f"paper is {WIDTHS[0]} or {WIDTHS[1]} columns wide, not {columns}")
    paper = _Paper(columns, 1 if language == "zh" else 0)
    match document:
        case Slip():
            _slip(paper, document)
        case BalanceSlip():
            _balance_slip(paper, document)
        case SettlementSlip():
            _settlement_slip(paper, document)
    return paper.lines


def width(text: str) -> int:
    """Columns a text takes on paper or on a terminal."""
    return sum(2 if unicodedata.east_asian_width(character) in "WF" else 1 for character in text)


@dataclass(slots=True)
class _Paper:
    columns: int
    language: int
    lines: list[str] = field(default_factory=list)

    def word(self, name: str) -> str:
        return _WORDS[name][self.language]

    def text(self, text: str) -> None:
        """A text, broken where it is too long: at a blank where there is one, else anywhere."""
        text = _printable(text)
        while width(text) > self.columns:
            fits = next(at for at in range(len(text), 0, -1) if width(text[:at]) <= self.columns)
            blank = text.rfind(" ", 1, fits + 1)
            cut = blank if blank > 0 and text[:blank].strip() else fits
            self.lines.append(text[:cut].rstrip())
            text = text[cut:].lstrip()
        self.lines.append(text)

    def center(self, text: str) -> None:
        """A text in the middle; one that is too long is broken like any other."""
        self.text(" " * max(0, (self.columns - width(text)) // 2) + text)

    def rule(self, character: str = "-") -> None:
        self.lines.append(character * self.columns)

    def pair(self, name: str, value: str) -> None:
        """A label and a value, the value on the right; two lines when they do not fit on one."""
        if not value:
            return
        self.labelled(self.word(name), value)

    def labelled(self, label: str, value: str) -> None:
        """As `pair`, with a label of its own."""
        label, value = _printable(label) + ":", _printable(value)
        gap = self.columns - width(label) - width(value)
        if gap >= 1:
            self.lines.append(label + " " * gap + value)
        else:
            self.text(label)
            self.text(" " * max(0, self.columns - width(value)) + value)


def _printable(text: str) -> str:
    """What comes from a host may hold anything; a printer's control codes do not get through."""
    return "".join(character if character.isprintable() else " " for character in text)


def _head(paper: _Paper, head: Letterhead) -> None:
    paper.pair("merchant", head.merchant_name)
    paper.pair("mid", head.merchant_id)
    paper.pair("tid", head.terminal_id)


def _slip(paper: _Paper, slip: Slip) -> None:
    entry = slip.entry
    if slip.training:
        paper.center(paper.word("training"))
    paper.center(paper.word(f"{slip.copy.value} copy"))
    if slip.reprint:
        paper.center(paper.word("reprint"))
    paper.rule()
    _head(paper, slip.head)
    paper.pair("operator", entry.operator)
    paper.rule()
    paid = CodeResult.parse(entry.institutions)
    if paid is not None:
        paper.pair("wallet", paper.word(paid.channel.name.lower()) if paid.channel is not None else "")
    else:
        paper.pair("issuer", entry.institutions[:11].strip())
        paper.pair("acquirer", entry.institutions[11:22].strip())
    _transaction(paper, entry)
    amount = Amount(entry.amount_minor, currency(entry.currency))
    if entry.tip_minor:
        paper.pair("tip", str(Amount(entry.tip_minor, amount.currency)))
        paper.pair("total", f"{amount.currency} {Amount(entry.total_minor, amount.currency)}")
    if entry.delivery in (Delivery.OWED, Delivery.FAILED) and entry.status is Status.APPROVED:
        paper.center(paper.word("offline"))
    for label, value in slip.price:
        paper.labelled(label, value)
    for label, value in chip_lines(entry):
        paper.text(f"{label}: {value}")
    paper.pair("remark", entry.remark)
    paper.rule()
    if slip.training:
        paper.center(paper.word("training"))
        return
    if slip.copy is Copy.MERCHANT and entry.entry not in CODE_ENTRIES:
        if entry.pin_entered or entry.signature_waived:
            paper.center(paper.word("no signature" if entry.pin_entered else "signature waived"))
        else:
            paper.text(paper.word("signature") + ":")
            paper.lines.append("")
        paper.text(paper.word("acknowledge"))


def chip_lines(entry: JournalEntry) -> list[tuple[str, str]]:
    """The chip block of a slip: labels and values; empty for other cards."""
    values = entry.chip_values
    if not values:
        return []
    certified = values.get("9F27", b"\0")[:1] == bytes([TC])
    label = (values.get("9F12") or values.get("50", b"")).decode("ascii", "replace").strip()
    shown = [
        ("AID", values.get("84", b"").hex().upper()),
        ("APP LABEL", label),
        ("TC" if certified else "ARQC", values.get("9F26", b"").hex().upper()),
        ("TVR", values.get("95", b"").hex().upper()),
        ("TSI", values.get("9B", b"").hex().upper()),
        ("ATC", values.get("9F36", b"").hex().upper()),
    ]
    return [(name, value) for name, value in shown if value]


def _transaction(paper: _Paper, entry: JournalEntry) -> None:
    letter = ENTRY_LETTER.get(entry.entry, "?")
    if entry.entry in CODE_ENTRIES:
        paper.pair("code", f"{entry.masked_pan} /{letter}".lstrip())
    else:
        paper.pair("card", f"{entry.masked_pan} /{letter}")
    paper.pair("expiry", f"20{entry.expiry[:2]}/{entry.expiry[2:]}" if entry.expiry else "")
    paper.pair("type", _kind_name(entry.kind, paper.language))
    paper.pair("batch", entry.batch)
    paper.pair("voucher", entry.stan)
    paper.pair("original voucher", entry.original_stan)
    paper.pair("auth", entry.auth_code)
    paper.pair("rrn", entry.rrn)
    paper.pair("time", _when(entry))
    if entry.kind is not Kind.BALANCE:
        amount = Amount(entry.amount_minor, currency(entry.currency))
        paper.pair("amount", f"{amount.currency} {amount}")


def _balance_slip(paper: _Paper, slip: BalanceSlip) -> None:
    _head(paper, slip.head)
    paper.rule()
    _transaction(paper, slip.entry)
    sign = "-" if slip.overdrawn else ""
    paper.pair("balance", f"{slip.available.currency} {sign}{slip.available}")


def _settlement_slip(paper: _Paper, slip: SettlementSlip) -> None:
    paper.center(paper.word("settlement"))
    if slip.reprint:
        paper.center(paper.word("reprint"))
    paper.rule()
    _head(paper, slip.head)
    paper.pair("operator", slip.operator)
    paper.pair("batch", slip.batch)
    paper.pair("time", slip.at[:19].replace("T", " "))
    paper.rule()
    _totals(paper, "terminal totals", slip.terminal, slip.currency)
    if slip.host is None:
        paper.center(paper.word("host captured"))
    else:
        _totals(paper, "host totals", slip.host, slip.currency)
        paper.center(paper.word("equal" if slip.equal else "different"))
    paper.rule()
    paper.center(paper.word("details"))
    _details(paper, [entry for entry in slip.entries if entry.counts])
    refused = [entry for entry in slip.entries if entry.delivery is Delivery.REFUSED]
    if refused:
        paper.center(paper.word("refused notices"))
        _details(paper, refused)


def _totals(paper: _Paper, name: str, totals: Totals, number: str) -> None:
    paper.text(paper.word(name))
    money = currency(number)
    paper.pair("debit", f"{totals.debit_count:>3} {Amount(totals.debit_minor, money)!s:>14}")
    paper.pair("credit", f"{totals.credit_count:>3} {Amount(totals.credit_minor, money)!s:>14}")


def _details(paper: _Paper, entries: Sequence[JournalEntry]) -> None:
    if not entries:
        paper.center(paper.word("none"))
    for entry in entries:
        amount = str(Amount(entry.total_minor, currency(entry.currency)))
        name = _kind_name(entry.kind, paper.language)
        gap = max(1, paper.columns - width(f"{entry.stan} {name}") - width(amount))
        paper.text(f"{entry.stan} {name}{' ' * gap}{amount}")
        paper.text(f"  {entry.masked_pan} {entry.auth_code}".rstrip())


def _kind_name(kind: Kind, language: int) -> str:
    row = TRANSACTIONS[kind]
    return (row.name, row.name_zh)[language]


def _when(entry: JournalEntry) -> str:
    """Host date and time when there are any, with the year of the terminal's clock."""
    if entry.host_date and entry.host_time:
        month, day = entry.host_date[:2], entry.host_date[2:]
        hour, minute, second = entry.host_time[:2], entry.host_time[2:4], entry.host_time[4:]
        return f"{entry.at[:4]}/{month}/{day} {hour}:{minute}:{second}"
    return entry.at[:19].replace("-", "/").replace("T", " ")
