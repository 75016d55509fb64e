"""Cryptograms, the check of the issuer's answer, and scripts: against pyemv and the issuer's side."""

from __future__ import annotations

from typing import Any

import pyemv.ac
import pyemv.cvn
import pyemv.sm
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from posterm.hsm import Pin
from posterm.hsm.cryptogram import VERSIONS, Scheme, arpc, cvn_of, verify
from posterm.hsm.emv_script import pin_change, script_mac
from posterm.sensitive import Pan
from simulators.card import Card, load, master_keys
from simulators.card.issuer_data import VERSION_NUMBERS
from tests.simulators.card.dialogue import AAC, ARQC, TC, Dialogue, online

# pyemv calls TDES in ways that will go away; our door does not.
pytestmark = pytest.mark.filterwarnings("ignore::cryptography.utils.CryptographyDeprecationWarning")

PEERS: dict[str, Any] = {
    "visa-10": pyemv.cvn.VisaCVN10,
    "visa-18": pyemv.cvn.VisaCVN18,
    "visa-22": pyemv.cvn.VisaCVN22,
    "mchip-16": pyemv.cvn.MasterCardCVN16,
    "mchip-17": pyemv.cvn.MasterCardCVN17,
    "mchip-20": pyemv.cvn.MasterCardCVN20,
    "mchip-21": pyemv.cvn.MasterCardCVN21,
}
CREDIT = {"visa": "visa-credit", "mchip": "mastercard-credit", "unionpay": "unionpay-credit"}


def card_with(cvn: str, **application: object) -> Card:
    """The credit card of the version's scheme, with this version."""
    name = CREDIT[cvn.split("-")[0]]
    method_2 = VERSIONS[cvn].arpc_method == 2
    cdol2 = ("9108" if method_2 else "910A") + "8A0295059F37049F4C08"
    changes = {"cvn": cvn, "issuer_authentication": "cdol2", "cdol2": cdol2, **application}
    if "issuer_authentication" in application:
        changes["cdol2"] = "8A0295059F3704"
    return load(name, changes={"applications": {"main": changes}})


def keys_of(card: Card):
    cvn = card.profile.applications["main"].version_of_cryptogram
    pan = Pan(card.profile.holder.pan)
    return master_keys(card.profile.scheme).for_card(cvn, pan, card.profile.holder.sequence)


def peer(card: Card):
    masters = master_keys(card.profile.scheme)
    return PEERS[card.profile.applications["main"].cvn](
        masters.cryptogram,
        masters.integrity,
        masters.confidentiality,
        pan=card.profile.holder.pan,
        psn=card.profile.holder.sequence,
    )


def cryptogram_tags(talk: Dialogue) -> dict[int, bytes]:
    said = {int(tag, 16): value for tag, value in talk.said.items()}
    return said | {int(tag, 16): talk.heard[tag] for tag in ("82", "9F36", "9F10")}


def answer_91(card: Card, talk: Dialogue, answer: str) -> bytes:
    cvn = card.profile.applications["main"].version_of_cryptogram
    code = bytes.fromhex(answer)
    return arpc(cvn, keys_of(card).cryptogram, cryptogram_tags(talk), talk.heard["9F26"], code) + code


GOOD = {1: "3030", 2: "00800000"}


@pytest.mark.parametrize("cvn", list(VERSIONS))
def test_issuer_and_card_agree_on_arqc_and_answer(cvn):
    card = card_with(cvn)
    talk = online(card)
    assert talk.kind == ARQC
    found = cvn_of(talk.heard["9F10"], VERSIONS[cvn].scheme)
    assert found.name == cvn
    verify(found, keys_of(card).cryptogram, cryptogram_tags(talk), talk.heard["9F26"])
    talk.said["91"] = answer_91(card, talk, GOOD[found.arpc_method])
    talk.generate(TC, "8D")
    assert talk.kind == TC
    # The second cryptogram is made over what the terminal said last.
    verify(found, keys_of(card).cryptogram, cryptogram_tags(talk), talk.heard["9F26"])


@pytest.mark.parametrize("cvn", list(PEERS))
def test_arqc_and_answer_are_those_of_pyemv(cvn):
    card = card_with(cvn)
    talk = online(card)
    arguments = {
        f"tag_{tag.lower()}": talk.said[tag] for tag in ("9F02", "9F03", "9F1A", "95", "5F2A", "9A", "9C", "9F37")
    } | {"tag_82": talk.heard["82"], "tag_9f36": talk.heard["9F36"]}
    data = talk.heard["9F10"]
    if cvn in ("visa-18", "visa-22"):
        arguments["tag_9f10"] = data
    elif cvn == "visa-10":
        arguments["cvr"] = data[3:7]
    else:
        arguments["cvr"] = data[2:8]
        if cvn in ("mchip-17", "mchip-21"):
            arguments["counters"] = data[10:]
    assert peer(card).generate_ac(**arguments) == talk.heard["9F26"]


