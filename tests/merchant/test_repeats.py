"""A request that comes twice is answered as the first time; its key is good for nothing else."""

from __future__ import annotations

from datetime import timedelta

import pytest

from posterm.merchant.errors import OtherRequestError
from posterm.merchant.repeats import keep_answer, kept_answer
from tests.merchant.hand_office import NOW


def test_the_second_gets_the_answer_of_the_first(office):
    assert kept_answer(office, "ann", "k", b"asked", NOW) is None
    keep_answer(office, "ann", "k", b"asked", NOW, body='{"secret":1}')
    kept = kept_answer(office, "ann", "k", b"asked", NOW)
    assert kept is not None
    assert kept.body.reveal() == '{"secret":1}'
    assert "secret" not in repr(kept) + office.store.document("kept-answer", kept.key).body


def test_each_caller_has_keys_of_its_own(office):
    keep_answer(office, "ann", "k", b"asked", NOW, body="")
    assert kept_answer(office, "bob", "k", b"other", NOW) is None


def test_a_key_is_good_for_one_request(office):
    keep_answer(office, "ann", "k", b"asked", NOW, body="")
    with pytest.raises(OtherRequestError):
        kept_answer(office, "ann", "k", b"asked for more", NOW)


def test_an_answer_is_forgotten_after_a_day(office):
    keep_answer(office, "ann", "k", b"asked", NOW, body="x")
    later = NOW + timedelta(days=1)
    assert kept_answer(office, "ann", "k", b"another", later) is None
    keep_answer(office, "ann", "k", b"another", later, body="y")
    assert kept_answer(office, "ann", "k", b"another", later) is not None
