"""`posterm api …`: the back office over HTTP, tokens for it, and its OpenAPI document."""

from __future__ import annotations

from typing import Annotated

import typer

from posterm.console.cli.options import ConfigOption, JsonOption, examples

app = typer.Typer(no_args_is_help=True, help="Serve the back office over HTTP.")


@app.command(epilog=examples("posterm api serve", "posterm api serve --port 0"))
def serve(
    config: ConfigOption = None,
    port: Annotated[int | None, typer.Option(min=0, max=65535, help="Listen here; 0 takes a free port.")] = None,
) -> None:
    """Serve until interrupted. The first line on standard output says where."""
    import uvicorn

    from posterm.console.configuration import load_configuration
    from posterm.console.office_desk import configured_office
    from posterm.console.web import application_for, listening_socket

    configuration = load_configuration(config)
    settings = configuration.office
    with configured_office(configuration) as opened:
        listener = listening_socket(settings.api_address, settings.api_port if port is None else port)
        typer.echo(f"listening on http://{settings.api_address}:{listener.getsockname()[1]}/v1")
        server = uvicorn.Server(uvicorn.Config(application_for(opened, settings), log_level="warning"))
        server.run(sockets=[listener])


@app.command(epilog=examples("posterm api token operator", "posterm api token merchant --account A00000001"))
def token(
    role: Annotated[str, typer.Argument(metavar="ROLE", help="operator, reviewer or merchant.")],
    account: Annotated[str, typer.Option(help="The merchant's account.")] = "",
    hours: Annotated[int | None, typer.Option(min=1, max=8760, help="How long it is good for.")] = None,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Give out a token. It is shown once and kept nowhere."""
    from posterm.console.cli.output import write_json
    from posterm.console.configuration import load_configuration
    from posterm.console.errors import InputError
    from posterm.console.office_desk import configured_office
    from posterm.merchant import SYSTEM
    from posterm.merchant.access import ISSUED_ROLES, issue_token

    named = next((each for each in ISSUED_ROLES if each == role), None)
    if named is None:
        raise InputError("no such role", hint=", ".join(ISSUED_ROLES))
    with configured_office(load_configuration(config)) as opened:
        issued = opened.work_at(
            lambda _now, true_time: issue_token(opened.office, SYSTEM, named, true_time, subject=account, hours=hours)
        )
    if as_json:
        write_json(issued.model_dump(mode="json"))
    else:
        typer.echo(issued.token)


@app.command(epilog=examples("posterm api document > openapi.json"))
def document(config: ConfigOption = None) -> None:
    """Write the OpenAPI document."""
    from posterm.console.cli.output import write_json
    from posterm.console.configuration import load_configuration
    from posterm.console.office_desk import configured_office
    from posterm.console.web import application_for

    configuration = load_configuration(config)
    with configured_office(configuration) as opened:
        write_json(application_for(opened, configuration.office).openapi())


@app.command(epilog=examples("posterm api deliver", "posterm api deliver --every 5"))
def deliver(
    config: ConfigOption = None,
    every: Annotated[float | None, typer.Option(min=1, help="Go on, with a pause of so many seconds.")] = None,
    private: Annotated[bool, typer.Option("--private", help="Also to addresses that are not public.")] = False,
) -> None:
    """Send the webhooks that are due."""
    import time

    from posterm.console.configuration import load_configuration
    from posterm.console.office_desk import configured_office
    from posterm.runtime.webhook_sender import poster, send_due

    with configured_office(load_configuration(config)) as opened:
        post = poster(private=private)
        typer.echo(f"tried {send_due(opened, post)}")
        while every is not None:
            time.sleep(every)
            tried = send_due(opened, post)
            if tried:
                typer.echo(f"tried {tried}")
