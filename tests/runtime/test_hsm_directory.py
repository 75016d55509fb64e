"""The HSM's folder: what was acknowledged is there after a kill, and a file that was tampered with is found."""

from __future__ import annotations

import os
import random
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from posterm.hsm.errors import KeyRegisterError
from posterm.hsm.key_register import KeyRegister, NamedKey
from posterm.hsm.master_secret import MasterSecret
from posterm.runtime.errors import StoreError
from posterm.runtime.store import hsm_directory
from posterm.runtime.store.audit_file import LONGEST_LINE, AuditFile
from posterm.runtime.store.hsm_directory import AUDIT, BUDGETS, HEAD, REGISTER, HsmDirectory
from posterm.runtime.store.whole_file import write_whole

FILES = MasterSecret.test().files


def opened(folder: Path) -> HsmDirectory:
    return HsmDirectory(folder, FILES)


def key(number: int) -> NamedKey:
    return NamedKey(f"key-{number}", "U" + "0" * 32, "A1B2C3", number)


def used(folder: Path, records: int = 4) -> None:
    """A folder in which something has happened."""
    with opened(folder) as state:
        for number in range(records):
            state.append_audit(f'{{"n":{number}}}')
        state.store(state.register.add(key(1)))
        state.record_failure("card", 100)


def test_everything_is_there_after_a_restart(tmp_path: Path) -> None:
    used(tmp_path)
    with opened(tmp_path) as state:
        assert list(state.register.keys) == ["key-1"]
        assert (state.audit_count, state.last_audit()) == (4, '{"n":3}')
        assert state.failures("card") == (1, 100)
        state.record_failure("card", 200)
        assert state.failures("card") == (2, 200)
        state.clear("card")
        assert state.failures("card") == (0, 0)


def test_a_second_process_is_refused(tmp_path: Path) -> None:
    with opened(tmp_path), pytest.raises(StoreError, match="another process"):
        opened(tmp_path)
    opened(tmp_path).close()


def test_only_the_owner_can_read_what_is_in_the_folder(tmp_path: Path) -> None:
    used(tmp_path)
    (tmp_path / BUDGETS).chmod(0o644)  # however it got there
    with opened(tmp_path) as state:
        state.record_failure("card", 200)
        modes = {path.name: path.stat().st_mode & 0o777 for path in tmp_path.iterdir()}
    assert modes.keys() > {REGISTER, HEAD, AUDIT, BUDGETS, f"{BUDGETS}-wal"}
    assert set(modes.values()) == {0o600}


