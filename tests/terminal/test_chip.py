"""What becomes of a transaction with a chip, whatever card, kernel and host say.

Source: EMV 4.4 Book 4, 6.3.6 to 6.3.9 and 12; Q/CUP 009: field 55 in requests, reversals, script notices and uploads,
DE 22, 23, 60.4 and 60.5, fallback.
"""

from __future__ import annotations

from typing import Any

import pytest

from posterm.amount import Amount
from posterm.emv import exchange as emv
from posterm.emv.outcome import Ending, Fallback
from posterm.sensitive import Pan, Track2
from posterm.terminal import Outcome
from posterm.terminal import effects as fx
from posterm.terminal.receipt import chip_lines, lines
from posterm.terminal.records import Delivery, Status
from posterm.terminal.transitions import Phase
from posterm.tlv import build, parse
from posterm.unionpay.chip import REQUEST
from posterm.unionpay.totals import Reconciliation
from posterm.unionpay.transactions import Entry, Kind
from tests.terminal.scripted_host import TRACK, Act, World, entry_of, profile
from tests.terminal.scripted_kernel import ScriptedKernel

SALE = Amount(12345)
STRIPE_ONLY = Track2("6212345678900887=30121011234567890123")


def selling(*script: Act, card: Any = None, kernel: ScriptedKernel | None = None, **knobs: Any) -> World:
    return World(script=script, card=card or fx.Inserted(b"\x3b"), kernels=kernel or ScriptedKernel(), **knobs).ready()


def chip_data(message: Any) -> dict[str, bytes]:
    return dict(parse(bytes(message[55])))


def asked(world: World) -> list[set[Entry]]:
    return [set(effect.entries) for effect in world.effects if isinstance(effect, fx.PresentCard)]


# --- approved ---


def test_a_chip_sale_goes_out_with_the_cards_data_and_ends_with_its_certificate() -> None:
    world = selling(kernel=ScriptedKernel(last={"9F26": "AA" * 8, "95": "0000008000"}))
    result = world.do("sale", SALE)
    assert (result.outcome, result.code) == (Outcome.APPROVED, "00")
    request = world.host.seen[0]
    assert (request[2], request[14], request[22], request[23]) == ("6212345678901265", "3012", "052", "001")
    assert str(request[60])[11:13] == "50"
    assert list(chip_data(request))[:14] == list(REQUEST.mandatory)
    assert not {"5A", "57", "50", "9B"} & set(chip_data(request))
    entry = entry_of(world, "000002")
    assert (entry.entry, entry.sequence, entry.chip["9F26"], entry.chip["95"]) == (
        Entry.CHIP, "001", "AA" * 8, "0000008000",
    )  # fmt: skip
    assert not {"5A", "57"} & set(entry.chip)
    assert isinstance(world.effects[-4], fx.Print) or fx.Print in map(type, world.effects)
    assert (world.terminal.phase, world.agrees()) == (Phase.IDLE, True)


def test_the_kernel_is_told_the_amount_the_time_and_the_counter() -> None:
    kernel = ScriptedKernel()
    world = selling(kernel=kernel)
    world.do("sale", SALE)
    world.do("preauth", SALE)
    world.do("balance")
    assert [(t.amount, t.sequence, t.forced_online, t.type.value) for t in kernel.transactions] == [
        (12345, 2, False, 0), (12345, 3, True, 0), (0, 4, True, 0x31),
    ]  # fmt: skip


def test_an_online_pin_goes_to_the_host_and_the_card_number_to_the_pin_pad() -> None:
    world = selling(kernel=ScriptedKernel(pin="online"))
    assert world.do("sale", SALE).approved
    request = world.host.seen[0]
    assert (request[22], 52 in request, str(request[53])[0]) == ("051", True, "2")
    assert [effect.pan for effect in world.effects if isinstance(effect, fx.EnterPin)] == [Pan("6212345678901265")]
    assert entry_of(world, "000002").pin_entered


