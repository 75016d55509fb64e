"""The run as a picture: one panel for each wire and work, a bar for each codec, on a logarithmic axis."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from benchmarks.peers.report import Run, us_text
from benchmarks.peers.rounds import Outcome
from benchmarks.peers.sample import WIRES

PANELS = ("decode", "encode")
OURS, PYTHON, COMPILED = "#0f766e", "#a8b3c2", "#d9a441"
INK, FAINT, GRID = "#1f2933", "#6b7785", "#e4e8ed"


def draw(run: Run, outcomes: Mapping[str, Outcome], path: Path) -> None:
    """Write the picture as PNG. Needs matplotlib, which the extra `bench` brings."""
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot

    shown = _in_order([outcome for outcome in outcomes.values() if outcome.us])
    with pyplot.rc_context({"font.family": "DejaVu Sans", "font.size": 10, "text.color": INK, "axes.labelcolor": INK}):
        figure, axes = pyplot.subplots(
            len(PANELS), len(WIRES), figsize=(12.5, 1.9 + 0.84 * len(shown)), sharex=True, sharey=True, squeeze=False
        )
        for row, work in enumerate(PANELS):
            for column, wire in enumerate(WIRES):
                _panel(axes[row][column], shown, wire, work)
        _span(axes, shown)
        _captions(figure, run, pyplot)
        figure.savefig(path, dpi=150, facecolor="white")
        pyplot.close(figure)


def _in_order(outcomes: Sequence[Outcome]) -> list[Outcome]:
    """Fastest at decoding `ascii` first."""
    return sorted(outcomes, key=lambda outcome: (outcome.spread("ascii", "decode") or (0, 1e9, 0))[1])


def _panel(axis: Any, shown: Sequence[Outcome], wire: str, work: str) -> None:
    for place, outcome in enumerate(shown):
        found = outcome.spread(wire, work)
        if found is None:
            axis.text(0.012, place, "not on this wire", transform=axis.get_yaxis_transform(), va="center",
                      color=FAINT, fontsize=8.5, style="italic")  # fmt: skip
            continue
        low, middle, high = found
        ours = outcome.peer.name == "posterm"
        axis.barh(place, middle, height=0.66, color=_colour(outcome), zorder=2)
        axis.plot([low, high], [place, place], color=INK, linewidth=1.1, zorder=3, solid_capstyle="butt")
        for end in (low, high):
            axis.plot([end, end], [place - 0.14, place + 0.14], color=INK, linewidth=1.1, zorder=3)
        axis.annotate(us_text(middle), (max(high, middle), place), xytext=(6, 0), textcoords="offset points",
                      va="center", fontsize=9.5, fontweight="bold" if ours else "normal")  # fmt: skip
    axis.set_title(f"{work}, {wire} wire of {WIRES[wire]} bytes", loc="left", fontsize=11, fontweight="bold", pad=8)
    axis.grid(axis="x", which="major", color=GRID, zorder=0)
    axis.tick_params(length=0, colors=INK, labelsize=9.5)
    axis.tick_params(axis="x", which="minor", length=0)
    for side in ("top", "right", "left"):
        axis.spines[side].set_visible(False)
    axis.spines["bottom"].set_color(GRID)


def _colour(outcome: Outcome) -> str:
    if outcome.peer.name == "posterm":
        return OURS
    return PYTHON if outcome.peer.language.startswith("Python") else COMPILED


def _span(axes: Any, shown: Sequence[Outcome]) -> None:
    """One logarithmic axis for all panels, with room for the numbers behind the bars."""
    ends = [
        edge
        for outcome in shown
        for wire in WIRES
        for work in PANELS
        if (found := outcome.spread(wire, work))
        for edge in (found[0], found[2])
    ]
    axis = axes[0][0]
    axis.set_yticks(range(len(shown)), [f"{outcome.peer.name}  ({outcome.peer.language})" for outcome in shown])
    axis.set_xscale("log")
    axis.set_xlim(min(0.45, min(ends) * 0.8), max(ends) * 2.2)
    axis.set_ylim(len(shown) - 0.45, -0.55)
    first = axis.get_xlim()[0]
    ticks = [
        tick for tick in (0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 50, 100, 200, 500, 1000) if first <= tick <= max(ends) * 1.6
    ]
    axis.set_xticks(ticks, [f"{tick:g}" for tick in ticks])
    axis.minorticks_off()
    for left in axes[:, 0]:
        for label, outcome in zip(left.get_yticklabels(), shown, strict=True):
            label.set_fontweight("bold" if outcome.peer.name == "posterm" else "normal")
    for bottom in axes[-1]:
        bottom.set_xlabel("CPU microseconds of one message, logarithmic; shorter is better", color=FAINT, fontsize=9)


def _captions(figure: Any, run: Run, pyplot: Any) -> None:
    machine = run["machine"]
    figure.text(0.015, 0.975, "posterm beside other ISO 8583 codecs", fontsize=16, fontweight="bold", va="top")
    figure.text(0.015, 0.935, "One purchase of 19 elements, DE 55 with 20 tags. Bars: median of the rounds; "
                "whiskers: quartiles.", fontsize=10, color=FAINT, va="top")  # fmt: skip
    handles = [pyplot.Rectangle((0, 0), 1, 1, color=colour) for colour in (OURS, PYTHON, COMPILED)]
    figure.legend(handles, ["posterm (pure Python)", "other Python codecs", "Go and Java"], loc="upper right",
                  bbox_to_anchor=(0.99, 0.98), ncols=3, frameon=False, fontsize=9.5, handlelength=1.1)  # fmt: skip
    figure.text(0.015, 0.012, f"{machine['processor']}, {machine['cores']} cores, {machine['system']}, {run['date']}; "
                f"{run['rounds']} interleaved rounds of {run['seconds']} s each",
                fontsize=8.5, color=FAINT, va="bottom")  # fmt: skip
    figure.tight_layout(rect=(0.005, 0.03, 0.995, 0.9), h_pad=2.2, w_pad=2.0)
