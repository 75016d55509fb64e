"""A batch that lost a race is done again, a few times; other faults are passed on."""

from __future__ import annotations

import contextlib

import pytest

from posterm.host import MemoryHostStore
from posterm.host.records import MerchantRecord
from posterm.runtime.errors import StoreConflictError, StoreError
from posterm.runtime.store.retry import TRIES, in_batch


class Contested(MemoryHostStore):
    """Loses its first races when a batch ends, and raises `fault` then."""

    def __init__(self, losses: int, fault: type[StoreError] = StoreConflictError) -> None:
        super().__init__()
        self.losses, self.fault, self.begun = losses, fault, 0

    @contextlib.contextmanager
    def batch(self):
        self.begun += 1
        with super().batch():
            yield
            if self.begun <= self.losses:
                raise self.fault("another was faster")


def put_one_more(store: MemoryHostStore) -> int:
    number = store.next_number("n")
    store.put_merchant(MerchantRecord(str(number), "x"))
    return number


@pytest.mark.parametrize("losses", range(TRIES))
def test_work_is_done_again_until_it_is_kept_and_is_kept_once(losses):
    store = Contested(losses)
    assert in_batch(store, lambda: put_one_more(store)) == 1
    assert store.begun == losses + 1
    assert store.merchant("2") is None


def test_work_that_loses_every_race_is_given_up():
    store = Contested(TRIES)
    with pytest.raises(StoreConflictError):
        in_batch(store, lambda: put_one_more(store))
    assert (store.begun, store.merchant("1")) == (TRIES, None)


def test_another_fault_is_not_tried_again():
    store = Contested(1, StoreError)
    with pytest.raises(StoreError):
        in_batch(store, lambda: put_one_more(store))
    assert store.begun == 1
