"""Codes that a customer shows: the published example, what is no code, and what is built reads back."""

import base64
import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from posterm import tlv
from posterm.qr import consumer_presented as cpm
from posterm.qr.errors import ConsumerCodeError
from posterm.sensitive import Pan, Track2

PUBLISHED = json.loads((Path(__file__).parents[1] / "vectors" / "qr" / "codes.json").read_text(encoding="utf-8"))[
    "consumer_presented"
]
UNIONPAY_AID = bytes.fromhex("A000000333010102")
CHIP = {"9F26": bytes(8), "9F27": b"\x80", "9F10": bytes.fromhex("07010103A0A802"), "9F36": b"\x00\x07"}


def _coded(*objects: tuple[str, bytes]) -> str:
    return base64.b64encode(tlv.build(objects)).decode()


def test_the_published_code_reads_as_the_book_says():
    code = cpm.parse(PUBLISHED["text"])
    assert [application.aid.hex().upper() for application in code.applications] == PUBLISHED["aids"]
    assert [application.label for application in code.applications] == PUBLISHED["labels"]
    for application in code.applications:
        assert application.chip_data["9F26"].hex().upper() == PUBLISHED["cryptogram"]
        assert application.chip_data["9F36"].hex().upper() == PUBLISHED["atc"]


def test_shared_objects_count_for_every_application_and_stay_unprinted():
    first, second = cpm.parse(PUBLISHED["text"]).applications
    assert first.pan == second.pan
    assert first.pan.reveal() not in repr(first)


def test_what_is_built_reads_back():
    track2 = Track2("6212345678901265=30122010000000000000")
    code = cpm.parse(cpm.build(UNIONPAY_AID, label="UNIONPAY", track2=track2, chip_data=CHIP))
    (application,) = code.applications
    assert (application.aid, application.label, application.chip_data) == (UNIONPAY_AID, "UNIONPAY", CHIP)
    assert application.track2 == track2
    assert application.pan == track2.pan


@pytest.mark.parametrize(
    "text",
    [
        "",
        "A" * 600,
        "not base64!",
        base64.b64encode(b"\x85\x05CPV01\x61").decode(),
        _coded(("85", b"CPV02"), ("61", tlv.build([("4F", UNIONPAY_AID)]))),
        _coded(("61", tlv.build([("4F", UNIONPAY_AID)])), ("85", b"CPV01")),
        _coded(("85", b"CPV01")),
        _coded(("85", b"CPV01"), ("61", tlv.build([("50", b"NO AID")]))),
        _coded(("85", b"CPV01"), ("61", tlv.build([("4F", b"\xa0")]))),
        _coded(("85", b"CPV01"), ("61", tlv.build([("4F", UNIONPAY_AID), ("63", b"\x9f")]))),
        _coded(("85", b"CPV01"), *[("61", tlv.build([("4F", UNIONPAY_AID)]))] * 3),
    ],
)
def test_what_is_no_code_is_refused(text):
    with pytest.raises(ConsumerCodeError):
        cpm.parse(text)


@pytest.mark.parametrize(
    "wrong",
    [
        {"aid": b"\xa0"},
        {"label": "寿司"},
        {"label": "X" * 17},
        {"chip_data": {"9F": b""}},
        {"chip_data": {"9F10": bytes(400)}},
    ],
)
def test_a_code_that_cannot_be_is_not_built(wrong):
    with pytest.raises(ConsumerCodeError):
        cpm.build(**({"aid": UNIONPAY_AID, "chip_data": CHIP} | wrong))


def test_an_application_without_a_card_number_says_so():
    (application,) = cpm.parse(cpm.build(UNIONPAY_AID, chip_data=CHIP)).applications
    with pytest.raises(ConsumerCodeError, match="57"):
        _ = application.pan
    (application,) = cpm.parse(cpm.build(UNIONPAY_AID, pan=Pan("6212345678901265"), chip_data=CHIP)).applications
    assert application.pan == Pan("6212345678901265")


@given(st.binary(max_size=120))
def test_any_bytes_read_or_raise_our_error(data):
    for packed in (data, tlv.build([("85", b"CPV01"), ("61", tlv.build([("4F", UNIONPAY_AID)]) + data)])):
        try:
            cpm.parse(base64.b64encode(packed).decode())
        except ConsumerCodeError:
            continue
