"""pyiso8583 on the sample: a specification for each wire, text with packed digits where the wire has them."""

from __future__ import annotations

import platform
from importlib.metadata import version
from typing import Any

import iso8583
from iso8583.specs import default_ascii
from protocol import Codec, Sample, serve

DIGITS = (3, 4, 7, 11, 12, 13, 14, 18, 22, 25)
SIZES = {3: 6, 4: 12, 7: 10, 11: 6, 12: 6, 13: 4, 14: 4, 18: 4, 22: 3, 25: 2, 37: 12, 41: 8, 42: 15, 49: 3}


def field(size: int, *, digits: int = 0, data: str = "ascii", length: str = "ascii", count: str = "") -> dict[str, Any]:
    spec = {"data_enc": data, "len_enc": length, "len_type": digits, "max_len": size, "desc": ""}
    return {**spec, "len_count": count} if count else spec


def specification(wire: str) -> dict[str, Any]:
    """The elements of the sample as the wire has them; those it does not carry stay as the package defines them."""
    packed = wire == "bcd"
    text, count = ("b", "nibbles") if packed else ("ascii", "")
    length = "bcd" if packed else "ascii"
    ll, lll = (1, 2) if packed else (2, 3)
    spec = {key: dict(value) for key, value in default_ascii.items()}
    spec["h"] = field(0)
    spec["t"] = field(4, data=text, count=count)
    spec["p"] = field(8, data="b")
    for number, size in SIZES.items():
        spec[str(number)] = field(size, data=text, count=count) if number in DIGITS else field(size)
    if packed:
        spec["22"]["left_pad"] = "0"
    spec["2"] = field(19, digits=ll, data=text, length=length, count=count)
    spec["35"] = field(37, digits=ll, data=text, length=length, count=count)
    spec["52"] = spec["64"] = field(8, data="b")
    spec["55"] = field(999, digits=lll, data="b", length=length)
    return spec


def codec_for(sample: Sample, wire: str) -> Codec:
    spec, packed = specification(wire), sample.wires[wire]
    separator = "D" if wire == "bcd" else "="

    def read(decoded: tuple[dict[str, str], Any]) -> tuple[str, dict[int, str | bytes]]:
        values: dict[int, str | bytes] = {}
        for key, value in decoded[0].items():
            if key.isdigit():
                number = int(key)
                is_bytes = isinstance(sample.values.get(number), bytes)
                values[number] = bytes.fromhex(value) if is_bytes else value
        values[35] = str(values[35]).replace(separator, "=")
        return decoded[0]["t"], values

    document = {"t": sample.mti, **{str(number): sample.as_hex(number) for number in sample.values}}
    document["35"] = document["35"].replace("=", separator)
    ready = dict(document)
    return Codec(
        decode=lambda: iso8583.decode(packed, spec),
        read=read,
        encode=lambda: bytes(iso8583.encode(ready, spec)[0]),
        build=lambda: bytes(iso8583.encode(dict(document), spec)[0]),
    )


if __name__ == "__main__":
    serve({"pyiso8583": version("pyiso8583"), "Python": platform.python_version()}, codec_for)
