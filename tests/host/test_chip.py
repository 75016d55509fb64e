"""Chip requests at the host. Source: Q/CUP 009, field 55; EMV 4.4 Book 2, 8, and Book 3, annex C."""

from __future__ import annotations

import pytest

from posterm.host import EnrolmentError
from posterm.hsm import Algorithm, KeyUsage
from posterm.hsm.cryptogram import VISA_18, arpc
from posterm.hsm.emv_keys import card_key
from posterm.hsm.emv_script import script_mac
from posterm.sensitive import Pan
from posterm.tlv import build, parse
from posterm.unionpay.profile import get_profile
from posterm.unionpay.totals import Totals
from posterm.unionpay.transactions import Kind
from tests.host.hand_chip import MASTERS, TC, HandChip, enrol_issuer, issuer_said
from tests.host.hand_terminal import BALANCE, PAN, open_place

VISA_PAN = Pan("4761739001010010")


@pytest.fixture
def chip(place):
    enrol_issuer(place.host, place.hsm)
    return HandChip()


def chip_sale(terminal, chip, amount=1000, *, pin="123456", kind="80", changes=None, elements=None, entry="05"):
    return terminal.sale(
        amount, pin=pin, entry=entry, elements=chip.elements(amount, kind, **(changes or {})) | (elements or {})
    )


def changed_profile(**chip):
    profile = get_profile("default")
    return profile.model_copy(update={"chip": profile.chip.model_copy(update=chip)})


class TestTheCryptogram:
    def test_a_good_one_is_approved_and_answered_with_the_issuers(self, place, terminal, chip):
        answer = chip_sale(terminal, chip)
        assert answer.code == "00"
        said = issuer_said(answer)
        arqc = bytes(answer.request[55])[3:11]
        assert said["91"] == arpc(chip.version, chip.key, {0x9F36: b"\0\1"}, arqc, b"00") + b"00"
        assert said["9F36"] == b"\0\1"
        assert place.available == BALANCE - 1000

    def test_a_wrong_one_is_declined_without_any(self, place, terminal, chip):
        data = bytearray(chip.data(1000))
        data[5] ^= 1
        answer = terminal.sale(1000, entry="05", elements={23: "001", 55: bytes(data)})
        assert answer.code == "A7"
        assert 55 not in answer.message
        assert place.available == BALANCE

    def test_a_decline_for_money_is_answered_under_the_issuers_cryptogram(self, terminal, chip):
        answer = chip_sale(terminal, chip, BALANCE + 1)
        assert answer.code == "51"
        assert issuer_said(answer)["91"][8:] == b"51"

    def test_of_another_sequence_number_it_does_not_verify(self, terminal, chip):
        assert chip_sale(terminal, chip, elements={23: "002"}).code == "A7"

    def test_of_a_card_without_issuer_keys_it_is_refused(self, terminal):
        assert chip_sale(terminal, HandChip()).code == "57"

    def test_the_longest_prefix_names_the_keys(self, place, terminal, chip):
        enrol_issuer(place.host, place.hsm, PAN.reveal()[:8], "visa")
        assert chip_sale(terminal, chip).code == "A7"

    def test_of_a_version_with_a_card_status_update(self, place, terminal):
        enrol_issuer(place.host, place.hsm, "4", "visa")
        place.host.enrol_card(VISA_PAN, None, balance=5000, pin_policy="optional", scheme="VIS")
        visa = HandChip(VISA_PAN, version=VISA_18)
        answer = terminal.sale(1000, pan=VISA_PAN, pin=None, entry="05", elements=visa.elements(1000))
        assert answer.code == "00"
        assert len(issuer_said(answer)["91"]) == 8
        assert issuer_said(answer)["91"][4:] == bytes.fromhex("00820000")
        declined = terminal.sale(9000, pan=VISA_PAN, pin=None, entry="05", elements=visa.elements(9000))
        assert (declined.code, issuer_said(declined)["91"][4:]) == ("51", bytes(4))

    def test_keys_for_another_purpose_are_not_taken_in(self, place):
        key = place.hsm.load_clear_key(bytes(range(16)), KeyUsage.MAC, Algorithm.TDES_DOUBLE)
        with pytest.raises(EnrolmentError, match="EMV_CRYPTOGRAM"):
            place.host.set_issuer_keys("62", "unionpay", cryptogram=key, integrity=key, confidentiality=key)
        with pytest.raises(EnrolmentError, match="prefix"):
            place.host.set_issuer_keys("", "unionpay", cryptogram=key, integrity=key, confidentiality=key)
        with pytest.raises(EnrolmentError, match="scheme"):
            place.host.set_issuer_keys("62", "diners", cryptogram=key, integrity=key, confidentiality=key)