def test_an_offline_pin_goes_to_the_kernel_and_nowhere_else() -> None:
    kernel = ScriptedKernel(pin="offline", signature=False)
    world = selling(kernel=kernel)
    assert world.do("sale", SALE).approved
    reply = kernel.heard[0]
    assert (reply.answer, reply.pin.reveal()) == (emv.PinAnswer.ENTERED, world.pin)
    request = world.host.seen[0]
    assert (request[22], 52 in request) == ("052", False)
    entry = entry_of(world, "000002")
    assert (entry.pin_entered, entry.signature_waived) == (False, True)
    assert world.pin.encode() not in b"".join(world.frames)


@pytest.mark.parametrize("pin", ["online", "offline"])
def test_a_skipped_pin_is_a_bypass(pin: str) -> None:
    kernel = ScriptedKernel(pin=pin)
    world = selling(kernel=kernel, pin=None)
    assert world.do("sale", SALE).approved
    assert kernel.heard[0].answer is emv.PinAnswer.BYPASSED


def test_several_applications_are_chosen_by_the_cardholder_and_a_referral_is_refused() -> None:
    kernel = ScriptedKernel(choose=("DEBIT", "CREDIT"), refer=True)
    world = selling(kernel=kernel)
    world.do("sale", SALE)
    assert kernel.heard[:2] == [1, False]
    assert [effect.labels for effect in world.effects if isinstance(effect, fx.SelectApplication)] == [
        ("DEBIT", "CREDIT")
    ]


def test_what_the_issuer_says_to_the_card_reaches_the_kernel() -> None:
    kernel = ScriptedKernel()
    data = build([("91", b"12345678" + b"00"), ("9F36", b"\0\1")])
    world = selling(Act(change={55: data}), kernel=kernel)
    world.do("sale", SALE)
    assert (kernel.heard[0].response_code, kernel.heard[0].issuer_data) == ("00", data)


@pytest.mark.parametrize(("code", "said"), [("00", "00"), ("10", "10"), ("11", "11"), ("51", "51"), ("ZZ", "ZZ")])
def test_the_kernel_hears_the_answer_code(code: str, said: str) -> None:
    kernel = ScriptedKernel()
    selling(Act(code=code), kernel=kernel).do("sale", SALE)
    assert kernel.heard[0].response_code == said


def test_a_tap_is_told_apart_from_an_insertion() -> None:
    world = selling(card=fx.Tapped(b"\x3b"))
    assert world.do("sale", SALE).approved
    request = world.host.seen[0]
    assert (request[22], str(request[60])[11:13]) == ("072", "60")
    assert entry_of(world, "000002").entry is Entry.CONTACTLESS


def test_a_chip_preauthorisation_is_completed_and_voided_without_the_chip() -> None:
    world = selling()
    assert world.do("preauth", SALE).approved
    assert 55 in world.host.seen[0]
    from posterm.terminal import OriginalReference

    assert world.do("complete", SALE, OriginalReference()).approved
    assert (55 in world.host.seen[1], world.host.seen[1][22]) == (False, "012")


def test_a_chip_asks_for_its_balance() -> None:
    world = selling()
    result = world.do("balance")
    assert (result.outcome, str(result.balance)) == (Outcome.APPROVED, "1000.00")
    assert (4 in world.host.seen[0], 55 in world.host.seen[0]) == (False, True)


# --- the host says no, or nothing ---


def test_a_decline_is_told_to_the_card_and_not_reversed() -> None:
    kernel = ScriptedKernel()
    world = selling(Act(code="51"), kernel=kernel)
    result = world.do("sale", SALE)
    assert (result.outcome, result.code) == (Outcome.DECLINED, "51")
    assert world.host.mtis() == ["0200"]
    assert entry_of(world, "000002").sealed_card == ""


