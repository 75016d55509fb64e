"""`posterm dialect import`: tables of other libraries become dialect files, and nothing is dropped silently."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from posterm.console.errors import InputError
from posterm.console.python_table import specification
from posterm.iso8583 import load_dialect

TEXT = {"data_enc": "ascii", "len_enc": "ascii", "len_type": 0, "max_len": 4}
SPEC = {
    "h": {**TEXT, "max_len": 0},
    "t": TEXT,
    "p": {**TEXT, "data_enc": "b", "max_len": 8},
    "1": {**TEXT, "data_enc": "b", "max_len": 8},
    "2": {**TEXT, "len_type": 2, "max_len": 19, "desc": "Primary account number"},
    "11": {**TEXT, "max_len": 6, "desc": "STAN"},
}
JPOS = """<?xml version="1.0"?>
<isopackager>
  <isofield id="0" length="4" name="MESSAGE TYPE INDICATOR" class="org.jpos.iso.IFA_NUMERIC"/>
  <isofield id="1" length="16" name="BIT MAP" class="org.jpos.iso.IFB_BITMAP"/>
  <isofield id="11" length="6" name="SYSTEM TRACE AUDIT NUMBER" class="org.jpos.iso.IFA_NUMERIC"/>
  <isofield id="60" length="9" name="OUR OWN" class="com.example.Unheard"/>
</isopackager>
"""


def test_a_pyiso8583_dictionary_becomes_a_dialect_file(posterm, tmp_path):
    source, made = tmp_path / "spec.json", tmp_path / "acme.toml"
    source.write_text(json.dumps(SPEC), "utf-8")
    result = posterm("dialect", "import", "--from", "pyiso8583", "--name", "acme", str(source))
    assert result.exit_code == 0
    made.write_text(result.stdout, "utf-8")
    dialect = load_dialect(made)
    assert (dialect.name, sorted(dialect.elements)) == ("acme", [2, 11])
    assert posterm("dialect", "check", str(made)).stdout.startswith("good: acme, 2 elements")


def test_the_dictionary_may_stand_in_a_python_file_which_is_not_run(posterm, tmp_path):
    source = tmp_path / "spec.py"
    source.write_text(f"raise SystemExit\nother = {{}}\nbuilt = dict(a=1)\nspec = {SPEC!r}\n", "utf-8")
    result = posterm("dialect", "import", "--from", "pyiso8583", "--json", str(source))
    assert (result.exit_code, json.loads(result.stdout)["name"]) == (0, "imported")


def test_what_cannot_be_carried_over_is_listed(posterm, tmp_path):
    source = tmp_path / "packager.xml"
    source.write_text(JPOS, "utf-8")
    result = posterm("dialect", "import", "--from", "jpos", "--name", "acme", str(source))
    assert result.exit_code == 0
    assert result.stderr.startswith("left out: 60")
    assert "Not carried over: 60" in result.stdout
    document = json.loads(posterm("dialect", "import", "--from", "jpos", "--json", str(source)).stdout)
    assert [each["place"] for each in document["left_out"]] == ["60"]


@pytest.mark.parametrize(
    ("content", "arguments", "says"),
    [
        ("{}", ("--from", "nobody"), "error: --from: need jpos, moov or pyiso8583, have 'nobody'"),
        ("{}", ("--from", "pyiso8583"), "error: imported: "),
        ("[]", ("--from", "pyiso8583"), "error: table: need one dictionary, have another value"),
        ("x = 1", ("--from", "pyiso8583"), 'error: table: need one dictionary literal with the key "t", have 0'),
        ("a = {'t': 1}\nb = {'t': 2}", ("--from", "pyiso8583"), "error: table: need one dictionary literal"),
        ("x = ", ("--from", "pyiso8583"), "error: table: need JSON or a Python file, have neither"),
        ("<isopackager", ("--from", "jpos"), "error: imported"),
        ("no JSON", ("--from", "moov"), "error: imported"),
        (JPOS, ("--from", "jpos", "--name", "Not A Name"), "error: importing: need a name"),
    ],
)
def test_a_mistake_ends_in_one_line(posterm, tmp_path, content, arguments, says):
    file = tmp_path / "table"
    file.write_text(content, "utf-8")
    result = posterm("dialect", "import", str(file), *arguments)
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr.startswith(says)
    assert len(result.stderr.splitlines()) <= 2


@given(st.text(max_size=80) | st.binary(max_size=80))
def test_any_file_is_a_dictionary_or_refused(source):
    try:
        assert isinstance(specification(source.encode() if isinstance(source, str) else source, "table"), dict)
    except InputError:
        return
