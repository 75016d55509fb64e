"""The project's own source files, parsed once, for the tests of its structure."""

from __future__ import annotations

import ast
import gc
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path

ROOT = Path(__file__).parents[2]
LOOKED_AT = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef | ast.Import | ast.ImportFrom | ast.Call
CODE = ("posterm", "simulators", "benchmarks", "tests")
DOCUMENTS = ("*.md", "*.toml", "*.yml", "Makefile", ".ci/*", "docs/**/*.md", "tests/vectors/**/*.json")


@dataclass(frozen=True)
class Module:
    """One Python file: dotted name, path within the tree, text and syntax tree, which is walked once."""

    name: str
    path: str
    text: str
    tree: ast.Module
    is_package: bool = False

    @classmethod
    def from_text(cls, name: str, text: str, *, is_package: bool = False) -> Module:
        return cls(name, name.replace(".", "/") + ".py", text, ast.parse(text), is_package)

    @cached_property
    def nodes(self) -> tuple[ast.AST, ...]:
        """What the tests look at, in no order: definitions, imports, calls."""
        return tuple(node for node in ast.walk(self.tree) if isinstance(node, LOOKED_AT))

    @property
    def lines(self) -> int:
        return self.text.count("\n")


@cache
def modules(*packages: str) -> tuple[Module, ...]:
    """Every module of the given top-level packages, all of them when none is given."""
    if packages:
        return tuple(module for module in modules() if module.path.startswith(tuple(f"{name}/" for name in packages)))
    gc.disable()  # millions of nodes that all stay: looking through them again and again would cost more than they do
    try:
        found = tuple(_read(path) for package in CODE for path in sorted((ROOT / package).rglob("*.py")))
    finally:
        gc.enable()
    gc.freeze()
    return found


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