@pytest.mark.parametrize("act", [Act("lose-request"), Act("lose-answer"), Act("tear"), Act("bad-mac")])
def test_without_an_answer_the_card_is_made_to_decline_and_the_reversal_has_chip_data(act: Act) -> None:
    kernel = ScriptedKernel(offline_approval=True)
    world = selling(act, kernel=kernel)
    result = world.do("sale", SALE)
    assert result.outcome is Outcome.REVERSED
    assert (kernel.heard[0].response_code, kernel.heard[0].approved) == ("Z3", False)
    reversal = world.host.seen[-1]
    assert (reversal.mti, reversal[22], reversal[23]) == ("0400", "052", "001")
    assert {"95", "9F10", "9F36"} <= set(chip_data(reversal)) <= {"95", "9F1E", "9F10", "9F36"}
    assert not {35, 52} & set(reversal)
    assert world.agrees()


def test_a_balance_inquiry_without_an_answer_is_simply_not_answered() -> None:
    assert selling(Act("lose-answer")).do("balance").outcome is Outcome.NOT_SENT


def test_a_host_out_of_reach_leaves_it_to_card_and_terminal() -> None:
    world = selling(Act("not-sent", times=9))
    result = world.do("sale", SALE)
    assert (result.outcome, result.code) == (Outcome.NOT_SENT, "Z3")
    assert world.terminal.phase is Phase.IDLE
    assert entry_of(world, "000002").status is Status.NOT_SENT


def test_a_card_that_approves_when_the_host_is_out_of_reach_makes_an_offline_sale() -> None:
    world = selling(Act("not-sent"), kernel=ScriptedKernel(offline_approval=True))
    result = world.do("sale", SALE)
    assert (result.outcome, result.entry.kind) == (Outcome.APPROVED_OFFLINE, Kind.CHIP_OFFLINE_SALE)
    assert [entry.status for entry in world.terminal.journal] == [Status.NOT_SENT, Status.APPROVED]
    assert entry_of(world, "000003").response_code == "Y3"


def test_an_owed_reversal_that_gets_no_answer_keeps_the_chip_offline() -> None:
    world = selling(Act("lose-answer"), Act("lose-request", mti="0400", times=6))
    assert world.do("sale", SALE).outcome is Outcome.REVERSAL_PENDING
    result = world.do("sale", SALE)
    assert (result.outcome, result.code) == (Outcome.REFUSED, "Z3")
    assert "reversed first" in result.text
    assert world.host.mtis().count("0200") == 1


# --- the card has the last word ---


@pytest.mark.parametrize("how", ["refuses", "gone"])
def test_a_card_that_does_not_confirm_an_approval_makes_a_reversal_with_its_last_word(how: str) -> None:
    kernel = ScriptedKernel(
        ending=Ending.DECLINED if how == "refuses" else Ending.APPROVED,
        last={"95": "0000000040", "9F10": "07010103250002010A010000000000A1B2C3D4"},
        scripts=bytes.fromhex("1100000001"),
    )
    world = selling(kernel=kernel, card_gone_at=2 if how == "gone" else 0)
    result = world.do("sale", SALE)
    assert result.outcome is Outcome.REVERSED
    reversal = world.host.seen[1]
    assert (reversal.mti, reversal[39], reversal[38]) == ("0400", "96", "A00002")
    data = chip_data(reversal)
    assert (data["95"].hex(), data["9F10"].hex()[6:8], data["DF31"].hex()) == ("0000000040", "03", "1100000001")
    assert (world.printed, world.agrees()) == ([], True)
    assert world.terminal._ctx.memory.script_notice is None


def test_a_printer_that_fails_after_the_card_confirmed_reverses_with_the_certificate() -> None:
    world = selling(kernel=ScriptedKernel(last={"9F10": "07010103650002010A010000000000A1B2C3D4"}), printer_fails=1)
    assert world.do("sale", SALE).outcome is Outcome.REVERSED
    assert chip_data(world.host.seen[1])["9F10"].hex()[6:8] == "03"
    assert world.agrees()


