"""Python generated for the messages a peer sends: one function for each bitmap, that does what the interpreter would.

Generated code only ever takes the everyday way. It reads a message that is right and written as this library would
write it, and gives None for everything else, so that the interpreter says what is wrong, or remembers what is unusual.
Hence the errors, paths and offsets of both are the same by construction.

The source is made from the dialect table and the bitmap alone and holds nothing of a message; `Dialect.source` shows
it. Leaves out writing, which is `posterm.iso8583.compile_pack`.
"""

from __future__ import annotations

from binascii import hexlify
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from operator import itemgetter
from typing import Any

from posterm.iso8583.codec import ALPHABETS, Reader, make_length_reader
from posterm.iso8583.composite import BoundLayout, Composite
from posterm.iso8583.element import RAW, Element, Encodings, Format, resolved
from posterm.iso8583.errors import ReadError
from posterm.iso8583.message import NOTHING_KEPT, Message, places_of

Decoder = Callable[[bytes], "Message | None"]
LONG = 24
"""From so many digits on, bytes are tested faster than text."""

_TABLE_LIMIT = 1000
_TRACK_FROM_NIBBLES = str.maketrans("abcdef", "ABC=EF")


@dataclass(frozen=True, slots=True)
class Field:
    """An element as code is made for it: its format with nothing left open, and what reads it when no code can."""

    number: int
    format: Format
    prefix_digits: int
    prefix_encoding: str
    layout: BoundLayout | None
    prefix_size: int
    read: Reader

    @property
    def packed(self) -> bool:
        """True for packed digits counted in digits, which code is made for."""
        fmt = self.format
        return fmt.kind in ("n", "z") and fmt.encoding == "bcd" and fmt.counts == "digits"

    @property
    def fixed(self) -> bool:
        """True when its size never varies."""
        return not self.prefix_digits

    @property
    def hexadecimal(self) -> bool:
        """True for bytes written as hexadecimal digits."""
        return self.format.kind == "b" and self.format.encoding != RAW

    @property
    def size(self) -> int:
        """The bytes of a fixed element on the wire."""
        length = self.format.length
        if self.format.kind == "x+n":
            return 1 + ((length + 1) // 2 if self.format.encoding == "bcd" else length)
        if self.packed:
            return (length + 1) // 2
        return length * 2 if self.hexadecimal and self.format.counts == "bytes" else length

    @property
    def extent(self) -> str:
        """The bytes of a varying element after its length, as an expression of that length `n`."""
        if self.packed:
            return "(n + 1 >> 1)"
        return "2 * n" if self.hexadecimal and self.format.counts == "bytes" else "n"


def field_of(element: Element, encodings: Encodings, layout: BoundLayout | None, read: Reader) -> Field:
    """What code generation needs to know of an element; `read` gives its undivided value."""
    fmt = resolved(element.format, encodings)
    prefix = element.prefix
    encoding = (prefix.encoding or encodings.length) if prefix else ""
    size = make_length_reader(prefix.digits, encoding, fmt.minimum, fmt.length)[0] if prefix else 0
    return Field(element.number, fmt, prefix.digits if prefix else 0, encoding, layout, size, read)


@lru_cache(maxsize=64)
def text_table(codec: str) -> bytes | None:
    """The table from the bytes of a codec to Latin-1, or None when that is no one-to-one matter."""
    try:
        table = bytes(range(256)).decode(codec).encode("latin-1")
    except (UnicodeError, LookupError):
        return None
    return table if len(table) == len(set(table)) == 256 else None


@lru_cache(maxsize=64)
def holds_ascii(codec: str) -> bool:
    """True for a codec in which ASCII characters are the bytes that they are in ASCII."""
    ascii_bytes = bytes(range(128))
    try:
        return ascii_bytes.decode("ascii").encode(codec) == ascii_bytes
    except (UnicodeError, LookupError):
        return False


def length_table(digits: int, encoding: str, least: int, most: int) -> dict[Any, int] | None:
    """Every length of an element by how it is written, or None when there are too many."""
    if most - least >= _TABLE_LIMIT or (encoding == "binary" and digits > 1) or (encoding == "bcd" and digits > 4):
        return None
    lengths = range(least, most + 1)
    if encoding == "binary":
        return {length: length for length in lengths}
    if encoding == "bcd":
        width = digits + digits % 2
        packed = {bytes.fromhex(f"{length:0{width}d}"): length for length in lengths}
        return {key[0]: length for key, length in packed.items()} if width == 2 else dict(packed)
    return {f"{length:0{digits}d}": length for length in lengths}


def alphabet_test(kind: str, name: str) -> str:
    """An expression that is true when `name`, known to be ASCII, is of a kind; empty when every text is."""
    return {
        "n": f"{name}.isdecimal()",
        "a": f"({name}.isalpha() or A.issuperset({name}))",
        "an": f"({name}.isalnum() or AN.issuperset({name}))",
        "ans": f"{name}.isprintable()",
        "z": f'({name}.replace("=", "0", 1).isdecimal() or Z.issuperset({name}))',
    }.get(kind, "")


ALPHABET_NAMES = {kind.upper(): frozenset(allowed.decode("ascii")) for kind, (allowed, _) in ALPHABETS.items()}


class DecoderSource:
    """Writes the function that reads the messages of one bitmap.

    Args:
        start: where the first element begins.
        wanted: the elements to read, None for all; with it, whatever follows the last of them is not looked at.
    """

    def __init__(self, mti: str, start: int, fields: Iterable[Field], wanted: frozenset[int] | None = None) -> None:
        self.fields = list(fields)
        self.wanted = wanted
        if wanted is not None:
            last = max((field.number for field in self.fields if field.number in wanted), default=0)
            self.fields = [field for field in self.fields if field.number <= last]
        self.names: dict[str, Any] = {
            **ALPHABET_NAMES, "T": _TRACK_FROM_NIBBLES, "new": object.__new__, "Message": Message,
            "Composite": Composite, "ReadError": ReadError, "hexlify": hexlify, "NOTHING_KEPT": NOTHING_KEPT,
        }  # fmt: skip
        self._lines: list[str] = []
        self._views: dict[str, str] = {}
        self._tables: dict[tuple[int, str, int, int], str] = {}
        self._mti = mti
        self._offset = start
        self._moving = False
        self._count = 0

    def text(self) -> str:
        """The source of the function."""
        self._read_mti()
        at = 0
        while at < len(self.fields):
            run = self._run(at)
            if self._is_wanted(run[0]) and run[0].fixed and self._view_of(run[0]):
                self._text_run(run)
            elif self._is_wanted(run[0]) and run[0].fixed and run[0].packed:
                self._packed_run(run)
            else:
                self._single(run[0])
            at += len(run)
        kept = [field.number for field in self.fields if self._is_wanted(field)]
        cells = "".join(f"v{number}, " for number in kept)
        self.names["PLACES"] = places_of(bytes(kept))
        over = "!=" if self.wanted is None else ">"
        head = ["def decode(wire):", "    try:"]
        for codec, view in self._views.items():
            source = "wire" if codec == "ascii" else f"wire.translate({view.upper()})"
            head.append(f'        {view} = {source}.decode("latin-1")')
        tail = [
            f"        if {self._position()} {over} len(wire):",
            "            return None",
            "    except (LookupError, UnicodeError, ReadError):",
            "        return None",
            "    message = new(Message)",
            "    message._mti = mti",
            f"    message._cells = ({cells})",
            "    message._places = PLACES",
            "    message._dialect = DIALECT",
            "    message._kept = NOTHING_KEPT",
            f"    message._shape = {bytes(kept)!r}",
            "    return message",
        ]
        return "\n".join([*head, *(f"        {line}" for line in self._lines), *tail, ""])

    def _run(self, at: int) -> list[Field]:
        """The elements from `at` on that are read in one piece."""
        first = self.fields[at]
        run = [first]
        if not (first.fixed and self._is_wanted(first)):
            return run
        view = self._view_of(first)
        if not view and not (first.packed and first.format.kind == "n"):
            return run
        for field in self.fields[at + 1 :]:
            same = self._view_of(field) == view if view else field.packed and field.format.kind == "n"
            if not (field.fixed and same and self._is_wanted(field)):
                break
            run.append(field)
        return run

    def _is_wanted(self, field: Field) -> bool:
        return self.wanted is None or field.number in self.wanted

    def _view_of(self, field: Field) -> str:
        """The name of the wire as text in which an element is a slice, empty when it is none."""
        fmt = field.format
        if fmt.kind in ("b", "x+n") or fmt.encoding == "bcd" or fmt.counts != "bytes":
            return ""
        return self._view(fmt.encoding)

    def _view(self, codec: str) -> str:
        if codec == "ascii":
            return "s"
        table = text_table(codec)
        if table is None:
            return ""
        view = "s_" + "".join(mark if mark.isalnum() else "_" for mark in codec)
        self.names[view.upper()] = table
        return view

    def _use(self, codec: str) -> str:
        view = self._view(codec)
        if view:
            self._views["ascii" if codec == "ascii" else codec] = view
        return view

    def _add(self, *lines: str) -> None:
        self._lines.extend(lines)

    def _position(self, more: int = 0) -> str:
        offset = self._offset + more
        if not self._moving:
            return str(offset)
        return f"p + {offset}" if offset else "p"

    def _refuse_unless(self, *tests: str) -> None:
        kept = [test for test in tests if test]
        if kept:
            self._add(f"if not ({' and '.join(kept)}):", "    return None")

    def _read_mti(self) -> None:
        if self._mti == "bcd":
            self._add("mti = wire[:2].hex()")
        elif view := self._use(self._mti):
            self._add(f"mti = {view}[:4]")
        else:
            self._add(f'mti = wire[:4].decode("{self._mti}")')
        self._refuse_unless("mti.isdecimal()", "mti.isascii()" if self._mti != "bcd" else "")

    def _getter(self, slices: list[slice]) -> str:
        self._count += 1
        name = f"parts{self._count}"
        self.names[name] = itemgetter(*slices)
        return name

    def _text_run(self, run: list[Field]) -> None:
        """Fixed elements of text side by side: one slice, one test for each alphabet in a row, one cut."""
        view = self._use(run[0].format.encoding)
        size = sum(field.size for field in run)
        whole = f"v{run[0].number}" if len(run) == 1 else "t"
        self._add(f"{whole} = {view}[{self._position()}:{self._position(size)}]")
        kinds = {field.format.kind for field in run}
        plain = run[0].format.encoding == "ascii"
        ascii_test = f"{whole}.isascii()" if kinds - ({"n"} if plain else {"n", "text"}) else ""
        if kinds == {"n"} and plain and size >= LONG:
            self._refuse_unless(f"wire[{self._position()}:{self._position(size)}].isdigit()")
        elif len(kinds) == 1:
            self._refuse_unless(ascii_test, alphabet_test(run[0].format.kind, whole))
        else:
            self._refuse_unless(ascii_test)
        if len(run) > 1:
            slices, at = [], 0
            for field in run:
                slices.append(slice(at, at + field.size))
                at += field.size
            self._add(f"{', '.join(f'v{field.number}' for field in run)} = {self._getter(slices)}(t)")
            if len(kinds) > 1:
                self._refuse_unless(*self._tests_of_neighbours(run))
        self._divide_run(run, size)

    def _tests_of_neighbours(self, run: list[Field]) -> list[str]:
        tests, at, first = [], 0, 0
        for place, field in enumerate(run):
            at += field.size
            last = place + 1 == len(run) or run[place + 1].format.kind != field.format.kind
            if last:
                begin = sum(each.size for each in run[:first])
                name = f"v{field.number}" if first == place else f"t[{begin}:{at}]"
                if field.format.kind in ("a", "an", "z") and first != place:
                    tests += [alphabet_test(field.format.kind, f"v{each.number}") for each in run[first : place + 1]]
                else:
                    tests.append(alphabet_test(field.format.kind, name))
                first = place + 1
        return tests

    def _packed_run(self, run: list[Field]) -> None:
        """Fixed packed digits side by side, with the fillers of those whose count is odd."""
        size = sum(field.size for field in run)
        chunk = f"wire[{self._position()}:{self._position(size)}]"
        decimal = all(field.format.length % 2 == 0 or field.format.pad.isdigit() for field in run)
        long = decimal and size * 2 >= LONG and run[0].format.kind == "n"
        if long:
            self._add(f"b = hexlify({chunk})", 't = b.decode("ascii")')
        else:
            self._add(f"t = {chunk}.hex()")
        if run[0].format.kind == "z":
            return self._packed_track(run[0])
        slices, tests, at = [], [], 0
        for field in run:
            fmt = field.format
            begin = at + (fmt.length % 2 if fmt.align == "right" else 0)
            if fmt.length % 2:
                tests.append(f't[{at if fmt.align == "right" else at + fmt.length}] == "{fmt.pad.lower()}"')
            slices.append(slice(begin, begin + fmt.length))
            at += field.size * 2
        self._refuse_unless("b.isdigit()" if long else "t.isdecimal()" if decimal else "", *tests)
        names = ", ".join(f"v{field.number}" for field in run)
        plain = len(run) == 1 and run[0].format.length % 2 == 0
        self._add(f"{names} = t" if plain else f"{names} = {self._getter(slices)}(t)")
        if not decimal:
            self._refuse_unless(*(f"v{field.number}.isdecimal()" for field in run))
        self._divide_run(run, size)
        return None

    def _divide_run(self, run: list[Field], size: int) -> None:
        at = 0
        for field in run:
            self._divide(field, self._position(at))
            at += field.size
        self._offset += size

    def _packed_track(self, field: Field) -> None:
        fmt, number = field.format, field.number
        if fmt.length % 2:
            right = fmt.align == "right"
            self._refuse_unless(f't[{0 if right else -1}] == "{fmt.pad.lower()}"')
            self._add(f"t = t[{'1:' if right else ':-1'}]")
        self._add(f"v{number} = t.translate(T)")
        self._offset += field.size

    def _single(self, field: Field) -> None:
        """An element that is read by itself, or skipped."""
        if field.fixed:
            self._single_fixed(field)
            return
        fmt = field.format
        plain = self._view_of(field) or field.packed or (fmt.kind in ("b", "text") and not field.hexadecimal)
        wanted = self._is_wanted(field)
        if (wanted and not plain) or not self._length(field):
            self._call(field)
            return
        self._add(f"p = a + {field.extent}")
        self._moving, self._offset = True, 0
        if wanted:
            self._varying(field)

    def _single_fixed(self, field: Field) -> None:
        begin, end, name = self._position(), self._position(field.size), f"v{field.number}"
        if self._is_wanted(field):
            if field.format.kind == "b" and not field.hexadecimal:
                self._add(f"{name} = wire[{begin}:{end}]")
            elif field.format.kind == "text":
                self._add(f"b = wire[{begin}:{end}]")
                self._decode_text(field)
            else:
                self.names[f"read{field.number}"] = field.read
                self._add("kept = {}", f"{name} = read{field.number}(wire, {begin}, kept)[0]")
                self._refuse_unless("not kept")
            self._divide(field, begin)
        self._offset += field.size

    def _length(self, field: Field) -> bool:
        """Read a length prefix: `a` is where the value begins, `n` its length. False when no code is made for it."""
        fmt, encoding, size = field.format, field.prefix_encoding, field.prefix_size
        key = (field.prefix_digits, encoding, fmt.minimum, fmt.length)
        name = self._tables.get(key)
        if name is None:
            table = length_table(*key)
            if table is None or (encoding not in ("bcd", "binary") and not self._view(encoding)):
                return False
            name = f"lengths{len(self._tables) + 1}"
            self._tables[key] = name
            self.names[name] = table
        if encoding in ("bcd", "binary"):
            spot = self._position() if size == 1 else f"{self._position()}:{self._position(size)}"
            self._add(f"n = {name}[wire[{spot}]]", f"a = {self._position(size)}")
        else:
            view = self._use(encoding)
            self._add(f"n = {name}[{view}[{self._position()}:{self._position(size)}]]", f"a = {self._position(size)}")
        return True

    def _varying(self, field: Field) -> None:
        fmt, name = field.format, f"v{field.number}"
        if fmt.kind == "b":
            self._add(f"{name} = wire[a:p]")
        elif field.packed:
            right = fmt.align == "right"
            self._add(
                f"{name} = wire[a:p].hex()",
                "if n & 1:",
                f'    if {name}[{0 if right else -1}] != "{fmt.pad.lower()}":',
                "        return None",
                f"    {name} = {name}[{'1:' if right else ':-1'}]",
            )
            if fmt.kind == "z":
                self._add(
                    f't = {name}.replace("d", "=", 1)',
                    f'{name} = t if t.replace("=", "0", 1).isdecimal() else {name}.translate(T)',
                )
            else:
                self._add(f"if not {name}.isdecimal() and {name}:", "    return None")
        elif view := self._view_of(field):
            self._use(fmt.encoding)
            self._add(f"{name} = {view}[a:p]")
            plain = fmt.kind == "n" or (fmt.kind == "text" and fmt.encoding != "ascii")
            if fmt.kind == "n":
                self._add(f"if not {name}.isdecimal() and {name}:", "    return None")
            else:
                plain = plain or fmt.kind == "z"
                self._refuse_unless("" if plain else f"{name}.isascii()", alphabet_test(fmt.kind, name))
        else:
            self._add("b = wire[a:p]")
            self._decode_text(field)
        self._divide(field, "a")

    def _decode_text(self, field: Field) -> None:
        name, codec = f"v{field.number}", field.format.encoding
        self._add(f'{name} = b.decode("{codec}")')
        self._refuse_unless(f'{name}.encode("{codec}") == b')

    def _call(self, field: Field) -> None:
        """Let the interpreter's reader read one element; what it would remember is left to the interpreter."""
        self.names[f"read{field.number}"] = field.read
        start = self._position(field.prefix_size)
        divides = field.layout is not None and self._is_wanted(field)
        if divides:
            self._add(f"a = {start}")
        self._add("kept = {}", f"v{field.number}, p = read{field.number}(wire, {self._position()}, kept)")
        self._refuse_unless("not kept")
        self._moving, self._offset = True, 0
        if divides:
            self._divide(field, "a")

    def _divide(self, field: Field, start: str) -> None:
        """Make an element with sub-elements a mapping of them, to be read when asked."""
        if field.layout is not None:
            self.names[f"layout{field.number}"] = field.layout
            self._add(
                "c = new(Composite)",
                f"c._layout = layout{field.number}",
                f"c._raw = v{field.number}",
                f"c._offset = {start}",
                "c._entries = None",
                f"v{field.number} = c",
            )


def compiled(source: str, names: Mapping[str, Any], name: str, where: str) -> Any:
    """The function of that name, from generated source."""
    space = dict(names)
    exec(compile(source, where, "exec"), space)  # noqa: S102 - the source is made from the dialect table alone
    return space[name]
