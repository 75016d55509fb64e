"""`posterm ledger …`: what stands in the host's ledger, and whether it adds up. Nothing here changes it."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated, Any

import typer

from posterm.console.cli.options import ConfigOption, JsonOption, examples

if TYPE_CHECKING:
    from pathlib import Path

    from posterm.runtime.store.sql_host import SqlHostStore

app = typer.Typer(no_args_is_help=True, help="Look into the host's ledger, and prove it.")

CsvOption = Annotated[bool, typer.Option("--csv", help="Write CSV for a spreadsheet.")]


@app.command(
    epilog=examples(
        "posterm ledger accounts", "posterm ledger accounts --kind merchant-payable", "posterm ledger accounts --csv"
    )
)
def accounts(
    kind: Annotated[str | None, typer.Option(metavar="KIND", help="Only accounts of this kind.")] = None,
    config: ConfigOption = None,
    as_json: JsonOption = False,
    as_csv: CsvOption = False,
) -> None:
    """List the accounts: what each holds on its own side, what is held, and what may still be taken."""
    from posterm.console.errors import InputError
    from posterm.console.views.ledger import ACCOUNT_HEADING, account_document, account_row
    from posterm.host.chart import CHART

    if kind is not None and kind not in CHART:
        raise InputError("no such kind of account", hint=f"one of {', '.join(CHART)}")
    with _ledger(config) as store:
        found = [account for account in store.accounts() if kind in (None, account.kind)]
    documents = [account_document(account) for account in found]
    _write(ACCOUNT_HEADING, [account_row(account) for account in found], documents, as_json=as_json, as_csv=as_csv)


@app.command(
    epilog=examples(
        "posterm ledger transfers --last 100",
        "posterm ledger transfers --account bank/156",
        "posterm ledger transfers --kind pending --json",
    )
)
def transfers(
    account: Annotated[str | None, typer.Option(metavar="ACCOUNT", help="Only those of this account.")] = None,
    kind: Annotated[str | None, typer.Option(metavar="KIND", help="Only those of this kind.")] = None,
    last: Annotated[int, typer.Option(min=1, help="How many, counted from the end.")] = 20,
    config: ConfigOption = None,
    as_json: JsonOption = False,
    as_csv: CsvOption = False,
) -> None:
    """List the latest transfers in the order they were made, holds and what became of them included."""
    from posterm.console.errors import InputError
    from posterm.console.views.ledger import TRANSFER_HEADING, transfer_document, transfer_row
    from posterm.host.records import TransferKind

    if kind is not None and kind not in set(TransferKind):
        raise InputError("no such kind of transfer", hint=f"one of {', '.join(TransferKind)}")
    with _ledger(config) as store:
        found = deque(
            (
                transfer
                for transfer in store.transfers()
                if kind in (None, transfer.kind) and account in (None, transfer.debit_account, transfer.credit_account)
            ),
            maxlen=last,
        )
    documents = [transfer_document(transfer) for transfer in found]
    rows = [transfer_row(transfer) for transfer in found]
    _write(TRANSFER_HEADING, rows, documents, as_json=as_json, as_csv=as_csv)


@app.command(
    epilog=examples("posterm ledger statement bank/156", "posterm ledger statement merchant/898310058120001/payable")
)
def statement(
    account: Annotated[str, typer.Argument(metavar="ACCOUNT", help="The account's name, as `accounts` lists it.")],
    config: ConfigOption = None,
    as_json: JsonOption = False,
    as_csv: CsvOption = False,
) -> None:
    """List everything that moved the balance of one account, with the balance after each."""
    from posterm.console.views.ledger import STATEMENT_HEADING, statement_document, statement_row
    from posterm.host import Ledger
    from posterm.host.ledger_statement import statement as lines_of

    with _ledger(config) as store:
        lines = list(lines_of(store, Ledger(store).account(account)))
    documents = [statement_document(line) for line in lines]
    _write(STATEMENT_HEADING, [statement_row(line) for line in lines], documents, as_json=as_json, as_csv=as_csv)


@app.command(epilog=examples("posterm ledger prove", "posterm ledger prove --json"))
def prove(config: ConfigOption = None, as_json: JsonOption = False) -> None:
    """Recompute every balance from the transfers, and check that each currency sums to zero.

    Exit status 1 when anything differs; the accounts are named.
    """
    from posterm.console.cli.endings import FAILED
    from posterm.console.cli.output import write_json
    from posterm.console.views.ledger import proof_document, proof_lines
    from posterm.host import Ledger

    with _ledger(config) as store:
        proof = Ledger(store).prove()
    if as_json:
        write_json(proof_document(proof))
    else:
        for line in proof_lines(proof):
            typer.echo(line)
    if proof.faults:
        raise typer.Exit(FAILED)


@contextmanager
def _ledger(config: Path | None) -> Iterator[SqlHostStore]:
    """The configured host's store, read as it stands at one moment while the host goes on."""
    from posterm.console.configuration import load_configuration
    from posterm.runtime.store.host_store import open_host_store

    configuration = load_configuration(config)
    with (
        open_host_store(configuration.host.store, configuration.data_directory / "host", found=False) as store,
        store.snapshot(),
    ):
        yield store


def _write(
    heading: Sequence[str],
    rows: Sequence[Sequence[str]],
    documents: Sequence[dict[str, Any]],
    *,
    as_json: bool,
    as_csv: bool,
) -> None:
    from posterm.console.cli.output import write_columns, write_csv, write_json
    from posterm.console.errors import InputError
    from posterm.console.views.ledger import money_to_the_right

    if as_json and as_csv:
        raise InputError("--json and --csv exclude each other")
    if as_json:
        write_json(documents)
    elif as_csv:
        write_csv(documents)
    elif rows:
        aligned, *others = money_to_the_right(heading, rows)
        write_columns(aligned, others)
    else:
        typer.echo("nothing to list")
