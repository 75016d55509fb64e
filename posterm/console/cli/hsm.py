"""`posterm hsm …`: the HSM as a server, its keys, ceremonies and audit log."""

from __future__ import annotations

from typing import Annotated

import typer

from posterm.console.cli import hsm_audit, hsm_keys, hsm_lmk, hsm_server
from posterm.console.cli.options import ConfigOption, examples

app = typer.Typer(no_args_is_help=True, help="Run the HSM as a server, and work with its keys.")
hsm_server.register(app)
app.add_typer(hsm_keys.app, name="key")
app.add_typer(hsm_lmk.app, name="lmk")
app.add_typer(hsm_audit.app, name="audit")


@app.command(epilog=examples("posterm hsm officer ann"))
def officer(
    name: Annotated[str, typer.Argument(metavar="NAME", help="The officer's name: letters, digits, . _ -")],
    config: ConfigOption = None,
) -> None:
    """Enter an officer, who chooses a passphrase. Two officers together authorize what is sensitive."""
    import os

    from posterm.console.configuration import load_configuration
    from posterm.console.hsm_desk import hsm_desk
    from posterm.hsm.passphrase import verifier

    with hsm_desk(load_configuration(config)) as desk:
        passphrase = typer.prompt(f"Passphrase of {name}", hide_input=True, confirmation_prompt=True)
        register = desk.state.register.add_officer(name, verifier(passphrase, os.urandom))
        desk.record("officer-entered", officer=name)
        desk.state.store(register)
    typer.echo(f"entered officer {name}")
