"""BER-TLV as chip cards use it: tags as upper-case hexadecimal text, definite lengths, order and repeats kept.

Source: ISO/IEC 8825-1, 8.1; EMV 4.4 Book 3, annex B (zero bytes before, between and after objects are filler); ISO/IEC
7816-4, 5.2.2 (so are FF bytes; they are passed over when asked, for FF also starts tags some kernels and links use).
Leaves out indefinite lengths and tags of more than four bytes, which no card or link uses.
"""

from __future__ import annotations

from collections.abc import Iterable

from posterm.errors import PostermError

MAX_TAG_BYTES = 4
MAX_LENGTH_BYTES = 4
MAX_DEPTH = 8

_TAGS = [f"{byte:02X}" for byte in range(256)]


class TlvError(PostermError):
    """Bytes that are no BER-TLV, or a tag or value that cannot be one.

    `offset` counts bytes from the start of what was passed; `tag` is the tag being read, empty when none was complete.
    """

    def __init__(self, needed: str, found: str, *, offset: int = 0, tag: str = "") -> None:
        super().__init__(f"{'tag ' + tag + ': ' if tag else ''}need {needed}, have {found} at byte {offset}")
        self.needed = needed
        self.found = found
        self.offset = offset
        self.tag = tag


def scan(data: bytes, *, ff_filler: bool = False) -> list[tuple[str, int, int]]:
    """Find the objects of one level: tag, where its value starts, where it ends.

    With `ff_filler` a run of FF bytes is filler, unless it is a single one that starts a tag.

    Raises: TlvError: an object is cut short or malformed; `offset` is the byte at which it stops making sense.

    >>> scan(bytes.fromhex("9F02020012 00 9C0100"))
    [('9F02', 3, 5), ('9C', 8, 9)]
    >>> scan(bytes.fromhex("9C0100 FFFFFF 5F3401 01 FF"), ff_filler=True)
    [('9C', 2, 3), ('5F34', 9, 10)]
    """
    found: list[tuple[str, int, int]] = []
    size = len(data)
    at = 0
    while at < size:
        byte = data[at]
        if not byte:
            at += 1
            continue
        if byte & 0x1F != 0x1F:
            tag = _TAGS[byte]
            at += 1
        elif ff_filler and byte == 0xFF and (filler := _ff_run(data, at)):
            at += filler
            continue
        else:
            start = at
            at = _tag_end(data, start)
            tag = data[start:at].hex().upper()
        if at >= size:
            raise TlvError("a length", "the end", offset=at, tag=tag)
        length = data[at]
        if length < 0x80:
            at += 1
        else:
            length, at = _long_length(data, at, tag)
        end = at + length
        if end > size:
            raise TlvError(f"{length} bytes", f"{size - at}", offset=at, tag=tag)
        found.append((tag, at, end))
        at = end
    return found


def parse(data: bytes, *, ff_filler: bool = False) -> list[tuple[str, bytes]]:
    """Read one level into tags and values, in order, repeats included. `ff_filler`: as `scan`.

    Raises: TlvError: as `scan`.

    >>> parse(bytes.fromhex("9C01009C0121"))
    [('9C', b'\\x00'), ('9C', b'!')]
    """
    return [(tag, data[start:end]) for tag, start, end in scan(data, ff_filler=ff_filler)]


def parse_deep(data: bytes, *, ff_filler: bool = False) -> list[tuple[str, bytes]]:
    """Read every level, depth first: a template comes before what it holds. `ff_filler`: as `scan`.

    Raises: TlvError: as `scan`, the offset counting from the start of `data`; templates nest more than 8 deep.

    >>> parse_deep(bytes.fromhex("70039C0100"))
    [('70', b'\\x9c\\x01\\x00'), ('9C', b'\\x00')]
    """
    found: list[tuple[str, bytes]] = []
    _descend(data, 0, 0, found, ff_filler=ff_filler)
    return found


def is_constructed(tag: str) -> bool:
    """True when the value of this tag is itself BER-TLV (bit 6 of the first byte).

    Raises: TlvError: not a tag.
    """
    return bool(check_tag(tag)[0] & 0x20)


def check_tag(tag: str) -> bytes:
    """The bytes of a tag written in hexadecimal.

    Raises: TlvError: not hexadecimal, or not exactly one tag.
    """
    try:
        packed = bytes.fromhex(tag) if tag.isalnum() else b""
    except ValueError:
        packed = b""
    if not packed or not packed[0]:
        raise TlvError("a tag in hexadecimal", "something else")
    end = 1 if packed[0] & 0x1F != 0x1F else _tag_end(packed, 0)
    if end != len(packed):
        raise TlvError(f"a tag of {end} bytes", f"{len(packed)}")
    return packed


def build(items: Iterable[tuple[str, bytes]]) -> bytes:
    """Write tags and values in the given order, each length as short as it can be.

    Raises: TlvError: not a tag, or a value of more than 65,535 bytes.

    >>> build([("9F02", bytes(6)), ("9C", b"\\x00")]).hex()
    '9f02060000000000009c0100'
    """
    parts: list[bytes] = []
    for tag, value in items:
        parts.append(check_tag(tag))
        parts.append(encode_length(len(value)))
        parts.append(value)
    return b"".join(parts)


def encode_length(length: int) -> bytes:
    """A definite length of 0 to 65,535, as short as it can be.

    Raises: TlvError: outside that range.
    """
    if 0 <= length < 0x80:
        return bytes((length,))
    if 0x80 <= length <= 0xFF:
        return bytes((0x81, length))
    if 0xFF < length <= 0xFFFF:
        return bytes((0x82, length >> 8, length & 0xFF))
    raise TlvError("at most 65535 bytes", f"{length}")


def _tag_end(data: bytes, start: int) -> int:
    """Where a tag of several bytes ends: at the first byte after the lead whose high bit is clear."""
    for at in range(start + 1, start + MAX_TAG_BYTES):
        if at >= len(data):
            raise TlvError("the rest of a tag", "the end", offset=at)
        if not data[at] & 0x80:
            return at + 1
    raise TlvError(f"a tag of at most {MAX_TAG_BYTES} bytes", "a longer one", offset=start)


def _ff_run(data: bytes, at: int) -> int:
    """How many bytes of filler start here; none when the FF is the first byte of a tag."""
    end = at
    while end < len(data) and data[end] == 0xFF:
        end += 1
    return end - at if end - at > 1 or end == len(data) or not data[end] else 0


def _long_length(data: bytes, at: int, tag: str) -> tuple[int, int]:
    count = data[at] & 0x7F
    if not 1 <= count <= MAX_LENGTH_BYTES:
        raise TlvError(f"a definite length of at most {MAX_LENGTH_BYTES} bytes", "another form", offset=at, tag=tag)
    end = at + 1 + count
    if end > len(data):
        raise TlvError(f"a length of {count} bytes", f"{len(data) - at - 1}", offset=at + 1, tag=tag)
    return int.from_bytes(data[at + 1 : end], "big"), end


def _descend(data: bytes, base: int, depth: int, found: list[tuple[str, bytes]], *, ff_filler: bool) -> None:
    if depth >= MAX_DEPTH:
        raise TlvError(f"at most {MAX_DEPTH} levels", "more", offset=base)
    try:
        objects = scan(data, ff_filler=ff_filler)
    except TlvError as error:
        raise TlvError(error.needed, error.found, offset=base + error.offset, tag=error.tag) from None
    for tag, start, end in objects:
        value = data[start:end]
        found.append((tag, value))
        if int(tag[:2], 16) & 0x20:
            _descend(value, base + start, depth + 1, found, ff_filler=ff_filler)
