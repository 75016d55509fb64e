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


# --- card values, keys and cryptograms --------------------------------------------------------------------------------

CARD_VALUES: list[dict[str, Any]] = json.loads((VECTORS / "card_values.json").read_text("utf-8"))["vectors"]
TR31: list[dict[str, Any]] = json.loads((VECTORS / "tr31.json").read_text("utf-8"))["vectors"]
DUKPTS = [
    vector
    for name in ("dukpt_tdes.json", "dukpt_aes.json")
    for vector in json.loads((VECTORS / name).read_text("utf-8"))["vectors"]
    if vector["id"] not in ("ksn-of-10", "ksn-of-12")  # here the length says which kind it is
]
CHIP = ["--key", TMK, "--pan", "4111111111111111"]
TAGS = (
    "9F02060000000099999F03060000000000009F1A020840950580000480005F2A0208409A039912319C01019F370452BF458582021800"
    "9F3602001C9F1012{iad}"
)


@pytest.mark.parametrize("vector", CARD_VALUES, ids=by_id)
def test_a_card_value_is_that_of_the_vector_or_refused(posterm, vector):
    given = ["--key", vector["cvk"], "--pan", vector["pan"], "--expiry", vector["expiry"], "--kind", vector["kind"]]
    result = posterm("calc", "cvv", *given, "--service-code", vector["service_code"])
    if "raises" in vector:
        assert (result.exit_code, result.stdout) == (2, "")
        assert vector["raises"] in result.stderr
        return
    assert (result.exit_code, result.stdout) == (0, vector["value"] + "\n")
    document = json.loads(posterm("calc", "cvv", *given, "--service-code", vector["service_code"], "--json").stdout)
    assert document == {"cvv": vector["value"]}


@pytest.mark.shows_test_data
@pytest.mark.parametrize("vector", DUKPTS, ids=by_id)
def test_the_keys_of_a_transaction_are_those_of_the_vector_or_refused(posterm, vector):
    result = posterm("calc", "dukpt", "--bdk", vector["bdk"], "--ksn", vector["ksn"])
    if "raises" in vector:
        assert (result.exit_code, result.stdout) == (2, "")
        return
    assert result.stdout.splitlines()[0] == vector["transaction_key"]
    document = json.loads(posterm("calc", "dukpt", "--bdk", vector["bdk"], "--ksn", vector["ksn"], "--json").stdout)
    for use, key in vector.get("working_keys", {}).items():
        assert document[use.lower().replace("_", "-")] == key


@pytest.mark.parametrize("vector", TR31, ids=by_id)
def test_a_key_block_opens_as_the_vector_says_or_is_refused(posterm, vector):
    result = posterm("calc", "keyblock", "unwrap", "--kbpk", vector["kbpk"], vector["block"])
    if "raises" in vector:
        assert (result.exit_code, result.stdout) == (2, "")
        assert vector["kbpk"] not in result.stderr
        return
    assert result.stdout == vector["key"] + "\n"
    described = json.loads(posterm("calc", "keyblock", "describe", vector["block"], "--json").stdout)
    assert described["version"] + described["usage"] == vector["block"][0] + vector["block"][5:7]


@pytest.mark.parametrize("version", "ABCDE")
def test_a_key_block_that_is_wrapped_opens_again(posterm, version):
    key, kbpk = "0F" * 16, "A1" * 16
    made = posterm(
        "calc", "keyblock", "wrap", "--kbpk", kbpk, "--key", key, "--version", version, "--optional", "KS=0123"
    )
    assert made.exit_code == 0
    block = made.stdout.strip()
    assert posterm("calc", "keyblock", "unwrap", "--kbpk", kbpk, block).stdout == key + "\n"
    assert "optional KS    0123" in posterm("calc", "keyblock", "describe", block).stdout


def test_every_cryptogram_version_can_be_computed_and_answered(posterm):
    from posterm.hsm.cryptogram import VERSIONS

    for name, cvn in VERSIONS.items():
        tags = TAGS.format(iad="06010A03A0B800112233445566778899AABB")
        made = posterm("calc", "arqc", "--version", name, *CHIP, "--data", tags, "--json", "--steps")
        document = json.loads(made.stdout)
        assert [step["name"] for step in document["steps"]] == ["card key", "session key", "input"]
        answer = "3030" if cvn.arpc_method == 1 else "01020304"
        asked = [*CHIP, "--data", tags, "--arqc", document["cryptogram"], "--answer", answer]
        answered = posterm("calc", "arpc", "--version", name, *asked)
        assert (answered.exit_code, len(answered.stdout)) == (0, 17 if cvn.arpc_method == 1 else 9)


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["cvv", "--key", "00", "--pan", PAN, "--expiry", "3012"], "a tdes-double key is 16 bytes"),
        (["cvv", "--key", PIK, "--pan", PAN, "--expiry", "3012", "--kind", "csc"], "--kind: no 'csc'"),
        (["pvv", "--key", PIK, "--pan", PAN, "--pin", "5555", "--index", "7"], "0 to 6"),
        (["pvv", "--key", PIK, "--pan", PAN, "--pin", "555"], "a PIN is 4 to 12 digits"),
        (["offset", "--key", PIK, "--pan", PAN, "--pin", "5555", "--table", "0" * 16], "decimalisation table"),
        (["offset", "--key", PIK, "--pan", PAN, "--pin", "5555", "--validation-data", "1"], "16 hexadecimal digits"),
        (["dukpt", "--bdk", PIK, "--ksn", "00"], "is 10 bytes"),
        (["keyblock", "describe", "rubbish"], "a header of 16 characters"),
        (["keyblock", "wrap", "--kbpk", PIK, "--key", "00", "--version", "F"], "another form"),
        (["keyblock", "wrap", "--kbpk", PIK, "--key", "00", "--optional", "x"], "optional block"),
        (["arqc", "--version", "visa-99", *CHIP, "--data", "9C0101"], "--version: no 'visa-99'"),
        (["arqc", "--version", "visa-10", *CHIP, "--data", "9C0101"], "need tag 9F02"),
        (["arqc", "--version", "visa-10", *CHIP, "--data", "9C05"], "tag 9C"),
        (["arpc", "--version", "visa-10", *CHIP, "--data", "9C0101", "--arqc", "00", "--answer", "00"], "is 8 bytes"),
    ],
)
def test_a_mistake_in_the_other_calculations_ends_in_one_line(posterm, arguments, says):
    result = posterm("calc", *arguments)
    assert (result.exit_code, result.stdout) == (2, "")
    assert says in result.stderr.splitlines()[0]
    assert PIK not in result.stderr
    assert PAN not in result.stderr
