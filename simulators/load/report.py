"""A load as text, as an HTML page that needs nothing beside it, and as a picture.

The picture has the latency of each second above and the throughput below it; the page adds the spectrum of latencies,
from the moment a request was due and from the moment it was sent: where the two part, requests had to wait to be sent.
"""

from __future__ import annotations

import base64
import html
import io
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final

from simulators.load.arrivals import Outcome
from simulators.load.books import Books
from simulators.load.errors import PartMissingError
from simulators.load.measured import Latencies, Measured
from simulators.load.workers import Plan

_SPECTRUM: Final = (0, 10, 25, 50, 75, 90, 95, 99, 99.5, 99.9, 99.95, 99.99, 100)
_DPI: Final = 110


def report_document(plan: Plan, outcome: Outcome, books: Books) -> dict[str, Any]:
    """Everything as plain values, for JSON."""
    measured = outcome.measured
    return {
        "rate_per_s": plan.rate_per_s,
        "seconds": plan.seconds,
        "arrivals": plan.arrivals,
        "mix": dict(plan.mix.deeds),
        "readers": dict(plan.mix.readers),
        "connections": plan.connections,
        "processes": plan.processes,
        "seed": plan.seed,
        "asked": books.asked,
        "answered": books.answered,
        "answered_per_s": round(books.answered / plan.seconds, 1),
        "bad_answers": outcome.bad_answers,
        "latency_ms": measured.latencies.percentiles_ms(),
        "latency_since_sent_ms": measured.since_sent.percentiles_ms(),
        "by_second": [
            {
                "at": each.at,
                "due": each.due,
                "answered": each.answered,
                "p50_ms": round(each.latencies.at_ms(50.0), 3),
                "p99_ms": round(each.latencies.at_ms(99.0), 3),
            }
            for each in _in_order(measured)
        ],
        "books": {**asdict(books), "agree": books.agree},
    }


def report_lines(plan: Plan, outcome: Outcome, books: Books) -> list[str]:
    """The report for a screen."""
    declined = ", ".join(f"{count} with {code}" for code, count in sorted(books.declined.items()))
    lines = [
        f"asked       {books.asked} in {plan.seconds:g} s, {plan.rate_per_s:g} a second, {plan.arrivals} arrivals",
        f"answered    {books.answered}, {books.answered / plan.seconds:.1f} a second",
        f"approved    {books.approved}" + (f"; declined {declined}" if declined else ""),
        f"latency     {_percentiles(outcome.measured.latencies)}",
        f"since sent  {_percentiles(outcome.measured.since_sent)}",
    ]
    if books.unanswered or outcome.bad_answers:
        lines.append(f"trouble     {books.unanswered} unanswered, {outcome.bad_answers} bad answers")
    verdict = "agree" if books.agree else f"differ in {books.differences} places"
    lines.append(f"books       {books.transfers} transfers, {books.approved_minor} earned: {verdict}")
    return lines + [f"            {fault}" for fault in books.faults]


def write_report(folder: Path, plan: Plan, outcome: Outcome, books: Books) -> list[Path]:
    """Write `load.html` and `load.png`. Returns: both. Raises: PartMissingError: nothing here draws."""
    timeline, spectrum = _timeline(outcome.measured, plan.seconds), _spectrum(outcome.measured)
    folder.mkdir(parents=True, exist_ok=True)
    picture, page = folder / "load.png", folder / "load.html"
    picture.write_bytes(timeline)
    page.write_text(_page(report_lines(plan, outcome, books), plan, [timeline, spectrum]), encoding="utf-8")
    return [page, picture]


def _percentiles(latencies: Latencies) -> str:
    return "  ".join(f"{name} {value:.1f} ms" for name, value in latencies.percentiles_ms().items())


def _in_order(measured: Measured) -> list[Any]:
    return [measured.seconds[at] for at in sorted(measured.seconds)]


def _figure(rows: int) -> Any:
    try:
        from matplotlib.figure import Figure
    except ImportError:
        raise PartMissingError("matplotlib") from None
    figure = Figure(figsize=(9, 3.2 * rows), layout="constrained")
    return figure, figure.subplots(rows, 1, sharex=rows > 1, squeeze=False)[:, 0]


def _png(figure: Any) -> bytes:
    file = io.BytesIO()
    figure.savefig(file, format="png", dpi=_DPI)
    return file.getvalue()


def _timeline(measured: Measured, until: float) -> bytes:
    figure, (above, below) = _figure(2)
    seconds = [each for each in _in_order(measured) if each.at < until]
    at = [each.at for each in seconds]
    for percentile, colour in ((50.0, "tab:blue"), (90.0, "tab:orange"), (99.0, "tab:red")):
        above.plot(at, [each.latencies.at_ms(percentile) for each in seconds], label=f"p{percentile:g}", color=colour)
    above.set_ylabel("latency, ms")
    above.set_ylim(bottom=0)
    above.legend(loc="upper right")
    below.step(at, [each.due for each in seconds], where="mid", label="due", color="tab:gray")
    below.step(at, [each.answered for each in seconds], where="mid", label="answered", color="tab:green")
    below.set_ylabel("requests in a second")
    below.set_xlabel("seconds from the start")
    below.set_ylim(bottom=0)
    below.legend(loc="lower right")
    return _png(figure)


def _spectrum(measured: Measured) -> bytes:
    figure, (axes,) = _figure(1)
    places = range(len(_SPECTRUM))
    for latencies, label in ((measured.latencies, "since it was due"), (measured.since_sent, "since it was sent")):
        axes.plot(places, [latencies.at_ms(each) for each in _SPECTRUM], label=label)
    axes.set_xticks(list(places), [f"{each:g}" for each in _SPECTRUM])
    axes.set_xlabel("percent of the requests")
    axes.set_ylabel("latency at most, ms")
    axes.set_ylim(bottom=0)
    axes.legend(loc="upper left")
    return _png(figure)


def _page(lines: Sequence[str], plan: Plan, pictures: Sequence[bytes]) -> str:
    shares = ", ".join(f"{name} {share:g}" for name, share in (*plan.mix.deeds.items(), *plan.mix.readers.items()))
    images = "\n".join(
        f'<img alt="{name}" src="data:image/png;base64,{base64.b64encode(picture).decode("ascii")}">'
        for name, picture in zip(("latency and throughput", "spectrum of latencies"), pictures, strict=True)
    )
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head><meta charset="utf-8"><title>posterm load</title>\n'
        "<style>body{font:16px sans-serif;max-width:62em;margin:2em auto;padding:0 1em}img{max-width:100%}</style>\n"
        f"</head>\n<body>\n<h1>posterm load</h1>\n<pre>{html.escape(chr(10).join(lines))}</pre>\n"
        f"<p>Mix: {html.escape(shares)}. {plan.connections} connections, {plan.processes} processes, seed {plan.seed}."
        f"</p>\n{images}\n</body>\n</html>\n"
    )
