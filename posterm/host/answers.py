"""Building answers: what is echoed, what the host adds, and whether a MAC goes on.

What the host adds is kept as text with the transaction, so that a repeat gets the same answer; what is echoed comes
from the repeat itself, which is how the PAN gets into it without being kept.

Source: Q/CUP 009, elements of responses.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Final

from posterm.host.case import Case, Desk, key_block
from posterm.host.errors import HostError
from posterm.host.records import CardRecord, TerminalRecord
from posterm.iso8583 import Message, PackError
from posterm.unionpay.envelope import Envelope
from posterm.unionpay.header import Requirement
from posterm.unionpay.response_codes import response_code
from posterm.unionpay.transactions import response_mti

_ECHOED: Final = (3, 4, 11, 14, 23, 25, 41, 42, 49, 53, 60)
_ECHOED_BY_MANAGEMENT: Final = (11, 41, 42, 60)
_ECHOED_BY_SETTLEMENT: Final = (11, 41, 42, 49, 60, 63)
_IN_HEXADECIMAL: Final = (55, 62)
_NUMBERS: Final = {str(number): number for number in range(2, 129)}
_CLASSES: Final = frozenset("1234568")
_SEALED: Final = frozenset("1246")
"""MTI classes whose messages carry a MAC: authorisation, financial, reversal, administrative."""

_REMARK_BEFORE_TERMINAL: Final = " " * 60
"""63.2: the areas of issuer, UnionPay and acquirer, 20 bytes each; what follows is the terminal's."""


def approves(desk: Desk, code: str) -> bool:
    """True when an answer code counts as an approval under this profile."""
    return response_code(code, desk.profile.code_extensions).approved


def rrn_for(case: Case) -> str:
    """The next retrieval reference: month and day, and a number of 8 digits."""
    return f"{case.today}{case.desk.store.next_number('rrn') % 100_000_000:08d}"


def answer_elements(
    case: Case,
    code: str,
    rrn: str,
    *,
    auth_code: str = "",
    balance: str = "",
    chip_data: str = "",
    result: str = "",
    shown_code: str = "",
) -> tuple[str, ...]:
    """What the host says to a request beside the echo: element number and value in turn, 55 and 62 in hexadecimal.

    `result` is element 44 of a payment by a code, `shown_code` the code for a customer to scan.
    Element 15 is the clearing date, of the original where there is one.
    """
    desk, card = case.desk, case.card
    settlement_date = case.original.settlement_date if case.original is not None and case.row is None else ""
    values = {
        "12": case.time_of_day,
        "13": case.today,
        "15": settlement_date or month_and_day(case),
        "32": desk.acquirer_id,
        "37": rrn,
        "38": auth_code,
        "39": code,
        "44": result or (f"{card.issuer_id:<11}{desk.acquirer_id:<11}" if card is not None else ""),
        "54": balance,
        "55": chip_data,
        "62": shown_code.encode("utf-8").hex(),
        **_texts(desk, code, card),
    }
    pairs: list[str] = []
    for pair in values.items():
        if pair[1]:
            pairs += pair
    return tuple(pairs)


def bare_elements(desk: Desk, now: datetime, code: str, rrn: str) -> tuple[str, ...]:
    """As `answer_elements`, for a request of which no more is known than its record."""
    said = {"12": f"{now:%H%M%S}", "13": f"{now:%m%d}", "32": desk.acquirer_id, "37": rrn, "39": code}
    return tuple(part for pair in (said | _texts(desk, code, None)).items() if pair[1] for part in pair)


def month_and_day(case: Case) -> str:
    """Of the clearing date; of today as long as that has not been found out."""
    return case.clearing_date[5:7] + case.clearing_date[8:10] if case.clearing_date else case.today


def financial_answer(case: Case, added: tuple[str, ...]) -> Message:
    """The answer to a transaction, reversal or script notice."""
    values = case.echo(_ECHOED)
    if case.pan is not None:
        values[2] = case.pan.reveal()
    values.update(zip(map(_NUMBERS.__getitem__, added[::2]), added[1::2], strict=True))
    for number in _IN_HEXADECIMAL:
        if number in values:
            values[number] = bytes.fromhex(str(values[number]))
    return Message(response_mti(case.message.mti), values)


