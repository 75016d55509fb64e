"""The programs of docs/link.md run and print what it says; its tables name every setting, event and length there is."""

from __future__ import annotations

import contextlib
import dataclasses
import io
import re
import typing
from pathlib import Path

from posterm.iso8583 import LinkEvent, LinkSettings
from posterm.iso8583.framing import LengthForm
from posterm.iso8583.link_settings import Echo, ReconnectPolicy, SignOn

TEXT = (Path(__file__).parents[2] / "docs/link.md").read_text(encoding="utf-8")
BLOCK = re.compile(r"^```(python|text)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def test_every_program_prints_what_the_document_says() -> None:
    blocks = BLOCK.findall(TEXT)
    names: dict[str, object] = {}
    ran = 0
    for (language, program), (after, expected) in zip(blocks, [*blocks[1:], ("", "")], strict=True):
        if language != "python":
            continue
        printed = io.StringIO()
        with contextlib.redirect_stdout(printed):
            exec(compile(program, "docs/link.md", "exec"), names)
        assert printed.getvalue() == (expected if after == "text" and printed.getvalue() else "")
        ran += 1
    assert ran == TEXT.count("```python")


def rows(heading: str) -> list[list[str]]:
    section = TEXT.split(f"## {heading}\n", 1)[1].split("\n## ", 1)[0]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in section.splitlines() if line[:1] == "|"]


def test_every_setting_is_documented_with_its_default() -> None:
    documented = {row[0].strip("`"): row[1] for row in rows("Settings")[2:]}
    fields = dataclasses.fields(LinkSettings)
    assert list(documented) == [field.name for field in fields]
    plain = {field.name: str(field.default) for field in fields if field.default is not dataclasses.MISSING}
    assert {name: documented[name] for name in plain} == plain


def test_every_event_is_documented() -> None:
    events = {each.__name__ for each in typing.get_args(LinkEvent)}
    assert {row[0].strip("`") for row in rows("Events")[2:]} == events


def test_every_form_of_the_length_is_documented() -> None:
    documented = {row[0].strip("`") for row in rows("Frames")}
    assert set(typing.get_args(LengthForm)) <= documented


def test_every_knob_of_sign_on_echo_and_reconnect_is_documented() -> None:
    section = TEXT.split("## Sign-on", 1)[1].split("\n## ", 1)[0]
    knobs = {field.name for each in (SignOn, Echo, ReconnectPolicy) for field in dataclasses.fields(each)}
    assert [name for name in sorted(knobs - {"message"}) if name not in section] == []
