"""Changes: software and parameters with roll-back, another place, repair and exchange, and the way out."""

from __future__ import annotations

import hashlib

import pytest

from posterm.host.registry import parameters_of
from posterm.merchant import NotAllowedError, NotFoundError, NotNowError, OfficeTerms
from posterm.merchant.commissioning import initialise_device
from posterm.merchant.deposit import Deposit, hold_deposit
from posterm.merchant.device import take_into_stock, unbind
from posterm.merchant.merchant import TerminalSite
from posterm.merchant.relocation import accept_relocation, cancel_relocation, file_relocation, refuse_relocation
from posterm.merchant.repair import (
    Repair,
    cancel_repair,
    collect_device,
    exchange_device,
    finish_repair,
    hand_over,
    report_repair,
)
from posterm.merchant.software import (
    Update,
    confirm_update,
    install_update,
    offer_again,
    offer_parameters,
    offer_software,
    publish_release,
    roll_back,
    start_download,
    withdraw_update,
)
from posterm.merchant.suspension import suspend_device
from posterm.merchant.withdrawal import (
    cancel_withdrawal,
    close_withdrawal,
    request_withdrawal,
    settle_withdrawal,
    take_back,
)
from posterm.unionpay.tusn import DeviceIdentity
from tests.merchant.hand_device import (
    MERCHANT,
    MID,
    NEXT_DOOR,
    OPERATOR,
    OTHER_SERIAL,
    OWNER,
    PASSWORD,
    REVIEWER,
    SERIAL,
    SHOP,
    STRANGER,
    TIDS,
    open_shop,
    refused,
)

IMAGE = b"software of the next version"
DIGEST = hashlib.sha256(IMAGE).hexdigest()
FAR_SHOP = "31.190000,121.430000"


@pytest.fixture
def shop():
    opened = open_shop(terms=OfficeTerms(annual_fee_minor=0, unused_days=3660, inspection_days=3660))
    opened.terminal = opened.activate()
    yield opened
    assert opened.office.ledger.prove().faults == ()


# --- updates ---------------------------------------------------------------------------------------------------------


def offered(shop) -> Update:
    publish_release(shop.office, OPERATOR, "smart", "1.1.0", IMAGE, shop.now)
    return offer_software(shop.office, OPERATOR, SERIAL, "1.1.0", shop.now)


def installed(shop) -> Update:
    update = offered(shop)
    start_download(shop.office, OWNER, update.key, shop.now)
    return install_update(shop.office, OWNER, update.key, shop.now, digest=DIGEST)


def test_software_is_offered_taken_tried_and_confirmed(shop):
    update = offered(shop)
    assert shop.office.store.terminal(TIDS[0]).requirement == "6"
    start_download(shop.office, OWNER, update.key, shop.now)
    assert shop.device().state == "UPDATING"
    assert install_update(shop.office, OWNER, update.key, shop.now, digest=DIGEST.upper()).state == "INSTALLED"
    assert confirm_update(shop.office, OWNER, update.key, shop.now).state == "CONFIRMED"
    assert (shop.device().state, shop.device().software) == ("ACTIVE", "1.1.0")
    assert shop.office.store.terminal(TIDS[0]).requirement == "0"


def test_what_is_not_confirmed_in_a_day_is_rolled_back_by_itself(shop):
    update = installed(shop)
    shop.wait(hours=23)
    assert shop.device().state == "UPDATING"
    shop.wait(hours=1)
    assert shop.get(Update, update.key).state == "ROLLED_BACK"
    assert (shop.device().state, shop.device().software) == ("ACTIVE", "1.0.0")


def test_a_download_that_never_ends_fails_by_itself(shop):
    update = offered(shop)
    start_download(shop.office, OWNER, update.key, shop.now)
    shop.wait(days=1)
    assert (shop.get(Update, update.key).state, shop.device().state) == ("FAILED", "ACTIVE")


def test_a_damaged_image_is_not_installed_and_offered_again(shop):
    update = offered(shop)
    start_download(shop.office, OWNER, update.key, shop.now)
    failed = install_update(shop.office, OWNER, update.key, shop.now, digest="00" * 32)
    assert (failed.state, shop.device().state) == ("FAILED", "ACTIVE")
    assert [problem.code for problem in failed.problems] == ["image-damaged"]
    again = offer_again(shop.office, OPERATOR, update.key, shop.now)
    assert (again.state, again.problems) == ("OFFERED", ())
    assert withdraw_update(shop.office, OPERATOR, update.key, shop.now).state == "WITHDRAWN"