@settings(max_examples=20, deadline=None)
@given(
    st.sampled_from(list(VERSIONS)),
    st.integers(0, 10**12 - 1),
    st.binary(min_size=4, max_size=4),
    st.integers(0, 0xFFFE),
)
def test_any_amount_number_and_counter_verify(cvn, amount, number, atc):
    card = card_with(cvn, atc=atc, last_online_atc=0)
    talk = online(card, **{"9F02": f"{amount:012d}", "9F37": number.hex()})
    verify(VERSIONS[cvn], keys_of(card).cryptogram, cryptogram_tags(talk), talk.heard["9F26"])
    assert talk.heard["9F36"] == (atc + 1).to_bytes(2, "big")


def test_version_bytes_are_those_the_issuer_knows():
    for name, number in VERSION_NUMBERS.items():
        assert cvn_of(bytes((6, number, number)) + bytes(15), VERSIONS[name].scheme).name.endswith(name.split("-")[1])
    assert VERSION_NUMBERS.keys() == VERSIONS.keys()


# --- the issuer's answer ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("cvn", ["visa-10", "visa-14", "mchip-16", "unionpay-01"])
def test_external_authenticate_takes_the_right_answer_once(cvn):
    card = card_with(cvn, issuer_authentication="external")
    talk = online(card)
    data = answer_91(card, talk, "3030")
    talk.command("00820000", data, le=False)
    assert talk.sw == 0x9000
    talk.command("00820000", data, le=False)
    assert talk.sw == 0x6985
    assert talk.generate(TC, "8D").kind == TC


@pytest.mark.parametrize("bad", [bytes(10), bytes(8), b"\x01" * 16])
def test_external_authenticate_refuses_a_wrong_answer_and_the_card_then_declines(bad):
    talk = online(load("unionpay-credit"))
    talk.command("00820000", bad, le=False)
    assert talk.sw == 0x6300
    talk.generate(TC, "8D")
    assert talk.kind == AAC
    assert talk.heard["9F10"][4] & 0x08, "issuer authentication performed and failed"
    again = online(load("unionpay-credit"))
    again.command("00820000", bad[:7], le=False)
    assert again.sw == 0x6700


def test_external_authenticate_has_no_place_before_the_cryptogram():
    talk = Dialogue(load("unionpay-credit")).select().start()
    talk.command("00820000", bytes(10), le=False)
    assert talk.sw == 0x6985


@pytest.mark.parametrize("cvn", list(VERSIONS))
def test_a_wrong_answer_in_the_second_list_makes_the_card_decline(cvn):
    talk = online(card_with(cvn))
    talk.said["91"] = b"\x5a" * 10
    assert talk.generate(TC, "8D").kind == AAC


@pytest.mark.parametrize("cvn", list(VERSIONS))
def test_without_an_answer_the_card_still_approves_unless_it_must_have_one(cvn):
    assert online(card_with(cvn)).generate(TC, "8D").kind == TC
    assert online(card_with(cvn, issuer_authentication_mandatory=True)).generate(TC, "8D").kind == AAC


def test_a_card_status_update_can_decline_block_and_set_tries():
    card = card_with("visa-18")
    talk = online(card)
    talk.said["91"] = answer_91(card, talk, "00000000")
    assert talk.generate(TC, "8D").kind == AAC

    card = card_with("visa-18")
    talk = online(card)
    talk.said["91"] = answer_91(card, talk, "02900000")
    assert talk.generate(TC, "8D").kind == TC
    assert talk.command("80CA9F17") == bytes.fromhex("9F170102")

    talk.select().start().read().generate(ARQC)
    talk.said["91"] = answer_91(card, talk, "00A00000")
    assert talk.generate(TC, "8D").kind == AAC
    talk.select()
    assert talk.sw == 0x6283

    card = card_with("visa-18")
    talk = online(card)
    talk.said["91"] = answer_91(card, talk, "00C00000")
    talk.generate(TC, "8D")
    talk.select()
    assert talk.sw == 0x6A81


# --- scripts ------------------------------------------------------------------------------------------------------


def scripted(talk: Dialogue, header: str, data: bytes = b"", *, mac: bytes | None = None) -> int:
    card = talk.card
    cvn = card.profile.applications["main"].version_of_cryptogram
    whole = bytes.fromhex(header) + bytes((len(data) + 8,))
    atc = int.from_bytes(talk.heard["9F36"], "big")
    good = script_mac(cvn, keys_of(card).script.integrity, whole, atc, talk.arqc, data)
    talk.command(header, data + (good if mac is None else mac), le=False)
    return talk.sw


def ready_for_scripts(name: str) -> Dialogue:
    talk = online(load(name))
    talk.arqc = talk.heard["9F26"]
    return talk


NAMES = ["unionpay-credit", "visa-credit", "visa-debit", "mastercard-credit", "mastercard-debit"]


