"""py8583 on the sample. It gives numbers as integers, so leading zeros are put back before values are compared."""

from __future__ import annotations

import platform
from copy import deepcopy
from importlib.metadata import version
from typing import Any

from protocol import Codec, Sample, serve
from py8583.py8583 import DT, Iso8583
from py8583.py8583spec import IsoSpec1987ASCII, IsoSpec1987BCD

RAW = (52, 55, 64)


def specification(wire: str) -> Any:
    """The package's own, with raw bytes where the sample has them and Track 2 as text on the ASCII wire."""
    spec = IsoSpec1987BCD() if wire == "bcd" else IsoSpec1987ASCII()
    # The package's tables are one for all specifications.
    spec.ContentTypes, spec.DataTypes = deepcopy(spec.ContentTypes), deepcopy(spec.DataTypes)
    spec.DataType(1, DT.BIN)
    for number in RAW:
        spec.ContentType(number, "b")
        spec.DataType(number, DT.BIN)
    spec.MaxLength(55, 999)
    if wire == "ascii":
        spec.ContentType(35, "ans")
    return spec


def codec_for(sample: Sample, wire: str) -> Codec:
    spec, packed = specification(wire), sample.wires[wire]

    def read(decoded: Any) -> tuple[str, dict[int, str | bytes]]:
        values: dict[int, str | bytes] = {}
        for number in sample.values:
            value, expected = decoded.FieldData(number), sample.values[number]
            if isinstance(expected, bytes):
                values[number] = bytes.fromhex(value)
            else:
                values[number] = str(value).zfill(len(expected)) if isinstance(value, int) else value
        return decoded.MTI(), values

    # Its setter measures bytes elements by their hexadecimal digits and refuses them, so what is encoded is what it
    # decoded before.
    decoded = Iso8583(packed, spec)
    return Codec(
        decode=lambda: Iso8583(packed, spec),
        read=read,
        encode=decoded.BuildIso,
        cannot={"build": "its setter refuses elements of bytes"},
    )


if __name__ == "__main__":
    serve({"py8583": version("py8583"), "Python": platform.python_version()}, codec_for)
