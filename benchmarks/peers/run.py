"""Measures posterm beside its peers and writes the result: `python -m benchmarks.peers.run`, or `make bench-peers`.

Exit code 0 when posterm was measured, whatever the numbers say: a ratio is to be read, not to be passed or failed.
"""

from __future__ import annotations

import argparse
import datetime
import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from benchmarks.peers.environments import ROOT, NotPreparedError, Peer, peers
from benchmarks.peers.machine import describe_machine
from benchmarks.peers.report import Run, to_json, to_markdown, to_text
from benchmarks.peers.rounds import Outcome, Program, measure_all

RESULTS = ROOT / "benchmarks" / "results"


def main(arguments: Sequence[str] | None = None) -> int:
    options = _options(arguments)
    chosen = [peer for peer in peers() if not options.only or peer.name in (*options.only, "posterm")]
    outcomes = {peer.name: Outcome(peer) for peer in chosen}
    programs: list[Program] = []
    run = {
        "date": datetime.datetime.now(tz=datetime.UTC).date().isoformat(),
        "machine": describe_machine(),
        "rounds": options.rounds,
        "seconds": options.seconds,
    }
    try:
        for peer in chosen:
            _start(peer, outcomes, programs)
        for done in measure_all(programs, options.rounds, options.seconds):
            _say(f"round {done} of {options.rounds}\n")
    finally:
        for program in programs:
            program.stop()
    _say("\n" + to_text(outcomes))
    if not options.no_results:
        _write(run, outcomes, options.results)
    return 0 if outcomes["posterm"].us else 1


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="benchmarks.peers.run", description=__doc__)
    parser.add_argument("--rounds", type=int, default=21, help="how often everything is measured (21)")
    parser.add_argument("--seconds", type=float, default=0.2, help="CPU time of one measurement (0.2)")
    parser.add_argument("--only", nargs="*", default=[], metavar="PEER", help="these peers beside posterm, not all")
    parser.add_argument("--results", type=Path, default=RESULTS, help="the folder for peers.json, .md and .png")
    parser.add_argument("--no-results", action="store_true", help="write nothing, only print")
    return parser.parse_args(arguments)


def _start(peer: Peer, outcomes: dict[str, Outcome], programs: list[Program]) -> None:
    """Prepare a peer, start its program and have it prove itself; what goes wrong is why it is skipped."""
    _say(f"preparing {peer.name}: ")
    try:
        program = Program(peer, peer.prepare())
        programs.append(program)
        outcomes[peer.name] = program.outcome
        program.prove()
    except (NotPreparedError, OSError) as error:
        outcomes[peer.name].skipped = str(error)
        _say(f"skipped, {error}\n")
        return
    _say(f"{', '.join(' '.join(pair) for pair in program.outcome.versions.items())}\n")


def _write(run: Run, outcomes: Mapping[str, Outcome], folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    document = json.dumps(to_json(run, outcomes), indent=1, ensure_ascii=False)
    (folder / "peers.json").write_text(document + "\n", encoding="utf-8")
    (folder / "peers.md").write_text(to_markdown(run, outcomes), encoding="utf-8")
    try:
        from benchmarks.peers.plot import draw

        draw(run, outcomes, folder / "peers.png")
    except ImportError as error:
        _say(f"no picture: {error.name} is not there\n")
    _say(f"\nwritten to {folder}\n")


def _say(text: str) -> None:
    sys.stdout.write(text)
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
