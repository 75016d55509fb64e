"""Sign-on, sign-off, echo, status, parameters, nudges, script notices. Source: Q/CUP 009, management messages."""

from __future__ import annotations

import pytest

from posterm.host import EnrolmentError
from posterm.iso8583 import Message
from posterm.unionpay.envelope import open_envelope
from posterm.unionpay.errors import LayoutError
from posterm.unionpay.header import Requirement
from posterm.unionpay.key_layout import LAYOUT_NAMES, Role, key_bytes
from posterm.unionpay.parameters import parse_parameters
from posterm.unionpay.profile import get_profile
from tests.host.hand_terminal import MID, TID, open_place


def asked(answer) -> Requirement:
    return open_envelope(answer.reply.frame).header.requirement


def with_layout(layout: str):
    profile = get_profile("sm4" if layout.startswith("sm4") else "default")
    return profile.model_copy(update={"keys": profile.keys.model_copy(update={"layout": layout})})


def test_a_sign_on_answers_time_batch_and_keys_without_a_mac(terminal):
    answer = terminal.sign_on()
    assert sorted(answer.message) == [11, 12, 13, 32, 37, 39, 41, 42, 60, 62]
    assert (answer.message[12], answer.message[13], str(answer.message[60])) == ("120000", "0601", "00000001003")


@pytest.mark.parametrize("layout", LAYOUT_NAMES)
def test_every_key_layout_signs_on_and_its_keys_work(layout):
    terminal = open_place(with_layout(layout)).terminal
    assert set(terminal.keys) == set(key_bytes(layout))
    answer = terminal.sale(100)
    assert answer.code == "00"
    terminal.checks_mac(answer)


def test_another_sign_on_code_than_the_acquirers_is_refused(terminal):
    assert terminal.manage("0800", "001").code == "40"


def test_each_sign_on_gives_new_keys_and_the_old_ones_end(terminal):
    before = dict(terminal.keys)
    after_first = terminal.sign_on()
    assert after_first.code == "00"
    assert terminal.keys[Role.MAK] != before[Role.MAK]
    terminal.keys = before
    assert terminal.sale().code == "A0"


def test_a_sign_on_the_network_doubled_gives_the_same_keys(terminal):
    first = terminal.sign_on()
    again = terminal.repeat()
    assert again.events == ["repeat"]
    assert again.message[62] == first.message[62]
    assert terminal.sale().code == "00"


def test_a_sign_on_replayed_after_a_later_one_or_a_sign_off_gives_new_keys(place, terminal):
    old = terminal.frames[0]
    terminal.sign_on()
    assert place.host.handle(old, terminal.now).events[0].name == "signed-on"
    assert terminal.sale().code == "A0"
    last = terminal.sign_on()
    terminal.manage("0820", "002")
    assert place.host.handle(terminal.frames[-2], terminal.now).events[0].name == "signed-on"
    assert last.code == "00"


def test_a_sign_on_in_the_middle_of_a_batch_leaves_the_batch_alone(place, terminal):
    sale = terminal.sale(1000)
    terminal.sign_on()
    assert terminal.batch == "000001"
    assert terminal.void(sale).code == "00"


def test_a_sign_off_is_answered_and_a_sign_on_ends_it(terminal):
    answer = terminal.manage("0820", "002")
    assert (answer.code, answer.events) == ("00", ["signed-off"])
    assert terminal.sale().code == "77"


def test_an_echo_needs_no_trace_number(terminal):
    answer = terminal.send(Message("0820", {41: TID, 42: MID, 60: "00000001301"}), sealed=False)
    assert (answer.message.mti, answer.code, answer.events) == ("0830", "00", ["echo"])


@pytest.mark.parametrize(("mti", "network"), [("0800", "370"), ("0820", "372"), ("0800", "002"), ("0820", "003")])
def test_a_network_code_the_host_does_not_run_is_refused(terminal, mti, network):
    assert terminal.manage(mti, network).code == "40"


@pytest.mark.parametrize(
    ("requirement", "done"),
    [
        (Requirement.SIGN_ON, lambda terminal: terminal.sign_on()),
        (Requirement.DOWNLOAD_PARAMETERS, lambda terminal: terminal.manage("0800", "361")),
        (Requirement.UPLOAD_STATUS, lambda terminal: terminal.manage("0820", "362", elements={62: b"0111213141"})),
    ],
)
def test_a_nudge_stands_in_every_answer_until_it_is_done(place, terminal, requirement, done):
    place.host.request_action(TID, requirement)
    assert asked(terminal.sale()) is requirement
    assert asked(terminal.manage("0820", "301")) is requirement
    assert asked(done(terminal)) is Requirement.NONE
    assert asked(terminal.sale(2000)) is Requirement.NONE


def test_parameters_are_sent_as_they_were_set(place, terminal):
    values = {"response_timeout_s": "30", "tip_percent_max": "15", "merchant_name": "测试商户"}
    place.host.set_parameters(TID, values)
    assert parse_parameters(terminal.manage("0800", "360").message[62]) == values


def test_a_terminal_without_parameters_gets_none(terminal):
    answer = terminal.manage("0800", "360")
    assert (answer.code, 62 in answer.message) == ("00", False)


def test_parameters_that_do_not_fit_are_refused_when_they_are_set(place):
    with pytest.raises(LayoutError):
        place.host.set_parameters(TID, {"nonsense": "1"})
    with pytest.raises(EnrolmentError):
        place.host.set_parameters("99999999", {})


def test_a_script_notice_is_answered_and_a_repeat_the_same(terminal):
    elements = {
        3: "000000",
        11: terminal.stan(),
        22: "051",
        25: "00",
        41: TID,
        42: MID,
        49: "156",
        55: bytes.fromhex("DF310500000000009F3303E0F8C8"),
        60: f"00{terminal.batch}951",
        61: "000001000001",
    }
    answer = terminal.send(Message("0620", elements))
    assert (answer.message.mti, answer.code, answer.events) == ("0630", "00", ["script-notice"])
    terminal.checks_mac(answer)
    assert terminal.repeat().reply.frame == answer.reply.frame
    assert terminal.send(Message("0620", elements | {60: f"00{terminal.batch}950"})).code == "12"
    assert terminal.send(Message("0620", elements), sealed=False).code == "A0"