class TestTheElement:
    @pytest.mark.parametrize(
        ("changes", "code"),
        [
            ({"9F02": "000000000999"}, "13"),
            ({"5F2A": "0840"}, "12"),
            ({"9F27": "40"}, "12"),
            ({"9F27": "00"}, "12"),
        ],
    )
    def test_what_the_card_signed_must_be_what_is_asked(self, terminal, chip, changes, code):
        assert chip_sale(terminal, chip, changes=changes).code == code

    @pytest.mark.parametrize("tag", ["9F26", "9F27", "9F10", "9F37", "9F36", "95", "9A", "9C", "82", "9F1A", "9F33"])
    def test_each_mandatory_tag_is_asked_for(self, terminal, chip, tag):
        items = [item for item in parse(chip.data(1000)) if item[0] != tag]
        assert terminal.sale(1000, entry="05", elements={23: "001", 55: build(items)}).code == "30"

    @pytest.mark.parametrize("data", [b"\x9f", b"\x9c\x01\x00\x9c\x01\x00", b"\xff" * 20])
    def test_one_that_cannot_be_read_is_a_format_error(self, terminal, chip, data):
        assert terminal.sale(1000, entry="05", elements={55: data}).code == "30"

    def test_a_chip_read_without_it_is_a_format_error(self, terminal, chip):
        assert terminal.sale(1000, entry="05").code == "30"
        assert terminal.sale(1000, entry="07").code == "30"

    def test_what_refers_to_an_earlier_transaction_goes_without(self, terminal, chip):
        sale = chip_sale(terminal, chip)
        assert terminal.void(sale, entry="05").code == "00"


class TestTheCounter:
    def test_one_used_before_is_a_replay(self, place, terminal, chip):
        assert chip_sale(terminal, chip).code == "00"
        chip.counter -= 1
        answer = chip_sale(terminal, chip, 1001)
        assert (answer.code, "chip-replay" in answer.events) == ("59", True)
        assert place.available == BALANCE - 1000

    def test_a_repeat_of_the_request_is_no_replay(self, place, terminal, chip):
        first = chip_sale(terminal, chip)
        again = terminal.repeat()
        assert (again.code, bytes(again.message[55])) == ("00", bytes(first.message[55]))
        assert place.available == BALANCE - 1000

    def test_a_lower_one_is_a_replay(self, terminal, chip):
        chip.counter = 9
        chip_sale(terminal, chip)
        chip.counter = 4
        assert chip_sale(terminal, chip).code == "59"

    def test_it_moves_only_with_a_cryptogram_that_verifies(self, place, terminal, chip):
        chip_sale(terminal, chip)
        forged = chip.signed(1000, "80", 60000)[:3] + bytes(8) + chip.signed(1000, "80", 60000)[11:]
        assert terminal.sale(1000, entry="05", elements={23: "001", 55: forged}).code == "A7"
        assert place.store.chip(f"{place.card}/01").counter == 1
        assert chip_sale(terminal, chip).code == "00"

    def test_a_jump_is_told_of(self, terminal, chip):
        chip.counter = 500
        answer = chip_sale(terminal, chip)
        assert (answer.code, "chip-counter-jumped" in answer.events) == ("00", True)


class TestWhatTheTerminalFound:
    @pytest.mark.parametrize("tvr", ["0800000000", "0400000000", "1000000000", "4000000000", "0000800000"])
    def test_some_findings_are_declined(self, terminal, chip, tvr):
        answer = chip_sale(terminal, chip, changes={"95": tvr})
        assert answer.code == "05"
        assert issuer_said(answer)["91"][8:] == b"05"

    def test_others_are_not(self, terminal, chip):
        assert chip_sale(terminal, chip, changes={"95": "8000048000"}).code == "00"

    def test_which_ones_is_the_profiles(self):
        place = open_place(changed_profile(decline_tvr="0000000000"))
        enrol_issuer(place.host, place.hsm)
        assert chip_sale(place.terminal, HandChip(), changes={"95": "0800000000"}).code == "00"

    def test_a_pin_the_card_has_verified_is_enough(self, terminal, chip):
        assert chip_sale(terminal, chip, pin=None).code == "55"
        for results in ("010002", "410302", "040002"):
            assert chip_sale(terminal, chip, pin=None, changes={"9F34": results}).code == "00"
        for results in ("010001", "020002", "1F0002", "1E0300"):
            assert chip_sale(terminal, chip, pin=None, changes={"9F34": results}).code == "55"

    def test_a_tap_of_a_small_amount_needs_no_pin(self, terminal, chip):
        assert chip_sale(terminal, chip, 1000_00, pin=None, entry="07").code == "00"
        assert chip_sale(terminal, chip, 1000_01, pin=None, entry="07").code == "55"
        assert chip_sale(terminal, chip, 1000_01, entry="07").code == "00"


