"""Offline data authentication. Source: EMV 4.4 Book 3, 10.3; Book 2, 5 and 6."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import pytest

from posterm import tlv
from posterm.emv.bits import TerminalCapabilities, Tsi, Tvr
from posterm.emv.capk import CaKeyStore
from posterm.emv.config import CdaMode
from posterm.emv.outcome import Ending
from tests.emv import signer
from tests.emv.paper_card import (
    AID,
    APPLICATION,
    KEYS,
    PAN,
    PURCHASE,
    TERMINAL,
    UNPREDICTABLE_NUMBER,
    PaperCard,
    run,
    with_application,
)

PERFORMED = Tsi.OFFLINE_DATA_AUTHENTICATION_PERFORMED
NOT_PERFORMED = Tvr.OFFLINE_DATA_AUTHENTICATION_NOT_PERFORMED
ONLINE = with_application(floor_limit=0)
MODE_3 = replace(ONLINE, cda_mode=CdaMode.MODE_3)
FAILED = {"sda": Tvr.SDA_FAILED | Tvr.SDA_SELECTED, "dda": Tvr.DDA_FAILED, "cda": Tvr.CDA_FAILED}
GOOD = {"sda": Tvr.SDA_SELECTED, "dda": Tvr.NONE, "cda": Tvr.NONE}
BYTE_1 = Tvr(0xFF << 32)


@pytest.mark.parametrize("method", ["sda", "dda", "cda"])
def test_each_method_succeeds(method):
    outcome = run(PaperCard(method=method))
    assert (outcome.ending, outcome.tvr & BYTE_1) == (Ending.APPROVED, GOOD[method])
    assert PERFORMED in outcome.tsi
    assert {"sda": "9F45", "dda": "9F4C", "cda": "9F4C"}[method] in outcome.data


@pytest.mark.parametrize(
    ("card_can", "terminal_can", "used"),
    [(0x6100, "0088C8", "cda"), (0x6100, "0000C0", "dda"), (0x6100, "000080", "sda"), (0x6100, "000000", ""),
     (0x6000, "0000C8", "dda"), (0x4000, "000048", ""), (0x0000, "0000C8", "")],
)  # fmt: skip
def test_the_strongest_method_both_sides_can_is_used(card_can, terminal_can, used):
    terminal = replace(TERMINAL, capabilities=TerminalCapabilities.from_value(bytes.fromhex(terminal_can)))
    card = PaperCard(method="dda", aip=card_can | 0x0800)
    card.aip = card_can | 0x0800
    outcome = run(card, terminal=terminal)
    assert (NOT_PERFORMED in outcome.tvr) is (used == "")
    assert (Tvr.SDA_SELECTED in outcome.tvr) is (used == "sda")
    assert bool(card.sent("0088")) is (used == "dda")
    assert (card.sent("80AE")[0][4:6] == "50") is (used == "cda")


@pytest.mark.parametrize("method", ["sda", "dda", "cda"])
def test_not_performed_missing_expired_and_revoked_are_four_different_results(method):
    none = run(PaperCard(method="none"))
    assert (none.tvr & BYTE_1, PERFORMED in none.tsi) == (NOT_PERFORMED, False)
    missing = run(PaperCard(method=method, objects={"90": None}))
    assert (missing.tvr & BYTE_1, PERFORMED in missing.tsi) == (FAILED[method] | Tvr.ICC_DATA_MISSING, True)
    expired = run(PaperCard(method=method), keys=CaKeyStore([replace(next(iter(KEYS)), expires=date(2026, 7, 23))]))
    assert (expired.tvr & BYTE_1, PERFORMED in expired.tsi) == (FAILED[method], True)
    assert "CA key A000000003/01 has expired" in str(expired.trace)
    store = CaKeyStore(KEYS)
    store.revoke(AID[:5], 1, b"\x00\x00\x01")
    revoked = run(PaperCard(method=method), keys=store)
    assert (revoked.tvr & BYTE_1, PERFORMED in revoked.tsi) == (FAILED[method], True)
    assert "revocation list" in str(revoked.trace)
    unknown = run(PaperCard(method=method), keys=CaKeyStore())
    assert "the terminal has no CA key A000000003/01" in str(unknown.trace)


def test_a_ca_key_is_good_through_its_last_day():
    keys = CaKeyStore([replace(next(iter(KEYS)), expires=PURCHASE.moment.date())])
    assert run(PaperCard(method="dda"), keys=keys).tvr & BYTE_1 == Tvr.NONE


@pytest.mark.parametrize(
    ("method", "tag"),
    [("sda", "93"), ("sda", "8F"), ("sda", "92"), ("dda", "9F46"), ("dda", "9F47"), ("dda", "9F48"), ("cda", "9F32"),
     ("cda", "9F46")],
)  # fmt: skip
def test_every_object_authentication_needs_is_missed(method, tag):
    outcome = run(PaperCard(method=method, objects={tag: None}))
    assert outcome.tvr & BYTE_1 == FAILED[method] | Tvr.ICC_DATA_MISSING


# The tag list stands among the signed objects, as it does on cards.
@pytest.mark.parametrize(("tag_list", "good"), [("82", True), ("8284", False), ("5A", False)])
def test_the_tag_list_may_hold_the_aip_only_and_adds_its_value(tag_list, good):
    card = PaperCard(method="sda", objects={"9F4A": bytes.fromhex(tag_list)})
    signature = signer.static_signature(card.static + card.aip.to_bytes(2, "big"))
    card = PaperCard(method="sda", objects={"9F4A": bytes.fromhex(tag_list)},
                     overruled={"00B2050C": tlv.build([("70", tlv.build([("93", signature)]))]).hex() + "9000",
                                "00B2060C": "6A83"})  # fmt: skip
    records = card.records()
    assert tlv.parse(tlv.parse(records[-1])[0][1])[0][0] == "93"
    card.overruled = {f"00B2{len(records):02X}0C": card.overruled["00B2050C"]}
    assert (run(card).tvr & BYTE_1 == GOOD["sda"]) is good


def test_a_signed_record_not_in_template_70_fails_the_signature():
    """Records of files above 10 need no template, unless they are signed."""
    options = tlv.build([("77", bytes.fromhex("8202480094 0C 08010100 58010101 08020600".replace(" ", "")))])
    card = PaperCard(method="sda", overruled={"80A8": options.hex() + "9000", "00B2015C": "9C01009000"})
    outcome = run(card)
    assert outcome.tvr & BYTE_1 == FAILED["sda"]
    assert "not coded in template 70" in str(outcome.trace)


# --- DDA --------------------------------------------------------------------------------------------------------------


def test_the_terminal_s_list_is_used_when_the_card_has_none_and_the_card_s_when_it_has():
    card = PaperCard(method="dda")
    run(card)
    assert card.sent("0088") == ["0088000004" + UNPREDICTABLE_NUMBER.hex().upper() + "00"]
    card = PaperCard(method="dda", objects={"9F49": bytes.fromhex("9A039F3704")})
    assert run(card).tvr & BYTE_1 == Tvr.NONE
    assert card.sent("0088") == ["0088000007260724" + UNPREDICTABLE_NUMBER.hex().upper() + "00"]


@pytest.mark.parametrize(("card", "default"), [("9A03", "9F3704"), ("", ""), ("", "9A03"), ("9F", "9F3704")])
def test_a_list_without_the_unpredictable_number_fails_dda(card, default):
    objects = {"9F49": bytes.fromhex(card)} if card else {}
    paper = PaperCard(method="dda", objects=objects)
    outcome = run(paper, terminal=with_application(default_ddol=bytes.fromhex(default)))
    assert Tvr.DDA_FAILED in outcome.tvr
    assert paper.sent("0088") == []


@pytest.mark.parametrize("answer", ["9000", "80009000", "77009000", "77059F4B02AABB9000", "8002AABB9000", "7F009000"])
def test_an_answer_without_a_good_signature_fails_dda(answer):
    outcome = run(PaperCard(method="dda", overruled={"0088": answer}))
    assert (outcome.tvr & BYTE_1, PERFORMED in outcome.tsi) == (Tvr.DDA_FAILED, True)


def test_a_dynamic_number_without_its_length_byte_fails_dda():
    def without_length(apdu: bytes) -> bytes:
        signature = signer.dynamic_signature(bytes.fromhex("02AABB"), apdu[5:9])
        return tlv.build([("80", signature)]) + b"\x90\x00"

    assert run(PaperCard(method="dda", overruled={"0088": without_length})).tvr & BYTE_1 == Tvr.DDA_FAILED


def test_a_dynamic_signature_comes_in_format_77_too():
    def in_77(apdu: bytes) -> bytes:
        signature = signer.dynamic_signature(bytes.fromhex("0302AABB"), apdu[5:9])
        return tlv.build([("77", tlv.build([("9F4B", signature)]))]) + b"\x90\x00"

    assert run(PaperCard(method="dda", overruled={"0088": in_77})).tvr & BYTE_1 == Tvr.NONE


def test_a_refused_internal_authenticate_ends_the_transaction():
    assert run(PaperCard(method="dda", overruled={"0088": "6985"})).ending is Ending.TERMINATED


# --- CDA --------------------------------------------------------------------------------------------------------------


def cda_card(**changes) -> PaperCard:
    return PaperCard(method="cda", **changes)


@pytest.mark.parametrize(
    ("mode", "terminal", "references"),
    [
        (1, TERMINAL, ["50"]),
        (4, TERMINAL, ["50"]),
        (1, ONLINE, ["90", "50"]),
        (2, ONLINE, ["90", "40"]),
        (3, ONLINE, ["80", "40"]),
        (4, ONLINE, ["80", "50"]),
    ],
)
def test_cda_is_asked_for_as_the_mode_says(mode, terminal, references):
    card = cda_card()
    outcome = run(card, terminal=replace(terminal, cda_mode=CdaMode(mode)))
    assert outcome.ending is Ending.APPROVED
    assert [apdu[4:6] for apdu in card.sent("80AE")] == references
    # A signature that comes with the second GENERATE AC makes up for none with the first.
    assert (NOT_PERFORMED in outcome.tvr) is (mode == 3)


def test_cda_is_never_asked_for_with_an_aac():
    card = cda_card()
    run(card, terminal=with_application(tac_denial=Tvr.FLOOR_LIMIT_EXCEEDED, floor_limit=1))
    assert [apdu[4:6] for apdu in card.sent("80AE")] == ["00"]


def test_without_cda_on_the_arqc_authentication_is_not_performed():
    outcome = run(cda_card(), terminal=MODE_3)
    assert NOT_PERFORMED in outcome.tvr
    assert PERFORMED not in outcome.tsi


def spoiled(apdu: bytes) -> bytes:
    """An answer with CID as asked for, and a signature over something else."""
    cid = apdu[2] & 0xC0
    signature = signer.combined_signature(b"\xaa\xbb", cid, bytes(8), b"something else", UNPREDICTABLE_NUMBER)
    objects = [("9F27", bytes((cid,))), ("9F36", b"\x00\x05"), ("9F4B", signature)]
    return tlv.build([("77", tlv.build(objects))]) + b"\x90\x00"


def test_a_wrong_signature_with_a_tc_declines():
    card = cda_card(overruled={"80AE50": spoiled})
    outcome = run(card)
    assert (outcome.ending, outcome.response_code) == (Ending.DECLINED, "Z1")
    assert (outcome.tvr & BYTE_1, PERFORMED in outcome.tsi) == (Tvr.CDA_FAILED, True)
    assert len(card.sent("80AE")) == 1


def test_a_wrong_signature_with_an_arqc_asks_for_an_aac_and_does_not_go_online():
    asked = []
    card = cda_card(overruled={"80AE90": spoiled})
    outcome = run(card, terminal=ONLINE, asked=asked)
    assert (outcome.ending, outcome.response_code, asked) == (Ending.DECLINED, "Z1", [])
    assert [apdu[4:6] for apdu in card.sent("80AE")] == ["90", "00"]
    assert Tvr.CDA_FAILED in outcome.tvr


def test_a_wrong_signature_after_the_host_approved_declines_and_reverses():
    outcome = run(cda_card(overruled={"80AE50": spoiled}), terminal=ONLINE)
    assert (outcome.ending, outcome.reversal_needed) == (Ending.DECLINED, True)


def test_a_type_in_the_clear_that_differs_from_the_signed_one_fails_cda():
    def mismatched(apdu: bytes) -> bytes:
        objects = [("9F27", b"\x40"), ("9F36", b"\x00\x05")]
        said = apdu[5 : 5 + apdu[4]] + tlv.build(objects)
        signature = signer.combined_signature(b"\xaa\xbb", 0x80, bytes(8), said, UNPREDICTABLE_NUMBER)
        return tlv.build([("77", tlv.build([*objects, ("9F4B", signature)]))]) + b"\x90\x00"

    outcome = run(cda_card(overruled={"80AE50": mismatched}))
    assert (outcome.ending, Tvr.CDA_FAILED in outcome.tvr) == (Ending.DECLINED, True)
    assert "differs from that in the clear" in str(outcome.trace)


def test_the_signature_covers_pdol_both_cdols_and_the_objects_in_their_order():
    card = cda_card(pdol=bytes.fromhex("9F02069F3704"))
    outcome = run(card, terminal=ONLINE)
    assert (outcome.ending, outcome.tvr & BYTE_1) == (Ending.APPROVED, Tvr.NONE)
    assert outcome.data["9F26"].hex() == "1122334455667788"


def test_format_80_carries_no_signature_and_so_fails_cda():
    outcome = run(cda_card(format_80=True))
    assert (outcome.ending, Tvr.CDA_FAILED in outcome.tvr) == (Ending.DECLINED, True)


def test_an_aac_needs_no_signature():
    outcome = run(cda_card(makes=(0x00, None)))
    assert (outcome.ending, outcome.tvr & BYTE_1) == (Ending.DECLINED, Tvr.NONE)


def test_with_keys_that_cannot_be_recovered_cda_is_not_asked_for():
    card = cda_card(objects={"9F46": b"\x00" * 128})
    outcome = run(card)
    assert [apdu[4:6] for apdu in card.sent("80AE")] == ["40"]
    assert (outcome.ending, Tvr.CDA_FAILED in outcome.tvr) == (Ending.APPROVED, True)


def test_the_card_number_is_the_one_the_certificates_name():
    outcome = run(PaperCard(method="dda", objects={"5A": bytes.fromhex("4761739001010028")}))
    assert outcome.tvr & BYTE_1 == Tvr.DDA_FAILED
    assert PAN not in str(outcome.trace)
    assert APPLICATION.name in str(outcome.trace)
