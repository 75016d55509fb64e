"""`posterm cards`: the test cards the host knows."""

from __future__ import annotations

from typing import TYPE_CHECKING

import typer

from posterm.console.cli.options import JsonOption, examples

if TYPE_CHECKING:
    from simulators.cards import TestCard


def register(app: typer.Typer) -> None:
    """Add the command to the program."""
    app.command("cards", epilog=examples("posterm cards", "posterm cards --json"))(cards)


def cards(as_json: JsonOption = False) -> None:
    """List the test cards: name, number, expiry, PIN, money, and what happens with each.

    The numbers are from test ranges. No such card was ever issued.
    """
    from simulators.cards import TEST_CARDS

    if as_json:
        import json

        typer.echo(json.dumps([_document(card) for card in TEST_CARDS], ensure_ascii=False, indent=2))
        return
    typer.echo(_row("NAME", "NUMBER", "EXPIRY", "PIN", "KIND", "MONEY"))
    for card in TEST_CARDS:
        expiry = f"{card.expiry[2:]}/{card.expiry[:2]}"
        typer.echo(_row(card.name, card.pan.reveal(), expiry, card.pin.reveal(), card.kind, _money(card)))
        typer.echo(f"    {card.description}")
    typer.echo()
    typer.echo("EXPIRY is month/year. MONEY is a debit card's balance, a credit card's line.")
    typer.echo("Two digits at the end of a description are the answer code the issuer gives.")


def _row(name: str, number: str, expiry: str, pin: str, kind: str, money: str) -> str:
    return f"{name:<17} {number:<19}  {expiry:<6}  {pin:<6}  {kind:<6}  {money:>12}".rstrip()


def _money(card: TestCard) -> str:
    minor = card.credit_line_minor if card.kind == "credit" else card.balance_minor
    return f"{minor // 100:,}.{minor % 100:02d}"


def _document(card: TestCard) -> dict[str, object]:
    return {
        "name": card.name,
        "number": card.pan.reveal(),
        "expiry": card.expiry,
        "pin": card.pin.reveal(),
        "kind": card.kind,
        "scheme": card.scheme,
        "balance_minor": card.balance_minor,
        "credit_line_minor": card.credit_line_minor,
        "status": card.status,
        "pin_required": card.pin_required,
        "description": card.description,
    }
