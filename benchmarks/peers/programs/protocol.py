"""The line protocol between the runner and a peer's program, for peers in Python. Standard library only.

The runner sends the sample, a line for each part: `mti 0200`, `text 4 000000012345`, `bytes 52 1A2B...`,
`wire ascii 3032...`, and `go`. The program first proves on it what its codec can do, then answers

    version <name> <number>                    what is measured
    proven <wire> <work>                       the values, or the bytes, came out right
    cannot <wire> <work> <reason>              they did not, or the codec has no such thing
    memory <wire> <bytes>                      what one decoded message occupies, for codecs in Python
    ready

with tabs between the words. From then on each line `<wire> <work> <seconds>` is answered with `us <microseconds>
<messages>`: the CPU time of one message, the whole process counted. The input's end ends the program.

Works: `decode` (bytes to values), `encode` (a message of the codec's own making to bytes), `build` (the same from a
plain mapping of values).
"""

from __future__ import annotations

import sys
import time
import tracemalloc
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

BATCH_S = 0.02
WARM_UP_S = 0.5
MESSAGES_KEPT = 500

Values = dict[int, "str | bytes"]


@dataclass
class Sample:
    """The message all codecs work on: its type, its values (numbers and text as `str`), and how it is written."""

    mti: str = ""
    values: Values = field(default_factory=dict)
    wires: dict[str, bytes] = field(default_factory=dict)

    def as_hex(self, number: int) -> str:
        """A value as text, bytes as upper-case hexadecimal digits."""
        value = self.values[number]
        return value.hex().upper() if isinstance(value, bytes) else value


@dataclass
class Codec:
    """What a program can do with one wire.

    Each work is a call without arguments that does it once; `read` turns what `decode` gave into type and values,
    in the sample's spelling. `cannot` holds the reasons for the works that are missing.
    """

    decode: Callable[[], Any] | None = None
    read: Callable[[Any], tuple[str, Mapping[int, str | bytes]]] | None = None
    encode: Callable[[], bytes] | None = None
    build: Callable[[], bytes] | None = None
    more: dict[str, tuple[Callable[[], Any], Callable[[Any], bool]]] = field(default_factory=dict)
    cannot: dict[str, str] = field(default_factory=dict)
    wire: bytes | None = None
    """What `encode` has to give, when the codec cannot write the wire of the sample."""


def serve(versions: Mapping[str, str], codec_for: Callable[[Sample, str], Codec]) -> None:
    """Prove the codec on the sample the runner sends, then measure it as often as the runner asks."""
    sample = _receive()
    for name, version in versions.items():
        _tell("version", name, version)
    works: dict[tuple[str, str], Callable[[], Any]] = {}
    for wire in sample.wires:
        codec = codec_for(sample, wire)
        for work, call in _proven(sample, wire, codec):
            works[wire, work] = call
            _measure(call, WARM_UP_S)
            _tell("proven", wire, work)
        for work, reason in codec.cannot.items():
            _tell("cannot", wire, work, reason)
        if (wire, "decode") in works:
            _tell("memory", wire, str(_memory(works[wire, "decode"])))
    _tell("ready")
    for line in sys.stdin:
        wire, work, seconds = line.split()
        spent, messages = _measure(works[wire, work], float(seconds))
        _tell("us", f"{spent * 1e6 / messages:.4f}", str(messages))


def _proven(sample: Sample, wire: str, codec: Codec) -> list[tuple[str, Callable[[], Any]]]:
    """The works of which the outcome was right; the others move to `cannot`."""
    found: list[tuple[str, Callable[[], Any]]] = []
    if codec.decode is not None and codec.read is not None:
        mti, values = codec.read(codec.decode())
        wrong = [number for number, value in sample.values.items() if values.get(number) != value]
        if mti == sample.mti and not wrong and len(values) == len(sample.values):
            found.append(("decode", codec.decode))
        else:
            codec.cannot["decode"] = f"decodes other values, elements {wrong}"
    for work, call in (("encode", codec.encode), ("build", codec.build)):
        if call is None:
            continue
        if call() == (codec.wire or sample.wires[wire]):
            found.append((work, call))
        else:
            codec.cannot[work] = "encodes other bytes"
    for work, (call, is_right) in codec.more.items():
        if is_right(call()):
            found.append((work, call))
        else:
            codec.cannot[work] = "gives another outcome"
    return found


def _measure(call: Callable[[], Any], seconds: float) -> tuple[float, int]:
    """CPU seconds spent and messages done in at least that time, in batches so that the clock costs nothing."""
    clock = time.process_time
    batch, spent, messages = 1, 0.0, 0
    while spent < seconds:
        rounds = range(batch)
        begin = clock()
        for _ in rounds:
            call()
        took = clock() - begin
        if took < BATCH_S / 2:
            batch *= 2
            continue
        spent += took
        messages += batch
    return spent, messages


def _memory(decode: Callable[[], Any]) -> int:
    """Bytes that one decoded message holds, beyond what all messages share."""
    tracemalloc.start()
    before = tracemalloc.get_traced_memory()[0]
    kept = [decode() for _ in range(MESSAGES_KEPT)]
    after = tracemalloc.get_traced_memory()[0]
    tracemalloc.stop()
    return (after - before) // len(kept)


def _receive() -> Sample:
    sample = Sample()
    for line in sys.stdin:
        word, _, rest = line.rstrip("\n").partition(" ")
        if word == "go":
            break
        if word == "mti":
            sample.mti = rest
            continue
        key, _, value = rest.partition(" ")
        if word == "wire":
            sample.wires[key] = bytes.fromhex(value)
        else:
            sample.values[int(key)] = value if word == "text" else bytes.fromhex(value)
    return sample


def _tell(*words: str) -> None:
    sys.stdout.write("\t".join(words) + "\n")
    sys.stdout.flush()
