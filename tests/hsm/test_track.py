"""Track encipherment in place."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from posterm.hsm import Algorithm, KeyUsage, Lmk, SoftHsm, TrackError
from posterm.hsm.track import in_place
from posterm.sensitive import Track2
from tests.hsm.vector_files import broken, vectors


@pytest.mark.parametrize("v", vectors("tracks.json"))
def test_the_block_is_where_it_is_published_to_be(v):
    taken = []
    in_place(v["clear"], lambda block: taken.append(block) or block)
    assert taken == [bytes.fromhex(v["block"])]


@pytest.mark.parametrize("v", vectors("tracks.json", having="enciphered"))
def test_a_track_is_enciphered_as_published_and_back(v, hsm: SoftHsm):
    tdk = hsm.load_clear_key(bytes.fromhex(v["tdk"]), KeyUsage.DATA_ENCRYPTION, Algorithm.TDES_DOUBLE)
    assert hsm.encrypt_track(tdk, v["clear"]) == v["enciphered"]
    assert hsm.decrypt_track(tdk, v["enciphered"]) == v["clear"].replace("=", "D")
    assert Track2(hsm.decrypt_track(tdk, v["enciphered"])) == Track2(v["clear"])


@pytest.mark.parametrize("v", broken("tracks.json"))
def test_what_is_no_track_is_refused_and_not_shown(v, hsm: SoftHsm):
    tdk = hsm.generate_key(KeyUsage.DATA_ENCRYPTION, Algorithm.TDES_DOUBLE)
    for crypt in (hsm.encrypt_track, hsm.decrypt_track):
        with pytest.raises(TrackError, match=v["raises"]) as refused:
            crypt(tdk, v["clear"])
        assert not v["clear"] or v["clear"] not in str(refused.value)


@given(st.text("0123456789ABCDEF=", min_size=17, max_size=107))
def test_deciphering_gives_back_the_track(nibbles: str):
    hsm = SoftHsm(Lmk.test(), lambda size: bytes(range(9, size + 9)))
    tdk = hsm.generate_key(KeyUsage.DATA_ENCRYPTION, Algorithm.TDES_DOUBLE)
    enciphered = hsm.encrypt_track(tdk, nibbles)
    assert len(enciphered) == len(nibbles)
    leading = max(0, len(nibbles) - 18)
    assert enciphered[:leading] == nibbles.replace("=", "D")[:leading]
    assert hsm.decrypt_track(tdk, enciphered) == nibbles.replace("=", "D")
