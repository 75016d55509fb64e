"""The project's own source files, parsed once, for the tests of its structure."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[2]
CODE = ("posterm", "simulators", "benchmarks", "tests")
DOCUMENTS = ("*.md", "*.toml", "*.yml", "Makefile", ".ci/*", "docs/**/*.md", "tests/vectors/**/*.json")


@dataclass(frozen=True)
class Module:
    """One Python file: dotted name, path within the tree, text and syntax tree."""

    name: str
    path: str
    text: str
    tree: ast.Module
    is_package: bool = False

    @classmethod
    def from_text(cls, name: str, text: str, *, is_package: bool = False) -> Module:
        return cls(name, name.replace(".", "/") + ".py", text, ast.parse(text), is_package)

    @property
    def lines(self) -> int:
        return self.text.count("\n")


@cache
def modules(*packages: str) -> tuple[Module, ...]:
    """Every module of the given top-level packages, all of them when none is given."""
    return tuple(_read(path) for package in packages or CODE for path in sorted((ROOT / package).rglob("*.py")))


def texts() -> Iterator[tuple[str, str]]:
    """Path and text of every file people read: code, documents, settings, vectors."""
    for module in modules():
        yield module.path, module.text
    for pattern in DOCUMENTS:
        for path in sorted(ROOT.glob(pattern)):
            yield path.relative_to(ROOT).as_posix(), path.read_text(encoding="utf-8")


def _read(path: Path) -> Module:
    relative = path.relative_to(ROOT)
    is_package = relative.name == "__init__.py"
    name = ".".join(relative.parent.parts if is_package else relative.with_suffix("").parts)
    text = path.read_text(encoding="utf-8")
    return Module(name, relative.as_posix(), text, ast.parse(text), is_package)
