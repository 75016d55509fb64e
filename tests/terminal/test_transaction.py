"""What becomes of one transaction: approved, declined, unanswered, torn, forged, mismatched, late, not sent.

Source: Q/CUP 009: reversal reasons, order of messages before a request, store and forward.
"""

from __future__ import annotations

import pytest

from posterm.amount import Amount, currency
from posterm.sensitive import Pan, Track3
from posterm.terminal import OriginalReference, Outcome
from posterm.terminal import effects as fx
from posterm.terminal.records import Status
from posterm.terminal.transitions import Phase, State
from posterm.unionpay.header import Requirement
from posterm.unionpay.transactions import Kind
from tests.terminal.scripted_host import CASHIER, SUPERVISOR, Act, World, entry_of, profile

SALE = Amount(12345)


def selling(*script: Act, **knobs: object) -> World:
    return World(script=script, **knobs).ready()  # type: ignore[arg-type]


# --- how an online transaction can end ---


def test_an_approved_sale_is_journalled_printed_and_leaves_no_reversal() -> None:
    world = selling()
    result = world.do("sale", SALE)
    assert (result.outcome, result.code, result.stan) == (Outcome.APPROVED, "00", "000002")
    entry = entry_of(world, "000002")
    assert (entry.status, entry.auth_code, entry.host_time, entry.host_date) == (
        Status.APPROVED,
        "A00002",
        "093105",
        "0601",
    )
    assert world.terminal.phase is Phase.IDLE
    assert [document.copy.value for document in world.printed] == ["merchant", "cardholder"]
    assert world.agrees()


@pytest.mark.parametrize("code", ["51", "55", "96", "98", "ZZ"])
def test_a_declined_sale_is_not_reversed_and_counts_nowhere(code: str) -> None:
    world = selling(Act(code=code))
    result = world.do("sale", SALE)
    assert (result.outcome, result.code) == (Outcome.DECLINED, code)
    assert entry_of(world, "000002").sealed_card == ""
    assert (world.host.mtis(), world.printed, world.terminal.phase) == (["0200"], [], Phase.IDLE)
    assert world.agrees()


@pytest.mark.parametrize(
    ("act", "reason"),
    [
        (Act("lose-request"), "98"),
        (Act("lose-answer"), "98"),
        (Act("tear"), "98"),
        (Act("late"), "98"),
        (Act("bad-mac"), "A0"),
        (Act("no-mac"), "A0"),
        (Act("bad-mac", code="51"), "A0"),
        (Act("garbage"), "06"),
        (Act(change={11: "000777"}), "06"),
        (Act(change={41: "10000009"}), "06"),
        (Act(change={42: "898310058120009"}), "06"),
        (Act(change={4: "000000012346"}), "06"),
        (Act(change={3: "200000"}), "06"),
        (Act(change={49: "344"}), "06"),
        (Act(answer_mti="0110"), "06"),
        (Act(drop=(11,)), "06"),
        (Act(drop=(41,)), "06"),
        (Act(drop=(39,)), "06"),
    ],
    ids=lambda value: value if isinstance(value, str) else f"{value.what}-{value.change or value.drop or value.code}",
)
def test_a_sale_without_a_good_answer_is_reversed_for_the_right_reason(act: Act, reason: str) -> None:
    world = selling(act)
    assert world.do("sale", SALE).outcome is Outcome.REVERSED
    sale, reversal = world.host.seen
    assert (reversal.mti, reversal[11], reversal[39]) == ("0400", sale[11], reason)
    assert {n: reversal[n] for n in (3, 4, 22, 25, 41, 42, 49, 60)} == {
        n: sale[n] for n in (3, 4, 22, 25, 41, 42, 49, 60)
    }
    assert not {2, 35, 36, 38, 52, 53} & set(reversal)
    assert entry_of(world, "000002").status is Status.REVERSED
    assert world.printed == []
    assert world.agrees()


