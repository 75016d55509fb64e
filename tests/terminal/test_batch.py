"""Closing the batch: totals, upload, end, slip, and everything that can come between them.

Source: Q/CUP 009: settlement 0500/201, uploads 0320/201 to 206, ends 202 and 207.
"""

from __future__ import annotations

import pytest

from posterm.amount import Amount
from posterm.terminal import OriginalReference, Outcome
from posterm.terminal.records import Delivery
from posterm.terminal.transitions import State
from posterm.unionpay.header import Requirement
from posterm.unionpay.profile import get_profile
from posterm.unionpay.totals import Reconciliation, SettlementTotals
from tests.terminal.scripted_host import CASHIER, SUPERVISOR, Act, World, entry_of, profile

SALE = Amount(12345)


def with_sales(number: int, **knobs: object) -> World:
    world = World(**knobs).ready()  # type: ignore[arg-type]
    for _ in range(number):
        assert world.do("sale", SALE).approved
    world.host.seen.clear()
    return world


def test_equal_totals_close_the_batch_print_the_slip_and_sign_off() -> None:
    world = with_sales(2)
    settled = world.do("settle")
    assert (settled.done, settled.equal) == (True, True)
    assert world.host.mtis() == ["0500/201", "0320/207", "0820/002"]
    assert world.host.ends == [("000001", "207", 0)]
    assert (world.terminal.batch, world.terminal.state, world.terminal.totals.debit_count) == ("000002", State.KEYED, 0)
    assert world.printed[-1] == settled.slip


def test_different_totals_upload_every_transaction_eight_at_a_time() -> None:
    world = with_sales(9)
    world.do("void", "000002", SUPERVISOR)
    world.do("offline_sale", Amount(500), "VOICE1")
    world.host.ledger["000001", "000777"] = world.host.ledger["000001", "000003"]
    world.host.seen.clear()
    settled = world.do("settle")
    assert (settled.done, settled.equal) == (True, False)
    uploads = ["0320/201", "0320/201", "0320/206", "0320/202"]
    assert world.host.mtis() == ["0220", "0500/201", *uploads, "0820/002"]
    assert world.host.ends == [("000001", "202", 11)]
    assert set(world.host.uploaded.values()) == {1}
    assert len(world.host.uploaded) == 11
    assert settled.slip.host.debit_count == settled.slip.terminal.debit_count + 1


@pytest.mark.parametrize(
    "act",
    [
        Act("lose-request", mti="0500"),
        Act("lose-answer", mti="0500"),
        Act("tear", mti="0500"),
        Act("not-sent", mti="0500"),
        Act(mti="0500", code="96"),
        Act(mti="0500", change={48: "1"}),
        Act(mti="0500", drop=(48,)),
        Act(mti="0500", change={11: "000999"}),
    ],
    ids=lambda act: f"{act.what}-{act.code}-{act.change}",
)
def test_totals_without_a_good_answer_leave_the_batch_open_to_sell_and_settle_again(act: Act) -> None:
    world = with_sales(1, script=(act,))
    assert not world.do("settle").done
    assert (world.terminal.state, world.terminal.batch) == (State.SIGNED_ON, "000001")
    assert world.do("sale", SALE).approved
    assert world.do("settle").done
    assert world.host.ends == [("000001", "207", 0)]


def test_a_host_that_cannot_reconcile_is_asked_again_later() -> None:
    world = with_sales(1)
    world.host.reconcile = Reconciliation.ERROR
    assert not world.do("settle").done
    assert world.terminal.state is State.SIGNED_ON
    world.host.reconcile = None
    assert world.do("settle").done


@pytest.mark.parametrize("code", ["77", "99", "A0"])
def test_a_sign_on_demanded_in_the_answer_to_the_totals_is_made_before_they_are_sent_again(code: str) -> None:
    world = with_sales(1, script=(Act(mti="0500", code=code),))
    assert not world.do("settle").done
    assert world.terminal.state is State.SIGN_ON_DUE
    assert world.do("settle").done
    assert world.host.mtis() == ["0500/201", "0800/003", "0500/201", "0320/207", "0820/002"]


def test_a_nudge_during_settlement_is_met_before_the_next_sale() -> None:
    world = with_sales(
        1,
        script=(Act(mti="0320", requirement=Requirement.SIGN_ON),),
        profile=profile(settlement={"auto_sign_off": False}),
    )
    assert world.do("settle").done
    assert world.terminal.state is State.SIGN_ON_DUE
    assert world.do("sale", SALE).approved
    assert world.host.mtis() == ["0500/201", "0320/207", "0800/003", "0200"]


@pytest.mark.parametrize("what", ["lose-request", "tear", "not-sent"])
def test_an_interrupted_upload_goes_on_where_it_stopped(what: str) -> None:
    world = with_sales(17)
    world.host.reconcile = Reconciliation.DIFFERENT
    world.host.script = [Act(mti="0320"), Act(what, mti="0320")]
    settled = world.do("settle")
    assert (settled.done, settled.equal) == (False, False)
    assert world.terminal.state is State.UPLOADING_DIFFERENT
    assert world.do("sale", SALE).outcome is Outcome.REFUSED
    assert not world.do("sign_on", "01", CASHIER).done
    assert world.do("settle").done
    assert world.host.mtis().count("0500/201") == 1
    assert world.host.upload_messages[0] not in world.host.upload_messages[1:]
    assert world.host.ends == [("000001", "202", 17)]


