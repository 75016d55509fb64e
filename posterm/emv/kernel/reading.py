"""Initiate application processing, and read what the application holds.

Source: EMV 4.4 Book 3, 10.1, 10.2, 7.2 (mandatory objects), 7.5 (erroneous and missing data).
"""

from __future__ import annotations

from typing import Final

from posterm.emv import apdu
from posterm.emv.bits import Aip
from posterm.emv.card_data import (
    AflEntry,
    fits_dictionary,
    parse_afl,
    parse_processing_options,
    parse_record,
    static_data_of,
)
from posterm.emv.dol import build_dol_data, parse_dol
from posterm.emv.errors import CardDataError, Stop
from posterm.emv.exchange import Exchange
from posterm.emv.kernel import commands
from posterm.emv.kernel.session import Session

_BOOK: Final = "Book 3"

MANDATORY: Final = ("5F24", "5A", "8C", "8D")
"""Expiry, card number, CDOL1, CDOL2. Source: EMV 4.4 Book 3, 7.2, table 26."""

CHECKED: Final = (
    "5A",
    "5F24",
    "5F25",
    "5F28",
    "8C",
    "8D",
    "8F",
    "9F07",
    "9F08",
    "9F0D",
    "9F0E",
    "9F0F",
    "9F14",
    "9F23",
)
"""Objects the kernel decides on: one of a length the dictionary does not allow ends the transaction (7.5)."""


def initiate(session: Session) -> Exchange[bool]:
    """GET PROCESSING OPTIONS. Returns: False when the card wants another application used (6985).

    Raises: Stop: any other status. CardDataError: an answer that cannot be read.
    """
    pdol = parse_dol(session.card.get("9F38", b""))
    values = build_dol_data(pdol, session.values())
    session.pdol_values = values
    answer = yield from session.transmit(commands.get_processing_options(values))
    if answer.sw == apdu.CONDITIONS_NOT_SATISFIED:
        session.note(_BOOK, "10.1", "conditions of use not satisfied (6985): back to application selection")
        return False
    if not answer.ok:
        raise Stop(f"GET PROCESSING OPTIONS answered {answer.sw:04X}")
    session.card |= parse_processing_options(answer.data)
    session.aip = Aip.from_value(session.card["82"])
    session.note(_BOOK, "10.1", f"AIP {session.card['82'].hex().upper()}: {session.aip}")
    return True


def read_application_data(session: Session) -> Exchange[None]:
    """Read every record the file locator names.

    Raises: Stop: a record the card does not give. CardDataError: a record that cannot be read, an object that comes
        twice or has a length it cannot have, or a mandatory one that is missing.
    """
    records = 0
    signed: list[bytes] | None = []
    seen: set[str] = set()
    for entry in parse_afl(session.card.get("94", b"")):
        for number in range(entry.first, entry.last + 1):
            answer = yield from session.transmit(commands.read_record(entry.sfi, number))
            if not answer.ok:
                raise Stop(f"READ RECORD {number} of file {entry.sfi} answered {answer.sw:04X}")
            records += 1
            for tag, value in parse_record(entry.sfi, answer.data):
                if tag in seen:
                    raise CardDataError(f"the card gives {tag} twice")
                seen.add(tag)
                session.card.setdefault(tag, value)  # no record replaces what SELECT and GPO said
            if signed is not None and _is_signed(entry, number):
                signed = _with_record(signed, entry.sfi, answer.data)
    session.static_data = None if signed is None else b"".join(signed)
    session.note(_BOOK, "10.2", f"{records} records read")
    _check(session)


def _is_signed(entry: AflEntry, number: int) -> bool:
    return number - entry.first < entry.signed


def _with_record(signed: list[bytes], sfi: int, record: bytes) -> list[bytes] | None:
    """The signed data with one more record; None when it is not coded as signed records must be."""
    try:
        return [*signed, static_data_of(sfi, record)]
    except CardDataError:
        return None


def _check(session: Session) -> None:
    if missing := [tag for tag in MANDATORY if tag not in session.card]:
        raise CardDataError(f"the card lacks {', '.join(missing)}, which every application must have")
    for tag in CHECKED:
        if tag in session.card and not fits_dictionary(tag, session.card[tag]):
            raise CardDataError(f"{tag} has {len(session.card[tag])} bytes, which it cannot have")
    if not session.pan.isdecimal():
        raise CardDataError("5A is not a card number")
