"""The master secret: what comes of it, and its way to and from a passphrase."""

from __future__ import annotations

import pickle
import random

import pytest

from posterm.hsm import KeyUsage, Lmk, SoftHsm, TdesLmk
from posterm.hsm.errors import KeyBlockError, PassphraseError
from posterm.hsm.keys import Algorithm
from posterm.hsm.master_secret import MasterSecret, is_sealed
from posterm.hsm.passphrase import verifier, verify_passphrase
from posterm.hsm.shares import combine, split

PASSPHRASE = "twelve bytes, or more"


def drawn(seed: int = 1) -> MasterSecret:
    return MasterSecret.draw(random.Random(seed).randbytes)


def test_the_aes_lmk_is_the_secret_itself():
    block = SoftHsm(Lmk(drawn().reveal()), random.Random(2).randbytes).generate_key(KeyUsage.MAC, Algorithm.DES)
    hsm = SoftHsm(drawn().lmk, random.Random(3).randbytes)
    assert len(hsm.key_check_value(block)) == 4


def test_the_lmks_of_two_secrets_differ():
    one, two = drawn(1), drawn(2)
    assert one.check_value != two.check_value
    assert one.tdes_lmk.check_value != two.tdes_lmk.check_value
    assert one.tdes_lmk.check_value != one.lmk.check_value
    key = bytes.fromhex("0123456789ABCDEFFEDCBA9876543210")
    assert one.variant_lmk.encrypt_key(key, "001") != two.variant_lmk.encrypt_key(key, "001")


def test_the_test_secret_has_the_published_lmks_and_says_so():
    test = MasterSecret.test()
    assert test.is_test
    assert (test.lmk.is_test, test.tdes_lmk.is_test, test.variant_lmk.is_test) == (True, True, True)
    assert test.check_value == Lmk.test().check_value.hex().upper()
    assert not drawn().is_test
    assert not drawn().variant_lmk.is_test
    assert TdesLmk.test().check_value == test.tdes_lmk.check_value


def test_it_comes_back_from_its_shares():
    shares = split(drawn().reveal(), threshold=2, count=3, entropy=random.Random(4).randbytes)
    assert MasterSecret(combine(shares[1:])).check_value == drawn().check_value


def test_it_comes_back_from_under_its_passphrase_and_no_other():
    line = drawn().seal(PASSPHRASE, random.Random(5).randbytes)
    assert is_sealed(line)
    assert MasterSecret.unseal(line + "\n", PASSPHRASE).check_value == drawn().check_value
    with pytest.raises(PassphraseError, match="another passphrase"):
        MasterSecret.unseal(line, PASSPHRASE + "!")


def test_an_altered_line_is_refused():
    line = drawn().seal(PASSPHRASE, random.Random(5).randbytes)
    for place in (len("posterm-lmk-1:15:"), len(line) - 1):
        altered = line[:place] + ("0" if line[place] != "0" else "1") + line[place + 1 :]
        with pytest.raises(PassphraseError, match="altered"):
            MasterSecret.unseal(altered, PASSPHRASE)


@pytest.mark.parametrize("line", ["", "posterm-lmk-1", "posterm-lmk-1:30:" + "0" * 32 + ":" + "0" * 120, "é" * 9])
def test_a_line_of_another_form_is_refused_without_work(line):
    with pytest.raises(PassphraseError, match="need a line"):
        MasterSecret.unseal(line, PASSPHRASE)


def test_a_short_passphrase_is_refused():
    with pytest.raises(PassphraseError, match="12 characters"):
        drawn().seal("too short", random.Random(5).randbytes)


def test_a_passphrase_is_known_again_and_another_is_not():
    kept = verifier(PASSPHRASE, random.Random(6).randbytes)
    verify_passphrase(kept, PASSPHRASE)
    with pytest.raises(PassphraseError, match="not the one"):
        verify_passphrase(kept, PASSPHRASE.upper())
    with pytest.raises(PassphraseError, match="12 characters"):
        verifier("too short", random.Random(6).randbytes)


def test_it_is_32_bytes_and_tells_nothing():
    with pytest.raises(KeyBlockError, match="32 bytes"):
        MasterSecret(bytes(31))
    assert drawn().reveal().hex() not in repr(drawn()).lower()
    with pytest.raises(TypeError, match="not pickled"):
        pickle.dumps(drawn())
