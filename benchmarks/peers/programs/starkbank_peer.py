"""starkbank-iso8583 on the sample, with a template for the ASCII wire; it has no packed lengths."""

from __future__ import annotations

import platform
from importlib.metadata import version

from protocol import Codec, Sample, serve
from starkbank.iso8583 import parse, unparse
from starkbank.iso8583.template.base import Template
from starkbank.iso8583.utils.field import Field
from starkbank.iso8583.utils.header import NoHeaderRule
from starkbank.iso8583.utils.length import FixedLengthRule, VariableLengthRule
from starkbank.iso8583.utils.parser import ParseBitmap, ParseHexadecimal, ParseString
from starkbank.iso8583.version import IsoVersion

VARYING = {2: (19, 2), 35: (37, 2), 55: (999, 3)}


def template(sample: Sample) -> dict[str, Template]:
    fields = [
        Field(name="MTI", lengthRule=FixedLengthRule(limit=4), parsingRule=ParseString()),
        Field(name="DE000", lengthRule=FixedLengthRule(limit=8), parsingRule=ParseBitmap(offset=0)),
    ]
    for number, value in sample.values.items():
        limit, digits = VARYING.get(number, (0, 0))
        rule = VariableLengthRule(limit=limit, byteLength=digits) if digits else FixedLengthRule(limit=len(value))
        content = ParseHexadecimal() if isinstance(value, bytes) else ParseString()
        fields.append(Field(name=f"DE{number:03d}", lengthRule=rule, parsingRule=content))
    return {IsoVersion._1987: Template(headerRule=NoHeaderRule(), fields=fields)}  # noqa: SLF001


def codec_for(sample: Sample, wire: str) -> Codec:
    if wire == "bcd":
        reason = "has no packed lengths"
        return Codec(cannot={"decode": reason, "encode": reason, "build": reason})
    rules, packed = template(sample), sample.wires[wire]

    def read(decoded: dict[str, str]) -> tuple[str, dict[int, str | bytes]]:
        values: dict[int, str | bytes] = {}
        for number, expected in sample.values.items():
            value = decoded[f"DE{number:03d}"]
            values[number] = bytes.fromhex(value) if isinstance(expected, bytes) else value
        return decoded["MTI"], values

    document = {"MTI": sample.mti, **{f"DE{number:03d}": sample.as_hex(number) for number in sample.values}}
    ready = dict(document)
    return Codec(
        decode=lambda: parse(packed, template=rules),
        read=read,
        encode=lambda: unparse(ready, template=rules),
        build=lambda: unparse(dict(document), template=rules),
    )


if __name__ == "__main__":
    serve({"starkbank-iso8583": version("starkbank-iso8583"), "Python": platform.python_version()}, codec_for)