class TestFallback:
    @pytest.mark.parametrize(
        ("codes", "told"), [("50", False), ("51", True), ("52", True), ("62", True), ("22", False)]
    )
    def test_it_is_told_of_and_accepted_by_default(self, terminal, codes, told):
        answer = terminal.sale(1000, elements={60: f"22{terminal.batch}000{codes}"})
        assert (answer.code, "fallback" in answer.events) == ("00", told)

    def test_a_profile_may_refuse_it(self):
        place = open_place(changed_profile(fallback="refuse"))
        terminal = place.terminal
        assert terminal.sale(1000, elements={60: f"22{terminal.batch}00052"}).code == "45"
        assert terminal.sale(1000).code == "00"


class TestScripts:
    def test_one_waits_goes_out_and_is_done_when_the_card_says_so(self, place, terminal, chip):
        identifier = place.host.queue_script(place.card, "pin-unblock", sequence="01")
        answer = chip_sale(terminal, chip)
        (script_id, command) = parse(issuer_said(answer)["72"])
        assert script_id == ("9F18", bytes.fromhex(identifier))
        header = bytes.fromhex("8424000008")
        key = card_key(MASTERS["integrity"], PAN, "01")
        arqc = bytes(answer.request[55])[3:11]
        mac = script_mac(chip.version, key, header, 1, arqc)
        assert command == ("86", header + mac)
        assert place.store.chip(f"{place.card}/01").scripts == (identifier, "pin-unblock")
        notice = self.notice(terminal, answer, "20" + identifier)
        assert (notice.code, "script-done" in notice.events) == ("00", True)
        assert place.store.chip(f"{place.card}/01").scripts == ()
        assert "72" not in issuer_said(chip_sale(terminal, chip))

    def test_one_that_was_not_heard_of_goes_out_again(self, place, terminal, chip):
        place.host.queue_script(place.card, "application-block", sequence="01")
        assert "72" in issuer_said(chip_sale(terminal, chip))
        assert "72" in issuer_said(chip_sale(terminal, chip))

    def test_one_that_failed_is_told_of_and_dropped(self, place, terminal, chip):
        identifier = place.host.queue_script(place.card, "put-data 9F79 000000050000", sequence="01")
        answer = chip_sale(terminal, chip)
        assert "script-failed" in self.notice(terminal, answer, "11" + identifier).events
        assert place.store.chip(f"{place.card}/01").scripts == ()

    def test_a_result_in_a_reversal_counts_too(self, place, terminal, chip):
        identifier = place.host.queue_script(place.card, "pin-unblock", sequence="01")
        answer = chip_sale(terminal, chip)
        data = bytes.fromhex("95050000000000 9F36020001 DF310520" + identifier)
        reversal = terminal.reverse(answer, "96", elements={23: "001", 55: data})
        assert (reversal.code, "script-done" in reversal.events) == ("00", True)
        assert place.available == BALANCE

    @pytest.mark.parametrize("changes", [{61: "000001999999"}, {23: "002"}, {55: bytes.fromhex("DF3103200000")}])
    def test_a_result_that_belongs_to_nothing_changes_nothing(self, place, terminal, chip, changes):
        identifier = place.host.queue_script(place.card, "pin-unblock", sequence="01")
        answer = chip_sale(terminal, chip)
        assert self.notice(terminal, answer, "20" + identifier, changes).code == "00"
        assert place.store.chip(f"{place.card}/01").scripts

    def test_a_card_reported_lost_is_blocked(self, place, terminal, chip):
        lost = Pan("6212345678900028")
        card = place.host.enrol_card(lost, None, balance=5000, status="41")
        answer = terminal.sale(1000, pan=lost, pin=None, entry="05", elements=HandChip(lost).elements(1000))
        assert answer.code == "41"
        assert issuer_said(answer)["91"][8:] == b"41"
        assert parse(issuer_said(answer)["72"])[1][1][:4] == bytes.fromhex("841E0000")
        assert place.store.chip(f"{card}/01").scripts[1] == "application-block"

    @pytest.mark.parametrize(
        "command",
        ["", "format-disk", "pin-unblock now", "put-data", "put-data 9F79", "put-data XX 00", "put-data 9F79 zz"],
    )
    def test_there_are_no_other_commands(self, place, command):
        with pytest.raises(EnrolmentError):
            place.host.queue_script(place.card, command)

    def test_a_queue_ends(self, place):
        for _ in range(16):
            place.host.queue_script(place.card, "pin-unblock")
        with pytest.raises(EnrolmentError, match="16"):
            place.host.queue_script(place.card, "pin-unblock")

    def notice(self, terminal, of, result, changes=None):
        data = bytes.fromhex("9F3303E0F8C8 95050000000000 9F3704DEADBEEF 9F26080000000000000000 9F36020001"
                             "82027C00 9F1A020156 9A03260601 DF3105" + result)  # fmt: skip
        elements = {3: "000000", 23: "001", 49: "156", 55: data, 61: terminal.original(of)} | (changes or {})
        return terminal.send(
            terminal.request(Kind.SALE, 1000, elements=elements).with_elements(
                {60: f"00{terminal.batch}951"}, drop=(25,), mti="0620"
            )
        )


