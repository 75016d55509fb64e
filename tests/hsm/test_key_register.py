"""Named keys and the head of the store: what was sealed comes back, and nothing else does."""

from __future__ import annotations

import random

import pytest

from posterm.hsm.errors import KeyRegisterError
from posterm.hsm.key_register import MOST_KEYS, KeyRegister, NamedKey, StoreHead, digest
from posterm.hsm.master_secret import MasterSecret

FILES = MasterSecret.test().files
ZPK = NamedKey("zone.1", "U" + "0" * 32, "A1B2C3", 1_800_000_000)


def sealed(register: KeyRegister, seed: int = 1) -> bytes:
    return register.seal(FILES, random.Random(seed).randbytes)


def test_a_register_comes_back_as_it_was_sealed():
    register = KeyRegister().add(ZPK)
    assert KeyRegister.unseal(FILES, sealed(register)) == register
    assert register.find("zone.1") is ZPK
    assert register.generation == 1
    assert register.drop("zone.1").keys == {}


def test_a_full_register_fits_what_can_be_sealed():
    keys = {f"{place:040}": NamedKey(f"{place:040}", "S" * 145, "A1B2C3D4", 1) for place in range(MOST_KEYS)}
    full = KeyRegister(MOST_KEYS, keys)
    assert KeyRegister.unseal(FILES, sealed(full)) == full
    with pytest.raises(KeyRegisterError, match="at most 200"):
        full.add(ZPK)


def test_every_altered_byte_is_found():
    whole = sealed(KeyRegister().add(ZPK))
    for place in range(len(whole)):
        altered = whole[:place] + bytes([whole[place] ^ 1]) + whole[place + 1 :]
        with pytest.raises(KeyRegisterError, match="altered"):
            KeyRegister.unseal(FILES, altered)


def test_a_head_in_the_place_of_a_register_or_of_another_hsm_is_refused():
    head = StoreHead(audit_count=3).seal(FILES, random.Random(1).randbytes)
    assert StoreHead.unseal(FILES, head).audit_count == 3
    with pytest.raises(KeyRegisterError, match="key register: altered"):
        KeyRegister.unseal(FILES, head)
    with pytest.raises(KeyRegisterError, match="store head: altered"):
        StoreHead.unseal(MasterSecret(bytes(32)).files, head)
    with pytest.raises(KeyRegisterError):
        StoreHead.unseal(FILES, b"")


def test_two_sealings_of_one_register_have_different_digests():
    assert digest(sealed(KeyRegister(), 1)) != digest(sealed(KeyRegister(), 2))


def test_a_name_is_given_once():
    with pytest.raises(KeyRegisterError, match="already"):
        KeyRegister().add(ZPK).add(ZPK)
    with pytest.raises(KeyRegisterError, match="no key of this name"):
        KeyRegister().find("zone.1")


@pytest.mark.parametrize("name", ["", "-x", ".x", "a b", "a/b", "a" * 41, "ключ", "a\n"])
def test_a_name_that_could_be_taken_for_something_else_is_refused(name):
    with pytest.raises(KeyRegisterError, match="name: need"):
        NamedKey(name, "", "", 0)
    with pytest.raises(KeyRegisterError, match="name: need"):
        KeyRegister().add_officer(name, "")


def test_an_officer_is_entered_once_and_comes_back():
    register = KeyRegister().add_officer("ann", "00")
    assert KeyRegister.unseal(FILES, sealed(register)).officers == {"ann": "00"}
    with pytest.raises(KeyRegisterError, match="already"):
        register.add_officer("ann", "11")
