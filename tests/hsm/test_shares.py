"""A divided secret: enough shares give it back, fewer tell nothing, and a misread one is found."""

from __future__ import annotations

import itertools
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from posterm.hsm.errors import CipherError, ShareError
from posterm.hsm.shares import Share, combine, split

SECRET = bytes(range(100, 132))


def divided(secret: bytes = SECRET, threshold: int = 2, count: int = 3, seed: int = 1) -> tuple[Share, ...]:
    return split(secret, threshold=threshold, count=count, entropy=random.Random(seed).randbytes)


def test_any_two_of_three_give_the_secret_in_any_order():
    for chosen in itertools.permutations(divided(), 2):
        assert combine(chosen) == SECRET
    assert combine(divided()) == SECRET


@given(st.binary(min_size=1, max_size=64), st.integers(2, 16), st.integers(2, 16), st.integers())
def test_any_threshold_of_any_count_gives_the_secret(secret, threshold, count, seed):
    threshold, count = sorted((threshold, count))
    shares = divided(secret, threshold, count, seed)
    assert combine(random.Random(seed).sample(shares, threshold)) == secret


def test_the_field_is_that_of_aes():
    """FIPS 197, 4.2.1: {57} times {02} is {ae}."""
    shares = split(b"\x00", threshold=2, count=2, entropy=lambda size: b"\x57" * size)
    assert [share.data.hex() for share in shares] == ["57", "ae"]


def test_one_share_of_two_is_equally_likely_under_every_secret():
    seen = {
        (secret, split(bytes([secret]), threshold=2, count=2, entropy=lambda size, c=c: bytes([c]) * size)[0].data)
        for secret in (0, 1, 255)
        for c in range(256)
    }
    assert len(seen) == 3 * 256


def test_a_share_survives_being_written_down_with_blanks_and_small_letters():
    share = divided()[1]
    typed = " ".join(share.text[place : place + 5] for place in range(0, len(share.text), 5)).lower()
    assert Share.parse(typed) == share


def test_a_misread_character_is_found_wherever_it_stands():
    text = divided()[0].text
    for place, character in enumerate(text):
        misread = text[:place] + ("1" if character != "1" else "7") + text[place + 1 :]
        with pytest.raises(ShareError):
            Share.parse(misread)


@pytest.mark.parametrize("text", ["", "1-2of3", "no share", "1-2of3-00000000-0-00000000", "9" * 5000])
def test_text_that_is_no_share_is_refused(text):
    with pytest.raises(ShareError, match="of another form"):
        Share.parse(text)


@given(st.text(max_size=200))
def test_any_text_is_a_share_or_refused(text):
    with pytest.raises(ShareError):
        Share.parse(text)


def test_too_few_twice_the_same_or_of_two_secrets_is_refused():
    one, two, _ = divided()
    other = divided(bytes(32))[1]
    for shares, why in (([], "none"), ([one], "need 2"), ([one, one], "twice"), ([one, other], "not all of one")):
        with pytest.raises(ShareError, match=why):
            combine(shares)
    assert combine([one, two]) == SECRET


def test_an_altered_share_with_a_good_check_does_not_give_another_secret():
    one, two, _ = divided()
    altered = Share(two.number, two.threshold, two.count, two.set_id, bytes([two.data[0] ^ 1]) + two.data[1:])
    assert Share.parse(altered.text) == altered
    with pytest.raises(ShareError, match="do not give the secret"):
        combine([one, altered])


@pytest.mark.parametrize(("threshold", "count"), [(1, 3), (0, 0), (4, 3), (2, 17), (-2, 3)])
def test_numbers_that_protect_nothing_are_refused(threshold, count):
    with pytest.raises(ShareError, match="secret shares"):
        divided(SECRET, threshold, count)


@pytest.mark.parametrize("secret", [b"", bytes(65)])
def test_a_secret_of_another_size_is_refused(secret):
    with pytest.raises(ShareError, match="1 to 64 bytes"):
        divided(secret)


def test_entropy_that_runs_short_is_refused():
    with pytest.raises(CipherError):
        split(SECRET, threshold=2, count=3, entropy=lambda size: bytes(size - 1))


def test_a_share_does_not_show_its_data():
    share = divided()[0]
    assert share.data.hex() not in repr(share).lower()
    assert repr(share.data)[2:-1] not in repr(share)
