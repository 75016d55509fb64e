"""iso8583sim on the sample, by its wire formats for ASCII with a binary bitmap and for packed digits.

It packs DE 49, which the sample has as text, so its `bcd` wire is a byte shorter.
"""

from __future__ import annotations

import logging
import platform
from importlib.metadata import version

from iso8583sim.core.builder import ISO8583Builder
from iso8583sim.core.types import ISO8583Message
from iso8583sim.wire import WireFormat, decode_message
from protocol import Codec, Sample, serve

FORMATS = {"ascii": WireFormat.ascii_binary(), "bcd": WireFormat.bcd()}


def codec_for(sample: Sample, wire: str) -> Codec:
    layout, packed = FORMATS[wire], sample.wires[wire]
    if wire == "bcd":
        pin = bytes.fromhex(sample.as_hex(52))
        packed = packed.replace(str(sample.values[49]).encode() + pin, bytes.fromhex(f"0{sample.values[49]}") + pin)
    builder = ISO8583Builder()
    document = {0: sample.mti, **{number: sample.as_hex(number) for number in sample.values}}
    message = ISO8583Message(mti=sample.mti, fields=dict(document))

    def read(decoded: ISO8583Message) -> tuple[str, dict[int, str | bytes]]:
        values: dict[int, str | bytes] = {}
        for number, value in decoded.fields.items():
            if number:
                values[number] = bytes.fromhex(value) if isinstance(sample.values.get(number), bytes) else value
        return decoded.mti, values

    return Codec(
        decode=lambda: decode_message(packed, layout),
        read=read,
        encode=lambda: builder.build_bytes(message, layout),
        build=lambda: builder.build_bytes(ISO8583Message(mti=sample.mti, fields=dict(document)), layout),
        wire=packed,
    )


if __name__ == "__main__":
    logging.disable(logging.CRITICAL)
    serve({"iso8583sim": version("iso8583sim"), "Python": platform.python_version()}, codec_for)
