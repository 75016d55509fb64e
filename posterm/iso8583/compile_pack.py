"""Python generated for the messages this side sends: one function for each set of elements.

As in `posterm.iso8583.compile`, generated code takes the everyday way only: values of the right type, size and
alphabet. For everything else it gives None, and the interpreter fills, converts or refuses.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from posterm.iso8583.codec import Writer, make_length_writer
from posterm.iso8583.compile import ALPHABET_NAMES, Field, alphabet_test, holds_ascii, text_table
from posterm.iso8583.composite import Composite
from posterm.iso8583.errors import Iso8583Error

_TABLE_LIMIT = 1000


@dataclass(slots=True)
class _Piece:
    """Neighbours written in one go: `sort` is hex, bytes or a codec; `items` are expressions of text or bytes."""

    sort: str
    items: list[str]


class EncoderSource:
    """Writes the function that gives the bytes of the elements of one shape, without type and bitmap."""

    def __init__(self, fields: Iterable[tuple[Field, Writer]]) -> None:
        self.fields = list(fields)
        self.names: dict[str, Any] = {
            **ALPHABET_NAMES, "Composite": Composite, "Iso8583Error": Iso8583Error,
        }  # fmt: skip
        self._lines: list[str] = []
        self._pieces: list[_Piece] = []
        self._tables: dict[tuple[int, str, str, int, int], str] = {}
        self._undivided: list[str] = []
        self._lengths: list[str] = []
        self._digits: list[str] = []

    def text(self) -> str:
        """The source of the function."""
        for field, write in self.fields:
            if field.layout is not None:
                name = f"v{field.number}"
                self._undivided += [f"if {name}.__class__ is Composite:", f"    {name} = {name}._raw"]
            if not self._written(field):
                self._close_digits()
                self.names[f"write{field.number}"] = write
                self._piece("bytes", self._by_writer(field))
        self._close_digits()
        names = "".join(f"v{field.number}, " for field, _ in self.fields)
        lines = ["def encode(head, cells):", "    try:"]
        if names:
            lines.append(f"        {names}= cells")
        lines += [f"        {line}" for line in self._undivided]
        if self._lengths:
            lines += [f"        if not ({' and '.join(self._lengths)}):", "            return None"]
        lines += [f"        {line}" for line in self._lines]
        chunks = ", ".join(self._chunk(piece) for piece in self._pieces)
        lines += [
            f'        return b"".join((head, {chunks}))',
            "    except (LookupError, TypeError, ValueError, AttributeError, Iso8583Error):",
            "        return None",
            "",
        ]
        return "\n".join(lines)

    def _add(self, *lines: str) -> None:
        self._lines.extend(lines)

    def _piece(self, sort: str, *items: str) -> None:
        if self._pieces and self._pieces[-1].sort == sort and sort != "bytes":
            self._pieces[-1].items.extend(items)
        else:
            self._pieces.append(_Piece(sort, list(items)))

    def _chunk(self, piece: _Piece) -> str:
        if piece.sort == "bytes":
            return ", ".join(piece.items)
        whole = piece.items[0] if len(piece.items) == 1 else f'"".join(({", ".join(piece.items)}))'
        if piece.sort == "hex":
            return f"bytes.fromhex({whole})"
        if piece.sort == "ascii":
            return f'{whole}.encode("ascii")'
        table = f"FROM_{''.join(mark if mark.isalnum() else '_' for mark in piece.sort).upper()}"
        self.names[table] = bytes.maketrans(text_table(piece.sort) or b"", bytes(range(256)))
        return f'{whole}.encode("latin-1").translate({table})'

    def _by_writer(self, field: Field) -> str:
        """An expression of an element as the interpreter writes it; text that is ASCII in any codec is written here."""
        fmt, name = field.format, f"v{field.number}"
        written = f"write{field.number}({name})"
        if (
            fmt.kind != "text"
            or field.fixed
            or fmt.length - fmt.minimum >= _TABLE_LIMIT
            or not holds_ascii(fmt.encoding)
        ):
            return written
        write_length = make_length_writer(field.prefix_digits, field.prefix_encoding)
        table = f"PREFIX{field.number}"
        self.names[table] = {length: write_length(length) for length in range(fmt.minimum, fmt.length + 1)}
        return f'{table}[len({name})] + {name}.encode("ascii") if {name}.isascii() else {written}'

    def _written(self, field: Field) -> bool:
        """Add what writes an element; False when no code is made for it."""
        fmt, name = field.format, f"v{field.number}"
        if fmt.kind == "b" and not field.hexadecimal:
            return self._write_bytes(field)
        if field.packed:
            return self._write_packed(field)
        if fmt.kind in ("b", "x+n") or fmt.counts != "bytes" or fmt.encoding == "bcd":
            return False
        if fmt.encoding != "ascii" and text_table(fmt.encoding) is None:
            return False
        codec = fmt.encoding
        if field.fixed:
            self._lengths.append(f"len({name}) == {fmt.length}")
            if fmt.kind == "n":
                self._digit_run(name, codec)
                return True
        else:
            prefix = self._prefix(field)
            if not prefix:
                return False
            self._close_digits()
            self._piece(self._sort(field), prefix)
        self._close_digits()
        self._test(field, name)
        self._piece(codec, name)
        return True

    def _test(self, field: Field, name: str) -> None:
        fmt = field.format
        tests = [alphabet_test(fmt.kind, name)]
        if fmt.kind == "n" and not field.fixed:
            tests = [f"({name}.isdecimal() or not {name})"]
        if fmt.encoding != "ascii" and fmt.kind != "text":
            tests.insert(0, f"{name}.isascii()")
        if kept := [test for test in tests if test]:
            self._add(f"if not ({' and '.join(kept)}):", "    return None")

    def _digit_run(self, item: str, sort: str) -> None:
        """Collect decimal digits of fixed elements, to be tested at once."""
        if self._digits and self._digits[0] != sort:
            self._close_digits()
        self._digits = [*(self._digits or [sort]), item]

    def _close_digits(self) -> None:
        if not self._digits:
            return
        sort, *items = self._digits
        self._digits = []
        name = items[0]
        if len(items) > 1:
            name = f"d{len(self._lines)}"
            self._add(f'{name} = "".join(({", ".join(items)}))')
        ascii_test = "" if sort == "ascii" else f"{name}.isascii() and "
        self._add(f"if not ({ascii_test}{name}.isdecimal()):", "    return None")
        self._piece(sort, name)

    def _write_bytes(self, field: Field) -> bool:
        name, length = f"v{field.number}", field.format.length
        if field.fixed:
            self._close_digits()
            self._lengths.append(f"{name}.__class__ is bytes and len({name}) == {length}")
            self._piece("bytes", name)
            return True
        prefix = self._prefix(field)
        if not prefix:
            return False
        self._close_digits()
        self._add(f"if {name}.__class__ is not bytes:", "    return None")
        self._piece(self._sort(field), prefix)
        self._piece("bytes", name)
        return True

    def _write_packed(self, field: Field) -> bool:
        fmt, name = field.format, f"v{field.number}"
        odd, right, pad = fmt.length % 2, fmt.align == "right", fmt.pad
        if field.fixed:
            self._lengths.append(f"len({name}) == {fmt.length}")
            if fmt.kind == "n" and pad.isdigit():
                for item in ((f'"{pad}"', name) if right else (name, f'"{pad}"')) if odd else (name,):
                    self._digit_run(item, "hex")
                return True
            self._close_digits()
        else:
            prefix = self._prefix(field)
            if not prefix:
                return False
            self._close_digits()
            self._piece(self._sort(field), prefix)
        if fmt.kind == "z":
            self._add(f'{name} = {name}.replace("=", "D")')
            test = f'{name}.replace("D", "0", 1).isdecimal() or Z.issuperset({name})'
            self._add(f"if not ({test}):", "    return None")
        else:
            self._add(f"if not ({name}.isascii() and ({name}.isdecimal() or not {name})):", "    return None")
        filler = f"FILL{field.number}[len({name}) & 1]"
        self.names[f"FILL{field.number}"] = ("", pad)
        self._piece("hex", *((filler, name) if right else (name, filler)))
        return True

    def _sort(self, field: Field) -> str:
        encoding = field.prefix_encoding
        return "hex" if encoding in ("bcd", "binary") else encoding

    def _prefix(self, field: Field) -> str:
        """An expression of the length as it is written, empty when no code is made for it."""
        fmt, encoding, digits = field.format, field.prefix_encoding, field.prefix_digits
        if fmt.length - fmt.minimum >= _TABLE_LIMIT:
            return ""
        if encoding not in ("bcd", "binary", "ascii") and text_table(encoding) is None:
            return ""
        key = (digits, encoding, fmt.kind, fmt.minimum, fmt.length)
        name = self._tables.get(key)
        if name is None:
            name = f"lengths{len(self._tables) + 1}"
            self._tables[key] = name
            write = make_length_writer(digits, encoding)
            lengths = range(fmt.minimum, fmt.length + 1)
            self.names[name] = {
                length: write(length).hex() if encoding in ("bcd", "binary") else f"{length:0{digits}d}"
                for length in lengths
            }
        return f"{name}[len(v{field.number})]"
