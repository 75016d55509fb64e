"""What went over the line, for people: each message under a heading with time and direction, masked."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from textwrap import wrap
from typing import Final

from posterm.console.views.message import COLUMNS, Line, table_lines
from posterm.iso8583.describe import Row, describe, to_json
from posterm.terminal.effects import Tell
from posterm.terminal.receipt import Language
from posterm.unionpay.profile import AcquirerProfile
from posterm.unionpay.response_codes import response_code
from posterm.unionpay.transactions import ReversalReason

_ARROWS: Final = {"sent": "-->", "received": "<--"}
_REASONS: Final = {
    ReversalReason.NO_ANSWER.value: "no answer in time",
    ReversalReason.COULD_NOT_FINISH.value: "the terminal could not finish",
    ReversalReason.BAD_MAC.value: "wrong MAC in the answer",
    ReversalReason.OTHER.value: "no answer that matches",
}
_TITLES: Final = {
    "0100": "authorisation request",
    "0110": "authorisation response",
    "0200": "financial request",
    "0210": "financial response",
    "0220": "financial notice",
    "0230": "financial notice response",
    "0320": "batch upload",
    "0330": "batch upload response",
    "0400": "reversal",
    "0410": "reversal response",
    "0500": "settlement",
    "0510": "settlement response",
    "0620": "script notice",
    "0630": "script notice response",
    "0800": "network management request",
    "0810": "network management response",
    "0820": "network management notice",
    "0830": "network management notice response",
}


def message_lines(
    told: Tell, profile: AcquirerProfile, language: Language = "en", columns: int = COLUMNS
) -> tuple[str, list[Line]]:
    """A heading and a table for a message that was sent or received; DE 39 with its meaning."""
    message = profile.dialect.unpack(told.wire)
    title = _TITLES.get(message.mti, "message")
    heading = f"{clock_time(told.at)} {_ARROWS[told.name]} {message.mti} {title}"
    rows = [_with_meaning(row, message.mti, profile, language) for row in describe(message, profile.dialect)]
    return heading, table_lines([Row("header", "", told.details.get("header", "")), *rows], columns)


def _with_meaning(row: Row, mti: str, profile: AcquirerProfile, language: Language) -> Row:
    if row.path != "39" or row.depth:
        return row
    if mti == "0400":
        return replace(row, value=f"{row.value} {_REASONS.get(row.value, '')}".rstrip())
    code = response_code(row.value, profile.code_extensions)
    return replace(row, value=f"{row.value} {code.text_zh if language == 'zh' else code.text}")


def message_document(told: Tell, profile: AcquirerProfile) -> dict[str, object]:
    """The same for machines."""
    message = profile.dialect.unpack(told.wire)
    return {
        "at": told.at.isoformat(),
        "direction": told.name,
        "header": told.details.get("header", ""),
        **to_json(message, profile.dialect),
    }


def event_lines(told: Tell, columns: int = COLUMNS) -> list[str]:
    """What is not a message: its time and name, then its details, in lines of at most `columns` cells."""
    details = " ".join(f"{name}={value}" for name, value in told.details.items() if value)
    return wrap(f"{clock_time(told.at)}  *  {told.name} {details}".rstrip(), columns, subsequent_indent=" " * 18)


def is_message(told: Tell) -> bool:
    """True for a message, False for an event."""
    return bool(told.wire)


def clock_time(at: datetime) -> str:
    """Hours to milliseconds."""
    return at.strftime("%H:%M:%S.") + f"{at.microsecond // 1000:03d}"