def test_after_power_returns_the_upload_goes_on_by_itself() -> None:
    world = with_sales(9)
    world.host.reconcile = Reconciliation.DIFFERENT
    world.host.script = [Act(mti="0320"), Act("lose-request", mti="0320")]
    assert not world.do("settle").done
    world.power_on(run=True)
    assert world.terminal.batch == "000002"
    assert set(world.host.uploaded.values()) == {1}


def test_an_end_of_upload_that_gets_no_answer_is_sent_again_and_nothing_else() -> None:
    world = with_sales(1)
    world.host.script = [Act("lose-answer", mti="0320")]
    assert not world.do("settle").done
    assert world.do("settle").done
    assert world.host.mtis() == ["0500/201", "0320/207", "0320/207", "0820/002"]


def test_a_refused_upload_is_tried_again() -> None:
    world = with_sales(1)
    world.host.reconcile = Reconciliation.DIFFERENT
    world.host.script = [Act(mti="0320", code="96")]
    assert "refused the upload" in world.do("settle").why
    assert world.do("settle").done
    assert set(world.host.uploaded.values()) == {1}


def test_settlement_waits_for_a_reversal_that_is_stuck() -> None:
    world = with_sales(0, script=(Act("lose-answer", mti="0200"), Act("lose-request", mti="0400", times=6)))
    world.do("sale", SALE)
    assert "reversed first" in world.do("settle").why
    assert "0500/201" not in world.host.mtis()
    assert world.do("settle").done


def test_settlement_waits_for_notices_without_an_answer() -> None:
    world = with_sales(0, script=(Act("lose-request", mti="0220"),))
    world.do("offline_sale", Amount(500), "VOICE1")
    assert "notices" in world.do("settle").why
    assert world.do("settle").done
    assert world.host.mtis() == ["0220", "0220", "0500/201", "0320/204", "0320/207", "0820/002"]


def test_settlement_waits_for_a_script_notice() -> None:
    world = with_sales(1, script=(Act("lose-request", mti="0620"),))
    world.owe_script_notice("000002", b"\x95\x01\x00")
    assert "script" in world.do("settle").why
    assert world.do("settle").done


def test_a_notice_refused_at_first_is_accepted_with_the_batch() -> None:
    world = with_sales(0, script=(Act(mti="0220", code="96"),))
    world.do("offline_sale", Amount(500), "VOICE1")
    settled = world.do("settle")
    assert (settled.done, settled.equal) == (True, False)
    upload = world.host.seen[2]
    assert bytes(upload[62]).decode() == "710000000000000500156300"
    assert upload[4] == "000000000500"
    assert world.host.totals("000001") == settled.slip.terminal


def test_a_notice_refused_with_the_batch_too_counts_nowhere_and_stands_on_the_slip() -> None:
    world = with_sales(1, script=(Act(mti="0220", code="51"), Act(mti="0320", network="206", code="51")))
    world.do("offline_sale", Amount(500), "VOICE1")
    settled = world.do("settle")
    assert settled.done
    assert settled.slip.terminal.debit_count == 1
    assert [e.stan for e in settled.slip.entries if e.delivery is Delivery.REFUSED] == ["000003"]
    assert world.host.totals("000001") == settled.slip.terminal


def test_77_to_a_notice_upload_is_no_verdict_on_the_notice() -> None:
    world = with_sales(0, script=(Act(mti="0220", code="51"), Act(mti="0320", network="206", code="77")))
    world.do("offline_sale", Amount(500), "VOICE1")
    assert not world.do("settle").done
    assert entry_of(world, "000002").delivery is Delivery.FAILED
    assert world.do("settle").done
    assert entry_of(world, "000002").delivery is Delivery.DELIVERED


def test_a_refused_tip_is_taken_out_of_the_sale() -> None:
    world = with_sales(1, script=(Act(mti="0220", code="61"), Act(mti="0320", network="206", code="61")))
    world.do("adjust_tip", "000002", Amount(1000))
    assert world.terminal.totals.debit_minor == 13345
    settled = world.do("settle")
    assert settled.slip.terminal.debit_minor == 12345
    assert world.host.totals("000001") == settled.slip.terminal


def test_a_refused_completion_notice_gives_the_pre_authorisation_back() -> None:
    world = with_sales(0)
    world.do("preauth", Amount(50000))
    world.host.script = [Act(mti="0220", code="25"), Act(mti="0320", network="206", code="25")]
    world.do("complete_by_notice", Amount(40000), OriginalReference(stan="2"))
    assert world.do("settle").done
    assert entry_of(world, "000002").undone_by == ""
    world.do("sign_on", "01", CASHIER)
    assert world.do("complete", Amount(40000), OriginalReference(stan="2")).approved


