"""The guard: two officers, budgets that are spent and start again, production, and that all of it is written down."""

from __future__ import annotations

import json
import random

import pytest

from posterm.hsm import (
    Algorithm,
    BudgetSpentError,
    CardValue,
    CardValueMismatch,
    HsmError,
    KeyUsage,
    Lmk,
    MacAlgorithm,
    MacMismatch,
    NotAuthorizedError,
    Pin,
    PinBlockError,
    PinFormat,
    PinMismatch,
    PinTranslationError,
    PublishedLmkError,
    SoftHsm,
    VariantLmk,
    audit,
)
from posterm.hsm.guard import BUDGETS, Activity, Budget, Guard, MemoryGuardStore, Subject
from posterm.sensitive import Pan

CARD = Pan("4111111111111111")
OTHER_CARD = Pan("4222222222222220")
PIN = Pin("739104")
WRONG_PIN = Pin("739105")
FORM = PinFormat.ISO_0
DOUBLE = Algorithm.TDES_DOUBLE
FEW = {Subject.PAN: Budget(3, 86_400), Subject.KEY: Budget(6, 86_400), Subject.CONNECTION: Budget(5, 3_600)}


class Bench:
    """A guarded HSM with its keys, a clock to set, and the store in reach."""

    def __init__(self, budgets: dict[Subject, Budget] | None = None, production: bool = False) -> None:
        self.now = 1_893_456_000
        self.store = MemoryGuardStore()
        self.budgets = budgets or FEW
        plain = SoftHsm(Lmk.test(), random.Random(1).randbytes)
        self.pik = plain.generate_key(KeyUsage.PIN_ENCRYPTION, DOUBLE)
        self.pvk = plain.generate_key(KeyUsage.PIN_VERIFICATION_IBM, DOUBLE)
        self.cvk = plain.generate_key(KeyUsage.CARD_VERIFICATION, DOUBLE)
        self.mak = plain.generate_key(KeyUsage.MAC, DOUBLE)
        self.kek = plain.generate_key(KeyUsage.KEY_ENCRYPTION, DOUBLE)
        self.offset = plain.generate_pin_offset(self.pvk, PIN, CARD)
        self.block = plain.encrypt_pin(self.pik, PIN, FORM, CARD)
        self.wrong = plain.encrypt_pin(self.pik, WRONG_PIN, FORM, CARD)
        self.open(production)

    def open(self, production: bool = False) -> None:
        """Start the HSM, anew with the same store."""
        self.guard = Guard(self.store, lambda: self.now, bytes(range(16)), budgets=self.budgets, production=production)
        lmk = Lmk(bytes(range(32))) if production else Lmk.test()
        self.hsm = SoftHsm(lmk, random.Random(2).randbytes, guard=self.guard)

    def verify(self, block: bytes, connection: str = "", pan: Pan = CARD) -> None:
        self.hsm.session(connection).verify_pin(self.pik, block, FORM, pan, pvk=self.pvk, offset=self.offset)

    def events(self) -> list[str]:
        return [json.loads(record)["event"] for record in self.store.records]


@pytest.fixture
def bench() -> Bench:
    return Bench()


# --- authorization ----------------------------------------------------------------------------------------------------

ACTIVITIES = {
    Activity.PIN_DATA: lambda b: b.hsm.generate_pin_offset(b.pvk, PIN, CARD),
    Activity.CLEAR_PINS: lambda b: b.hsm.encrypt_pin(b.pik, PIN, FORM, CARD),
    Activity.CLEAR_KEYS: lambda b: b.hsm.load_clear_key(bytes(range(16)), KeyUsage.MAC, DOUBLE),
    Activity.KEY_EXPORT: lambda b: b.hsm.export_key(b.kek, b.mak),
    Activity.WEAKER_PIN_TRANSLATION: lambda b: b.hsm.translate_pin(b.pik, b.block, FORM, b.pik, PinFormat.NO_PAN, CARD),
    Activity.PAN_CHANGE: lambda b: b.hsm.translate_pin(b.pik, b.block, FORM, b.pik, FORM, CARD, target_pan=OTHER_CARD),
}


def test_every_activity_is_tried_here():
    assert set(ACTIVITIES) == set(Activity)


