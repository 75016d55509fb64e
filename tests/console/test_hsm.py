"""`posterm hsm …` as officers and keepers use it: ceremonies, named keys, the audit log."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from posterm.hsm import Algorithm, KeyBlock, KeyUsage
from posterm.hsm.primitives import check_value
from posterm.runtime.assembly import PASSPHRASE_VARIABLE, open_hsm
from posterm.runtime.store.hsm_directory import AUDIT
from tests.console.conftest import Posterm

PASSPHRASE = "correct horse battery"
COMPONENTS = ("1F2E3D4C5B6A79880F1E2D3C4B5A6978", "1E0D782BD2C1B467F1C297A43D0E5B68")


@pytest.fixture(autouse=True)
def workplace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv(PASSPHRASE_VARIABLE, raising=False)


def configure(**settings: str) -> None:
    lines = "".join(f"{key} = {json.dumps(value)}\n" for key, value in settings.items())
    Path("posterm.toml").write_text(f"[hsm]\n{lines}", encoding="utf-8")


# --- the master secret ---


def test_a_secret_divided_into_files_is_loaded_from_two_of_them(posterm: Posterm) -> None:
    made = posterm("hsm", "lmk", "new", "--to", "shares")
    assert made.exit_code == 0, made.stderr
    files = sorted(map(str, Path("shares").iterdir()))
    assert [line.removeprefix("wrote ") for line in made.stdout.splitlines()[:3]] == files
    assert {Path(name).stat().st_mode & 0o077 for name in files} == {0}
    loaded = posterm("hsm", "lmk", "load", files[2], files[0], "--to", "lmk.sealed", stdin=f"{PASSPHRASE}\n" * 2)
    assert loaded.exit_code == 0, loaded.stderr
    check = re.search(r"AES LMK: ([0-9A-F]{6})", made.stdout)
    assert check is not None
    assert check[0] in loaded.stdout
    configure(lmk="lmk.sealed", mode="production")
    listed = posterm("hsm", "key", "list", stdin=f"{PASSPHRASE}\n")
    assert listed.exit_code == 0, listed.stderr
    wrong = posterm("hsm", "key", "list", stdin="another passphrase\n")
    assert (wrong.exit_code, "another passphrase, or" in wrong.stderr) == (2, True)


def test_the_environment_may_hold_the_passphrase(posterm: Posterm, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(PASSPHRASE_VARIABLE, PASSPHRASE)
    posterm("hsm", "lmk", "new", "--to", ".")
    files = sorted(map(str, Path().glob("*.share")))
    assert posterm("hsm", "lmk", "load", *files, "--to", "lmk.sealed").exit_code == 0
    configure(lmk="lmk.sealed")
    assert posterm("hsm", "key", "list").exit_code == 0


def test_shares_are_shown_to_one_keeper_after_the_other_and_typed_in_again(posterm: Posterm) -> None:
    made = posterm("hsm", "lmk", "new", "--shares", "3", "--threshold", "2", stdin="y\n\n" * 3)
    assert made.exit_code == 0, made.stderr
    shares = re.findall(r"\d-2of3-[0-9A-F-]+", made.stdout)
    assert len(shares) == 3
    typed = f"{shares[1]}\n{shares[0]}\n{PASSPHRASE}\n{PASSPHRASE}\n"
    loaded = posterm("hsm", "lmk", "load", "--to", "lmk.sealed", stdin=typed)
    assert loaded.exit_code == 0, loaded.stderr
    assert shares[0] not in loaded.output


def test_a_ceremony_without_a_lone_keeper_is_broken_off(posterm: Posterm) -> None:
    made = posterm("hsm", "lmk", "new", stdin="n\n")
    assert (made.exit_code, "-2of3-" in made.output) == (2, False)
    assert "broken off" in made.stderr


def test_a_file_of_shares_is_not_written_over(posterm: Posterm) -> None:
    Path("lmk.sealed").touch()
    posterm("hsm", "lmk", "new", "--to", ".")
    files = sorted(map(str, Path().glob("*.share")))
    refused = posterm("hsm", "lmk", "load", *files, "--to", "lmk.sealed", stdin=f"{PASSPHRASE}\n" * 2)
    assert (refused.exit_code, "is there already" in refused.stderr) == (1, True)


def test_a_misread_share_is_refused(posterm: Posterm) -> None:
    refused = posterm("hsm", "lmk", "load", "--to", "lmk.sealed", stdin="1-2of3-00000000-00-00000000\n")
    assert (refused.exit_code, "misread" in refused.stderr) == (2, True)
    assert not Path("lmk.sealed").exists()


def test_the_test_keys_are_refused_in_production(posterm: Posterm) -> None:
    configure(mode="production")
    refused = posterm("hsm", "key", "list")
    assert refused.exit_code == 2
    assert "the published test keys are refused" in refused.stderr
    assert "lmk new" in refused.stderr


# --- named keys ---


def test_a_generated_key_is_listed_with_its_attributes(posterm: Posterm) -> None:
    made = posterm("hsm", "key", "generate", "zone-pin", "-u", "P0", "-a", "aes-128", "--mode", "E")
    assert made.exit_code == 0, made.stderr
    block = KeyBlock(made.stdout.splitlines()[1])
    listed = json.loads(posterm("hsm", "key", "list", "--json").stdout)
    kcv = open_hsm().key_check_value(block, 3).hex().upper()
    assert listed == [
        {"name": "zone-pin", "usage": "P0", "algorithm": "aes-128", "mode": "E", "exportability": "E", "kcv": kcv,
         "key": str(block)}
    ]  # fmt: skip
    shown = posterm("hsm", "key", "list").stdout.splitlines()
    assert shown[0].split() == ["Name", "Usage", "Algorithm", "Mode", "Exp", "KCV"]
    assert shown[1].split() == ["zone-pin", "P0", "aes-128", "E", "E", kcv]


def test_a_key_goes_out_under_another_and_comes_in_again(posterm: Posterm) -> None:
    posterm("hsm", "key", "generate", "master", "-u", "K0")
    posterm("hsm", "key", "generate", "mac", "-u", "M0", "-a", "des")
    out = json.loads(posterm("hsm", "key", "export", "mac", "--kek", "master", "--json").stdout)
    arguments = ("--kek", "master", "--cryptogram", out["cryptogram"], "--kcv", out["kcv"])
    back = posterm("hsm", "key", "import", "again", "-u", "M0", "-a", "des", *arguments)
    assert back.exit_code == 0, back.stderr
    first, second = json.loads(posterm("hsm", "key", "list", "--json").stdout)[1:]
    assert first["kcv"] == second["kcv"] == out["kcv"][:6].upper()
    assert posterm("hsm", "key", "export", "mac", "--kek", "master").stdout.startswith("mac under master: ")


def test_a_key_that_may_not_leave_stays(posterm: Posterm) -> None:
    posterm("hsm", "key", "generate", "master", "-u", "K0")
    posterm("hsm", "key", "generate", "own", "-u", "P0", "--exportability", "N")
    refused = posterm("hsm", "key", "export", "own", "--kek", "master")
    assert (refused.exit_code, "forbids it" in refused.stderr) == (2, True)


def test_components_make_the_key_they_are_of(posterm: Posterm) -> None:
    typed = "".join(f"y\n{component}\ny\n" for component in COMPONENTS)
    made = posterm("hsm", "key", "components", "zone", "-u", "K0", stdin=typed)
    assert made.exit_code == 0, made.stderr
    assert "zone, check value 08D7B4" in made.stdout
    for component in COMPONENTS:
        shown = check_value(Algorithm.TDES_DOUBLE, bytes.fromhex(component), 3).hex().upper()
        assert f"its check value: {shown}" in made.stdout
        assert component not in made.output


def test_drawn_components_are_each_shown_once_and_make_the_key(posterm: Posterm) -> None:
    made = posterm("hsm", "key", "components", "zone", "-u", "K0", "--parts", "3", "--draw", stdin="y\n\n" * 3)
    assert made.exit_code == 0, made.stderr
    drawn = [bytes.fromhex(text) for text in re.findall(r"component \d: ([0-9A-F]{32})", made.stdout)]
    key = open_hsm().combine_components(drawn, KeyUsage.KEY_ENCRYPTION, Algorithm.TDES_DOUBLE)
    assert f"check value {open_hsm().key_check_value(key, 3).hex().upper()}" in made.stdout


@pytest.mark.parametrize("typed", ["n\n", f"y\n{COMPONENTS[0]}\nn\n"], ids=["not-alone", "another-check-value"])
def test_a_component_that_is_not_confirmed_makes_no_key(posterm: Posterm, typed: str) -> None:
    refused = posterm("hsm", "key", "components", "zone", "-u", "K0", stdin=typed)
    assert (refused.exit_code, "no key was made" in refused.stderr) == (2, True)
    assert json.loads(posterm("hsm", "key", "list", "--json").stdout) == []


def test_a_dropped_key_is_gone(posterm: Posterm) -> None:
    posterm("hsm", "key", "generate", "zone", "-u", "K0")
    assert posterm("hsm", "key", "drop", "zone").stdout == "dropped zone\n"
    gone = posterm("hsm", "key", "drop", "zone")
    assert (gone.exit_code, "no key of this name" in gone.stderr) == (2, True)


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        (("generate", "x", "-u", "Q9"), "--usage: need one of"),
        (("generate", "x", "-u", "P0", "-a", "rot13"), "--algorithm: need one of"),
        (("generate", "x", "-u", "P0", "--mode", "Q"), "--mode: need one of"),
        (("generate", "x/y", "-u", "P0"), "name: need"),
        (("generate", "x", "-u", "P0", "--mode", "G"), "mode"),
        (("import", "x"), "need --key-block, or"),
        (("import", "x", "-u", "P0", "--kek", "y", "--cryptogram", "zz"), "no key of this name"),
        (("export", "x", "--kek", "y"), "no key of this name"),
    ],
)
def test_what_cannot_be_is_refused_with_a_reason(posterm: Posterm, arguments: tuple[str, ...], why: str) -> None:
    refused = posterm("hsm", "key", *arguments)
    assert (refused.exit_code, why in refused.stderr) == (2, True), refused.stderr


# --- the audit log ---


def test_every_act_is_in_the_audit_log(posterm: Posterm) -> None:
    test_a_key_goes_out_under_another_and_comes_in_again(posterm)
    records = [json.loads(line) for line in Path("posterm-data/hsm", AUDIT).read_text("ascii").splitlines()]
    events = ["generated", "generated", "exported", "imported", "exported"]
    assert [record["event"] for record in records] == [f"key-{event}" for event in events]
    verified = posterm("hsm", "audit", "verify")
    assert (verified.exit_code, verified.stdout) == (0, "5 records hold together\n")


@pytest.mark.parametrize("how", ["changed", "dropped", "swapped", "cut", "emptied"])
def test_a_log_that_was_tampered_with_is_found(posterm: Posterm, how: str) -> None:
    for number in range(5):
        posterm("hsm", "key", "generate", f"key-{number}", "-u", "K0")
    path = Path("posterm-data/hsm", AUDIT)
    lines = path.read_text("ascii").splitlines(keepends=True)
    match how:
        case "changed":
            lines[2] = lines[2].replace("key-2", "key-9")
        case "dropped":
            del lines[2]
        case "swapped":
            lines[2], lines[3] = lines[3], lines[2]
        case "cut":
            lines.pop()
        case "emptied":
            lines.clear()
    path.write_text("".join(lines), "ascii")
    verified = posterm("hsm", "audit", "verify", "--json")
    report = json.loads(verified.stdout)
    assert (verified.exit_code, report["whole"]) == (1, False)
    named = {"cut": "records 5 to 5", "emptied": "records 1 to 5"}.get(how, "record")
    assert named in report["fault"]
    copied = posterm("hsm", "audit", "verify", str(path))
    assert copied.exit_code == (0 if how in ("cut", "emptied") else 1)


def test_a_log_that_is_not_there_is_an_error(posterm: Posterm) -> None:
    assert "cannot read the audit log" in posterm("hsm", "audit", "verify", "nowhere.jsonl").stderr
    assert posterm("hsm", "audit", "verify").exit_code == 1


def test_an_officer_is_entered_once(posterm: Posterm) -> None:
    entered = posterm("hsm", "officer", "ann", stdin=f"{PASSPHRASE}\n" * 2)
    assert (entered.exit_code, entered.stdout.splitlines()[-1]) == (0, "entered officer ann")
    assert posterm("hsm", "officer", "ann", stdin=f"{PASSPHRASE}\n" * 2).exit_code == 2
    assert posterm("hsm", "officer", "bob", stdin="short\nshort\n").exit_code == 2
