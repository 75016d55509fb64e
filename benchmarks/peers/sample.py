"""The message every codec is measured on, and how it is told to a peer's program.

A purchase with a chip card, PIN and MAC: 19 data elements, DE 55 with 20 tags in 129 bytes. On the wire `ascii` it has
309 bytes (digits and lengths as ASCII, the rest raw), on `bcd` 251 (digits and lengths packed). The card number is the
public test number that begins and ends with 1111.
"""

from __future__ import annotations

import json
from pathlib import Path

WIRES = {"ascii": 309, "bcd": 251}
"""Bytes of each wire."""

_FILE = Path(__file__).with_name("sample.json")


def protocol_lines() -> str:
    """The sample as the runner sends it, ending with `go`. Source: `programs/protocol.py`."""
    document = json.loads(_FILE.read_text(encoding="utf-8"))
    parts = [("text", key, value) for key, value in document["text"].items()]
    parts += [("bytes", key, value) for key, value in document["bytes"].items()]
    lines = [f"mti {document['mti']}"]
    lines += [f"{word} {key} {value}" for word, key, value in sorted(parts, key=lambda part: int(part[1]))]
    lines += [f"wire {name} {document['wires'][name]}" for name in WIRES]
    return "\n".join([*lines, "go", ""])
