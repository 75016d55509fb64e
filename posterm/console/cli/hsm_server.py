"""`posterm hsm serve`, `call`, `status`, `authorize` and `revoke`: the HSM on its port, and its console."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from posterm.console.cli.options import ConfigOption, JsonOption, examples
from posterm.console.cli.output import write_json

if TYPE_CHECKING:
    from posterm.console.configuration import Configuration
    from posterm.hsm.guard import Activity

ActivityArgument = Annotated[str, typer.Argument(metavar="ACTIVITY", help="pin-data, clear-keys, key-export …")]


def register(app: typer.Typer) -> None:
    """Add the commands to the group."""
    app.command(
        "serve",
        epilog=examples("posterm hsm serve", "posterm hsm serve --port 1501 --json", "posterm hsm serve --production"),
    )(serve)
    app.command(
        "call",
        epilog=examples("posterm hsm call NC", "posterm hsm call B2 0005HELLO", "posterm hsm call NC -s 10.0.0.7:1500"),
    )(call)
    app.command("status", epilog=examples("posterm hsm status", "posterm hsm status --json"))(status)
    app.command("authorize", epilog=examples("posterm hsm authorize key-export --officer ann --minutes 30"))(authorize)
    app.command("revoke", epilog=examples("posterm hsm revoke key-export"))(revoke)


def serve(
    config: ConfigOption = None,
    port: Annotated[int | None, typer.Option(min=0, max=65535, help="Listen here; 0 takes a free port.")] = None,
    production: Annotated[bool, typer.Option("--production", help="Production mode, whatever the file says.")] = False,
    as_json: JsonOption = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Write only where it listens, and faults.")] = False,
    verbose: Annotated[
        bool, typer.Option("--verbose", "-v", help="Write every command by its code; never its fields.")
    ] = False,
) -> None:
    """Serve host commands until interrupted.

    The first line on standard output says where the HSM listens; events follow, one a line.
    """
    import asyncio

    from posterm.console.configuration import load_configuration
    from posterm.console.hsm_desk import open_configured_hsm, run_configured_hsm

    configuration = load_configuration(config)
    if production:
        settings = configuration.hsm.model_copy(update={"mode": "production"})
        configuration = configuration.model_copy(update={"hsm": settings})
    opened = open_configured_hsm(configuration)
    try:
        asyncio.run(run_configured_hsm(configuration, opened, port=port, as_json=as_json, quiet=quiet, verbose=verbose))
    finally:
        opened.state.close()


def call(
    code: Annotated[str, typer.Argument(metavar="CODE", help="The command: two characters.")],
    fields: Annotated[list[str] | None, typer.Argument(metavar="[FIELD]...", help="Its fields, joined.")] = None,
    server: Annotated[
        str, typer.Option("--server", "-s", metavar="ADDRESS:PORT", help="Else the configured one.")
    ] = "",
    as_hex: Annotated[bool, typer.Option("--hex", help="The fields are hexadecimal digits of bytes.")] = False,
    as_json: JsonOption = False,
    config: ConfigOption = None,
) -> None:
    """Send one host command and show its answer: the error code in words, then its fields as they came.

    Exit status 1 when the error code is another than 00.
    """
    from posterm.console.captured import parse_hex
    from posterm.console.cli.endings import FAILED, printable
    from posterm.console.configuration import load_configuration
    from posterm.console.errors import InputError
    from posterm.console.hsm_desk import hsm_client
    from posterm.hsm.host_commands import CODES

    joined = "".join(fields or [])
    if len(code) != 2 or not code.isascii():
        raise InputError("CODE: need two characters")
    data = parse_hex(joined, "FIELD") if as_hex else joined.encode("latin-1", "replace")
    with hsm_client(load_configuration(config), server) as client:
        answer = client.call(code.encode("ascii") + data)
    error = answer[2:4].decode("ascii", "backslashreplace")
    shown = answer[4:].decode("ascii") if answer[4:].isascii() else answer[4:].hex().upper()
    if as_json:
        write_json({"answer": answer[:2].decode("ascii", "backslashreplace"), "code": error, "fields": shown})
    else:
        typer.echo(f"{answer[:2].decode('ascii', 'backslashreplace')} {error}  {CODES.get(error, 'not known')}")
        if shown:
            typer.echo(printable(shown))
    if error != "00":
        raise typer.Exit(FAILED)


def status(config: ConfigOption = None, as_json: JsonOption = False) -> None:
    """Ask the running HSM of this configuration what it has done: commands, errors, connections, keys, LMK.

    It is asked by a socket in its folder, so only who may read that folder can.
    """
    from datetime import UTC, datetime

    answer = _ask(config, {"do": "status"})
    if as_json:
        write_json(answer)
        return
    mode = "production" if answer["production"] else "test"
    known = ", the published test keys" if answer["test_lmk"] else ""
    typer.echo(f"{mode} mode, LMK {answer['lmk_kind']}, check value {answer['lmk_check_value']}{known}")
    typer.echo(
        f"{answer['connections']} connections, {answer['commands']} commands, {answer['errors']} answered with an error"
    )
    typer.echo(
        f"{answer['named_keys']} named keys, {answer['officers']} officers, {answer['audit_records']} audit records"
    )
    for activity, until in answer["authorized"].items():
        typer.echo(f"authorized: {activity} until {datetime.fromtimestamp(until, tz=UTC).astimezone():%H:%M:%S}")
    for code, counts in answer["answers"].items():
        typer.echo(f"  {code}  " + "  ".join(f"{error}: {count}" for error, count in counts.items()))


def authorize(
    activity: ActivityArgument,
    officer: Annotated[str, typer.Option("--officer", metavar="NAME", help="Who speaks.")],
    minutes: Annotated[int, typer.Option(min=1, max=1440, help="How long the activity is permitted.")] = 30,
    config: ConfigOption = None,
) -> None:
    """Speak for a sensitive activity. When a second officer has done so within five minutes, it is permitted."""
    wanted = _activity(activity)
    passphrase = typer.prompt(f"Passphrase of {officer}", hide_input=True)
    request = {"do": "authorize", "activity": wanted, "officer": officer, "passphrase": passphrase}
    done = _ask(config, {**request, "seconds": minutes * 60})["authorized"]
    typer.echo(f"{wanted}: permitted for {minutes} minutes" if done else f"{wanted}: a second officer is awaited")


def revoke(activity: ActivityArgument, config: ConfigOption = None) -> None:
    """Lock a sensitive activity again."""
    typer.echo(f"{_ask(config, {'do': 'revoke', 'activity': _activity(activity)})['revoked']}: locked")


def _activity(text: str) -> Activity:
    from posterm.console.errors import InputError
    from posterm.hsm.guard import Activity

    try:
        return Activity(text)
    except ValueError:
        raise InputError("no such activity", hint=f"one of {', '.join(Activity)}") from None


def _ask(config: Path | None, request: dict[str, Any]) -> dict[str, Any]:
    from posterm.console.configuration import load_configuration
    from posterm.console.hsm_desk import FOLDER
    from posterm.runtime.hsm_console import ask_console

    configuration: Configuration = load_configuration(config)
    return ask_console(configuration.data_directory / FOLDER, request)