def test_a_sale_the_terminal_cannot_finish_is_reversed_with_96_and_its_authorisation_code() -> None:
    world = selling(printer_fails=1)
    assert world.do("sale", SALE).outcome is Outcome.REVERSED
    reversal = world.host.seen[1]
    assert (reversal[39], reversal[38], reversal[15]) == ("96", "A00002", "0601")
    assert world.agrees()


def test_a_request_that_never_left_is_not_reversed() -> None:
    world = selling(Act("not-sent"))
    assert world.do("sale", SALE).outcome is Outcome.NOT_SENT
    assert entry_of(world, "000002").status is Status.NOT_SENT
    assert world.do("sale", SALE).approved
    assert world.host.mtis() == ["0200"]


@pytest.mark.parametrize("act", [Act("late"), Act("double")])
def test_a_late_or_doubled_answer_changes_nothing_and_is_told_as_a_near_miss(act: Act) -> None:
    world = selling(act)
    world.do("sale", SALE)
    before = list(world.terminal.journal)
    assert world.do("sale", Amount(1)).approved
    misses = [tell for tell in world.told if tell.name == "near-miss"]
    assert len(misses) == 1
    assert "0210" in misses[0].details["mti"]
    assert [e for e in world.terminal.journal if e.stan == "000002"] == [e for e in before if e.stan == "000002"]
    assert world.agrees()


def test_a_near_miss_names_the_elements_that_differ() -> None:
    world = selling(Act(change={11: "000777", 41: "10000009"}))
    world.do("sale", SALE)
    miss = next(tell for tell in world.told if tell.name == "near-miss")
    assert "DE 11 is 000777, not 000002" in miss.details["why"]
    assert "DE 41 is 10000009, not 10000001" in miss.details["why"]


def test_a_host_that_babbles_is_treated_as_silent() -> None:
    world = selling()
    world.host.stray = [b"\x60\x00\x00\x00\x03" + bytes(20)] * 40
    assert world.do("sale", SALE).outcome is Outcome.REVERSED
    assert world.host.seen[1][39] == "06"


# --- the reversal itself ---


def test_a_reversal_is_repeated_then_kept_and_flagged_and_nothing_passes_it() -> None:
    world = selling(Act("lose-answer"), Act("lose-request", mti="0400", times=6))
    assert world.do("sale", SALE).outcome is Outcome.REVERSAL_PENDING
    assert world.host.mtis() == ["0200", "0400", "0400", "0400"]
    assert world.names.count("reversal-stuck") == 1
    assert world.terminal.reversal_stan == "000002"
    assert world.do("sale", Amount(1)).outcome is Outcome.REFUSED
    assert not world.do("settle").done or world.host.mtis()[-1] != "0500/201"
    assert "0200" not in world.host.mtis()[1:]


def test_a_stuck_reversal_goes_out_before_the_next_request_with_the_same_trace_number() -> None:
    world = selling(Act("lose-answer"), Act("lose-request", mti="0400", times=3))
    world.do("sale", SALE)
    assert world.do("sale", Amount(1)).approved
    assert world.host.mtis() == ["0200", "0400", "0400", "0400", "0400", "0200"]
    assert {m[11] for m in world.host.seen[:5]} == {"000002"}
    assert world.agrees()


@pytest.mark.parametrize("code", ["00", "12", "25"])
def test_answers_that_end_a_reversal(code: str) -> None:
    world = selling(Act("lose-request"), Act(mti="0400", code=code))
    assert world.do("sale", SALE).outcome is Outcome.REVERSED


@pytest.mark.parametrize("act", [Act(mti="0400", code="96"), Act("bad-mac", mti="0400"), Act("no-mac", mti="0400")])
def test_answers_that_do_not_end_a_reversal(act: Act) -> None:
    world = selling(Act("lose-answer"), act, act, act)
    assert world.do("sale", SALE).outcome is Outcome.REVERSAL_PENDING


def test_the_number_of_attempts_is_the_profiles_until_the_host_downloads_another() -> None:
    world = selling(
        Act("lose-answer"), Act("lose-request", mti="0400", times=9), profile=profile(reversal={"attempts": 1})
    )
    world.do("sale", SALE)
    assert world.host.mtis().count("0400") == 1
    world.host.script.clear()
    world.host.parameters = b"232"
    assert world.do("download_parameters").done
    world.host.script = [Act("lose-request", mti="0400", times=9)] * 9
    world.host.seen.clear()
    world.do("sale", SALE)
    assert world.host.mtis().count("0400") == 2


