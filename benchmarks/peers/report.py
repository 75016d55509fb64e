"""A run as JSON, as a table to read, and as short text for the terminal."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from benchmarks.peers.bars import Verdict, verdicts
from benchmarks.peers.rounds import Outcome
from benchmarks.peers.sample import WIRES

Run = Mapping[str, Any]
"""`date`, `machine`, `rounds` and `seconds` of a run."""


def to_json(run: Run, outcomes: Mapping[str, Outcome]) -> dict[str, Any]:
    """The run with every single number, so that others can draw their own conclusions."""
    return {
        **run,
        "unit": "CPU microseconds of one message, process total, one number for each round",
        "wires": {name: {"bytes": size} for name, size in WIRES.items()},
        "codecs": {name: _codec_json(outcome) for name, outcome in outcomes.items()},
        "bars": [_bar_json(verdict) for verdict in verdicts(outcomes)],
    }


def _codec_json(outcome: Outcome) -> dict[str, Any]:
    peer = outcome.peer
    described = {"language": peer.language, "licence": peer.licence, "versions": outcome.versions}
    if outcome.skipped:
        return {**described, "skipped": outcome.skipped}
    works: dict[str, dict[str, Any]] = {wire: {} for wire in WIRES}
    for (wire, work), numbers in outcome.us.items():
        works[wire][work] = {"quartiles_us": outcome.spread(wire, work), "rounds_us": numbers}
    for (wire, work), reason in outcome.cannot.items():
        works[wire][work] = {"cannot": reason}
    return {**described, "note": peer.note, "works": works, "bytes_of_a_decoded_message": outcome.memory}


def _bar_json(verdict: Verdict) -> dict[str, Any]:
    bar = verdict.bar
    return {
        "wire": bar.wire,
        "claim": bar.claim,
        "limit": round(bar.limit, 4),
        "ratio_quartiles": verdict.ratio,
        "verdict": verdict.text,
    }


def to_markdown(run: Run, outcomes: Mapping[str, Outcome]) -> str:
    """The run as a page: the bars, the table, what could not be measured, the machine."""
    return "\n".join(_page(run, outcomes)) + "\n"


def _page(run: Run, outcomes: Mapping[str, Outcome]) -> Iterator[str]:
    machine = run["machine"]
    yield "# posterm beside other ISO 8583 codecs"
    yield ""
    yield (
        f"Measured on {run['date']} by `make bench-peers`: {machine['processor']}, {machine['cores']} cores, "
        f"{machine['memory']}, {machine['system']}, load {machine['load before']} before the run. "
        f"{run['rounds']} interleaved rounds of {run['seconds']} s for each number."
    )
    yield ""
    yield "![CPU time of one message](peers.png)"
    yield ""
    yield "## CPU time of one message"
    yield ""
    yield (
        "Microseconds of CPU time, median over the rounds and, small, the quartiles. *decode*: bytes to values. "
        "*encode*: a message of the codec's own making to bytes. *build*: from plain values to bytes. "
        "Wire `ascii` has 309 bytes, `bcd` 251."
    )
    yield ""
    yield from _codec_table(outcomes)
    yield ""
    yield from _notes(outcomes)
    yield ""
    yield "## The bars"
    yield ""
    yield "posterm's time divided by the other, round by round; median and quartiles."
    yield ""
    yield "| wire | bar | limit | found | |"
    yield "|---|---|---:|---:|---|"
    for verdict in verdicts(outcomes):
        found = "" if verdict.ratio is None else _ratio_text(verdict.ratio)
        mark = f"**{verdict.text}**" if verdict.text == "not met" else verdict.text
        yield f"| `{verdict.bar.wire}` | {verdict.bar.claim} | {verdict.bar.limit:.3f} | {found} | {mark} |"
    yield ""
    yield from _own_works(outcomes)
    yield from _memory(outcomes)


def _codec_table(outcomes: Mapping[str, Outcome]) -> Iterator[str]:
    columns = [(wire, work) for wire in WIRES for work in ("decode", "encode", "build")]
    yield "| codec | " + " | ".join(f"`{wire}` {work}" for wire, work in columns) + " |"
    yield "|---|" + "---:|" * len(columns)
    for outcome in outcomes.values():
        if outcome.skipped:
            continue
        cells = [_cell(outcome.spread(wire, work)) for wire, work in columns]
        name = f"**{outcome.peer.name}**" if outcome.peer.name == "posterm" else outcome.peer.name
        yield f"| {name} ({outcome.peer.language}) | " + " | ".join(cells) + " |"


def _cell(found: tuple[float, float, float] | None) -> str:
    if found is None:
        return "–"
    low, middle, high = found
    return f"{us_text(middle)} <small>{us_text(low)}–{us_text(high)}</small>"


def us_text(us: float) -> str:
    """Microseconds with three digits that count."""
    return f"{us:.2f}" if us < 10 else f"{us:.1f}" if us < 100 else f"{us:.0f}"


def _ratio_text(ratio: tuple[float, float, float]) -> str:
    low, middle, high = ratio
    return f"{middle:.3f} <small>{low:.3f}–{high:.3f}</small>"


def _notes(outcomes: Mapping[str, Outcome]) -> Iterator[str]:
    for outcome in outcomes.values():
        peer = outcome.peer
        if outcome.skipped:
            yield f"* {peer.name} ({peer.language}): skipped, {outcome.skipped}."
            continue
        parts = [", ".join(f"{name} {version}" for name, version in outcome.versions.items()), peer.licence, peer.note]
        reasons: dict[str, list[str]] = {}
        for (wire, work), reason in outcome.cannot.items():
            reasons.setdefault(reason, []).append(f"`{wire}` {work}")
        parts += [f"no {', '.join(works)}: {reason}" for reason, works in reasons.items()]
        yield f"* {peer.name}: " + "; ".join(part for part in parts if part) + "."


def _own_works(outcomes: Mapping[str, Outcome]) -> Iterator[str]:
    ours = outcomes.get("posterm")
    if ours is None or ours.skipped:
        return
    yield "## Measured for posterm alone"
    yield ""
    yield "| work | `ascii` | `bcd` |"
    yield "|---|---:|---:|"
    for work, title in (
        ("route", "read elements 2, 3 and 49 with `peek`"),
        ("decode+tags", "decode, and read all 20 tags of DE 55"),
    ):
        yield f"| {title} | " + " | ".join(_cell(ours.spread(wire, work)) for wire in WIRES) + " |"
    yield ""


def _memory(outcomes: Mapping[str, Outcome]) -> Iterator[str]:
    yield "## Memory of a decoded message"
    yield ""
    yield "Bytes that what `decode` gives holds for each message, codecs in Python only."
    yield ""
    yield "| codec | `ascii` | `bcd` |"
    yield "|---|---:|---:|"
    for outcome in outcomes.values():
        if outcome.memory and not outcome.skipped:
            sizes = [f"{outcome.memory[wire]:,}" if wire in outcome.memory else "–" for wire in WIRES]
            yield f"| {outcome.peer.name} | " + " | ".join(sizes) + " |"


def to_text(outcomes: Mapping[str, Outcome]) -> str:
    """A few lines for whoever waits at the terminal."""
    lines = []
    for outcome in outcomes.values():
        if outcome.skipped:
            lines.append(f"  {outcome.peer.name:20} skipped: {outcome.skipped}")
            continue
        numbers = []
        for wire in WIRES:
            for work in ("decode", "encode"):
                found = outcome.spread(wire, work)
                numbers.append(f"{wire} {work} {us_text(found[1]) if found else '-':>6}")
        lines.append(f"  {outcome.peer.name:20} " + "   ".join(numbers))
    lines.append("")
    for verdict in verdicts(outcomes):
        ratio = f"{verdict.ratio[1]:.3f}" if verdict.ratio else "-"
        what = f"{verdict.bar.wire} {verdict.bar.claim}"
        lines.append(f"  {verdict.text:13} {what:55} limit {verdict.bar.limit:.3f}, found {ratio}")
    return "\n".join(lines) + "\n"
