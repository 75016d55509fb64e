"""The table of a dialect: from the plain values of a data file to elements, with every contradiction refused by name.

An element is written as `{ name = "…", kind = "n", length = 6 }` when fixed and as
`{ name = "…", kind = "n", max = 19, prefix = "LL" }` when its length varies; further keys are `min`,
`encoding`, `prefix_encoding`, `counts`, `align`, `pad`, `sensitive`, `layout`, `parts`, `tag_length`,
`length_digits`, `item_length`.
A part is `{ id = "1", name = "…", kind = "n", length = 2, sensitive = false }` and may have a layout of its own.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from posterm import tlv
from posterm.iso8583.codec import is_text_codec
from posterm.iso8583.element import KINDS, LAYOUT_KINDS, PREFIXES, Element, Encodings, Format, Layout, Part, Prefix
from posterm.iso8583.errors import DialectError

MAX_LENGTH = 999_999
MAX_LAYOUT_DEPTH = 4
BITS = (64, 128, 192)

_FORMAT_KEYS = {"kind", "length", "max", "min", "prefix", "encoding", "prefix_encoding", "counts", "align", "pad"}
_LAYOUT_KEYS = {"layout", "parts", "tag_length", "length_digits", "item_length"}
_ELEMENT_KEYS = {"name", "sensitive"} | _FORMAT_KEYS | _LAYOUT_KEYS
_PART_KEYS = {"id", "name", "kind", "length", "sensitive"} | _LAYOUT_KEYS


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
    prefix_name = _text(place, entry, "prefix", "")
    if prefix_name and prefix_name not in PREFIXES:
        raise DialectError(f"{place}.prefix: need one of {' '.join(PREFIXES)}, have {prefix_name!r}")
    size_key, other = ("max", "length") if prefix_name else ("length", "max")
    if other in entry:
        raise DialectError(
            f"{place}.{other}: need `length` for a fixed element, `max` and `prefix` for a varying one, have `{other}`"
        )
    fmt = Format(
        kind=_choice(place, entry, "kind", KINDS),
        length=_integer(place, entry, size_key, 1, MAX_LENGTH),
        encoding=_text(place, entry, "encoding", ""),
        counts=_choice(place, entry, "counts", ("", "digits", "bytes"), ""),
        align=_choice(place, entry, "align", ("", "left", "right"), ""),
        pad=_text(place, entry, "pad", ""),
        minimum=_integer(place, entry, "min", 0, MAX_LENGTH, 0),
    )
    prefix = Prefix(PREFIXES[prefix_name].digits, _text(place, entry, "prefix_encoding", "")) if prefix_name else None
    return Element(
        number=int(key),
        name=_text(place, entry, "name"),
        format=fmt,
        prefix=prefix,
        sensitive=_flag(place, entry, "sensitive"),
        layout=_layout(place, entry, 1, "n" if fmt.kind == "n" else "ans"),
    )


def encodings_from_spec(origin: str, spec: object, base: Encodings) -> Encodings:
    """Read `[encodings]`; what it leaves out comes from `base`.

    Raises: DialectError: an unknown key or a value of the wrong sort.
    """
    place = f"{origin}, encodings"
    entry = _table(place, spec, {"mti", "digits", "text", "length", "bits"})
    return Encodings(
        mti=_text(place, entry, "mti", base.mti),
        digits=_text(place, entry, "digits", base.digits),
        text=_text(place, entry, "text", base.text),
        length=_text(place, entry, "length", base.length),
        bits=_integer(place, entry, "bits", 64, 192, base.bits),
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
    table: dict[int, Element] = {}
    for element in elements:
        _check_element(name, element, encodings)
        if element.number in table:
            raise DialectError(f"{name}, elements.{element.number}: need each element once, have it twice")
        table[element.number] = element
    return dict(sorted(table.items()))


def _check_element(name: str, element: Element, encodings: Encodings) -> None:
    place = f"{name}, elements.{element.number}"
    fmt, prefix, bits = element.format, element.prefix, encodings.bits
    if not 2 <= element.number <= bits or (element.number == 65 and bits == 192):
        raise DialectError(f"{place}: need an element number from 2 to {bits}, have {element.number}")
    if fmt.kind not in KINDS:
        raise DialectError(f"{place}.kind: need one of {' '.join(KINDS)}, have {fmt.kind!r}")
    if not 1 <= fmt.length <= MAX_LENGTH or not 0 <= fmt.minimum <= fmt.length:
        raise DialectError(f"{place}: need a length from 1 to {MAX_LENGTH} and `min` not above it, have another")
    packable = fmt.kind in ("n", "z")
    if fmt.kind == "b":
        _check_encoding(f"{place}.encoding", fmt.encoding or "raw", ("raw",), codecs_too=False)
    elif fmt.kind == "text" and not fmt.encoding:
        raise DialectError(f"{place}.encoding: need a text codec for kind text, have none")
    else:
        _check_encoding(f"{place}.encoding", fmt.encoding or encodings.text, ("bcd",) if packable else ())
    packed = packable and (fmt.encoding or encodings.digits) == "bcd"
    if (fmt.counts or fmt.align or fmt.pad) and not packed:
        raise DialectError(f"{place}: need packed digits for `counts`, `align` and `pad`, have kind {fmt.kind}")
    if fmt.pad and (len(fmt.pad) != 1 or fmt.pad not in "0123456789ABCDEF"):
        raise DialectError(f"{place}.pad: need one of 0-9 A-F, have {fmt.pad!r}")
    if prefix is not None:
        encoding = prefix.encoding or encodings.length
        _check_encoding(f"{place}.prefix_encoding", encoding, ("bcd", "binary"))
        limit = 256**prefix.digits if encoding == "binary" else 10**prefix.digits
        if not 1 <= prefix.digits <= 6 or fmt.length >= limit:
            raise DialectError(f"{place}.max: need at most {limit - 1} for this prefix, have {fmt.length}")
    if element.layout is not None:
        _check_layout(place, element.layout, 1)
        if (element.layout.kind == "ber-tlv") != (fmt.kind == "b"):
            raise DialectError(f"{place}.layout: need ber-tlv on kind b and the others on text, have {fmt.kind}")
        if packed and element.layout.kind == "tag-length-value":
            raise DialectError(f"{place}.layout: need text for tag-length-value, have packed digits")


def _check_layout(place: str, layout: Layout, depth: int) -> None:
    if layout.kind not in LAYOUT_KINDS:
        raise DialectError(f"{place}.layout: need one of {' '.join(LAYOUT_KINDS)}, have {layout.kind!r}")
    if depth > MAX_LAYOUT_DEPTH:
        raise DialectError(f"{place}.layout: need at most {MAX_LAYOUT_DEPTH} levels, have more")
    if layout.kind == "items" and layout.item_length < 1:
        raise DialectError(f"{place}.item_length: need at least 1, have {layout.item_length}")
    if layout.kind == "tag-length-value" and (layout.tag_length < 1 or not 1 <= layout.length_digits <= 6):
        raise DialectError(f"{place}: need `tag_length` from 1 and `length_digits` from 1 to 6, have others")
    seen: set[str] = set()
    for at, part in enumerate(layout.parts):
        where = f"{place}.parts.{part.id}"
        if not part.id or "." in part.id or part.id in seen:
            raise DialectError(f"{where}: need ids without a dot, each once, have another")
        seen.add(part.id)
        if part.kind not in KINDS or not 0 <= part.length <= MAX_LENGTH:
            raise DialectError(f"{where}: need a kind and a length from 0 to {MAX_LENGTH}, have another")
        if layout.kind == "positional" and not part.length and at != len(layout.parts) - 1:
            raise DialectError(f"{where}.length: need a length on every part but the last, have none")
        if layout.kind == "tag-length-value" and len(part.id) != layout.tag_length:
            raise DialectError(f"{where}.id: need {layout.tag_length} characters, have {len(part.id)}")
        if layout.kind == "ber-tlv":
            _check_tag(where, part.id)
        if part.layout is not None:
            _check_layout(where, part.layout, depth + 1)
            if (part.layout.kind == "ber-tlv") != (layout.kind == "ber-tlv"):
                raise DialectError(f"{where}.layout: need ber-tlv within ber-tlv only, have {part.layout.kind}")


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
    default = "b" if chosen == "ber-tlv" else kind
    return Layout(
        kind=chosen,
        parts=tuple(_part(f"{place}.parts[{at}]", part, depth, default) for at, part in enumerate(parts)),
        tag_length=_integer(place, entry, "tag_length", 1, 9, 2),
        length_digits=_integer(place, entry, "length_digits", 1, 6, 3),
        item_length=_integer(place, entry, "item_length", 0, MAX_LENGTH, 0),
    )


def _part(place: str, spec: object, depth: int, kind: str) -> Part:
    entry = _table(place, spec, _PART_KEYS)
    return Part(
        id=_text(place, entry, "id"),
        name=_text(place, entry, "name"),
        kind=_choice(place, entry, "kind", KINDS, kind),
        length=_integer(place, entry, "length", 0, MAX_LENGTH, 0),
        sensitive=_flag(place, entry, "sensitive"),
        layout=_layout(place, entry, depth + 1, kind),
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
