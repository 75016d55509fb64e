"""What the back office keeps and answers, as lines for a person."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from posterm.console.cli.endings import printable
from posterm.merchant.document import Document
from posterm.merchant.problem import Language, Problem


def result_lines(document: Any, indent: str = "") -> Iterator[str]:
    """A document as `name: value`, what is empty left out, what is nested below its name."""
    match document:
        case dict():
            for name, value in document.items():
                if value in ("", None, [], {}):
                    continue
                if isinstance(value, dict | list):
                    yield f"{indent}{name}:"
                    yield from result_lines(value, indent + "  ")
                else:
                    yield f"{indent}{name}: {_plain(value)}"
        case list():
            for number, value in enumerate(document):
                if isinstance(value, dict | list):
                    yield f"{indent}- {number + 1}"
                    yield from result_lines(value, indent + "  ")
                else:
                    yield f"{indent}- {_plain(value)}"
        case _:
            yield f"{indent}{_plain(document)}"


def problem_lines(problems: Iterable[Problem], language: str) -> Iterator[str]:
    """What is wrong and what to do, each in two lines."""
    spoken = Language(language)
    for problem in problems:
        place = f"{problem.path}: " if problem.path else ""
        yield printable(f"refused: {place}{problem.text(spoken)} ({problem.code})")
        yield printable(f"  {problem.remedy(spoken)}")


def summary_rows(documents: Sequence[Document]) -> list[tuple[str, ...]]:
    """Key, state, account and date of each, under a heading."""
    rows = [(each.key, each.state, each.subject, each.due[:19]) for each in documents]
    return [("KEY", "STATE", "ACCOUNT", "DUE"), *rows]


def _plain(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return printable(str(value))
