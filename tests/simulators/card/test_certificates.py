"""What a card signs is what a terminal recovers, by a recovery that shares no code with the card."""

from __future__ import annotations

import hashlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from posterm import tlv
from simulators.card import authorities, authority, load, profile_names, rsa
from simulators.card.issuer_keys import AUTHORITY_BITS
from tests.simulators.card import recovery
from tests.simulators.card.dialogue import ARQC, TC, Dialogue, online
from tests.simulators.card.recovery import PublicKey

SIGNING = [name for name in profile_names() if not name.endswith(("wrong-signature", "mag-stripe"))]


def authority_of(talk: Dialogue) -> PublicKey:
    key = authority(talk.card.profile.scheme)
    assert talk.heard["8F"] == bytes((key.index,))
    return PublicKey(key.modulus, bytes((key.exponent,)))


def signed_record(talk: Dialogue) -> bytes:
    """The static data: the content of the records the AFL counts as signed, then the AIP."""
    afl, found = talk.heard["94"], b""
    for at in range(0, len(afl), 4):
        sfi, first, count = afl[at] >> 3, afl[at + 1], afl[at + 3]
        for number in range(first, first + count):
            found += tlv.parse(talk.command(f"00B2{number:02X}{sfi << 3 | 4:02X}"))[0][1]
    assert talk.heard["9F4A"] == b"\x82"
    return found + talk.heard["82"]


def icc_key(talk: Dialogue, static: bytes) -> PublicKey:
    return recovery.card_key(recovery.issuer_key(authority_of(talk), talk.heard), talk.heard, static, recovery.ICC)


@pytest.mark.parametrize("name", SIGNING)
def test_static_dynamic_and_combined_signatures_verify(name):
    talk = Dialogue(load(name)).select().start().read()
    static = signed_record(talk)
    issuer = recovery.issuer_key(authority_of(talk), talk.heard)
    assert recovery.data_authentication_code(issuer, talk.heard, static) == b"\xda\xc1"
    icc = icc_key(talk, static)

    terminal_data = talk.values("9F49")
    talk.hear(talk.command("00880000", terminal_data))
    number = recovery.dynamic_data(icc, talk.heard["9F4B"], terminal_data)
    assert number[0] == 8 == len(number) - 1

    talk.generate(ARQC | 0x10)
    if talk.card.profile.applications["main"].blocked:
        assert talk.kind == 0
        assert "9F4B" not in talk.heard
        return
    combined = recovery.dynamic_data(icc, talk.heard["9F4B"], talk.said["9F37"])
    assert combined[:9] == number
    assert combined[9] == talk.kind
    answer = [(tag, talk.heard[tag]) for tag in ("9F27", "9F36", "9F10")]
    assert combined[18:] == hashlib.sha1(talk.sent + tlv.build(answer)).digest()


@pytest.mark.parametrize("name", [name for name in SIGNING if "credit" in name])
def test_the_pin_key_is_certified_without_the_static_data(name):
    talk = Dialogue(load(name)).select().start().read()
    issuer = recovery.issuer_key(authority_of(talk), talk.heard)
    key = recovery.card_key(issuer, talk.heard, b"", recovery.PIN)
    assert key.modulus == rsa.key(f"pin/{talk.card.profile.scheme}", 1024).modulus


def test_the_second_cryptogram_is_signed_over_all_lists():
    talk = online(load("unionpay-credit", changes={"applications": {"main": {"issuer_authentication": "none"}}}))
    static = signed_record(talk)
    talk.generate(TC | 0x10, "8D")
    assert talk.kind == TC
    combined = recovery.dynamic_data(icc_key(talk, static), talk.heard["9F4B"], talk.said["9F37"])
    answer = [(tag, talk.heard[tag]) for tag in ("9F27", "9F36", "9F10")]
    assert combined[18:] == hashlib.sha1(talk.sent + tlv.build(answer)).digest()


@pytest.mark.parametrize("bits", [1024, 1152])
@pytest.mark.parametrize("name", ["visa-debit", "unionpay-ecash"])
def test_a_tap_is_signed_over_counter_number_amount_and_qualifiers(name, bits):
    changes = {"key_seed": "" if bits == 1024 else "wide", "applications": {"main": {"icc_key_bits": bits}}}
    talk = Dialogue(load(name, contactless=True, changes=changes)).select().start().read()
    assert talk.kind == TC
    icc = icc_key(talk, signed_record(talk))
    assert len(icc.modulus) == bits // 8
    said, related = talk.said, talk.heard["9F69"]
    assert (related[0], related[5:]) == (1, talk.heard["9F6C"])
    terminal_data = said["9F37"] + said["9F02"] + said["5F2A"] + related
    assert recovery.dynamic_data(icc, talk.heard["9F4B"], terminal_data) == b"\x02" + talk.heard["9F36"]


@pytest.mark.parametrize("name", [name for name in profile_names() if name.endswith("wrong-signature")])
def test_a_counterfeit_does_not_verify(name):
    talk = Dialogue(load(name)).select().start().read()
    static = signed_record(talk)
    issuer = recovery.issuer_key(authority_of(talk), talk.heard)
    with pytest.raises(AssertionError, match="hash"):
        recovery.data_authentication_code(issuer, talk.heard, static)
    with pytest.raises(AssertionError, match="hash"):
        icc_key(talk, static)


def test_authorities_carry_their_checksum():
    for key in authorities():
        covered = key.rid + bytes((key.index,)) + key.modulus + b"\x03"
        assert key.checksum == hashlib.sha1(covered).digest()
        assert (len(key.modulus) * 8, key.exponent) == (AUTHORITY_BITS, 3)


def test_ready_keys_are_what_their_labels_make():
    assert rsa.key("icc/visa", 1024) == rsa.make_key("icc/visa", 1024)


@settings(max_examples=4, deadline=None)
@given(st.text(max_size=10), st.sampled_from((512, 528, 768)))
def test_a_key_made_from_any_label_signs_what_it_opens(label, bits):
    key = rsa.key(f"test/{label}", bits)
    assert int.from_bytes(key.modulus, "big").bit_length() == bits
    block = b"\x6a" + bytes(bits // 8 - 2) + b"\xbc"
    assert pow(int.from_bytes(key.private(block), "big"), 3, key.p * key.q) == int.from_bytes(block, "big")
