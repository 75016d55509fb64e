"""Coverage-guided fuzzing of every built-in dialect: `make fuzz`, or `python tests/fuzz/fuzz_iso8583.py [file ...]`.

The first byte of an input chooses the dialect, the rest is the wire. What must hold: the wire unpacks or raises
UnpackError; what unpacks packs to the same bytes; generated code and the interpreter agree; describing, checking and
reading single elements raise nothing else. An input for which it does not hold is kept under `.fuzz/crashes`, and the
run fails. Inputs that reach new code are kept under `.fuzz/corpus`, so that the next run goes on from there.

Needs atheris, which the extra `fuzz` brings. Leaves out dialects of a user's own, framing and the link.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from posterm.iso8583 import Dialect, Element

HOME = Path(__file__).parents[2] / ".fuzz"
RUN_S = 60
LONGEST = 1024
SEED_ELEMENTS = 6
WARM_UP = 8
"""How often each seed is read before the run: more often than it takes until code is generated for it."""


class LawBrokenError(Exception):
    """A message that was accepted and is not what it should be; the text names the dialect and the law."""


def make_target(dialects: list[Dialect]) -> Callable[[bytes], None]:
    """The function that the fuzzer calls with one input after the other."""
    from posterm.iso8583 import UnpackError
    from posterm.iso8583.describe import describe, to_json

    def outcome(read: Callable[[], Any]) -> tuple[Any, Any]:
        try:
            return read(), None
        except UnpackError as error:
            describe(error.partial, dialects[0])
            return None, (error.code, error.path, error.offset, str(error))

    def target(data: bytes) -> None:
        if not data:
            return
        dialect, wire = dialects[data[0] % len(dialects)], data[1:]
        message, refused = outcome(lambda: dialect.unpack(wire))
        plain, plain_refused = outcome(lambda: dialect.unpack_interpreted(wire))
        outcome(lambda: dialect.peek(wire, (3, 11, 41)))
        if refused != plain_refused or message != plain:
            raise LawBrokenError(f"{dialect.name}: generated code and interpreter differ")
        if refused is not None:
            if not 0 <= refused[2] <= len(wire):
                raise LawBrokenError(f"{dialect.name}: the offset of the error lies outside the message")
            return
        if dialect.pack(message) != wire:
            raise LawBrokenError(f"{dialect.name}: accepted, and packs to other bytes")
        describe(message, dialect)
        to_json(message, dialect, unmask=True)
        dialect.check(message, luhn=True)
        dialect.check(message, request=message)

    return target


def seeds(dialect: Dialect) -> Iterator[bytes]:
    """Small messages of a dialect that together hold every element a plain value fits, alone and side by side."""
    from posterm.iso8583 import Message, PackError

    mti = {"1993": "1200", "2003": "2200"}.get(dialect.encodings.version, "0200")
    fitting: dict[int, Any] = {}
    for number, element in dialect.elements.items():
        for value in plain_values(element):
            try:
                dialect.pack(Message(mti, {number: value}))
            except PackError:
                continue
            fitting[number] = value
            break
    numbers = list(fitting)
    for at in range(0, len(numbers), SEED_ELEMENTS):
        yield dialect.pack(Message(mti, {number: fitting[number] for number in numbers[at : at + SEED_ELEMENTS]}))
    yield dialect.pack(Message(mti, {number: fitting[number] for number in numbers[::7]}))


def plain_values(element: Element) -> Iterator[Any]:
    """Values that may fit an element, by its kind: of its full length where that is fixed, else short."""
    kind, length = element.format.kind, element.format.length
    size = length if element.prefix is None else max(element.format.minimum, min(length, 8))
    if kind == "b":
        yield bytes.fromhex("9F0206000000012345")[:size].ljust(size, b"\x00")
        yield bytes(size)
    elif kind == "x+n":
        yield "C" + "1".zfill(size)
    yield "1" * size
    yield "A" * size
    yield " " * size


def main(arguments: list[str]) -> None:
    """Fuzz for a minute, or run the inputs in the files that are named. Options of libFuzzer may be given."""
    import atheris

    with atheris.instrument_imports(include=["posterm.iso8583"]):
        from posterm.iso8583 import dialect_names, get_dialect

        target = make_target(dialects := [get_dialect(name) for name in dialect_names()])
    corpus, crashes = HOME / "corpus", HOME / "crashes"
    for folder in (corpus, crashes):
        folder.mkdir(parents=True, exist_ok=True)
    for place, dialect in enumerate(dialects):
        for number, wire in enumerate(seeds(dialect)):
            (corpus / f"{dialect.name}-{number:02d}").write_bytes(bytes([place]) + wire)
            for _ in range(WARM_UP):
                target(bytes([place]) + wire)
    chosen = [word for word in arguments if not word.startswith("-")]
    options = [f"-max_total_time={RUN_S}", f"-max_len={LONGEST}", f"-artifact_prefix={crashes}/", "-verbosity=0",
               "-print_final_stats=1", "-timeout=10", "-rss_limit_mb=2048"]  # fmt: skip
    options += [word for word in arguments if word.startswith("-")]
    sys.stdout.write(f"fuzzing {len(dialects)} dialects; inputs that break a law go to {crashes}\n")
    sys.stdout.flush()
    atheris.Setup([sys.argv[0], *options, *(chosen or [str(corpus)])], target)
    atheris.Fuzz()


if __name__ == "__main__":
    main(sys.argv[1:])
