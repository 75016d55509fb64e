"""Dialects from the XML files of jPOS's GenericPackager.

Source: jPOS, classes org.jpos.iso.IF* and org.jpos.iso.packager.GenericPackager. Text is taken as printable ASCII,
or its like in EBCDIC code page 1047, as jPOS writes it. Entities are refused; nothing outside the text is ever read.
Leaves out token fields (IF_T*), fields of fixed size with a length (IF*_FLL*), and packager classes of other projects.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from typing import Any
from xml.parsers import expat

from posterm.iso8583.element import RAW, Element, Encodings, Format, Layout, Prefix
from posterm.iso8583.errors import DialectError
from posterm.iso8583.importers.imported import (
    MAX_ELEMENTS,
    MAX_SOURCE_BYTES,
    Gathering,
    Imported,
    Shape,
    check_name,
    named,
)

EBCDIC = "cp1047"
_CLASS = re.compile(r"IF(A|B|E|EB|EA)?_(L{2,6})?(H)?([A-Z]+[0-9]*)")
_MAX_DEPTH = 6
_BITS = {8: 64, 16: 128, 24: 192}
_TEXT = {"A": "ascii", "B": "ascii", "E": EBCDIC, "EB": EBCDIC, "EA": "ascii", "": "ascii"}
_DIGITS = {"A": "ascii", "B": "bcd", "E": EBCDIC, "EB": "bcd", "EA": "ascii", "": "ascii"}
_HEXADECIMAL = {"A": "ascii", "B": RAW, "E": EBCDIC}
_LENGTH = {"A": "ascii", "B": "bcd", "E": EBCDIC, "EB": EBCDIC, "EA": EBCDIC}
_FIELD_ATTRIBUTES = {"id", "name", "length", "class", "pad", "packager", "trim", "emitBitmap", "bitmapField",
                     "firstField", "maxValidField"}  # fmt: skip
_TLV_PACKAGERS = ("BERTLVBinaryPackager", "BERTLVPackager", "ICCDataPackager", "TLVPackager")
_POSITIONAL_PACKAGERS = ("GenericPackager", "GenericSubFieldPackager")


@dataclass
class Node:
    """An XML element, its attributes and children."""

    tag: str
    attributes: dict[str, str]
    children: list[Node] = field(default_factory=list)

    def get(self, key: str) -> str:
        """An attribute, or empty text."""
        return self.attributes.get(key, "")


def import_jpos(xml: bytes, name: str) -> Imported:
    """A dialect from a GenericPackager file.

    Args:
        name: of the new dialect: lower-case letters, digits and hyphens.
    Raises: DialectError: no such XML, or nothing in it can be carried over.
    """
    check_name(name)
    root = _parse(xml, name)
    if root.tag != "isopackager":
        raise DialectError(f"{name}: need isopackager as root, have another")
    gathering = Gathering(name, name, "a GenericPackager file of jPOS")
    fields: dict[int, Node] = {}
    for node in root.children:
        number = _number(node.get("id"))
        if number is None or node.tag not in ("isofield", "isofieldpackager"):
            gathering.leave_out(node.get("id") or node.tag, "no field with a number")
        elif number in fields:
            gathering.leave_out(str(number), "a second description of the same field")
        else:
            fields[number] = node
    encodings = _encodings(gathering, root, fields)
    for number in sorted(set(fields) - {0, 1}):
        _add(gathering, number, fields[number], encodings)
    return gathering.finish(encodings)


def _add(gathering: Gathering, number: int, node: Node, encodings: Encodings) -> None:
    shape = _shape(gathering, str(number), node)
    if shape is None:
        return
    shape, layout = _divided(gathering, str(number), node, shape, 1)
    gathering.add(Element(number, node.get("name"), shape.format, shape.prefix, layout=layout), encodings)


def _encodings(gathering: Gathering, root: Node, fields: dict[int, Node]) -> Encodings:
    if _number(root.get("headerLength")):
        gathering.leave_out("headerLength", f"a header of {root.get('headerLength')} bytes, which is framing")
    if root.get("emitBitmap") == "false":
        gathering.leave_out("emitBitmap", "messages without a bitmap")
    for key in sorted(set(root.attributes) - {"headerLength", "emitBitmap", "maxValidField", "bitmapField"}):
        gathering.leave_out(key, "a setting of the packager")
    mti_class, bitmap_class = _short(fields.get(0)), _short(fields.get(1))
    if mti_class not in ("IFA_NUMERIC", "IFB_NUMERIC", "IFE_NUMERIC", "IF_CHAR", "IFE_CHAR", "IFA_CHAR"):
        gathering.leave_out("0", f"a message type of class {mti_class or 'none'}; read as ASCII")
    if bitmap_class not in ("IFA_BITMAP", "IFB_BITMAP", "IFE_BITMAP"):
        gathering.leave_out("1", f"a bitmap of class {bitmap_class or 'none'}; read as bytes")
    greatest = max(fields, default=0)
    bits = _BITS.get(_number(fields[1].get("length")) or 0, 128) if 1 in fields else 128
    return Encodings(
        mti={"IFB_NUMERIC": "bcd", "IFE_NUMERIC": EBCDIC, "IFE_CHAR": EBCDIC}.get(mti_class, "ascii"),
        bitmap={"IFA_BITMAP": "ascii", "IFE_BITMAP": EBCDIC}.get(bitmap_class, RAW),
        bits=max(bits, 64 if greatest <= 64 else 128 if greatest <= 128 else 192),
    )


def _shape(gathering: Gathering, place: str, node: Node) -> Shape | None:
    for key in sorted(set(node.attributes) - _FIELD_ATTRIBUTES):
        gathering.leave_out(f"{place}.{key}", "an attribute of other packagers")
    if node.get("trim") == "true":
        gathering.leave_out(f"{place}.trim", "filler that is taken off when reading")
    match = _CLASS.fullmatch(_short(node))
    shape = _of_class(match, _number(node.get("length")) or 0, node.get("pad") == "true") if match else None
    if shape is None:
        gathering.leave_out(place, f"class {node.get('class') or 'none'}")
    return shape


def _of_class(match: re.Match[str], length: int, padded_left: bool) -> Shape | None:
    family, marks, binary, what = match[1] or "", match[2] or "", match[3], match[4]
    prefix = None
    if marks:
        prefix = Prefix(len(marks) - 1, "binary") if binary else Prefix(len(marks), _LENGTH.get(family, "ascii"))
    elif binary:
        return None
    align: Any = "right" if padded_left else "left"
    if what in ("NUM", "NUMERIC", "BNUM", "AMOUNT2003") and bool(marks) == (what in ("NUM", "BNUM")):
        encoding = "bcd" if what == "BNUM" else _DIGITS[family]
        return Shape(Format("n", length, encoding, align=align if encoding == "bcd" else ""), prefix)
    if what == "AMOUNT" and not marks:
        encoding = _DIGITS[family]
        return Shape(Format("x+n", length - 1, encoding, align=align if encoding == "bcd" else ""))
    if what in ("CHAR", "ECHAR"):
        return Shape(Format("ans", length, EBCDIC if what == "ECHAR" else _TEXT[family]), prefix)
    if what == "BINARY":
        return Shape(Format("b", length, RAW if marks else _HEXADECIMAL.get(family, RAW)), prefix)
    if what in ("ABINARY", "EBINARY"):
        return Shape(Format("b", length, "ascii" if what == "ABINARY" else EBCDIC), prefix)
    return None


def _divided(gathering: Gathering, place: str, node: Node, shape: Shape, depth: int) -> tuple[Shape, Layout | None]:
    """How a field divides; text whose parts are in other encodings becomes bytes, which are the same on the wire."""
    if node.tag != "isofieldpackager":
        return shape, None
    packager = node.get("packager").rpartition(".")[2]
    if packager in _TLV_PACKAGERS and shape.format.kind == "b":
        return shape, Layout("ber-tlv")
    if packager not in _POSITIONAL_PACKAGERS or depth >= _MAX_DEPTH:
        gathering.leave_out(f"{place}.packager", f"sub-fields of class {packager or 'none'}")
        return shape, None
    children = [(child, _number(child.get("id"))) for child in node.children]
    bitmap = next((child for child, _ in children if _short(child).endswith("_BITMAP")), None)
    inside = [(child, number) for child, number in children if child is not bitmap]
    shapes = [_shape(gathering, f"{place}.{number}", child) for child, number in inside]
    if not inside or any(found is None for found in shapes) or any(number is None for _, number in inside):
        gathering.leave_out(place, "its sub-fields, since not all can be described")
        return shape, None
    of_bytes = shape.format.kind == "b" or bitmap is not None
    if not of_bytes and not all(found and found.in_codec(shape.format.encoding) for found in shapes):
        if shape.format.encoding == "bcd":
            gathering.leave_out(place, "its sub-fields, which are no packed digits")
            return shape, None
        of_bytes = True
    parts = []
    for (child, number), found in sorted(zip(inside, shapes, strict=True), key=lambda item: item[0][1] or 0):
        assert found is not None  # noqa: S101 - looked at above
        inner, layout = _divided(gathering, f"{place}.{number}", child, found, depth + 1)
        part = inner.part(str(number), named(child.get("name"), str(number)), of_bytes=of_bytes)
        parts.append(replace(part, layout=layout))
    if of_bytes and shape.format.kind != "b":
        shape = Shape(Format("b", shape.format.length, RAW), shape.prefix)
    if bitmap is None:
        return shape, Layout("positional", tuple(parts))
    encoding = {"IFA_BITMAP": "ascii", "IFE_BITMAP": EBCDIC}.get(_short(bitmap), RAW)
    bits = (_number(bitmap.get("length")) or 8) * 8
    return shape, Layout("bitmap", tuple(parts), bitmap_bits=bits, bitmap_encoding=encoding)


def _short(node: Node | None) -> str:
    return node.get("class").rpartition(".")[2] if node is not None else ""


def _number(text: str) -> int | None:
    return int(text) if text.isascii() and text.isdigit() and len(text) <= 6 else None


def _parse(xml: bytes, name: str) -> Node:
    if len(xml) > MAX_SOURCE_BYTES:
        raise DialectError(f"{name}: need at most {MAX_SOURCE_BYTES} bytes, have more")
    top = Node("", {})
    open_nodes = [top]
    count = 0

    def start(tag: str, attributes: dict[str, str]) -> None:
        nonlocal count
        count += 1
        if count > MAX_ELEMENTS or len(open_nodes) > 2 * _MAX_DEPTH:
            raise DialectError(f"{name}: need at most {MAX_ELEMENTS} fields and {_MAX_DEPTH} levels, have more")
        node = Node(tag, attributes)
        open_nodes[-1].children.append(node)
        open_nodes.append(node)

    def end(_: str) -> None:
        open_nodes.pop()

    def refuse(*_: object) -> None:
        raise DialectError(f"{name}: need XML without entities, have a declaration of one")

    parser = expat.ParserCreate()
    parser.StartElementHandler = start
    parser.EndElementHandler = end
    parser.EntityDeclHandler = refuse
    try:
        parser.Parse(xml, True)
    except (expat.ExpatError, ValueError, LookupError) as error:
        line = getattr(error, "lineno", 0)
        raise DialectError(f"{name}: need well-formed XML, have a fault in line {line}") from None
    return top.children[0]
