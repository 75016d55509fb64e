"""`posterm decode`: whole frames and bare messages, masked and not, as a table and as JSON, and what goes wrong."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

TESTS = Path(__file__).parents[1]
GOOD: list[dict[str, Any]] = json.loads((TESTS / "vectors/iso8583/unionpay-pos.json").read_text("utf-8"))["vectors"]
BROKEN: list[dict[str, Any]] = json.loads((TESTS / "vectors/iso8583/unionpay-pos-broken.json").read_text("utf-8"))[
    "vectors"
]
GOLDEN = TESTS / "golden" / "console"
HEAD = 2 * 13  # digits of length, TPDU and header
ESCAPE = "\x1b"


def by_id(vector: dict[str, Any]) -> str:
    return str(vector["id"])


def frame(name: str) -> str:
    return next(str(vector["frame"]) for vector in GOOD if vector["id"] == name)


SALE = frame("swipe-sale-with-pin-0200")
CHIP = frame("chip-sale-with-pin-0200-field-55")
ECHO = frame("echo-test-0820-301")


@pytest.mark.shows_test_data
@pytest.mark.parametrize("vector", GOOD, ids=by_id)
def test_unmasked_json_holds_every_element_of_a_sample(posterm, vector):
    result = posterm("decode", vector["frame"], "--dialect", "unionpay-pos", "--json", "--unmask")
    assert (result.exit_code, result.stderr) == (0, "")
    document = json.loads(result.stdout)
    assert document["mti"] == vector["mti"]
    assert document["elements"] == vector["elements"]
    assert (document["tpdu"], document["header"]) == (vector["frame"][4:14], vector["frame"][14:26])


@pytest.mark.parametrize("vector", GOOD, ids=by_id)
def test_a_sample_is_masked_unless_asked_otherwise(posterm, vector):
    result = posterm("decode", vector["frame"], "--json")
    elements = json.loads(result.stdout)["elements"]
    assert elements.keys() == vector["elements"].keys()
    for number in {"2", "35", "36", "52", "62"} & elements.keys():
        assert elements[number] != vector["elements"][number]
        assert "*" in elements[number]


@pytest.mark.parametrize("vector", GOOD, ids=by_id)
def test_the_table_fits_80_columns_and_a_pipe_gets_no_colours(posterm, vector):
    result = posterm("decode", vector["frame"])
    assert result.exit_code == 0
    assert ESCAPE not in result.stdout
    assert max(map(len, result.stdout.splitlines())) <= 80
    assert all(line == line.rstrip() for line in result.stdout.splitlines())


@pytest.mark.parametrize("name", ["swipe-sale-with-pin-0200", "sale-response-0210", "chip-sale-with-pin-0200-field-55"])
def test_the_table_reads_as_it_should(posterm, name):
    assert posterm("decode", frame(name)).stdout == (GOLDEN / f"{name}.txt").read_text("utf-8")


def test_a_terminal_gets_colours_and_the_same_text(posterm, monkeypatch):
    plain = posterm("decode", ECHO).stdout
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("TERM", "xterm")
    coloured = posterm("decode", ECHO).stdout
    assert ESCAPE in coloured
    assert re.sub(r"\x1b\[[0-9;]*m", "", coloured) == plain


@pytest.mark.parametrize("vector", GOOD, ids=by_id)
def test_a_bare_message_and_a_frame_without_its_length_decode_alike(posterm, vector):
    whole = json.loads(posterm("decode", vector["frame"], "--json").stdout)
    without_length = json.loads(posterm("decode", vector["frame"][4:], "--json").stdout)
    bare = json.loads(posterm("decode", vector["frame"][HEAD:], "--json").stdout)
    assert without_length == whole
    assert {"tpdu": whole["tpdu"], "header": whole["header"], **bare} == whole
    assert "tpdu" not in bare


def test_a_length_in_packed_decimal_is_a_length_too(posterm):
    assert posterm("decode", "0052" + ECHO[4:]).exit_code == 0


@pytest.mark.parametrize(
    "written",
    [
        ECHO.lower(),
        "0x" + ECHO,
        " ".join(ECHO[at : at + 2] for at in range(0, len(ECHO), 2)),
        ":".join(ECHO[at : at + 2] for at in range(0, len(ECHO), 2)),
        "\n".join(ECHO[at : at + 32] for at in range(0, len(ECHO), 32)) + "\r\n",
    ],
    ids=["lower-case", "0x", "blanks", "colons", "lines"],
)
def test_however_the_digits_are_written_they_are_read(posterm, written):
    expected = posterm("decode", ECHO).stdout
    assert posterm("decode", written).stdout == expected
    assert posterm("decode", "-", stdin=written).stdout == expected


def test_blanks_need_no_quotes(posterm):
    words = [ECHO[at : at + 2] for at in range(0, len(ECHO), 2)]
    assert posterm("decode", *words).stdout == posterm("decode", ECHO).stdout


def test_a_profile_brings_its_own_elements(posterm, tmp_path):
    profile = tmp_path / "acquirer.toml"
    profile.write_text(
        'derive = "default"\nname = "mine"\n[elements]\n41 = { name = "Till", kind = "ans", length = 8 }\n', "utf-8"
    )
    assert "Till" in posterm("decode", ECHO, "--profile", str(profile)).stdout
    assert "Till" not in posterm("decode", ECHO, "--profile", "direct").stdout


def test_a_dialect_file_is_used_by_its_path(posterm, tmp_path):
    dialect = tmp_path / "mine.toml"
    dialect.write_text(
        'name = "mine"\nextends = "unionpay-pos"\n[elements]\n41 = { name = "Till", kind = "ans", length = 8 }\n',
        "utf-8",
    )
    assert "Till" in posterm("decode", ECHO, "--dialect", str(dialect)).stdout


@pytest.mark.parametrize(
    "vector", [vector for vector in BROKEN if vector["id"] not in ("nothing", "frame-with-its-tpdu")], ids=by_id
)
def test_a_broken_message_ends_with_its_path_and_offset(posterm, vector):
    result = posterm("decode", vector["wire"])
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr.startswith("error: unionpay-pos ")
    assert f"at byte {vector['offset']} of {len(vector['wire']) // 2}" in result.stderr


def test_a_torn_frame_says_what_was_understood_and_where_its_bytes_begin(posterm):
    result = posterm("decode", SALE[:90])
    assert result.exit_code == 1
    assert "DE 35 Track 2 data" in result.stderr
    assert "unpacked: 3=000000 4=000000012345" in result.stderr
    assert "hint: bytes are counted from the message type, which is at byte 13 of the input" in result.stderr
    assert "error: frame length: need 116 bytes after it, have 43" in result.stderr


def test_json_of_a_torn_message_holds_what_was_understood(posterm):
    result = posterm("decode", SALE[HEAD:90], "--json")
    assert result.exit_code == 1
    document = json.loads(result.stdout)
    assert document["elements"] == {
        "3": "000000",
        "4": "000000012345",
        "11": "000002",
        "22": "021",
        "25": "00",
        "26": "12",
    }
    assert (document["error"]["path"], document["error"]["code"]) == ("35", "truncated")


def test_a_whole_message_under_a_wrong_length_is_shown_and_the_length_named(posterm):
    result = posterm("decode", "0035" + ECHO[4:])
    assert result.exit_code == 1
    assert "echo" in result.stdout
    assert result.stderr == "error: frame length: need 53 bytes after it, have 52\n"


def test_a_malformed_inside_is_a_row_and_an_error(posterm):
    wrong = CHIP[HEAD:].replace("9F2608", "9F2690", 1)
    result = posterm("decode", wrong)
    assert result.exit_code == 1
    assert "malformed" in result.stdout
    assert result.stderr.startswith("error: DE 55")


def test_a_header_that_asks_for_something_reserved_is_shown(posterm):
    result = posterm("decode", ECHO[:14] + "60310F310000" + ECHO[26:])
    assert result.exit_code == 0
    assert "F (reserved f)" in result.stdout


def test_what_a_terminal_could_take_for_a_command_is_written_out(posterm):
    text = b"CUP\x1b[2J\x07"
    wire = "0210" + "0000000000000002" + f"{len(text):04d}" + text.hex()
    shown, torn = posterm("decode", wire), posterm("decode", wire + "00")
    assert ESCAPE not in shown.output + torn.output
    assert "\\x1b[2J\\x07" in shown.stdout
    assert "\\x1b[2J\\x07" in torn.stderr


@pytest.mark.parametrize(
    ("arguments", "says", "hints"),
    [
        (["0G"], "error: message: need hexadecimal digits, have another character at digit 2", "0-9 and A-F"),
        (["020"], "error: message: need two digits for each byte, have 3 digits", "lost in copying"),
        ([""], "error: message: need hexadecimal digits, have none", ""),
        (["00" * 65_538], "error: message: need at most 65537 bytes", ""),
        (["00", "--dialect", "nobody"], "error: --dialect: no dialect 'nobody'", "unionpay-pos"),
        (["00", "--dialect", "nobody.toml"], "error: nobody.toml: need a readable file", ""),
        (["00", "--profile", "nobody"], "error: no acquirer profile 'nobody'", "built in are default, direct"),
        (["00", "--profile", "nobody.toml"], "error: cannot read the acquirer profile nobody.toml", ""),
    ],
)
def test_a_mistake_ends_in_one_line_and_a_hint(posterm, arguments, says, hints):
    result = posterm("decode", *arguments)
    assert (result.exit_code, result.stdout) == (2, "")
    first, *rest = result.stderr.splitlines()
    assert first.startswith(says)
    assert len(rest) <= 1
    assert hints in "".join(rest)
    assert all(line.startswith("hint: ") for line in rest)


def test_standard_input_is_read_up_to_a_limit(posterm):
    result = posterm("decode", "-", stdin="00 " * 400_000)
    assert result.exit_code == 2
    assert "have more" in result.stderr


def test_bytes_that_are_no_text_are_no_digits(posterm):
    result = posterm("decode", "-", stdin=b"\xff\xfe00")
    assert result.exit_code == 2
    assert "need hexadecimal digits" in result.stderr
