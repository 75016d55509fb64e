"""encode, diff, convert, redact, validate, doctor, dialect and sample: what they give, and what users get wrong."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from posterm.console.redaction import redacted
from posterm.console.sample_message import sample_message
from posterm.iso8583 import Composite, Message, dialect_names, encode_frame, get_dialect
from posterm.sensitive import luhn_valid

TESTS = Path(__file__).parents[1]
FRAMES: list[dict[str, Any]] = json.loads((TESTS / "vectors/iso8583/unionpay-pos.json").read_text("utf-8"))["vectors"]
ASCII = get_dialect("iso87-ascii")
BCD = get_dialect("iso87-bcd")
REQUEST = Message("0800", {7: "1224153059", 11: "000001", 41: "TERM0001"})
PIN_BLOCK = bytes.fromhex("A1B2C3D4E5F60718")


def by_id(vector: dict[str, Any]) -> str:
    return str(vector["id"])


def wire(elements: dict[int, Any], mti: str = "0200") -> str:
    return ASCII.pack(Message(mti, elements)).hex()


# --- sample -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", dialect_names())
def test_a_sample_decodes_and_has_no_fault(posterm, name):
    made = posterm("sample", "--dialect", name)
    assert made.exit_code == 0
    decoded = posterm("decode", "--dialect", name, "-", stdin=made.stdout)
    assert (decoded.exit_code, decoded.stderr) == (0, "")
    checked = posterm("validate", "--dialect", name, "--luhn", "-", stdin=made.stdout)
    assert checked.stdout.startswith(f"valid: {name} ")
    assert len(sample_message(get_dialect(name))) >= 5


def test_without_a_name_every_dialect_has_its_line(posterm):
    lines = posterm("sample").stdout.splitlines()
    assert [line.split(" ")[0] for line in lines] == list(dialect_names())
    assert {name: line.split(" ")[1] for name, line in zip(dialect_names(), lines, strict=True)} == json.loads(
        posterm("sample", "--json").stdout
    )


def test_a_sample_can_be_framed_and_raw(posterm):
    digits = bytes.fromhex(posterm("sample", "-d", "iso87-bcd").stdout)
    raw = posterm("sample", "-d", "iso87-bcd", "--framing", "ascii4", "--binary").stdout_bytes
    assert raw == encode_frame(digits, "ascii4")


# --- encode -------------------------------------------------------------------------------------------------------


@pytest.mark.shows_test_data
@pytest.mark.parametrize("vector", FRAMES, ids=by_id)
def test_what_decode_gives_encode_takes(posterm, vector):
    document = posterm("decode", "--json", "--unmask", vector["frame"]).stdout
    assert posterm("encode", stdin=document).stdout == vector["frame"][4:] + "\n"
    framed = posterm("encode", "--framing", "be16", "--binary", stdin=document)
    assert framed.stdout_bytes.hex().upper() == vector["frame"]


def test_parts_may_stand_as_an_object(posterm, tmp_path):
    file = tmp_path / "message.json"
    file.write_text(json.dumps({"mti": "0200", "elements": {"55": {"9F02": "1000"}}}), "utf-8")
    assert "9F0206000000001000" in posterm("encode", "--dialect", "iso87-ascii", str(file)).stdout


def test_named_headers_go_back_in_front(posterm):
    digits = "6000030000" + BCD.pack(REQUEST).hex().upper()
    document = posterm("decode", "--json", "--header", "tpdu", "-d", "iso87-bcd", digits).stdout
    assert posterm("encode", "-d", "iso87-bcd", stdin=document).stdout == digits + "\n"


@pytest.mark.parametrize(
    ("document", "says", "hints"),
    [
        ("", "error: JSON, at line 1 column 1: need a message, have no JSON", "decode --json --unmask"),
        ("{", "error: JSON, at line 1 column 2", ""),
        ("\xff", "error: JSON", ""),
        ("[]", "error: JSON: need one object", "one object of the list"),
        ("{}", "error: message, mti: need text", ""),
        ('{"mti": "0200", "elements": {"x": "1"}}', "error: message, elements: need element numbers as keys", ""),
        ('{"mti": "0200", "elements": {"3": "abc"}}', "error: iso87-ascii, DE 3", ""),
        ('{"mti": "0200", "elements": {"2": "476173******0010"}}', "error: JSON, DE 2: need its value", "--unmask"),
        ('{"mti": "0200", "elements": {"48": "****"}}', "error: JSON, DE 48: need its value", "--unmask"),
        ('{"mti": "0800", "tpdu": 5}', "error: JSON, tpdu: need hexadecimal digits", ""),
        ('{"mti": "0800", "headers": 5}', "error: JSON, headers: need a list of objects", ""),
        ('{"mti": "0800", "headers": [{}]}', "error: JSON, headers: need hexadecimal digits", ""),
        ("[" * 100_000, "error: JSON", ""),
        (" " * 1_100_000, "error: JSON: need at most 1048576 bytes", ""),
    ],
)
def test_json_that_is_no_message_ends_in_one_line(posterm, document, says, hints):
    result = posterm("encode", "--dialect", "iso87-ascii", stdin=document.encode("latin-1"))
    assert (result.exit_code, result.stdout) == (2, "")
    first, *rest = result.stderr.splitlines()
    assert first.startswith(says)
    assert hints in "".join(rest)


# --- diff ---------------------------------------------------------------------------------------------------------

LEFT = wire({3: "000000", 4: "1000", 41: "TERM0001", 55: {"9F02": "1000", "9C": "00"}})
RIGHT = wire({3: "000000", 4: "2000", 11: "000001", 55: {"9F02": "2000", "9C": "00"}}, "0210")


def test_differences_are_shown_element_by_element(posterm):
    result = posterm("diff", "-d", "iso87-ascii", LEFT, RIGHT)
    assert result.exit_code == 1
    assert [line.split()[0] for line in result.stdout.splitlines() if line[0] != " "] == [
        "DE", "MTI", "4", "11", "41", "55", "55.9F02",
    ]  # fmt: skip
    assert "(none)" in result.stdout


def test_differences_as_json_name_both_sides(posterm):
    found = {
        each["path"]: each for each in json.loads(posterm("diff", "-d", "iso87-ascii", "--json", LEFT, RIGHT).stdout)
    }
    assert list(found) == ["MTI", "4", "11", "41", "55", "55.9F02"]
    assert (found["4"]["a"], found["4"]["b"]) == ("000000001000", "000000002000")
    assert (found["11"]["a"], found["41"]["b"]) == (None, None)
    assert "differs" in found["55"]["a"]


def test_equal_messages_have_no_difference(posterm):
    result = posterm("diff", "-d", "iso87-ascii", LEFT, LEFT)
    assert (result.exit_code, result.output) == (0, "")


def test_card_numbers_that_differ_stay_masked(posterm):
    sides = [wire({2: number}) for number in ("4000001111110002", "4000002222220002")]
    result = posterm("diff", "-d", "iso87-ascii", *sides)
    assert "400000******0002 (differs)" in result.stdout
    assert "111111" not in result.stdout


def test_what_is_wrong_says_on_which_side(posterm):
    assert posterm("diff", "-d", "iso87-ascii", LEFT, RIGHT[:-2]).stderr.startswith(
        "error: message B: iso87-ascii 0210"
    )
    assert posterm("diff", "0G", LEFT).stderr.startswith("error: message A: need hexadecimal digits")
    assert posterm("diff", "-", "-").stderr.startswith("error: diff: need one message on standard input")


def test_a_side_may_be_a_file_or_standard_input(posterm, tmp_path):
    file = tmp_path / "message.bin"
    file.write_bytes(bytes.fromhex(LEFT))
    assert posterm("diff", "-d", "iso87-ascii", f"@{file}", "-", stdin=LEFT).exit_code == 0


# --- convert ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("there", ["iso87-bcd", "iso87-hex"])
def test_a_message_goes_to_a_relative_and_back(posterm, there):
    here = posterm("sample", "-d", "iso87-ascii").stdout
    gone = posterm("convert", "--from", "iso87-ascii", "--to", there, "-", stdin=here)
    assert (gone.exit_code, gone.stderr) == (0, "")
    back = posterm("convert", "--from", there, "--to", "iso87-ascii", "-", stdin=gone.stdout)
    assert back.stdout == here


def test_what_cannot_be_carried_over_is_listed_and_nothing_written(posterm):
    here = posterm("sample", "-d", "iso87-ascii").stdout
    result = posterm("convert", "--from", "iso87-ascii", "--to", "iso93-bcd", "-", stdin=here)
    assert (result.exit_code, result.stdout) == (1, "")
    lines = result.stderr.splitlines()
    assert [line.split()[3] for line in lines[:-2]] == ["12", "13", "22", "25"]
    assert lines[-1] == "hint: --lossy leaves them behind"


def test_lossy_writes_the_rest_in_the_version_of_the_other_dialect(posterm):
    here = posterm("sample", "-d", "iso87-ascii").stdout
    result = posterm("convert", "--from", "iso87-ascii", "--to", "iso93-bcd", "--lossy", "-", stdin=here)
    assert result.exit_code == 0
    message = get_dialect("iso93-bcd").unpack(bytes.fromhex(result.stdout))
    assert message.mti == "1200"
    assert not {12, 13, 22, 25} & set(message)
    document = posterm("convert", "--from", "iso87-ascii", "--to", "iso93-bcd", "--json", "-", stdin=here)
    assert json.loads(document.stdout)["complete"] is False
    assert "message" not in json.loads(document.stdout)


def test_a_mac_and_an_unknown_element_stay_behind(posterm):
    message = wire({11: "000001", 64: PIN_BLOCK, 100: "123"}, "0800")
    result = posterm("convert", "--from", "iso87-ascii", "--to", "unionpay-pos", "--json", message)
    told = {each["path"]: each["why"] for each in json.loads(result.stdout)["not_carried"]}
    assert told == {
        "64": "a MAC holds for the bytes it was made over",
        "100": "unionpay-pos has no such element",
    }


def test_a_dialect_that_is_none_names_its_option(posterm):
    result = posterm("convert", "--from", "nobody", "--to", "iso87-bcd", "00")
    assert (result.exit_code, result.stderr.splitlines()[0]) == (2, "error: --from: no dialect 'nobody'")


# --- redact -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("vector", FRAMES, ids=by_id)
def test_a_redacted_frame_decodes_and_holds_nothing_sensitive(posterm, vector):
    result = posterm("redact", vector["frame"])
    assert result.exit_code == 0
    assert len(result.stdout.strip()) == len(vector["frame"])
    decoded = posterm("decode", "--json", "--unmask", "-", stdin=result.stdout)
    assert (decoded.exit_code, decoded.stderr) == (0, "")
    elements = json.loads(decoded.stdout)["elements"]
    assert elements.keys() == vector["elements"].keys()
    for number in {"2", "35", "36", "52", "64"} & elements.keys():
        assert elements[number] != vector["elements"][number]
        assert len(elements[number]) == len(vector["elements"][number])


def test_test_values_have_the_shape_of_what_they_replace():
    message = ASCII.unpack(
        ASCII.pack(
            Message(
                "0200",
                {
                    2: "5105105105105100",
                    14: "2812",
                    35: "5105105105105100=28121011234567",
                    45: "B5105105105105100^CARD/HOLDER^2812101",
                    48: "R7, card 5105105105105100",
                    52: PIN_BLOCK,
                    55: {"5A": "5105105105105100", "9F02": "1000", "57": "5105105105105100D28121011F"},
                    62: "for 5105105105105100",
                    64: PIN_BLOCK,
                },
            )
        )
    )
    safe = redacted(message, ASCII)
    values = {number: value.raw if isinstance(value, Composite) else value for number, value in safe.items()}
    assert values[2] == "4000000000000002"
    assert luhn_valid(values[2])
    assert values[14] == "4912"
    assert values[35] == "4000000000000002=49120000000000"
    assert values[45] == "X4000000000000002^XXXX/XXXXXX^0000000"
    assert values[48] == "X0, XXXX 4000000000000002"
    assert values[52] == values[64] == bytes(8)
    assert values[62] == "for 4000000000000002"
    assert safe["55.9F02"] == "000000001000"
    assert ASCII.unpack(ASCII.pack(safe)) == safe
    assert b"5105105105105100".hex() not in ASCII.pack(safe).hex()


@pytest.mark.parametrize("name", dialect_names())
def test_redacting_twice_changes_nothing_more(posterm, name):
    once = posterm("redact", "-d", name, "-", stdin=posterm("sample", "-d", name).stdout).stdout
    assert posterm("redact", "-d", name, "-", stdin=once).stdout == once
    assert posterm("validate", "-d", name, "--luhn", "-", stdin=once).exit_code == 0


def test_redact_refuses_what_does_not_decode(posterm):
    result = posterm("redact", "-d", "iso87-ascii", LEFT[:-2])
    assert (result.exit_code, result.stdout) == (1, "")


# --- validate -----------------------------------------------------------------------------------------------------


def test_every_fault_is_reported_with_its_level(posterm):
    message = wire({2: "4000000000000003", 7: "1399000000", 11: "000001", 39: "00"})
    result = posterm("validate", "-d", "iso87-ascii", "--luhn", "--json", message)
    assert result.exit_code == 1
    faults = json.loads(result.stdout)["faults"]
    assert {"level": "content", "path": "7", "code": "date", "text": "need MM from 01 to 12, have another"} in faults
    assert ("content", "2", "luhn") in [(each["level"], each["path"], each["code"]) for each in faults]
    assert {each["level"] for each in faults} == {"content", "message"}
    table = posterm("validate", "-d", "iso87-ascii", "--luhn", message).stdout.splitlines()
    assert table[0].split() == ["Level", "DE", "Code", "Fault"]
    assert len(table) > len(faults)


def test_a_message_that_breaks_off_has_its_fault_of_the_wire_and_those_before_it(posterm):
    result = posterm("validate", "-d", "iso87-ascii", "--json", wire({7: "1399000000", 41: "TERM0001"})[:-2])
    faults = json.loads(result.stdout)["faults"]
    assert [(each["level"], each["path"], each["code"]) for each in faults] == [
        ("wire", "41", "truncated"),
        ("content", "7", "date"),
    ]
    assert faults[0]["offset"] == 22


def test_an_answer_is_compared_with_its_request(posterm):
    request = wire({7: "1224153059", 11: "000001", 41: "TERM0001"}, "0800")
    answer = wire({7: "1224153059", 11: "000002", 39: "00", 41: "TERM0001"}, "0810")
    result = posterm("validate", "-d", "iso87-ascii", "--json", "--request", request, answer)
    faults = [(each["level"], each["path"], each["code"]) for each in json.loads(result.stdout)["faults"]]
    assert ("message", "11", "echo") in faults


def test_bytes_that_are_no_message_at_all_are_one_fault(posterm):
    result = posterm("validate", "-d", "iso87-ascii", "FF")
    assert result.exit_code == 1
    assert "wire" in result.stdout


# --- doctor -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", dialect_names())
@pytest.mark.parametrize("before", ["", "be16", "tpdu"])
def test_a_sample_is_recognised(posterm, name, before):
    data = bytes.fromhex(posterm("sample", "-d", name).stdout)
    if before == "be16":
        data = encode_frame(data)
    elif before == "tpdu":
        data = encode_frame(bytes.fromhex("6000030000") + data)
    result = posterm("doctor", "--json", data.hex())
    assert result.exit_code == 0
    findings = json.loads(result.stdout)
    own = next(each for each in findings if each["dialect"] == name)
    assert own["fits"]
    assert own["content_faults"] == findings[0]["content_faults"] == 0
    assert sorted(each["dialect"] for each in findings) == sorted(dialect_names())
    for each in findings:
        assert each["fits"] or (each["code"] and 0 <= each["offset"] <= len(data))


def test_a_frame_of_the_link_is_recognised_behind_its_header(posterm):
    result = posterm("doctor", FRAMES[0]["frame"])
    assert result.exit_code == 0
    first = result.stdout.splitlines()[1]
    assert first.startswith("unionpay-pos")
    assert "fits" in first
    assert "length be16, TPDU and header" in result.stdout


def test_bytes_of_no_dialect_are_told(posterm):
    result = posterm("doctor", "FFFF")
    assert result.exit_code == 1
    assert "fits" not in result.stdout


def test_a_dialect_of_ones_own_is_tried_too(posterm, tmp_path):
    own = tmp_path / "own.toml"
    own.write_text('name = "own"\nextends = "iso87-ascii"\n', "utf-8")
    findings = json.loads(posterm("doctor", "--json", "--dialect", str(own), LEFT).stdout)
    assert next(each for each in findings if each["dialect"] == "own")["fits"]


# --- dialect ------------------------------------------------------------------------------------------------------


def test_the_list_names_every_dialect(posterm):
    assert [each["name"] for each in json.loads(posterm("dialect", "list", "--json").stdout)] == list(dialect_names())
    assert all(name in posterm("dialect", "list").stdout for name in dialect_names())


@pytest.mark.parametrize("name", dialect_names())
def test_a_dialect_is_shown_with_all_its_elements(posterm, name):
    lines = posterm("dialect", "show", name).stdout.splitlines()
    numbers = [int(line.split()[0]) for line in lines if line[:1].isdigit()]
    assert numbers == list(get_dialect(name).elements)
    document = json.loads(posterm("dialect", "show", name, "--json").stdout)
    assert [int(number) for number in document["elements"]] == numbers


def test_a_good_file_is_good(posterm, tmp_path):
    own = tmp_path / "own.toml"
    own.write_text('name = "own"\nextends = "iso87-ascii"\n', "utf-8")
    assert posterm("dialect", "check", str(own)).output == "good: own, 126 elements\n"
    assert json.loads(posterm("dialect", "check", "--json", str(own)).stdout)["good"] is True


def test_every_fault_of_a_file_is_told_with_its_line(posterm, tmp_path):
    own = tmp_path / "own.toml"
    elements = '48 = { name = "X", kind = "q" }\n49 = { name = "Y", kind = "n" }\n'
    own.write_text(f'name = "own"\nextends = "iso87-ascii"\n[elements]\n{elements}', "utf-8")
    result = posterm("dialect", "check", str(own))
    assert result.exit_code == 1
    lines = result.stdout.splitlines()
    assert [line.split(": ")[0] for line in lines] == ["own.toml:4", "own.toml:5"]
    assert "elements.48" in lines[0]
    document = json.loads(posterm("dialect", "check", "--json", str(own)).stdout)
    assert [(each["line"], document["good"]) for each in document["faults"]] == [(4, False), (5, False)]


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("dialect", "show", "nobody"), "error: NAME: no dialect 'nobody'"),
        (("sample", "--dialect", "nobody"), "error: --dialect: no dialect 'nobody'"),
        (("sample", "--binary"), "error: --binary: need one --dialect"),
        (("sample", "--framing", "x"), "error: --framing: need one of"),
        (("validate", "@nowhere.hex"), "error: nowhere.hex: need a readable file"),
        (("doctor", "020"), "error: message: need two digits for each byte"),
        (("redact", "-"), "error: message: need hexadecimal digits, have none"),
        (("encode", "nowhere.json"), "error: nowhere.json: need a readable file"),
    ],
)
def test_a_mistake_ends_in_one_line(posterm, arguments, says):
    result = posterm(*arguments)
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr.splitlines()[0].startswith(says)
    assert len(result.stderr.splitlines()) <= 2


# --- decode --hex -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", dialect_names())
def test_the_bytes_of_the_elements_are_those_of_the_message(posterm, name):
    digits = posterm("sample", "-d", name).stdout.strip()
    document = json.loads(posterm("decode", "-d", name, "--json", "--hex", "--unmask", digits).stdout)
    assert list(document["bytes"]) == list(document["elements"])
    pieces = [bytes.fromhex(each["hex"]) for each in document["bytes"].values()]
    first = next(iter(document["bytes"].values()))["at"]
    assert bytes.fromhex(digits)[first:] == b"".join(pieces)


def test_the_bytes_of_sensitive_elements_are_masked_and_no_pair_is_torn(posterm):
    result = posterm("decode", "-d", "iso87-ascii", "--hex", "-", stdin=posterm("sample", "-d", "iso87-ascii").stdout)
    lines = [line.strip() for line in result.stdout.splitlines() if line.strip().startswith("bytes")]
    assert "bytes 12 to 29                  **** (18 bytes masked)" in lines
    assert "bytes 99 to 99                  35" in lines
    assert "34 30 30 30 30 30" not in result.stdout
