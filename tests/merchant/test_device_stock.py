"""Stock, keys and labels: what may be shipped, with which key in it and which code on its back."""

from __future__ import annotations

import pytest

from posterm.hsm import Algorithm, KeyUsage
from posterm.merchant import NotAllowedError, NotFoundError, NotNowError
from posterm.merchant.device import (
    confirm_key,
    inject_components,
    inject_key,
    need_device,
    take_into_stock,
    unbind,
)
from posterm.merchant.device_label import label_of, parse_label
from posterm.merchant.device_models import MODELS, Check
from posterm.merchant.device_problems import DEVICE_PROBLEMS
from posterm.merchant.news import News
from tests.merchant.hand_device import COMPONENTS, OPERATOR, OWNER, SERIAL, STRANGER, open_shop, refused


@pytest.fixture
def shop():
    return open_shop()


def test_only_an_operator_takes_devices_into_stock(shop):
    with pytest.raises(NotAllowedError):
        take_into_stock(shop.office, OWNER, SERIAL, "smart", shop.now)


@pytest.mark.parametrize("serial", ["", "with blank", "9" * 51, "序列号"])
def test_a_serial_that_is_none_is_refused(shop, serial):
    with refused("serial-malformed serial"):
        take_into_stock(shop.office, OPERATOR, serial, "smart", shop.now)


def test_everything_that_is_wrong_is_said_at_once(shop):
    shop.stock()
    with refused("serial-known serial", "model-unknown model"):
        take_into_stock(shop.office, OPERATOR, SERIAL, "abacus", shop.now)


def test_a_key_made_in_the_hsm_comes_out_under_the_transport_key_with_its_check_value(shop):
    hsm = shop.office.hsm
    transport = hsm.generate_key(KeyUsage.KEY_ENCRYPTION, Algorithm.TDES_DOUBLE)
    take_into_stock(shop.office, OPERATOR, SERIAL, "smart", shop.now)
    injection = inject_key(shop.office, OPERATOR, SERIAL, transport, shop.now)
    inside = hsm.import_key(transport, injection.cryptogram, KeyUsage.KEY_ENCRYPTION, Algorithm.TDES_DOUBLE)
    assert hsm.key_check_value(inside, 4).hex().upper() == injection.kcv == shop.device().kcv
    assert not shop.device().key_confirmed
    assert confirm_key(shop.office, OPERATOR, SERIAL, injection.kcv[:6].lower(), shop.now).key_confirmed


@pytest.mark.parametrize("kcv", ["", "000000", "00000000", "1234"])
def test_another_check_value_is_refused(shop, kcv):
    take_into_stock(shop.office, OPERATOR, SERIAL, "smart", shop.now)
    inject_components(shop.office, OPERATOR, SERIAL, COMPONENTS, shop.now)
    with refused("key-check-differs kcv"):
        confirm_key(shop.office, OPERATOR, SERIAL, kcv, shop.now)


def test_a_device_without_a_key_confirms_none(shop):
    take_into_stock(shop.office, OPERATOR, SERIAL, "smart", shop.now)
    with refused("key-check-differs kcv"):
        confirm_key(shop.office, OPERATOR, SERIAL, "000000", shop.now)


@pytest.mark.parametrize("components", [(), (bytes(16),), (bytes(16), bytes(16)), (bytes(8), bytes(8))])
def test_components_that_give_no_key_are_refused(shop, components):
    take_into_stock(shop.office, OPERATOR, SERIAL, "smart", shop.now)
    with refused("key-check-differs components"):
        inject_components(shop.office, OPERATOR, SERIAL, components, shop.now)


def test_a_device_in_use_gets_no_other_key(shop):
    shop.bind()
    with pytest.raises(NotNowError, match="BOUND does not take inject-key"):
        inject_components(shop.office, OPERATOR, SERIAL, COMPONENTS, shop.now)


def test_the_label_names_the_device_and_a_code(shop):
    shop.stock()
    serial, code = parse_label(label_of(shop.office, OPERATOR, SERIAL))
    assert serial == SERIAL
    assert len(code) == 12


@pytest.mark.parametrize("text", ["", "posterm://device/X", "https://example.org", "posterm://device/X/12345678901"])
def test_what_is_no_label_is_refused(text):
    with refused("label-malformed label"):
        parse_label(text)


def test_a_spent_label_is_not_printed_again(shop):
    shop.bind()
    with refused("label-spent serial"):
        label_of(shop.office, OPERATOR, SERIAL)


def test_neither_key_nor_code_nor_password_is_shown(shop):
    shop.initialise()
    device = shop.device()
    shown = device.model_dump_json() + repr(device) + repr(shop.all(News))
    assert device.tmk.reveal()
    for secret in (device.tmk.reveal(), device.password.reveal()):
        assert secret not in shown
    kept = shop.office.store.document("device", SERIAL).body
    assert device.tmk.reveal() not in kept


def test_another_merchant_sees_no_device(shop):
    shop.bind()
    assert need_device(shop.office, OWNER, SERIAL)
    with pytest.raises(NotFoundError):
        need_device(shop.office, STRANGER, SERIAL)


def test_only_a_closed_device_goes_back_into_stock(shop):
    shop.bind()
    with pytest.raises(NotNowError, match="BOUND does not take unbind"):
        unbind(shop.office, OPERATOR, SERIAL, shop.now)


def test_every_model_starts_reads_all_cards_and_pays():
    for model in MODELS.values():
        assert {Check.STARTS, Check.READS_STRIPE, Check.READS_CHIP, Check.READS_CONTACTLESS, Check.PAYS} <= {
            *model.checks
        }
        assert model.parts[0][1] == "device"


def test_every_problem_has_words_and_a_remedy_in_both_languages():
    for code, kind in DEVICE_PROBLEMS.items():
        assert code == kind.code
        assert all((kind.chinese, kind.english, kind.chinese_remedy, kind.english_remedy))
        assert not kind.english.endswith(".")
