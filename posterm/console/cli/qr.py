"""`posterm qr …`: payment codes: drawn, read, made."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from posterm.console.cli.options import JsonOption, examples

app = typer.Typer(no_args_is_help=True, help="Draw, read and make payment codes.")

TextArgument = Annotated[str, typer.Argument(metavar="CODE", help="The code's text; - reads it from standard input.")]


@app.command(
    epilog=examples(
        "posterm qr show 134567890123456789",
        "posterm qr make --merchant 'NOODLE HOUSE' --city WUHAN --account 15:31250156 | posterm qr show - -f shop.svg",
    )
)
def show(
    code: TextArgument,
    file: Annotated[
        Path | None, typer.Option("--file", "-f", metavar="FILE", help="Write a picture instead: .png or .svg.")
    ] = None,
) -> None:
    """Draw a code, whatever it says: on the screen, or as a picture."""
    from posterm.console.code_drawing import write_picture, write_screen

    text = _text(code)
    if file is not None:
        write_picture(text, file)
        typer.echo(f"{file} written")
        return
    write_screen(text)


@app.command(epilog=examples("posterm qr parse 134567890123456789", "posterm qr parse --json - < code.txt"))
def parse(code: TextArgument, as_json: JsonOption = False) -> None:
    """Say what a code is: a merchant's, object by object; a customer's, with its network. Digits are masked."""
    from posterm.console.cli.output import write_json
    from posterm.console.views.payment_code import code_document, code_lines

    text = _text(code)
    if as_json:
        write_json(code_document(text))
    else:
        typer.echo("\n".join(code_lines(text)))


@app.command(
    epilog=examples(
        "posterm qr make --merchant 'NOODLE HOUSE' --city WUHAN --account 15:31250156",
        "posterm qr make --merchant 'NOODLE HOUSE' --city WUHAN --account 15:31250156 --amount 12.34 --reference A17",
    )
)
def make(
    merchant: Annotated[str, typer.Option("--merchant", help="Merchant's name, at most 25 characters.")],
    city: Annotated[str, typer.Option("--city", help="Merchant's city, at most 15 characters.")],
    account: Annotated[
        list[str], typer.Option("--account", metavar="ID:VALUE", help="Object 02 to 51; more than one may be given.")
    ],
    mcc: Annotated[str, typer.Option("--mcc", help="Merchant category code, four digits.")] = "5999",
    amount: Annotated[str, typer.Option("--amount", help="Such as 12.34; the customer enters it when left out.")] = "",
    reference: Annotated[str, typer.Option("--reference", help="Reference label, 62.05.")] = "",
) -> None:
    """Make a merchant's code and write its text: dynamic with an amount, static without."""
    from posterm.amount import Amount
    from posterm.console.errors import InputError
    from posterm.qr import merchant_presented

    accounts = []
    for text in account:
        number, colon, value = text.partition(":")
        if not colon:
            raise InputError("--account: need ID:VALUE", hint="such as 15:31250156")
        accounts.append(merchant_presented.account(number, value))
    made = merchant_presented.build(
        accounts=accounts,
        mcc=mcc,
        merchant_name=merchant,
        merchant_city=city,
        amount=Amount.parse(amount) if amount else None,
        additional=(("05", reference),) if reference else (),
    )
    typer.echo(made.text)


def _text(code: str) -> str:
    import sys

    return sys.stdin.readline().strip() if code == "-" else code
