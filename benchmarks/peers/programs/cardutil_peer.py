"""cardutil on the sample. It always has a bitmap of 128 bits, so it gets the ASCII wire with one, 8 bytes longer."""

from __future__ import annotations

import logging
import platform
from importlib.metadata import version
from typing import Any

from cardutil import iso8583
from protocol import Codec, Sample, serve

VARYING = {2: "LLVAR", 35: "LLVAR", 55: "LLLVAR"}
HEAD = 12


def configuration(sample: Sample) -> dict[str, dict[str, Any]]:
    return {
        str(number): {
            "field_name": "",
            "field_type": VARYING.get(number, "FIXED"),
            "field_length": 0 if number in VARYING else len(value),
            **({"field_processor": "ICC"} if isinstance(value, bytes) else {}),
        }
        for number, value in sample.values.items()
    }


def codec_for(sample: Sample, wire: str) -> Codec:
    if wire == "bcd":
        reason = "has no packed digits"
        return Codec(cannot={"decode": reason, "encode": reason, "build": reason})
    original = sample.wires[wire]
    packed = original[:4] + bytes([original[4] | 0x80]) + original[5:HEAD] + bytes(8) + original[HEAD:]
    settings = configuration(sample)
    for number in (52, 64):
        settings[str(number)].pop("field_processor")

    def read(decoded: dict[str, Any]) -> tuple[str, dict[int, str | bytes]]:
        values: dict[int, str | bytes] = {}
        for number, expected in sample.values.items():
            value = decoded[f"DE{number}"]
            is_text = isinstance(value, str) and isinstance(expected, bytes)
            values[number] = value.encode("latin-1") if is_text else value
        return decoded["MTI"], values

    document = {"MTI": sample.mti, **{f"DE{number}": value for number, value in sample.values.items()}}
    ready = dict(document)
    return Codec(
        decode=lambda: iso8583.loads(packed, iso_config=settings),
        read=read,
        encode=lambda: iso8583.dumps(ready, iso_config=settings),
        build=lambda: iso8583.dumps(dict(document), iso_config=settings),
        wire=packed,
    )


if __name__ == "__main__":
    logging.disable(logging.CRITICAL)
    serve({"cardutil": version("cardutil"), "Python": platform.python_version()}, codec_for)
