"""What goes out before a request, and what is kept and sent until it is answered: notices, script results, refunds.

Source: Q/CUP 009: order of messages before a request, store and forward, answer codes 77, 99 and A0.
"""

from __future__ import annotations

import pytest

from posterm.amount import Amount
from posterm.hsm import Algorithm, KeyUsage
from posterm.sensitive import Pan
from posterm.terminal import OriginalReference, Outcome
from posterm.terminal import effects as fx
from posterm.terminal.records import Delivery, Status
from posterm.terminal.transitions import State
from posterm.unionpay.header import Requirement
from posterm.unionpay.profile import get_profile
from tests.terminal.scripted_host import SUPERVISOR, TDK, Act, World, entry_of

SALE = Amount(12345)


def selling(*script: Act) -> World:
    return World(script=script).ready()


# --- before each request ---


def test_script_notice_reversal_notices_and_request_go_out_in_that_order() -> None:
    world = selling(Act("lose-answer", mti="0200"), Act("lose-request", mti="0400", times=3))
    world.do("offline_sale", Amount(500), "VOICE1")
    world.do("sale", SALE)  # delivers the offline sale first, is not answered, and stays to be reversed
    world.do("offline_sale", Amount(600), "VOICE2")
    world.owe_script_notice("000003", bytes.fromhex("9F360200019F3303E0F8C8"))
    world.host.seen.clear()
    assert world.do("sale", SALE).approved
    assert world.host.mtis() == ["0620/951", "0400", "0220", "0200"]
    notice = world.host.seen[0]
    assert bytes(notice[55]).hex() == "9f360200019f3303e0f8c8"
    assert str(notice[61])[:12] == "000001000003"


@pytest.mark.parametrize("act", [Act("lose-request", mti="0620"), Act("bad-mac", mti="0620")])
def test_a_script_notice_without_an_answer_holds_everything_back(act: Act) -> None:
    world = selling(act)
    world.owe_script_notice("000001", b"\x95\x01\x00")
    assert world.do("sale", SALE).outcome is Outcome.REFUSED
    assert world.host.mtis() == ["0620/951"]


def test_a_script_notice_refused_for_its_mac_is_sent_again_after_a_sign_on() -> None:
    world = selling(Act(mti="0620", code="A0"))
    world.owe_script_notice("000001", b"\x95\x01\x00")
    assert world.do("sale", SALE).approved
    assert world.host.mtis() == ["0620/951", "0800/003", "0620/951", "0200"]


@pytest.mark.parametrize("code", ["77", "99", "A0"])
def test_after_77_99_or_a0_the_terminal_signs_on_before_the_next_request(code: str) -> None:
    world = selling(Act(code=code))
    assert world.do("sale", SALE).outcome is Outcome.DECLINED
    assert world.terminal.state is State.SIGN_ON_DUE
    assert world.do("sale", SALE).approved
    assert world.host.mtis() == ["0200", "0800/003", "0200"]
    assert world.terminal.batch == "000001"


def test_when_the_demanded_sign_on_fails_nothing_is_sold() -> None:
    world = selling(Act(code="77"), Act(mti="0800", code="97"))
    world.do("sale", SALE)
    assert world.do("sale", SALE).outcome is Outcome.REFUSED
    assert world.host.mtis() == ["0200", "0800/003"]


@pytest.mark.parametrize(
    ("requirement", "sent"),
    [
        (Requirement.SIGN_ON, ["0800/003"]),
        (Requirement.DOWNLOAD_PARAMETERS, ["0800/360", "0800/361"]),
        (Requirement.UPLOAD_STATUS, ["0820/362"]),
        (Requirement.UPDATE_CA_KEYS, []),
    ],
)
def test_what_the_header_asks_for_is_done_before_the_next_sale(requirement: Requirement, sent: list[str]) -> None:
    world = selling(Act(requirement=requirement))
    assert world.do("sale", SALE).approved
    assert world.do("sale", SALE).approved
    assert world.host.mtis() == ["0200", *sent, "0200"]
    assert world.do("sale", SALE).approved
    assert world.host.mtis() == ["0200", *sent, "0200", "0200"]
    assert ("requirement-not-supported" in world.names) == (not sent)


# --- store and forward ---


def test_an_offline_sale_is_delivered_with_its_own_trace_number_until_it_is_answered() -> None:
    world = selling(Act("lose-request", mti="0220"))
    assert world.do("offline_sale", Amount(500), "VOICE1").outcome is Outcome.APPROVED_OFFLINE
    assert world.host.mtis() == []
    assert world.do("sale", SALE).approved
    assert [entry.stan for entry in world.terminal.owed] == ["000002"]
    assert world.do("sale", SALE).approved
    assert [m[11] for m in world.host.seen if m.mti == "0220"] == ["000002", "000002"]
    assert world.terminal.owed == []
    assert world.agrees()


@pytest.mark.parametrize("code", ["77", "A0"])
def test_a_notice_the_host_could_not_read_is_sent_again_after_a_sign_on(code: str) -> None:
    world = selling(Act(mti="0220", code=code))
    world.do("offline_sale", Amount(500), "VOICE1")
    assert world.do("sale", SALE).approved
    assert world.host.mtis() == ["0220", "0800/003", "0220", "0200"]
    assert entry_of(world, "000002").delivery is Delivery.DELIVERED