def test_a_reversal_refused_for_its_mac_signs_on_and_goes_out_again() -> None:
    world = selling(Act("lose-answer"), Act(mti="0400", code="A0"))
    assert world.do("sale", SALE).outcome is Outcome.REVERSED
    assert world.host.mtis() == ["0200", "0400", "0800/003", "0400"]


def test_the_supervisor_gives_up_a_reversal_and_that_is_told() -> None:
    world = selling(Act("lose-answer"), Act("lose-request", mti="0400", times=3))
    world.do("sale", SALE)
    assert world.do("give_up_reversal", SUPERVISOR) is True
    assert "reversal-given-up" in world.names
    assert entry_of(world, "000002").status is Status.REVERSED
    assert world.do("give_up_reversal", SUPERVISOR) is False


def test_a_reversed_void_makes_the_sale_stand_again() -> None:
    world = selling()
    world.do("sale", SALE)
    world.host.script = [Act("lose-answer")]
    assert world.do("void", "000002", SUPERVISOR).outcome is Outcome.REVERSED
    assert str(world.host.seen[2][61]) == "000001000002"
    assert entry_of(world, "000002").undone_by == ""
    assert world.agrees()
    assert world.do("void", "000002", SUPERVISOR).approved
    assert world.agrees()


def test_a_void_whose_slip_fails_makes_the_sale_stand_again() -> None:
    world = selling()
    world.do("sale", SALE)
    world.printer_fails = 1
    assert world.do("void", "000002", SUPERVISOR).outcome is Outcome.REVERSED
    assert entry_of(world, "000002").undone_by == ""
    assert world.agrees()


def test_a_sale_whose_reversal_goes_out_before_its_void_is_not_voided_as_well() -> None:
    world = selling(Act(), Act("lose-request", mti="0400", times=3), printer_fails=1)
    assert world.do("sale", SALE).outcome is Outcome.REVERSAL_PENDING
    assert world.do("void", "000002", SUPERVISOR).outcome is Outcome.REFUSED
    assert [m[3] for m in world.host.seen if m.mti == "0200"] == ["000000"]
    assert entry_of(world, "000002").status is Status.REVERSED
    assert world.agrees()


# --- tips, pre-authorisations, balance ---


def test_a_tip_counts_in_the_totals_and_a_refused_one_does_not() -> None:
    world = selling()
    world.do("sale", Amount(10000))
    assert world.do("adjust_tip", "000002", Amount(1500)).approved
    assert world.terminal.totals.debit_minor == 11500
    world.do("sale", Amount(1))
    assert world.agrees()


@pytest.mark.parametrize(("stan", "tip"), [("000002", 2001), ("000009", 1)])
def test_a_tip_over_the_limit_or_without_a_sale_is_refused(stan: str, tip: int) -> None:
    world = selling()
    world.do("sale", Amount(10000))
    assert world.do("adjust_tip", stan, Amount(tip)).outcome is Outcome.REFUSED


def test_a_void_after_a_tip_takes_back_the_whole_and_does_not_overtake_it() -> None:
    world = selling()
    world.do("sale", Amount(10000))
    world.do("adjust_tip", "000002", Amount(1500))
    assert world.do("void", "000002", SUPERVISOR).approved
    assert [m.mti for m in world.host.seen] == ["0200", "0220", "0200"]
    assert world.host.seen[2][4] == "000000011500"
    assert world.agrees()


def test_a_void_after_a_refused_tip_takes_back_the_sale_alone() -> None:
    world = selling(Act(), Act(mti="0220", code="61"))
    world.do("sale", Amount(10000))
    world.do("adjust_tip", "000002", Amount(1500))
    world.do("sale", Amount(1))
    assert world.do("void", "000002", SUPERVISOR).approved
    assert world.host.seen[-1][4] == "000000010000"
    world.host.script = [Act(mti="0320", network="206", code="12")]
    settled = world.do("settle")
    assert settled.slip.terminal == world.host.totals("000001")


