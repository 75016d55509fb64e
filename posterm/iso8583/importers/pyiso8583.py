"""Dialects from the dictionaries of pyiso8583.

Source: documentation of pyiso8583 4, "Configuration". A dictionary does not say what a value is made of: text becomes
kind ans, or text where its codec is not ASCII; nibbles become digits.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from posterm.iso8583.element import RAW, Element, Encodings, Format, Prefix
from posterm.iso8583.errors import DialectError
from posterm.iso8583.importers.imported import Gathering, Imported, Shape, check_name

_KNOWN = {"data_enc", "len_enc", "len_type", "len_count", "max_len", "desc", "left_pad", "right_pad"}
_MAX_LENGTH_BYTES = 6


def import_pyiso8583(spec: object, name: str) -> Imported:
    """A dialect from a dictionary of pyiso8583.

    Args:
        name: of the new dialect: lower-case letters, digits and hyphens.
    Raises: DialectError: no dictionary of pyiso8583, or nothing in it can be carried over.
    """
    check_name(name)
    if not isinstance(spec, Mapping) or not all(
        isinstance(key, str) and isinstance(entry, Mapping) for key, entry in spec.items()
    ):
        raise DialectError(f"{name}: need a dictionary of dictionaries, have another")
    gathering = Gathering(name, name, "a dictionary of pyiso8583")
    encodings = _encodings(gathering, spec)
    for key, entry in spec.items():
        for extra in sorted(str(given) for given in set(entry) - _KNOWN):
            gathering.leave_out(f"{key}.{extra}", "a key that pyiso8583 does not document")
        if key in ("h", "t", "p", "1"):
            continue
        if not (key.isascii() and key.isdigit() and len(key) <= 3):
            gathering.leave_out(key, "no element number")
            continue
        shape = _shape(gathering, key, entry)
        if shape is not None:
            element = Element(int(key), str(entry.get("desc", "")), shape.format, shape.prefix)
            gathering.add(element, encodings)
    return gathering.finish(encodings)


def _encodings(gathering: Gathering, spec: Mapping[str, Any]) -> Encodings:
    header, mti, primary = spec.get("h", {}), spec.get("t", {}), spec.get("p", {})
    if header.get("max_len"):
        gathering.leave_out("h", f"a header of {header['max_len']} bytes, which is framing")
    second = spec.get("1", primary)
    if second.get("data_enc") != primary.get("data_enc"):
        gathering.leave_out("1", "a second bitmap in another encoding than the first")
    return Encodings(
        mti=_codec(mti.get("data_enc", "ascii"), "bcd"), bitmap=_codec(primary.get("data_enc", "ascii"), RAW)
    )


def _codec(encoding: object, binary: str) -> str:
    return binary if encoding in ("b", "bcd") else str(encoding)


def _shape(gathering: Gathering, key: str, entry: Mapping[str, Any]) -> Shape | None:
    size, length = entry.get("len_type", 0), entry.get("max_len", 0)
    if type(size) is not int or type(length) is not int or not 0 <= size <= _MAX_LENGTH_BYTES:
        gathering.leave_out(key, "a length that is no number, or a length field of more than 6 bytes")
        return None
    codec = str(entry.get("data_enc", "ascii"))
    nibbles = entry.get("len_count", "bytes") == "nibbles"
    prefix = _prefix(str(entry.get("len_enc", "ascii")), size) if size else None
    if prefix is not None and prefix.digits > _MAX_LENGTH_BYTES:
        gathering.leave_out(key, "a length field of more than 6 digits")
        return None
    if codec in ("b", "bcd") and nibbles:
        left, right = str(entry.get("left_pad", ""))[:1], str(entry.get("right_pad", ""))[:1]
        fmt = Format("n", length, "bcd", align="right" if left else "left", pad=(left or right).upper())
        return Shape(fmt, prefix)
    if nibbles and codec not in ("b", "bcd"):
        if prefix is None:
            length //= 2
        else:
            gathering.leave_out(key, "text whose length counts nibbles")
            return None
    if codec in ("b", "bcd"):
        return Shape(Format("b", length, RAW), prefix)
    return Shape(Format("ans" if codec == "ascii" else "text", length, codec), prefix)


def _prefix(encoding: str, size: int) -> Prefix:
    if encoding == "b":
        return Prefix(size, "binary")
    return Prefix(size * 2, "bcd") if encoding == "bcd" else Prefix(size, encoding)