@pytest.mark.parametrize("code", ["00", "51"])
def test_script_results_are_owed_and_go_out_before_the_next_request(code: str) -> None:
    world = selling(Act(code=code), kernel=ScriptedKernel(scripts=bytes.fromhex("2000000001")))
    world.do("sale", SALE)
    world.kernels.scripts = b""
    world.do("sale", SALE)
    assert world.host.mtis() == ["0200", "0620/951", "0200"]
    notice = world.host.seen[1]
    assert (notice[23], str(notice[61])[:12], chip_data(notice)["DF31"].hex()) == (
        "001", "000001000002", "2000000001",
    )  # fmt: skip
    assert {"9F33", "95", "9F37", "9F10", "9F26", "9F36", "82", "9F1A", "9A"} <= set(chip_data(notice))


def test_script_results_survive_a_power_cut() -> None:
    world = selling(kernel=ScriptedKernel(scripts=bytes.fromhex("2000000001")))
    world.do("sale", SALE)
    world.power_on(run=True)
    world.kernels.scripts = b""
    world.do("sale", SALE)
    assert world.host.mtis() == ["0200", "0620/951", "0200"]


# --- without the host ---


def test_an_offline_approval_is_owed_delivered_and_counted() -> None:
    world = selling(kernel=ScriptedKernel(online=False))
    result = world.do("sale", SALE)
    assert result.outcome is Outcome.APPROVED_OFFLINE
    entry = entry_of(world, "000002")
    assert (entry.kind, entry.delivery, entry.response_code) == (Kind.CHIP_OFFLINE_SALE, Delivery.OWED, "Y1")
    world.kernels.online = True
    assert world.do("sale", SALE).approved
    notice = world.host.seen[0]
    assert (notice.mti, notice[11], str(notice[60])[:2]) == ("0200", "000002", "36")
    assert (chip_data(notice)["8A"], chip_data(notice)["9F27"]) == (b"Y1", b"\x40")
    assert entry_of(world, "000002").delivery is Delivery.DELIVERED
    assert world.terminal.totals.debit_count == 2
    assert world.agrees()


def test_an_offline_decline_stands_in_the_journal_and_goes_nowhere() -> None:
    world = selling(kernel=ScriptedKernel(online=False, ending=Ending.DECLINED))
    result = world.do("sale", SALE)
    assert (result.outcome, result.code) == (Outcome.DECLINED, "Z1")
    entry = entry_of(world, "000002")
    assert (entry.status, entry.response_code, entry.sealed_card) == (Status.DECLINED, "Z1", "")
    assert (world.host.mtis(), world.printed, world.agrees()) == ([], [], True)


def test_a_card_alone_approves_no_preauthorisation() -> None:
    world = selling(kernel=ScriptedKernel(online=False))
    assert world.do("preauth", SALE).outcome is Outcome.REFUSED
    assert world.terminal.journal == []


def test_a_cardholder_who_cancels_at_the_pin_cancels_the_transaction() -> None:
    kernel = ScriptedKernel(pin="offline")
    world = selling(kernel=kernel)
    drive = world._do
    world._do = lambda effect: fx.Cancelled() if isinstance(effect, fx.EnterOfflinePin) else drive(effect)
    assert world.do("sale", SALE).outcome is Outcome.CANCELLED
    assert world.terminal.journal == []


@pytest.mark.parametrize("drop", [("9F10",), ("9F26", "82"), ("5A", "57")])
def test_a_chip_without_what_the_host_must_have_cannot_go_online(drop: tuple[str, ...]) -> None:
    world = selling(kernel=ScriptedKernel(drop=drop))
    assert world.do("sale", SALE).outcome is Outcome.REFUSED
    assert (world.host.mtis(), world.terminal.phase, world.terminal.stan) == ([], Phase.IDLE, "000001")


# --- presented once more ---


def unreadable(**knobs: Any) -> ScriptedKernel:
    return ScriptedKernel(online=False, ending=Ending.TERMINATED, fallback=Fallback.STRIPE, **knobs)


