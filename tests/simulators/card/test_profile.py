"""Profiles: ready ones, those of test cards, a user's own, and what is refused."""

from __future__ import annotations

from datetime import date

import pytest

from simulators.card import FAULTS, ProfileError, load, load_profile, profile_names
from simulators.card.profile import SCHEMES, Application, CardProfile, Contactless, ElectronicCash, Holder, Risk
from simulators.cards import TEST_CARDS, find_card
from tests.structure.source_tree import ROOT


def test_there_is_a_ready_card_for_each_scheme_and_kind():
    kinds = ("credit", "debit", "expired", "blocked", "pin-blocked", "wrong-signature")
    assert {f"{scheme}-{kind}" for scheme in SCHEMES for kind in kinds} <= set(profile_names())
    assert set(profile_names()) >= {"unionpay-ecash", "unionpay-dual", "mastercard-mag-stripe"}
    assert "visa-ecash" not in profile_names()


@pytest.mark.parametrize("name", profile_names())
def test_a_ready_card_is_one_that_a_host_knows(name):
    profile = load_profile(name)
    card = find_card(profile.holder.pan)
    assert card is not None
    assert profile.holder.pin == card.pin.reveal()
    assert (profile.holder.expiry < date(2026, 1, 1).strftime("%y%m")) == name.endswith("expired")


@pytest.mark.parametrize("card", [card for card in TEST_CARDS if card.chip], ids=lambda card: card.name)
def test_a_test_card_has_a_chip_with_its_own_number(card):
    profile = load_profile(card.name)
    assert (profile.name, profile.holder.pan, profile.holder.expiry) == (card.name, card.pan.reveal(), card.expiry)
    assert card.track2.has_chip


def test_a_card_without_a_chip_has_a_stripe_that_says_so():
    card = find_card("stripe")
    assert card is not None
    assert not card.track2.has_chip
    with pytest.raises(ProfileError, match="no such ready card"):
        load_profile("stripe")


def test_a_file_names_its_differences(tmp_path):
    path = tmp_path / "mine.toml"
    path.write_text(
        'derive = "visa-credit"\nprotocol = "T=0"\n[holder]\nexpiry = "2906"\n[applications.main]\ncvn = "visa-22"\n'
    )
    profile, base = load_profile(str(path)), load_profile("visa-credit")
    assert (profile.name, profile.protocol, profile.holder.expiry) == ("mine", "T=0", "2906")
    assert profile.holder.pan == base.holder.pan
    assert profile.applications["main"] == base.applications["main"].model_copy(update={"cvn": "visa-22"})
    assert load(str(path)).power_on()


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ('derive = "visa-none"', "no such ready card"),
        ('derive = "other.toml"', "derive names a ready card"),
        ('derive = "visa-debit"\nprotocol = "T=2"', "protocol: "),
        ('derive = "visa-debit"\ncolour = "red"', "colour: extra"),
        ('derive = "visa-debit"\n[holder]\npan = "4761730000002273"', "holder: .*check digit"),
        ('derive = "visa-debit"\n[holder]\ntest_card = "nobody"', "no test card nobody"),
        ('derive = "visa-debit"\n[applications.main]\ncvn = "visa-9"', "applications.main: .*cvn"),
        ('derive = "visa-debit"\n[applications.main]\ncdol1 = "9F"', "applications.main: .*cdol1"),
        ('derive = "visa-debit"\n[applications.main]\nissuer_authentication = "cdol2"', "cdol2 asks for 91"),
        ('derive = "visa-debit"\n[applications.main]\npin_tries_left = 4', "pin_tries_left"),
        ('derive = "visa-debit"\n[applications.main]\natc = 0', "last_online_atc"),
        ('derive = "visa-debit"\n[applications.main]\naid = "A0"', "applications.main.aid: "),
        ("derive = ", "mine.toml: "),
        ('scheme = "visa"', "holder: field required|name: field required"),
    ],
)
def test_a_profile_that_cannot_be_is_refused_with_its_key(tmp_path, text, fault):
    path = tmp_path / "mine.toml"
    path.write_text(text)
    with pytest.raises(ProfileError, match=fault):
        load_profile(str(path))


def test_files_that_cannot_be_read_are_refused(tmp_path):
    with pytest.raises(ProfileError, match=r"(?i)no such file"):
        load_profile(str(tmp_path / "none.toml"))
    (tmp_path / "bad.toml").write_bytes(b"\xff")
    with pytest.raises(ProfileError, match=r"bad\.toml"):
        load_profile(str(tmp_path / "bad.toml"))
    with pytest.raises(ProfileError, match="no fault flying"):
        load("visa-debit", fault="flying")


def test_every_key_and_kind_is_documented():
    text = (ROOT / "docs/cards.md").read_text(encoding="utf-8")
    for model in (CardProfile, Holder, Application, Risk, Contactless, ElectronicCash):
        sections = ("holder", "applications", "risk", "contactless", "electronic_cash")
        assert [key for key in model.model_fields if key not in sections and f"`{key}`" not in text] == []
    kinds = {name.split("-", 1)[1] for name in profile_names()}
    assert [kind for kind in kinds if f"`{kind}`" not in text] == []


@pytest.mark.parametrize("name", FAULTS)
def test_a_card_with_a_fault_can_be_loaded_and_answers(name):
    fault = FAULTS[name]
    card = load(fault.card, fault=name)
    assert card.power_on()
    assert len(bytes.fromhex(fault.tvr)) == 5
    answer = card.transmit(bytes.fromhex("00A404000E315041592E5359532E444446303100"))
    assert answer or fault.withdrawn_at == 1
