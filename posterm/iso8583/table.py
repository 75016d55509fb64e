"""The table of a dialect: from the plain values of a data file to elements, with every contradiction refused by name.

An element is written as `{ name = "…", kind = "n", length = 6 }` when fixed and as
`{ name = "…", kind = "n", max = 19, prefix = "LL" }` when its length varies; further keys are `min`,
`encoding`, `prefix_encoding`, `counts`, `align`, `pad`, `sensitive`, `content`, `layout`, `parts`, `lead`,
`tag_length`, `tag_encoding`, `length_digits`, `length_encoding`, `item_length`, `bitmap_bits`, `bitmap_encoding`.
A part is `{ id = "1", name = "…", kind = "n", length = 2, sensitive = false }`, takes the keys of an element's format
too, and may have a layout of its own.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from posterm import tlv
from posterm.iso8583.codec import is_text_codec
from posterm.iso8583.content import is_content
from posterm.iso8583.element import (
    KINDS,
    LAYOUT_KINDS,
    OF_BYTES,
    PREFIXES,
    RAW,
    Element,
    Encodings,
    Format,
    Layout,
    LayoutKind,
    MessageRule,
    Part,
    Prefix,
)
from posterm.iso8583.errors import DialectError

MAX_LENGTH = 999_999
MAX_LAYOUT_DEPTH = 6
BITS = (64, 128, 192)
VERSIONS = ("", "1987", "1993", "2003")

_FORMAT_KEYS = {"kind", "length", "max", "min", "prefix", "encoding", "prefix_encoding", "counts", "align", "pad"}
_LAYOUT_KEYS = {"layout", "parts", "lead", "tag_length", "tag_encoding", "length_digits", "length_encoding"} | {
    "item_length", "bitmap_bits", "bitmap_encoding"
}  # fmt: skip
_ELEMENT_KEYS = {"name", "sensitive", "content"} | _FORMAT_KEYS | _LAYOUT_KEYS
_PART_KEYS = {"id", "name", "sensitive"} | _FORMAT_KEYS | _LAYOUT_KEYS


def element_from_spec(origin: str, key: str, spec: object) -> Element:
    """Read one entry of `[elements]`.

    Args:
        origin: what leads the text of errors: a file or dialect name.
        key: the element number as text.
    Raises: DialectError: an unknown key, a missing one, or a value of the wrong sort.
    """
    place = f"{origin}, elements.{key}"
    if not (key.isascii() and key.isdigit() and len(key) <= 3 and key[0] != "0"):
        raise DialectError(f"{place}: need an element number, have another key")
    entry = _table(place, spec, _ELEMENT_KEYS)
    kind = _choice(place, entry, "kind", KINDS)
    size_key = _size_key(place, entry)
    fmt = _format(place, entry, kind, _integer(place, entry, size_key, 1, MAX_LENGTH))
    return Element(
        number=int(key),
        name=_text(place, entry, "name"),
        format=fmt,
        prefix=_prefix(place, entry),
        sensitive=_flag(place, entry, "sensitive"),
        layout=_layout(place, entry, 1, _part_kind(fmt.kind)),
        content=_text(place, entry, "content", ""),
    )


def _size_key(place: str, entry: Mapping[str, Any]) -> str:
    prefix_name = _text(place, entry, "prefix", "")
    if prefix_name and prefix_name not in PREFIXES:
        raise DialectError(f"{place}.prefix: need one of {' '.join(PREFIXES)}, have {prefix_name!r}")
    size_key, other = ("max", "length") if prefix_name else ("length", "max")
    if other in entry:
        raise DialectError(
            f"{place}.{other}: need `length` for a fixed element, `max` and `prefix` for a varying one, have `{other}`"
        )
    return size_key


def _format(place: str, entry: Mapping[str, Any], kind: Any, length: int) -> Format:
    return Format(
        kind=kind,
        length=length,
        encoding=_text(place, entry, "encoding", ""),
        counts=_choice(place, entry, "counts", ("", "digits", "bytes"), ""),
        align=_choice(place, entry, "align", ("", "left", "right"), ""),
        pad=_text(place, entry, "pad", ""),
        minimum=_integer(place, entry, "min", 0, MAX_LENGTH, 0),
    )


def _prefix(place: str, entry: Mapping[str, Any]) -> Prefix | None:
    name = _text(place, entry, "prefix", "")
    return Prefix(PREFIXES[name].digits, _text(place, entry, "prefix_encoding", "")) if name else None


def _part_kind(kind: str) -> str:
    """The kind of a part that names none."""
    return kind if kind in ("n", "b") else "ans"


def encodings_from_spec(origin: str, spec: object, base: Encodings) -> Encodings:
    """Read `[encodings]`; what it leaves out comes from `base`.

    Raises: DialectError: an unknown key or a value of the wrong sort.
    """
    place = f"{origin}, encodings"
    entry = _table(place, spec, {"mti", "digits", "text", "length", "bits", "bitmap", "binary", "version"})
    return Encodings(
        mti=_text(place, entry, "mti", base.mti),
        digits=_text(place, entry, "digits", base.digits),
        text=_text(place, entry, "text", base.text),
        length=_text(place, entry, "length", base.length),
        bits=_integer(place, entry, "bits", 64, 192, base.bits),
        bitmap=_text(place, entry, "bitmap", base.bitmap),
        binary=_text(place, entry, "binary", base.binary),
        version=_choice(place, entry, "version", VERSIONS, base.version),
    )


def check_elements(name: str, elements: Iterable[Element], encodings: Encodings) -> dict[int, Element]:
    """The table by number, ascending.

    Raises: DialectError: it contradicts itself.
    """
    place = f"{name}, encodings"
    if encodings.bits not in BITS:
        raise DialectError(f"{place}.bits: need 64, 128 or 192, have {encodings.bits}")
    _check_encoding(f"{place}.mti", encodings.mti, ("bcd",))
    _check_encoding(f"{place}.digits", encodings.digits, ("bcd",))
    _check_encoding(f"{place}.length", encodings.length, ("bcd", "binary"))
    _check_encoding(f"{place}.text", encodings.text, ())
    _check_encoding(f"{place}.bitmap", encodings.bitmap, (RAW,))
    _check_encoding(f"{place}.binary", encodings.binary, (RAW,))
    if encodings.version not in VERSIONS:
        raise DialectError(f"{place}.version: need 1987, 1993 or 2003, have {encodings.version!r}")
    table: dict[int, Element] = {}
    for element in elements:
        _check_element(name, element, encodings)
        if element.number in table:
            raise DialectError(f"{name}, elements.{element.number}: need each element once, have it twice")
        table[element.number] = element
    return dict(sorted(table.items()))


def rules_from_spec(origin: str, spec: object) -> dict[str, MessageRule]:
    """Read `[messages]`: message types, in which `x` stands for any digit, with `must`, `may`, `never` and `echo`.

    Raises: DialectError: an unknown key or a value of the wrong sort.
    """
    if not isinstance(spec, Mapping):
        raise DialectError(f"{origin}, messages: need a table, have {type(spec).__name__}")
    rules: dict[str, MessageRule] = {}
    for name, entry in spec.items():
        place = f"{origin}, messages.{name}"
        keys = _table(place, entry, {"must", "may", "never", "echo"})
        given = {key: _numbers(f"{place}.{key}", value) for key, value in keys.items()}
        rules[str(name)] = MessageRule(
            given.get("must", ()), given.get("may"), given.get("never", ()), given.get("echo", ())
        )
    return rules


def check_rules(name: str, rules: Mapping[str, MessageRule], encodings: Encodings) -> None:
    """Raises: DialectError: a message type or an element number that cannot be."""
    for mti, rule in rules.items():
        place = f"{name}, messages.{mti}"
        if len(mti) != 4 or not set(mti) <= set("0123456789x"):
            raise DialectError(f"{place}: need a message type of 4 digits or `x`, have another key")
        for number in (*rule.must, *(rule.may or ()), *rule.never, *rule.echo):
            if not 2 <= number <= encodings.bits:
                raise DialectError(f"{place}: need element numbers from 2 to {encodings.bits}, have {number}")


def _numbers(place: str, value: object) -> tuple[int, ...]:
    if not isinstance(value, list) or any(type(number) is not int for number in value):
        raise DialectError(f"{place}: need a list of element numbers, have another")
    return tuple(value)


def _check_element(name: str, element: Element, encodings: Encodings) -> None:
    place = f"{name}, elements.{element.number}"
    fmt, prefix, bits = element.format, element.prefix, encodings.bits
    if not 2 <= element.number <= bits or (element.number == 65 and bits == 192):
        raise DialectError(f"{place}: need an element number from 2 to {bits}, have {element.number}")
    packed = _check_format(place, fmt, prefix, encodings)
    if element.content and not is_content(element.content):
        raise DialectError(f"{place}.content: need pan, amount, currency, track2 or a date pattern, have another")
    if element.layout is not None:
        _check_layout(place, element.layout, 1, fmt.kind, encodings)
        if packed and element.layout.kind == "tag-length-value":
            raise DialectError(f"{place}.layout: need text for tag-length-value, have packed digits")


def _check_format(place: str, fmt: Format, prefix: Prefix | None, encodings: Encodings) -> bool:
    """Refuse a format that contradicts itself; True when it is of packed digits."""
    if fmt.kind not in KINDS:
        raise DialectError(f"{place}.kind: need one of {' '.join(KINDS)}, have {fmt.kind!r}")
    if not 1 <= fmt.length <= MAX_LENGTH or not 0 <= fmt.minimum <= fmt.length:
        raise DialectError(f"{place}: need a length from 1 to {MAX_LENGTH} and `min` not above it, have another")
    packable = fmt.kind in ("n", "z", "x+n")
    if fmt.kind == "b":
        _check_encoding(f"{place}.encoding", fmt.encoding or encodings.binary, (RAW,))
    elif fmt.kind == "text" and not fmt.encoding:
        raise DialectError(f"{place}.encoding: need a text codec for kind text, have none")
    else:
        _check_encoding(f"{place}.encoding", fmt.encoding or encodings.text, ("bcd",) if packable else ())
    packed = packable and (fmt.encoding or encodings.digits) == "bcd"
    hexadecimal = fmt.kind == "b" and (fmt.encoding or encodings.binary) != RAW
    if (fmt.counts and not packed and not hexadecimal) or ((fmt.align or fmt.pad) and not packed):
        raise DialectError(f"{place}: need packed digits for `counts`, `align` and `pad`, have kind {fmt.kind}")
    if fmt.pad and (len(fmt.pad) != 1 or fmt.pad not in "0123456789ABCDEF"):
        raise DialectError(f"{place}.pad: need one of 0-9 A-F, have {fmt.pad!r}")
    if hexadecimal and fmt.counts == "digits" and fmt.length % 2:
        raise DialectError(f"{place}: need an even count of hexadecimal digits, have {fmt.length}")
    if fmt.kind == "x+n" and (prefix is not None or fmt.counts == "bytes"):
        raise DialectError(f"{place}: need a fixed length in digits for kind x+n, have another")
    if prefix is not None:
        encoding = prefix.encoding or encodings.length
        _check_encoding(f"{place}.prefix_encoding", encoding, ("bcd", "binary"))
        limit = 256**prefix.digits if encoding == "binary" else 10**prefix.digits
        if not 1 <= prefix.digits <= 6 or fmt.length >= limit:
            raise DialectError(f"{place}.max: need at most {limit - 1} for this prefix, have {fmt.length}")
    return packed


def _check_layout(place: str, layout: Layout, depth: int, kind: str, encodings: Encodings) -> None:
    of_bytes = kind == "b"
    if layout.kind not in LAYOUT_KINDS:
        raise DialectError(f"{place}.layout: need one of {' '.join(LAYOUT_KINDS)}, have {layout.kind!r}")
    if depth > MAX_LAYOUT_DEPTH:
        raise DialectError(f"{place}.layout: need at most {MAX_LAYOUT_DEPTH} levels, have more")
    if layout.kind in OF_BYTES and not of_bytes:
        raise DialectError(f"{place}.layout: need {layout.kind} on kind b only, have {kind}")
    if layout.kind == "items" and layout.item_length < 1:
        raise DialectError(f"{place}.item_length: need at least 1, have {layout.item_length}")
    if layout.kind == "bitmap":
        if not (8 <= layout.bitmap_bits <= 192 and layout.bitmap_bits % 8 == 0):
            raise DialectError(f"{place}.bitmap_bits: need 8 to 192 in steps of 8, have {layout.bitmap_bits}")
        _check_encoding(f"{place}.bitmap_encoding", layout.bitmap_encoding, (RAW,))
    _check_tagging(place, layout, of_bytes)
    seen: set[str] = set()
    for at, part in enumerate((*layout.lead, *layout.parts)):
        where = f"{place}.parts.{part.id}"
        if not part.id or "." in part.id or part.id in seen:
            raise DialectError(f"{where}: need ids without a dot, each once, have another")
        seen.add(part.id)
        _check_part(where, layout, part, at, of_bytes, encodings)
        if part.layout is not None:
            _check_layout(where, part.layout, depth + 1, part.kind if of_bytes else "ans", encodings)


def _check_tagging(place: str, layout: Layout, of_bytes: bool) -> None:
    """Refuse tag and length fields that cannot be, or that stand where no tags are."""
    tagged = layout.kind in ("tag-length-value", "datasets")
    if tagged and (layout.tag_length < 1 or not 1 <= layout.length_digits <= 6):
        raise DialectError(f"{place}: need `tag_length` from 1 and `length_digits` from 1 to 6, have others")
    if layout.tag_encoding or layout.length_encoding:
        if not (tagged and of_bytes):
            raise DialectError(f"{place}: need tags within kind b for `tag_encoding` and `length_encoding`, have none")
        _check_encoding(f"{place}.tag_encoding", layout.tag_encoding or RAW, (RAW, "bcd"))
        _check_encoding(f"{place}.length_encoding", layout.length_encoding or "bcd", ("bcd", "binary"))
    if layout.lead and not (tagged or layout.kind == "ber-tlv"):
        raise DialectError(f"{place}.lead: need a layout with tags, have {layout.kind}")


def _check_part(where: str, layout: Layout, part: Part, at: int, of_bytes: bool, encodings: Encodings) -> None:
    leading = at < len(layout.lead)
    last = at == len(layout.lead) + len(layout.parts) - 1
    if part.kind not in KINDS or not 0 <= part.length <= MAX_LENGTH:
        raise DialectError(f"{where}: need a kind and a length from 0 to {MAX_LENGTH}, have another")
    if leading and (not part.length or part.prefix):
        raise DialectError(f"{where}.length: need a fixed length on a leading part, have none")
    if layout.kind == "positional" and not part.length and not last:
        raise DialectError(f"{where}.length: need a length on every part but the last, have none")
    if part.prefix and layout.kind not in ("positional", "bitmap"):
        raise DialectError(f"{where}.prefix: need parts without a tag, have {layout.kind}")
    if of_bytes:
        inner = replace(encodings, binary=RAW, digits="bcd" if layout.kind == "ber-tlv" else encodings.digits)
        fmt = Format(part.kind, part.length or MAX_LENGTH, part.encoding, part.counts, part.align, part.pad,
                     part.minimum)  # fmt: skip
        _check_format(where, fmt, part.prefix, inner)
    elif part.encoding or part.counts or part.align or part.pad or (part.prefix and part.prefix.encoding):
        raise DialectError(f"{where}: need a layout of bytes for encodings of a part, have one of text")
    elif part.prefix and part.length >= 10**part.prefix.digits:
        raise DialectError(f"{where}.max: need at most {10**part.prefix.digits - 1} for this prefix, have another")
    if leading:
        return
    if layout.kind == "bitmap":
        number = int(part.id) if part.id.isascii() and part.id.isdigit() and len(part.id) <= 3 else 0
        if str(number) != part.id or not 1 <= number <= layout.bitmap_bits or not part.length:
            raise DialectError(f"{where}: need a bit from 1 to {layout.bitmap_bits} and a length, have another")
    if layout.kind == "tag-length-value" and not of_bytes and len(part.id) != layout.tag_length:
        raise DialectError(f"{where}.id: need {layout.tag_length} characters, have {len(part.id)}")
    if layout.kind in ("tag-length-value", "datasets") and of_bytes:
        _check_bytes_tag(where, layout, part.id)
    if layout.kind == "ber-tlv":
        _check_tag(where, part.id)


def _check_bytes_tag(where: str, layout: Layout, tag: str) -> None:
    raw = (layout.tag_encoding or (RAW if layout.kind == "datasets" else "")) == RAW
    width = layout.tag_length * 2 if raw else layout.tag_length
    if len(tag) != width or not tag.isascii() or (raw and not set(tag) <= set("0123456789ABCDEF")):
        sort = "upper-case hexadecimal digits" if raw else "characters"
        raise DialectError(f"{where}.id: need {width} {sort}, have another")


def _check_tag(where: str, tag: str) -> None:
    try:
        tlv.check_tag(tag)
    except tlv.TlvError:
        tag = ""
    if not tag or tag != tag.upper():
        raise DialectError(f"{where}.id: need a tag in upper-case hexadecimal, have another")


def _check_encoding(place: str, encoding: str, special: tuple[str, ...], *, codecs_too: bool = True) -> None:
    if encoding in special or (codecs_too and is_text_codec(encoding)):
        return
    known = [*special, "a text codec"] if codecs_too else list(special)
    raise DialectError(f"{place}: need {' or '.join(known)}, have {encoding!r}")


def _layout(place: str, entry: Mapping[str, Any], depth: int, kind: str) -> Layout | None:
    if "layout" not in entry:
        extra = sorted(_LAYOUT_KEYS & set(entry))
        if extra:
            raise DialectError(f"{place}.{extra[0]}: need `layout` beside it, have none")
        return None
    if depth > MAX_LAYOUT_DEPTH:
        raise DialectError(f"{place}.layout: need at most {MAX_LAYOUT_DEPTH} levels, have more")
    chosen = _choice(place, entry, "layout", LAYOUT_KINDS)
    parts = entry.get("parts", [])
    if not isinstance(parts, list):
        raise DialectError(f"{place}.parts: need a list, have {type(parts).__name__}")
    lead = entry.get("lead", [])
    if not isinstance(lead, list):
        raise DialectError(f"{place}.lead: need a list, have {type(lead).__name__}")
    default = "b" if chosen in OF_BYTES else kind
    tag_length, length_digits = _widths(chosen)
    return Layout(
        kind=chosen,
        parts=tuple(_part(f"{place}.parts[{at}]", part, depth, default) for at, part in enumerate(parts)),
        tag_length=_integer(place, entry, "tag_length", 1, 9, tag_length),
        length_digits=_integer(place, entry, "length_digits", 1, 6, length_digits),
        item_length=_integer(place, entry, "item_length", 0, MAX_LENGTH, 0),
        tag_encoding=_text(place, entry, "tag_encoding", ""),
        length_encoding=_text(place, entry, "length_encoding", ""),
        bitmap_bits=_integer(place, entry, "bitmap_bits", 8, 192, 64),
        bitmap_encoding=_text(place, entry, "bitmap_encoding", RAW),
        lead=tuple(_part(f"{place}.lead[{at}]", part, depth, kind) for at, part in enumerate(lead)),
    )


def _widths(kind: LayoutKind) -> tuple[int, int]:
    """Tag and length of a layout that names neither."""
    return (1, 2) if kind == "datasets" else (2, 3)


def _part(place: str, spec: object, depth: int, kind: str) -> Part:
    entry = _table(place, spec, _PART_KEYS)
    chosen = _choice(place, entry, "kind", KINDS, kind)
    size_key = _size_key(place, entry)
    least = 1 if size_key == "max" else 0
    fmt = _format(place, entry, chosen, _integer(place, entry, size_key, least, MAX_LENGTH, None if least else 0))
    return Part(
        id=_text(place, entry, "id"),
        name=_text(place, entry, "name"),
        kind=fmt.kind,
        length=fmt.length,
        sensitive=_flag(place, entry, "sensitive"),
        layout=_layout(place, entry, depth + 1, _part_kind(fmt.kind)),
        encoding=fmt.encoding,
        prefix=_prefix(place, entry),
        counts=fmt.counts,
        align=fmt.align,
        pad=fmt.pad,
        minimum=fmt.minimum,
    )


def _table(place: str, value: object, known: set[str]) -> Mapping[str, Any]:
    if not isinstance(value, Mapping):
        raise DialectError(f"{place}: need a table, have {type(value).__name__}")
    for key in value:
        if key not in known:
            raise DialectError(f"{place}.{key}: need one of {' '.join(sorted(known))}, have another key")
    return value


def _text(place: str, entry: Mapping[str, Any], key: str, default: str | None = None) -> str:
    value = entry.get(key, default)
    if not isinstance(value, str) or (default is None and not value):
        raise DialectError(f"{place}.{key}: need text, have {'nothing' if not value else type(value).__name__}")
    return value


def _integer(place: str, entry: Mapping[str, Any], key: str, least: int, most: int, default: int | None = None) -> int:
    value = entry.get(key, default)
    if type(value) is not int or not least <= value <= most:
        found = "nothing" if value is None else repr(value)[:20]
        raise DialectError(f"{place}.{key}: need an integer from {least} to {most}, have {found}")
    return value


def _flag(place: str, entry: Mapping[str, Any], key: str) -> bool:
    value = entry.get(key, False)
    if not isinstance(value, bool):
        raise DialectError(f"{place}.{key}: need true or false, have {type(value).__name__}")
    return value


def _choice(place: str, entry: Mapping[str, Any], key: str, among: tuple[Any, ...], default: str | None = None) -> Any:
    value = entry.get(key, default)
    if value not in among:
        found = "nothing" if value is None else repr(value)[:20]
        raise DialectError(f"{place}.{key}: need one of {' '.join(filter(None, among))}, have {found}")
    return value
