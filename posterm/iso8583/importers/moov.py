"""Dialects from the JSON specifications of moov-io/iso8583.

Source: moov-io/iso8583, specs/builder.go (what a specification may say) and its encodings and prefixes. EBCDIC is code
page 037, EBCDIC1047 code page 1047; BCD stands on the right of its bytes, LBCD on the left.
Leaves out padding that is not the usual one of its kind, and sorting: packing keeps the order given.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from posterm.iso8583.element import RAW, Element, Encodings, Format, Layout, Part, Prefix
from posterm.iso8583.errors import DialectError
from posterm.iso8583.importers.imported import MAX_SOURCE_BYTES, Gathering, Imported, Shape, check_name, named

_TEXT = {"ASCII": "ascii", "EBCDIC": "cp037", "EBCDIC1047": "cp1047"}
_HEXADECIMAL = ("HexToASCII", "Hex")
_LENGTHS = {"ASCII": "ascii", "BCD": "bcd", "EBCDIC": "cp037", "EBCDIC1047": "cp1047", "Binary": "binary"}
_FIELD_KEYS = {"type", "length", "description", "enc", "prefix", "padding", "tag", "subfields", "bitmap",
               "disableautoexpand"}  # fmt: skip
_KINDS: dict[str, Any] = {"String": "ans", "Numeric": "n", "Track1": "ans", "Track2": "z", "Track3": "z"}
_MAX_DEPTH = 6


def import_moov(text: bytes, name: str) -> Imported:
    """A dialect from a JSON specification.

    Args:
        name: of the new dialect: lower-case letters, digits and hyphens.
    Raises: DialectError: no such JSON, or nothing in it can be carried over.
    """
    check_name(name)
    fields, title = _document(text, name)
    gathering = Gathering(name, title or name, "a specification of moov-io/iso8583")
    encodings = _encodings(gathering, fields)
    for key, spec in fields.items():
        if key in ("0", "1"):
            continue
        if not (key.isascii() and key.isdigit() and len(key) <= 3) or not isinstance(spec, Mapping):
            gathering.leave_out(key, "no field with a number")
            continue
        found = _shape(gathering, key, spec)
        if found is None:
            continue
        shape, layout = _divided(gathering, key, spec, found, 1)
        element = Element(int(key), str(spec.get("description", "")), shape.format, shape.prefix, layout=layout)
        gathering.add(element, encodings)
    return gathering.finish(encodings)


def _document(text: bytes, name: str) -> tuple[dict[str, Any], str]:
    if len(text) > MAX_SOURCE_BYTES:
        raise DialectError(f"{name}: need at most {MAX_SOURCE_BYTES} bytes, have more")
    try:
        document = json.loads(text.decode("utf-8"))
    except (ValueError, RecursionError):
        raise DialectError(f"{name}: need JSON in UTF-8, have a fault") from None
    fields = document.get("fields") if isinstance(document, dict) else None
    if not isinstance(fields, dict):
        raise DialectError(f"{name}: need an object with `fields`, have another")
    return fields, str(document.get("name", ""))


def _encodings(gathering: Gathering, fields: dict[str, Any]) -> Encodings:
    mti, bitmap = _object(fields.get("0")), _object(fields.get("1"))
    mti_encoding = {"BCD": "bcd", "Binary": "bcd", "ASCIIToHex": "bcd", **_TEXT}.get(str(mti.get("enc")))
    if mti_encoding is None:
        gathering.leave_out("0", f"a message type in {mti.get('enc') or 'no encoding'}; read as ASCII")
    bitmap_encoding = {"Binary": RAW, **dict.fromkeys(_HEXADECIMAL, "ascii")}.get(str(bitmap.get("enc")))
    if bitmap_encoding is None:
        gathering.leave_out("1", f"a bitmap in {bitmap.get('enc') or 'no encoding'}; read as bytes")
    greatest = max((int(key) for key in fields if key.isascii() and key.isdigit() and len(key) <= 3), default=0)
    return Encodings(mti=mti_encoding or "ascii", bitmap=bitmap_encoding or RAW, bits=192 if greatest > 128 else 128)


def _size(spec: Mapping[str, Any], otherwise: int) -> int:
    length = spec.get("length")
    return length if type(length) is int and length > 0 else otherwise


def _object(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _shape(gathering: Gathering, place: str, spec: Mapping[str, Any]) -> Shape | None:
    for key in sorted(str(given) for given in set(spec) - _FIELD_KEYS):
        gathering.leave_out(f"{place}.{key}", "a key that moov does not document")
    sort, encoding = str(spec.get("type", "")), str(spec.get("enc", ""))
    length = spec.get("length", 0)
    family, _, size = str(spec.get("prefix", "")).partition(".")
    if type(length) is not int or (family not in _LENGTHS and (family, size) != ("Hex", "Fixed")):
        gathering.leave_out(place, f"a length prefix {spec.get('prefix') or 'none'}")
        return None
    if size != "Fixed" and (not size or set(size) != {"L"} or len(size) > _MAX_DEPTH):
        gathering.leave_out(place, f"a length prefix {spec.get('prefix')}")
        return None
    prefix = None if size == "Fixed" else Prefix(len(size), _LENGTHS[family])
    if sort == "Composite":
        return Shape(Format("b", length, RAW), prefix)
    shape = _plain(sort, encoding, length, prefix)
    if shape is None:
        gathering.leave_out(place, f"type {sort or 'none'} in {encoding or 'no encoding'}")
    else:
        _check_padding(gathering, place, spec.get("padding"), shape.format.kind)
    return shape


def _plain(sort: str, encoding: str, length: int, prefix: Prefix | None) -> Shape | None:
    if encoding in _HEXADECIMAL:
        return Shape(Format("b", length, "ascii"), prefix)
    if encoding in ("Binary", "ASCIIToHex") and sort in ("Binary", "String", "Hex", "Bitmap"):
        return Shape(Format("b", length, RAW), prefix)
    kind = _KINDS.get(sort)
    if kind is not None and encoding in ("BCD", "LBCD"):
        align: Any = "right" if encoding == "BCD" else "left"
        return Shape(Format("z" if kind == "z" else "n", length, "bcd", align=align), prefix)
    if kind is not None and encoding in _TEXT:
        return Shape(Format(kind, length, _TEXT[encoding]), prefix)
    return None


def _check_padding(gathering: Gathering, place: str, padding: object, kind: str) -> None:
    given = _object(padding)
    if not given or given.get("type") == "None":
        return
    usual = ("Left", "0") if kind == "n" else ("Right", " ")
    if (given.get("type"), given.get("pad")) != usual:
        gathering.leave_out(f"{place}.padding", f"{given.get('type')} with {given.get('pad')!r}")


def _divided(
    gathering: Gathering, place: str, spec: Mapping[str, Any], shape: Shape, depth: int
) -> tuple[Shape, Layout | None]:
    """How a composite divides: as text where all of it is text of one codec, else as bytes."""
    if spec.get("type") != "Composite":
        return shape, None
    subfields, tag = _object(spec.get("subfields")), _object(spec.get("tag"))
    if depth >= _MAX_DEPTH:
        gathering.leave_out(place, "sub-fields deeper than 6 levels")
        return shape, None
    tag_encoding = str(tag.get("enc") or "")
    if tag_encoding == "BerTLVTag":
        return shape, Layout("ber-tlv", tuple(_tagged_parts(gathering, place, subfields)))
    shapes = {key: _shape(gathering, f"{place}.{key}", _object(sub)) for key, sub in subfields.items()}
    known = {key: found for key, found in shapes.items() if found is not None}
    if not known or len(known) < len(shapes):
        gathering.leave_out(place, "its sub-fields, since not all can be described")
        return shape, None
    if tag.get("length"):
        return shape, _tagged(gathering, place, subfields, tag, known)
    numbers = [key for key in known if key.isascii() and key.isdigit() and len(key) <= 3]
    if len(numbers) < len(known):
        gathering.leave_out(place, "its sub-fields, since their keys are no numbers")
        return shape, None
    codec = next(iter(known.values())).format.encoding
    of_text = "bitmap" not in spec and codec in _TEXT.values() and all(x.in_codec(codec) for x in known.values())
    parts = []
    for key in sorted(known, key=int):
        sub = _object(subfields[key])
        inner, layout = _divided(gathering, f"{place}.{key}", sub, known[key], depth + 1)
        part = inner.part(key, named(str(sub.get("description", "")), key), of_bytes=not of_text)
        parts.append(replace(part, layout=layout))
    if of_text:
        digits = all(found.format.kind == "n" and found.prefix is None for found in known.values())
        shape = Shape(Format("n" if digits else "ans", shape.format.length, codec), shape.prefix)
    if "bitmap" not in spec:
        return shape, Layout("positional", tuple(parts))
    bitmap = _object(spec["bitmap"])
    encoding = "ascii" if bitmap.get("enc") in _HEXADECIMAL else RAW
    return shape, Layout("bitmap", tuple(parts), bitmap_bits=_size(bitmap, 8) * 8, bitmap_encoding=encoding)


def _tagged_parts(gathering: Gathering, place: str, subfields: Mapping[str, Any]) -> list[Part]:
    """Parts behind a tag that brings its own length: hexadecimal where they are bytes."""
    parts = []
    for key, sub in subfields.items():
        spec = _object(sub)
        found = _plain(str(spec.get("type", "")), str(spec.get("enc", "")), _size(spec, 0), None)
        if found is None and spec.get("type") != "Composite":
            gathering.leave_out(f"{place}.{key}", f"type {spec.get('type')} in {spec.get('enc')}; read as bytes")
        fmt = found.format if found else Format("b", 0, RAW)
        name = named(str(spec.get("description", "")), key)
        if fmt.kind == "n" and fmt.encoding == "bcd":
            parts.append(Part(key, name, "n", fmt.length))
        elif fmt.kind == "b":
            parts.append(Part(key, name, "b"))
        else:
            parts.append(Part(key, name, fmt.kind, encoding=fmt.encoding))
    return parts


def _tagged(
    gathering: Gathering, place: str, subfields: Mapping[str, Any], tag: Mapping[str, Any], known: dict[str, Shape]
) -> Layout | None:
    prefixes = {found.prefix for found in known.values()}
    prefix = next(iter(prefixes))
    encoding = {"ASCIIToHex": RAW, "Binary": RAW, "BCD": "bcd", **_TEXT}.get(str(tag.get("enc")))
    width = tag.get("length")
    if len(prefixes) > 1 or prefix is None or encoding is None or type(width) is not int:
        gathering.leave_out(place, "its sub-fields, since their lengths differ in form or their tags are unknown")
        return None
    parts = []
    for key, found in known.items():
        if found.format.encoding == "bcd" or _object(subfields[key]).get("type") == "Composite":
            gathering.leave_out(f"{place}.{key}", "what is inside; read as bytes")
            found = Shape(Format("b", 0, RAW))
        part = replace(found, prefix=None).part(
            key, named(str(_object(subfields[key]).get("description", "")), key), of_bytes=True
        )
        parts.append(replace(part, length=0))
    return Layout("tag-length-value", tuple(parts), width, prefix.digits, tag_encoding=encoding,
                  length_encoding=prefix.encoding)  # fmt: skip
