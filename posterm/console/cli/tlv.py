"""`posterm tlv`: data objects of chip cards, by name and with the meaning of their bits."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Final

import typer

from posterm.console.cli.message_choice import UnmaskOption, given_bytes
from posterm.console.cli.options import JsonOption, examples
from posterm.console.cli.output import write_json

if TYPE_CHECKING:
    from posterm.emv.tags import Scheme

_FIELD_55: Final = "9F2608B7A2C3D4E5F607189F2701809505000004800082027C009A032611229C0100"

ObjectsArgument = Annotated[
    list[str],
    typer.Argument(
        metavar="HEX",
        help="Data objects: field 55, a card's answer, a record. - reads them from standard input, @FILE from a file "
        "of digits or bytes. Blanks, line ends and colons are ignored.",
        show_default=False,
    ),
]
SchemeOption = Annotated[
    str | None,
    typer.Option(
        "--scheme",
        metavar="NAME",
        help="Whose meaning of a tag goes first where they differ: mastercard, visa, amex, jcb or unionpay.",
    ),
]


def register(app: typer.Typer) -> None:
    """Add the command to the program."""
    app.command(
        "tlv",
        epilog=examples(
            f"posterm tlv {_FIELD_55}", "posterm tlv --scheme visa 9F6E 04 20700000", "posterm tlv @55.hex"
        ),
    )(tlv)


def tlv(
    hexadecimal: ObjectsArgument, scheme: SchemeOption = None, as_json: JsonOption = False, unmask: UnmaskOption = False
) -> None:
    """Take the data objects of chip cards (BER-TLV) apart: names, values, and what their bits say.

    Card numbers, tracks and names are masked.
    """
    from posterm.console.views import tlv as view
    from posterm.console.views.screen import Screen

    data, sw = view.without_status_word(given_bytes(hexadecimal, "data objects"))
    found = view.items(data, chosen_scheme(scheme))
    if as_json:
        write_json(view.document(found, unmask=unmask))
        return
    screen = Screen()
    for line in view.lines(found, screen.columns, unmask=unmask):
        screen.print(line)
    if sw:
        screen.print(view.status_line(sw))


def chosen_scheme(name: str | None) -> Scheme | None:
    """The scheme named on the command line. Raises: InputError: none of this name."""
    from posterm.console.errors import InputError
    from posterm.emv.tags import Scheme

    if name is None:
        return None
    schemes = {
        "mastercard": Scheme.KERNEL_2,
        "visa": Scheme.KERNEL_3,
        "amex": Scheme.KERNEL_4,
        "jcb": Scheme.KERNEL_5,
        "unionpay": Scheme.UNIONPAY,
    }
    if name not in schemes:
        raise InputError(f"--scheme: need one of {' '.join(schemes)}, have {name[:20]!r}")
    return schemes[name]