@pytest.mark.parametrize("activity", Activity)
def test_an_activity_needs_two_officers_and_ends_with_its_time(activity: Activity, bench: Bench):
    attempt = ACTIVITIES[activity]
    with pytest.raises((NotAuthorizedError, PinTranslationError)):
        attempt(bench)
    assert not bench.guard.authorize(activity, "anna", 60)
    with pytest.raises((NotAuthorizedError, PinTranslationError)):
        attempt(bench)
    assert bench.guard.authorize(activity, "boris", 60)
    attempt(bench)
    assert bench.events()[-1] == "done"
    assert bench.guard.authorized() == {activity: bench.now + 60}
    bench.now += 59
    attempt(bench)
    bench.now += 1
    with pytest.raises((NotAuthorizedError, PinTranslationError)):
        attempt(bench)
    assert audit.verify(bench.store.records).whole


@pytest.mark.parametrize("activity", Activity)
def test_one_activity_does_not_permit_another(activity: Activity, bench: Bench):
    bench.guard.authorize(activity, "anna", 60)
    bench.guard.authorize(activity, "boris", 60)
    for other, attempt in ACTIVITIES.items():
        if other is not activity:
            with pytest.raises((NotAuthorizedError, PinTranslationError)):
                attempt(bench)


def test_every_event_in_every_state_of_an_authorization(bench: Bench):
    guard, activity = bench.guard, Activity.KEY_EXPORT
    guard.revoke(activity)  # locked: nothing to take back
    assert not guard.authorize(activity, "anna", 60)
    with pytest.raises(NotAuthorizedError, match="second officer"):
        guard.authorize(activity, "anna", 60)
    guard.revoke(activity)  # awaiting a second
    assert not guard.authorize(activity, "boris", 60)
    bench.now += 300  # the second officer came too late, and is the first now
    assert not guard.authorize(activity, "anna", 60)
    assert guard.authorize(activity, "boris", 60)
    for officer in ("anna", "boris", "carla"):
        with pytest.raises(NotAuthorizedError, match="already"):
            guard.authorize(activity, officer, 60)
    guard.revoke(activity)  # authorized
    assert not guard.is_authorized(activity)
    assert bench.events() == [
        "authorization-asked",
        "authorization-refused",
        "authorization-asked",
        "authorization-asked",
        "authorized",
        "authorization-revoked",
    ]


@pytest.mark.parametrize("seconds", [-1, 0, 86_401])
def test_an_authorization_has_a_length(seconds: int, bench: Bench):
    with pytest.raises(NotAuthorizedError, match="need 1 to 86400 seconds"):
        bench.guard.authorize(Activity.KEY_EXPORT, "anna", seconds)


def test_an_activity_that_is_not_guarded_is_permitted_and_not_written_down():
    store = MemoryGuardStore()
    guard = Guard(store, lambda: 0, bytes(16), guarded=frozenset({Activity.KEY_EXPORT}))
    hsm = SoftHsm(Lmk.test(), random.Random(1).randbytes, guard=guard)
    hsm.load_clear_key(bytes(range(16)), KeyUsage.MAC, DOUBLE)
    assert store.records == []


def test_an_authorization_does_not_outlive_the_process(bench: Bench):
    bench.guard.authorize(Activity.KEY_EXPORT, "anna", 60)
    bench.guard.authorize(Activity.KEY_EXPORT, "boris", 60)
    bench.open()
    with pytest.raises(NotAuthorizedError):
        ACTIVITIES[Activity.KEY_EXPORT](bench)


# --- budgets ----------------------------------------------------------------------------------------------------------


def test_a_pans_budget_is_spent_and_a_restart_does_not_help(bench: Bench):
    for _ in range(3):
        with pytest.raises(PinMismatch):
            bench.verify(bench.wrong)
    for block in (bench.wrong, bench.block):
        with pytest.raises(BudgetSpentError, match="too many pin failures of one pan"):
            bench.verify(block)
    bench.open()
    with pytest.raises(BudgetSpentError):
        bench.verify(bench.block)
    assert bench.events() == ["budget-spent"]
    bench.now += 86_400
    bench.verify(bench.block)


def test_a_right_pin_clears_the_pans_count_and_no_other(bench: Bench):
    for _ in range(3):
        with pytest.raises(PinMismatch):
            bench.verify(bench.wrong)
        with pytest.raises(PinMismatch):
            bench.verify(bench.wrong)
        if _ < 2:
            bench.verify(bench.block)
    with pytest.raises(BudgetSpentError, match="of one key"):
        bench.verify(bench.block)


