"""`posterm card`: the chip cards that come with posterm, and a user's own."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from posterm.console.cli.options import JsonOption, examples
from posterm.console.cli.output import write_columns, write_json

if TYPE_CHECKING:
    from simulators.card.faults import Fault
    from simulators.card.profile import Application, CardProfile

app = typer.Typer(no_args_is_help=True, help="List chip cards, show what is on one, make a profile of your own.")

_CardArgument = Annotated[
    str,
    typer.Argument(
        metavar="NAME", help="A ready card, a test card with a chip, or a file (.toml).", show_default=False
    ),
]
_RevealOption = Annotated[bool, typer.Option("--reveal", help="Show the card number whole, and the PIN.")]


@app.command("list", epilog=examples("posterm card list", "posterm card list --faults", "posterm card list --json"))
def list_cards(
    faults: Annotated[bool, typer.Option("--faults", help="List the ways a card can be told to misbehave.")] = False,
    as_json: JsonOption = False,
) -> None:
    """List the ready cards."""
    from simulators.card import FAULTS, TAP_FAULTS, load_profile, profile_names

    if faults:
        menu = (*FAULTS.values(), *TAP_FAULTS.values())
        if as_json:
            write_json([_fault_document(each) for each in menu])
        else:
            write_columns(
                ("Fault", "What the card does"),
                [(each.name, each.description) for each in menu],
            )
        return
    profiles = [load_profile(name) for name in profile_names()]
    if as_json:
        write_json([{"name": each.name, "description": each.description} for each in profiles])
    else:
        rows = [(each.name, each.description) for each in profiles]
        write_columns(("Card", "What it is"), rows, ("cyan", ""))


@app.command("show", epilog=examples("posterm card show unionpay-debit", "posterm card show my.toml --reveal"))
def show(name: _CardArgument, reveal: _RevealOption = False, as_json: JsonOption = False) -> None:
    """Show what is on a card: number, applications, how each proves itself and pays."""
    from simulators.card import load_profile

    profile = load_profile(name)
    rows = _card_rows(profile, reveal=reveal)
    for application in profile.applications.values():
        rows += _application_rows(application)
    if as_json:
        write_json(_document(profile, rows))
    else:
        typer.echo(f"{profile.name}: {profile.description}")
        write_columns(("Item", "Value"), rows, ("cyan", ""))


@app.command("make", epilog=examples("posterm card make --from visa-credit --expiry 2906 --out my.toml"))
def make(
    base: Annotated[
        str,
        typer.Option("--from", metavar="NAME", help="The ready card, or test card, to start from.", show_default=False),
    ],
    out: Annotated[Path, typer.Option("--out", "-o", metavar="FILE", help="The profile to write (.toml).")],
    pan: Annotated[str, typer.Option("--pan", metavar="DIGITS", help="Card number with a right check digit.")] = "",
    pin: Annotated[str, typer.Option("--pin", metavar="DIGITS", help="4 to 12 digits.")] = "",
    expiry: Annotated[str, typer.Option("--expiry", metavar="YYMM", help="The month the card ends.")] = "",
    key_seed: Annotated[
        str, typer.Option("--key-seed", metavar="TEXT", help="Make RSA keys for this card alone, from this text.")
    ] = "",
    force: Annotated[bool, typer.Option("--force", help="Write over a file that is there.")] = False,
) -> None:
    """Write a profile file that differs from a ready card; more differences go into the file by hand."""
    from posterm.console.errors import InputError
    from simulators.card import load_profile
    from simulators.card.profile import profile_text

    if out.suffix != ".toml":
        raise InputError("a card profile is a file whose name ends in .toml")
    holder = {key: value for key, value in (("pan", pan), ("pin", pin), ("expiry", expiry)) if value}
    changes: dict[str, Any] = {"name": out.stem.lower()}
    if key_seed:
        changes["key_seed"] = key_seed
    if holder:
        changes["holder"] = holder
    load_profile(base, changes)
    try:
        with out.open("w" if force else "x", encoding="utf-8", newline="\n") as file:
            file.write(profile_text(base, changes))
    except FileExistsError:
        raise InputError(f"{out} is there already", hint="--force writes over it") from None
    except OSError as error:
        raise InputError(f"cannot write {out}: {(error.strerror or 'unknown reason').lower()}") from None
    typer.echo(f"wrote {out}")


def _fault_document(fault: Fault) -> dict[str, object]:
    return {
        "name": fault.name,
        "description": fault.description,
        "card": fault.card,
        "source": fault.source,
        "endings": fault.endings,
        "tvr": fault.tvr,
    }


def _card_rows(profile: CardProfile, *, reveal: bool) -> list[tuple[str, str]]:
    from posterm.sensitive import mask_pan

    holder = profile.holder
    return [
        ("number", holder.pan if reveal else mask_pan(holder.pan)),
        ("pin", holder.pin if reveal else "*" * 6),
        ("expires", f"{holder.expiry[2:]}/{holder.expiry[:2]}"),
        ("sequence number", holder.sequence),
        ("holder", holder.name),
        ("protocol", profile.protocol),
        ("directory", "PSE" if profile.directory else "none"),
        *([("signatures", "do not verify: the card is a counterfeit")] if profile.counterfeit else []),
    ]


def _application_rows(application: Application) -> list[tuple[str, str]]:
    tap, cash = application.contactless, application.electronic_cash
    rows = [
        ("application", f"{application.label}, {application.aid}"),
        ("  cryptogram", application.cvn),
        ("  offline authentication", ", ".join(sorted(application.authentication)) or "none"),
        ("  issuer authentication", application.issuer_authentication),
        ("  CVM list", application.cvm_list),
        (
            "  PIN tries",
            str(application.pin_tries if application.pin_tries_left is None else application.pin_tries_left),
        ),
        ("  tapped", "not at all" if tap is None else tap.mode),
    ]
    if cash is not None:
        rows.append(("  electronic cash", f"{cash.balance_minor // 100}.{cash.balance_minor % 100:02d}"))
    if application.blocked:
        rows.append(("  blocked", "yes"))
    return rows


def _document(profile: CardProfile, rows: list[tuple[str, str]]) -> dict[str, object]:
    """The profile as it is, with number and PIN as the table shows them."""
    document = profile.model_dump(mode="json")
    shown = dict(rows[:2])
    document["holder"] |= {"pan": shown["number"], "pin": shown["pin"]}
    return document
