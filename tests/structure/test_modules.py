"""How the source reads: sizes, names, docstrings, and words that do not belong in a finished tree."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

import pytest

from tests.structure.source_tree import Module, modules, texts

MAX_MODULE_LINES = 600
MAX_FUNCTION_LINES = 60
BANNED_WORDS = frozenset({"util", "utils", "helper", "helpers", "common", "manager", "info", "misc"})
MAY_PRINT = ("posterm/console/",)
UNFINISHED = (*(word[::-1] for word in ("ODOT", "EMXIF", "KCAH")), 3 * "X")  # reversed: this file is read too
WORKING_TALK = ("/work" + "/", "../" + "shared", "this " + "session", "sub" + "agent", "as " + "instructed")
FAULTY = re.compile(
    rf"\b(?:{'|'.join(UNFINISHED)})\b|(?i:{'|'.join(map(re.escape, WORKING_TALK))}|\b(?:issue|ticket)\s#?[0-9]+)"
)

Function = ast.FunctionDef | ast.AsyncFunctionDef


def is_table(module: Module) -> bool:
    """True when the module defines no function and no class: it holds facts, and may be as long as they are."""
    return not any(isinstance(node, Function | ast.ClassDef) for node in module.nodes)


def size_faults(module: Module) -> Iterator[str]:
    if module.lines > MAX_MODULE_LINES and not is_table(module):
        yield f"{module.path} has {module.lines} lines, at most {MAX_MODULE_LINES}"
    for node in module.nodes:
        if isinstance(node, Function) and (lines := (node.end_lineno or 0) - node.lineno + 1) > MAX_FUNCTION_LINES:
            yield f"{module.path}:{node.lineno} {node.name} has {lines} lines, at most {MAX_FUNCTION_LINES}"


def name_faults(module: Module) -> Iterator[str]:
    for part in module.name.split("."):
        if banned := BANNED_WORDS.intersection(_words(part)):
            yield f"{module.path} is named after {', '.join(banned)}"
    for node in module.nodes:
        if not isinstance(node, Function | ast.ClassDef):
            continue
        words = _words(node.name)
        if BANNED_WORDS.intersection(words) or (words[0] == "process" and len(words) > 1):
            yield f"{module.path}:{node.lineno} {node.name} does not say what it is or does"


def print_faults(module: Module) -> Iterator[str]:
    if module.path.startswith(MAY_PRINT):
        return
    for node in module.nodes:
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "print":
            yield f"{module.path}:{node.lineno} prints"


def word_faults(path: str, text: str) -> Iterator[str]:
    for number, line in enumerate(text.splitlines(), start=1):
        if FAULTY.search(line):
            yield f"{path}:{number} speaks of unfinished work or of how it was built"


def _words(name: str) -> list[str]:
    """`readTrackInfo` and `read_track_info` in lower-case words."""
    return [word for word in re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).lower().split("_") if word] or [""]


def test_no_module_or_function_outgrows_its_limit():
    assert [fault for module in modules() for fault in size_faults(module)] == []


def test_names_say_what_things_are():
    assert [fault for module in modules() for fault in name_faults(module)] == []


def test_every_module_opens_with_a_docstring():
    assert [module.path for module in modules() if not ast.get_docstring(module.tree)] == []


def test_every_package_of_the_wheel_is_a_regular_one():
    folders = {module.path.rsplit("/", 1)[0] for module in modules("posterm", "simulators")}
    assert sorted(folders - {module.path.rsplit("/", 1)[0] for module in modules() if module.is_package}) == []


def test_only_the_console_prints():
    assert [fault for module in modules("posterm") for fault in print_faults(module)] == []


def test_no_file_speaks_of_unfinished_work_or_of_how_it_was_built():
    assert [fault for path, text in texts() for fault in word_faults(path, text)] == []


def test_a_module_of_601_lines_is_seen_unless_it_is_a_table():
    facts = "FACT = 1\n" * 601
    assert list(size_faults(Module.from_text("posterm.facts", facts))) == []
    assert len(list(size_faults(Module.from_text("posterm.facts", facts + "def fact(): ...\n")))) == 1


def test_a_function_of_61_lines_is_seen():
    body = "    pass\n"
    assert list(size_faults(Module.from_text("posterm.a", "def f():\n" + body * 59))) == []
    assert len(list(size_faults(Module.from_text("posterm.a", "async def f():\n" + body * 60)))) == 1


@pytest.mark.parametrize(
    ("name", "source"),
    [
        ("posterm.utils", ""),
        ("posterm.hsm.key_helpers", ""),
        ("posterm.common.errors", ""),
        ("posterm.a", "class KeyManager: ..."),
        ("posterm.a", "def terminal_info(): ..."),
        ("posterm.a", "def process_message(): ..."),
        ("posterm.a", "class A:\n    async def _misc(self): ..."),
    ],
)
def test_a_name_that_says_nothing_is_seen(name, source):
    assert len(list(name_faults(Module.from_text(name, source)))) == 1


@pytest.mark.parametrize("source", ["def process(): ...", "def informed(): ...", "class Commonwealth: ..."])
def test_a_word_that_only_looks_banned_is_allowed(source):
    assert list(name_faults(Module.from_text("posterm.a", source))) == []


def test_a_print_outside_the_console_is_seen():
    assert len(list(print_faults(Module.from_text("posterm.host.pipeline", "print('x')")))) == 1
    assert list(print_faults(Module.from_text("posterm.console.cli.main", "print('x')"))) == []


@pytest.mark.parametrize("line", [*UNFINISHED, *WORKING_TALK, "ticket" + " #12", "issue" + " 3"])
def test_unfinished_work_and_working_talk_are_seen(line):
    assert len(list(word_faults("a.py", f"fine\n# {line}\n"))) == 1


@pytest.mark.parametrize("line", ["a card network", "the issuer 12", "reissue", "XXXX1265", "working day"])
def test_ordinary_words_are_allowed(line):
    assert list(word_faults("a.py", line)) == []
