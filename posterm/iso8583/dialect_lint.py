"""Every fault of a dialect file at once, each with its line and key.

The rules are those by which dialects are read: after each fault the offending key, part or element is set aside and
what is left is read again. A file without findings is one that `load_dialect` takes, and the other way round, but for
one finding of its own: a message type that demands an element which the table does not have.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from posterm.iso8583.dialect import Dialect
from posterm.iso8583.dialect_file import MAX_FILE_BYTES, get_dialect, parse_dialect
from posterm.iso8583.element import Encodings, MessageRule
from posterm.iso8583.errors import DialectError
from posterm.iso8583.table import check_elements, check_rules, element_from_spec, encodings_from_spec, rules_from_spec
from posterm.iso8583.toml_lines import Path, key_lines

MAX_FINDINGS = 200
_ORIGIN = "dialect"
_TOP = ("drop", "elements", "encodings", "extends", "messages", "name", "source", "title")
_MAY_GO = frozenset({"min", "encoding", "prefix_encoding", "counts", "align", "pad", "sensitive", "content"})
_AT_LINE = re.compile(r" ?\(at line ([0-9]+), column [0-9]+\)$")
_STEP = re.compile(r"\[[0-9]+\]|[^.\[\]]+")


@dataclass(frozen=True, slots=True)
class Finding:
    """One fault: its line, its key such as `elements.48.parts[2].kind`, and what was needed and found.

    Lines count from 1; 0 means the file as a whole.
    """

    line: int
    key: str
    fault: str

    def __str__(self) -> str:
        return f"line {self.line}, {self.key}: {self.fault}" if self.key else f"line {self.line}: {self.fault}"


def lint_dialect(text: str | bytes) -> list[Finding]:
    """The faults of a dialect file, by line; empty when `load_dialect` would take it. Never raises.

    Args:
        text: the content of the file; bytes are UTF-8.
    """
    content = text.encode("utf-8", "replace") if isinstance(text, str) else text
    if len(content) > MAX_FILE_BYTES:
        return [Finding(0, "", f"need at most {MAX_FILE_BYTES} bytes, have more")]
    try:
        document = tomllib.loads(content.decode("utf-8"))
        lint = _Lint(document, key_lines(content.decode("utf-8").replace("\r\n", "\n")))
    except UnicodeDecodeError as error:
        return [Finding(content.count(b"\n", 0, error.start) + 1, "", "need UTF-8, have another encoding")]
    except RecursionError:
        return [Finding(0, "", "need fewer levels, have too many")]
    except tomllib.TOMLDecodeError as error:
        found = _AT_LINE.search(str(error))
        line = int(found[1]) if found else content.count(b"\n") + 1
        return [Finding(line, "", f"need TOML, have a fault: {_AT_LINE.sub('', str(error))}")]
    findings = list(dict.fromkeys(lint.findings()))[:MAX_FINDINGS]
    if not findings:
        try:
            parse_dialect(content, origin=_ORIGIN)
        except DialectError as error:
            findings.append(lint.finding(*_split(error)))
    return sorted(findings, key=lambda finding: finding.line)


class _Lint:
    """One file under examination. What is faulty is taken out of `document` as it is found."""

    def __init__(self, document: dict[str, Any], lines: dict[Path, int]) -> None:
        self.document = document
        self.lines = lines
        self.places: dict[int, Path] = {}
        self._remember(document, ())

    def _remember(self, value: Any, path: Path) -> None:
        self.places[id(value)] = path
        if isinstance(value, dict):
            for key, inner in value.items():
                self._remember(inner, (*path, key))
        elif isinstance(value, list):
            for index, inner in enumerate(value):
                self._remember(inner, (*path, index))

    def findings(self) -> Iterator[Finding]:
        for key in self.document:
            if key not in _TOP:
                yield self.finding(key, f"need one of {' '.join(_TOP)}, have another key")
        for key in ("name", "title", "extends"):
            value = self.document.get(key, "-" if key != "name" else "")
            if not isinstance(value, str) or (key == "name" and not value):
                yield self.finding(key, f"need text, have {'nothing' if not value else type(value).__name__}")
        parent = None
        base = self.document.get("extends")
        if isinstance(base, str) and base:
            try:
                parent = get_dialect(base)
            except DialectError as error:
                yield self.finding("extends", str(error))
        encodings, faults = self._encodings(parent.encodings if parent else Encodings())
        yield from faults
        yield from self._elements(encodings)
        yield from self._drops(parent, base)
        yield from self._messages(encodings, self._numbers(parent))

    def _encodings(self, encodings: Encodings) -> tuple[Encodings, list[Finding]]:
        given, faults = self.document.get("encodings", {}), []
        if not isinstance(given, dict):
            return encodings, [self.finding("encodings", f"need a table, have {type(given).__name__}")]
        for key, value in given.items():
            try:
                changed = encodings_from_spec(_ORIGIN, {key: value}, encodings)
                check_elements(_ORIGIN, [], changed)
                encodings = changed
            except DialectError as error:
                faults.append(self.finding(*_split(error)))
        return encodings, faults

    def _elements(self, encodings: Encodings) -> Iterator[Finding]:
        given = self.document.get("elements", {})
        if not isinstance(given, dict):
            yield self.finding("elements", f"need a table, have {type(given).__name__}")
            return
        for key, spec in list(given.items()):
            for _ in range(MAX_FINDINGS):
                try:
                    Dialect(_ORIGIN, [element_from_spec(_ORIGIN, key, spec)], encodings)
                    break
                except DialectError as error:
                    place, fault = _split(error)
                    yield self.finding(place, fault)
                    if place == f"elements.{key}" or not self._set_aside(place, fault):
                        break

    def _drops(self, parent: Dialect | None, base: object) -> Iterator[Finding]:
        drop = self.document.get("drop", [])
        if not isinstance(drop, list):
            yield self.finding("drop", "need a list of element numbers, have another")
            return
        if drop and not base:
            yield self.finding("drop", "need `extends` beside it, have none")
        for index, number in enumerate(drop):
            if type(number) is not int:
                yield self.finding(f"drop[{index}]", "need an element number, have another")
            elif parent and (number not in parent.elements or number in drop[:index]):
                yield self.finding(f"drop[{index}]", f"need elements of {parent.name}, have {number}")

    def _numbers(self, parent: Dialect | None) -> set[int]:
        drop, given = self.document.get("drop", []), self.document.get("elements", {})
        numbers = set(parent.elements) if parent else set()
        numbers -= {number for number in drop if type(number) is int} if isinstance(drop, list) else set()
        own = given if isinstance(given, dict) else {}
        return numbers | {int(key) for key in own if key.isascii() and key.isdigit() and len(key) <= 3}

    def _messages(self, encodings: Encodings, numbers: set[int]) -> Iterator[Finding]:
        given = self.document.get("messages", {})
        if not isinstance(given, dict):
            yield self.finding("messages", f"need a table, have {type(given).__name__}")
            return
        for mti, entry in given.items():
            keys = list(entry.items()) if isinstance(entry, dict) else []
            for key, value in keys or [("", entry)]:
                spec: dict[str, Any] = {mti: {key: value} if key else value}
                try:
                    rules = rules_from_spec(_ORIGIN, spec)
                    check_rules(_ORIGIN, rules, encodings)
                except DialectError as error:
                    place, fault = _split(error)
                    yield self.finding(f"{place}.{key}" if place == f"messages.{mti}" and key else place, fault)
                    continue
                yield from self._demanded(mti, key, rules[mti], numbers)

    def _demanded(self, mti: str, key: str, rule: MessageRule, numbers: set[int]) -> Iterator[Finding]:
        wanted = rule.must if key == "must" else rule.echo if key == "echo" else ()
        for number in wanted:
            if number not in numbers:
                yield self.finding(f"messages.{mti}.{key}", f"need elements of this dialect, have {number}")

    def finding(self, place: str, fault: str) -> Finding:
        """A fault at a place, named as it stood in the file before anything was set aside."""
        path, _ = self._resolve(place)
        for length in range(len(path), 0, -1):
            if path[:length] in self.lines:
                return Finding(self.lines[path[:length]], _shown(path, place), fault)
        return Finding(1, place, fault)

    def _resolve(self, place: str) -> tuple[Path, list[Any]]:
        """The path of a place in the file as it was, and the values on the way to it."""
        value: Any = self.document
        path: Path = ()
        way = [value]
        for step in _STEP.findall(place):
            inner = None
            key = "lead" if step == "parts" and isinstance(value, dict) and "parts" not in value else step
            if isinstance(value, dict) and key in value:
                inner, path = value[key], (*path, key)
            elif isinstance(value, list):
                index = _index(value, step)
                if index is None and isinstance(way[-2], dict):  # a leading part, which errors name among the parts
                    value = way[-2].get("lead", [])
                    index = _index(value, step) if isinstance(value, list) else None
                    way[-1] = value
                if index is not None:
                    inner = value[index]
                    path = self.places.get(id(inner), (*path, index))
            if inner is None:
                if isinstance(value, dict):
                    path = (*path, step)
                break
            value = inner
            way.append(value)
        return path, way

    def _set_aside(self, place: str, fault: str) -> bool:
        """Take the offending key or part out of the document; False when that would only make further faults."""
        _, way = self._resolve(place)
        last = _STEP.findall(place)[-1]
        for holder in reversed(way):
            if isinstance(holder, dict) and last in holder and (fault.endswith("another key") or last in _MAY_GO):
                del holder[last]
                return True
        for holder, item in zip(reversed(way[:-1]), reversed(way[1:]), strict=True):
            if isinstance(holder, list) and isinstance(item, dict):
                holder[:] = [kept for kept in holder if kept is not item]
                return True
        return False


def _index(items: list[Any], step: str) -> int | None:
    """The item that a step names: `[2]` by place, anything else by the id of a part (the last of several)."""
    if step.startswith("["):
        return int(step[1:-1]) if len(step) < 9 and int(step[1:-1]) < len(items) else None
    named = [at for at, item in enumerate(items) if isinstance(item, dict) and item.get("id") == step]
    return named[-1] if named else None


def _split(error: DialectError) -> tuple[str, str]:
    """The place that a DialectError names, and its fault."""
    place, _, fault = str(error).removeprefix(f"{_ORIGIN}, ").partition(": ")
    return (place, fault) if fault else ("", str(error))


def _shown(path: Path, place: str) -> str:
    shown = "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in path)
    return shown.removeprefix(".") or place
