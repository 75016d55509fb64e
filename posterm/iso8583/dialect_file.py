"""Dialects as data files: those that come with posterm, by name, and a user's own, by path.

This module is the one exception to the rule that protocol code reads no file: a dialect is read once, when a program
starts, and what it gives is immutable. Nothing is read while messages are handled.

A file is TOML: `name`, `title`, optionally `extends` (a dialect that comes with posterm) and `drop` (element numbers),
`[encodings]`, `[elements]` and `[messages]`, as described in `posterm.iso8583.table`.
"""

from __future__ import annotations

import tomllib
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any

from posterm.iso8583.dialect import Dialect
from posterm.iso8583.element import Encodings
from posterm.iso8583.errors import DialectError
from posterm.iso8583.table import element_from_spec, encodings_from_spec, rules_from_spec

MAX_FILE_BYTES = 1_000_000
_KEYS = {"name", "title", "source", "extends", "drop", "encodings", "elements", "messages"}


@cache
def dialect_names() -> tuple[str, ...]:
    """The names of the dialects that come with posterm, sorted."""
    files = resources.files("posterm.iso8583").joinpath("dialects").iterdir()
    return tuple(sorted(file.name.removesuffix(".toml") for file in files if file.name.endswith(".toml")))


@cache
def get_dialect(name: str) -> Dialect:
    """A dialect that comes with posterm. The same object every time.

    Raises: DialectError: there is none of this name.
    """
    if name not in dialect_names():
        raise DialectError(
            f"no dialect {name!r}", hint=f"known are {', '.join(dialect_names())}; a file of your own: load_dialect"
        )
    file = resources.files("posterm.iso8583").joinpath("dialects", f"{name}.toml")
    return parse_dialect(file.read_bytes(), origin=f"{name}.toml")


def load_dialect(path: str | Path) -> Dialect:
    """A dialect from a user's file.

    Raises: DialectError: unreadable, not TOML, or a table that contradicts itself; the text names file, key and fault.
    """
    path = Path(path)
    try:
        with path.open("rb") as file:
            content = file.read(MAX_FILE_BYTES + 1)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or "a path that cannot be opened"
        raise DialectError(f"{path.name}: need a readable file, have {reason.lower()}") from None
    return parse_dialect(content, origin=path.name)


def parse_dialect(content: bytes, *, origin: str) -> Dialect:
    """A dialect from the content of a file; `origin` leads the text of errors.

    Raises: DialectError: as `load_dialect`.
    """
    if len(content) > MAX_FILE_BYTES:
        raise DialectError(f"{origin}: need at most {MAX_FILE_BYTES} bytes, have more")
    try:
        document = tomllib.loads(content.decode("utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, RecursionError) as error:
        raise DialectError(f"{origin}: need TOML in UTF-8, have a fault: {error}") from None
    for key in document:
        if key not in _KEYS:
            raise DialectError(f"{origin}, {key}: need one of {' '.join(sorted(_KEYS))}, have another key")
    name, title = _text(origin, document, "name"), _text(origin, document, "title", "")
    specs = document.get("elements", {})
    if not isinstance(specs, dict):
        raise DialectError(f"{origin}, elements: need a table, have {type(specs).__name__}")
    elements = [element_from_spec(origin, key, spec) for key, spec in specs.items()]
    messages = rules_from_spec(origin, document.get("messages", {}))
    base = _text(origin, document, "extends", "")
    drop = _drops(origin, document, bool(base))
    try:
        if base:
            parent = get_dialect(base)
            encodings = encodings_from_spec(origin, document.get("encodings", {}), parent.encodings)
            return parent.derive(name, change=elements, drop=drop, title=title, encodings=encodings, messages=messages)
        encodings = encodings_from_spec(origin, document.get("encodings", {}), Encodings())
        return Dialect(name, elements, encodings, title=title, messages=messages)
    except DialectError as error:
        if str(error).startswith(f"{origin}, "):
            raise
        text = str(error).removeprefix(f"{name}, ")
        raise DialectError(
            f"{origin}, {'extends: ' if text.startswith('no dialect') else ''}{text}", hint=error.hint
        ) from None


def _text(origin: str, document: dict[str, Any], key: str, default: str | None = None) -> str:
    value = document.get(key, default)
    if not isinstance(value, str) or (default is None and not value):
        raise DialectError(f"{origin}, {key}: need text, have {'nothing' if not value else type(value).__name__}")
    return value


def _drops(origin: str, document: dict[str, Any], allowed: bool) -> list[int]:
    value = document.get("drop", [])
    if not isinstance(value, list) or any(type(number) is not int for number in value):
        raise DialectError(f"{origin}, drop: need a list of element numbers, have another")
    if value and not allowed:
        raise DialectError(f"{origin}, drop: need `extends` beside it, have none")
    return value
