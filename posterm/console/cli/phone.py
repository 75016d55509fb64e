"""`posterm phone …`: the customer's telephone: codes to show, merchants' codes to scan, passwords to give.

The wallets are those of the host that the configuration names; it may be running meanwhile.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypeVar

import typer

from posterm.console.cli.endings import FAILED
from posterm.console.cli.options import ConfigOption, JsonOption, examples

if TYPE_CHECKING:
    from simulators.phone import Phone

app = typer.Typer(no_args_is_help=True, help="A customer's telephone with a wallet on it.")

WalletArgument = Annotated[str, typer.Argument(metavar="WALLET", help="A wallet; `posterm phone wallets` lists them.")]
R = TypeVar("R")


@app.command(epilog=examples("posterm phone wallets"))
def wallets(as_json: JsonOption = False) -> None:
    """List the wallets of the test world."""
    from posterm.console.cli.output import write_json
    from simulators.phone import TEST_WALLETS

    if as_json:
        write_json([{"name": each.name, "network": each.network.value, "text": each.text} for each in TEST_WALLETS])
        return
    for each in TEST_WALLETS:
        money = f"{each.balance_minor // 100:,}.{each.balance_minor % 100:02d}"
        typer.echo(f"{each.name:<10} {money:>10}  {each.text}")


@app.command(
    epilog=examples(
        "posterm phone code wechat", 'posterm terminal pay-code 12.34 --scan "$(posterm phone code wechat)"'
    )
)
def code(
    wallet: WalletArgument,
    face: Annotated[bool, typer.Option("--face", help="A face payment token instead of digits.")] = False,
    consumer: Annotated[bool, typer.Option("--consumer", help="An EMVCo consumer-presented code instead.")] = False,
    config: ConfigOption = None,
) -> None:
    """Show a fresh code, good once and for a minute."""
    from posterm.qr.scanned import Form

    form = Form.FACE if face else Form.CONSUMER_PRESENTED if consumer else Form.DIGITS

    def shown(phone: Phone) -> str:
        phone.form = form
        return phone.code()

    typer.echo(_with_phone(config, wallet, shown))


@app.command(epilog=examples("posterm phone pay wechat 00020101...", "posterm phone pay alipay - < code.txt"))
def pay(
    wallet: WalletArgument,
    text: Annotated[str, typer.Argument(metavar="CODE", help="What the terminal shows; - reads standard input.")],
    config: ConfigOption = None,
) -> None:
    """Scan a merchant's code and pay. Exit status 1 when it is not paid."""
    import sys

    scanned = sys.stdin.readline().strip() if text == "-" else text

    def paid(phone: Phone) -> list[str]:
        phone.scan(scanned)
        return phone.answers

    _tell(_with_phone(config, wallet, paid))


@app.command(epilog=examples("posterm phone password careful", "posterm phone password careful --refuse"))
def password(
    wallet: WalletArgument,
    refuse: Annotated[bool, typer.Option("--refuse", help="Do not give it.")] = False,
    config: ConfigOption = None,
) -> None:
    """Give the wallet's password for every payment that waits for it. Exit status 1 when one is not paid."""

    def given(phone: Phone) -> list[str]:
        phone.password = not refuse
        phone.wait()
        return phone.answers

    _tell(_with_phone(config, wallet, given))


def _tell(answers: list[str]) -> None:
    from posterm.unionpay.response_codes import response_code

    for answer in answers:
        typer.echo("paid" if answer == "00" else f"not paid: {answer} {response_code(answer).text}")
    if not answers:
        typer.echo("nothing waits")
    if set(answers) != {"00"}:
        raise typer.Exit(FAILED)


def _with_phone(config: Path | None, wallet: str, use: Callable[[Phone], R]) -> R:
    import secrets

    from posterm.console.configuration import load_configuration
    from posterm.console.host_desk import configured_host
    from posterm.runtime import clock
    from posterm.runtime.store.retry import in_batch
    from simulators.phone import Phone

    with configured_host(load_configuration(config)) as opened:
        return in_batch(opened.store, lambda: use(Phone(opened.host, wallet, clock.now, secrets.randbelow)))


def register(root: typer.Typer) -> None:
    """Add the commands to the program."""
    root.add_typer(app, name="phone")
