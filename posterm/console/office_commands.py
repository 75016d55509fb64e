"""The groups `posterm merchant` and `posterm device`: a command for every operation, and some to look at things."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer
from pydantic import TypeAdapter

from posterm.console.cli.options import ConfigOption, JsonOption, examples
from posterm.console.cli.output import write_columns, write_json
from posterm.console.configuration import load_configuration
from posterm.console.errors import InputError
from posterm.console.office_desk import configured_office
from posterm.console.operation_commands import (
    AdvanceOption,
    actor_named,
    add_operation_command,
    values_of,
)
from posterm.console.views.office import problem_lines, result_lines, summary_rows
from posterm.merchant import SYSTEM, NotFoundError
from posterm.merchant.errors import RefusedError
from posterm.merchant.office_clock import move_clock
from posterm.merchant.operation import Operation, Shelf
from posterm.merchant.operations import OPERATIONS, SHELVES
from posterm.runtime.office_assembly import OpenOffice


def commands_of(group: str) -> Mapping[str, Any]:
    """The commands of a group by name."""
    app = typer.Typer()
    if group == "merchant":
        app.command("advance", epilog=examples("posterm merchant advance 3d"))(advance)
        app.command("list", epilog=examples("posterm merchant list devices --state ACTIVE"))(list_documents)
        app.command("show", epilog=examples("posterm merchant show device N900001"))(show)
    for operation in OPERATIONS:
        if operation.group == group:
            add_operation_command(app, operation, carry_out)
    made: Mapping[str, Any] = typer.main.get_command(app).commands  # type: ignore[attr-defined]
    return made


def carry_out(
    operation: Operation, given: dict[str, Any], config: Path | None, who: str, advance: str, as_json: bool
) -> None:
    """Do what a command says, and write what came of it. Exit status 1 when it is refused."""
    configuration = load_configuration(config)
    values = values_of(operation, given)
    actor = actor_named(who, operation)
    with configured_office(configuration) as opened:
        pass_time(opened, advance)
        try:
            result = opened.call(operation, actor, values)
        except RefusedError as refusal:
            write_refusal(refusal, configuration.language, as_json=as_json)
            raise typer.Exit(1) from None
    write_result(operation, result, as_json=as_json)


def pass_time(opened: OpenOffice, span: str) -> None:
    """Move the office's clock ahead, where a span is given."""
    if span:
        opened.work_at(lambda _now, time_of_day: move_clock(opened.office, SYSTEM, span, time_of_day))


def write_refusal(refusal: RefusedError, language: str, *, as_json: bool) -> None:
    """Everything that is wrong, each with its place and what to do."""
    if as_json:
        write_json({"refused": [problem.model_dump() for problem in refusal.problems]})
        return
    for line in problem_lines(refusal.problems, language):
        typer.echo(line)


def write_result(operation: Operation, result: Any, *, as_json: bool) -> None:
    """What an operation has given, personal data masked."""
    if operation.media != "application/json":
        typer.echo(bytes(result), nl=False)
        return
    document = json.loads(TypeAdapter(operation.returns).dump_json(result, warnings=False))
    if as_json:
        write_json(document)
        return
    for line in result_lines(document):
        typer.echo(line)


def advance(
    span: Annotated[str, typer.Argument(metavar="SPAN", help="90s, 15m, 8h, 3d, 2w.")], config: ConfigOption = None
) -> None:
    """Let time pass in the back office, with everything that is due in it."""
    with configured_office(load_configuration(config)) as opened:
        pass_time(opened, span)
        typer.echo(f"it is {opened.now:%Y-%m-%d %H:%M:%S} in the back office")


def list_documents(
    kind: Annotated[str, typer.Argument(metavar="KIND", help="applications, devices, cases, news, ...")],
    state: Annotated[str, typer.Option(help="Only those in this state.")] = "",
    account: Annotated[str, typer.Option(help="Only those of this merchant's account.")] = "",
    span: AdvanceOption = "",
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """List the documents of a kind, personal data masked."""
    shelf = _shelf(kind)
    with configured_office(load_configuration(config)) as opened:
        pass_time(opened, span)
        find = opened.office.cabinet.find
        found = opened.work(lambda _now: find(shelf.document, subject=account or None, state=state or None))
    if as_json:
        write_json([each.model_dump(mode="json") for each in found])
    elif found:
        heading, *rows = summary_rows(found)
        write_columns(heading, rows)
    else:
        typer.echo(f"no {kind}")


def show(
    kind: Annotated[str, typer.Argument(metavar="KIND", help="As `list` takes it.")],
    key: Annotated[str, typer.Argument(metavar="KEY", help="As `list` shows it.")],
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show one document, personal data masked."""
    shelf = _shelf(kind)
    with configured_office(load_configuration(config)) as opened:
        found = opened.work(lambda _now: opened.office.cabinet.get(shelf.document, key))
    if found is None:
        raise NotFoundError(f"no {shelf.document.kind} {key!r}")
    if as_json:
        write_json(found.model_dump(mode="json"))
        return
    for line in result_lines(found.model_dump(mode="json")):
        typer.echo(line)


def _shelf(kind: str) -> Shelf:
    for shelf in SHELVES:
        if kind in (shelf.plural, shelf.document.kind):
            return shelf
    raise InputError("no such kind of document", hint=", ".join(shelf.plural for shelf in SHELVES))
