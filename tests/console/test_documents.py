"""What the documents show of the command line is what it does: every `$ posterm …` is run and compared."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest

DOCS = Path(__file__).parents[2] / "docs"


def sessions() -> Iterator[tuple[str, list[str], str]]:
    """Document, arguments and shown output of every command with a prompt in a fenced block."""
    for document in sorted(DOCS.glob("*.md")):
        for block in document.read_text("utf-8").split("```")[1::2]:
            for session in ("\n" + block).split("\n$ ")[1:]:
                command, output = _divided(session)
                yield document.name, shlex.split(command)[1:], output.strip()


def _divided(session: str) -> tuple[str, str]:
    """The command, which may go on over several lines by a backslash or an open quote, and what follows it."""
    lines = session.splitlines()
    command = ""
    for place, line in enumerate(lines):
        command += line
        if not command.endswith("\\") and command.count('"') % 2 == 0:
            return command, "\n".join(lines[place + 1 :])
        command = command.removesuffix("\\")
    raise AssertionError("a command that does not end")


@pytest.mark.parametrize(("document", "arguments", "shown"), list(sessions()), ids=lambda value: str(value)[:20])
def test_a_session_of_a_document_runs_as_shown(posterm, document, arguments, shown):
    assert posterm(*arguments).output.strip() == shown, document


def test_there_are_sessions_to_run():
    assert len(list(sessions())) >= 6
