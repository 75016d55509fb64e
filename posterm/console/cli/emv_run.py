"""`posterm emv run` and `replay`: a whole transaction with a chip card, and one that was saved."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from posterm.console.cli.endings import FAILED
from posterm.console.cli.message_choice import UnmaskOption, read_file
from posterm.console.cli.options import JsonOption, examples
from posterm.console.cli.output import write_json
from posterm.console.cli.reader_choice import (
    DEFAULT_WAIT_S,
    CardOption,
    ContactlessOption,
    ReaderOption,
    WaitOption,
    chosen_reader,
)

if TYPE_CHECKING:
    from posterm.console.chip_run import ChipRun, Setting
    from posterm.emv.apdu import Response
    from posterm.emv.capk import CaKeyStore
    from posterm.emv.config import TerminalConfig
    from posterm.emv.exchange import AskPin, GoOnline, OnlineResult
    from posterm.emv.reader import Reader
    from posterm.hsm import Pin

_MAX_RUN_BYTES = 4_000_000

ExplainOption = Annotated[bool, typer.Option("--explain", help="Show every rule that fired, with book and clause.")]
LogOption = Annotated[bool, typer.Option("--log", help="Show the dialogue with the card, decoded.")]
TerminalOption = Annotated[
    str | None,
    typer.Option("--terminal", metavar="FILE", help="Terminal and applications (.toml); else those of posterm."),
]
KeysOption = Annotated[
    str | None,
    typer.Option("--ca-keys", metavar="FILE", help="CA keys (.toml); else the public and posterm's test keys."),
]


def register(group: typer.Typer) -> None:
    """Add the commands to `posterm emv`."""
    group.command(
        "run",
        epilog=examples(
            "posterm emv run --amount 12.34 --card unionpay-debit",
            "posterm emv run --amount 12.34 --reader ACR --explain",
            "posterm emv run --amount 12.34 --card visa-credit --offline --log --save run.apdu",
        ),
    )(run)
    group.command(
        "replay", epilog=examples("posterm emv replay run.apdu --explain", "posterm emv replay run.apdu --log")
    )(replay)


def run(
    amount: Annotated[str, typer.Option("--amount", metavar="AMOUNT", help="Such as 12.34.", show_default=False)],
    currency: Annotated[str, typer.Option("--currency", metavar="CODE", help="ISO 4217.")] = "CNY",
    reader: ReaderOption = None,
    card: CardOption = None,
    contactless: ContactlessOption = False,
    wait: WaitOption = DEFAULT_WAIT_S,
    offline: Annotated[bool, typer.Option("--offline", help="No issuer can be reached.")] = False,
    response: Annotated[
        str, typer.Option("--response", metavar="CODE", help="What the test issuer answers, such as 00 or 51.")
    ] = "00",
    pin: Annotated[bool, typer.Option("--pin/--no-pin", help="Whether the cardholder enters a PIN when asked.")] = True,
    terminal: TerminalOption = None,
    ca_keys: KeysOption = None,
    at: Annotated[datetime | None, typer.Option("--at", metavar="TIME", help="Date and time; else now.")] = None,
    seed: Annotated[
        int | None, typer.Option("--seed", min=0, help="What card and kernel draw comes from it; else from chance.")
    ] = None,
    explain: ExplainOption = False,
    log: LogOption = False,
    save: Annotated[Path | None, typer.Option("--save", metavar="FILE", help="Keep the run for `replay`.")] = None,
    as_json: JsonOption = False,
    unmask: UnmaskOption = False,
) -> None:
    """Pay with a chip card: select, read, authenticate, verify the cardholder, decide, go online, complete.

    Online requests of test cards are answered by their test issuers. A test card's own PIN is typed for it; for a card
    in a reader it is asked for, on its PIN pad when it has one. Exit status 1 when the transaction is not approved.
    """
    from posterm.console.chip_run import Counter, run_chip

    issuers = _Issuers(response)
    with chosen_reader(reader, card, contactless=contactless, wait_s=wait, seed=seed or 0) as chosen:
        setting = _setting(amount, currency, at, seed, contactless=contactless or chosen.contactless)
        counter = Counter(online=None if offline else issuers, enters_online_pin=pin)
        if pin:
            counter.ask_pin = _own_pin(card) if card is not None else _asked_pin
            counter.pad = _pin_pad(chosen)
        done = run_chip(setting, _terminal(terminal, setting), _keys(ca_keys), chosen, counter)
    if save is not None:
        _save(save, done)
    _show(done, issuer=issuers.said, explain=explain, log=log, as_json=as_json, unmask=unmask)


def replay(
    file: Annotated[str, typer.Argument(metavar="FILE", help="What `run --save` wrote.", show_default=False)],
    terminal: TerminalOption = None,
    ca_keys: KeysOption = None,
    explain: ExplainOption = False,
    log: LogOption = False,
    as_json: JsonOption = False,
    unmask: UnmaskOption = False,
) -> None:
    """Play a saved transaction again: the same kernel, the card's own answers, the same replies.

    It ends as it ended then, unless kernel, terminal or keys differ; then the first command that does is told.
    """
    from posterm.console.chip_run import run_chip
    from posterm.console.saved_run import SavedRun

    saved = SavedRun(read_file(file, _MAX_RUN_BYTES).decode("utf-8", errors="replace"))
    done = run_chip(saved.setting, _terminal(terminal, saved.setting), _keys(ca_keys), saved.reader, saved)
    _show(done, issuer="", explain=explain, log=log, as_json=as_json, unmask=unmask)


@dataclass(slots=True)
class _Issuers:
    """The test issuers, and what they said last."""

    response: str
    said: str = field(default="", init=False)

    def __call__(self, request: GoOnline) -> OnlineResult:
        from simulators.chip_issuer import TestIssuers

        answer = TestIssuers(self.response).answer(request)
        self.said = answer.said
        return answer.result


def _setting(amount: str, code: str, at: datetime | None, seed: int | None, *, contactless: bool) -> Setting:
    import secrets

    from posterm.amount import Amount, currency
    from posterm.console.chip_run import SEED_BYTES, Setting
    from posterm.runtime import clock

    money = Amount.parse(amount, currency(code))
    drawn = secrets.token_bytes(SEED_BYTES) if seed is None else seed.to_bytes(SEED_BYTES, "big")
    return Setting(money, (at or clock.now()).replace(microsecond=0), drawn, contactless=contactless)


def _terminal(file: str | None, setting: Setting) -> TerminalConfig:
    from posterm.emv.config_file import default_terminal, load_terminal

    return replace(load_terminal(file) if file else default_terminal(), currency=setting.amount.currency)


def _keys(file: str | None) -> CaKeyStore:
    from posterm.emv.ca_key_file import load_ca_keys, public_ca_keys
    from posterm.emv.capk import CaKeyStore
    from simulators.card import authorities

    return load_ca_keys(file) if file else CaKeyStore((*public_ca_keys(), *authorities()))


def _own_pin(card: str) -> Callable[[AskPin], Pin | None]:
    """The PIN a test card's holder knows; not typed again when it was wrong."""
    from posterm.hsm import Pin
    from simulators.card import load_profile

    pin = Pin(load_profile(card).holder.pin)
    return lambda wanted: None if wanted.wrong_before else pin


