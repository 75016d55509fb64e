"""`posterm demo`: a terminal's day against a host, and the proof that their books agree."""

from __future__ import annotations

from typing import Annotated

import typer

from posterm.console.cli.endings import FAILED
from posterm.console.cli.options import JsonOption, examples


def register(root: typer.Typer) -> None:
    """Add the command to the program."""
    lines = (
        "posterm demo",
        "posterm demo --lang zh --columns 48",
        "posterm demo --hsm server --profile direct --json",
        "posterm demo --merchant --lang zh",
    )
    root.command("demo", epilog=examples(*lines))(demo)


def demo(
    profile: Annotated[str, typer.Option(metavar="NAME|FILE", help="Acquirer profile.")] = "default",
    lang: Annotated[str, typer.Option("--lang", metavar="zh|en", help="Language of slips and headings.")] = "en",
    columns: Annotated[int, typer.Option(help="Width of the paper, 32 or 48.")] = 32,
    hsm: Annotated[
        str, typer.Option("--hsm", metavar="own|server", help="The host's HSM: in its process, or in one of its own.")
    ] = "own",
    merchant: Annotated[bool, typer.Option("--merchant", help="Tell a merchant's life instead.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Play a day: a host in its own process, a terminal here, TCP between them.

    Sign-on, sales, a decline, a void, pre-authorisation and completion, a refund, a balance, an answer lost on its
    way and the reversal that follows, an offline sale, and a settlement. Every message is shown, decoded and masked.
    At the end terminal, host and ledger are compared; the exit status is 1 when they do not agree.
    """
    import json

    from posterm.console.demonstration import Demonstration, proof_document, proof_lines
    from posterm.console.errors import InputError
    from posterm.terminal.receipt import WIDTHS

    if lang not in ("zh", "en"):
        raise InputError("--lang: need zh or en")
    if merchant:
        from posterm.console.merchant_demonstration import run_story

        if not run_story(lang, as_json=as_json):
            raise typer.Exit(FAILED)
        return
    if columns not in WIDTHS:
        raise InputError("--columns: need 32 or 48")
    if hsm not in ("own", "server"):
        raise InputError("--hsm: need own or server")
    show = Demonstration("zh" if lang == "zh" else "en", as_json, columns, [], [], hsm_server=hsm == "server")
    proof = show.run(profile)
    good = proof.agrees and not show.faults
    if as_json:
        document = {"good": good, "faults": show.faults, "proof": proof_document(proof), "steps": show.steps}
        typer.echo(json.dumps(document, ensure_ascii=False, indent=2))
    else:
        typer.echo("=== 对账" if lang == "zh" else "=== Proof")
        typer.echo()
        for line in proof_lines(proof, show.language):
            typer.echo(line)
        for fault in show.faults:
            typer.echo(f"  {fault}")
    if not good:
        raise typer.Exit(FAILED)
