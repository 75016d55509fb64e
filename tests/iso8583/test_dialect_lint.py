"""A dialect file is told all its faults at once, each with the line it stands in."""

from __future__ import annotations

import re
import tomllib
from importlib import resources
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from posterm.iso8583 import DialectError, dialect_names, parse_dialect
from posterm.iso8583.dialect_lint import lint_dialect
from posterm.iso8583.toml_lines import key_lines


def text_of(name: str) -> str:
    return resources.files("posterm.iso8583").joinpath("dialects", f"{name}.toml").read_text("utf-8")


@pytest.mark.parametrize("name", dialect_names())
def test_the_dialects_that_come_along_have_no_fault(name: str) -> None:
    assert lint_dialect(text_of(name)) == []


FAULTY = """\
name = ""
colour = "red"
drop = [3]

[encodings]
digits = "nonsense"
bits = 100
shape = 1
length = "bcd"

[elements]
2 = { name = "PAN", kind = "n", max = 19, prefix = "LL" }
3 = { name = "Code", kind = "m", length = 6 }
4 = { name = "Amount", kind = "n", length = 12, size = 1, colour = "red", pad = "X" }
129 = { name = "Beyond", kind = "n", length = 1 }
x = { name = "No number", kind = "n", length = 1 }
5 = { kind = "n", length = 1 }
6 = 3

[elements.48]
name = "Private"
kind = "ans"
max = 999
prefix = "LLL"
layout = "tag-length-value"
lead = [{ id = "TCC", name = "Category" }]
parts = [
    { id = "01", name = "Good" },
    { id = "2", name = "Short" },
    { id = "03", name = "Kind", kind = "nonsense" },
    { id = "01", name = "Twice" },
]

[messages]
"02x0" = { must = [2, 70], never = "39" }
"0?00" = { must = [2] }
"""


def test_every_fault_of_a_file_is_found_in_its_line() -> None:
    found = [(finding.line, finding.key) for finding in lint_dialect(FAULTY)]
    assert found == [
        (1, "name"),
        (2, "colour"),
        (3, "drop"),
        (6, "encodings.digits"),
        (7, "encodings.bits"),
        (8, "encodings.shape"),
        (13, "elements.3.kind"),
        (14, "elements.4.size"),
        (14, "elements.4.colour"),
        (14, "elements.4"),
        (15, "elements.129"),
        (16, "elements.x"),
        (17, "elements.5.name"),
        (18, "elements.6"),
        (26, "elements.48.lead[0].length"),
        (29, "elements.48.parts[1].id"),
        (30, "elements.48.parts[2].kind"),
        (31, "elements.48.parts[3]"),
        (35, "messages.02x0.must"),
        (35, "messages.02x0.never"),
        (36, "messages.0?00.must"),
    ]


def test_a_finding_says_line_key_and_fault() -> None:
    assert str(lint_dialect(FAULTY)[6]) == ("line 13, elements.3.kind: need one of n a an ans b z x+n text, have 'm'")
    assert str(lint_dialect("")[0]) == "line 1, name: need text, have nothing"


TABLES = """\
name = "a"
[elements.3]
name = "b"
kind = "n"
length = 6
layout = "positional"
[[elements.3.parts]]
id = "2"
name = "c"
length = 2
[[elements.3.parts]]
id = "1"
colour = 1
name = "d"
"""
NESTED = """\
name = "a"
[elements]
3 = { name = "b", kind = "b", length = 6, layout = "positional", parts = [
    { id = "1", name = "c", kind = "b", layout = "bitmap", parts = [
        { id = "65", name = "d", length = 1 },
    ] },
] }
"""
BROKEN = {
    "no TOML": ("name = ", 1, ""),
    "no TOML in line 3": ('name = "a"\n\n[elements\n', 3, ""),
    "the same key twice": ('name = "a"\nname = "b"\n', 2, ""),
    "an unknown parent": ('name = "a"\nextends = "nonsense"\n', 2, "extends"),
    "drops what is not there": ('name = "a"\nextends = "iso87-ascii"\ndrop = [\n 2,\n 200,\n "x"]\n', 5, "drop[1]"),
    "elements that are no table": ('name = "a"\nelements = 3\n', 2, "elements"),
    "encodings that are no table": ('name = "a"\nencodings = 3\n', 2, "encodings"),
    "messages that are no table": ('name = "a"\nmessages = 3\n', 2, "messages"),
    "a rule that is no table": ('name = "a"\n[messages]\n"0200" = 3\n', 3, "messages.0200"),
    "a rule with an unknown key": ('name = "a"\n[messages]\n"0200" = { may = [], x = [] }\n', 3, "messages.0200.x"),
    "an empty rule of no type": ('name = "a"\n[messages]\n"2" = { }\n', 3, "messages.2"),
    "a title that is no text": ('name = "a"\ntitle = 3\n', 2, "title"),
    "a part in a table of its own": (TABLES, 13, "elements.3.parts[1].colour"),
    "a part of a part": (NESTED, 5, "elements.3.parts[0].parts[0]"),
    "not UTF-8": (b'name = "a"\n\xff', 2, ""),
    "too long": (b"#" * 1_000_001, 0, ""),
}


