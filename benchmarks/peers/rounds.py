"""Starts the peers' programs, has them prove themselves, and measures all of them in interleaved rounds.

In each round every work is done by all codecs one after another, each time by another one first, so that whatever else
the machine does falls on all alike. A ratio is taken within a round.
"""

from __future__ import annotations

import statistics
import subprocess
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

from benchmarks.peers.environments import HOME, ROOT, NotPreparedError, Peer
from benchmarks.peers.sample import WIRES, protocol_lines

WORKS = ("decode", "encode", "build", "route", "decode+tags")
PROOF_LIMIT_S = 120
ANSWER_LIMIT_S = 60

Key = tuple[str, str]
"""A wire and a work."""


@dataclass
class Outcome:
    """What one codec did. `us` holds the CPU microseconds of one message, one number for each round."""

    peer: Peer
    versions: dict[str, str] = field(default_factory=dict)
    us: dict[Key, list[float]] = field(default_factory=dict)
    cannot: dict[Key, str] = field(default_factory=dict)
    memory: dict[str, int] = field(default_factory=dict)
    skipped: str = ""

    def spread(self, wire: str, work: str) -> tuple[float, float, float] | None:
        """Lower quartile, median and upper quartile; None for what was not measured."""
        return spread(self.us.get((wire, work), []))


def spread(numbers: Sequence[float]) -> tuple[float, float, float] | None:
    """Lower quartile, median and upper quartile of some numbers, None of none."""
    if not numbers:
        return None
    if len(numbers) < 3:
        return min(numbers), statistics.median(numbers), max(numbers)
    low, middle, high = statistics.quantiles(numbers, n=4, method="inclusive")
    return low, middle, high


class Program:
    """A peer's program while it runs."""

    def __init__(self, peer: Peer, command: list[str]) -> None:
        self.outcome = Outcome(peer)
        HOME.mkdir(exist_ok=True)
        log = (HOME / f"{peer.name.replace('/', '-')}.log").open("w", encoding="utf-8")
        with log:
            self._process = subprocess.Popen(
                command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log, text=True
            )

    def prove(self) -> None:
        """Send the sample and note what the codec can do. Raises: NotPreparedError: the program ended."""
        with self._watched(PROOF_LIMIT_S):
            self._send(protocol_lines())
            while (words := self._receive())[0] != "ready":
                self._note(words)

    def measure(self, wire: str, work: str, seconds: float) -> None:
        """Add a number to the outcome when the codec has shown it can do this. Raises: NotPreparedError."""
        if (wire, work) not in self.outcome.us:
            return
        with self._watched(ANSWER_LIMIT_S + seconds):
            self._send(f"{wire} {work} {seconds}\n")
            self.outcome.us[wire, work].append(float(self._receive()[1]))

    def stop(self) -> None:
        for stream in (self._process.stdin, self._process.stdout):
            if stream is not None:
                stream.close()
        try:
            self._process.wait(timeout=5)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def _note(self, words: list[str]) -> None:
        outcome = self.outcome
        match words:
            case ["version", name, version]:
                outcome.versions[name] = version
            case ["proven", wire, work]:
                outcome.us[wire, work] = []
            case ["cannot", wire, work, reason]:
                outcome.cannot[wire, work] = reason
            case ["memory", wire, size]:
                outcome.memory[wire] = int(size)
            case _:
                raise NotPreparedError(f"its program said something unknown: {words[0][:40]}")

    def _send(self, text: str) -> None:
        try:
            if self._process.stdin is not None:
                self._process.stdin.write(text)
                self._process.stdin.flush()
        except OSError:
            raise NotPreparedError(self._ending()) from None

    def _receive(self) -> list[str]:
        line = self._process.stdout.readline() if self._process.stdout is not None else ""
        if not line:
            raise NotPreparedError(self._ending())
        return line.rstrip("\n").split("\t")

    def _ending(self) -> str:
        return f"its program ended; see .bench-peers/{self.outcome.peer.name.replace('/', '-')}.log"

    @contextmanager
    def _watched(self, limit_s: float) -> Iterator[None]:
        """End the program when it does not answer in time, which ends the wait for it."""
        watch = threading.Timer(limit_s, self._process.kill)
        watch.start()
        try:
            yield
        finally:
            watch.cancel()


def measure_all(programs: Sequence[Program], rounds: int, seconds: float) -> Iterator[int]:
    """Measure every proven work of every program `rounds` times, `seconds` each; gives the rounds as they are done.

    A program that ends meanwhile keeps the reason and loses its numbers.
    """
    for number in range(rounds):
        for wire in WIRES:
            for work in WORKS:
                for place in range(len(programs)):
                    program = programs[(place + number) % len(programs)]
                    if program.outcome.skipped:
                        continue
                    try:
                        program.measure(wire, work, seconds)
                    except NotPreparedError as error:
                        program.outcome.skipped = str(error)
                        program.outcome.us.clear()
        yield number + 1
