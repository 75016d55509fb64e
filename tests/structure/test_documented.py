"""Every command and every dialect stands in the documents."""

from __future__ import annotations

import importlib
from collections.abc import Iterator

import typer

from tests.structure.source_tree import ROOT

MAIN = "posterm.console.cli.main"


def documents() -> str:
    return "\n".join(path.read_text(encoding="utf-8") for path in sorted((ROOT / "docs").rglob("*.md")))


def commands(app: typer.Typer, program: str = "posterm") -> Iterator[str]:
    """Every command a user can type, groups walked through; hidden ones left out."""
    pending = [(program, typer.main.get_command(app))]
    while pending:
        path, command = pending.pop()
        below = getattr(command, "commands", None)
        if below is None:
            yield path
            continue
        pending.extend((f"{path} {name}", child) for name, child in below.items() if not child.hidden)


def undocumented(app: typer.Typer, text: str) -> list[str]:
    return sorted(command for command in commands(app) if command not in text)


def test_every_command_is_documented():
    if (ROOT / MAIN.replace(".", "/")).with_suffix(".py").exists():
        assert undocumented(importlib.import_module(MAIN).app, documents()) == []


def test_every_dialect_is_documented():
    text = documents()
    dialects = sorted(path.stem for path in (ROOT / "posterm/iso8583/dialects").glob("*.toml"))
    assert [name for name in dialects if f"`{name}`" not in text] == []


def test_every_make_target_is_documented():
    lines = (ROOT / "Makefile").read_text(encoding="utf-8").splitlines()
    targets = [line.split(":")[0] for line in lines if " ## " in line]
    text = documents()
    assert targets
    assert [target for target in targets if f"make {target}" not in text] == []


def test_a_command_that_no_document_mentions_is_seen():
    app, group = typer.Typer(), typer.Typer()
    app.command("demo")(lambda: None)
    app.command("secret", hidden=True)(lambda: None)
    group.command("list")(lambda: None)
    app.add_typer(group, name="cards")
    assert undocumented(app, "posterm demo runs a day; posterm cards") == ["posterm cards list"]
    assert undocumented(app, "posterm demo, posterm cards list") == []
