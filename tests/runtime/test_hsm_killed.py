"""The HSM's server, killed in the middle of its work again and again: what it answered for is on the disk, whole."""

from __future__ import annotations

import json
import random
import sqlite3
import tempfile
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from posterm.hsm import Algorithm, KeyUsage, Lmk, Pin, PinFormat, SoftHsm
from posterm.hsm.audit import AuditHead
from posterm.hsm.errors import NotAuthorizedError, PinMismatch
from posterm.hsm.key_register import NamedKey
from posterm.hsm.master_secret import MasterSecret
from posterm.runtime.errors import HsmLinkError
from posterm.runtime.remote_hsm import RemoteHsm
from posterm.runtime.store.audit_check import check_audit
from posterm.runtime.store.hsm_directory import AUDIT, BUDGETS, HsmDirectory, read_head
from posterm.sensitive import Pan
from tests.runtime.hsm_process import HsmProcess

SECRET = MasterSecret(bytes(range(32)))
LOCAL = SoftHsm(Lmk(SECRET.reveal()), random.Random(5).randbytes)
KEK, PIK = (
    LOCAL.generate_key(use, Algorithm.TDES_DOUBLE) for use in (KeyUsage.KEY_ENCRYPTION, KeyUsage.PIN_ENCRYPTION)
)
PVK = LOCAL.generate_key(KeyUsage.PIN_VERIFICATION_IBM, Algorithm.TDES_DOUBLE)
CLIENTS = 3


@dataclass(slots=True)
class Answered:
    """What clients were told. One command of each may have been carried out without its answer having come."""

    refused: int = 0
    mismatched: int = 0
    asked: dict[str, int] = field(default_factory=dict)


class Client(threading.Thread):
    """Asks for what is refused and verifies wrong PINs, until the server is gone."""

    def __init__(self, process: HsmProcess, seed: int, pans: Callable[[], Pan], after: threading.Event) -> None:
        super().__init__()
        self._hsm = RemoteHsm(process.client())
        self._random = random.Random(seed)
        self._pans = pans
        self._after = after
        self._until = self._random.randrange(1, 25)
        self.answered = Answered()

    def run(self) -> None:
        try:
            while True:
                self._ask()
                self._until -= 1
                if not self._until:
                    self._after.set()
        except HsmLinkError:
            self._after.set()
        finally:
            self._hsm.close()

    def _ask(self) -> None:
        if self._random.random() < 0.4:
            try:
                self._hsm.export_key(KEK, PIK)
            except NotAuthorizedError:
                self.answered.refused += 1
            return
        pan = self._pans()
        block = LOCAL.encrypt_pin(PIK, Pin("111111"), PinFormat.ISO_0, pan)
        try:
            self._hsm.verify_pin(PIK, block, PinFormat.ISO_0, pan, pvk=PVK, offset="123456")
        except PinMismatch:
            self.answered.mismatched += 1


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder with a short name: the path of a socket has 108 bytes at most."""
    with tempfile.TemporaryDirectory(prefix="hsm-") as name:
        yield Path(name)


def kill_and_compare(folder: Path, rounds: int, seed: int) -> None:
    chance = random.Random(seed)
    (folder / "lmk").write_text(SECRET.reveal().hex())
    (folder / "posterm.toml").write_text('data_directory = "."\n[hsm]\nlmk = "lmk"\nmode = "production"\n')
    state = folder / "hsm"
    with HsmDirectory(state, SECRET.files) as directory:
        directory.store(directory.register.add(NamedKey("kek", str(KEK), "000000", 0)))
    numbers = iter(range(6_225_880_000_000_000, 6_225_880_999_999_999))
    pans = lambda: Pan(str(next(numbers)))  # noqa: E731 - each fails once, so that no budget is spent
    lock = threading.Lock()

    def next_pan() -> Pan:
        with lock:
            return pans()

    refused = mismatched = 0
    for turn in range(1, rounds + 1):
        process = HsmProcess(folder / "posterm.toml", "--verbose")
        process.start()
        after = threading.Event()
        clients = [Client(process, chance.randrange(1 << 30), next_pan, after) for _ in range(CLIENTS)]
        for client in clients:
            client.start()
        assert after.wait(60)
        threading.Event().wait(chance.random() * 0.005)  # the others are somewhere in a command by then
        process.kill()
        for client in clients:
            client.join(60)
        refused += sum(client.answered.refused for client in clients)
        mismatched += sum(client.answered.mismatched for client in clients)
        _compare(state, turn, refused, mismatched)


def _compare(state: Path, turn: int, refused: int, mismatched: int) -> None:
    unanswered = turn * CLIENTS
    head = read_head(state, SECRET.files)
    report = check_audit(state / AUDIT, AuditHead(head.audit_count, head.audit_hash))
    assert report.whole, report.fault
    events = [json.loads(line)["event"] for line in (state / AUDIT).read_text("ascii").splitlines() if line[-1:] == "}"]
    assert refused <= events.count("refused") <= refused + unanswered
    assert events.count("started") == turn
    connection = sqlite3.connect(state / BUDGETS)
    try:
        (counted,) = connection.execute("SELECT sum(count) FROM failures WHERE subject LIKE 'pin/pan/%'").fetchone()
    finally:
        connection.close()
    assert mismatched <= (counted or 0) <= mismatched + unanswered
    with HsmDirectory(state, SECRET.files) as directory:
        assert list(directory.register.keys) == ["kek"]


def test_a_server_killed_in_mid_command_keeps_what_it_answered_for(folder: Path) -> None:
    kill_and_compare(folder, rounds=2, seed=20_261)


@pytest.mark.proof
@pytest.mark.parametrize("seed", range(3))
def test_a_server_killed_a_hundred_times_keeps_what_it_answered_for(folder: Path, seed: int) -> None:
    kill_and_compare(folder, rounds=25, seed=seed)
