"""A dialect as the text of a dialect file, which reads back to the same dialect.

Leaves out comments and `extends`: the text names every element.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from posterm.iso8583.dialect import Dialect
from posterm.iso8583.element import PREFIXES, RAW, Element, Encodings, Format, Layout, MessageRule, Part, Prefix

_PREFIX_NAMES = {prefix.digits: name for name, prefix in PREFIXES.items()}
_WIDE = 110


def dialect_toml(dialect: Dialect, *, source: str = "", remarks: Iterable[str] = ()) -> str:
    """The text of a dialect file.

    Args:
        source: where the table comes from, for the `source` key.
        remarks: lines of comment at the top.
    """
    lines = [f"# {printable(remark)}" for remark in remarks]
    lines += [f"name = {_text(dialect.name)}", f"title = {_text(dialect.title)}"]
    if source:
        lines.append(f"source = {_text(source)}")
    lines += ["", "[encodings]", *_encodings(dialect.encodings), "", "[elements]"]
    tables: list[str] = []
    for number, element in dialect.elements.items():
        entry = _element(element)
        row = f"{number} = {_inline(entry)}"
        if element.layout is None or len(row) <= _WIDE:
            lines.append(row)
        else:
            tables += ["", f"[elements.{number}]", *(f"{key} = {_value(value)}" for key, value in entry.items())]
    lines += tables
    if dialect.messages:
        lines += ["", "[messages]"]
        lines += [f"{_text(mti)} = {_inline(_rule(rule))}" for mti, rule in dialect.messages.items()]
    return "\n".join(lines) + "\n"


def printable(text: str) -> str:
    """One line of text that any file can hold: control codes and lone surrogates become spaces."""
    kept = "".join(mark if mark.isprintable() and not "\ud800" <= mark <= "\udfff" else " " for mark in text)
    return " ".join(kept.split())


def _encodings(encodings: Encodings) -> list[str]:
    values = {
        "mti": encodings.mti,
        "digits": encodings.digits,
        "text": encodings.text,
        "length": encodings.length,
        "bits": encodings.bits,
        "bitmap": encodings.bitmap,
        "binary": encodings.binary,
        "version": encodings.version,
    }
    return [f"{key} = {_value(value)}" for key, value in values.items() if value != ""]


def _element(element: Element) -> dict[str, Any]:
    entry: dict[str, Any] = {"name": element.name}
    entry |= _format(element.format, element.prefix)
    if element.sensitive:
        entry["sensitive"] = True
    if element.content:
        entry["content"] = element.content
    return entry | _layout(element.layout)


def _format(fmt: Format, prefix: Prefix | None) -> dict[str, Any]:
    entry: dict[str, Any] = {"kind": fmt.kind}
    if prefix is not None:
        entry |= {"max": fmt.length, "prefix": _PREFIX_NAMES[prefix.digits]}
    elif fmt.length:
        entry["length"] = fmt.length
    more = {
        "min": fmt.minimum,
        "encoding": fmt.encoding,
        "prefix_encoding": prefix.encoding if prefix else "",
        "counts": fmt.counts,
        "align": fmt.align,
        "pad": fmt.pad,
    }
    return entry | {key: value for key, value in more.items() if value}


def _layout(layout: Layout | None) -> dict[str, Any]:
    if layout is None:
        return {}
    entry: dict[str, Any] = {"layout": layout.kind}
    if layout.kind in ("tag-length-value", "datasets"):
        entry |= {"tag_length": layout.tag_length, "length_digits": layout.length_digits}
        named = {"tag_encoding": layout.tag_encoding, "length_encoding": layout.length_encoding}
        entry |= {key: value for key, value in named.items() if value}
    if layout.item_length:
        entry["item_length"] = layout.item_length
    if layout.kind == "bitmap":
        entry["bitmap_bits"] = layout.bitmap_bits
        if layout.bitmap_encoding != RAW:
            entry["bitmap_encoding"] = layout.bitmap_encoding
    for key, parts in (("lead", layout.lead), ("parts", layout.parts)):
        if parts:
            entry[key] = [_part(part) for part in parts]
    return entry


def _part(part: Part) -> dict[str, Any]:
    entry: dict[str, Any] = {"id": part.id, "name": part.name}
    fmt = Format(part.kind, part.length, part.encoding, part.counts, part.align, part.pad, part.minimum)
    entry |= _format(fmt, part.prefix)
    if part.sensitive:
        entry["sensitive"] = True
    return entry | _layout(part.layout)


def _rule(rule: MessageRule) -> dict[str, Any]:
    entry: dict[str, Any] = {"must": list(rule.must)} if rule.must else {}
    if rule.may is not None:
        entry["may"] = list(rule.may)
    if rule.never:
        entry["never"] = list(rule.never)
    if rule.echo:
        entry["echo"] = list(rule.echo)
    return entry


def _value(value: Any, indent: str = "") -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    if isinstance(value, str):
        return _text(value)
    if isinstance(value, dict):
        return _inline(value, indent)
    if not value or isinstance(value[0], int):
        return json.dumps(value)
    inner = indent + "    "
    return "[\n" + "".join(f"{inner}{_inline(entry, inner)},\n" for entry in value) + indent + "]"


def _inline(entry: dict[str, Any], indent: str = "") -> str:
    return "{ " + ", ".join(f"{key} = {_value(value, indent)}" for key, value in entry.items()) + " }"


def _text(value: str) -> str:
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007F")