def test_a_connection_has_a_budget_of_its_own(bench: Bench):
    pans = [Pan(f"41111111111111{place:02d}") for place in range(5)]
    for pan in pans:
        with pytest.raises((PinMismatch, PinBlockError)):
            bench.verify(bench.wrong, "10.0.0.1:4000", pan)
    with pytest.raises(BudgetSpentError, match="of one connection"):
        bench.verify(bench.block, "10.0.0.1:4000")
    bench.verify(bench.block, "10.0.0.2:4000")


def test_a_malformed_block_counts_as_a_failure(bench: Bench):
    for _ in range(3):
        with pytest.raises(PinBlockError):
            bench.verify(bytes(8))
    with pytest.raises(BudgetSpentError):
        bench.verify(bench.block)


def test_malformed_blocks_to_translate_are_counted_for_the_key(bench: Bench):
    for _ in range(6):
        with pytest.raises(PinBlockError):
            bench.hsm.translate_pin(bench.pik, bytes(8), FORM, bench.pik, FORM, CARD)
    with pytest.raises(BudgetSpentError, match="of one key"):
        bench.hsm.translate_pin(bench.pik, bench.block, FORM, bench.pik, FORM, CARD)


def test_a_translation_does_not_clear_a_pans_count(bench: Bench):
    for _ in range(2):
        with pytest.raises(PinMismatch):
            bench.verify(bench.wrong)
    bench.hsm.translate_pin(bench.pik, bench.block, FORM, bench.pik, FORM, CARD)
    with pytest.raises(PinMismatch):
        bench.verify(bench.wrong)
    with pytest.raises(BudgetSpentError):
        bench.verify(bench.block)


def test_card_values_and_macs_are_counted_apart_from_pins(bench: Bench):
    right = bench.hsm.generate_card_value(bench.cvk, CardValue.CVV, CARD, "3012", "201")
    for _ in range(3):
        with pytest.raises(CardValueMismatch):
            bench.hsm.verify_card_value(bench.cvk, CardValue.CVV, str(1000 - int(right))[:3], CARD, "3012", "201")
    with pytest.raises(BudgetSpentError, match="card-value failures of one pan"):
        bench.hsm.verify_card_value(bench.cvk, CardValue.CVV, right, CARD, "3012", "201")
    bench.verify(bench.block)
    for _ in range(6):
        with pytest.raises(MacMismatch):
            bench.hsm.verify_mac(bench.mak, MacAlgorithm.X9_19, b"posterm", bytes(8))
    with pytest.raises(BudgetSpentError, match="mac failures of one key"):
        bench.hsm.verify_mac(bench.mak, MacAlgorithm.X9_19, b"posterm", bytes(8))


def test_no_pan_or_key_stands_in_the_store_or_the_log(bench: Bench):
    for _ in range(3):
        with pytest.raises(PinMismatch):
            bench.verify(bench.wrong, "10.0.0.1:4000")
    text = " ".join([*bench.store.records, *bench.store._failures])
    assert CARD.reveal() not in text
    assert str(bench.pvk) not in text
    assert "10.0.0.1:4000" in text
    assert repr(bench.guard) == "<Guard>"


def test_the_store_in_memory_is_bounded():
    store = MemoryGuardStore()
    for place in range(65_540):
        store.record_failure(str(place), 1)
    assert store.failures("0") == (0, 0)
    assert store.failures("65539") == (1, 1)
    assert len(store._failures) == 65_536


def test_the_usual_budgets_bear_what_an_honest_day_brings():
    assert BUDGETS[Subject.PAN].failures > 3  # an issuer locks a card after three
    assert BUDGETS[Subject.KEY].failures < 10**5  # what it takes to find a PIN of four digits by trying


# --- production -------------------------------------------------------------------------------------------------------


def test_production_refuses_the_published_keys():
    guard = Bench().guard
    guard.production = True
    own = Lmk(bytes(range(32)))
    SoftHsm(own, bytes, guard=guard)
    for lmk, variant in ((Lmk.test(), None), (own, VariantLmk.test())):
        with pytest.raises(PublishedLmkError):
            SoftHsm(lmk, bytes, variant_lmk=variant, guard=guard)


def test_a_short_fingerprint_key_is_refused():
    with pytest.raises(HsmError, match="at least 16 bytes"):
        Guard(MemoryGuardStore(), lambda: 0, bytes(15))


def test_a_session_is_the_same_hsm_under_another_name(bench: Bench):
    view = bench.hsm.session("10.0.0.1:4000")
    key = view.generate_key(KeyUsage.MAC, DOUBLE)
    assert bench.hsm.key_check_value(key) == view.key_check_value(key)
    assert view._kept is bench.hsm._kept