def management_answer(
    case: Case, code: str, *, rrn: str = "", batch: str = "", added: Mapping[int, str | bytes] | None = None
) -> Message:
    """The answer to a management, settlement or upload message; `batch` replaces 60.2."""
    settlement = case.message.mti == "0500"
    echoed = _ECHOED_BY_SETTLEMENT if settlement else _ECHOED_BY_MANAGEMENT
    values = case.echo(echoed)
    values |= {12: case.time_of_day, 13: case.today, 32: case.desk.acquirer_id, 39: code}
    if settlement:
        values[15] = case.today
    if rrn:
        values[37] = rrn
    if batch:
        values[60] = case.text(60)[:2] + batch + case.text(60)[8:]
    return Message(response_mti(case.message.mti), {**values, **(added or {})})


def refusal_answer(message: Message, code: str) -> Message | None:
    """An answer to a message that was understood in part; None when not enough of it was."""
    if not all(number in message for number in (11, 41, 42)) or not asks(message.mti):
        return None
    known = {number: str(message[number]) for number in (3, 4, 11, 25, 41, 42, 49) if number in message}
    return Message(response_mti(message.mti), {**known, 39: code})


def asks(mti: str) -> bool:
    """True for the MTI of a request or notice of ISO 8583:1987."""
    return len(mti) == 4 and mti[0] == "0" and mti[1] in _CLASSES and mti[2] in "02" and mti[3] in "01"


def pack_answer(case: Case, answer: Message) -> bytes:
    """The whole frame: TPDU as the profile has it, the header with what the terminal should do, message and MAC."""
    return frame_around(case.desk, case.envelope, _wire(case, answer), case.terminal, case.forced.requirement)


def frame_around(
    desk: Desk,
    envelope: Envelope | None,
    wire: bytes,
    terminal: TerminalRecord | None,
    requirement: Requirement | None = None,
) -> bytes:
    """Put TPDU and header around a message."""
    if envelope is None:
        raise HostError("an answer needs the envelope of its request")
    asked = requirement or _asked_of(desk, terminal)
    return envelope.pack_answer(wire, asked, swap_tpdu=desk.profile.frame.swap_tpdu)


def _asked_of(desk: Desk, terminal: TerminalRecord | None) -> Requirement:
    """What the terminal still has to do."""
    if terminal is None:
        return Requirement.NONE
    asked = Requirement(terminal.requirement)
    if asked is Requirement.NONE and desk.chip_tables is not None:
        return desk.chip_tables.outdated(terminal)
    return asked


def _wire(case: Case, answer: Message) -> bytes:
    desk, terminal = case.desk, case.terminal
    approved = approves(desk, str(answer.get(39, "")))
    sealed = answer.mti[1] in _SEALED and (approved or desk.profile.mac.on_declines)
    try:
        if sealed and terminal is not None and terminal.mak:
            return desk.sealer.seal(answer, key_block(terminal.mak))
        return desk.profile.dialect.pack(answer)
    except PackError as error:
        # An acquirer's own element table may have no room for what is only nice to have.
        if error.path.partition(".")[0] not in ("44", "54", "56", "63"):
            raise
        return _wire(case, answer.with_elements(drop=(int(error.path.partition(".")[0]),)))


def _texts(desk: Desk, code: str, card: CardRecord | None) -> dict[str, str]:
    """Element 63: the card scheme, and for a decline its text in the terminal's area; or the text in element 56."""
    scheme = card.scheme if card is not None else ""
    meaning = response_code(code, desk.profile.code_extensions)
    if desk.profile.response_text_element == 56:
        return {"63": scheme, "56": meaning.text_zh}
    if meaning.approved:
        return {"63": scheme}
    return {"63": f"{scheme:<3}{_REMARK_BEFORE_TERMINAL}{meaning.text_zh}"}
