"""The daily statement: every payment, refund and adjustment of a clearing date, what it comes to, and its payout.

As data, as CSV (RFC 4180, amounts in yuan) and as PDF. An open date's statement shows what is there so far.

Source: the columns of `posterm.host.settlement_file`; the form is posterm's own.
"""

from __future__ import annotations

import csv
from dataclasses import dataclass, field
from datetime import date
from typing import Final

from pydantic import BaseModel, ConfigDict

from posterm.host.records import TransactionRecord
from posterm.merchant.actor import Actor
from posterm.merchant.contract_text import yuan
from posterm.merchant.enrolled import enrolled_merchant, records_between
from posterm.merchant.office import Office
from posterm.merchant.pdf import HEADING, TEXT, TITLE, drawn, paragraph, table
from posterm.merchant.problem import Language
from posterm.merchant.settlement import Payout

_TIME: Final = slice(11, 19)


class StatementLine(BaseModel):
    """One payment, refund, void or adjustment. The card is masked."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    at: str
    terminal: str
    rrn: str
    kind: str
    card: str
    card_class: str
    channel: str
    amount_minor: int
    fee_minor: int


class Statement(BaseModel):
    """A merchant's day. `due` is empty while the date is open, `payout` while nothing is paid for it."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    merchant: str
    merchant_id: str
    name: str
    clearing_date: str
    currency: str
    lines: tuple[StatementLine, ...]
    taken_minor: int
    given_minor: int
    fee_minor: int
    due: str = ""
    payout: str = ""
    payout_state: str = ""

    @property
    def net_minor(self) -> int:
        return self.taken_minor - self.given_minor - self.fee_minor


WORDS: Final = {
    Language.CHINESE: {
        "title": "商户日对账单",
        "merchant": "商户",
        "date": "清算日期",
        "open": "（未结）",
        "taken": "收款",
        "given": "退款与扣款",
        "fee": "手续费",
        "net": "应结算",
        "due": "结算日",
        "payout": "付款",
        "count": "笔数",
        "at": "时间",
        "terminal": "终端",
        "rrn": "参考号",
        "kind": "交易",
        "card": "卡号",
        "class": "卡种",
        "channel": "渠道",
        "amount": "金额",
        "total": "合计",
    },
    Language.ENGLISH: {
        "title": "Daily statement",
        "merchant": "Merchant",
        "date": "Clearing date",
        "open": " (open)",
        "taken": "Taken",
        "given": "Given back",
        "fee": "Fee",
        "net": "Net",
        "due": "Due",
        "payout": "Payout",
        "count": "Lines",
        "at": "Time",
        "terminal": "Terminal",
        "rrn": "RRN",
        "kind": "Type",
        "card": "Card",
        "class": "Class",
        "channel": "Channel",
        "amount": "Amount",
        "total": "Total",
    },
}
_COLUMNS: Final = ("at", "terminal", "rrn", "kind", "card", "class", "channel", "amount", "fee", "net")
_TEXT_COLUMNS: Final = 7


def daily_statement(office: Office, actor: Actor, key: str, day: date) -> Statement:
    """A merchant's statement of a clearing date.

    Args:
        key: the merchant's.
    Raises: NotFoundError.
    """
    merchant = enrolled_merchant(office, actor, key)
    records = records_between(office, frozenset((merchant.merchant_id,)), day, day)
    counting = [record for record in records if record.gross_minor or record.fee_minor]
    cleared = office.store.clearing(day.isoformat(), merchant.merchant_id)
    payout = office.cabinet.get(Payout, cleared.payout) if cleared is not None and cleared.payout else None
    return Statement(
        merchant=merchant.key,
        merchant_id=merchant.merchant_id,
        name=merchant.name,
        clearing_date=day.isoformat(),
        currency=counting[0].currency if counting else "",
        lines=tuple(map(_line, sorted(counting, key=lambda record: (record.at, record.ref)))),
        taken_minor=sum(record.gross_minor for record in counting if record.gross_minor > 0),
        given_minor=-sum(record.gross_minor for record in counting if record.gross_minor < 0),
        fee_minor=sum(record.fee_minor for record in counting),
        due=cleared.due if cleared is not None else "",
        payout=payout.key if payout is not None else "",
        payout_state=payout.state if payout is not None else "",
    )


def daily_statement_csv(
    office: Office, actor: Actor, key: str, day: date, *, language: Language = Language.CHINESE
) -> bytes:
    """A merchant's statement of a clearing date as CSV in UTF-8: a head, a row for each line, a total.

    Raises: NotFoundError.
    """
    statement = daily_statement(office, actor, key, day)
    words = WORDS[language]
    text = _Text()
    writer = csv.writer(text, lineterminator="\r\n")
    writer.writerow([words[name] for name in _COLUMNS])
    writer.writerows(_cells(line) for line in statement.lines)
    gross = statement.taken_minor - statement.given_minor
    writer.writerow([words["total"], *[""] * (_TEXT_COLUMNS - 1), *_amounts(gross, statement.fee_minor)])
    return "".join(text.parts).encode()


def daily_statement_pdf(
    office: Office, actor: Actor, key: str, day: date, *, language: Language = Language.CHINESE
) -> bytes:
    """A merchant's statement of a clearing date as PDF. Raises: NotFoundError."""
    statement = daily_statement(office, actor, key, day)
    words = WORDS[language]
    marked = "" if statement.due else words["open"]
    facts = [
        (words["merchant"], f"{statement.name} {statement.merchant_id}"),
        (words["date"], statement.clearing_date + marked),
        (words["count"], str(len(statement.lines))),
        (words["taken"], yuan(statement.taken_minor)),
        (words["given"], yuan(statement.given_minor)),
        (words["fee"], yuan(statement.fee_minor)),
        (words["net"], yuan(statement.net_minor)),
        (words["due"], statement.due),
        (words["payout"], f"{statement.payout} {statement.payout_state}".strip()),
    ]
    head, rows = [words[name] for name in _COLUMNS], [_cells(line) for line in statement.lines]
    story = [
        paragraph(words["title"], TITLE),
        *(paragraph(f"{name}: {value}", TEXT) for name, value in facts if value),
        paragraph(" ", HEADING),
        table(head, rows, numbers_from=_TEXT_COLUMNS),
    ]
    return drawn(story, f"{statement.merchant_id} {statement.clearing_date}")


@dataclass(slots=True)
class _Text:
    """What a CSV writer writes to."""

    parts: list[str] = field(default_factory=list)

    def write(self, part: str) -> None:
        self.parts.append(part)


def _line(record: TransactionRecord) -> StatementLine:
    return StatementLine(
        at=record.at,
        terminal=record.terminal_id,
        rrn=record.rrn,
        kind=record.kind,
        card=record.masked_pan,
        card_class=record.card_class,
        channel=record.channel,
        amount_minor=record.gross_minor,
        fee_minor=record.fee_minor,
    )


def _cells(line: StatementLine) -> list[str]:
    texts = [line.at[_TIME], line.terminal, line.rrn, line.kind, line.card, line.card_class, line.channel]
    return [*texts, *_amounts(line.amount_minor, line.fee_minor)]


def _amounts(gross: int, fee: int) -> list[str]:
    return [yuan(gross), yuan(fee), yuan(gross - fee)]
