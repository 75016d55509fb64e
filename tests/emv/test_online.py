"""After the host's answer: issuer authentication, scripts. Source: EMV 4.4 Book 3, 10.9, 10.10; Book 4, A5."""

from __future__ import annotations

import pytest

from posterm import tlv
from posterm.emv.bits import Tsi, Tvr
from posterm.emv.exchange import OnlineResult
from posterm.emv.outcome import Ending
from tests.emv.paper_card import PaperCard, run, with_application

ONLINE = with_application(floor_limit=0)
EXTERNAL = 0x0C00
"""AIP: issuer authentication by EXTERNAL AUTHENTICATE, terminal risk management."""
AUTHENTICATION = bytes.fromhex("11223344556677883030")
BLOCK = bytes.fromhex("841E000004AABBCCDD")
PUT = bytes.fromhex("04DA9F580504AABBCCDD")


def issuer(*objects: tuple[str, bytes], code: str = "00") -> OnlineResult:
    return OnlineResult(code, tlv.build(objects))


def script(identifier: str, *commands: bytes) -> bytes:
    head = [("9F18", bytes.fromhex(identifier))] if identifier else []
    return tlv.build([*head, *(("86", command) for command in commands)])


def order(card: PaperCard) -> list[str]:
    """What was sent after the first GENERATE AC, by instruction."""
    sent = [apdu.hex().upper()[2:4] for apdu in card.log]
    return sent[sent.index("AE") + 1 :]


def test_issuer_authentication_is_external_only_when_the_card_says_so_and_once():
    card = PaperCard(aip=EXTERNAL, overruled={"0082": "9000"})
    outcome = run(card, terminal=ONLINE, online=issuer(("91", AUTHENTICATION)))
    assert card.sent("0082") == ["008200000A" + AUTHENTICATION.hex().upper()]
    assert order(card) == ["82", "AE"]
    assert Tsi.ISSUER_AUTHENTICATION_PERFORMED in outcome.tsi
    assert Tvr.ISSUER_AUTHENTICATION_FAILED not in outcome.tvr


def test_otherwise_the_data_go_into_the_second_generate_ac():
    card = PaperCard()
    outcome = run(card, terminal=ONLINE, online=issuer(("91", AUTHENTICATION)))
    assert order(card) == ["AE"]
    assert card.sent("80AE40")[0][10:-2] == "303080000080005A5A5A5A1122334455667788"
    assert Tsi.ISSUER_AUTHENTICATION_PERFORMED not in outcome.tsi


@pytest.mark.parametrize("sw", ["6300", "6985", "6F00"])
def test_failed_issuer_authentication_is_told_and_the_card_decides(sw):
    card = PaperCard(aip=EXTERNAL, overruled={"0082": sw}, makes=(None, 0x00))
    outcome = run(card, terminal=ONLINE, online=issuer(("91", AUTHENTICATION)))
    assert Tvr.ISSUER_AUTHENTICATION_FAILED in outcome.tvr
    assert card.sent("80AE40")[0][14:24] == "8000008040"
    assert (outcome.ending, outcome.reversal_needed) == (Ending.DECLINED, True)


def test_without_authentication_data_nothing_is_authenticated():
    card = PaperCard(aip=EXTERNAL)
    outcome = run(card, terminal=ONLINE, online=OnlineResult("00"))
    assert (card.sent("0082"), outcome.ending) == ([], Ending.APPROVED)
    assert Tsi.ISSUER_AUTHENTICATION_PERFORMED not in outcome.tsi


@pytest.mark.parametrize("data", ["91", "9108AA", "7103AABB", "FFFF", "DF"])
def test_issuer_data_that_cannot_be_read_are_passed_over(data):
    outcome = run(PaperCard(aip=EXTERNAL), terminal=ONLINE, online=OnlineResult("00", bytes.fromhex(data)))
    assert outcome.ending is Ending.APPROVED
    assert outcome.script_results == b""


