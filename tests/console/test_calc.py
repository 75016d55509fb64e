"""`posterm calc`: every vector through the command line, and what a user can get wrong."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from posterm.console.cli.main import app
from posterm.hsm import Algorithm, MacAlgorithm, PinFormat

VECTORS = Path(__file__).parents[1] / "vectors" / "hsm"
MACS: list[dict[str, Any]] = json.loads((VECTORS / "macs.json").read_text("utf-8"))["vectors"]
BLOCKS: list[dict[str, Any]] = json.loads((VECTORS / "pin_blocks.json").read_text("utf-8"))["vectors"]
GOOD_MACS = [{**vector, "mac": vector["mac"][:16]} for vector in MACS if "mac" in vector]
BAD_MACS = [vector for vector in MACS if "raises" in vector]
GOOD_BLOCKS = [vector for vector in BLOCKS if "pin" in vector]
TEXT_MACS = ("unionpay-ecb", "unionpay-sm4-ecb", "sm4-cbc-text")

FILLS = {
    "iso-1-with-fill": "56789ABCDE000000",
    "iso-1-longest": "F000000000000000",
    "iso-3-with-fill": "0" * 16,
    "iso-4-pin-field": "2F69ADDE2E9E7ACE",
}
"""The entropy that makes each vector with random fill."""

TMK, PIK, MAK, TDK = (
    "0123456789ABCDEFFEDCBA9876543210",
    "1A2B3C4D5E6F708192A3B4C5D6E7F801",
    "0D1E2F3A4B5C6D7E",
    "C0C1C2C3C4C5C6C7D0D1D2D3D4D5D6D7",
)
PAN = "6212345678901265"


def by_id(vector: dict[str, Any]) -> str:
    return str(vector["id"])


def mac_arguments(vector: dict[str, Any]) -> list[str]:
    given = ["--algorithm", vector["algorithm"], "--key", vector["key"], "--data", vector["data"]]
    return ["calc", "mac", *given]


@pytest.mark.parametrize("vector", GOOD_MACS, ids=by_id)
def test_the_first_line_is_the_mac_alone(posterm, vector):
    result = posterm(*mac_arguments(vector))
    first, *rest = result.stdout.splitlines()
    assert (result.exit_code, result.stderr, first) == (0, "", vector["mac"])
    if vector["algorithm"] in TEXT_MACS:
        assert rest == [f"text  {bytes.fromhex(vector['mac']).decode()}"]
    else:
        assert rest == []


@pytest.mark.parametrize("vector", GOOD_MACS, ids=by_id)
def test_steps_are_those_of_the_vector(posterm, vector):
    lines = dict(line.split() for line in posterm(*mac_arguments(vector), "--steps").stdout.splitlines()[1:])
    document = json.loads(posterm(*mac_arguments(vector), "--steps", "--json").stdout)
    steps = {step["name"]: step["value"] for step in document["steps"]}
    assert steps.pop("MAC") == document["mac"] == vector["mac"]
    assert lines.items() >= steps.items() >= vector.get("steps", {}).items()


@pytest.mark.parametrize("vector", BAD_MACS, ids=by_id)
def test_a_key_that_does_not_fit_is_refused(posterm, vector):
    result = posterm(*mac_arguments(vector))
    assert (result.exit_code, result.stdout) == (2, "")
    assert "need a key of" in result.stderr or "--key: need hexadecimal digits, have none" in result.stderr


def test_the_mac_block_may_come_from_standard_input(posterm):
    vector = GOOD_MACS[0]
    given = ["calc", "mac", "--algorithm", vector["algorithm"], "--key", vector["key"], "--data", "-"]
    spaced = " ".join(vector["data"][at : at + 16] for at in range(0, len(vector["data"]), 16))
    assert posterm(*given, stdin=spaced + "\n").stdout.splitlines()[0] == vector["mac"]


def test_an_empty_mac_block_is_one_block_of_zeros(posterm):
    given = ["calc", "mac", "--algorithm", "x9.9", "--key", MAK, "--data"]
    assert posterm(*given, "").stdout == posterm(*given, "00").stdout


@pytest.mark.shows_test_data
@pytest.mark.parametrize("vector", GOOD_BLOCKS, ids=by_id)
def test_a_clear_pin_block_is_that_of_the_vector(posterm, vector):
    given = ["calc", "pinblock", "--format", vector["format"], "--pin", vector["pin"], "--pan", vector["pan"]]
    if "random" in vector:
        given += ["--fill", FILLS[vector["id"]]]
    assert posterm(*given).stdout == vector["block"] + "\n"
    assert json.loads(posterm(*given, "--json").stdout) == {"format": vector["format"], "clear": vector["block"]}


@pytest.mark.shows_test_data
def test_with_a_key_the_enciphered_block_follows(posterm):
    given = ["calc", "pinblock", "--format", "iso0", "--pin", "123456", "--pan", PAN, "--key", PIK]
    assert posterm(*given).stdout == "061217139876FED9\nenciphered  C33F1AACE0827867\n"
    assert json.loads(posterm(*given, "--json").stdout)["enciphered"] == "C33F1AACE0827867"


@pytest.mark.shows_test_data
def test_an_sm4_block_is_enciphered_with_sm4(posterm):
    # The block cipher's own vector: GB/T 32907-2016, annex A, is reached with a block equal to the key; here only the
    # size and that it is no TDES are claimed.
    given = ["calc", "pinblock", "--format", "sm4-pan", "--pin", "123456", "--pan", PAN, "--key", TMK, "--json"]
    assert len(json.loads(posterm(*given).stdout)["enciphered"]) == 32


def test_the_block_without_a_pin_is_all_ones(posterm):
    assert posterm("calc", "pinblock", "--format", "no-pin").stdout == "F" * 16 + "\n"


@pytest.mark.parametrize("key_bytes", [8, 16, 24])
def test_every_length_of_des_key_enciphers_a_block(posterm, key_bytes):
    result = posterm("calc", "pinblock", "--format", "no-pin", "--key", "A1" * key_bytes)
    assert result.exit_code == 0
    assert len(result.stdout.split()[-1]) == 16


@pytest.mark.parametrize(
    ("key", "options", "expected"),
    [
        (PIK, [], "9BE3BD43"),
        (MAK, [], "50E8D0A8"),
        (TDK, [], "3B34D740"),
        (MAK, ["--algorithm", "des"], "50E8D0A8"),
        (TMK, ["--algorithm", "tdes"], "08D7B4FB"),
        (TMK, ["--algorithm", "tdes", "--length", "8"], "08D7B4FB629D0885"),
        (TMK, ["--algorithm", "tdes-double", "--length", "3"], "08D7B4"),
        (TMK, ["--algorithm", "sm4"], "2677F46B"),
        ("807A23AD32B36D457AE91FDF927570EA", ["--length", "8"], "8D0A74B8C5EF66C6"),
        ("5BB5C72CD00B7338", ["--length", "8"], "AB7153CA985B10C2"),
        ("C24A8FB57AA20123", [], "0547DB3E"),
        ("11" * 24, ["--algorithm", "TDES"], None),
        ("11" * 16, ["--algorithm", "aes"], None),
        ("11" * 32, [], None),
    ],
)
def test_a_key_check_value_is_the_published_one(posterm, key, options, expected):
    result = posterm("calc", "kcv", "--key", key, *options)
    assert (result.exit_code, result.stderr) == (0, "")
    if expected is not None:
        assert result.stdout == expected + "\n"
    document = json.loads(posterm("calc", "kcv", "--key", key, *options, "--json").stdout)
    assert document["kcv"] == result.stdout.strip()


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["mac", "--algorithm", "md5", "--key", "00" * 8, "--data", "00"], "--algorithm: no 'md5'"),
        (["mac", "--algorithm", "x9.9", "--key", "0", "--data", "00"], "--key: need two digits for each byte"),
        (["mac", "--algorithm", "x9.9", "--key", "00" * 8, "--data", "xy"], "--data: need hexadecimal digits"),
        (["pinblock", "--format", "iso9", "--pin", "5555"], "--format: no 'iso9'"),
        (["pinblock", "--pin", "5555"], "the form iso-0 needs the PAN"),
        (["pinblock", "--format", "no-pan"], "the form no-pan needs a PIN"),
        (["pinblock", "--format", "no-pin", "--pin", "5555"], "the form without a PIN takes none"),
        (["pinblock", "--format", "no-pan", "--pin", "555"], "a PIN is 4 to 12 digits"),
        (["pinblock", "--format", "no-pan", "--pin", "5x55"], "a PIN is 4 to 12 digits"),
        (["pinblock", "--pin", "5555", "--pan", "55"], "a PAN is 13 to 19 digits"),
        (["pinblock", "--format", "no-pan", "--pin", "5555", "--key", "00"], "need a key of 8 or 16 or 24 bytes"),
        (["pinblock", "--format", "sm4-no-pan", "--pin", "5555", "--key", "00" * 8], "a sm4 key is 16 bytes"),
        (["kcv", "--key", "00" * 7], "need a key of 8 or 16 or 24 or 32 bytes"),
        (["kcv", "--key", "00" * 8, "--length", "9"], "is 1 to 8 bytes here, this has 9"),
        (["kcv", "--key", "00" * 8, "--length", "0"], "is 1 to 8 bytes here, this has 0"),
        (["kcv", "--key", "00" * 8, "--algorithm", "sm4"], "a sm4 key is 16 bytes, this has 8"),
        (["kcv", "--key", "00" * 8, "--algorithm", "rc4"], "--algorithm: no 'rc4'"),
        (["kcv", "--key", "00" * 8, "--algorithm", "aes"], "need a key of 16 or 24 or 32 bytes"),
    ],
)
def test_a_mistake_ends_in_one_line_and_a_hint(posterm, arguments, says):
    result = posterm("calc", *arguments)
    assert (result.exit_code, result.stdout) == (2, "")
    first, *rest = result.stderr.splitlines()
    assert first.startswith("error: ")
    assert says in first
    assert len(rest) <= 1
    assert all(line.startswith("hint: ") for line in rest)


def test_no_error_repeats_a_key_a_pin_or_a_card_number(posterm):
    for arguments in (
        ["mac", "--algorithm", "x9.19", "--key", MAK, "--data", "00"],
        ["pinblock", "--pin", "98765432109876", "--pan", PAN],
        ["pinblock", "--pin", "5555", "--pan", PAN + "0000"],
        ["kcv", "--key", TMK + "Z"],
    ):
        text = posterm("calc", *arguments).output
        assert not any(secret in text for secret in (MAK, TMK, PAN, "98765432109876"))


@pytest.mark.parametrize(("command", "names"), [("mac", MacAlgorithm), ("kcv", Algorithm)])
def test_the_help_names_every_algorithm(command, names):
    page = CliRunner().invoke(app, ["calc", command, "--help"], env={"COLUMNS": "200"}).stdout
    assert [name.value for name in names if name.value not in page] == []


def test_the_help_names_every_pin_block_format(posterm):
    page = posterm("calc", "pinblock", "--help").stdout.replace("iso0", "iso-0")
    assert [name.value for name in PinFormat if name.value not in page] == []
