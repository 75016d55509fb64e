"""The worked frames of the dialect, as another terminal would send them, in the order of a day.

Source: the vectors of `tests/vectors/iso8583/unionpay-pos.json`, computed with test keys after Q/CUP 009.
"""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from posterm.hsm import Algorithm, KeyUsage
from posterm.unionpay.envelope import open_envelope
from posterm.unionpay.key_layout import Role
from tests.host.hand_terminal import BALANCE, TID, Place
from tests.secrets_of_the_suite import KEYS

VECTORS = Path(__file__).parents[1] / "vectors" / "iso8583" / "unionpay-pos.json"
FRAMES = {
    vector["id"]: bytes.fromhex(vector["frame"])[2:] for vector in json.loads(VECTORS.read_text("utf-8"))["vectors"]
}


@pytest.fixture
def worked(place: Place) -> Place:
    """The place with the working keys of the worked frames."""
    hsm = place.hsm
    pik = hsm.load_clear_key(bytes.fromhex(KEYS["link vectors, PIK"]), KeyUsage.PIN_ENCRYPTION, Algorithm.TDES_DOUBLE)
    mak = hsm.load_clear_key(bytes.fromhex(KEYS["link vectors, MAK"]), KeyUsage.MAC, Algorithm.DES)
    place.store.put_terminal(place.store.terminal(TID)._replace(pik=pik, mak=mak))
    place.terminal.keys = {Role.PIK: pik, Role.MAK: mak}
    return place


def code_of(place: Place, name: str) -> str:
    reply = place.host.handle(FRAMES[name], place.terminal.now)
    return str(place.terminal.profile.dialect.unpack(open_envelope(reply.frame).wire)[39])


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("swipe-sale-with-pin-0200", "00"),
        ("pre-authorisation-0100", "00"),
        ("balance-inquiry-0200-310000", "00"),
        ("chip-sale-with-pin-0200-field-55", "57"),
        ("unionpay-qr-customer-code-sale", "14"),
        ("void-of-a-sale-0200-200000", "25"),
        ("refund-0220", "25"),
        ("pre-auth-completion-online-0200", "25"),
        ("pre-auth-void-0100", "25"),
        ("reversal-of-the-sale-after-timeout-0400-98", "25"),
        ("sign-on-request-0800-003", "00"),
        ("batch-settlement-0500-201", "00"),
        ("batch-upload-of-two-magnetic-sales-0320-201", "00"),
        ("batch-upload-end-unbalanced-0320-202", "95"),
        ("echo-test-0820-301", "00"),
        ("sign-off-0820-002", "00"),
    ],
)
def test_each_worked_request_gets_its_answer(worked, name, code):
    assert code_of(worked, name) == code


@pytest.mark.parametrize("name", [name for name in FRAMES if "response" in name])
def test_worked_responses_are_not_requests(worked, name):
    assert worked.host.handle(FRAMES[name], worked.terminal.now).frame is None


def test_the_worked_reversal_undoes_the_worked_sale(worked):
    assert code_of(worked, "swipe-sale-with-pin-0200") == "00"
    assert worked.available == BALANCE - 12345
    assert code_of(worked, "reversal-of-the-sale-after-timeout-0400-98") == "00"
    assert worked.available == BALANCE


def test_the_worked_upload_is_compared_with_the_worked_sale(worked):
    code_of(worked, "swipe-sale-with-pin-0200")
    for name in (
        "batch-settlement-0500-201",
        "batch-upload-of-two-magnetic-sales-0320-201",
        "batch-upload-end-unbalanced-0320-202",
    ):
        assert code_of(worked, name) == "00"
    report = worked.store.report(TID, "000001")
    assert (report.equal, report.uploaded, report.net_minor) == (False, 2, 12345)
    assert len(report.only_terminal) == 1