def test_a_device_stopped_during_an_update_stands_still_after_it(shop):
    update = installed(shop)
    suspend_device(shop.office, OPERATOR, SERIAL, shop.now)
    assert (shop.device().state, shop.terminal.sale(1000).code) == ("UPDATING", "C1")
    confirm_update(shop.office, OWNER, update.key, shop.now)
    assert shop.device().state == "SUSPENDED"


def test_parameters_are_given_and_taken_back(shop):
    before = parameters_of(shop.office.store.terminal(TIDS[0]))
    update = offer_parameters(shop.office, OPERATOR, SERIAL, {"response_timeout_s": "45"}, shop.now)
    start_download(shop.office, OWNER, update.key, shop.now)
    assert parameters_of(shop.office.store.terminal(TIDS[0])) == before | {"response_timeout_s": "45"}
    assert shop.office.store.terminal(TIDS[0]).requirement == "1"
    install_update(shop.office, OWNER, update.key, shop.now)
    assert roll_back(shop.office, OWNER, update.key, shop.now).state == "ROLLED_BACK"
    assert parameters_of(shop.office.store.terminal(TIDS[0])) == before


def test_one_update_at_a_time(shop):
    offered(shop)
    with refused("update-running serial"):
        offer_parameters(shop.office, OPERATOR, SERIAL, {"tips_allowed": "1"}, shop.now)
    with refused("update-running serial"):
        offer_software(shop.office, OPERATOR, SERIAL, "1.1.0", shop.now)


def test_parameters_that_are_none_are_refused(shop):
    with refused("parameters-malformed values"):
        offer_parameters(shop.office, OPERATOR, SERIAL, {"colour": "red"}, shop.now)


def test_a_version_is_published_once_and_offered_when_it_is(shop):
    with refused("release-unknown version"):
        offer_software(shop.office, OPERATOR, SERIAL, "1.1.0", shop.now)
    offered(shop)
    with refused("release-known version"):
        publish_release(shop.office, OPERATOR, "smart", "1.1.0", IMAGE, shop.now)
    with refused("model-unknown model", "release-malformed version"):
        publish_release(shop.office, OPERATOR, "abacus", "next", IMAGE, shop.now)
    with refused("release-malformed version"):
        publish_release(shop.office, OPERATOR, "smart", "1.2.0", b"", shop.now)


def test_a_device_that_is_not_in_use_is_not_updated(shop):
    publish_release(shop.office, OPERATOR, "smart", "1.1.0", IMAGE, shop.now)
    shop.stock(OTHER_SERIAL)
    with refused("device-unused serial"):
        offer_software(shop.office, OPERATOR, OTHER_SERIAL, "1.1.0", shop.now)


def test_another_merchant_takes_no_update(shop):
    update = offered(shop)
    with pytest.raises(NotFoundError):
        start_download(shop.office, STRANGER, update.key, shop.now)


# --- relocation ------------------------------------------------------------------------------------------------------


def sells_at(shop, location: str) -> str:
    element = shop.terminal.profile.tusn.element
    said = DeviceIdentity(SERIAL, location=location).pack()
    return shop.terminal.sale(1000, elements={element: said}).code


def move(shop, district: str = "310105", address: str = "长宁区测试路2号", location: str = FAR_SHOP):
    return file_relocation(shop.office, OWNER, SERIAL, district, address, location, shop.now)


def test_a_device_sells_at_its_new_place_only_when_that_is_accepted(shop):
    assert (sells_at(shop, SHOP), sells_at(shop, NEXT_DOOR), sells_at(shop, FAR_SHOP)) == ("00", "00", "58")
    filed = move(shop)
    assert sells_at(shop, FAR_SHOP) == "58"
    assert accept_relocation(shop.office, REVIEWER, filed.key, shop.now).state == "ACCEPTED"
    assert (sells_at(shop, FAR_SHOP), sells_at(shop, SHOP)) == ("00", "58")
    assert shop.get(TerminalSite, TIDS[0]).address == "长宁区测试路2号"


def test_another_device_sells_nothing(shop):
    element = shop.terminal.profile.tusn.element
    assert shop.terminal.sale(1000, elements={element: DeviceIdentity(OTHER_SERIAL).pack()}).code == "97"


