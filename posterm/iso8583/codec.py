"""Readers and writers of single elements: closures prepared once, when a dialect is built.

A reader takes the wire, a position and a note pad, and returns the value and the position after it. What it accepts
although it would have written it differently (another pad nibble) it puts on the note pad as the element's wire bytes,
so that packing the unchanged element gives the same bytes. A writer takes a value and returns wire bytes.

Source: ISO 8583:1987, 4; the packed forms are described in `posterm.iso8583.element`.
"""

from __future__ import annotations

import codecs
from collections.abc import Callable
from dataclasses import replace

from posterm.iso8583 import ebcdic
from posterm.iso8583.element import RAW, Element, Encodings, Format, resolved
from posterm.iso8583.errors import PackError, ReadError

Value = str | bytes
Kept = dict[int, bytes]
Reader = Callable[[bytes, int, Kept], tuple[Value, int]]
Writer = Callable[[object], bytes]
LengthReader = Callable[[bytes, int], int]
LengthWriter = Callable[[int], bytes]
Refusal = Callable[[str, str, str], PackError]

ebcdic.register()

_DIGITS = b"0123456789"
_LETTERS = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
ALPHABETS = {
    "n": (_DIGITS, "decimal digits"),
    "a": (_LETTERS + b" ", "letters"),
    "an": (_LETTERS + _DIGITS + b" ", "letters and digits"),
    "ans": (bytes(range(0x20, 0x7F)), "printable ASCII characters"),
    "z": (_DIGITS + b"ABCDEF=", "track digits"),
}
"""The characters of each kind in ASCII, and how errors call them."""
_BCD = [(high * 10 + low) if high < 10 and low < 10 else -1 for high in range(16) for low in range(16)]
_TRACK_FROM_NIBBLES = str.maketrans("abcdef", "ABC=EF")
_NIBBLES_FROM_TRACK = str.maketrans("=", "D")
_HEXADECIMAL = frozenset("0123456789ABCDEFabcdef")
_OUTSIDE = "one outside"


def is_text_codec(name: str) -> bool:
    """True when Python knows a codec of this name that turns text into bytes and back, a space into one byte."""
    try:
        codecs.lookup(name)
        return " 09".encode(name).decode(name) == " 09" and len(" ".encode(name)) == 1
    except (LookupError, ValueError, TypeError, AttributeError):
        return False


