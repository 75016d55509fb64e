"""`posterm card serve` and `posterm emv`: two processes that know nothing of each other, and pcscd between them."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime

import pytest
from typer.testing import CliRunner, Result

from posterm.amount import Amount
from posterm.console.chip_run import Counter, Setting, run_chip
from posterm.console.cli.main import app
from posterm.emv.capk import CaKeyStore
from posterm.emv.config_file import default_terminal
from posterm.runtime import pcsc
from simulators.card import authorities, load_profile
from simulators.chip_issuer import TestIssuers
from tests.runtime.pcsc_daemon import Daemon

SERVE = [sys.executable, "-m", "posterm.console", "card", "serve"]


def posterm(*arguments: str) -> Result:
    return CliRunner().invoke(app, list(arguments), prog_name="posterm")


@contextlib.contextmanager
def served(daemon: Daemon, *arguments: str) -> Iterator[tuple[str, subprocess.Popen[str]]]:
    """The name of a reader whose card another process serves, and that process."""
    name, port = daemon.next_slot()
    with pcsc.Context() as context:
        assert context.wait_for_card(name, 20, present=False)
        command = [*SERVE, *arguments, "--vpcd", f"127.0.0.1:{port}"]
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as process:
            try:
                assert context.wait_for_card(name, 60)
                yield name, process
            finally:
                process.kill()


@pytest.mark.parametrize("contactless", [False, True], ids=["contact", "contactless"])
def test_a_served_card_is_read_like_any_other(pcscd, watched_output, contactless):
    way = ["--contactless"] if contactless else []
    with served(pcscd, "visa-credit", "--verbose", *way) as (name, process):
        result = posterm("emv", "read", "--reader", name, "--json")
        assert result.exit_code == 0
        document = json.loads(result.output)
        assert document["applications"][0]["df_name"] == "A0000000031010"
        process.send_signal(signal.SIGINT)
        told, _ = process.communicate(timeout=60)
    watched_output(told)
    assert process.returncode == 130
    lines = told.splitlines()
    assert any(line.startswith("visa-credit is in the virtual reader at 127.0.0.1:") for line in lines)
    directory = "2PAY" if contactless else "1PAY"
    assert directory in document["directory"][0]["asked"]
    assert "SELECT 00A40400: 9000 success" in lines


def test_a_reader_lists_its_card(pcscd):
    with served(pcscd, "unionpay-debit") as (name, _):
        listed = {row["name"]: row for row in json.loads(posterm("emv", "readers", "--json").output)}
        assert listed[name]["atr"].startswith("3B")
        assert set(listed) == set(pcscd.slots)
        table = posterm("emv", "readers").output
        assert f"{name}  -      {listed[name]['atr']}" in table


def test_a_t0_card_is_read_whole(pcscd, tmp_path):
    own = tmp_path / "own.toml"
    own.write_text('derive = "visa-debit"\nname = "own"\nprotocol = "T=0"\n')
    with served(pcscd, str(own)) as (name, _):
        output = posterm("emv", "read", "--reader", name).output
    pan = load_profile("visa-debit").holder.pan
    assert ", T=0" in output.splitlines()[0]
    assert f"{pan[:6]}******{pan[-4:]}" in output


def test_without_a_card_the_reader_is_waited_for(pcscd):
    name, _ = pcscd.next_slot()
    with pcsc.Context() as context:
        assert context.wait_for_card(name, 20, present=False)
    result = posterm("emv", "read", "--reader", name, "--wait", "0.01")
    assert result.exit_code == 1
    assert f"{name}: waiting for a card" in result.output
    assert f"error: {name}: no card was put in" in result.output


def test_which_of_several_readers_is_not_guessed(pcscd):
    with pcsc.Context() as context:
        # The only reader with a card in it would be taken.
        assert all(context.wait_for_card(name, 20, present=False) for name in pcscd.slots)
    result = posterm("emv", "read")
    assert result.exit_code == 2
    assert f"reader: need one, have {len(pcscd.slots)}" in result.output


def test_a_virtual_reader_that_is_not_there_is_told(tmp_path):
    result = subprocess.run(
        [*SERVE, "visa-debit", "--vpcd", "127.0.0.1:1"],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
        env=dict(os.environ),
    )
    assert result.returncode == 1
    assert "virtual reader: no connection to 127.0.0.1:1" in result.stderr


@pytest.mark.parametrize("address", ["35963", ":35963", "host:", "host:port", "host:0", "host:70000"])
def test_an_address_that_cannot_be_is_a_mistake(address):
    result = posterm("card", "serve", "visa-debit", "--vpcd", address)
    assert result.exit_code == 2
    assert "need HOST:PORT" in result.output


# --- chip sales ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("protocol", ["T=0", "T=1"])
def test_a_chip_sale_through_the_reader_is_approved_by_issuer_and_card(pcscd, tmp_path, protocol):
    own = tmp_path / "own.toml"
    own.write_text(f'derive = "unionpay-debit"\nname = "own"\nprotocol = "{protocol}"\n')
    kept = tmp_path / "run.apdu"
    with served(pcscd, str(own)) as (name, _):
        sale = posterm("emv", "run", "--amount", "12.34", "--reader", name, "--json", "--save", str(kept))
    document = json.loads(sale.output)
    assert (document["ending"], document["cryptogram"], document["response_code"]) == ("approved", "TC", "00")
    assert "byte 1 bit 5 issuer authentication performed" in document["tsi"]["bits"]
    again = json.loads(posterm("emv", "replay", str(kept), "--json").output)
    assert again["data"] == document["data"]


def test_a_tapped_card_is_known_by_what_its_reader_says(pcscd):
    with served(pcscd, "visa-credit", "--contactless") as (name, _):
        sale = posterm("emv", "run", "--amount", "12.34", "--reader", name, "--json")
    document = json.loads(sale.output)
    assert (document["contactless"], document["ending"]) == (True, "approved")


def test_a_card_withdrawn_in_the_middle_ends_the_sale(pcscd):
    with served(pcscd, "visa-debit", "--fault", "withdrawn-at-5") as (name, _):
        sale = posterm("emv", "run", "--amount", "12.34", "--reader", name, "--json")
    assert sale.exit_code == 1
    assert json.loads(sale.output)["ending"] == "terminated"


def test_several_readers_sell_at_once(pcscd):
    cards = ("unionpay-debit", "visa-debit", "mastercard-debit")
    with contextlib.ExitStack() as stack:
        names = [stack.enter_context(served(pcscd, card))[0] for card in cards]
        readers = [pcsc.PcscReader(name) for name in names]
        try:
            with ThreadPoolExecutor(len(readers)) as pool:
                endings = list(pool.map(five_sales, readers))
        finally:
            for reader in readers:
                reader.close()
    assert endings == [["approved"] * 5] * len(cards)


def five_sales(reader: pcsc.PcscReader) -> list[str]:
    """What each ended with; the card stays in."""
    keys = CaKeyStore(authorities())
    counter = Counter(online=lambda request: TestIssuers().answer(request).result)
    setting = Setting(Amount(1234), datetime(2030, 6, 1, 12, tzinfo=UTC), bytes(16))
    runs = [run_chip(setting, default_terminal(), keys, reader, counter) for _ in range(5)]
    return [run.outcome.ending.value for run in runs]