def test_a_nudge_in_the_header_of_an_approved_notice_does_not_send_it_twice() -> None:
    world = selling(Act(mti="0220", requirement=Requirement.SIGN_ON))
    world.do("offline_sale", Amount(500), "VOICE1")
    assert world.do("sale", SALE).approved
    assert world.host.mtis() == ["0220", "0800/003", "0200"]


def test_a_refused_notice_stays_in_the_totals_until_the_batch_upload_decides() -> None:
    world = selling(Act(mti="0220", code="51"))
    world.do("offline_sale", Amount(500), "VOICE1")
    world.do("sale", SALE)
    assert entry_of(world, "000002").delivery is Delivery.FAILED
    assert [entry.stan for entry in world.terminal.owed] == ["000002"]
    assert world.terminal.totals.debit_count == 2
    world.do("sale", SALE)
    assert world.host.mtis() == ["0220", "0200", "0200"]


def test_notices_wait_for_the_settlement_when_the_host_says_so() -> None:
    world = selling()
    world.host.parameters = b"240"
    assert world.do("download_parameters").done
    world.host.seen.clear()
    world.do("offline_sale", Amount(500), "VOICE1")
    world.do("sale", SALE)
    assert world.host.mtis() == ["0200"]
    assert world.do("settle").done
    assert world.host.mtis()[:3] == ["0200", "0220", "0500/201"]


def test_a_refund_without_an_answer_is_repeated_with_the_same_trace_number_and_never_reversed() -> None:
    world = selling()
    world.do("sale", SALE)
    world.host.script = [Act("lose-answer")]
    result = world.do("refund", Amount(100), OriginalReference(stan="2"), SUPERVISOR)
    assert result.outcome is Outcome.UNKNOWN
    assert entry_of(world, "000003").status is Status.PENDING
    world.do("balance")
    assert world.host.mtis() == ["0200", "0220", "0220", "0200"]
    assert [m[11] for m in world.host.seen if m.mti == "0220"] == ["000003", "000003"]
    assert entry_of(world, "000003").status is Status.APPROVED
    assert world.agrees()


def test_a_refund_of_which_the_host_cannot_read_the_repeat_is_sent_once_more() -> None:
    world = selling()
    world.do("sale", SALE)
    world.host.script = [Act("lose-answer"), Act("unread", code="30")]
    world.do("refund", Amount(100), OriginalReference(stan="2"), SUPERVISOR)
    world.do("balance")
    assert world.host.mtis() == ["0200", "0220", "0220", "0220", "0200"]
    assert entry_of(world, "000003").status is Status.APPROVED
    assert world.agrees()


def test_a_refund_that_the_host_can_never_read_is_declined() -> None:
    world = selling()
    world.do("sale", SALE)
    world.host.script = [Act("unread", code="30")] * 5
    result = world.do("refund", Amount(100), OriginalReference(stan="2"), SUPERVISOR)
    assert (result.outcome, result.code) == (Outcome.DECLINED, "30")
    assert world.host.mtis().count("0220") == 3
    assert world.agrees()


def test_a_declined_refund_is_over() -> None:
    world = selling()
    world.do("sale", SALE)
    world.host.script = [Act(code="64")]
    result = world.do("refund", Amount(100), OriginalReference(stan="2"), SUPERVISOR)
    assert (result.outcome, result.code) == (Outcome.DECLINED, "64")
    assert world.terminal.owed == []
    assert world.agrees()


def test_a_refund_wants_the_card_itself() -> None:
    world = selling()
    world.do("sale", SALE)
    world.card = fx.Keyed(Pan("6212345678901265"), "3012")
    result = world.do("refund", Amount(100), OriginalReference(stan="2"), SUPERVISOR)
    assert result.outcome is Outcome.CANCELLED
    asked = next(effect for effect in reversed(world.effects) if isinstance(effect, fx.PresentCard))
    assert {entry.name for entry in asked.entries} == {"STRIPE"}


def test_a_stored_track_goes_out_under_the_key_of_the_day() -> None:
    world = World(profile=get_profile("direct"), script=(Act("lose-request", mti="0220"),)).ready()
    world.do("sale", SALE)
    world.do("refund", Amount(100), OriginalReference(stan="2"), SUPERVISOR)
    other = world.hsm.generate_key(KeyUsage.DATA_ENCRYPTION, Algorithm.TDES_DOUBLE)
    draft = world.terminal._ctx.memory.draft()
    draft.set(tdk=str(other))
    world.terminal._ctx.memory.commit(draft)
    world.do("balance")
    first, second = (m for m in world.host.seen if m.mti == "0220")
    assert first[35] != second[35]
    first_key = world.hsm.load_clear_key(TDK, KeyUsage.DATA_ENCRYPTION, Algorithm.TDES_DOUBLE)
    clear = [world.hsm.decrypt_track(key, str(m[35])) for key, m in ((first_key, first), (other, second))]
    assert clear[0] == clear[1]
