"""`posterm issuer serve` and the host beside it: what a configuration makes of them, and a payment through both."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from posterm.console.configuration import load_configuration
from posterm.console.errors import ConfigurationError
from posterm.console.host_desk import configured_host
from posterm.console.issuer_desk import configured_issuer, issuer_addresses
from posterm.host.errors import TermsError
from simulators.cards import TEST_CARDS

WAIT_S = 60.0
ISSUERS = """
[[host.issuers]]
name = "east"
institution = "03050001"
prefixes = ["621234", "622848"]
port = {port}
stand_in = {{ amount_max_minor = 500, pin = "unverified" }}
"""


def configured(folder: Path, text: str):
    path = folder / "posterm.toml"
    path.write_text(text, encoding="utf-8")
    return load_configuration(path)


def test_a_configuration_names_the_issuers_of_the_host(tmp_path):
    configuration = configured(tmp_path, ISSUERS.format(port=9001))
    with configured_host(configuration) as opened:
        issuer = opened.host.issuers.of_card("6212345678901265")
        assert (issuer.name, issuer.terms.stand_in.amount_max_minor, issuer.keys) == ("east", 500, None)
        assert opened.host.issuers.of_card("4761739001010010") is None
        [where] = issuer_addresses(configuration.host, opened.host.issuers)
        assert (where.address, where.port) == ("127.0.0.1", 9001)


def test_two_issuers_may_not_have_the_same_cards(tmp_path):
    twice = ISSUERS.format(port=9001) + ISSUERS.format(port=9002).replace("east", "west")
    with pytest.raises(TermsError, match="two for 621234"), configured_host(configured(tmp_path, twice)):
        pass


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ('[[host.issuers]]\nname = "east"', r"host\.issuers\.0\.institution"),
        (ISSUERS.format(port=0), r"host\.issuers\.0\.port"),
        (ISSUERS.format(port=1).replace("unverified", "guess"), r"host\.issuers\.0\.stand_in\.pin"),
        (ISSUERS.format(port=1).replace('"621234"', '"62x"'), r"host\.issuers\.0\.prefixes"),
        ("[issuer]\nprefixes = []", r"issuer\.prefixes"),
    ],
)
def test_a_fault_in_it_is_told_with_its_key(tmp_path, text, says):
    with pytest.raises(ConfigurationError, match=says):
        configured(tmp_path, text)


def test_the_zone_master_key_does_not_show(tmp_path):
    configuration = configured(tmp_path, ISSUERS.format(port=9001))
    assert configuration.issuer.zmk_components[0] not in repr(configuration)


def test_an_issuer_has_the_test_cards_of_its_prefixes_and_keeps_them(tmp_path):
    configuration = configured(tmp_path, '[issuer]\nprefixes = ["622848"]')
    for _ in range(2):
        with configured_issuer(configuration) as opened:
            known = [card.pan.masked for card in TEST_CARDS if opened.issuer.knows_card(card.pan)]
            assert known == ["622848*********0018"]
            assert opened.issuer.ledger.prove().faults == ()


@contextmanager
def running(folder: Path, *arguments: str) -> Iterator[tuple[str, Path]]:
    """A command that serves, in a process of its own. Gives its first line and the file of its output."""
    output = folder / f"{arguments[0]}.log"
    with output.open("w") as file:
        process = subprocess.Popen([sys.executable, "-m", "posterm.console", *arguments], stdout=file, cwd=folder)
    try:
        wait_for(output, "listening on ")
        yield output.read_text().splitlines()[0], output
    finally:
        process.terminate()
        assert process.wait(WAIT_S) == 0


def wait_for(output: Path, text: str) -> None:
    until = time.monotonic() + WAIT_S
    while text not in output.read_text():
        assert time.monotonic() < until, output.read_text()
        time.sleep(0.05)


def test_a_sale_goes_from_the_terminal_over_the_host_to_the_issuer_and_back(tmp_path, posterm):
    (tmp_path / "east.toml").write_text('data_directory = "east"\n[issuer]\nprefixes = ["621234"]', encoding="utf-8")
    with running(tmp_path, "issuer", "serve", "-c", "east.toml", "--port", "0") as (line, told):
        port = line.rpartition(":")[2]
        configuration = tmp_path / "host.toml"
        configuration.write_text("[host]\nport = 0\n" + ISSUERS.format(port=port), encoding="utf-8")
        with running(tmp_path, "host", "serve", "-c", "host.toml") as (host_line, events):
            wait_for(events, "issuer-up")
            port = host_line.rpartition(":")[2]
            text = configuration.read_text() + f"[terminal]\nhost_port = {port}\n"
            configuration.write_text(text, encoding="utf-8")
            assert posterm("terminal", "sign-on", "-c", str(configuration)).exit_code == 0
            sale = posterm("terminal", "sale", "12.34", "--insert", "debit", "-c", str(configuration))
            assert "sale 12.34 approved" in sale.output
            assert "1 asked, 1 answered" in posterm("host", "status", "-c", str(configuration)).output
        wait_for(told, "approved")
    owed = posterm("ledger", "accounts", "-c", str(configuration)).output
    assert "-12.34" in next(line for line in owed.splitlines() if "network/east/156" in line)
