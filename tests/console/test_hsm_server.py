"""`posterm hsm serve` as a process, and the commands that ask it: call, status, authorize, revoke."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.console.conftest import Posterm
from tests.runtime.hsm_process import HsmProcess
from tests.runtime.link_ends import Authority

PASSPHRASES = {"ann": "correct horse battery", "bob": "staple battery horse"}


@pytest.fixture(scope="module")
def folder() -> Iterator[Path]:
    """A folder with a short name: the path of a socket has 108 bytes at most."""
    with tempfile.TemporaryDirectory(prefix="hsm-") as name:
        yield Path(name)


@pytest.fixture(scope="module")
def config(folder: Path) -> Path:
    path = folder / "posterm.toml"
    path.write_text('data_directory = "data"\n[hsm]\nlmk = "lmk"\nmode = "production"\ndisabled_commands = ["A6"]\n')
    (folder / "lmk").write_text(bytes(range(32)).hex())
    return path


@pytest.fixture(scope="module")
def process(config: Path) -> Iterator[HsmProcess]:
    from typer.testing import CliRunner

    from posterm.console.cli.main import app

    for name, passphrase in PASSPHRASES.items():
        entered = CliRunner().invoke(app, ["hsm", "officer", name, "-c", str(config)], input=f"{passphrase}\n" * 2)
        assert entered.exit_code == 0, entered.output
    running = HsmProcess(config, "--verbose")
    running.start()
    yield running
    assert running.stop() == 0


def call(posterm: Posterm, process: HsmProcess, config: Path, *arguments: str):
    return posterm("hsm", "call", *arguments, "-s", f"127.0.0.1:{process.port}", "-c", str(config))


def test_a_command_is_answered_in_words(posterm: Posterm, process: HsmProcess, config: Path) -> None:
    answered = call(posterm, process, config, "B2", "0005", "HELLO")
    assert (answered.exit_code, answered.stdout) == (0, "B3 00  no error\nHELLO\n")
    document = json.loads(call(posterm, process, config, "B2", "0001", "é", "--json").stdout)
    assert document == {"answer": "B3", "code": "00", "fields": "E9"}
    raw = call(posterm, process, config, "B2", "3030303101", "--hex")
    assert raw.stdout == "B3 00  no error\n\\x01\n"


@pytest.mark.parametrize(
    ("arguments", "shown"),
    [(("XX",), "XY 15  invalid input"), (("A6",), "A7 68  the command is disabled"), (("B2", "9"), "B3 15  invalid")],
)
def test_an_error_code_is_put_into_words_and_ends_with_status_1(
    posterm: Posterm, process: HsmProcess, config: Path, arguments: tuple[str, ...], shown: str
) -> None:
    answered = call(posterm, process, config, *arguments)
    assert (answered.exit_code, answered.stdout.startswith(shown)) == (1, True), answered.output


@pytest.mark.parametrize("arguments", [("N",), ("NCX",), ("é1",), ("NC", "-s", "nowhere"), ("NC", "0", "--hex")])
def test_a_call_that_cannot_be_made_ends_with_status_2(posterm: Posterm, arguments: tuple[str, ...]) -> None:
    assert posterm("hsm", "call", *arguments).exit_code == 2


def test_nobody_to_call_ends_with_status_1_and_a_hint(posterm: Posterm) -> None:
    answered = posterm("hsm", "call", "NC", "-s", "127.0.0.1:1")
    assert answered.exit_code == 1
    assert answered.stderr.splitlines()[1] == "hint: `posterm hsm serve` starts one"


def test_the_status_counts_commands_and_errors(posterm: Posterm, process: HsmProcess, config: Path) -> None:
    before = json.loads(posterm("hsm", "status", "--json", "-c", str(config)).stdout)
    call(posterm, process, config, "NC")
    call(posterm, process, config, "XX")
    after = json.loads(posterm("hsm", "status", "--json", "-c", str(config)).stdout)
    assert after["commands"] - before["commands"] == 2
    assert after["errors"] - before["errors"] == 1
    assert after["answers"]["ND"]["00"] >= 1
    assert (after["production"], after["test_lmk"], after["officers"]) == (True, False, 2)
    shown = posterm("hsm", "status", "-c", str(config)).stdout
    assert shown.startswith("production mode, LMK aes-block, check value ")
    assert "\n  ND  00: " in shown


def test_two_officers_authorize_and_one_does_not(posterm: Posterm, process: HsmProcess, config: Path) -> None:
    def speak(name: str, passphrase: str = ""):
        arguments = ("hsm", "authorize", "key-export", "--officer", name, "--minutes", "5", "-c", str(config))
        return posterm(*arguments, stdin=f"{passphrase or PASSPHRASES.get(name, '')}\n")

    assert speak("ann").stdout.endswith("key-export: a second officer is awaited\n")
    again = speak("ann")
    assert (again.exit_code, "this is the first again" in again.stderr) == (1, True)
    for name, passphrase in (("bob", "not the passphrase"), ("eve", "some passphrase")):
        refused = speak(name, passphrase)
        assert (refused.exit_code, "it is not the one" in refused.stderr) == (1, True)
    assert speak("bob").stdout.endswith("key-export: permitted for 5 minutes\n")
    assert "authorized: key-export until " in posterm("hsm", "status", "-c", str(config)).stdout
    assert posterm("hsm", "revoke", "key-export", "-c", str(config)).stdout == "key-export: locked\n"
    assert "authorized: " not in posterm("hsm", "status", "-c", str(config)).stdout
    events = [json.loads(line)["event"] for line in (config.parent / "data/hsm/audit.jsonl").read_text().splitlines()]
    spoken = [event for event in events if event not in ("started", "officer-entered")]
    assert spoken == [
        "authorization-asked", "authorization-refused", "officer-refused", "officer-refused", "authorized",
        "authorization-revoked",
    ]  # fmt: skip
    assert posterm("hsm", "audit", "verify", "-c", str(config)).exit_code == 0


def test_an_activity_that_is_none_ends_with_those_that_are(posterm: Posterm) -> None:
    refused = posterm("hsm", "revoke", "everything")
    assert (refused.exit_code, "one of pin-data, " in refused.stderr) == (2, True)


def test_while_it_runs_nobody_else_works_with_the_folder(posterm: Posterm, process: HsmProcess, config: Path) -> None:
    refused = posterm("hsm", "key", "list", "-c", str(config))
    assert (refused.exit_code, "another process works with" in refused.stderr) == (1, True)


def test_without_a_server_there_is_no_status(posterm: Posterm, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    asked = posterm("hsm", "status")
    assert (asked.exit_code, "no HSM works with" in asked.stderr) == (1, True)


def test_the_most_talkative_log_tells_codes_and_no_fields(
    process: HsmProcess, watched_output: Callable[[str], None]
) -> None:
    secrets = ("6225880137428865", "0123456789ABCDEFFEDCBA9876543210", "908172")
    with process.client() as client:
        for secret in secrets:
            client.call(f"B2{len(secret):04X}{secret}".encode("ascii"))
            client.call(secret.encode("ascii"))
        client.call(b"NC")
    told = "".join(process.output)
    watched_output(told)
    assert '"code": "NC", "answer": "00"' in told
    assert [secret for secret in secrets if secret in told] == []


def test_tls_by_configuration(posterm: Posterm, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    authority = Authority(tmp_path, "authority")
    identity = authority.issue("hsm")
    with tempfile.TemporaryDirectory(prefix="hsm-") as data:
        text = f'data_directory = "{data}"\n[hsm]\ntls_authorities = "{authority.file}"\n'
        own = f'tls_certificate = "{identity.certificate}"\ntls_key = "{identity.key}"\n'
        (tmp_path / "both.toml").write_text(text + own)
        (tmp_path / "none.toml").write_text(text)
        (tmp_path / "clear.toml").write_text("")
        running = HsmProcess(tmp_path / "both.toml")
        running.start()
        try:
            answered = call(posterm, running, tmp_path / "both.toml", "NC")
            assert (answered.exit_code, answered.stdout[:5]) == (0, "ND 00"), answered.output
            for name in ("none.toml", "clear.toml"):
                assert call(posterm, running, tmp_path / name, "NC").exit_code == 1
        finally:
            assert running.stop() == 0
    assert '"client": "hsm"' in "".join(running.output)
