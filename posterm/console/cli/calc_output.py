"""How the calculator reads names and writes values: the value alone on the first line, what explains it after."""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum
from typing import TypeVar

import typer

_Name = TypeVar("_Name", bound=StrEnum)


def choose(option: str, given: str, names: type[_Name]) -> _Name:
    """The name a user meant; case and hyphens do not count."""
    from posterm.console.cli.endings import printable
    from posterm.console.errors import InputError

    wanted = given.lower().replace("-", "")
    for name in names:
        if name.value.replace("-", "") == wanted:
            return name
    raise InputError(f"--{option}: no {printable(given)[:40]!r}", hint=f"there are {', '.join(names)}")


def write(value: str, steps: Iterable[tuple[str, str]], *, show_steps: bool, as_json: bool, name: str) -> None:
    """The value, and its steps when they are asked for."""
    steps = list(steps)
    if as_json:
        document: dict[str, object] = {name: value}
        if show_steps:
            document["steps"] = [{"name": step, "value": shown} for step, shown in steps]
        write_json(document)
        return
    typer.echo(value)
    write_pairs(steps if show_steps else [])


def write_pairs(pairs: Iterable[tuple[str, str]]) -> None:
    pairs = list(pairs)
    widest = max((len(name) for name, _ in pairs), default=0)
    for name, value in pairs:
        typer.echo(f"{name:<{widest}}  {value}")


def write_json(document: dict[str, object]) -> None:
    import json

    typer.echo(json.dumps(document, indent=2))
