"""A decoded message with what stood around it, as rows of a table and as a document."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any, Final

from posterm.console.captured import Captured
from posterm.console.element_bytes import element_spans
from posterm.iso8583 import Dialect, Message, UnpackError
from posterm.iso8583.describe import Row, describe, to_json
from posterm.unionpay.header import Header
from posterm.unionpay.response_codes import known_codes, response_code
from posterm.unionpay.transactions import UPLOAD_STRIPE, Network, find_transaction

_BYTES_IN_A_LINE: Final = 12


def decoded_rows(
    captured: Captured, dialect: Dialect, message: Message, *, unmask: bool, with_bytes: bool = False
) -> list[Row]:
    """TPDU, headers, type and elements, each with what it says where that is known."""
    meanings = _meanings(message)
    rows = [*_around(captured), *describe(message, dialect, unmask=unmask)]
    rows = [replace(row, value=f"{row.value} ({meanings[row.path]})") if row.path in meanings else row for row in rows]
    if not with_bytes:
        return rows
    shown = element_hex(captured.wire, dialect, message, unmask=unmask)
    spans = element_spans(dialect, message, len(captured.wire))
    return list(_with_bytes(rows, spans, shown))


def decoded_document(
    captured: Captured,
    dialect: Dialect,
    message: Message,
    fault: UnpackError | None,
    *,
    unmask: bool,
    with_bytes: bool = False,
) -> dict[str, Any]:
    """The same for machines; `error` beside the elements that were understood when the message does not fit."""
    document: dict[str, Any] = {}
    if captured.tpdu is not None:
        document |= {"tpdu": captured.tpdu.pack().hex().upper(), "header": captured.header}
    if captured.named:
        document["headers"] = [{"name": name, "bytes": part.hex().upper()} for name, part in captured.named]
    document |= to_json(message, dialect, unmask=unmask)
    if with_bytes and fault is None:
        spans = element_spans(dialect, message, len(captured.wire))
        shown = element_hex(captured.wire, dialect, message, unmask=unmask)
        document["bytes"] = {str(number): {"at": spans[number][0], "hex": shown[number]} for number in spans}
    if fault is not None:
        document["error"] = fault_document(fault)
    return document


def fault_document(fault: UnpackError) -> dict[str, Any]:
    """Where and why bytes are no message."""
    return {
        "path": fault.path,
        "offset": fault.offset,
        "code": fault.code,
        "needed": fault.needed,
        "found": fault.found,
    }


def element_hex(wire: bytes, dialect: Dialect, message: Message, *, unmask: bool) -> dict[int, str]:
    """The bytes of every element with its length, in hexadecimal; stars for sensitive ones."""
    shown = {}
    for number, (start, end) in element_spans(dialect, message, len(wire)).items():
        element = dialect.elements.get(number)
        open_to_all = unmask or (element is not None and not element.sensitive and not _has_sensitive_part(element))
        shown[number] = wire[start:end].hex(" ").upper() if open_to_all else "*" * (end - start)
    return shown


def _has_sensitive_part(element: Any) -> bool:
    layout = element.layout
    return layout is not None and any(
        part.sensitive or _has_sensitive_part(part) for part in (*layout.lead, *layout.parts)
    )


def _with_bytes(rows: list[Row], spans: dict[int, tuple[int, int]], shown: dict[int, str]) -> Iterator[Row]:
    for row in rows:
        yield row
        number = int(row.path) if row.depth == 0 and row.path.isascii() and row.path.isdigit() else 0
        if number in shown:
            yield from _byte_rows(*spans[number], shown[number])


def _byte_rows(start: int, end: int, shown: str) -> Iterator[Row]:
    """The bytes of one element, so many to a line that no pair of digits is torn."""
    if shown.startswith("*"):
        yield Row("", f"bytes {start} to {end - 1}", f"**** ({end - start} bytes masked)", 1)
        return
    for at in range(start, end, _BYTES_IN_A_LINE):
        last = min(at + _BYTES_IN_A_LINE, end)
        yield Row("", f"bytes {at} to {last - 1}", shown[3 * (at - start) : 3 * (last - start) - 1], 1)


def _meanings(message: Message) -> dict[str, str]:
    """What message type and answer code say on the POS link, where they say something."""
    try:
        parts = [str(message.get(path, "")) for path in (3, 25, "60.1", "60.3", 39)]
    except UnpackError:
        return {}
    code, condition, kind, network, answer = parts
    meanings = {"39": response_code(answer).text} if answer in known_codes() and message.mti != "0400" else {}
    request = message.mti[:2] + str(int(message.mti[2]) & 0xE) + message.mti[3:]
    for mti in (request, "0100", "0200") if request == "0400" else (request,):
        row = find_transaction(mti, code, condition, kind)
        if row is not None:
            name = row.name.lower()
            return {**meanings, "MTI": f"reversal of {name}" if request == "0400" else name}
    if request == "0320" and network == UPLOAD_STRIPE:
        meanings["MTI"] = "batch upload"
    elif kind == "00" and network in list(Network):
        meanings["MTI"] = Network(network).name.lower().replace("_", " ")
    return meanings


def _around(captured: Captured) -> list[Row]:
    """TPDU and header as rows, each with what it says."""
    rows = [Row("HDR", name, part.hex().upper()) for name, part in captured.named]
    if captured.tpdu is None or captured.header is None:
        return rows
    tpdu = captured.tpdu
    rows.append(Row("TPDU", "Routing", f"{tpdu.id} {tpdu.destination} {tpdu.source}"))
    rows.append(Row("HDR", "Header", captured.header))
    header = Header.parse(captured.header)
    asked = header.requirement.name.lower().replace("_", " ")
    rows.append(Row("HDR.1", "Application class", header.application_class, 1))
    rows.append(Row("HDR.3", "Version", header.version, 1))
    rows.append(Row("HDR.5", "Terminal state", header.state, 1))
    rows.append(Row("HDR.6", "Processing requirement", f"{header.requirement.value} ({asked})", 1))
    return rows