def test_where_the_host_captures_the_batch_nothing_is_compared_or_uploaded() -> None:
    world = with_sales(2, profile=get_profile("direct"))
    settled = world.do("settle")
    assert (settled.done, settled.slip.host) == (True, None)
    assert world.host.mtis() == ["0820/002"]
    assert world.terminal.batch == "000002"


def test_where_the_host_captures_the_batch_a_refused_notice_is_asked_once_more_and_then_counts_nowhere() -> None:
    world = with_sales(0, profile=get_profile("direct"), script=(Act(mti="0220", code="51", times=2),))
    world.do("offline_sale", Amount(500), "VOICE1")
    world.do("sale", SALE)
    settled = world.do("settle")
    assert (settled.done, settled.slip.terminal.debit_minor) == (True, 12345)
    assert world.host.mtis() == ["0220", "0200", "0220", "0820/002"]
    assert [entry.delivery for entry in settled.slip.entries] == [Delivery.REFUSED, Delivery.NONE]


def test_a_pre_authorisation_outlives_its_batch_and_its_card_number_is_kept_only_as_long() -> None:
    world = with_sales(1)
    world.do("preauth", Amount(50000))
    world.do("add_preauth", Amount(100), OriginalReference(stan="3"))
    for _ in range(2):
        assert world.do("settle").done
        world.do("sign_on", "01", CASHIER)
    kept = {entry.stan: bool(entry.sealed_card) for entry in world.terminal.journal}
    assert kept == {"000003": True, "000004": False}
    assert world.do("void_preauth", OriginalReference(stan="3"), SUPERVISOR).approved
    assert world.host.seen[-1][4] == "000000050100"
    assert str(world.host.seen[-1][61]) == "0000010000030601"


def test_a_pre_authorisation_is_dropped_when_it_is_too_old_to_complete() -> None:
    world = with_sales(0)
    world.do("preauth", Amount(50000))
    world.clock.tick(31 * 86400)
    assert world.do("settle").done
    world.do("sign_on", "01", CASHIER)
    result = world.do("complete", Amount(50000), OriginalReference(stan="2"))
    assert (result.outcome, "card number" in result.text) == (Outcome.REFUSED, True)


def test_a_refund_after_settlement_names_the_sale_of_the_closed_batch() -> None:
    world = with_sales(1)
    world.do("settle")
    world.do("sign_on", "01", CASHIER)
    assert world.do("refund", Amount(100), OriginalReference(stan="2"), SUPERVISOR).approved
    assert str(world.host.seen[-1][61]) == "0000010000020601"
    assert world.do("void", "000002", SUPERVISOR).outcome is Outcome.REFUSED
    assert world.agrees()


def test_a_refund_of_a_sale_only_the_slip_knows_names_what_the_slip_says() -> None:
    world = with_sales(0)
    slip = OriginalReference(rrn="052800000009", date="0528", auth_code="XYZ123", stan="9")
    assert world.do("refund", Amount(100), slip, SUPERVISOR).approved
    request = world.host.seen[-1]
    assert (str(request[61]), request[37], request[38]) == ("0000000000090528", "052800000009", "XYZ123")
    assert world.do("refund", Amount(100), OriginalReference(stan="9"), SUPERVISOR).outcome is Outcome.REFUSED


def test_a_slip_that_does_not_print_is_told_and_can_be_printed_again() -> None:
    world = with_sales(1, printer_fails=0)
    world.printer_fails = 1
    assert world.do("settle").done
    assert "slip-not-printed" in world.names
    assert world.do("reprint_settlement") is True
    assert world.printed[-1].reprint
    assert World().ready().do("reprint_settlement") is False


def test_the_batch_after_999999_is_000001() -> None:
    world = with_sales(0)
    draft = world.terminal._ctx.memory.draft()
    draft.set(batch=999_999)
    world.terminal._ctx.memory.commit(draft)
    world.do("sale", SALE)
    assert world.do("settle").done
    assert world.terminal.batch == "000001"


def test_reversed_and_declined_transactions_are_neither_counted_nor_uploaded() -> None:
    world = with_sales(1, script=(Act(), Act(code="51"), Act("lose-answer")))
    world.do("sale", SALE)
    world.do("sale", SALE)
    world.host.reconcile = Reconciliation.DIFFERENT
    assert world.do("settle").done
    assert sorted(stan for _, stan in world.host.uploaded) == ["000002"]


def test_the_totals_on_the_wire_are_debit_and_credit_with_their_counts() -> None:
    world = with_sales(2)
    world.do("refund", Amount(100), OriginalReference(stan="2"), SUPERVISOR)
    world.do("void", "000003", SUPERVISOR)
    world.do("preauth", Amount(99999))
    world.do("balance")
    world.host.seen.clear()
    world.do("settle")
    totals = SettlementTotals.parse(str(world.host.seen[0][48])).domestic
    assert (totals.debit_minor, totals.debit_count, totals.credit_minor, totals.credit_count) == (24690, 2, 12445, 2)
