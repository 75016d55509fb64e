"""What acquirer and issuer agree on: the text of the MAC, traces, keys under way, and the kinds of requests."""

from __future__ import annotations

from datetime import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from posterm.hsm import Algorithm, KeyUsage
from posterm.hsm.mac import MacAlgorithm, compute
from posterm.iso8583 import Message, get_dialect
from posterm.unionpay.errors import LayoutError, MacFailureError
from posterm.unionpay.network_link import WIRE, KeyRole, Trace, new_key, parse_new_key, wire_of
from posterm.unionpay.network_mac import NetworkSealer, is_sealed, mac_text
from posterm.unionpay.transactions import CODE_KINDS, Kind
from tests.host.hand_terminal import seeded_hsm

NOW = datetime(2026, 6, 1, 12, 0, 0)  # noqa: DTZ001 - local time
CUPS = get_dialect("unionpay-cups")
ZAK = bytes.fromhex("0123456789ABCDEFFEDCBA9876543210")
REQUEST = Message(
    "0200",
    {
        2: "6212341234567890",
        3: "000000",
        4: "000000001234",
        7: "0601120000",
        11: "000007",
        25: "00",
        32: "48310058",
        33: "48310058",
        37: "060100000007",
        41: "10000001",
        42: "898310058120001",
        49: "156",
    },
)
TEXT = (
    b"0200 166212341234567890 000000 000000001234 0601120000 000007 00 0848310058 0848310058 10000001 898310058120001"
)


def test_the_mac_is_made_over_some_elements_in_order():
    assert mac_text(REQUEST) == TEXT
    assert mac_text(REQUEST.with_elements({37: "060100000009", 49: "840"})) == TEXT


@pytest.mark.parametrize(
    ("merchant", "as_text"),
    [("Shop 1", b"SHOP 1"), ("Shop  (1)      ", b"SHOP 1"), ("a.b,c-d", b"A.B,CD"), ("   ", b""), ("***", b"")],
)
def test_text_is_edited_before_it_is_maced(merchant, as_text):
    assert mac_text(Message("0210", {11: "000007", 42: merchant})) == b" ".join(filter(None, (b"0210 000007", as_text)))


def test_a_reversals_mac_covers_the_original():
    reversal = Message("0420", {11: "000008", 90: "1" * 42})
    assert mac_text(reversal) == b"0420 000008 " + b"1" * 42
    assert mac_text(Message("0200", {11: "000008", 90: "1" * 42})) == b"0200 000008"


def test_messages_about_the_link_carry_no_mac():
    assert [mti for mti in ("0100", "0220", "0421", "0800", "0820") if is_sealed(mti)] == ["0100", "0220", "0421"]


def test_the_mac_is_x9_19_over_the_text_and_survives_the_wire():
    hsm = seeded_hsm()
    sealer, zak = NetworkSealer(hsm), hsm.load_clear_key(ZAK, KeyUsage.MAC, Algorithm.TDES_DOUBLE)
    sealed = CUPS.unpack(CUPS.pack(sealer.seal(REQUEST, zak)))
    assert sealed[128] == compute(MacAlgorithm.X9_19, ZAK, TEXT)
    sealer.check(sealed, zak)


@pytest.mark.parametrize("change", [{2: "6212341234567891"}, {4: "000000001235"}, {41: "10000002"}, {128: b"12345678"}])
def test_a_changed_message_is_refused(change):
    hsm = seeded_hsm()
    sealer, zak = NetworkSealer(hsm), hsm.load_clear_key(ZAK, KeyUsage.MAC, Algorithm.TDES_DOUBLE)
    with pytest.raises(MacFailureError, match="does not verify"):
        sealer.check(sealer.seal(REQUEST, zak).with_elements(change), zak)


def test_a_message_without_a_mac_is_refused():
    hsm = seeded_hsm()
    with pytest.raises(MacFailureError, match="carries no MAC"):
        NetworkSealer(hsm).check(REQUEST, hsm.load_clear_key(ZAK, KeyUsage.MAC, Algorithm.TDES_DOUBLE))


@given(st.dictionaries(st.sampled_from([2, 3, 4, 18, 38, 42]), st.text(max_size=30)))
def test_any_text_gives_a_mac_text_of_plain_characters(elements):
    text = mac_text(Message("0200", elements))
    assert b"  " not in text
    assert text.strip() == text
    assert text == text.upper()


DIGITS = st.text("0123456789", min_size=6, max_size=6)


@given(DIGITS, st.integers(1, 10**11 - 1), st.integers(1, 10**11 - 1))
def test_a_trace_comes_back_from_element_90(stan, acquirer, forwarder):
    trace = Trace("0200", stan, "0601120000", str(acquirer), str(forwarder))
    assert Trace.parse(trace.pack()) == trace
    assert Trace.of(Message("0200", trace.elements)) == trace
    assert trace.reference("0420") == "4" + trace.reference()[1:]


@pytest.mark.parametrize("text", ["", "0" * 41, "0" * 43, "x" * 42, "٣" * 42])
def test_what_is_no_trace_is_refused(text):
    with pytest.raises(LayoutError, match="element 90"):
        Trace.parse(text)


@pytest.mark.parametrize("role", list(KeyRole))
def test_a_key_comes_back_from_its_message(role):
    message = new_key(role, bytes(range(16)), b"\x01\x02\x03\x04", "000001", NOW, "48310058")
    assert parse_new_key(CUPS.unpack(CUPS.pack(message))) == (role, bytes(range(16)), b"\x01\x02\x03\x04")


@pytest.mark.parametrize(
    "change",
    [
        {48: "NK" + "00" * 19},
        {48: "NK" + "00" * 21},
        {48: "KN" + "00" * 20},
        {48: "NK" + "zz" * 20},
        {53: "3600000000000000"},
        {53: "0000000000000000"},
    ],
)
def test_what_is_no_key_is_refused(change):
    message = new_key(KeyRole.PIN, bytes(range(16)), b"\x01\x02\x03\x04", "000001", NOW, "48310058")
    with pytest.raises(LayoutError, match="element"):
        parse_new_key(message.with_elements(change))


@pytest.mark.parametrize("kind", [kind for kind in Kind if kind not in CODE_KINDS])  # wallets are the acquirer's own
def test_every_kind_is_asked_or_told(kind):
    told = kind in (Kind.REFUND, Kind.COMPLETION_NOTICE, Kind.OFFLINE_SALE, Kind.ADJUST, Kind.CHIP_OFFLINE_SALE)
    if kind is not Kind.TIP_ADJUST:  # told as the sale or refund of its difference
        assert wire_of(kind, told=told) in WIRE
