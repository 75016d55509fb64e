"""posterm on the sample, by the same protocol as its peers, with the works that only it has.

`route` reads three elements with `peek`; `decode+tags` reads the message and every tag of DE 55.
"""

from __future__ import annotations

import platform
from collections.abc import Mapping
from importlib.metadata import version
from typing import Any

from protocol import Codec, Sample, serve

from posterm.iso8583 import Message, get_dialect

DIALECTS = {"ascii": "iso87-ascii", "bcd": "iso87-bcd"}
ROUTED_ON = (2, 3, 49)
"""Card number, processing code, and a currency that stands behind all varying elements but DE 55."""


def read(message: Message) -> tuple[str, Mapping[int, str | bytes]]:
    return message.mti, {number: getattr(value, "raw", value) for number, value in message.items()}


def codec_for(sample: Sample, wire: str) -> Codec:
    dialect, packed, values = get_dialect(DIALECTS[wire]), sample.wires[wire], dict[int, Any](sample.values)
    message = Message(sample.mti, values)

    def decode_with_tags() -> dict[str, Any]:
        return dict(dialect.unpack(packed)[55])

    routed = {number: values[number] for number in ROUTED_ON}
    return Codec(
        decode=lambda: dialect.unpack(packed),
        read=read,
        encode=lambda: dialect.pack(message),
        build=lambda: dialect.pack(Message(sample.mti, values)),
        more={
            "route": (lambda: dialect.peek(packed, ROUTED_ON), lambda found: dict(found) == routed),
            "decode+tags": (decode_with_tags, lambda tags: len(tags) == 20 and tags["9F02"] == values[4]),
        },
    )


if __name__ == "__main__":
    serve({"posterm": version("posterm"), "Python": platform.python_version()}, codec_for)
