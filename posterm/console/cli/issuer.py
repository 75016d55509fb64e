"""`posterm issuer serve`: an issuer of cards on a port of its own, asked by acquirers."""

from __future__ import annotations

from typing import Annotated

import typer

from posterm.console.cli.options import ConfigOption, JsonOption, examples

app = typer.Typer(no_args_is_help=True, help="Run an issuer apart from the host, asked over the network.")


@app.callback()
def _issuer() -> None:
    """Run an issuer apart from the host, asked over the network."""


@app.command(epilog=examples("posterm issuer serve", "posterm issuer serve -c east.toml --port 9001 --json"))
def serve(
    config: ConfigOption = None,
    port: Annotated[int | None, typer.Option(min=0, max=65535, help="Listen here; 0 takes a free port.")] = None,
    as_json: JsonOption = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Write only where the issuer listens.")] = False,
) -> None:
    """Serve acquirers until interrupted. The test cards that begin with its prefixes are enrolled at the start.

    The first line on standard output says where it listens; events follow, one a line, masked.
    """
    from posterm.console.configuration import load_configuration
    from posterm.console.issuer_desk import serve_configured_issuer

    serve_configured_issuer(load_configuration(config), port=port, as_json=as_json, quiet=quiet)


def register(root: typer.Typer) -> None:
    """Add the commands to the program."""
    root.add_typer(app, name="issuer")