def test_a_chip_that_cannot_be_read_is_swiped_as_a_fallback() -> None:
    world = selling(card=[fx.Inserted(b"\x3b"), fx.Swiped(Track2(TRACK))], kernel=unreadable())
    assert world.do("sale", SALE).approved
    assert asked(world)[1] == {Entry.CHIP, Entry.STRIPE}
    request = world.host.seen[0]
    assert (request[22], str(request[60])[11:13]) == ("021", "52")
    assert entry_of(world, "000002").entry is Entry.STRIPE


def test_that_the_last_chip_failed_is_remembered_until_another_transaction_begins() -> None:
    world = selling(card=[fx.Inserted(b"\x3b"), fx.Cancelled()], kernel=unreadable())
    assert world.do("sale", SALE).outcome is Outcome.CANCELLED
    world.power_on(run=True)
    world.card = None
    assert world.do("sale", SALE).approved
    assert world.do("sale", SALE).approved
    assert [str(message[60])[11:13] for message in world.host.seen] == ["52", "50"]


@pytest.mark.parametrize("rule", ["after-failed-chip", "refuse"])
def test_the_stripe_of_a_chip_card_may_be_refused_before_the_chip_was_tried(rule: str) -> None:
    world = selling(
        card=[fx.Swiped(Track2(TRACK)), fx.Inserted(b"\x3b")], profile=profile(chip={"stripe_of_chip_card": rule})
    )
    assert world.do("sale", SALE).approved
    assert asked(world)[1] == asked(world)[0] - {Entry.STRIPE}
    assert world.host.seen[0][22] == "052"
    assert "stripe-refused" in world.names


@pytest.mark.parametrize(("rule", "outcome"), [("after-failed-chip", Outcome.APPROVED), ("refuse", Outcome.CANCELLED)])
def test_a_failed_chip_lets_the_stripe_pass_where_the_profile_says_so(rule: str, outcome: Outcome) -> None:
    cards = [fx.Inserted(b"\x3b"), fx.Swiped(Track2(TRACK)), fx.Cancelled()]
    world = selling(card=cards, kernel=unreadable(), profile=profile(chip={"stripe_of_chip_card": rule}))
    assert world.do("sale", SALE).outcome is outcome


def test_a_card_without_a_chip_may_always_be_swiped() -> None:
    world = selling(card=fx.Swiped(STRIPE_ONLY), profile=profile(chip={"stripe_of_chip_card": "refuse"}))
    assert world.do("sale", SALE).approved
    assert str(world.host.seen[0][60])[11:13] == "50"


def test_a_tap_that_asks_for_the_slot_is_inserted() -> None:
    kernel = ScriptedKernel(online=False, ending=Ending.TRY_ANOTHER_INTERFACE)
    world = selling(card=[fx.Tapped(b"\x3b"), fx.Inserted(b"\x3b")], kernel=kernel)
    drive = world._do

    def inserted_is_good(effect: Any) -> Any:
        reply = drive(effect)
        if isinstance(reply, fx.Inserted):
            kernel.online, kernel.ending = True, Ending.APPROVED
        return reply

    world._do = inserted_is_good
    assert world.do("sale", SALE).approved
    assert asked(world)[1] == {Entry.CHIP, Entry.STRIPE}
    assert world.host.seen[0][22] == "052"


def test_a_card_that_always_wants_to_be_tapped_again_is_given_up() -> None:
    world = selling(card=fx.Tapped(b"\x3b"), kernel=ScriptedKernel(online=False, ending=Ending.TRY_AGAIN))
    assert world.do("sale", SALE).outcome is Outcome.REFUSED
    assert asked(world)[1:] == [{Entry.CONTACTLESS}] * 4


