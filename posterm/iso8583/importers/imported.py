"""What an import gives, and the gathering of elements on the way there.

An element that contradicts itself in our terms is left out and told, never dropped silently; one whose inside cannot be
described is carried over undivided.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace

from posterm.iso8583.dialect import Dialect
from posterm.iso8583.element import Element, Encodings, Format, Part, Prefix
from posterm.iso8583.errors import DialectError
from posterm.iso8583.importers.toml_text import dialect_toml, printable

MAX_SOURCE_BYTES = 1_000_000
MAX_ELEMENTS = 10_000
SENSITIVE = frozenset({2, 14, 34, 35, 36, 45, 46, 47, 48, 52, 55, 96, 102, 103})
"""Elements masked in every import, since other libraries do not say: card, track, PIN, key, private."""

_TRACKS = frozenset({35, 36})
_LONGEST_NAME = 80


@dataclass(frozen=True, slots=True)
class LeftOut:
    """One thing that could not be carried over: the place in the source (`48.1`, or a setting), and what it was."""

    place: str
    what: str

    def __str__(self) -> str:
        return f"{self.place}: {self.what}"


@dataclass(frozen=True, slots=True)
class Imported:
    """A dialect, the text of its file, which `load_dialect` reads back to the same dialect, and what is missing."""

    dialect: Dialect
    toml: str
    left_out: tuple[LeftOut, ...]


@dataclass(frozen=True, slots=True)
class Shape:
    """How a value is written, whether it stands in a message or in another element."""

    format: Format
    prefix: Prefix | None = None

    def part(self, part_id: str, name: str, *, of_bytes: bool) -> Part:
        """The same as a sub-element; within text it takes its encoding from around it."""
        fmt, prefix = self.format, self.prefix
        kind = fmt.kind if of_bytes or fmt.kind in ("n", "a", "an", "ans") else "ans"
        if not of_bytes:
            length = fmt.length + (fmt.kind == "x+n")
            return Part(part_id, name, kind, length, prefix=Prefix(prefix.digits) if prefix else None)
        return Part(part_id, name, kind, fmt.length, encoding=fmt.encoding, prefix=prefix, counts=fmt.counts,
                    align=fmt.align, pad=fmt.pad)  # fmt: skip

    def in_codec(self, codec: str) -> bool:
        """True when it is text of this codec, its length prefix too."""
        return self.format.kind != "b" and self.format.encoding == codec and (
            self.prefix is None or self.prefix.encoding == codec
        )  # fmt: skip


class Gathering:
    """Elements so far, and what was left out."""

    def __init__(self, name: str, title: str, source: str) -> None:
        self.name = name
        self.title = printable(title) or name
        self.source = source
        self.elements: dict[int, Element] = {}
        self.left_out: list[LeftOut] = []

    def leave_out(self, place: str, what: str) -> None:
        """Note something that is not carried over."""
        self.left_out.append(LeftOut(printable(place), printable(what)))

    def add(self, element: Element, encodings: Encodings) -> None:
        """Take an element; what contradicts itself is left out, its inside first.

        Raises: DialectError: the source has more elements than any table.
        """
        if len(self.elements) + len(self.left_out) >= MAX_ELEMENTS:
            raise DialectError(f"{self.name}: need at most {MAX_ELEMENTS} elements, have more")
        number = element.number
        if number in self.elements:
            self.leave_out(str(number), "a second description of the same element")
            return
        name = named(element.name, number)
        if number in _TRACKS and element.format.kind == "n":
            element = replace(element, format=replace(element.format, kind="z"))
        element = replace(element, name=name, sensitive=element.sensitive or number in SENSITIVE)
        try:
            Dialect(self.name, [element], encodings)
        except DialectError as error:
            what = str(error).removeprefix(f"{self.name}, ")
            if element.layout is None:
                self.leave_out(str(number), what)
                return
            self.leave_out(str(number), f"its sub-elements, since {what}")
            self.add(replace(element, layout=None), encodings)
            return
        self.elements[number] = element

    def finish(self, encodings: Encodings) -> Imported:
        """The dialect of what was gathered.

        Args:
            encodings: mti, bitmap, bits and version count; the others become what most elements say.
        Raises: DialectError: there is no element at all, or no such MTI.
        """
        if not self.elements:
            raise DialectError(f"{self.name}: need at least one element that can be carried over, have none")
        usual = _usual(encodings, list(self.elements.values()))
        elements = [_open(element, usual) for element in self.elements.values()]
        dialect = Dialect(self.name, elements, usual, title=self.title)
        remarks = [f"Not carried over: {item}" for item in self.left_out]
        return Imported(dialect, dialect_toml(dialect, source=self.source, remarks=remarks), tuple(self.left_out))


def named(name: str, number: int | str) -> str:
    """A name as it may stand in a table."""
    return printable(name)[:_LONGEST_NAME].strip() or f"Element {number}"


def check_name(name: str) -> None:
    """Raises: DialectError: the name of the new dialect is not lower-case letters, digits and hyphens."""
    if not (name and name.isascii() and name.replace("-", "").isalnum() and name == name.lower()):
        raise DialectError("importing: need a name of lower-case letters, digits and hyphens, have another")


def _usual(encodings: Encodings, elements: list[Element]) -> Encodings:
    counts: dict[str, Counter[str]] = {key: Counter() for key in ("digits", "text", "binary", "length")}
    for element in elements:
        kind, encoding = element.format.kind, element.format.encoding
        if kind != "text" and encoding:
            counts["digits" if kind in ("n", "z", "x+n") else "binary" if kind == "b" else "text"][encoding] += 1
        if element.prefix is not None:
            counts["length"][element.prefix.encoding] += 1

    def most(key: str, otherwise: str) -> str:
        return counts[key].most_common(1)[0][0] if counts[key] else otherwise

    return replace(
        encodings,
        digits=most("digits", encodings.digits),
        text=most("text", encodings.text),
        binary=most("binary", encodings.binary),
        length=most("length", encodings.length),
    )


def _open(element: Element, usual: Encodings) -> Element:
    """The element with what the dialect says anyway left open."""
    fmt, prefix = element.format, element.prefix
    same = {"n": usual.digits, "z": usual.digits, "x+n": usual.digits, "b": usual.binary, "text": ""}
    if fmt.encoding == same.get(fmt.kind, usual.text):
        fmt = replace(fmt, encoding="")
    if prefix is not None and prefix.encoding == usual.length:
        prefix = Prefix(prefix.digits)
    return replace(element, format=fmt, prefix=prefix)
