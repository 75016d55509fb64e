"""`posterm card`: what is listed, what is hidden, and files written."""

from __future__ import annotations

import json

import pytest

from simulators.card import FAULTS, TAP_FAULTS, load_profile, profile_names


def test_list_names_every_ready_card(posterm):
    result = posterm("card", "list")
    assert result.exit_code == 0
    assert [line.split()[0] for line in result.stdout.splitlines()[1:]] == list(profile_names())
    assert [each["name"] for each in json.loads(posterm("card", "list", "--json").stdout)] == list(profile_names())


def test_list_names_every_fault(posterm):
    shown = posterm("card", "list", "--faults").stdout
    assert [name for name in FAULTS | TAP_FAULTS if name not in shown] == []
    document = json.loads(posterm("card", "list", "--faults", "--json").stdout)
    assert [each["name"] for each in document] == [*FAULTS, *TAP_FAULTS]


@pytest.mark.parametrize("name", profile_names())
def test_show_hides_number_and_pin(posterm, name):
    holder = load_profile(name).holder
    for result in (posterm("card", "show", name), posterm("card", "show", name, "--json")):
        assert result.exit_code == 0
        assert holder.pan[-4:] in result.stdout
        assert holder.pan not in result.stdout
        assert holder.pin not in result.stdout


@pytest.mark.shows_test_data
def test_show_tells_them_when_asked(posterm):
    holder = load_profile("visa-debit").holder
    shown = posterm("card", "show", "visa-debit", "--reveal").stdout
    assert holder.pan in shown
    assert holder.pin in shown
    assert json.loads(posterm("card", "show", "visa-debit", "--reveal", "--json").stdout)["holder"]["pan"] == holder.pan


def test_make_writes_a_profile_that_loads(posterm, tmp_path):
    path = tmp_path / "mine.toml"
    command = ("card", "make", "--from", "visa-credit", "--expiry", "2906", "--key-seed", "x", "--out", str(path))
    result = posterm(*command)
    assert (result.exit_code, result.stdout) == (0, f"wrote {path}\n")
    profile = load_profile(str(path))
    assert (profile.name, profile.holder.expiry, profile.key_seed) == ("mine", "2906", "x")
    again = posterm(*command)
    assert again.exit_code == 2
    assert "is there already" in again.stderr
    assert posterm(*command, "--force").exit_code == 0


@pytest.mark.parametrize(
    ("arguments", "fault"),
    [
        (("--from", "visa-credit", "--out", "mine.txt"), "ends in .toml"),
        (("--from", "nothing", "--out", "mine.toml"), "no such ready card"),
        (("--from", "visa-credit", "--expiry", "2913", "--out", "mine.toml"), "holder.expiry"),
        (("--from", "visa-credit", "--out", "nowhere/mine.toml"), "cannot write"),
    ],
)
def test_make_refuses_what_cannot_be(posterm, tmp_path, monkeypatch, arguments, fault):
    monkeypatch.chdir(tmp_path)
    result = posterm("card", "make", *arguments)
    assert result.exit_code == 2
    assert fault in result.stderr
    assert list(tmp_path.iterdir()) == []


def test_show_of_an_unknown_card_says_where_to_look(posterm):
    result = posterm("card", "show", "nothing")
    assert result.exit_code == 2
    assert "posterm card list" in result.stderr