def test_a_refused_or_cancelled_relocation_changes_nothing(shop):
    refused_one = refuse_relocation(shop.office, OPERATOR, move(shop).key, "no lease", shop.now)
    assert (refused_one.state, refused_one.reason, shop.device().location) == ("REFUSED", "no lease", SHOP)
    cancelled = cancel_relocation(shop.office, OWNER, move(shop).key, shop.now)
    assert cancelled.state == "CANCELLED"
    with pytest.raises(NotNowError):
        accept_relocation(shop.office, OPERATOR, cancelled.key, shop.now)


def test_everything_against_a_relocation_is_said_at_once(shop):
    move(shop)
    with refused("relocation-open serial", "other-city district", "address-short address", "place-malformed location"):
        move(shop, "110105", "朝阳区", "Beijing")
    shop.deliver(OTHER_SERIAL)
    with refused("device-unused serial", "district-malformed district"):
        file_relocation(shop.office, OWNER, OTHER_SERIAL, "", "测试路2号1室", FAR_SHOP, shop.now)


def test_a_merchant_does_not_accept_its_own_relocation(shop):
    with pytest.raises(NotAllowedError):
        accept_relocation(shop.office, OWNER, move(shop).key, shop.now)


# --- repair ----------------------------------------------------------------------------------------------------------


def test_a_repaired_device_is_named_anew_and_goes_on_without_another_first_swipe(shop):
    repair = report_repair(shop.office, OWNER, SERIAL, "printer", shop.now, note="faint")
    collect_device(shop.office, OPERATOR, repair.key, shop.now)
    finish_repair(shop.office, OPERATOR, repair.key, shop.now)
    assert hand_over(shop.office, OPERATOR, repair.key, shop.now).state == "RETURNED"
    assert (shop.device().state, shop.terminal.sale(1000).code) == ("BOUND", "C1")
    shop.name()
    initialise_device(shop.office, OWNER, SERIAL, PASSWORD, shop.now)
    assert shop.terminal.sale(1000).code == "77"
    shop.sign_on()
    assert shop.look().state == "ACTIVE"
    assert shop.device().taken_minor == 10_000


def test_an_exchanged_device_gives_its_terminal_number_to_another(shop):
    repair = report_repair(shop.office, OWNER, SERIAL, "screen", shop.now)
    collect_device(shop.office, OPERATOR, repair.key, shop.now)
    exchange_device(shop.office, OPERATOR, repair.key, shop.now)
    assert (shop.device().state, shop.device().tmk.reveal()) == ("CLOSED", "")
    shop.bind(OTHER_SERIAL)
    assert hand_over(shop.office, OPERATOR, repair.key, shop.now, shipment="S00000002").replaced_by == "S00000002"
    assert shop.device(OTHER_SERIAL).terminal_id == TIDS[0]
    shop.name(OTHER_SERIAL)
    shop.wait(minutes=1)
    initialise_device(shop.office, OWNER, OTHER_SERIAL, PASSWORD, shop.now)
    terminal = shop.sign_on(OTHER_SERIAL)
    assert shop.look(OTHER_SERIAL).state == "READY"
    assert terminal.sale(10_000).code == "00"
    assert shop.look(OTHER_SERIAL).state == "ACTIVE"


def test_a_fault_is_reported_once_and_taken_back(shop):
    repair = report_repair(shop.office, OWNER, SERIAL, "printer", shop.now)
    with refused("repair-open serial"):
        report_repair(shop.office, OWNER, SERIAL, "screen", shop.now)
    assert cancel_repair(shop.office, OWNER, repair.key, shop.now).state == "CANCELLED"
    assert shop.device().state == "BOUND"


def test_a_device_on_its_way_is_not_repaired(shop):
    shop.deliver(OTHER_SERIAL)
    with pytest.raises(NotNowError, match="SHIPPED does not take fault"):
        report_repair(shop.office, OWNER, OTHER_SERIAL, "screen", shop.now)
    assert shop.all(Repair) == []


def test_a_merchant_repairs_nothing_itself(shop):
    repair = report_repair(shop.office, OWNER, SERIAL, "printer", shop.now)
    for step in (collect_device, finish_repair, exchange_device, hand_over):
        with pytest.raises(NotAllowedError):
            step(shop.office, OWNER, repair.key, shop.now)


# --- the way out -----------------------------------------------------------------------------------------------------


