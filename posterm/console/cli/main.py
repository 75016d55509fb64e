"""The command `posterm`: puts the commands together and ends the process."""

from __future__ import annotations

import contextlib
import sys
from typing import Annotated

import typer

from posterm.console.cli import (
    api,
    calc,
    card,
    card_serve,
    cards,
    convert,
    decode,
    demo,
    dialect,
    diff,
    doctor,
    emv,
    encode,
    host,
    hsm,
    init,
    issuer,
    ledger,
    load,
    merchant,
    phone,
    qr,
    redact,
    sample,
    send,
    settle,
    terminal,
    tlv,
    validate,
    world,
)
from posterm.console.cli.endings import NOBODY_READS, Program, discard_output
from posterm.console.cli.options import examples

app = typer.Typer(
    name="posterm",
    cls=Program,
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["--help", "-h"]},
    epilog=examples(
        "posterm cards",
        "posterm calc kcv --key 00112233445566778899AABBCCDDEEFF",
        "posterm decode --json - < message.hex",
    ),
)


def _show_version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        typer.echo(f"posterm {version('posterm')}")
        raise typer.Exit


@app.callback()
def posterm(
    _version: Annotated[
        bool, typer.Option("--version", help="Show the version and end.", callback=_show_version, is_eager=True)
    ] = False,
) -> None:
    """POS terminal emulator and payment transaction engine: terminal, host and the UnionPay POS link between them.

    A test tool: its cards, keys and PINs are published test data.
    """


# Every command is registered here, in the order of the help page.
demo.register(app)
decode.register(app)
for command in (encode, diff, convert, redact, validate, doctor, send, tlv):
    command.register(app)
app.add_typer(dialect.app, name="dialect")
sample.register(app)
app.add_typer(calc.app, name="calc")
app.add_typer(hsm.app, name="hsm")
cards.register(app)
card_serve.register(card.app)
app.add_typer(card.app, name="card")
emv.register(app)
init.register(app)
host.register(app)
issuer.register(app)
app.add_typer(ledger.app, name="ledger")
app.add_typer(settle.app, name="settle")
merchant.register(app)
app.add_typer(api.app, name="api")
terminal.register(app)
phone.register(app)
app.add_typer(qr.app, name="qr")
world.register(app)
load.register(app)


def run() -> None:
    """The console script: run `app`, and end quietly when whoever read the output is gone."""
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(AttributeError, ValueError):
            stream.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]
    try:
        try:
            app(prog_name="posterm")
        finally:
            sys.stdout.flush()
    except BrokenPipeError:
        discard_output()
        sys.exit(NOBODY_READS)


if __name__ == "__main__":
    run()
