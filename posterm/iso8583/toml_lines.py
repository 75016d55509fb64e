"""Where the keys of a TOML text stand: a walk over text that `tomllib` has accepted already, noting line numbers.

Source: TOML 1.0.0. Leaves out everything but places: values come from `tomllib`.
"""

from __future__ import annotations

import re

Path = tuple[str | int, ...]

_BLANK = re.compile(r"(?:[ \t\r\n]|#[^\n]*)*")
_SPACES = re.compile(r"[ \t]*")
_BARE = re.compile(r"[A-Za-z0-9_-]+")
_STRINGS = (
    re.compile(r'"""(?:[^"\\]|\\.|"(?!""))*"{3,5}', re.DOTALL),
    re.compile(r"'''(?:[^']|'(?!''))*'{3,5}", re.DOTALL),
    re.compile(r'"((?:[^"\\\n]|\\.)*)"'),
    re.compile(r"'([^'\n]*)'"),
)
_OTHER = re.compile(r"[^,\]}#\n]*")


def key_lines(text: str) -> dict[Path, int]:
    """The line, counted from 1, of every key, table and item of an array, by its path.

    >>> key_lines("a = 1\\n[b]\\nc = [\\n  { d = 2 },\\n]\\n")[("b", "c", 0, "d")]
    4
    """
    walk = _Walk(text)
    walk.document()
    return walk.lines


class _Walk:
    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0
        self.lines: dict[Path, int] = {}
        self._counted, self._line = 0, 1
        self._arrays: dict[Path, int] = {}

    def document(self) -> None:
        table: Path = ()
        while self._blank() < len(self.text):
            start = self.at
            if self.text[self.at] == "[":
                double = self.text.startswith("[[", self.at)
                self.at += 1 + double
                table = self._header(self._keys())
                self.at += 1 + double
                if double:
                    index = self._arrays.get(table, -1) + 1
                    self._arrays[table] = index
                    table = (*table, index)
                self._note(table, start)
            else:
                self._pair(table)
            if self.at == start:  # not TOML: there is no place to find
                return

    def _header(self, keys: Path) -> Path:
        path: Path = ()
        for place, key in enumerate(keys):
            path = (*path, key)
            if path in self._arrays and place < len(keys) - 1:
                path = (*path, self._arrays[path])
        return path

    def _pair(self, table: Path) -> None:
        start = self.at
        path = (*table, *self._keys())
        for length in range(len(table) + 1, len(path) + 1):
            self._note(path[:length], start)
        self.at = _SPACES.match(self.text, self.at + 1).end()  # type: ignore[union-attr]
        self._value(path)

    def _keys(self) -> Path:
        keys: list[str] = []
        while True:
            self._spaces()
            keys.append(self._key())
            self._spaces()
            if self.text[self.at : self.at + 1] != ".":
                return tuple(keys)
            self.at += 1

    def _key(self) -> str:
        for pattern in (*_STRINGS[2:], _BARE):
            match = pattern.match(self.text, self.at)
            if match:
                self.at = match.end()
                return match[1] if pattern is not _BARE else match[0]
        return ""

    def _value(self, path: Path) -> None:
        opening = self.text[self.at : self.at + 1]
        if opening == "[":
            self._items(path)
        elif opening == "{":
            self._pairs(path)
        else:
            for pattern in (*_STRINGS, _OTHER):
                match = pattern.match(self.text, self.at)
                if match:
                    self.at = match.end()
                    return

    def _items(self, path: Path) -> None:
        self.at += 1
        for index in range(len(self.text)):
            if self._blank() >= len(self.text) or self.text[self.at] == "]":
                break
            self._note((*path, index), self.at)
            start = self.at
            self._value((*path, index))
            self._comma()
            if self.at == start:
                break
        self.at += 1

    def _pairs(self, path: Path) -> None:
        self.at += 1
        while self._blank() < len(self.text) and self.text[self.at] != "}":
            start = self.at
            self._pair(path)
            self._comma()
            if self.at == start:
                break
        self.at += 1

    def _comma(self) -> None:
        self._blank()
        self.at += self.text[self.at : self.at + 1] == ","

    def _blank(self) -> int:
        self.at = _BLANK.match(self.text, self.at).end()  # type: ignore[union-attr]
        return self.at

    def _spaces(self) -> None:
        self.at = _SPACES.match(self.text, self.at).end()  # type: ignore[union-attr]

    def _note(self, path: Path, at: int) -> None:
        self._line += self.text.count("\n", self._counted, at)
        self._counted = at
        self.lines.setdefault(path, self._line)
