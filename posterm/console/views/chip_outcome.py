"""How a chip card transaction ended, for people and for machines; with the rules that led there when asked."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from rich.text import Text

from posterm.console.chip_run import ChipRun
from posterm.console.views.message import wrapped
from posterm.emv.bits import Bits
from posterm.emv.describe import describe_value
from posterm.emv.outcome import Ending, Outcome
from posterm.emv.tags import printable

_LABEL_CELLS = 14


def lines(run: ChipRun, columns: int, *, issuer: str = "", explain: bool = False) -> Iterator[Text]:
    """The end first, then what it rests on; the trace last.

    Args:
        issuer: what the issuer said, in words.
    """
    outcome, setting = run.outcome, run.setting
    yield Text(f"{setting.amount} {setting.amount.currency}, {'tapped' if setting.contactless else 'inserted'}", end="")
    style = "bold green" if outcome.approved else "bold red"
    yield Text(f"{outcome.ending.value}: {outcome.reason}", style, end="")
    for label, value in _rows(outcome, issuer):
        for number, piece in enumerate(wrapped(value, columns - _LABEL_CELLS - 2)):
            yield Text(f"  {label if number == 0 else '':<{_LABEL_CELLS}}{piece}", end="")
    for label, bits in (("TVR", outcome.tvr), ("TSI", outcome.tsi)):
        yield Text(f"  {label:<{_LABEL_CELLS}}{bits.to_bytes().hex().upper()}", end="")
        for line in bits.lines():
            yield Text(f"  {'':<{_LABEL_CELLS}}  {line}", "dim", end="")
    if explain:
        yield Text("")
        yield Text("Rules, in order:", "bold", end="")
        for number, rule in enumerate(outcome.trace, start=1):
            for place, piece in enumerate(wrapped(str(rule), columns - 5)):
                yield Text(f"{number if place == 0 else '':>3}  {piece}", "" if rule.bit else "dim", end="")


def document(run: ChipRun, *, issuer: str = "") -> dict[str, Any]:
    """The same for machines, the trace always with it."""
    outcome = run.outcome
    return {
        "amount_minor": run.setting.amount.minor,
        "currency": run.setting.amount.currency.code,
        "contactless": run.setting.contactless,
        "ending": outcome.ending.value,
        "approved": outcome.approved,
        "reason": outcome.reason,
        "fallback": outcome.fallback.value,
        "online": outcome.online,
        "host_approved": outcome.host_approved,
        "response_code": outcome.response_code,
        "issuer": issuer,
        "cryptogram": outcome.cryptogram.name if outcome.cryptogram is not None else "",
        "signature": outcome.signature,
        "online_pin": outcome.online_pin,
        "tvr": _bits(outcome.tvr),
        "tsi": _bits(outcome.tsi),
        "script_results": outcome.script_results.hex().upper(),
        "data": {tag: printable(tag, value) for tag, value in sorted(outcome.data.items())},
        "trace": [{"book": r.book, "clause": r.clause, "text": r.text, "bit": r.bit} for r in outcome.trace],
    }


def _rows(outcome: Outcome, issuer: str) -> Iterator[tuple[str, str]]:
    data = outcome.data
    if "84" in data:
        yield "application", " ".join((data["84"].hex().upper(), _text(data, "9F12") or _text(data, "50"))).strip()
    number = next((printable(tag, data[tag]) for tag in ("5A", "57", "9F6B") if tag in data), "")
    if number:
        expiry = data.get("5F24", b"").hex()
        yield "card", number.split("D")[0] + (f", expires {expiry[2:4]}/{expiry[:2]}" if expiry else "")
    if "9F34" in data:
        yield "cardholder", ", ".join(describe_value("9F34", data["9F34"]))
    if outcome.online or issuer:
        said = f"{outcome.response_code}{f', {issuer}' if issuer else ''}" if outcome.online else issuer
        yield "issuer", said
    elif outcome.response_code:
        yield "response code", ", ".join((outcome.response_code, *describe_value("8A", outcome.response_code.encode())))
    if outcome.cryptogram is not None:
        counter = int.from_bytes(data.get("9F36", b""), "big")
        yield "cryptogram", f"{outcome.cryptogram.name} {data.get('9F26', b'').hex().upper()}, counter {counter}"
    if outcome.script_results:
        yield "scripts", outcome.script_results.hex().upper()
    if outcome.signature:
        yield "to do", "have the receipt signed"
    if outcome.reversal_needed:
        yield "to do", "reverse: the issuer approved, the transaction is not"
    if outcome.ending in (Ending.TERMINATED, Ending.TRY_ANOTHER_CARD):
        yield "fallback", outcome.fallback.value


def _text(data: Mapping[str, bytes], tag: str) -> str:
    return printable(tag, data[tag]).strip("'") if tag in data else ""


def _bits(bits: Bits) -> dict[str, Any]:
    return {"value": bits.to_bytes().hex().upper(), "bits": list(bits.lines())}
