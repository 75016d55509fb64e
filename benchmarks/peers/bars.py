"""The bars posterm sets itself against its peers, as ratios within one run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from benchmarks.peers.rounds import Outcome, spread


@dataclass(frozen=True)
class Bar:
    """posterm's time for a work, divided by another time of the same wire, is at most `limit`."""

    wire: str
    work: str
    against: str
    against_work: str
    limit: float
    limit_text: str

    @property
    def claim(self) -> str:
        other = f"{self.against} {self.against_work}" if self.against_work != self.work else self.against
        return f"{self.work} at most {self.limit_text} {other}".replace("  ", " ")


@dataclass(frozen=True)
class Verdict:
    """A bar with the ratio found: lower quartile, median and upper quartile over the rounds, None if not measured."""

    bar: Bar
    ratio: tuple[float, float, float] | None

    @property
    def text(self) -> str:
        if self.ratio is None:
            return "not measured"
        return "met" if self.ratio[1] <= self.bar.limit else "not met"


BARS = tuple(
    Bar(wire, *rest)
    for wire in ("ascii", "bcd")
    for rest in (
        ("decode", "pyiso8583", "decode", 1 / 7, "1/7 of"),
        ("encode", "pyiso8583", "encode", 1 / 8, "1/8 of"),
        ("build", "pyiso8583", "build", 1 / 8, "1/8 of"),
        ("decode", "moov-io/iso8583", "decode", 1.0, "") if wire == "ascii"
        else ("decode", "moov-io/iso8583", "decode", 1 / 10, "1/10 of"),
        ("route", "posterm", "decode", 0.60, "60 % of"),
    )
)  # fmt: skip


def verdicts(outcomes: Mapping[str, Outcome]) -> list[Verdict]:
    """Every bar with what was found in this run; a ratio is taken round by round."""
    found = []
    for bar in BARS:
        ours = outcomes["posterm"].us.get((bar.wire, bar.work), []) if "posterm" in outcomes else []
        other = outcomes.get(bar.against)
        theirs = other.us.get((bar.wire, bar.against_work), []) if other else []
        ratios = [one / two for one, two in zip(ours, theirs, strict=False)]
        found.append(Verdict(bar, spread(ratios)))
    return found