def test_the_last_device_goes_with_its_merchant_and_the_deposit_comes_back(shop):
    hold_deposit(shop.office, shop.merchant, 9900, shop.now)
    withdrawal = request_withdrawal(shop.office, OWNER, SERIAL, "closing down", shop.now)
    assert shop.terminal.sale(1000).code == "00"
    with refused("batch-open device"):
        settle_withdrawal(shop.office, OPERATOR, withdrawal.key, shop.now)
    shop.settle()
    settle_withdrawal(shop.office, OPERATOR, withdrawal.key, shop.now)
    assert shop.terminal.sale(1000).code == "C1"
    take_back(shop.office, OPERATOR, withdrawal.key, shop.now)
    assert close_withdrawal(shop.office, OPERATOR, withdrawal.key, shop.now).state == "CLOSED"
    assert (shop.device().state, shop.merchant.state) == ("CLOSED", "CLOSED")
    assert shop.get(Deposit, MERCHANT).state == "REFUNDED"
    assert shop.balance(f"merchant/{MID}/deposit") == 0
    assert shop.get(TerminalSite, TIDS[0]).serial == ""
    assert not shop.office.store.merchant(MID).open


def test_a_closed_device_goes_back_into_stock_as_new(shop):
    withdrawal = request_withdrawal(shop.office, OWNER, SERIAL, "", shop.now)
    shop.settle()
    settle_withdrawal(shop.office, OPERATOR, withdrawal.key, shop.now)
    take_back(shop.office, OPERATOR, withdrawal.key, shop.now)
    close_withdrawal(shop.office, OPERATOR, withdrawal.key, shop.now)
    shop.wait(days=4000)
    fresh = unbind(shop.office, OPERATOR, SERIAL, shop.now)
    assert (fresh.state, fresh.subject, fresh.merchant, fresh.kcv) == ("STOCK", "", "", "")
    with refused("serial-known serial"):
        take_into_stock(shop.office, OPERATOR, SERIAL, "smart", shop.now)


def test_a_second_device_leaves_the_merchant_and_its_deposit(shop):
    hold_deposit(shop.office, shop.merchant, 9900, shop.now)
    shop.bind(OTHER_SERIAL)
    withdrawal = request_withdrawal(shop.office, OWNER, OTHER_SERIAL, "", shop.now)
    settle_withdrawal(shop.office, OPERATOR, withdrawal.key, shop.now)
    take_back(shop.office, OPERATOR, withdrawal.key, shop.now)
    close_withdrawal(shop.office, OPERATOR, withdrawal.key, shop.now)
    assert (shop.merchant.state, shop.get(Deposit, MERCHANT).state) == ("LIVE", "HELD")
    assert shop.terminal.sale(1000).code == "00"


def test_a_withdrawal_is_asked_for_once_and_called_off_before_it_is_settled(shop):
    withdrawal = request_withdrawal(shop.office, OWNER, SERIAL, "", shop.now)
    with refused("withdrawal-open serial"):
        request_withdrawal(shop.office, OWNER, SERIAL, "", shop.now)
    assert cancel_withdrawal(shop.office, OWNER, withdrawal.key, shop.now).state == "CANCELLED"
    again = request_withdrawal(shop.office, OWNER, SERIAL, "", shop.now)
    shop.settle()
    settle_withdrawal(shop.office, OPERATOR, again.key, shop.now)
    with pytest.raises(NotNowError, match="SETTLED does not take cancel"):
        cancel_withdrawal(shop.office, OWNER, again.key, shop.now)


def test_a_device_in_stock_is_not_withdrawn(shop):
    shop.stock(OTHER_SERIAL)
    with refused("device-unused serial"):
        request_withdrawal(shop.office, OPERATOR, OTHER_SERIAL, "", shop.now)


def test_nothing_of_a_device_is_another_merchants(shop):
    keys = {
        "relocation": move(shop).key,
        "withdrawal": request_withdrawal(shop.office, OWNER, SERIAL, "", shop.now).key,
    }
    for act, key in ((cancel_relocation, keys["relocation"]), (cancel_withdrawal, keys["withdrawal"])):
        with pytest.raises(NotFoundError):
            act(shop.office, STRANGER, key, shop.now)
    for act in (report_repair, request_withdrawal):
        with pytest.raises(NotFoundError):
            act(shop.office, STRANGER, SERIAL, "", shop.now)