def test_scripts_71_run_before_and_72_after_the_final_generate_ac():
    card = PaperCard(overruled={"04DA": "9000", "841E": "9000"})
    both = issuer(("72", script("0000000B", BLOCK)), ("71", script("0000000A", PUT)))
    outcome = run(card, terminal=ONLINE, online=both)
    assert order(card) == ["DA", "AE", "1E"]
    assert outcome.script_results.hex() == "200000000a200000000b"
    assert Tsi.SCRIPT_PERFORMED in outcome.tsi
    assert outcome.data["9F5B"] == outcome.script_results
    assert not outcome.tvr & (Tvr.SCRIPT_FAILED_BEFORE_FINAL_AC | Tvr.SCRIPT_FAILED_AFTER_FINAL_AC)


@pytest.mark.parametrize(
    ("template", "bit"), [("71", Tvr.SCRIPT_FAILED_BEFORE_FINAL_AC), ("72", Tvr.SCRIPT_FAILED_AFTER_FINAL_AC)]
)
def test_a_failed_command_ends_its_script_and_the_next_script_goes_on(template, bit):
    card = PaperCard(overruled={"04DA": ["9000", "6A80", "9000"]})
    outcome = run(
        card,
        terminal=ONLINE,
        online=issuer((template, script("00000001", PUT, PUT, PUT)), (template, script("00000002", PUT))),
    )
    assert len(card.sent("04DA")) == 3
    assert outcome.script_results.hex() == "12000000012000000002"
    assert outcome.tvr & (Tvr.SCRIPT_FAILED_BEFORE_FINAL_AC | Tvr.SCRIPT_FAILED_AFTER_FINAL_AC) == bit
    assert outcome.ending is Ending.APPROVED


@pytest.mark.parametrize(
    ("commands", "failing", "results"),
    [
        ([PUT], "9000", "2000000000"),
        ([PUT], "6283", "2000000000"),
        ([PUT], "63C1", "2000000000"),
        ([PUT], "6400", "1100000000"),
        ([PUT], "6110", "1100000000"),
        ([PUT] * 16, ["9000"] * 15 + ["6A80"], "1f00000000"),
        ([b"\x84"], "9000", "1100000000"),
        ([], "9000", "2000000000"),
    ],
)
def test_the_result_names_the_command_that_failed_and_counts_warnings_as_success(commands, failing, results):
    card = PaperCard(overruled={"04DA": failing})
    outcome = run(card, terminal=ONLINE, online=issuer(("71", script("", *commands))))
    assert outcome.script_results.hex() == results


def test_a_script_that_cannot_be_read_is_not_performed():
    outcome = run(PaperCard(), terminal=ONLINE, online=issuer(("72", bytes.fromhex("9F1804AABBCCDD8609"))))
    assert outcome.script_results.hex() == "0000000000"
    assert Tvr.SCRIPT_FAILED_AFTER_FINAL_AC in outcome.tvr


def test_scripts_run_after_a_decline_too():
    card = PaperCard(overruled={"841E": "9000"})
    outcome = run(card, terminal=ONLINE, online=issuer(("72", script("00000001", BLOCK)), code="41"))
    assert (outcome.ending, outcome.script_results.hex()) == (Ending.DECLINED, "2000000001")


def test_a_card_withdrawn_after_its_tc_changes_nothing_but_the_script():
    card = PaperCard(overruled={"841E": ""})
    outcome = run(card, terminal=ONLINE, online=issuer(("72", script("00000001", BLOCK, BLOCK))))
    assert (outcome.ending, outcome.reversal_needed) == (Ending.APPROVED, False)
    assert outcome.script_results.hex() == "1100000001"


def test_a_card_withdrawn_in_a_script_before_its_tc_has_to_be_reversed():
    card = PaperCard(overruled={"841E": ""})
    outcome = run(card, terminal=ONLINE, online=issuer(("71", script("00000001", BLOCK))))
    assert (outcome.ending, outcome.reversal_needed) == (Ending.TERMINATED, True)


def test_no_scripts_run_when_nobody_was_reached():
    card = PaperCard()
    assert run(card, terminal=ONLINE, online=OnlineResult()).ending is Ending.APPROVED
    assert order(card) == ["AE"]
