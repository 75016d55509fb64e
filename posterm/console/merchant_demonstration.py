"""A merchant's life as a story: from "an ordinary person is refused" to the yearly fee, in a town of its own.

Everything happens by the services that the other interfaces have, with a real terminal at the counter; only time runs
faster. The books are proved at the end.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Final

import typer

from posterm.amount import Amount
from posterm.console.cli.endings import printable
from posterm.console.cli.output import write_json
from posterm.merchant import RefusedError
from posterm.merchant.problem import Language, Problem
from posterm.terminal import Result
from simulators.cards import find_card
from simulators.lives.life import Life
from simulators.lives.paperwork import Person
from simulators.lives.town import Town

SEED: Final = 20260601


@dataclass(slots=True)
class Story:
    """What is told, and whatever did not go as it should."""

    language: Language
    as_json: bool
    town: Town = field(default_factory=lambda: Town(SEED))
    life: Life = field(init=False)
    steps: list[dict[str, Any]] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.life = Life(self.town, Person(1))

    def tell(self) -> dict[str, Any]:
        """The whole story. Returns: what the ledger's proof says."""
        from posterm.console.merchant_chapters import CHAPTERS

        for chapter in CHAPTERS:
            chapter(self)
        proof = self.town.office.ledger.prove()
        self.faults.extend(proof.faults)
        return {"accounts": proof.accounts, "transfers": proof.transfers, "faults": list(proof.faults)}

    def heading(self, chinese: str, english: str) -> None:
        """Begin a chapter."""
        title = self._chosen(chinese, english)
        self.steps.append({"title": title, "at": self.town.now.isoformat(), "lines": []})
        if not self.as_json:
            typer.echo(f"=== {len(self.steps)}. {title}  [{self.town.now:%Y-%m-%d %H:%M}]\n")

    def end(self) -> None:
        """End a chapter."""
        if not self.as_json:
            typer.echo()

    def say(self, chinese: str, english: str) -> None:
        """One line of the story."""
        self._line(self._chosen(chinese, english))

    def expect(self, holds: bool, chinese: str, english: str) -> None:
        """One line of the story, which must be true."""
        if not holds:
            self.faults.append(english)
        self._line(("" if holds else "!! ") + self._chosen(chinese, english))

    @contextmanager
    def refused(self, *codes: str) -> Iterator[None]:
        """What is done within is refused, among others for these reasons; all of them are told."""
        try:
            yield
        except RefusedError as refusal:
            missing = set(codes) - {problem.code for problem in refusal.problems}
            if missing:
                self.faults.append(f"not refused for {', '.join(sorted(missing))}")
            self.problems(refusal.problems)
        else:
            self.expect(False, "应当被拒绝,但没有", "this should have been refused")

    def problems(self, problems: Iterable[Problem]) -> None:
        """What is wrong, and what to do about it."""
        for problem in problems:
            place = f"{problem.path}: " if problem.path else ""
            self._line(f"x {place}{problem.text(self.language)} ({problem.code})")
            self._line(f"  -> {problem.remedy(self.language)}")

    def sell(self, minor: int, card_name: str, outcome: str, code: str = "00") -> None:
        """A sale at the counter that ends so."""
        result = self.press(minor, card_name)
        said = f"{Amount(minor)} {card_name}: {result.code} "
        self.expect((result.outcome.value, result.code) == (outcome, code), said + result.text_zh, said + result.text)

    def press(self, minor: int, card_name: str) -> Result:
        """A sale at the counter, whatever comes of it."""
        counter, card = self.life.counter, find_card(card_name)
        if counter is None or card is None:
            raise LookupError("no counter or no such card yet")
        return counter.sell(minor, card)

    def _chosen(self, chinese: str, english: str) -> str:
        return chinese if self.language is Language.CHINESE else english

    def _line(self, text: str) -> None:
        shown = printable(text)
        self.steps[-1]["lines"].append(shown)
        if not self.as_json:
            typer.echo(f"    {shown}")


Chapter = Callable[[Story], None]


def run_story(language: str, *, as_json: bool) -> bool:
    """Tell the story. Returns: whether everything went as it should and the books agree."""
    story = Story(Language(language), as_json)
    proof = story.tell()
    if as_json:
        write_json({"good": not story.faults, "faults": story.faults, "proof": proof, "steps": story.steps})
        return not story.faults
    chinese = story.language is Language.CHINESE
    typer.echo("=== 对账\n" if chinese else "=== Proof\n")
    typer.echo(
        f"  {proof['accounts']} 个账户、{proof['transfers']} 笔分录重新计算,{len(proof['faults'])} 处不符"
        if chinese
        else f"  {proof['accounts']} accounts recomputed from {proof['transfers']} transfers, "
        f"{len(proof['faults'])} faults"
    )
    for fault in story.faults:
        typer.echo(f"  {fault}")
    return not story.faults
