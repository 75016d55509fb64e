"""A host put together from its store: its own keys are kept there, and its rows where the name says."""

from __future__ import annotations

import json
import random

import pytest

from posterm.hsm import Algorithm, KeyUsage, Lmk, SoftHsm
from posterm.runtime.assembly import open_host
from posterm.runtime.errors import StoreError
from posterm.runtime.store.host_store import open_host_store
from posterm.unionpay.profile import get_profile
from tests.host.hand_terminal import PAN
from tests.runtime.postgres_server import Server


def hsm(seed: int = 1) -> SoftHsm:
    return SoftHsm(Lmk.test(), random.Random(seed).randbytes)


def fingerprint(folder, seed: int, **options) -> str:
    opened = open_host(folder, get_profile("default"), hsm(seed), **options)
    try:
        return opened.host._desk.card_fingerprint(PAN)
    finally:
        opened.store.close()


def test_a_host_draws_its_keys_once(tmp_path):
    first = fingerprint(tmp_path / "new" / "folder", 1)
    assert fingerprint(tmp_path / "new" / "folder", 2) == first
    assert fingerprint(tmp_path / "other", 2) != first


def test_hosts_that_share_a_store_share_its_keys(tmp_path, postgres: Server):
    address = postgres.new_schema()
    first = fingerprint(tmp_path / "one", 1, store_name=address)
    assert fingerprint(tmp_path / "two", 2, store_name=address) == first
    assert list(tmp_path.iterdir()) == []


def test_keys_that_an_earlier_version_kept_in_a_file_are_taken_over(tmp_path):
    drawn = hsm(7)
    keys = {
        "fingerprint": str(drawn.generate_key(KeyUsage.FINGERPRINT, Algorithm.AES_256)),
        "pvk": str(drawn.generate_key(KeyUsage.PIN_VERIFICATION_IBM, Algorithm.TDES_DOUBLE)),
    }
    (tmp_path / "host-keys.json").write_text(json.dumps(keys))
    opened = open_host(tmp_path, get_profile("default"), hsm())
    assert {use: opened.store.key(use).block for use in keys} == keys
    opened.store.close()


@pytest.mark.parametrize("text", ["", "{}", '{"fingerprint": "x", "pvk": 1}', "[]"])
def test_a_file_of_keys_that_cannot_be_read_is_named(tmp_path, text):
    (tmp_path / "host-keys.json").write_text(text)
    with pytest.raises(StoreError, match=r"host-keys\.json"):
        open_host(tmp_path, get_profile("default"), hsm())


def test_a_ledger_that_was_never_founded_is_not_made_by_reading(tmp_path):
    with pytest.raises(StoreError, match="no ledger in") as caught:
        open_host_store("sqlite", tmp_path, found=False)
    assert "host serve" in caught.value.hint
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_cannot_be_made_is_named(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match="cannot make"):
        open_host_store("sqlite", tmp_path / "file" / "host")
