"""The demonstration: a host in a process of its own, a terminal in this one, TCP between them, a day, and its proof.

Everything lives in a temporary folder that is gone afterwards.
"""

from __future__ import annotations

import json
import select
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import IO, Any, Final

import typer

from posterm.amount import Amount
from posterm.console.configuration import Configuration, load_configuration
from posterm.console.counter import Counter
from posterm.console.day import DAY, Step
from posterm.console.front import Presented, cardholder
from posterm.console.host_desk import configured_host
from posterm.console.views.result import result_document, result_line
from posterm.console.workplace import workplace
from posterm.host.chart import fee_clearing, merchant_payable, merchant_pending
from posterm.runtime import clock
from posterm.runtime.errors import RuntimeFault
from posterm.terminal import Result
from posterm.terminal.batch import Settled
from posterm.terminal.receipt import Language
from posterm.unionpay.profile import load_profile
from posterm.unionpay.totals import Totals
from simulators.front import Hand

START_S: Final = 30.0
RESPONSE_S: Final = 2.0
"""The demonstration's terminal waits less than the profile says, so that the lost answer does not take a minute."""


@dataclass(frozen=True, slots=True)
class Proof:
    """Three books of one day. `ledger_minor` is what the ledger says the merchant is owed."""

    batch: str
    terminal: Totals
    host: Totals
    ledger_minor: int
    accounts: int
    transfers: int
    faults: tuple[str, ...]

    @property
    def agrees(self) -> bool:
        return self.terminal == self.host and self.terminal.net_minor == self.ledger_minor and not self.faults


@dataclass(slots=True)
class Demonstration:
    """What happened, step by step, for the JSON document and the exit status."""

    language: Language
    as_json: bool
    columns: int
    steps: list[dict[str, Any]]
    faults: list[str]
    hsm_server: bool = False
    """The host asks an HSM in a process of its own."""

    def run(self, profile_name: str) -> Proof:
        """Play the day. Raises: RuntimeFault: the host or its HSM does not start."""
        with tempfile.TemporaryDirectory(prefix="posterm-demo-") as folder, ExitStack() as processes:
            server = ""
            if self.hsm_server:
                _configure(Path(folder), profile_name)
                server = f"127.0.0.1:{processes.enter_context(_process(Path(folder), 'hsm'))}"
            configuration = _configure(Path(folder), profile_name, server)
            with _process(Path(folder), "host") as port:
                terminal = configuration.terminal.model_copy(update={"host_port": port, "paper_columns": self.columns})
                configuration = configuration.model_copy(update={"terminal": terminal})
                settled = self._day(configuration)
            return _prove(configuration, settled)

    def _day(self, configuration: Configuration) -> Settled:
        counter = Counter(configuration, self.language, trace=True, as_json=self.as_json)
        profile = load_profile(configuration.profile)
        timers = profile.timers.model_copy(update={"response_s": RESPONSE_S})
        result: object = None
        with workplace(
            configuration,
            listen=counter.listen,
            paper=counter.paper,
            profile=profile.model_copy(update={"timers": timers}),
        ) as place:
            counter.place = place
            for number, step in enumerate(DAY, 1):
                result = self._step(counter, number, step)
        if not isinstance(result, Settled):
            raise TypeError("the day ends with a settlement")
        return result

    def _step(self, counter: Counter, number: int, step: Step) -> object:
        title = step.title_zh if self.language == "zh" else step.title
        if not self.as_json:
            typer.echo(f"=== {number}. {title}\n")
        counter.who = _cardholder(step, counter.configuration.data_directory)
        result: object = counter.run(lambda now: step.press(counter.terminal, now))
        fault = step.fault(result)
        if fault:
            self.faults.append(f"step {number}, {step.title}: {fault}")
        if self.as_json:
            self._record(counter, title, result, fault)
        elif isinstance(result, Result):
            typer.echo(f"    {result_line(result, self.language)}\n")
        return result

    def _record(self, counter: Counter, title: str, result: object, fault: str) -> None:
        document = result_document(result) if isinstance(result, Result) else {"done": getattr(result, "done", False)}
        self.steps.append(
            {
                "title": title,
                "as_expected": not fault,
                "result": document,
                "events": list(counter.events),
                "messages": list(counter.messages),
                "slips": list(counter.slips),
            }
        )
        counter.events.clear()
        counter.messages.clear()
        counter.slips.clear()


def _cardholder(step: Step, cards: Path) -> Hand:
    if not step.card:
        return Hand.empty()
    how = Presented(**{step.way: step.card})
    return cardholder(how, "", no_pin=not step.with_pin, cards=cards)