@pytest.mark.parametrize("ending", [Ending.TERMINATED, Ending.TRY_ANOTHER_CARD])
def test_a_card_that_is_not_for_here_is_refused_without_a_fallback(ending: Ending) -> None:
    world = selling(kernel=ScriptedKernel(online=False, ending=ending))
    result = world.do("sale", SALE)
    assert (result.outcome, result.text) == (Outcome.REFUSED, "as the script says")
    assert world.terminal.journal == []


def test_a_terminal_without_kernels_asks_for_stripes_alone() -> None:
    world = World().ready()
    world.do("sale", SALE)
    assert asked(world) == [{Entry.STRIPE, Entry.KEYED}]


def test_refunds_and_voice_approvals_are_made_by_stripe() -> None:
    world = selling(card=fx.Swiped(Track2(TRACK)))
    world.do("offline_sale", SALE, "VOICE1")
    assert asked(world) == [{Entry.STRIPE, Entry.KEYED}]
    assert world.do("sale", SALE).approved


# --- settlement ---


@pytest.mark.parametrize(("equal", "network"), [(True, "203"), (False, "205")])
def test_each_chip_sale_goes_up_by_itself_with_its_certificate(equal: bool, network: str) -> None:
    kernel = ScriptedKernel(last={"9F26": "AA" * 8})
    world = selling(kernel=kernel)
    world.do("sale", SALE)
    world.card = fx.Swiped(STRIPE_ONLY)
    world.do("sale", SALE)
    world.card, kernel.online = fx.Inserted(b"\x3b"), False
    world.do("sale", SALE)
    world.host.reconcile = None if equal else Reconciliation.DIFFERENT
    world.host.seen.clear()
    assert world.do("settle").done
    uploads = [message for message in world.host.seen if message.mti == "0320"]
    notices = "204" if equal else "206"
    stripes = [] if equal else ["201"]
    end = "207" if equal else "202"
    assert [str(message[60])[8:11] for message in uploads] == [*stripes, network, notices, end]
    detail = uploads[len(stripes)]
    assert set(detail) == {2, 4, 11, 22, 23, 41, 42, 55, 60, 62}
    assert bytes(detail[62]) == b"610000000000012345156"
    assert (chip_data(detail)["9F26"], chip_data(detail)["9F27"]) == (b"\xaa" * 8, b"\x40")
    notice = uploads[len(stripes) + 1]
    assert (notice[11], bytes(notice[62])[21:23], "9F26" in chip_data(notice)) == ("000004", b"36", True)
    assert world.host.ends[0][2] == (2 if equal else 3)


# --- paper ---


def test_the_slip_shows_the_chip_block_and_the_way_the_card_was_read() -> None:
    world = selling()
    world.do("sale", SALE)
    printed = "\n".join(lines(world.printed[0], language="en"))
    assert "621234******1265 /I" in printed
    for line in ("AID: A000000333010101", "TC: 1122334455667788", "TVR: 0000000000", "TSI: E800", "ATC: 0001"):
        assert line in printed
    assert "CARDHOLDER SIGNATURE" in printed
    assert chip_lines(entry_of(world, "000002"))[1][0] == "APP LABEL"


@pytest.mark.parametrize(
    ("amount", "tapped", "signature", "words"),
    [
        (Amount(1000_00), True, True, "NO SIGNATURE REQUIRED"),
        (Amount(1000_01), True, True, "CARDHOLDER SIGNATURE"),
        (Amount(1), False, True, "CARDHOLDER SIGNATURE"),
        (Amount(1), False, False, "NO SIGNATURE REQUIRED"),
    ],
)
def test_small_taps_and_verified_cardholders_need_not_sign(
    amount: Amount, tapped: bool, signature: bool, words: str
) -> None:
    card = fx.Tapped(b"") if tapped else fx.Inserted(b"")
    world = selling(card=card, kernel=ScriptedKernel(signature=signature))
    world.do("sale", amount)
    assert words in "\n".join(lines(world.printed[0], language="en"))


def test_why_holds_the_rules_that_fired() -> None:
    assert selling().do("sale", SALE).why == ()