def test_a_pre_authorisation_is_completed_once() -> None:
    world = selling()
    world.do("preauth", Amount(100000))
    assert world.terminal.totals.debit_count == 0
    assert world.do("complete", Amount(80000), OriginalReference(stan="2")).approved
    assert world.do("complete", Amount(80000), OriginalReference(stan="2")).outcome is Outcome.REFUSED
    assert world.do("void_preauth", OriginalReference(stan="2"), SUPERVISOR).outcome is Outcome.REFUSED
    assert world.agrees()


def test_a_pre_authorisation_is_voided_with_all_that_was_added_to_it() -> None:
    world = selling()
    world.do("preauth", Amount(100000))
    world.do("add_preauth", Amount(500), OriginalReference(stan="2"))
    assert world.do("void_preauth", OriginalReference(stan="2"), SUPERVISOR).approved
    assert world.host.seen[-1][4] == "000000100500"


def test_a_completion_is_voided_and_a_notice_of_completion_is_delivered() -> None:
    world = selling()
    world.do("preauth", Amount(100000))
    world.do("complete", Amount(80000), OriginalReference(stan="2"))
    assert world.do("void_completion", "000003", SUPERVISOR).approved
    world.do("preauth", Amount(50000))
    assert (
        world.do("complete_by_notice", Amount(40000), OriginalReference(stan="5")).outcome is Outcome.APPROVED_OFFLINE
    )
    world.do("balance")
    assert world.agrees()
    assert (world.terminal.totals.debit_minor, world.terminal.totals.credit_minor) == (120000, 80000)


def test_a_balance_is_told_and_never_reversed() -> None:
    world = selling()
    result = world.do("balance")
    assert str(result.balance) == "1000.00"
    world.host.script = [Act("lose-answer")]
    assert not world.do("balance").approved
    assert world.host.mtis() == ["0200", "0200"]
    assert world.terminal.journal == []


@pytest.mark.parametrize("balance", [None, "1002156X000000100000", "10"])
def test_an_answer_without_a_balance_that_fits_is_no_balance(balance: str | None) -> None:
    world = selling(Act(drop=(54,)) if balance is None else Act(change={54: balance}))
    assert not world.do("balance").approved


# --- what the terminal refuses itself ---


@pytest.mark.parametrize("name", ["void", "refund", "void_preauth", "void_completion"])
@pytest.mark.parametrize("password", ["", "000000", "0000", "not digits"])
def test_without_the_supervisors_password_nothing_is_taken_back(name: str, password: str) -> None:
    world = selling()
    world.do("sale", SALE)
    world.host.seen.clear()
    reference = OriginalReference(stan="000002")
    arguments = {"void": ("000002",), "void_completion": ("000002",), "refund": (SALE, reference)}
    assert world.do(name, *arguments.get(name, (reference,)), password).outcome is Outcome.REFUSED
    assert world.host.seen == []


@pytest.mark.parametrize("amount", [Amount(0), Amount(100, currency("HKD"))])
def test_nothing_and_other_money_are_refused(amount: Amount) -> None:
    world = selling()
    assert world.do("sale", amount).outcome is Outcome.REFUSED
    assert world.host.seen == []


@pytest.mark.parametrize("kind", [Kind.SALE, Kind.PREAUTH, Kind.BALANCE, Kind.OFFLINE_SALE, Kind.VOID, Kind.TIP_ADJUST])
def test_a_transaction_the_host_has_switched_off_is_refused(kind: Kind) -> None:
    world = selling()
    world.do("sale", SALE)
    switches = "".join("0" if each is kind else "1" for each in Kind).ljust(32, "1")
    world.host.parameters = b"11" + switches.encode()
    assert world.do("download_parameters").done
    world.host.seen.clear()
    arguments = {
        Kind.BALANCE: (),
        Kind.OFFLINE_SALE: (SALE, "VOICE1"),
        Kind.VOID: ("000002", SUPERVISOR),
        Kind.TIP_ADJUST: ("000002", Amount(1)),
    }
    name = {Kind.OFFLINE_SALE: "offline_sale", Kind.TIP_ADJUST: "adjust_tip"}.get(kind, kind.value)
    assert world.do(name, *arguments.get(kind, (SALE,))).outcome is Outcome.REFUSED
    assert world.host.seen == []