def make_reader(element: Element, encodings: Encodings) -> tuple[Reader, int]:
    """The reader of an element, and the size of its length prefix in bytes."""
    fmt = resolved(element.format, encodings)
    prefix_size, read_length = 0, None
    if element.prefix:
        encoding = element.prefix.encoding or encodings.length
        prefix_size, read_length = make_length_reader(element.prefix.digits, encoding, fmt.minimum, fmt.length)
    if fmt.kind == "b":
        if fmt.encoding == RAW:
            return _bytes_reader(fmt, prefix_size, read_length), prefix_size
        return _hexadecimal_reader(element.number, fmt, prefix_size, read_length), prefix_size
    if fmt.kind == "x+n":
        return _signed_reader(element.number, fmt, _sign_codec(fmt, encodings)), 0
    if fmt.encoding != "bcd":
        return _text_reader(element.number, fmt, prefix_size, read_length), prefix_size
    if read_length is None and fmt.kind == "n" and fmt.length % 2 == 0 and fmt.counts == "digits":
        return _whole_bytes_digits_reader(fmt.length // 2), 0
    return _nibbles_reader(element.number, fmt, prefix_size, read_length), prefix_size


def make_writer(element: Element, encodings: Encodings, where: str) -> Writer:
    """The writer of an element; `where` leads the text of its errors."""
    fmt = resolved(element.format, encodings)
    refuse = _refusal(element.number, where)
    write_length = None
    if element.prefix:
        write_length = make_length_writer(element.prefix.digits, element.prefix.encoding or encodings.length)
    if fmt.kind == "b":
        return _bytes_writer(fmt, write_length, refuse)
    if fmt.kind == "x+n":
        return _signed_writer(fmt, _sign_codec(fmt, encodings), refuse)
    if fmt.encoding != "bcd":
        return _text_writer(fmt, write_length, refuse)
    return _nibbles_writer(fmt, write_length, refuse)


def make_mti_codec(encoding: str, where: str) -> tuple[Callable[[bytes], str], Callable[[object], bytes], int]:
    """Reader and writer of the message type (four digits) and its size in bytes."""
    size = 2 if encoding == "bcd" else 4

    def read(wire: bytes) -> str:
        chunk = wire[:size]
        if len(chunk) < size:
            raise ReadError("truncated", 0, f"{size} bytes", str(len(chunk)))
        text = chunk.hex() if encoding == "bcd" else chunk.decode(encoding, "replace")
        if not (text.isascii() and text.isdigit()) or (encoding != "bcd" and text.encode(encoding) != chunk):
            raise ReadError("mti", 0, "4 digits", _OUTSIDE)
        return text

    def write(mti: object) -> bytes:
        if not isinstance(mti, str) or len(mti) != 4 or not (mti.isascii() and mti.isdigit()):
            raise PackError(f"{where}, MTI: need 4 digits, have something else", code="mti")
        return bytes.fromhex(mti) if encoding == "bcd" else mti.encode(encoding)

    return read, write, size


def make_length_reader(digits: int, encoding: str, least: int, most: int) -> tuple[int, LengthReader]:
    """The size of a length field in bytes and its reader, which refuses lengths below `least` and above `most`."""
    size = (digits + 1) // 2 if encoding == "bcd" else digits
    needed = f"a length of {least} to {most}"

    def check(length: int, pos: int) -> int:
        if not least <= length <= most:
            raise ReadError("length", pos, needed, "no decimal number" if length < 0 else str(length))
        return length

    def cut(wire: bytes, pos: int) -> ReadError:
        return ReadError("truncated", pos, f"a length of {size} bytes", str(max(0, len(wire) - pos)))

    def read_one(wire: bytes, pos: int) -> int:
        if pos >= len(wire):
            raise cut(wire, pos)
        length = _BCD[wire[pos]]
        return length if least <= length <= most else check(length, pos)

    def read_two(wire: bytes, pos: int) -> int:
        if pos + 2 > len(wire):
            raise cut(wire, pos)
        high, low = _BCD[wire[pos]], _BCD[wire[pos + 1]]
        length = high * 100 + low if high >= 0 and low >= 0 else -1
        return length if least <= length <= most else check(length, pos)

    def read_any(wire: bytes, pos: int) -> int:
        chunk = wire[pos : pos + size]
        if len(chunk) < size:
            raise cut(wire, pos)
        if encoding == "binary":
            return check(int.from_bytes(chunk, "big"), pos)
        text = chunk.hex() if encoding == "bcd" else chunk.decode(encoding, "replace")
        return check(int(text) if text.isascii() and text.isdigit() and len(text) <= 2 * size else -1, pos)

    if encoding == "bcd" and size <= 2:
        return size, (read_one if size == 1 else read_two)
    return size, read_any


def make_length_writer(digits: int, encoding: str) -> LengthWriter:
    """The writer of a length field; the caller refuses lengths it cannot hold."""
    if encoding == "binary":
        return lambda length: length.to_bytes(digits, "big")
    if encoding == "bcd":
        width = digits + digits % 2
        table = [bytes.fromhex(f"{length:0{width}d}") for length in range(min(10**digits, 1000))]

        def write(length: int) -> bytes:
            return table[length] if length < len(table) else bytes.fromhex(f"{length:0{width}d}")

        return write
    return lambda length: f"{length:0{digits}d}".encode(encoding)


def _whole_bytes_digits_reader(size: int) -> Reader:
    """Fixed digits in an even count: the everyday case, kept short."""
    width = size * 2

    def read(wire: bytes, pos: int, _: Kept) -> tuple[Value, int]:
        end = pos + size
        digits = wire[pos:end].hex()
        if len(digits) != width:
            raise ReadError("truncated", pos, f"{size} bytes", str(len(digits) // 2))
        if not digits.isdigit():
            raise _bad_nibble(digits, pos, 0)
        return digits, end

    return read


def _nibbles_reader(number: int, fmt: Format, prefix_size: int, read_length: LengthReader | None) -> Reader:
    fixed = fmt.length
    by_digits = fmt.counts == "digits"
    right = fmt.align == "right"
    pad = fmt.pad.lower()
    track = fmt.kind == "z"
    strips = pad not in "0123456789"

    def read(wire: bytes, pos: int, kept: Kept) -> tuple[Value, int]:
        start = pos
        if read_length is None:
            count = fixed
        else:
            count = read_length(wire, pos)
            pos += prefix_size
        size = (count + 1) // 2 if by_digits else count
        end = pos + size
        digits = wire[pos:end].hex()
        if len(digits) != size * 2:
            raise ReadError("truncated", pos, f"{size} bytes", str(len(digits) // 2))
        skipped = 0
        if by_digits:
            if count & 1:
                filler = digits[0] if right else digits[-1]
                digits = digits[1:] if right else digits[:-1]
                skipped = int(right)
                if filler != pad:
                    kept[number] = wire[start:end]
        elif strips and digits and digits[0 if right else -1] == pad:
            digits = digits[1:] if right else digits[:-1]
            skipped = int(right)
        if track:
            return digits.translate(_TRACK_FROM_NIBBLES), end
        if digits and not digits.isdigit():
            raise _bad_nibble(digits, pos, skipped)
        return digits, end

    return read


def _bytes_reader(fmt: Format, prefix_size: int, read_length: LengthReader | None) -> Reader:
    fixed = fmt.length

    def read(wire: bytes, pos: int, _: Kept) -> tuple[Value, int]:
        if read_length is None:
            size = fixed
        else:
            size = read_length(wire, pos)
            pos += prefix_size
        end = pos + size
        chunk = wire[pos:end]
        if len(chunk) != size:
            raise ReadError("truncated", pos, f"{size} bytes", str(len(chunk)))
        return chunk, end

    return read


def _hexadecimal_reader(number: int, fmt: Format, prefix_size: int, read_length: LengthReader | None) -> Reader:
    fixed = fmt.length
    by_digits = fmt.counts == "digits"
    codec = fmt.encoding

    def read(wire: bytes, pos: int, kept: Kept) -> tuple[Value, int]:
        start = pos
        if read_length is None:
            size = fixed
        else:
            size = read_length(wire, pos)
            pos += prefix_size
        if not by_digits:
            size *= 2
        elif size & 1:
            raise ReadError("length", start, "an even count of hexadecimal digits", str(size))
        end = pos + size
        chunk = wire[pos:end]
        if len(chunk) != size:
            raise ReadError("truncated", pos, f"{size} bytes", str(len(chunk)))
        digits = chunk.decode(codec, "replace")
        if not _HEXADECIMAL.issuperset(digits):
            at = next(place for place, digit in enumerate(digits) if digit not in _HEXADECIMAL)
            raise ReadError("alphabet", pos + at, "hexadecimal digits", _OUTSIDE)
        if digits.upper().encode(codec) != chunk:
            kept[number] = wire[start:end]
        return bytes.fromhex(digits), end

    return read


def _sign_codec(fmt: Format, encodings: Encodings) -> str:
    return encodings.text if fmt.encoding == "bcd" else fmt.encoding


def _signed_reader(number: int, fmt: Format, codec: str) -> Reader:
    """C or D in one byte, then digits."""
    digits = replace(fmt, kind="n")
    if fmt.encoding == "bcd":
        read_digits = _nibbles_reader(number, digits, 0, None)
    else:
        read_digits = _text_reader(number, digits, 0, None)
    signs = {letter.encode(codec): letter for letter in "CD"}

    def read(wire: bytes, pos: int, kept: Kept) -> tuple[Value, int]:
        sign = wire[pos : pos + 1]
        if not sign:
            raise ReadError("truncated", pos, "C or D", "the end")
        if sign not in signs:
            raise ReadError("alphabet", pos, "C or D", "another character")
        value, end = read_digits(wire, pos + 1, kept)
        if number in kept:
            kept[number] = wire[pos:end]
        return f"{signs[sign]}{value!s}", end

    return read


def make_skipper(element: Element, encodings: Encodings) -> Callable[[bytes, int], int]:
    """What gives the end of an element that begins at a position, without looking at more than its length."""
    fmt = resolved(element.format, encodings)
    packed = fmt.encoding == "bcd" and fmt.counts == "digits"
    double = fmt.kind == "b" and fmt.encoding != RAW and fmt.counts == "bytes"
    signed = int(fmt.kind == "x+n")
    prefix_size, read_length = 0, None
    if element.prefix:
        encoding = element.prefix.encoding or encodings.length
        prefix_size, read_length = make_length_reader(element.prefix.digits, encoding, fmt.minimum, fmt.length)

    def skip(wire: bytes, pos: int) -> int:
        length = fmt.length if read_length is None else read_length(wire, pos)
        begin = pos + prefix_size
        size = signed + ((length + 1) // 2 if packed else length * 2 if double else length)
        if begin + size > len(wire):
            raise ReadError("truncated", begin, f"{size} bytes", str(max(0, len(wire) - begin)))
        return begin + size

    return skip


def make_whole_reader(fmt: Format) -> Callable[[bytes], Value]:
    """Reads a value whose bytes something else has measured; `fmt` is resolved. Offsets count from its first byte."""

    def rest(wire: bytes, pos: int) -> int:
        return len(wire) - pos

    fmt = replace(fmt, counts="bytes")
    if fmt.kind == "b":
        read = _bytes_reader(fmt, 0, rest) if fmt.encoding == RAW else _whole_hexadecimal_reader(fmt)
    elif fmt.encoding == "bcd":
        read = _nibbles_reader(0, fmt, 0, rest)
    else:
        read = _text_reader(0, fmt, 0, rest)
    return lambda chunk: read(chunk, 0, {})[0]


def _whole_hexadecimal_reader(fmt: Format) -> Reader:
    return _hexadecimal_reader(0, replace(fmt, counts="digits"), 0, lambda wire, pos: len(wire) - pos)


def make_whole_writer(fmt: Format, refuse: Refusal) -> Writer:
    """Writes a value that something else measures; `fmt` is resolved and its length the greatest, in bytes."""

    def nothing(_: int) -> bytes:
        return b""

    fmt = replace(fmt, counts="bytes")
    if fmt.kind == "b":
        return _bytes_writer(replace(fmt, counts="digits" if fmt.encoding != RAW else "bytes"), nothing, refuse)
    if fmt.encoding == "bcd":
        return _nibbles_writer(fmt, nothing, refuse)
    return _text_writer(fmt, nothing, refuse)


def _text_reader(number: int, fmt: Format, prefix_size: int, read_length: LengthReader | None) -> Reader:
    fixed = fmt.length
    codec = fmt.encoding
    plain = codec == "ascii"
    allowed, needed = ALPHABETS.get(fmt.kind, (b"", f"{codec} text"))
    allowed_text = frozenset(allowed.decode("ascii"))

    def read(wire: bytes, pos: int, kept: Kept) -> tuple[Value, int]:
        start = pos
        if read_length is None:
            size = fixed
        else:
            size = read_length(wire, pos)
            pos += prefix_size
        end = pos + size
        chunk = wire[pos:end]
        if len(chunk) != size:
            raise ReadError("truncated", pos, f"{size} bytes", str(len(chunk)))
        if plain and allowed:
            outside = chunk.translate(None, allowed)
            if outside:
                raise ReadError("alphabet", pos + chunk.index(outside[:1]), needed, _OUTSIDE)
            return chunk.decode("ascii"), end
        try:
            text = chunk.decode(codec)
            if text.encode(codec) != chunk:
                kept[number] = wire[start:end]
        except UnicodeError as error:
            raise ReadError("alphabet", pos + getattr(error, "start", 0), needed, _OUTSIDE) from None
        if allowed and not allowed_text.issuperset(text):
            at = next(place for place, character in enumerate(text) if character not in allowed_text)
            raise ReadError("alphabet", pos + min(at, size - 1), needed, _OUTSIDE)
        return text, end

    return read


def _bad_nibble(digits: str, pos: int, skipped: int) -> ReadError:
    at = next(place for place, nibble in enumerate(digits) if nibble > "9")
    return ReadError("alphabet", pos + (at + skipped) // 2, "decimal digits", _OUTSIDE)


def _refusal(number: int, where: str) -> Refusal:
    def refuse(code: str, needed: str, found: str) -> PackError:
        return PackError(f"{where}: need {needed}, have {found}", path=str(number), code=code)

    return refuse


def _size_text(fmt: Format, unit: str, varies: bool) -> str:
    if not varies:
        return f"{fmt.length} {unit}"
    return f"{fmt.minimum} to {fmt.length} {unit}" if fmt.minimum else f"at most {fmt.length} {unit}"


def _bytes_writer(fmt: Format, write_length: LengthWriter | None, refuse: Refusal) -> Writer:
    length, least = fmt.length, fmt.minimum
    hexadecimal = "" if fmt.encoding == RAW else fmt.encoding
    by_digits = fmt.counts == "digits"
    needed = _size_text(fmt, "hexadecimal digits" if by_digits else "bytes", write_length is not None)

    def write(value: object) -> bytes:
        if isinstance(value, str):
            try:
                value = bytes.fromhex(value)
            except ValueError:
                raise refuse("alphabet", "bytes, or hexadecimal text", "other text") from None
        elif not isinstance(value, bytes):
            if not isinstance(value, (bytearray, memoryview)):
                raise refuse("type", "bytes", type(value).__name__)
            value = bytes(value)
        size = len(value) * 2 if by_digits else len(value)
        if hexadecimal:
            value = value.hex().upper().encode(hexadecimal)
        if write_length is None:
            if size != length:
                raise refuse("length", needed, str(size))
            return value
        if not least <= size <= length:
            raise refuse("length", needed, str(size))
        return write_length(size) + value

    return write


def _signed_writer(fmt: Format, codec: str, refuse: Refusal) -> Writer:
    length = fmt.length
    packed = fmt.encoding == "bcd"
    needed = f"C or D and at most {length} digits"

    def write(value: object) -> bytes:
        if not isinstance(value, str):
            raise refuse("type", "text", type(value).__name__)
        digits = value[1:]
        if value[:1] not in ("C", "D") or not (digits.isascii() and digits.isdigit()):
            raise refuse("alphabet", "C or D, then decimal digits", _OUTSIDE)
        if len(digits) > length:
            raise refuse("length", needed, str(len(value)))
        digits = digits.rjust(length, "0")
        if not packed:
            return (value[0] + digits).encode(codec)
        if length & 1:
            digits = fmt.pad + digits if fmt.align == "right" else digits + fmt.pad
        return value[0].encode(codec) + bytes.fromhex(digits)

    return write


def _nibbles_writer(fmt: Format, write_length: LengthWriter | None, refuse: Refusal) -> Writer:
    length, least, pad = fmt.length, fmt.minimum, fmt.pad
    right = fmt.align == "right"
    by_digits = fmt.counts == "digits"
    track = fmt.kind == "z"
    track_alphabet = frozenset("0123456789ABCDEF=")
    widest = length if by_digits else length * 2
    exact = write_length is None
    needed = _size_text(fmt, "digits" if by_digits else "bytes", not exact)

    def write(value: object) -> bytes:
        if not isinstance(value, str):
            raise refuse("type", "text", type(value).__name__)
        if track:
            if not track_alphabet.issuperset(value):
                raise refuse("alphabet", "track digits", _OUTSIDE)
            value = value.translate(_NIBBLES_FROM_TRACK)
        elif not (value.isdigit() and value.isascii()) and (exact or value):
            raise refuse("alphabet", "decimal digits", _OUTSIDE)
        count = len(value)
        if count > widest:
            raise refuse("length", needed, str(count))
        if exact and count < widest:
            if track:
                raise refuse("length", needed, str(count))
            value = "0" * (widest - count) + value
            count = widest
        if count & 1:
            value = pad + value if right else value + pad
        packed = bytes.fromhex(value)
        if write_length is None:
            return packed
        size = count if by_digits else len(packed)
        if size < least:
            raise refuse("length", needed, str(size))
        return write_length(size) + packed

    return write


def _text_writer(fmt: Format, write_length: LengthWriter | None, refuse: Refusal) -> Writer:
    length, least, codec = fmt.length, fmt.minimum, fmt.encoding
    allowed, alphabet = ALPHABETS.get(fmt.kind, (b"", f"{codec} text"))
    allowed_text = frozenset(allowed.decode("ascii"))
    zero_filled = fmt.kind == "n"
    filler = ("0" if zero_filled else " ").encode(codec)
    needed = _size_text(fmt, "bytes", write_length is not None)

    def write(value: object) -> bytes:
        if not isinstance(value, str):
            raise refuse("type", "text", type(value).__name__)
        if allowed and not allowed_text.issuperset(value):
            raise refuse("alphabet", alphabet, _OUTSIDE)
        try:
            packed = value.encode(codec)
        except UnicodeError:
            raise refuse("alphabet", alphabet, _OUTSIDE) from None
        size = len(packed)
        if write_length is None:
            if size > length:
                raise refuse("length", needed, str(size))
            return packed.rjust(length, filler) if zero_filled else packed.ljust(length, filler)
        if not least <= size <= length:
            raise refuse("length", needed, str(size))
        return write_length(size) + packed

    return write
