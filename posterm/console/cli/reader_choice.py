"""Options by which commands are told which card to speak to: in a reader, or one of posterm's own."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated, Final

import typer

if TYPE_CHECKING:
    from posterm.runtime.pcsc import PcscReader
    from posterm.runtime.readers import CardReader

_INSERT_TIMEOUT_S: Final = 30.0

ReaderOption = Annotated[
    str | None,
    typer.Option(
        "--reader", "-r", metavar="NAME", help="A reader of this machine, or a part of its name; else the only one."
    ),
]
CardOption = Annotated[
    str | None,
    typer.Option("--card", metavar="PROFILE", help="No reader but a test card: its name or file (.toml)."),
]
ContactlessOption = Annotated[
    bool,
    typer.Option("--contactless", help="The card is tapped, not inserted; a reader of this machine tells by itself."),
]
WaitOption = Annotated[
    float, typer.Option("--wait", metavar="SECONDS", min=0, help="How long to wait for a card in the reader.")
]
DEFAULT_WAIT_S: Final = _INSERT_TIMEOUT_S


@contextlib.contextmanager
def chosen_reader(
    reader: str | None, card: str | None, *, contactless: bool, wait_s: float, seed: int = 0
) -> Iterator[CardReader | PcscReader]:
    """The reader with its card, given back at the end.

    Raises: InputError: both were named. ReaderError: no such reader, or no card in it. ProfileError: no such card.
    """
    from posterm.console.errors import InputError

    if reader is not None and card is not None:
        raise InputError("--card: need a reader or a card, have both")
    if card is not None:
        from posterm.runtime.readers import CardReader
        from simulators.card import load

        yield CardReader(load(card, seed=seed, contactless=contactless), card, contactless=contactless)
        return
    from posterm.runtime.pcsc import PcscReader

    found = PcscReader(reader if reader is not None else _only_reader())
    try:
        _wait_for_card(found, wait_s)
        found.power_on()  # its answer to reset tells whether it was tapped
        yield found
    finally:
        found.close()


def _only_reader() -> str:
    from posterm.console.errors import InputError
    from posterm.runtime.pcsc import list_readers

    slots = list_readers()
    with_card = [slot.name for slot in slots if slot.has_card]
    names = with_card if len(with_card) == 1 else [slot.name for slot in slots]
    if len(names) == 1:
        return names[0]
    have = "none" if not names else f"{len(names)}"
    hint = f"name one by --reader: {'; '.join(names)}" if names else "`posterm doctor` says what is missing"
    raise InputError(f"reader: need one, have {have}", hint=f"{hint}, or take a test card by --card")


def _wait_for_card(reader: PcscReader, wait_s: float) -> None:
    from posterm.runtime.errors import CardGone

    if reader.wait_for_card(0):
        return
    typer.echo(f"{reader.name}: waiting for a card", err=True)
    if not reader.wait_for_card(wait_s):
        raise CardGone(f"{reader.name}: no card was put in")