@pytest.mark.parametrize(
    ("field", "name", "arguments"),
    [(b"180", "adjust_tip", ("000002", Amount(1))), (b"1905", "adjust_tip", ("000002", Amount(700)))],
)
def test_downloaded_tip_rules_hold(field: bytes, name: str, arguments: tuple[object, ...]) -> None:
    world = selling()
    world.do("sale", SALE)
    world.host.parameters = field
    assert world.do("download_parameters").done
    assert world.do(name, *arguments).outcome is Outcome.REFUSED


def test_key_entry_can_be_switched_off() -> None:
    world = selling()
    world.host.parameters = b"200"
    assert world.do("download_parameters").done
    world.card = fx.Keyed(Pan("6212345678901265"), "3012")
    assert world.do("sale", SALE).outcome is Outcome.CANCELLED


def test_a_full_batch_takes_nothing_more_until_it_is_settled() -> None:
    world = selling(profile=profile(settlement={"batch_size_max": 2}))
    assert world.do("sale", SALE).approved
    assert world.do("sale", SALE).approved
    assert world.do("sale", SALE).outcome is Outcome.REFUSED
    assert not world.do("sign_on", "01", CASHIER).done
    assert world.do("settle").done
    assert world.do("sign_on", "01", CASHIER).done
    assert world.do("sale", SALE).approved


def test_a_full_batch_can_be_settled_even_when_the_host_wants_a_sign_on_first() -> None:
    world = selling(Act(), Act(requirement=Requirement.SIGN_ON), profile=profile(settlement={"batch_size_max": 2}))
    world.do("sale", SALE)
    world.do("sale", SALE)
    assert world.terminal.state is State.SIGN_ON_DUE
    assert world.do("settle").done


@pytest.mark.parametrize("reply", ["card", "pin"])
def test_cancel_before_the_request_leaves_nothing(reply: str) -> None:
    world = selling()
    if reply == "card":
        world.card = fx.Cancelled()
    else:
        flow = world.terminal.sale(SALE, world.clock.now)
        assert isinstance(next(flow), fx.PresentCard)
        asked = flow.send(fx.Keyed(Pan("6212345678901265"), "3012"))
        assert isinstance(asked, fx.EnterPin)
        with pytest.raises(StopIteration) as ended:
            flow.send(fx.Cancelled())
        assert ended.value.value.outcome is Outcome.CANCELLED
        return
    assert world.do("sale", SALE).outcome is Outcome.CANCELLED
    assert (world.host.seen, world.terminal.journal) == ([], [])


def test_a_stripe_of_which_only_track_3_can_be_read_sells() -> None:
    world = selling()
    world.card, world.pin = fx.Swiped(None, Track3("996212345678901265=1561560000000000000003000000114000")), None
    assert world.do("sale", SALE).approved
    assert 36 in world.host.seen[0]
    assert 35 not in world.host.seen[0]


def test_the_trace_number_after_999999_is_000001() -> None:
    world = selling()
    draft = world.terminal._ctx.memory.draft()
    draft.set(stan=999_998)
    world.terminal._ctx.memory.commit(draft)
    world.do("sale", SALE)
    world.do("sale", SALE)
    assert [m[11] for m in world.host.seen] == ["999999", "000001"]


def test_only_what_was_approved_is_printed_again() -> None:
    world = selling(Act(), Act(code="51", change={37: "060100000003"}), Act("lose-answer"))
    for _ in range(3):
        world.do("sale", SALE)
    world.printed.clear()
    assert world.do("reprint", "000002") is True
    assert [slip.reprint for slip in world.printed] == [True, True]
    assert [world.do("reprint", stan) for stan in ("000003", "000004", "000099")] == [False] * 3
