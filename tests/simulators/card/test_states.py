"""What a card does when: the order of commands, the PIN, its own risk management, electronic cash, taps, memory."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from posterm import tlv
from posterm.hsm.card_values import cvc3
from posterm.sensitive import Pan
from simulators.card import CardError, load, master_keys, profile_names, rsa
from simulators.card.profile import Condition
from tests.simulators.card.dialogue import AAC, ARQC, TC, Dialogue, online

# --- any bytes ----------------------------------------------------------------------------------------------------

_INSTRUCTIONS = [0xA4, 0xB2, 0xA8, 0xCA, 0x84, 0x88, 0x20, 0x82, 0xAE, 0x2A, 0x1E, 0x18, 0x16, 0x24, 0xDA, 0xDC, 0xC0]
likely = st.builds(
    lambda cla, ins, p1, p2, data, le: bytes((cla, ins, p1, p2)) + (bytes((len(data),)) + data if data else b"") + le,
    st.sampled_from((0x00, 0x80, 0x84, 0x04)),
    st.sampled_from(_INSTRUCTIONS),
    st.sampled_from((0, 1, 4, 0x40, 0x80, 0x90, 0x9F)),
    st.sampled_from((0, 1, 2, 0x0C, 0x14, 0x36, 0x79, 0x80, 0x88)),
    st.one_of(st.binary(max_size=48), st.just(bytes.fromhex("A000000333010101")), st.just(bytes.fromhex("8300"))),
    st.sampled_from((b"", b"\x00", b"\x05")),
)


@settings(max_examples=60, deadline=None)
@given(
    st.sampled_from(("unionpay-ecash", "mastercard-credit", "visa-credit", "unionpay-dual")),
    st.booleans(),
    st.sampled_from(("T=0", "T=1")),
    st.lists(st.one_of(st.binary(max_size=300), likely), max_size=12),
)
def test_any_bytes_are_answered_with_a_status_word(name, contactless, protocol, commands):
    card = load(name, contactless=contactless, changes={"protocol": protocol})
    card.power_on()
    select = bytes.fromhex(card.profile.applications["main"].aid)
    card.transmit(b"\x00\xa4\x04\x00" + bytes((len(select),)) + select)
    for command in commands:
        assert 2 <= len(card.transmit(command)) <= 258


@settings(max_examples=60, deadline=None)
@given(st.lists(st.sampled_from(("select", "start", "first", "second", "dda", "external", "pin", "script", "get"))))
def test_the_order_of_commands_is_kept(steps):
    """After every step the card is where the book says, whatever was tried before."""
    talk = Dialogue(load("unionpay-credit")).select().start().read()
    lists = dict(talk.heard)
    talk.select()
    phase = "selected"
    for step in steps:
        talk.heard = lists | {"9F38": b""}
        if step == "select":
            talk.select()
            phase, expected = "selected", 0x9000
        elif step == "start":
            talk.command("80A80000", bytes.fromhex("8300"))
            expected = 0x9000 if phase == "selected" else 0x6985
            phase = "initiated" if phase == "selected" else phase
        elif step in ("first", "second"):
            wanted = "8D" if phase in ("online", "answered") else "8C"
            talk.command("80AE8000", talk.values(wanted))
            expected = 0x9000 if phase in ("initiated", "online", "answered") else 0x6985
            phase = {"initiated": "online", "online": "done", "answered": "done"}.get(phase, phase)
        elif step == "dda":
            talk.command("00880000", bytes(4))
            expected = 0x9000 if phase == "initiated" else 0x6985
        elif step == "external":
            talk.command("00820000", bytes(10), le=False)
            expected = 0x6300 if phase == "online" else 0x6985
            phase = "answered" if phase == "online" else phase
        elif step == "script":
            talk.command("841E0000", bytes(8), le=False)
            expected = 0x6988 if phase in ("online", "answered", "done") else 0x6985
        elif step == "pin":
            left = talk.card.memory()["applications"]["main"]["pin_tries_left"]
            talk.command("00200080", bytes.fromhex("241111FFFFFFFFFF"), le=False)
            expected = 0x63C0 | left - 1 if left else 0x6983
        else:
            talk.command("80CA9F36")
            expected = 0x9000
        assert talk.sw == expected, (step, phase)


# --- PIN ----------------------------------------------------------------------------------------------------------


def plain(pin: str) -> bytes:
    return bytes.fromhex(f"2{len(pin):X}{pin.ljust(14, 'F')}")


def enciphered(talk: Dialogue, pin: str) -> bytes:
    challenge = talk.command("00840000")
    key = rsa.key(f"pin/{talk.card.profile.scheme}", 1024)
    block = b"\x7f" + plain(pin) + challenge
    block = block.ljust(key.size_bytes, b"\x11")
    return pow(int.from_bytes(block, "big"), 3, key.p * key.q).to_bytes(key.size_bytes, "big")


@pytest.mark.parametrize("way", ["80", "88"])
def test_wrong_pins_use_up_the_tries_and_the_right_one_restores_them(way):
    talk = Dialogue(load("visa-credit")).select().start()
    right = talk.card.profile.holder.pin

    def enter(pin: str) -> int:
        talk.command(f"002000{way}", plain(pin) if way == "80" else enciphered(talk, pin), le=False)
        return talk.sw

    assert [enter("111111"), enter("111111"), enter(right)] == [0x63C2, 0x63C1, 0x9000]
    assert [enter("111111") for _ in range(4)] == [0x63C2, 0x63C1, 0x63C0, 0x6983]
    assert enter(right) == 0x6983


def test_an_enciphered_pin_answers_one_challenge_once():
    talk = Dialogue(load("visa-credit")).select().start()
    data = enciphered(talk, talk.card.profile.holder.pin)
    talk.command("00200088", data, le=False)
    assert talk.sw == 0x9000
    talk.command("00200088", data, le=False)
    assert talk.sw == 0x6985
    talk.command("00840000")
    talk.command("00200088", data, le=False)
    assert talk.sw == 0x6984


@pytest.mark.parametrize(
    ("data", "sw"), [("24", 0x6700), ("FFFFFFFFFFFFFFFF", 0x6984), ("34123456FFFFFFFF", 0x6984), ("", 0x6700)]
)
def test_what_is_no_pin_block_costs_no_try(data, sw):
    talk = Dialogue(load("visa-credit")).select().start()
    talk.command("00200080", bytes.fromhex(data), le=False)
    assert talk.sw == sw
    assert talk.command("80CA9F17")[-1] == 3


def test_the_verification_results_tell_of_the_pin():
    talk = Dialogue(load("unionpay-credit")).select().start().read()
    talk.command("00200080", plain("111111"), le=False)
    assert talk.generate(ARQC).heard["9F10"][4] & 0x06 == 0x06
    talk.select().start().read()
    talk.command("00200080", plain(talk.card.profile.holder.pin), le=False)
    assert talk.generate(ARQC).heard["9F10"][4] & 0x06 == 0x04


# --- the card decides ---------------------------------------------------------------------------------------------


def with_risk(**application: object):
    return load("unionpay-credit", changes={"applications": {"main": application}})


@pytest.mark.parametrize("asked", [AAC, ARQC, TC])
def test_a_card_gives_what_is_asked_and_never_more(asked):
    assert online(load("unionpay-credit")).kind == ARQC
    talk = Dialogue(load("unionpay-credit")).select().start().read()
    assert talk.generate(asked).kind == asked
    assert talk.generate(asked, "8D").sw == (0x9000 if asked == ARQC else 0x6985)


@pytest.mark.parametrize(
    ("condition", "application"),
    [
        (Condition.NEW_CARD, {"atc": 0, "last_online_atc": 0}),
        (Condition.PIN_TRIES_EXCEEDED, {"pin_tries_left": 0}),
        (Condition.LOWER_AMOUNT, {"risk": {"offline_amount_lower_minor": 1233}}),
        (Condition.UPPER_AMOUNT, {"risk": {"offline_amount_upper_minor": 1233, "offline_amount_lower_minor": 0}}),
    ],
)
def test_a_condition_sends_the_transaction_online_or_declines_it(condition, application):
    def asked_for_tc(**risk: object) -> int:
        changes = application | {"risk": application.get("risk", {}) | risk}
        return Dialogue(with_risk(**changes)).select().start().read().generate(TC).kind

    assert asked_for_tc(go_online=[]) == TC
    assert asked_for_tc(go_online=[condition]) == ARQC
    assert asked_for_tc(decline=[condition]) == AAC


def test_offline_payments_are_counted_until_the_card_wants_its_issuer():
    card = with_risk(risk={"offline_count_lower": 2, "offline_count_upper": 3})
    kinds = []
    for _ in range(4):
        talk = Dialogue(card).select().start().read().generate(TC)
        kinds.append(talk.kind)
        if talk.kind == ARQC:
            talk.said["8A"] = b"Y3"
            kinds.append(talk.generate(TC, "8D").kind)
    assert kinds == [TC, TC, ARQC, TC, ARQC, AAC]


def test_a_transaction_broken_off_while_online_sends_the_next_one_online():
    card = load("unionpay-credit")
    online(card)
    card.withdraw()
    assert card.transmit(bytes.fromhex("80CA9F3600")) == b""
    talk = Dialogue(card).select().start().read().generate(TC)
    assert talk.kind == ARQC
    assert talk.heard["9F10"][5] & 0x80
    talk.generate(TC, "8D")
    assert Dialogue(card).select().start().read().generate(TC).kind == TC


def test_an_online_approval_moves_the_last_online_counter():
    card = load("unionpay-credit")
    talk = online(card)
    talk.generate(TC, "8D")
    assert talk.command("80CA9F13") == bytes.fromhex("9F13020002")


def test_the_counter_ends_at_its_last_value():
    card = with_risk(atc=0xFFFE)
    assert Dialogue(card).select().start().sw == 0x9000
    assert Dialogue(card).select().heard
    talk = Dialogue(card).select()
    talk.command("80A80000", bytes.fromhex("8300"))
    assert talk.sw == 0x6985


@pytest.mark.parametrize(("data", "sw"), [("", 0x6A80), ("8301", 0x6A80), ("830100", 0x6700), ("84008300", 0x6A80)])
def test_processing_options_need_what_the_list_asks_for(data, sw):
    talk = Dialogue(load("unionpay-credit")).select()
    talk.command("80A80000", bytes.fromhex(data))
    assert talk.sw == sw
    talk.command("80A80000", bytes.fromhex("8300"))
    assert talk.sw == 0x9000


def test_records_are_read_in_a_transaction_and_only_those_that_are_there():
    talk = Dialogue(load("unionpay-credit")).select()
    talk.command("00B2010C")
    assert talk.sw == 0x6985
    talk.start()
    for header, sw in (("00B2010C", 0x9000), ("00B2090C", 0x6A83), ("00B201A4", 0x6A82), ("00B20008", 0x6A86)):
        talk.command(header)
        assert talk.sw == sw


def test_format_1_answers_have_no_tags():
    talk = Dialogue(with_risk(template=1, authentication=["dda"])).select()
    data = talk.command("80A80000", bytes.fromhex("8300"))
    assert tlv.parse(data)[0][0] == "80"
    talk.answer(data, ("82", 2), ("94", None))
    assert talk.read().generate(ARQC).kind == ARQC


def test_the_log_holds_the_last_ten_approved_transactions():
    card = with_risk(risk={"offline_count_lower": 0, "offline_count_upper": 0, "offline_amount_lower_minor": 0})
    for amount in range(1, 13):
        talk = Dialogue(card)
        talk.said["9F02"] = bytes.fromhex(f"{amount:012d}")
        talk.select().start().read().generate(TC if amount != 5 else AAC)
    talk = Dialogue(card).select()
    assert talk.heard["9F4D"] == bytes((11, 10))
    assert talk.command("80CA9F4F")[:3] == bytes.fromhex("9F4F16")
    records = [talk.command(f"00B2{number:02X}5C") for number in range(1, 11)]
    assert [int(record[6:12].hex()) for record in records] == [12, 11, 10, 9, 8, 7, 6, 4, 3, 2]
    assert records[0][-2:] == bytes.fromhex("000D")
    for header, sw in (("00B20B5C", 0x6A83), ("00B2005C", 0x6A86)):
        talk.command(header)
        assert talk.sw == sw


# --- electronic cash ----------------------------------------------------------------------------------------------


def pay(card, amount: str, **said: str) -> Dialogue:
    talk = Dialogue(card)
    talk.said |= {tag: bytes.fromhex(text) for tag, text in ({"9F02": amount, "9F7A": "01"} | said).items()}
    return talk.select().start().read()


def test_the_purse_pays_until_it_is_empty():
    card = load("unionpay-ecash")
    talk = pay(card, "000000006000")
    assert talk.heard["9F74"] == b"ECC001"
    assert talk.generate(TC).kind == TC
    assert talk.command("80CA9F79") == bytes.fromhex("9F7906000000004000")
    assert "9F74" not in pay(card, "000000006000").heard
    assert pay(card, "000000004000").generate(TC).kind == TC
    assert Dialogue(card).select().command("80CA9F79") == bytes.fromhex("9F7906000000000000")


@pytest.mark.parametrize("said", [{"9F7A": "00"}, {"5F2A": "0840"}])
def test_without_a_terminal_that_takes_it_in_this_currency_the_purse_stays_shut(said):
    card = load("unionpay-ecash")
    talk = pay(card, "000000001000", **said)
    assert "9F74" not in talk.heard
    talk.generate(TC)
    assert talk.command("80CA9F79") == bytes.fromhex("9F7906000000010000")


# --- taps ---------------------------------------------------------------------------------------------------------


def tap(card, **said: str) -> Dialogue:
    card.contactless = True
    talk = Dialogue(card)
    talk.said |= {tag: bytes.fromhex(text) for tag, text in said.items()}
    return talk.select().start()


@pytest.mark.parametrize(
    ("ttq", "amount", "kind", "qualifiers"),
    [
        ("36000080", "000000001000", TC, "0000"),
        ("36800080", "000000001000", ARQC, "0000"),
        ("36400080", "000000001000", ARQC, "8000"),
        ("32400080", "000000001000", TC, "4000"),
        ("36000080", "000000900000", ARQC, "0000"),
        ("3E000080", "000000900000", AAC, "0000"),
        ("30400080", "000000001000", AAC, "0000"),
    ],
)
@pytest.mark.parametrize("name", ["visa-debit", "unionpay-debit"])
def test_a_tap_is_decided_by_the_readers_qualifiers(name, ttq, amount, kind, qualifiers):
    talk = tap(load(name), **{"9F66": ttq, "9F02": amount})
    assert talk.kind == kind
    assert talk.heard["9F6C"].hex() == qualifiers
    assert ("94" in talk.heard) == (kind == TC)


def test_what_a_tap_costs_is_taken_when_the_last_record_is_read():
    card = load("unionpay-ecash")
    torn = tap(card, **{"9F02": "000000001000"})
    assert torn.kind == TC
    torn = Dialogue(card).select()
    assert torn.command("80CA9F79")[-6:].hex() == "000000010000"
    paid = tap(card, **{"9F02": "000000001000"}).read()
    assert paid.heard["9F5D"].hex() == "000000009000"
    assert paid.command("80CA9F79")[-6:].hex() == "000000009000"


def test_offline_funds_of_a_tapped_card_run_out():
    card = load("visa-debit", changes={"applications": {"main": {"risk": {"offline_count_lower": 0}}}})
    kinds = []
    for _ in range(4):
        talk = tap(card, **{"9F02": "000000005000"})
        kinds.append(talk.kind)
        if talk.kind == TC:
            talk.read()
    assert kinds == [TC, TC, TC, ARQC]


@pytest.mark.parametrize("name", ["mastercard-credit", "mastercard-mag-stripe"])
def test_the_check_values_of_a_changing_stripe(name):
    talk = tap(load(name)).read()
    number = bytes.fromhex("00000042")
    talk.hear(talk.command("802A8E80", number))
    profile = talk.card.profile
    cvn = profile.applications["main"].version_of_cryptogram
    key = master_keys("mastercard").for_card(cvn, Pan(profile.holder.pan), profile.holder.sequence).cvc3
    for value, track in (("9F60", "56"), ("9F61", "9F6B")):
        assert int.from_bytes(talk.heard[value], "big") == int(cvc3(key, talk.heard[track], 2, number))
    talk.command("802A8E80", number)
    assert talk.sw == 0x6985


def test_a_stripe_only_tap_has_no_cryptogram():
    talk = tap(load("mastercard-mag-stripe")).read()
    talk.command("80AE8000", bytes(10))
    assert talk.sw == 0x6D00


def test_a_tapped_mastercard_signs_its_cryptogram():
    talk = tap(load("mastercard-credit")).read().generate(ARQC | 0x10)
    assert talk.kind == ARQC
    assert talk.heard["9F4B"]


# --- memory and seed ----------------------------------------------------------------------------------------------


def whole_sale(name: str, seed: int, *, contactless: bool = False) -> list[str]:
    talk = Dialogue(load(name, seed=seed, contactless=contactless)).select().start()
    if "9F26" not in talk.heard:
        talk.read()
        if "8C" in talk.heard:
            talk.command("00840000")
            talk.generate(ARQC | 0x10).generate(TC, "8D")
    return talk.log


@pytest.mark.parametrize("name", profile_names())
def test_the_same_seed_gives_the_same_log_byte_for_byte(name):
    assert whole_sale(name, 5) == whole_sale(name, 5)
    assert whole_sale(name, 5) != whole_sale(name, 6)


def test_a_memory_goes_on_in_another_card():
    first = load("unionpay-credit")
    online(first)
    Dialogue(first).select().command("00200080", plain("111111"), le=False)
    second = load("unionpay-credit", seed=1)
    second.restore(json.loads(json.dumps(first.memory())))
    assert second.memory() == first.memory()
    talk = Dialogue(second).select()
    assert talk.command("80CA9F17")[-1] == 2
    assert talk.start().read().generate(TC).heard["9F36"] == b"\x00\x03"


@pytest.mark.parametrize("change", [{"profile": "visa-debit"}, {"applications": {}}, {"applications": {"main": {}}}])
def test_a_memory_of_another_card_is_refused(change):
    card = load("unionpay-credit")
    with pytest.raises(CardError):
        card.restore(card.memory() | change)