def _flip(name: str) -> Callable[[Path], None]:
    def change(folder: Path) -> None:
        content = bytearray((folder / name).read_bytes())
        content[len(content) // 2] ^= 1
        (folder / name).write_bytes(content)

    return change


def _remove(name: str) -> Callable[[Path], None]:
    return lambda folder: (folder / name).unlink()


def _cut_audit(folder: Path) -> None:
    lines = (folder / AUDIT).read_bytes().splitlines(keepends=True)
    (folder / AUDIT).write_bytes(b"".join(lines[:-1]))


def _change_last_audit(folder: Path) -> None:
    content = (folder / AUDIT).read_bytes()
    (folder / AUDIT).write_bytes(content[:-3] + b"9}\n")


TAMPERING = {
    "register-altered": _flip(REGISTER),
    "head-altered": _flip(HEAD),
    "register-gone": _remove(REGISTER),
    "head-gone": _remove(HEAD),
    "audit-gone": _remove(AUDIT),
    "audit-cut-short": _cut_audit,
    "last-record-changed": _change_last_audit,
}


@pytest.mark.parametrize("how", TAMPERING)
def test_a_file_that_was_tampered_with_is_found(tmp_path: Path, how: str) -> None:
    used(tmp_path)
    TAMPERING[how](tmp_path)
    with pytest.raises((StoreError, KeyRegisterError)) as refused:
        opened(tmp_path)
    assert str(tmp_path) in str(refused.value) or "altered" in str(refused.value)


@pytest.mark.parametrize("name", [REGISTER, HEAD, AUDIT])
def test_a_file_that_was_put_back_to_an_older_state_is_found(tmp_path: Path, name: str) -> None:
    used(tmp_path)
    shutil.copy(tmp_path / name, tmp_path / "older")
    with opened(tmp_path) as state:
        state.store(state.register.add(key(2)))
        state.append_audit("later")
        state.append_audit("later still")
    shutil.copy(tmp_path / "older", tmp_path / name)
    with pytest.raises((StoreError, KeyRegisterError), match=r"older state|cut short"):
        opened(tmp_path)


def test_a_file_of_another_hsm_is_refused(tmp_path: Path) -> None:
    used(tmp_path)
    with pytest.raises(KeyRegisterError, match="another master key"):
        HsmDirectory(tmp_path, MasterSecret(bytes(32)).files)


def test_a_record_that_was_torn_off_is_cut_away(tmp_path: Path) -> None:
    used(tmp_path)
    with (tmp_path / AUDIT).open("ab") as file:
        file.write(b'{"n":4')
    with opened(tmp_path) as state:
        assert state.audit_count == 4
        state.append_audit('{"n":"next"}')
    assert (tmp_path / AUDIT).read_bytes().splitlines()[-2:] == [b'{"n":3}', b'{"n":"next"}']


class PowerCutError(Exception):
    """The process ends here."""


@pytest.mark.parametrize("surviving", range(4))
def test_a_kill_at_any_write_leaves_the_old_or_the_new_register(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, surviving: int
) -> None:
    used(tmp_path)
    state = opened(tmp_path)
    writes = iter(range(surviving))

    def cut(path: Path, content: bytes) -> None:
        if next(writes, None) is None:
            raise PowerCutError
        write_whole(path, content)

    monkeypatch.setattr(hsm_directory, "write_whole", cut)
    try:
        state.store(state.register.add(key(2)))
    except PowerCutError:
        assert surviving < 3
    state.close()
    monkeypatch.undo()
    with opened(tmp_path) as again:
        assert list(again.register.keys) == (["key-1"] if surviving < 2 else ["key-1", "key-2"])
        again.store(again.register.add(key(3)))
    with opened(tmp_path) as once_more:
        assert "key-3" in once_more.register.keys


def test_a_kill_between_the_record_and_the_head_loses_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    used(tmp_path)
    state = opened(tmp_path)

    def cut(path: Path, content: bytes) -> None:
        raise PowerCutError

    monkeypatch.setattr(hsm_directory, "write_whole", cut)
    with pytest.raises(PowerCutError):
        state.append_audit("acknowledged by nobody")
    state.close()
    monkeypatch.undo()
    with opened(tmp_path) as again:
        assert (again.audit_count, again.last_audit()) == (5, "acknowledged by nobody")


def test_a_kill_before_anything_happened_leaves_a_new_folder(tmp_path: Path) -> None:
    (tmp_path / AUDIT).touch()
    with opened(tmp_path) as state:
        assert state.register == KeyRegister()


def test_a_full_disk_leaves_the_audit_log_as_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    log = AuditFile(tmp_path / AUDIT)
    log.append("one")
    with monkeypatch.context() as patch:
        write = os.write
        patch.setattr(os, "write", lambda descriptor, content: write(descriptor, content[:2]))
        with pytest.raises(StoreError, match="disk is full"):
            log.append("two")
    log.append("three")
    log.close()
    assert (tmp_path / AUDIT).read_text() == "one\nthree\n"


def test_an_audit_log_without_line_feeds_is_refused_and_not_read_whole(tmp_path: Path) -> None:
    (tmp_path / AUDIT).write_bytes(b"x" * (LONGEST_LINE * 40))
    with pytest.raises(StoreError, match="longer one"):
        AuditFile(tmp_path / AUDIT)


def test_a_large_audit_log_is_counted(tmp_path: Path) -> None:
    generator = random.Random(7)
    lines = [generator.randbytes(generator.randrange(1, 900)).hex() for _ in range(3000)]
    (tmp_path / AUDIT).write_text("".join(f"{line}\n" for line in lines))
    log = AuditFile(tmp_path / AUDIT)
    log.close()
    assert (log.count, log.last) == (3000, lines[-1])


def test_a_new_file_does_not_take_the_place_of_one_that_is_there(tmp_path: Path) -> None:
    write_whole(tmp_path / "share", b"one", replace=False)
    with pytest.raises(StoreError, match="there already"):
        write_whole(tmp_path / "share", b"two", replace=False)
    assert (tmp_path / "share").read_bytes() == b"one"
    assert [path.name for path in tmp_path.iterdir()] == ["share"]