def _asked_pin(wanted: AskPin) -> Pin | None:
    """The PIN from the keyboard, unseen; none when nothing is typed, or nobody can be asked."""
    from posterm.hsm import Pin

    if not sys.stdin.isatty():
        return None
    left = "" if wanted.tries_left is None else f", {wanted.tries_left} tries left"
    again = "that PIN was wrong; " if wanted.wrong_before else ""
    typed = typer.prompt(f"{again}PIN{left} (empty: none)", hide_input=True, default="", show_default=False, err=True)
    return Pin(typed) if typed else None


def _pin_pad(reader: Reader) -> Callable[[], Response | None]:
    """The reader's own PIN pad, where it has one."""
    from posterm.console.chip_run import no_pad
    from posterm.emv.apdu import Response
    from posterm.runtime.pcsc import Feature, PcscReader

    if not isinstance(reader, PcscReader):
        return no_pad

    def verify() -> Response | None:
        if Feature.VERIFY_PIN_DIRECT not in reader.features():
            return None
        typer.echo("enter the PIN on the reader", err=True)
        return Response.parse(reader.verify_pin())

    return verify


def _save(path: Path, done: ChipRun) -> None:
    """Write a run; only its owner may read it, for it holds the card number."""
    from posterm.console.errors import InputError
    from posterm.console.saved_run import write_run

    try:
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8") as file:
            file.write(write_run(done))
    except OSError as error:
        raise InputError(f"{path.name}: need a writable file, have {(error.strerror or 'another').lower()}") from None


def _show(done: ChipRun, *, issuer: str, explain: bool, log: bool, as_json: bool, unmask: bool) -> None:
    from posterm.console.saved_run import dialogue
    from posterm.console.views import chip_outcome
    from posterm.console.views.chip_log import ChipLog
    from posterm.console.views.screen import Screen

    if as_json:
        document = chip_outcome.document(done, issuer=issuer)
        if log:
            document["log"] = ChipLog(unmask=unmask).document(dialogue(done.events))
        write_json(document)
    else:
        screen = Screen()
        if log:
            for line in ChipLog(unmask=unmask).lines(dialogue(done.events), screen.columns):
                screen.print(line)
            screen.print()
        for line in chip_outcome.lines(done, screen.columns, issuer=issuer, explain=explain):
            screen.print(line)
    if not done.outcome.approved:
        raise typer.Exit(FAILED)
