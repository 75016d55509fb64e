"""`posterm qr` and `posterm phone`: codes drawn, read, made and paid."""

from __future__ import annotations

import json

import pytest

MADE = ("--merchant", "NOODLE HOUSE", "--city", "WUHAN", "--account", "15:31250156")


def test_what_is_made_is_read_again(posterm):
    text = posterm("qr", "make", *MADE, "--amount", "12.34", "--reference", "A17").stdout.strip()
    document = json.loads(posterm("qr", "parse", "--json", "-", stdin=f"{text}\n").stdout)
    assert (document["kind"], document["dynamic"], document["reference"]) == ("merchant-presented", True, "A17")
    assert {row["id"]: row["value"] for row in document["objects"]}["54"] == "12.34"


def test_a_code_without_an_amount_is_static(posterm):
    text = posterm("qr", "make", *MADE).stdout.strip()
    assert posterm("qr", "parse", text).stdout.startswith("merchant's code: static")


@pytest.mark.parametrize("json_too", [(), ("--json",)])
def test_a_customers_code_is_told_and_masked(posterm, json_too):
    shown = posterm("qr", "parse", "6229990000000000001", *json_too).stdout
    assert "unionpay" in shown
    assert "6229990000000000001" not in shown


@pytest.mark.parametrize(
    "arguments",
    [
        ("parse", "no code"),
        ("parse", "000201"),
        ("make", "--merchant", "A", "--city", "B", "--account", "nothing"),
        ("make", "--merchant", "A" * 26, "--city", "B", "--account", "15:1"),
        ("show", "x" * 5000),
        ("show", "x", "--file", "code.gif"),
    ],
)
def test_what_cannot_be_is_refused_in_one_line(posterm, arguments):
    result = posterm("qr", *arguments)
    assert result.exit_code != 0
    assert "Traceback" not in result.output


@pytest.mark.parametrize(("name", "start"), [("code.png", b"\x89PNG"), ("code.svg", b"<?xml")])
def test_a_picture_is_written(posterm, tmp_path, name, start):
    path = tmp_path / name
    assert posterm("qr", "show", "134567890123456789", "--file", str(path)).exit_code == 0
    assert path.read_bytes().startswith(start)


def test_a_screen_gets_half_blocks(posterm):
    drawn = posterm("qr", "show", "A").stdout.splitlines()
    assert set("".join(drawn)) <= set(" ▀▄█")


@pytest.fixture
def place(tmp_path):
    """A configuration with a host of its own, which nobody serves."""
    path = tmp_path / "posterm.toml"
    path.write_text(f'language = "en"\ndata_directory = "{tmp_path / "data"}"\n', encoding="utf-8")
    return ("--config", str(path))


@pytest.mark.parametrize(("more", "start"), [((), "1"), (("--face",), "fp")])
def test_a_telephone_shows_a_fresh_code_each_time(posterm, place, more, start):
    first, second = (posterm("phone", "code", "wechat", *more, *place).stdout.strip() for _ in range(2))
    assert first != second
    assert first.startswith(start)


def test_a_telephone_shows_consumer_presented_codes_of_unionpay(posterm, place):
    assert posterm("phone", "code", "unionpay", "--consumer", *place).stdout.startswith("hQVDUFYwMW")
    assert posterm("phone", "code", "wechat", "--consumer", *place).exit_code != 0


def test_a_telephone_cannot_pay_what_nobody_has_asked_for(posterm, place):
    text = posterm("qr", "make", *MADE, "--amount", "1.00", "--reference", "2026060100000001").stdout.strip()
    assert "no order" in posterm("phone", "pay", "wechat", text, *place).output
    assert posterm("phone", "password", "careful", *place).stdout == "nothing waits\n"


def test_a_terminal_practises_without_a_host(posterm, place):
    assert posterm("terminal", "training", "on", *place).exit_code == 0
    sale = posterm("terminal", "sale", "5.00", "--swipe", "debit", *place)
    assert sale.exit_code == 0
    assert "TRAINING" in sale.stdout
    assert sale.stdout.endswith("sale 5.00 practised, no money was moved voucher 000001\n")
    code = posterm("terminal", "pay-code", "5.00", "--scan", "134567890123456789", *place)
    assert code.exit_code == 0
    assert posterm("terminal", "void", *place).exit_code == 0
    assert posterm("terminal", "settle", *place).exit_code == 1
    assert posterm("terminal", "training", "off", *place).exit_code == 0
    assert posterm("terminal", "training", "sideways", *place).exit_code != 0
