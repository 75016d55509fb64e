"""`posterm host …`: acquirer and issuer on a TCP port, and what an operator asks of them."""

from __future__ import annotations

from typing import Annotated

import typer

from posterm.console.cli.options import ConfigOption, JsonOption, examples

app = typer.Typer(no_args_is_help=True, help="Run the host: acquirer and issuer with their ledger.")


@app.command(
    epilog=examples("posterm host serve", "posterm host serve --port 9000 --json", "posterm host serve -c acme.toml")
)
def serve(
    config: ConfigOption = None,
    port: Annotated[int | None, typer.Option(min=0, max=65535, help="Listen here; 0 takes a free port.")] = None,
    as_json: JsonOption = False,
    quiet: Annotated[
        bool, typer.Option("--quiet", "-q", help="Write only where the host listens, and faults.")
    ] = False,
) -> None:
    """Serve terminals until interrupted. Test cards and terminals 10000001 and 10000002 are enrolled at the start.

    The first line on standard output says where the host listens; events follow, one a line, masked. SIGTERM lets it
    answer what has arrived and end, SIGHUP lets it read its configuration again.
    """
    import asyncio

    from posterm.console.configuration import load_configuration
    from posterm.console.host_desk import configured_host, run_configured_host
    from posterm.console.views.host_events import HostEventPrinter

    configuration = load_configuration(config)
    printer = HostEventPrinter(as_json=as_json, quiet=quiet)
    with configured_host(configuration) as opened:
        asyncio.run(run_configured_host(config, configuration, opened, printer, port=port))


@app.command(epilog=examples("posterm host status", "posterm host status --watch", "posterm host status --json"))
def status(
    config: ConfigOption = None,
    watch: Annotated[
        bool, typer.Option("--watch", "-w", help="Write a line of rates every second until interrupted.")
    ] = False,
    port: Annotated[
        int | None,
        typer.Option(min=1, max=65535, help="Ask on this port of this machine, whatever the configuration says."),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Ask the running host what it has done: connections, batches, answers, events, declines by check.

    Exit status 1 when none answers, or it takes no requests.
    """
    from posterm.console.cli.endings import FAILED
    from posterm.console.cli.output import write_json
    from posterm.console.configuration import load_configuration
    from posterm.console.host_desk import FOLDER
    from posterm.console.views.host_status import status_lines, watch_lines
    from posterm.runtime.host_status import ask_host

    folder = load_configuration(config).data_directory / FOLDER
    if watch:
        for line in watch_lines(lambda: ask_host(folder, port=port), as_json=as_json):
            typer.echo(line)
        return
    document = ask_host(folder, port=port)
    if as_json:
        write_json(document)
    else:
        for line in status_lines(document):
            typer.echo(line)
    if document["state"] != "ready" or document["store"] != "ok":
        raise typer.Exit(FAILED)


@app.command("close-day", epilog=examples("posterm host close-day -c direct.toml"))
def close_day(config: ConfigOption = None) -> None:
    """Settle every open batch, where the acquirer captures by the host."""
    from posterm.console.configuration import load_configuration
    from posterm.console.host_desk import configured_host
    from posterm.runtime import clock
    from posterm.runtime.store.retry import in_batch

    with configured_host(load_configuration(config)) as opened:
        reports = in_batch(opened.store, lambda: opened.host.close_day(clock.now()))
    for report in reports:
        typer.echo(f"terminal {report.terminal_id} batch {report.batch} closed")
    typer.echo(f"{len(reports)} batches closed")


@app.command(epilog=examples("posterm host ask 10000001 SIGN_ON", "posterm host ask 10000001 DOWNLOAD_PARAMETERS"))
def ask(
    terminal_id: Annotated[str, typer.Argument(help="Terminal, 8 characters.")],
    action: Annotated[str, typer.Argument(help="SIGN_ON, DOWNLOAD_PARAMETERS, UPLOAD_STATUS, ...")],
    config: ConfigOption = None,
) -> None:
    """Ask a terminal for something in the header of its next answer."""
    from posterm.console.configuration import load_configuration
    from posterm.console.errors import InputError
    from posterm.console.host_desk import configured_host
    from posterm.runtime.store.retry import in_batch
    from posterm.unionpay.header import Requirement

    try:
        requirement = Requirement[action.upper().replace("-", "_")]
    except KeyError:
        known = ", ".join(each.name for each in Requirement)
        raise InputError("no such action", hint=f"one of {known}") from None
    with configured_host(load_configuration(config)) as opened:
        in_batch(opened.store, lambda: opened.host.request_action(terminal_id, requirement))
    typer.echo(f"terminal {terminal_id} will be asked for {requirement.name}")


def register(root: typer.Typer) -> None:
    """Add the commands to the program."""
    root.add_typer(app, name="host")
