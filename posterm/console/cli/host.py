"""`posterm host …`: acquirer and issuer on a TCP port, and what an operator asks of them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated

import typer

from posterm.console.cli.options import ConfigOption, JsonOption, examples

if TYPE_CHECKING:
    from posterm.console.configuration import Configuration
    from posterm.runtime.assembly import OpenHost

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

    The first line on standard output says where the host listens; events follow, one a line, masked.
    """
    import asyncio

    from posterm.console.configuration import load_configuration
    from posterm.console.views.host_events import HostEventPrinter
    from posterm.runtime.run_host import HostService, serve_until
    from posterm.unionpay.profile import load_profile

    configuration = load_configuration(config)
    profile = load_profile(configuration.profile)
    printer = HostEventPrinter(as_json=as_json, quiet=quiet)
    address = configuration.host.address
    wanted = configuration.host.port if port is None else port
    with configured_host(configuration) as opened:
        service = HostService(opened.host, opened.store, profile, printer.show)
        asyncio.run(serve_until(service, address, wanted, ready=lambda bound: printer.listening(address, bound)))


@app.command("close-day", epilog=examples("posterm host close-day -c direct.toml"))
def close_day(config: ConfigOption = None) -> None:
    """Settle every open batch, where the acquirer captures by the host."""
    from posterm.console.configuration import load_configuration
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


@contextmanager
def configured_host(configuration: Configuration) -> Iterator[OpenHost]:
    """The host of a configuration, with terminals and test cards enrolled; closed at the end."""
    from posterm.console.hsm_desk import host_hsm
    from posterm.runtime import clock
    from posterm.runtime.assembly import open_host
    from posterm.runtime.store.retry import in_batch
    from posterm.unionpay.profile import load_profile
    from simulators.enrolment import TERMINAL_IDS, enrol_everything

    with host_hsm(configuration) as hsm:
        opened = open_host(
            configuration.data_directory / "host",
            load_profile(configuration.profile),
            hsm,
            store_name=configuration.host.store,
            forced_outcomes=configuration.host.forced_outcomes,
        )
        terminal, now = configuration.terminal, clock.now()

        def enrol() -> None:
            enrol_everything(
                opened.host,
                hsm,
                at=now,
                terminal_ids=list(dict.fromkeys((*TERMINAL_IDS, terminal.terminal_id))),
                merchant_id=terminal.merchant_id,
                merchant_name=terminal.merchant_name,
                tmk_components=[bytes.fromhex(component) for component in terminal.tmk_components],
            )

        try:
            in_batch(opened.store, enrol)
            yield opened
        finally:
            opened.store.close()
