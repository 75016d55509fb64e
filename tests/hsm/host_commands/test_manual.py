"""The manual is the table: every command has its page, and the page in the documents is the one that is made."""

from __future__ import annotations

from pathlib import Path

import pytest

from posterm.hsm.host_commands import CODES, COMMANDS, FAMILIES
from posterm.hsm.host_commands.errors import BY_EXCEPTION
from posterm.hsm.host_commands.manual import codes, manual, page

DOCUMENT = Path(__file__).parents[3] / "docs/hsm-commands.md"


def test_the_document_is_made_from_the_table():
    assert DOCUMENT.read_text(encoding="utf-8") == manual(), "make it again as posterm.hsm.host_commands.manual says"


def test_every_command_stands_in_the_manual_once():
    text = manual()
    for command in COMMANDS.values():
        assert text.count(f"### {command.code}: ") == 1


def test_every_command_is_of_a_family():
    names = {family.__name__.rpartition(".")[2] for family in FAMILIES}
    assert {command.family for command in COMMANDS.values()} == names


@pytest.mark.parametrize("command", COMMANDS.values(), ids=lambda command: command.code)
def test_every_code_of_a_command_has_a_meaning(command):
    assert set(codes(command)) <= set(CODES)
    assert page(command)


def test_every_exception_has_a_code_that_means_something():
    assert set(BY_EXCEPTION.values()) <= set(CODES)