@pytest.mark.parametrize("name", BROKEN)
def test_a_fault_stands_in_its_line(name: str) -> None:
    text, line, key = BROKEN[name]
    found = lint_dialect(text)
    assert (found[0].line, found[0].key) == (line, key), [str(finding) for finding in found]


VALUES = st.sampled_from(
    [
        '"ans"',
        '"n"',
        '"b"',
        '"x"',
        '""',
        "3",
        "0",
        "-1",
        "true",
        "[]",
        "{}",
        "[2, 70]",
        '"LL"',
        '"bcd"',
        '"positional"',
        "9999999",
    ]
)
LINE = re.compile(r"^(\s*[^#\[\]{}=]+ = ).*$")


@settings(max_examples=60)
@given(st.sampled_from(["unionpay-pos", "unionpay-cups", "iso87-bcd", "mastercard-ipm"]), st.data())
def test_a_file_without_findings_is_one_that_loads_and_the_other_way_round(name: str, data: st.DataObject) -> None:
    lines = text_of(name).splitlines()
    for _ in range(data.draw(st.integers(1, 3))):
        at = data.draw(st.integers(0, len(lines) - 1))
        match data.draw(st.integers(0, 3)):
            case 0:
                del lines[at]
            case 1:
                lines[at] = LINE.sub(lambda found: found[1] + data.draw(VALUES), lines[at])
            case 2:
                words = lines[at].split(", ")
                words.pop(data.draw(st.integers(0, len(words) - 1)))
                lines[at] = ", ".join(words)
            case _:
                lines.insert(
                    at, data.draw(st.sampled_from(["x = 1", "[elements]", '2 = { name = "a" }', "}", "drop = [2]"]))
                )
    text = "\n".join(lines)
    found = [finding for finding in lint_dialect(text) if "need elements of this dialect" not in finding.fault]
    try:
        parse_dialect(text.encode(), origin="x.toml")
    except DialectError:
        assert found
    else:
        assert found == []
    for finding in found:
        assert 0 <= finding.line <= len(lines) + 1
        assert finding.fault.startswith(("need ", "no dialect ")), str(finding)


@settings(max_examples=150)
@given(st.text(max_size=60) | st.binary(max_size=60))
def test_any_text_is_linted(text: Any) -> None:
    assert lint_dialect(text)


def test_the_lines_of_all_sorts_of_toml_are_known() -> None:
    text = '''a."b.c".'d' = 1 # "x = ["
e = """
f = 1
""\\"
"""
g = \'\'\'
h = 1\'\'\'
[i . j]
"k" = [ # ]
  "]", '}', [
    1979-05-27 07:32:00, 0x1F ],
  { l = "}", m = { n = [1, 2] } },
]
[[o.p]]
q = 1
[[o.p]]
r = 2
[o.p.s]
t = 3
'''
    lines = key_lines(text)

    def every(value: Any, path: tuple[str | int, ...]) -> None:
        if path:
            assert path in lines, path
        items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
        for key, inner in items:
            every(inner, (*path, key))

    document = tomllib.loads(text)
    del document["o"]  # a table above an array of tables has no line of its own
    del document["i"]
    every(document, ())
    assert lines["a", "b.c", "d"] == 1
    assert lines["i", "j", "k", 1] == 10
    assert lines["i", "j", "k", 2, 0] == 11
    assert lines["i", "j", "k", 3, "m", "n", 1] == 12
    assert lines["o", "p", 1, "r"] == 17
    assert lines["o", "p", 1, "s", "t"] == 19
