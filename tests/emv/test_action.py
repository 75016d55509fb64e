"""Terminal action analysis and GENERATE AC. Source: EMV 4.4 Book 3, 10.7, 10.8 and 6.5.5."""

from __future__ import annotations

import hashlib
from dataclasses import replace

import pytest

from posterm.emv.bits import Tvr
from posterm.emv.exchange import OnlineResult
from posterm.emv.outcome import Ending
from tests.emv.paper_card import PURCHASE, TERMINAL, PaperCard, run, with_application

NOT_PERFORMED = Tvr.OFFLINE_DATA_AUTHENTICATION_NOT_PERFORMED
"""The one bit the paper card sets when all is well."""
EXPIRED = {"5F24": bytes.fromhex("200101")}
NONE = bytes(5)


def code(bits: Tvr) -> bytes:
    return bits.to_bytes()


def asked_for(card: PaperCard) -> list[str]:
    return [{"00": "AAC", "40": "TC", "80": "ARQC"}[apdu[4:6]] for apdu in card.sent("80AE")]


@pytest.mark.parametrize(
    ("issuer", "terminal", "wanted"),
    [
        ({}, {}, "TC"),
        ({"9F0E": code(NOT_PERFORMED)}, {}, "AAC"),
        ({}, {"tac_denial": NOT_PERFORMED}, "AAC"),
        ({"9F0F": code(NOT_PERFORMED)}, {}, "ARQC"),
        ({}, {"tac_online": NOT_PERFORMED}, "ARQC"),
        ({"9F0D": code(NOT_PERFORMED)}, {"tac_default": NOT_PERFORMED}, "TC"),
        ({"9F0E": code(Tvr.NEW_CARD)}, {"tac_online": Tvr.NEW_CARD}, "TC"),
        ({"9F0E": code(NOT_PERFORMED), "9F0F": code(NOT_PERFORMED)}, {}, "AAC"),
    ],
)
def test_either_action_code_is_enough_and_denial_comes_first(issuer, terminal, wanted):
    card = PaperCard(objects=issuer)
    run(card, terminal=with_application(**{"tac_online": Tvr.NONE, **terminal}))
    assert asked_for(card)[0] == wanted


def test_without_issuer_codes_denial_is_all_zeros_and_online_and_default_are_all_ones():
    plain = with_application(tac_online=Tvr.NONE)
    card = PaperCard(objects={"9F0D": None, "9F0E": None, "9F0F": None})
    outcome = run(card, terminal=plain, online=OnlineResult())
    assert asked_for(card) == ["ARQC", "AAC"]
    assert (outcome.ending, outcome.response_code) == (Ending.DECLINED, "Z3")
    online_only_given = PaperCard(objects={"9F0D": None, "9F0E": None})
    assert run(online_only_given, terminal=plain).ending is Ending.APPROVED
    assert asked_for(online_only_given) == ["TC"]


@pytest.mark.parametrize(
    ("terminal_type", "default", "wanted", "ending", "response_code"),
    [
        (0x22, Tvr.NONE, ["ARQC", "TC"], Ending.APPROVED, "Y3"),
        (0x22, NOT_PERFORMED, ["ARQC", "AAC"], Ending.DECLINED, "Z3"),
        (0x21, Tvr.NONE, ["ARQC", "AAC"], Ending.DECLINED, "Z3"),
        (0x23, NOT_PERFORMED, ["AAC"], Ending.DECLINED, "Z1"),
        (0x23, Tvr.NONE, ["TC"], Ending.APPROVED, "Y1"),
    ],
)
def test_action_code_default_counts_only_when_nobody_can_be_reached(
    terminal_type, default, wanted, ending, response_code
):
    terminal = replace(with_application(tac_online=NOT_PERFORMED, tac_default=default), terminal_type=terminal_type)
    card = PaperCard()
    outcome = run(card, terminal=terminal, online=OnlineResult())
    assert (asked_for(card), outcome.ending, outcome.response_code) == (wanted, ending, response_code)


def test_the_card_learns_the_response_code_and_the_results():
    card = PaperCard(objects={"8C": bytes.fromhex("8A02 9505 9B02 9F3403 9C01"), "8D": bytes.fromhex("8A02 9505 9B02")})
    run(card, terminal=with_application(floor_limit=0), online=OnlineResult("51"))
    first, second = (apdu[10:-2] for apdu in card.sent("80AE"))
    assert first == "0000" + "8000008000" + "0800" + "3F0000" + "00"
    assert second == b"51".hex() + "8000008000" + "2800"
    card = PaperCard(objects={"8C": bytes.fromhex("8A02")})
    run(card)
    assert card.sent("80AE")[0][10:-2] == b"Y1".hex()


@pytest.mark.parametrize(("tdol", "default", "bit"), [("9F0206", "", False), (None, "9A03", True), (None, "", True)])
def test_the_hash_of_the_transaction_is_made_over_the_card_s_list_or_the_terminal_s(tdol, default, bit):
    objects = {"8C": bytes.fromhex("9814"), "97": bytes.fromhex(tdol) if tdol else None}
    card = PaperCard(objects=objects)
    outcome = run(card, terminal=with_application(default_tdol=bytes.fromhex(default)))
    hashed = {"9F0206": "000000001234", "9A03": "260724", "": ""}[tdol or default]
    assert card.sent("80AE")[0][10:-2] == hashlib.sha1(bytes.fromhex(hashed)).hexdigest().upper()
    assert (Tvr.DEFAULT_TDOL_USED in outcome.tvr) is bit


def test_a_tag_asked_for_twice_with_another_length_is_given_twice():
    card = PaperCard(objects={"8C": bytes.fromhex("9F0206 9F0202 9F0208 5A0A 9F1602")})
    run(card)
    assert card.sent("80AE")[0][10:-2] == "000000001234123400000000000012344761739001010010FFFF3132"


@pytest.mark.parametrize("cdol", ["9F", "9F027F9F037F9F1A7F", "9F0280"])
def test_a_list_that_cannot_be_answered_ends_the_transaction(cdol):
    assert run(PaperCard(objects={"8C": bytes.fromhex(cdol)})).ending is Ending.TERMINATED
    second = run(PaperCard(objects={"8D": bytes.fromhex(cdol)}), terminal=with_application(floor_limit=0))
    assert (second.ending, second.reversal_needed) == (Ending.TERMINATED, True)


def test_an_expired_card_is_declined_where_the_codes_say_so_and_approved_where_they_do_not():
    strict = with_application(tac_denial=Tvr.EXPIRED_APPLICATION)
    assert run(PaperCard(objects=EXPIRED), terminal=strict).ending is Ending.DECLINED
    assert run(PaperCard(objects=EXPIRED)).ending is Ending.APPROVED
    assert run(PaperCard(), terminal=strict, transaction=PURCHASE).ending is Ending.APPROVED
    assert TERMINAL.offline_capable
