"""The functions generated for one dialect: made once a bitmap has come a few times, and never more than a fixed count.

When the limit is reached nothing more is generated, and nothing is dropped: a peer that invents bitmaps gets the
interpreter and cannot make a program compile all day.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from posterm.iso8583.codec import Writer
from posterm.iso8583.compile import Decoder, DecoderSource, Field, compiled
from posterm.iso8583.compile_pack import EncoderSource

if TYPE_CHECKING:
    from posterm.iso8583.dialect import Dialect

SIGHTINGS = 4
"""How often the interpreter reads a bitmap, or writes a set of elements, before code is generated for it."""

LIMIT = 256
"""Functions of each sort for one dialect."""

HEAD_LIMIT = 64
_COUNT_LIMIT = 1024


@dataclass(slots=True)
class Encoder:
    """What writes one set of elements, and the type and bitmap it begins with, by type; `mac_heads` announce a MAC."""

    encode: Callable[[bytes, tuple[Any, ...]], bytes | None]
    heads: dict[str, bytes] = field(default_factory=dict)
    mac_heads: dict[str, bytes] = field(default_factory=dict)

    def remember(self, mti: str, head: bytes, *, mac: bool) -> None:
        """Keep the head of a message type, within limits."""
        heads = self.mac_heads if mac else self.heads
        if len(heads) < HEAD_LIMIT:
            heads[mti] = head


class Generated:
    """Keeps count of what comes, and the functions made for it."""

    __slots__ = ("_counts", "_dialect", "_fields", "_writers", "decoders", "encoders", "peekers")

    def __init__(self, dialect: Dialect, fields: Mapping[int, Field], writers: Mapping[int, Writer]) -> None:
        self._dialect = dialect
        self._fields = fields
        self._writers = writers
        self._counts: dict[object, int] = {}
        self.decoders: dict[bytes, Decoder] = {}
        self.encoders: dict[bytes, Encoder] = {}
        self.peekers: dict[tuple[bytes, tuple[int, ...]], Decoder] = {}

    def read(self, bitmap: bytes, numbers: Iterable[int], start: int) -> None:
        """The interpreter has read a message with this bitmap, as it stands on the wire."""
        if bitmap not in self.decoders and len(self.decoders) < LIMIT and self._often(bitmap):
            self.decoders[bitmap] = self._decoder(self.decoder_source(numbers, start))

    def peeked(self, bitmap: bytes, wanted: tuple[int, ...], numbers: Iterable[int], start: int) -> None:
        """The interpreter has read some elements of a message with this bitmap."""
        key = (bitmap, wanted)
        if key not in self.peekers and len(self.peekers) < LIMIT and self._often(key):
            self.peekers[key] = self._decoder(self.decoder_source(numbers, start, frozenset(wanted)))

    def written(self, shape: bytes) -> Encoder | None:
        """The interpreter has written these elements; what writes them from now on."""
        encoder = self.encoders.get(shape)
        if encoder is None and len(self.encoders) < LIMIT and self._often((shape,)):
            source = self.encoder_source(shape)
            encode = compiled(source.text(), source.names, "encode", self._origin("pack"))
            self.encoders[shape] = encoder = Encoder(encode)
        return encoder

    def decoder_source(self, numbers: Iterable[int], start: int, wanted: frozenset[int] | None = None) -> DecoderSource:
        """The source of what reads these elements, the first of which begins at `start`."""
        fields = [self._fields[number] for number in numbers]
        return DecoderSource(self._dialect.encodings.mti, start, fields, wanted)

    def encoder_source(self, shape: Iterable[int]) -> EncoderSource:
        """The source of what writes these elements."""
        return EncoderSource((self._fields[number], self._writers[number]) for number in shape)

    def _decoder(self, source: DecoderSource) -> Decoder:
        text = source.text()
        decoder: Decoder = compiled(text, {**source.names, "DIALECT": self._dialect}, "decode", self._origin("unpack"))
        return decoder

    def _origin(self, what: str) -> str:
        return f"<generated: {self._dialect.name} {what}>"

    def _often(self, key: object) -> bool:
        """True once a key has come often enough; what came rarely is forgotten when there is much of it."""
        count = self._counts.get(key, 0) + 1
        if count >= SIGHTINGS:
            self._counts.pop(key, None)
            return True
        if len(self._counts) >= _COUNT_LIMIT:
            self._counts.clear()
        self._counts[key] = count
        return False
