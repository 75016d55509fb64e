"""SELECT, the payment system directories, blocked applications, and the manners of both transmission protocols."""

from __future__ import annotations

import pytest

from posterm import tlv
from simulators.card import load, profile_names
from tests.simulators.card.dialogue import ARQC, Dialogue

PSE = b"1PAY.SYS.DDF01".hex()
PPSE = b"2PAY.SYS.DDF01".hex()


def test_the_directory_lists_every_application_record_by_record():
    talk = Dialogue(load("unionpay-dual")).select(PSE)
    assert (talk.sw, talk.heard["88"], talk.heard["5F2D"]) == (0x9000, b"\x01", b"zhen")
    found = []
    for number in (1, 2):
        entry = dict(tlv.parse_deep(talk.command(f"00B2{number:02X}0C")))
        found.append((entry["4F"].hex().upper(), entry["50"], entry["87"]))
    assert found == [
        ("A000000333010101", b"UnionPay Debit", b"\x01"),
        ("A000000333010102", b"UnionPay Credit", b"\x02"),
    ]
    talk.command("00B2030C")
    assert talk.sw == 0x6A83
    talk.command("80A80000", bytes.fromhex("8300"))
    assert talk.sw == 0x6D00


def test_a_card_without_a_directory_says_so():
    talk = Dialogue(load("visa-debit", changes={"directory": False})).select(PSE)
    assert talk.sw == 0x6A82


def test_each_directory_is_there_on_its_interface_only():
    assert Dialogue(load("visa-debit")).select(PPSE).sw == 0x6A82
    tapped = Dialogue(load("visa-debit", contactless=True))
    assert tapped.select(PSE).sw == 0x6A82
    assert tapped.select(PPSE).sw == 0x9000
    assert tapped.heard["4F"].hex().upper() == "A0000000031010"
    assert Dialogue(load("jcb-debit", contactless=True)).select("A0000000651010").sw == 0x6A82


def test_a_partial_name_finds_one_after_the_other():
    talk = Dialogue(load("unionpay-dual"))
    names = []
    talk.select("A000000333")
    while talk.sw == 0x9000:
        names.append(talk.heard["84"].hex().upper())
        talk.select("A000000333", next_occurrence=True)
    assert names == ["A000000333010101", "A000000333010102"]
    assert talk.sw == 0x6A82


def test_a_next_occurrence_of_another_name_is_not_found():
    talk = Dialogue(load("unionpay-dual")).select("A000000333")
    assert talk.select("A0000003330101", next_occurrence=True).sw == 0x6A82
    assert talk.select("A00000033301010199").sw == 0x6A82


@pytest.mark.parametrize("name", [name for name in profile_names() if name.endswith("-blocked") and "pin" not in name])
def test_a_blocked_application_is_selected_with_a_warning_and_declines(name):
    talk = Dialogue(load(name)).select()
    assert (talk.sw, "A5" in talk.heard) == (0x6283, True)
    assert talk.start().read().generate(ARQC).kind == 0


@pytest.mark.parametrize("name", profile_names())
@pytest.mark.parametrize("contactless", [False, True])
def test_every_ready_card_has_what_a_terminal_needs(name, contactless):
    card = load(name, contactless=contactless)
    application = card.profile.applications["main"]
    if contactless and application.contactless is None:
        return
    talk = Dialogue(card).select().start()
    assert talk.sw == 0x9000
    if "9F26" in talk.heard:
        assert talk.heard["57"]
        return
    talk.read()
    if talk.heard["82"] == bytes(2):
        assert {"9F6C", "9F62", "9F63", "9F64", "56", "9F65", "9F66", "9F67", "9F6B"} <= talk.heard.keys()
        return
    assert {"5F24", "5A", "8C", "8D", "57", "5F34", "8E", "9F07", "9F0D", "9F0E", "9F0F"} <= talk.heard.keys()
    assert talk.heard["57"].hex().startswith(talk.heard["5A"].hex().rstrip("f"))


# --- protocols ----------------------------------------------------------------------------------------------------


def test_answers_to_reset_name_the_protocol():
    t0, t1 = load("visa-debit", changes={"protocol": "T=0"}), load("visa-debit")
    tapped = load("visa-debit", contactless=True)
    assert t0.power_on().hex() == "3b670000706f737465726d"
    for card, start in ((t1, "3be700008131fe45"), (tapped, "3b878001")):
        atr = card.power_on()
        assert atr.hex().startswith(start)
        check = 0
        for byte in atr[1:]:
            check ^= byte
        assert check == 0


def t0_exchange(card, apdu: str) -> str:
    return card.transmit(bytes.fromhex(apdu)).hex().upper()


def test_t0_lets_the_terminal_fetch_what_is_longer():
    card = load("visa-debit", changes={"protocol": "T=0"})
    card.power_on()
    more = t0_exchange(card, "00A4040007A0000000031010")
    assert more[:2] == "61"
    assert t0_exchange(card, "00C0000001") == f"6C{more[2:]}"
    fetched = t0_exchange(card, f"00C00000{more[2:]}")
    assert fetched[:2] == "6F"
    assert fetched[-4:] == "9000"
    assert t0_exchange(card, f"00C00000{more[2:]}") == "6985"


def test_t0_corrects_a_wrong_le_and_takes_no_le_behind_data():
    card = load("visa-debit", changes={"protocol": "T=0"})
    card.power_on()
    t0_exchange(card, "00A4040007A000000003101000")
    assert t0_exchange(card, "80CA9F3604") == "6C05"
    assert t0_exchange(card, "80CA9F3605") == "9F360200019000"
    assert t0_exchange(card, "80CA9F3600") == "9F360200019000"


def test_t1_says_the_right_le_as_well():
    card = load("visa-debit")
    card.power_on()
    card.transmit(bytes.fromhex("00A4040007A000000003101000"))
    assert card.transmit(bytes.fromhex("80CA9F3602")).hex() == "6c05"


def test_both_protocols_give_the_same_answers():
    plain, chatty = load("unionpay-credit"), load("unionpay-credit", changes={"protocol": "T=0"})
    logs = []
    for card in (plain, chatty):
        talk = Dialogue(card)
        direct = card.transmit

        def fetching(apdu: bytes, direct=direct) -> bytes:
            answer = direct(apdu)
            return direct(b"\x00\xc0\x00\x00" + answer[1:2]) if answer[:1] == b"\x61" else answer

        card.transmit = fetching
        talk.select().start().read().generate(ARQC | 0x10)
        logs.append(talk.log)
    assert logs[0] == logs[1]
