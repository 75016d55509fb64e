"""The picture of a result: rates beside the echo's, and the cost of a sale by store and batch."""

from __future__ import annotations

from pathlib import Path
from typing import Any


def write_plot(found: dict[str, Any], path: Path) -> None:
    """Draw it into a PNG file."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(10, 4), layout="constrained")
    rates, costs = figure.subplots(1, 2)
    rows = found["lock_step"]
    for place, (key, label, colour) in enumerate(
        (("echo_per_s", "echo", "tab:gray"), ("host_per_s", "host", "tab:blue"))
    ):
        at = [number + (place - 0.5) * 0.4 for number in range(len(rows))]
        bars = rates.bar(at, [row[key] for row in rows], 0.4, label=label, color=colour)
        rates.bar_label(bars, fmt="{:.0f}", fontsize=8)
    rates.set_xticks(range(len(rows)), [f"{row['connections']} connections" for row in rows])
    rates.set_ylabel("answers a second, in lock step")
    rates.legend()
    for row in found["stores"]:
        sizes = [int(key.removeprefix("by_")) for key in row if key != "store"]
        costs.plot(sizes, [row[f"by_{size}"] for size in sizes], marker="o", label=row["store"])
    costs.set_xscale("log", base=2)
    costs.set_xlabel("sales in one commit")
    costs.set_ylabel("µs for one sale")
    costs.set_ylim(bottom=0)
    costs.legend()
    figure.savefig(path, dpi=110)