class TestOfflineSales:
    def test_a_certificate_is_verified_and_posted_by_force(self, place, terminal, chip):
        answer = self.offline(terminal, chip, BALANCE + 500)
        assert answer.code == "00"
        assert place.available == -500
        assert place.store.chip_use(f"{place.card}/01/1").certificate

    def test_a_wrong_certificate_is_refused(self, place, terminal, chip):
        assert self.offline(terminal, chip, 500, data=chip.data(501, TC)).code == "13"
        forged = bytearray(chip.data(500, TC))
        forged[4] ^= 1
        assert self.offline(terminal, chip, 500, data=bytes(forged)).code == "A7"
        assert place.available == BALANCE

    def test_a_request_cryptogram_is_none(self, terminal, chip):
        assert self.offline(terminal, chip, 500, data=chip.data(500, "80")).code == "12"

    def test_one_may_come_after_a_later_online_sale(self, terminal, chip):
        certificate = chip.data(500, TC)
        assert chip_sale(terminal, chip).code == "00"
        assert self.offline(terminal, chip, 500, data=certificate).code == "00"

    def test_the_same_certificate_is_not_paid_twice(self, place, terminal, chip):
        certificate = chip.data(500, TC)
        assert self.offline(terminal, chip, 500, data=certificate).code == "00"
        assert self.offline(terminal, chip, 500, data=certificate).code == "59"
        assert terminal.sale(1000, entry="05", elements={23: "001", 55: chip.signed(1000, "80", 1)}).code == "59"
        assert place.available == BALANCE - 500

    def test_one_refused_online_is_posted_when_it_comes_with_the_batch(self, place, terminal, chip):
        data = chip.data(500, TC)
        terminal.settle(Totals(500, 1))
        upload = terminal.upload_notice("36", "000077", 500, network="206", elements={22: "052", 23: "001", 55: data})
        assert upload.code == "00"
        assert place.available == BALANCE - 500

    def offline(self, terminal, chip, amount, data=None):
        elements = {2: PAN.reveal(), 14: "3012", 23: "001", 55: data or chip.data(amount, TC)}
        return terminal.send(terminal.request(Kind.CHIP_OFFLINE_SALE, amount, entry="05", elements=elements))


class TestCertificatesInTheUpload:
    def test_one_is_verified_and_written_down(self, place, terminal, chip):
        sale = chip_sale(terminal, chip)
        answer = self.upload(terminal, sale, chip.signed(1000, TC, 1))
        assert (answer.code, answer.reply.events[0].details["verified"]) == ("00", "True")
        assert place.store.chip_use(f"{place.card}/01/1").certificate

    def test_a_tap_has_no_other_cryptogram_than_that_of_its_request(self, place, terminal, chip):
        sale = chip_sale(terminal, chip, entry="07")
        answer = self.upload(terminal, sale, bytes(sale.request[55]))
        assert (answer.code, answer.reply.events[0].details["verified"]) == ("00", "True")
        other = chip_sale(terminal, chip, entry="07")
        answer = self.upload(terminal, other, chip.signed(1000, "80", 2, **{"9A": "260602"}))
        assert answer.reply.events[0].details["verified"] == "False"

    @pytest.mark.parametrize("counter", [1, 2])
    def test_one_that_is_not_the_cards_is_told_of(self, place, terminal, chip, counter):
        sale = chip_sale(terminal, chip)
        forged = bytearray(chip.signed(1000, TC, counter))
        forged[4] ^= 1
        answer = self.upload(terminal, sale, bytes(forged))
        assert (answer.code, answer.reply.events[0].details["verified"]) == ("00", "False")
        assert not place.store.chip_use(f"{place.card}/01/1").certificate

    def upload(self, terminal, sale, data):
        elements = {
            2: PAN.reveal(), 4: "000000001000", 11: sale.stan, 22: "051", 23: "001", 55: data,
            41: terminal.terminal_id, 42: terminal.merchant_id, 62: b"610000000000001000156",
            60: f"00{terminal.batch}203",
        }  # fmt: skip
        return terminal.send(terminal.request(Kind.SALE, 1000).with_elements(elements, drop=(3, 25, 49), mti="0320"),
                             sealed=False)  # fmt: skip
