"""`posterm settle …`: closing clearing dates, settlement files, payouts and reconciliation."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Annotated, NamedTuple, TypeVar

import typer

from posterm.console.cli.options import ConfigOption, JsonOption, examples

R = TypeVar("R", bound=NamedTuple)
app = typer.Typer(no_args_is_help=True, help="Clear what merchants have earned, and pay it out.")

DateArgument = Annotated[str, typer.Argument(metavar="DATE", help="Clearing date, YYYY-MM-DD.")]


@app.command("close", epilog=examples("posterm settle close"))
def close(config: ConfigOption = None, as_json: JsonOption = False) -> None:
    """Close every clearing date whose cut-off has passed: net to payable, fees to their parties."""
    from posterm.console.configuration import load_configuration
    from posterm.console.host_desk import configured_host
    from posterm.console.views.settlement import CLEARING_HEADING, clearing_row
    from posterm.runtime import clock
    from posterm.runtime.store.retry import in_batch

    with configured_host(load_configuration(config)) as opened:
        cleared = in_batch(opened.store, lambda: opened.host.close_clearing(clock.now()))
    _write(CLEARING_HEADING, cleared, clearing_row, as_json=as_json, nothing="no clearing date to close")


@app.command("file", epilog=examples("posterm settle file 2026-06-01", "posterm settle file 2026-06-01 --form fixed"))
def file(
    clearing_date: DateArgument,
    form: Annotated[str, typer.Option(metavar="FORM", help="csv or fixed.")] = "csv",
    config: ConfigOption = None,
) -> None:
    """Write the settlement file of a date to standard output."""
    from posterm.console.configuration import load_configuration
    from posterm.console.errors import InputError
    from posterm.console.host_desk import configured_host
    from posterm.host.settlement_file import settlement_file

    if form not in ("csv", "fixed"):
        raise InputError("no such form", hint="csv or fixed")
    with configured_host(load_configuration(config)) as opened, opened.store.snapshot():
        records = opened.store.transactions_cleared_on(clearing_date)
    typer.echo(settlement_file(clearing_date, records, "fixed" if form == "fixed" else "csv"), nl=False)


@app.command("pay", epilog=examples("posterm settle pay"))
def pay(config: ConfigOption = None, as_json: JsonOption = False) -> None:
    """Make a payout for every merchant to whom something is due."""
    from posterm.console.configuration import load_configuration
    from posterm.console.host_desk import configured_host
    from posterm.console.views.settlement import PAYOUT_HEADING, payout_row
    from posterm.runtime import clock
    from posterm.runtime.store.retry import in_batch

    with configured_host(load_configuration(config)) as opened:
        made = in_batch(opened.store, lambda: opened.host.create_payouts(clock.now()))
    _write(PAYOUT_HEADING, made, payout_row, as_json=as_json, nothing="nothing is due")


@app.command("advance", epilog=examples("posterm settle advance 898310058120001 --minor 100000"))
def advance(
    merchant_id: Annotated[str, typer.Argument(metavar="MERCHANT", help="15 letters and digits.")],
    minor: Annotated[int, typer.Option(metavar="MINOR", help="How much, the fee included; 0 for all there is.")] = 0,
    key: Annotated[str, typer.Option(metavar="KEY", help="Names this wish: the same key pays once.")] = "",
    config: ConfigOption = None,
) -> None:
    """Pay a merchant at once what it has earned since the last closed date."""
    from posterm.console.configuration import load_configuration
    from posterm.console.host_desk import configured_host
    from posterm.console.views.ledger import money
    from posterm.runtime import clock
    from posterm.runtime.store.retry import in_batch

    now = clock.now()
    wish = key or now.strftime("%Y%m%d%H%M%S%f")
    with configured_host(load_configuration(config)) as opened:
        made = in_batch(opened.store, lambda: opened.host.request_advance(merchant_id, wish, now, amount=minor))
    typer.echo(f"payout {made.payout_id}: {money(made.amount_minor, made.currency)}, fee {made.fee_minor}")


@app.command("payouts", epilog=examples("posterm settle payouts", "posterm settle payouts --json"))
def payouts(config: ConfigOption = None, as_json: JsonOption = False) -> None:
    """List all payouts and how far they are."""
    from posterm.console.configuration import load_configuration
    from posterm.console.host_desk import configured_host
    from posterm.console.views.settlement import PAYOUT_HEADING, payout_row

    with configured_host(load_configuration(config)) as opened:
        found = tuple(opened.store.payouts())
    _write(PAYOUT_HEADING, found, payout_row, as_json=as_json, nothing="no payouts")


@app.command(
    "payout",
    epilog=examples(
        "posterm settle payout 898310058120001-2026-06-01 send",
        "posterm settle payout 898310058120001-2026-06-01 fail --reason 'account closed'",
    ),
)
def payout(
    payout_id: Annotated[str, typer.Argument(metavar="PAYOUT", help="As `payouts` lists it.")],
    action: Annotated[str, typer.Argument(metavar="ACTION", help="send, succeed, fail, return or retry.")],
    reason: Annotated[str, typer.Option(help="Why the bank refused.")] = "",
    config: ConfigOption = None,
) -> None:
    """Take a payout one step on: what the bank did with it, or what is to be done next."""
    from posterm.console.configuration import load_configuration
    from posterm.console.host_desk import configured_host
    from posterm.runtime import clock
    from posterm.runtime.store.retry import in_batch

    with configured_host(load_configuration(config)) as opened:
        moved = in_batch(opened.store, lambda: opened.host.move_payout(payout_id, action, clock.now(), reason=reason))
    typer.echo(f"payout {moved.payout_id} is {moved.state}")


@app.command("reconcile", epilog=examples("posterm settle reconcile 2026-06-01"))
def reconcile(clearing_date: DateArgument, config: ConfigOption = None, as_json: JsonOption = False) -> None:
    """Compare terminals' batches, the host's records and the ledger on a date. Exit status 1 when they differ."""
    from dataclasses import asdict

    from posterm.console.cli.endings import FAILED
    from posterm.console.cli.output import write_json
    from posterm.console.configuration import load_configuration
    from posterm.console.host_desk import configured_host

    with configured_host(load_configuration(config)) as opened:
        report = opened.host.reconcile(clearing_date)
    if as_json:
        write_json(asdict(report))
    else:
        for difference in report.differences:
            typer.echo(difference)
        typer.echo(f"{report.records} records, {report.batches} batches, {len(report.differences)} differences")
    if report.differences:
        raise typer.Exit(FAILED)


def _write(
    heading: Sequence[str],
    records: Sequence[R],
    row: Callable[[R], tuple[str, ...]],
    *,
    as_json: bool,
    nothing: str,
) -> None:
    from posterm.console.cli.output import write_columns, write_json
    from posterm.console.views.ledger import money_to_the_right

    if as_json:
        write_json([record._asdict() for record in records])
    elif records:
        aligned, *others = money_to_the_right(heading, [row(record) for record in records])
        write_columns(aligned, others)
    else:
        typer.echo(nothing)