def _configure(folder: Path, profile_name: str, hsm_server: str = "") -> Configuration:
    load_profile(profile_name)
    path = folder / "posterm.toml"
    profile = str(Path(profile_name).absolute()) if profile_name.endswith(".toml") else profile_name
    hsm = f"[hsm]\nserver = {json.dumps(hsm_server)}\n"
    path.write_text(f'profile = {json.dumps(profile)}\ndata_directory = "data"\n{hsm}', encoding="utf-8")
    return load_configuration(path)


@contextmanager
def _process(folder: Path, what: str) -> Iterator[int]:
    """A host or an HSM on a free port of the loopback, ended gracefully afterwards."""
    command = [sys.executable, "-m", "posterm.console", what, "serve", "--port", "0", "--json", "--quiet"]
    with (folder / f"{what}.err").open("wb") as errors:
        process = subprocess.Popen(  # noqa: S603 - our own program
            [*command, "--config", str(folder / "posterm.toml")], stdout=subprocess.PIPE, stderr=errors, text=True
        )
    try:
        if process.stdout is None:
            raise RuntimeFault(f"the {what} has no output")
        yield _port(process.stdout, folder, what)
    finally:
        process.terminate()
        try:
            process.wait(START_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        if process.stdout is not None:
            process.stdout.close()


def _port(output: IO[str], folder: Path, what: str) -> int:
    ready, _, _ = select.select([output], [], [], START_S)
    line = output.readline() if ready else ""
    try:
        return int(json.loads(line)["port"])
    except (ValueError, KeyError, TypeError):
        why = (folder / f"{what}.err").read_text(encoding="utf-8", errors="replace").strip().splitlines()
        raise RuntimeFault(f"the {what} did not start: {why[-1] if why else 'it said nothing'}") from None


def _prove(configuration: Configuration, settled: Settled) -> Proof:
    """Read the three books: the slip, the host's batch, the ledger recomputed from its transfers."""
    with configured_host(configuration) as opened:
        host = opened.host
        if load_profile(configuration.profile).settlement.captured_by == "host":
            with opened.store.batch():
                host.close_day(clock.now())
        settings = configuration.terminal
        batch = settled.slip.batch if settled.slip else "000001"
        ledger = host.ledger
        accounts = (merchant_pending(settings.merchant_id), merchant_payable(settings.merchant_id), fee_clearing("156"))
        owed = sum(ledger.account(name).balance for name in accounts)
        report = ledger.prove()
        return Proof(
            batch=batch,
            terminal=settled.slip.terminal if settled.slip else Totals(),
            host=host.totals(settings.terminal_id, batch),
            ledger_minor=owed,
            accounts=report.accounts,
            transfers=report.transfers,
            faults=report.faults,
        )


def proof_document(proof: Proof) -> dict[str, Any]:
    """The proof for machines."""
    return {
        "batch": proof.batch,
        "terminal": {**asdict(proof.terminal), "net_minor": proof.terminal.net_minor},
        "host": {**asdict(proof.host), "net_minor": proof.host.net_minor},
        "ledger": {
            "owed_to_merchant_minor": proof.ledger_minor,
            "accounts": proof.accounts,
            "transfers": proof.transfers,
            "faults": list(proof.faults),
        },
        "agrees": proof.agrees,
    }


def proof_lines(proof: Proof, language: Language) -> list[str]:
    """The proof as a table."""
    chinese = language == "zh"
    words = ("终端", "主机", "账本应付商户", "三方一致", "三方不一致") if chinese else (
        "terminal", "host", "ledger owes the merchant", "the three agree", "THE THREE DO NOT AGREE")  # fmt: skip
    debit, credit, net = ("借记", "贷记", "净额") if chinese else ("debit", "credit", "net")

    def row(name: str, totals: Totals) -> str:
        return (
            f"  {name}: {debit} {totals.debit_count} / {Amount(totals.debit_minor)}, "
            f"{credit} {totals.credit_count} / {Amount(totals.credit_minor)}, {net} {_signed(totals.net_minor)}"
        )

    checked = (
        f"  {proof.accounts} 个账户、{proof.transfers} 笔分录重新计算,{len(proof.faults)} 处不符"
        if chinese
        else f"  {proof.accounts} accounts recomputed from {proof.transfers} transfers, {len(proof.faults)} faults"
    )
    return [
        row(words[0], proof.terminal),
        row(words[1], proof.host),
        f"  {words[2]}: {_signed(proof.ledger_minor)}",
        checked,
        f"  {words[3] if proof.agrees else words[4]}",
    ]


def _signed(minor: int) -> str:
    return f"{'-' if minor < 0 else ''}{Amount(abs(minor))}"