@pytest.mark.parametrize("name", NAMES)
def test_a_blocked_application_declines_and_can_be_unblocked(name):
    talk = ready_for_scripts(name)
    assert scripted(talk, "841E0000") == 0x9000
    assert talk.generate(TC, "8D").kind == AAC
    talk.select()
    assert talk.sw == 0x6283
    assert talk.start().read().generate(ARQC).kind == AAC
    talk.arqc = talk.heard["9F26"]
    assert scripted(talk, "84180000") == 0x9000
    assert talk.select().start().read().generate(ARQC).kind == ARQC


def test_a_blocked_card_answers_nothing_any_more():
    talk = ready_for_scripts("visa-debit")
    assert scripted(talk, "84160000") == 0x9000
    for _ in range(2):
        talk.select()
        assert talk.sw == 0x6A81
        talk.card.power_on()


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("with_present", [False, True])
def test_the_pin_changes_and_the_tries_come_back(name, with_present):
    talk = ready_for_scripts(name)
    card = talk.card
    cvn = card.profile.applications["main"].version_of_cryptogram
    if with_present and cvn.scheme is not Scheme.VISA:
        return
    talk.command("00200080", bytes.fromhex("241111FFFFFFFFFF"), le=False)
    assert talk.sw == 0x63C2
    atc = int.from_bytes(talk.heard["9F36"], "big")
    present = Pin(card.profile.holder.pin) if with_present else None
    command = pin_change(cvn, keys_of(card).script, atc, talk.arqc, Pin("475869"), present)
    assert card.transmit(command) == b"\x90\x00"
    assert talk.command("80CA9F17") == bytes.fromhex("9F170103")
    talk.command("00200080", bytes.fromhex("26475869FFFFFFFF"), le=False)
    assert talk.sw == 0x9000


def test_pin_unblock_gives_the_tries_back():
    talk = ready_for_scripts("unionpay-pin-blocked")
    talk.command("00200080", bytes.fromhex("241111FFFFFFFFFF"), le=False)
    assert talk.sw == 0x6983
    assert scripted(talk, "84240000") == 0x9000
    assert talk.command("80CA9F17") == bytes.fromhex("9F170103")


def test_a_script_loads_the_purse_up_to_its_limit():
    talk = ready_for_scripts("unionpay-ecash")
    assert scripted(talk, "04DA9F79", bytes.fromhex("000000050000")) == 0x9000
    assert talk.command("80CA9F79") == bytes.fromhex("9F7906000000050000")
    assert scripted(talk, "04DA9F79", bytes.fromhex("000000200000")) == 0x6A80
    assert scripted(talk, "04DA9F77", bytes.fromhex("000000300000")) == 0x9000
    assert scripted(talk, "04DA9F79", bytes.fromhex("000000200000")) == 0x9000
    assert scripted(talk, "04DA9F36", bytes.fromhex("0001")) == 0x6A88


def test_a_record_is_updated():
    talk = ready_for_scripts("unionpay-credit")
    record = bytes.fromhex("70045F20024142")
    assert scripted(talk, "04DC010C", record) == 0x9000
    assert talk.command("00B2010C") == record
    assert scripted(talk, "04DC090C", record) == 0x6A83


@pytest.mark.parametrize("mac", [bytes(8), bytes(7), b""])
def test_a_wrong_mac_changes_nothing_and_is_told_to_the_issuer(mac):
    talk = ready_for_scripts("unionpay-credit")
    assert scripted(talk, "841E0000", mac=mac) == (0x6988 if len(mac) == 8 else 0x6987)
    talk.generate(TC, "8D")
    assert talk.kind == TC
    talk.select()
    assert talk.sw == 0x9000


def test_scripts_need_a_cryptogram_first():
    talk = Dialogue(load("unionpay-credit")).select().start()
    talk.command("841E0000", bytes(8), le=False)
    assert talk.sw == 0x6985


@pytest.mark.parametrize("name", ["visa-credit", "mastercard-credit"])
def test_the_script_mac_is_that_of_pyemv(name):
    talk = ready_for_scripts(name)
    card = talk.card
    atc = talk.heard["9F36"]
    cvn = card.profile.applications["main"].version_of_cryptogram
    header = bytes.fromhex("841E000008")
    if name == "visa-credit":
        session = pyemv.kd.derive_visa_sm_sk(
            pyemv.kd.derive_icc_mk_b(master_keys("visa").integrity, card.profile.holder.pan, "01"), atc
        )
    else:
        session = pyemv.kd.derive_common_sk(
            pyemv.kd.derive_icc_mk_a(master_keys("mastercard").integrity, card.profile.holder.pan, "01"), talk.arqc
        )
    mac = pyemv.mac.mac_iso9797_3(session[:8], session[8:], header + atc + talk.arqc, 2)
    assert mac == script_mac(cvn, keys_of(card).script.integrity, header, int.from_bytes(atc, "big"), talk.arqc)
    assert scripted(talk, "841E0000", mac=mac) == 0x9000
