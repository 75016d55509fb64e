"""The settlement file: every transaction that counts on a clearing date, and a trailer with counts and totals.

The same columns as CSV (RFC 4180) or in fixed width: text from the left, amounts in minor units from the right with
zeros, a minus in front of one below nothing. The first column tells lines from the trailer: `D` and `T`. The trailer
has the number of lines in the place of the trace number. Cards are masked.

Source: the columns acquirers give merchants; which ones and how wide is posterm's own.
"""

from __future__ import annotations

import csv
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, Literal

from posterm.host.errors import HostError
from posterm.host.records import TransactionRecord

Form = Literal["csv", "fixed"]


@dataclass(frozen=True, slots=True)
class Column:
    """One column: its width in fixed form, and whether it is a number."""

    name: str
    width: int
    number: bool = False


COLUMNS: Final = (
    Column("line", 1),
    Column("clearing_date", 10),
    Column("time", 19),
    Column("merchant", 15),
    Column("terminal", 8),
    Column("batch", 6),
    Column("trace", 6),
    Column("rrn", 12),
    Column("type", 18),
    Column("card", 19),
    Column("card_class", 6),
    Column("channel", 6),
    Column("currency", 3),
    Column("amount", 13, number=True),
    Column("fee", 13, number=True),
    Column("net", 13, number=True),
)
_TIME_CHARACTERS: Final = 19


def settlement_file(clearing_date: str, records: Iterable[TransactionRecord], form: Form) -> str:
    """The whole text, each line ended by a line feed. Requests that add nothing on the date are left out.

    Raises: HostError: a value is wider than its column.
    """
    counting = sorted(
        (record for record in records if record.gross_minor or record.fee_minor),
        key=lambda record: (record.merchant_id, record.at, record.ref),
    )
    lines = [_line(record) for record in counting]
    lines.append(_trailer(clearing_date, counting))
    if form == "fixed":
        return "".join("".join(_fixed(column, line[column.name]) for column in COLUMNS) + "\n" for line in lines)
    text = _Text()
    writer = csv.DictWriter(text, [column.name for column in COLUMNS], lineterminator="\n")
    writer.writeheader()
    writer.writerows(lines)
    return "".join(text.parts)


@dataclass(slots=True)
class _Text:
    """What a CSV writer writes to."""

    parts: list[str] = field(default_factory=list)

    def write(self, part: str) -> None:
        self.parts.append(part)


def _line(record: TransactionRecord) -> Mapping[str, str | int]:
    return {
        "line": "D",
        "clearing_date": record.clearing_date,
        "time": record.at[:_TIME_CHARACTERS],
        "merchant": record.merchant_id,
        "terminal": record.terminal_id,
        "batch": record.batch,
        "trace": record.stan,
        "rrn": record.rrn,
        "type": record.kind,
        "card": record.masked_pan,
        "card_class": record.card_class,
        "channel": record.channel,
        "currency": record.currency,
        "amount": record.gross_minor,
        "fee": record.fee_minor,
        "net": record.gross_minor - record.fee_minor,
    }


def _trailer(clearing_date: str, records: Sequence[TransactionRecord]) -> Mapping[str, str | int]:
    gross = sum(record.gross_minor for record in records)
    fee = sum(record.fee_minor for record in records)
    blank = {column.name: "" for column in COLUMNS}
    counted = {"line": "T", "clearing_date": clearing_date, "trace": f"{len(records):06d}"}
    return {**blank, **counted, "amount": gross, "fee": fee, "net": gross - fee}


def _fixed(column: Column, value: str | int) -> str:
    text = f"{value:0{column.width}d}" if isinstance(value, int) else f"{value:<{column.width}}"
    if len(text) > column.width:
        raise HostError(f"settlement file, column {column.name}: need at most {column.width} characters")
    return text
