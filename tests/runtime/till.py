"""A till for tests: a terminal with a cashier who works through a list and carries on after every power cut.

How far the cashier has come stands in a file of its own, written after each piece of work, as a person remembers.
"""

from __future__ import annotations

import json
import os
import random
import signal
import sys
import time
from collections.abc import Callable, Iterable
from pathlib import Path

from posterm.amount import Amount
from posterm.console.configuration import load_configuration
from posterm.console.front import Presented, cardholder
from posterm.console.workplace import Workplace, workplace
from posterm.runtime import clock
from posterm.runtime.store.sqlite_terminal import SqliteTerminalStore
from posterm.terminal import Change, OriginalReference, Outcome, Result, Terminal
from posterm.terminal.batch import last_slip, totals_of
from posterm.terminal.effects import Flow
from posterm.terminal.operators import TEST_PASSWORDS
from posterm.unionpay.transactions import Kind
from simulators.front import Hand

SUPERVISOR = TEST_PASSWORDS["00"]
PACE_S = 0.05
TRIES = 400
"""How often work that could not be sent is tried again, `PACE_S` apart: the host may be starting."""


def die_at_commit(number: int, *, after: bool) -> None:
    """Let the power fail at a commit of this process: before its first write, or after it is on the disk."""
    commit = SqliteTerminalStore.commit
    made = 0

    def commit_or_die(self: SqliteTerminalStore, changes: Iterable[Change]) -> None:
        nonlocal made
        made += 1
        if made == number and not after:
            os.kill(os.getpid(), signal.SIGKILL)
        commit(self, changes)
        if made == number and after:
            os.kill(os.getpid(), signal.SIGKILL)

    SqliteTerminalStore.commit = commit_or_die  # type: ignore[method-assign]


def short_day(number: int) -> tuple[str, int]:
    """A day that meets every kind of commit: the work of each place in the list, and its amount."""
    return (
        ("sale", 20_00),
        ("void", 0),
        ("preauth", 50_00),
        ("complete", 45_00),
        ("sale", 30_00),
        ("refund", 10_00),
        ("offline", 15_00),
        ("tip", 2_00),
        ("sale", 9001_00),
    )[number]


def random_day(seed: int) -> Callable[[int], tuple[str, int]]:
    """A day drawn from a seed; the same number is always the same work."""

    def work(number: int) -> tuple[str, int]:
        draw = random.Random(f"{seed} {number}")
        return draw.choices(("sale", "void", "refund", "offline"), (8, 2, 1, 1))[0], draw.randint(1_00, 90_00)

    return work


def work_through(config: Path, day: Callable[[int], tuple[str, int]], length: int) -> dict[str, object]:
    """Do what is left of the day, settle, and say how the books of this terminal stand."""
    progress = config.parent / "progress.txt"
    with workplace(load_configuration(config), listen=lambda _told: None, paper=lambda _document: None) as place:
        terminal = place.terminal
        place.run(terminal.power_on(clock.now()))
        done = int(progress.read_text(encoding="ascii")) if progress.exists() else 0
        for number in range(done, length):
            _until_sent(place, *day(number))
            _remember(progress, number + 1)
        return _settle(place)


def _remember(progress: Path, number: int) -> None:
    draft = progress.with_suffix(".new")
    draft.write_text(str(number), encoding="ascii")
    draft.replace(progress)


def _until_sent(place: Workplace, what: str, amount: int) -> None:
    for _ in range(TRIES):
        if _signed_on(place):
            result = place.run(_command(place.terminal, what, Amount(amount)), _who(what))
            if result.outcome is not Outcome.NOT_SENT and not _in_the_way(result):
                return
        time.sleep(PACE_S)
    raise RuntimeError(f"{what} could not be sent in {TRIES} tries")


def _in_the_way(result: Result) -> bool:
    """Something else must be done first, and the host is away."""
    return result.outcome is Outcome.REFUSED and ("host" in result.text or "signed on" in result.text)


def _signed_on(place: Workplace) -> bool:
    if not place.terminal.operator:
        place.run(place.terminal.sign_on("01", TEST_PASSWORDS["01"], clock.now()))
    return bool(place.terminal.operator)


def _who(what: str) -> Hand:
    return (
        cardholder(Presented(swipe="debit"), "") if what in ("sale", "refund", "offline", "preauth") else Hand.empty()
    )


def _command(terminal: Terminal, what: str, amount: Amount) -> Flow[Result]:
    now = clock.now()
    match what:
        case "void":
            return terminal.void("", SUPERVISOR, now)
        case "refund":
            sales = [entry for entry in terminal.open_batch if entry.kind is Kind.SALE and entry.counts]
            part = Amount(min(amount.minor, sales[-1].amount_minor)) if sales else amount
            return terminal.refund(part, OriginalReference(), SUPERVISOR, now)
        case "offline":
            return terminal.offline_sale(amount, "A1B2C3", now)
        case "preauth":
            return terminal.preauth(amount, now)
        case "complete":
            return terminal.complete(amount, OriginalReference(), now)
        case "tip":
            return terminal.adjust_tip("", amount, now)
        case _:
            return terminal.sale(amount, now)


def _settle(place: Workplace) -> dict[str, object]:
    terminal = place.terminal
    for _ in range(TRIES):
        if terminal.batch != "000001":
            break
        if _signed_on(place):
            place.run(terminal.settle(clock.now()))
        else:
            time.sleep(PACE_S)
    slip = last_slip(terminal._ctx)
    if slip is None:
        raise RuntimeError("the batch was not settled")
    counted = totals_of(slip.entries)
    return {
        "batch": slip.batch,
        "debit_minor": counted.debit_minor,
        "debit_count": counted.debit_count,
        "credit_minor": counted.credit_minor,
        "credit_count": counted.credit_count,
    }


if __name__ == "__main__":
    config_, seed_, length_ = sys.argv[1:4]
    sys.stdout.write(json.dumps(work_through(Path(config_), random_day(int(seed_)), int(length_))))
