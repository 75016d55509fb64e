"""Coverage-guided fuzzing of the HSM's host commands: `make fuzz`, or `python tests/fuzz/fuzz_host_commands.py [file]`.

The first byte of an input chooses the kind of local master key, the rest is a message without its header. What must
hold: every message has an answer, with the command's second letter plus one, a code that the command's manual page has,
and no fields behind a refusal but those of an advice. An input for which it does not hold is kept under
`.fuzz/crashes`, and the run fails. Inputs that reach new code are kept under `.fuzz/hsm-corpus`.

Needs atheris, which the extra `fuzz` brings. Leaves out frames: `HsmSession` is small, and hypothesis holds it to its
laws.
"""

from __future__ import annotations

import random
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT))

if TYPE_CHECKING:
    from posterm.hsm.host_commands import HostCommandSet

HOME = ROOT / ".fuzz"
RUN_S = 30
LONGEST = 1024
ADVICE = frozenset({"01"})
"""Codes whose answers may have fields: a key taken in whose parity was put right."""


class LawBrokenError(Exception):
    """An answer that is not what it should be; the text names the command and the law."""


def command_sets() -> list[HostCommandSet]:
    """One for each kind of local master key, under the published test keys, with seeded entropy."""
    from posterm.hsm import Lmk, SoftHsm
    from posterm.hsm.host_commands import HostCommandSet, LmkKind
    from posterm.hsm.variant_lmk import VariantLmk

    hsm = SoftHsm(Lmk.test(), random.Random(8583).randbytes, variant_lmk=VariantLmk.test())
    return [HostCommandSet(hsm, lmk_kind=kind) for kind in LmkKind]


def make_target(sets: list[HostCommandSet]) -> Callable[[bytes], None]:
    """The function that the fuzzer calls with one input after the other."""
    from posterm.hsm.host_commands import CODES, COMMANDS
    from posterm.hsm.host_commands.manual import codes

    allowed = {code: frozenset(codes(command)) for code, command in COMMANDS.items()}

    def target(data: bytes) -> None:
        if len(data) < 3:
            return
        message = data[1:]
        answer = sets[data[0] % len(sets)].execute(message)
        name, code = message[:2], answer[2:4].decode("latin-1")
        if answer[:2] != name[:1] + bytes([(name[1] + 1) & 255]):
            raise LawBrokenError(f"{name!r}: the answer is that of another command")
        if code not in allowed.get(name, CODES):
            raise LawBrokenError(f"{name!r}: code {code} is not in its manual")
        if code != "00" and code not in ADVICE and len(answer) > 4 and answer[4:5] != b"\x19":
            raise LawBrokenError(f"{name!r}: refused with {code}, and tells more")

    return target


def seeds(sets: list[HostCommandSet]) -> Iterator[bytes]:
    """A message for every form of every command, for each kind of local master key, and the same for the other kind."""
    from tests.hsm.host_commands.message_samples import Sample, forms

    for place, commands in enumerate(sets):
        for command, number in forms():
            if command.code == ("BW" if not commands.is_variant else ""):
                continue
            if commands.is_variant and command.family == "extensions":
                continue
            message = Sample(commands, command, number).message
            yield from (bytes([kind]) + message for kind in (place, 1 - place))


def main(arguments: list[str]) -> None:
    """Fuzz for half a minute, or run the inputs in the files that are named. Options of libFuzzer may be given."""
    import atheris

    with atheris.instrument_imports(include=["posterm.hsm.host_commands"]):
        import posterm.hsm.host_commands.manual  # noqa: F401  with all it imports

    sets = command_sets()
    target = make_target(sets)
    corpus, crashes = HOME / "hsm-corpus", HOME / "crashes"
    for folder in (corpus, crashes):
        folder.mkdir(parents=True, exist_ok=True)
    for number, seed in enumerate(seeds(sets)):
        (corpus / f"seed-{number:03d}").write_bytes(seed)
        target(seed)
    chosen = [word for word in arguments if not word.startswith("-")]
    options = [f"-max_total_time={RUN_S}", f"-max_len={LONGEST}", f"-artifact_prefix={crashes}/", "-verbosity=0",
               "-print_final_stats=1", "-timeout=10", "-rss_limit_mb=2048"]  # fmt: skip
    options += [word for word in arguments if word.startswith("-")]
    sys.stdout.write(f"fuzzing {len(sets)} kinds of local master key; inputs that break a law go to {crashes}\n")
    sys.stdout.flush()
    atheris.Setup([sys.argv[0], *options, *(chosen or [str(corpus)])], target)
    atheris.Fuzz()


if __name__ == "__main__":
    main(sys.argv[1:])
