"""`posterm emv …`: readers, what is on a card, and transactions with it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import typer

from posterm.console.cli import emv_run
from posterm.console.cli.endings import FAILED
from posterm.console.cli.message_choice import UnmaskOption
from posterm.console.cli.options import JsonOption, examples
from posterm.console.cli.output import write_columns, write_json
from posterm.console.cli.reader_choice import (
    DEFAULT_WAIT_S,
    CardOption,
    ContactlessOption,
    ReaderOption,
    WaitOption,
    chosen_reader,
)

if TYPE_CHECKING:
    from posterm.emv.inspection import CardContents
    from posterm.emv.reader import Reader

app = typer.Typer(no_args_is_help=True, help="Work with chip cards: readers, what is on a card, transactions.")


@app.command(epilog=examples("posterm emv readers", "posterm emv readers --json"))
def readers(as_json: JsonOption = False) -> None:
    """List the readers of this machine. `posterm doctor` says why one is not there."""
    from posterm.runtime.pcsc import list_readers

    slots = list_readers()
    if as_json:
        rows = [{"name": slot.name, "atr": slot.atr.hex().upper(), "in_use": slot.in_use} for slot in slots]
        write_json(rows)
        return
    states = [(slot.name, "in use" if slot.in_use else "-", slot.atr.hex().upper() or "no card") for slot in slots]
    write_columns(("Reader", "State", "Card"), states, ("cyan", "", ""))


@app.command(
    epilog=examples(
        "posterm emv read --card unionpay-debit",
        "posterm emv read --reader ACR --contactless",
        "posterm emv read --json",
    )
)
def read(
    reader: ReaderOption = None,
    card: CardOption = None,
    contactless: ContactlessOption = False,
    wait: WaitOption = DEFAULT_WAIT_S,
    as_json: JsonOption = False,
    unmask: UnmaskOption = False,
) -> None:
    """Read what a card shows to every terminal: applications, records, counters, log. Nothing is paid.

    The card's transaction counter goes up by one for each application. Exit status 1 when the card was withdrawn, or
    has no application.
    """
    with chosen_reader(reader, card, contactless=contactless, wait_s=wait) as chosen:
        atr = chosen.power_on()
        try:
            contents = _inspected(chosen, contactless=contactless or chosen.contactless)
        finally:
            chosen.power_off()
    from posterm.console.views import card_contents as view

    if as_json:
        write_json(view.document(atr, contents, unmask=unmask))
    else:
        from posterm.console.views.screen import Screen

        screen = Screen()
        for line in view.lines(chosen.name, atr, contents, screen.columns, unmask=unmask):
            screen.print(line)
    if not contents.whole or not contents.applications:
        raise typer.Exit(FAILED)


def _inspected(reader: Reader, *, contactless: bool) -> CardContents:
    """What the card shows to the terminal that comes with posterm."""
    import secrets

    from posterm.emv.config import Transaction
    from posterm.emv.config_file import default_terminal
    from posterm.emv.exchange import perform
    from posterm.emv.inspection import inspect_card
    from posterm.runtime import clock

    terminal = default_terminal()
    values = {
        **terminal.objects(),
        **Transaction(0, clock.now()).objects(),
        "95": bytes(5),
        "9F66": next((each.ttq for each in terminal.applications if each.ttq), bytes(4)),
        "9F37": secrets.token_bytes(4),
    }
    inspection = inspect_card((each.aid for each in terminal.applications), values, contactless=contactless)
    return perform(inspection, reader.transmit, _nothing_else)


def _nothing_else(effect: object) -> object:
    raise TypeError(f"reading a card asks for nothing but commands, this is {type(effect).__name__}")


def register(root: typer.Typer) -> None:
    """Add the commands to the program."""
    emv_run.register(app)
    root.add_typer(app, name="emv")
