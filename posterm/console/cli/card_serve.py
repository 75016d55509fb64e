"""`posterm card serve`: a chip card of posterm's own in the virtual reader, for any program that speaks PC/SC."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from posterm.console.cli.options import examples
from posterm.console.cli.reader_choice import ContactlessOption

if TYPE_CHECKING:
    from posterm.runtime.vpcd import PoweredCard

_DEFAULT_ADDRESS = "127.0.0.1:35963"


def register(group: typer.Typer) -> None:
    """Add the command to `posterm card`."""
    group.command(
        "serve",
        epilog=examples(
            "posterm card serve unionpay-debit",
            "posterm card serve my.toml --vpcd 127.0.0.1:35964 --contactless",
            "posterm card serve visa-credit --fault truncated-signature --verbose",
        ),
    )(serve)


def serve(
    name: Annotated[str, typer.Argument(metavar="NAME", help="A ready card, a test card, or a file (.toml).")],
    address: Annotated[
        str, typer.Option("--vpcd", metavar="HOST:PORT", help="Where the slot of the virtual reader listens.")
    ] = _DEFAULT_ADDRESS,
    contactless: ContactlessOption = False,
    seed: Annotated[int, typer.Option("--seed", help="What the card draws comes from it.")] = 0,
    fault: Annotated[
        str, typer.Option("--fault", metavar="NAME", help="How it misbehaves: a name of `posterm card list --faults`.")
    ] = "",
    verbose: Annotated[bool, typer.Option("--verbose", "-v", help="Write a line for each command.")] = False,
) -> None:
    """Put a card into the virtual reader of PC/SC, until interrupted or withdrawn.

    pcscd has to run with the virtual reader vpcd; `posterm doctor` tells.
    """
    from posterm.runtime.vpcd import VirtualSlot
    from simulators.card import load

    card = load(name, seed=seed, contactless=contactless, fault=fault)
    host, port = _host_and_port(address)
    slot = VirtualSlot(_Told(card) if verbose else card, host, port)
    slot.connect()
    typer.echo(f"{name} is in the virtual reader at {host}:{port}")
    try:
        answered = slot.serve()
    finally:
        slot.close()
    typer.echo(f"{name} is out of the reader after {answered} commands")


class _Told:
    """A card that tells what is asked of it, without the data."""

    def __init__(self, card: PoweredCard) -> None:
        self._card = card

    def power_on(self) -> bytes:
        typer.echo("power on")
        return self._card.power_on()

    def transmit(self, apdu: bytes) -> bytes:
        from posterm.emv.apdu import Command, status_meaning
        from posterm.emv.errors import ApduError

        answer = self._card.transmit(apdu)
        try:
            asked = f"{Command.parse(apdu).name} {apdu[:4].hex().upper()}"
        except ApduError:
            asked = f"no command, {len(apdu)} bytes"
        sw = int.from_bytes(answer[-2:], "big")
        typer.echo(f"{asked}: {f'{sw:04X} {status_meaning(sw)}' if answer else 'withdrawn'}")
        return answer


def _host_and_port(address: str) -> tuple[str, int]:
    from posterm.console.errors import InputError

    host, colon, port = address.rpartition(":")
    if not colon or not host or not (port.isascii() and port.isdigit()) or not 1 <= int(port[:6]) <= 65535:
        raise InputError(f"--vpcd: need HOST:PORT such as {_DEFAULT_ADDRESS}, have something else")
    return host, int(port)
