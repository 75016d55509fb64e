"""The vocabulary of a dialect table: elements, their formats, length prefixes and inner layouts. Data only.

A packed element has four separate knobs: what its length counts (digits or bytes), on which side an odd digit count is
filled (alignment), the nibble it is filled with, and the alphabet (the kind). What a format leaves empty it takes from
the encodings of its dialect.

Source: ISO 8583:1987, 4 (attributes of data elements); EMV 4.4 Book 3, annex B for BER-TLV.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

Kind = Literal["n", "a", "an", "ans", "b", "z", "x+n", "text"]
Counts = Literal["", "digits", "bytes"]
Align = Literal["", "left", "right"]
LayoutKind = Literal["positional", "items", "bitmap", "ber-tlv", "tag-length-value", "datasets"]

KINDS: tuple[Kind, ...] = ("n", "a", "an", "ans", "b", "z", "x+n", "text")
LAYOUT_KINDS: tuple[LayoutKind, ...] = ("positional", "items", "bitmap", "ber-tlv", "tag-length-value", "datasets")
OF_BYTES: frozenset[LayoutKind] = frozenset({"bitmap", "ber-tlv", "datasets"})
"""Layouts that divide bytes only; the others divide text as well."""

RAW = "raw"
MAX_PREFIX_DIGITS = 6


@dataclass(frozen=True, slots=True)
class Format:
    """The alphabet, size and encoding of a value.

    `length` is the exact length of a fixed element and the greatest of a variable one, in what `counts` says: by
    default digits for packed digits and bytes for everything else. `encoding` is `bcd`, `raw` (bytes) or the name of a
    Python text codec; empty takes the dialect's. `minimum` matters to variable elements only. Where packed digits are
    counted in bytes, an odd count can be told from an even one only when `pad` is A to F.

    Kind b in a text codec is written as two hexadecimal digits a byte; `counts` says whether lengths count the bytes
    or the digits. Kind x+n is a letter, C or D, followed by `length` digits, and always fixed.
    """

    kind: Kind
    length: int
    encoding: str = ""
    counts: Counts = ""
    align: Align = ""
    pad: str = ""
    minimum: int = 0


@dataclass(frozen=True, slots=True)
class Prefix:
    """A length prefix of `digits` decimal digits (for `binary`: bytes); `encoding` is bcd, binary or a text codec."""

    digits: int
    encoding: str = ""


@dataclass(frozen=True, slots=True)
class Part:
    """A sub-element. `length` 0 means: whatever is left, or whatever the length field of its layout says.

    With a `prefix` its length varies and `length` is the greatest. Encoding and the knobs for packed digits are those
    of `Format` and matter where bytes are divided; where text is divided a prefix is decimal digits of that text.
    """

    id: str
    name: str
    kind: Kind = "ans"
    length: int = 0
    sensitive: bool = False
    layout: Layout | None = None
    encoding: str = ""
    prefix: Prefix | None = None
    counts: Counts = ""
    align: Align = ""
    pad: str = ""
    minimum: int = 0


@dataclass(frozen=True, slots=True)
class Layout:
    """How the value of an element divides. The value of kind b is divided as bytes, every other as text.

    positional: the parts follow each other; a value may end after any of them.
    items: pieces of `item_length` each, numbered from 1.
    bitmap: a bitmap of `bitmap_bits`, then the parts it announces; their ids are the bit numbers.
    ber-tlv: tag, length, value as chip cards write them.
    tag-length-value: a tag, a length, as many bytes of value. In text the tag has `tag_length` characters and the
        length `length_digits` decimal digits; in bytes `tag_encoding` is `raw` (ids in hexadecimal), `bcd` or a codec,
        and `length_encoding` is `binary` (`length_digits` are bytes), `bcd` or a codec.
    datasets: the same, tag and length binary by default (in a dialect file of one and two bytes); a dataset that
        `parts` does not describe holds BER-TLV.

    `lead` are parts of fixed length before the first tag.
    """

    kind: LayoutKind
    parts: tuple[Part, ...] = ()
    tag_length: int = 2
    length_digits: int = 3
    item_length: int = 0
    tag_encoding: str = ""
    length_encoding: str = ""
    bitmap_bits: int = 64
    bitmap_encoding: str = RAW
    lead: tuple[Part, ...] = ()

    def part(self, part_id: str) -> Part | None:
        """The description of one sub-element, or None when the table does not list it."""
        for part in (*self.lead, *self.parts):
            if part.id == part_id:
                return part
        return None


@dataclass(frozen=True, slots=True)
class Element:
    """One data element: its number, name, format, and length prefix when its length varies.

    `content` is what the digits mean, for `Dialect.check`: pan, amount, currency, track2, or a date and time written
    with YY or YYYY, MM, DD, hh, mm and ss in the order of the element.
    """

    number: int
    name: str
    format: Format
    prefix: Prefix | None = None
    sensitive: bool = False
    layout: Layout | None = None
    content: str = ""


@dataclass(frozen=True, slots=True)
class Encodings:
    """What the formats of a dialect leave open.

    `mti` and `digits`: bcd or a text codec; `text`: a text codec; `length`: bcd, binary or a text codec. `bits` is the
    greatest element number: 64, 128 or 192. `bitmap` and `binary` (kind b): raw, or the text codec of hexadecimal
    digits. `version` is the year of the standard, 1987, 1993 or 2003, which the first digit of an MTI names; empty
    allows any.
    """

    mti: str = "ascii"
    digits: str = "ascii"
    text: str = "ascii"
    length: str = "ascii"
    bits: int = 128
    bitmap: str = RAW
    binary: str = RAW
    version: str = ""


@dataclass(frozen=True, slots=True)
class MessageRule:
    """What a message type carries: elements it must have, may have (None: any other too) and must not have.

    `echo` are the elements an answer repeats from its request unchanged.
    """

    must: tuple[int, ...] = ()
    may: tuple[int, ...] | None = None
    never: tuple[int, ...] = ()
    echo: tuple[int, ...] = ()


L = Prefix(1)
LL = Prefix(2)
LLL = Prefix(3)
LLLL = Prefix(4)
LLLLL = Prefix(5)
LLLLLL = Prefix(6)
PREFIXES = {"L": L, "LL": LL, "LLL": LLL, "LLLL": LLLL, "LLLLL": LLLLL, "LLLLLL": LLLLLL}


def n(length: int) -> Format:
    """Decimal digits."""
    return Format("n", length)


def a(length: int) -> Format:
    """Letters and space."""
    return Format("a", length)


def an(length: int) -> Format:
    """Letters, digits and space."""
    return Format("an", length)


def ans(length: int) -> Format:
    """Printable ASCII characters."""
    return Format("ans", length)


def b(length: int) -> Format:
    """Bytes."""
    return Format("b", length)


def z(length: int) -> Format:
    """Track data: digits, `=` and, once enciphered, any other nibble."""
    return Format("z", length)


def x_n(length: int) -> Format:
    """C or D (credit or debit) and an amount of `length` decimal digits."""
    return Format("x+n", length)


def text(length: int, codec: str) -> Format:
    """Whatever the codec can write."""
    return Format("text", length, encoding=codec)


def resolved(fmt: Format, encodings: Encodings) -> Format:
    """The format with everything it left open filled in from the dialect's encodings."""
    encoding = fmt.encoding
    if not encoding:
        if fmt.kind == "b":
            encoding = encodings.binary
        elif fmt.kind in ("n", "z", "x+n"):
            encoding = encodings.digits
        else:
            encoding = encodings.text
    counts: Counts = fmt.counts or ("digits" if encoding == "bcd" else "bytes")
    return replace(fmt, encoding=encoding, counts=counts, pad=fmt.pad or "0")
