"""What is missing for a reader is named exactly, with the command that mends it."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import dataclass, field
from importlib.util import find_spec

import pytest

from posterm.runtime.errors import ReaderError
from posterm.runtime.pcsc import Slot
from posterm.runtime.reader_parts import Daemon, Extra, Machine, reader_parts

READERS = [Slot("Desk", bytes(2), in_use=False), Slot("Pad", b"", in_use=False), Slot("Till", bytes(2), in_use=True)]


@dataclass
class Made(Machine):
    """A machine as a test wants it; everything is there unless it says otherwise."""

    linux: bool = True
    pyscard: Extra = Extra.LOADED
    compiler: bool = True
    library: bool = True
    pcscd: Daemon = Daemon.LISTENING
    systemd: bool = True
    packages: str = "apt-get"
    readers: list[Slot] | ReaderError = field(default_factory=lambda: list(READERS))

    def extra(self) -> Extra:
        return self.pyscard

    def can_build(self) -> bool:
        return self.compiler

    def has_library(self) -> bool:
        return self.library

    def daemon(self) -> Daemon:
        return self.pcscd

    def has_systemd(self) -> bool:
        return self.systemd

    def installer(self) -> str:
        return self.packages

    def slots(self) -> list[Slot]:
        if isinstance(self.readers, ReaderError):
            raise self.readers
        return self.readers


def missing(machine: Machine) -> list[tuple[str, str, str]]:
    return [(part.name, part.found, part.remedy) for part in reader_parts(machine) if not part.there]


def test_nothing_is_missing_where_everything_is_there():
    parts = reader_parts(Made())
    assert missing(Made()) == []
    assert [part.found for part in parts if part.name == "reader"] == [
        "Desk: a card in it",
        "Pad: empty",
        "Till: a card in it, in use by another program",
    ]


@pytest.mark.parametrize(
    ("machine", "name", "found", "remedy"),
    [
        pytest.param(Made(pyscard=Extra.ABSENT), "pyscard", "not installed", "pip install 'posterm[pcsc]'", id="extra"),
        pytest.param(
            Made(pyscard=Extra.ABSENT, compiler=False),
            "pyscard",
            "not installed",
            "sudo apt-get install gcc libpcsclite-dev && pip install 'posterm[pcsc]'",
            id="extra that cannot be built",
        ),
        pytest.param(
            Made(pyscard=Extra.ABSENT, compiler=False, linux=False),
            "pyscard",
            "not installed",
            "pip install 'posterm[pcsc]'",
            id="extra where there are wheels",
        ),
        pytest.param(
            Made(pyscard=Extra.BROKEN),
            "pyscard",
            "installed, but cannot be loaded",
            "pip install --force-reinstall --no-deps pyscard",
            id="broken extra",
        ),
        pytest.param(
            Made(library=False), "libpcsclite.so.1", "not installed", "sudo apt-get install libpcsclite1", id="library"
        ),
        pytest.param(
            Made(library=False, packages="dnf"),
            "libpcsclite.so.1",
            "not installed",
            "sudo dnf install pcsc-lite-libs",
            id="library, by another installer",
        ),
        pytest.param(
            Made(library=False, packages=""),
            "libpcsclite.so.1",
            "not installed",
            "install what brings libpcsclite.so.1 for PC/SC (pcsc-lite)",
            id="library, by an unknown installer",
        ),
        pytest.param(Made(pcscd=Daemon.ABSENT), "pcscd", "not installed", "sudo apt-get install pcscd", id="daemon"),
        pytest.param(
            Made(pcscd=Daemon.STOPPED),
            "pcscd",
            "not running",
            "sudo systemctl enable --now pcscd.socket",
            id="stopped daemon",
        ),
        pytest.param(Made(pcscd=Daemon.STOPPED, systemd=False), "pcscd", "not running", "sudo pcscd", id="no systemd"),
        pytest.param(
            Made(pcscd=Daemon.CLOSED),
            "pcscd",
            "running, but this user may not connect",
            "sudo chmod a+rw /run/pcscd/pcscd.comm",
            id="closed socket",
        ),
        pytest.param(
            Made(readers=ReaderError("resource manager: security violation (PC/SC error 8010006A)")),
            "right to use readers",
            "resource manager: security violation (PC/SC error 8010006A)",
            "allow org.debian.pcsc-lite.access_pcsc to this user by a polkit rule, or run posterm as root",
            id="no right",
        ),
        pytest.param(
            Made(readers=ReaderError("resource manager: unknown (PC/SC error 80100001)")),
            "right to use readers",
            "resource manager: unknown (PC/SC error 80100001)",
            "start pcscd again",
            id="another refusal",
        ),
        pytest.param(
            Made(readers=[]), "reader", "none", "plug one in, and its driver: sudo apt-get install libccid", id="reader"
        ),
        pytest.param(Made(readers=[], linux=False), "reader", "none", "plug one in", id="reader, drivers come along"),
    ],
)
def test_what_is_missing_is_named_with_what_mends_it(machine, name, found, remedy, monkeypatch):
    monkeypatch.delenv("PCSCLITE_CSOCK_NAME", raising=False)
    assert missing(machine) == [(name, found, remedy)]


def test_everything_that_is_missing_is_named_at_once():
    machine = Made(pyscard=Extra.ABSENT, library=False, pcscd=Daemon.ABSENT)
    assert [name for name, _, _ in missing(machine)] == ["pyscard", "libpcsclite.so.1", "pcscd"]


def test_readers_are_not_sought_before_the_rest_is_there():
    assert [part.name for part in reader_parts(Made(pcscd=Daemon.STOPPED))] == ["pyscard", "libpcsclite.so.1", "pcscd"]


def test_this_machine_can_be_looked_at():
    machine = Machine()
    assert isinstance(machine.daemon(), Daemon)
    assert isinstance(machine.extra(), Extra)
    assert {type(machine.has_library()), type(machine.can_build()), type(machine.has_systemd())} == {bool}
    assert machine.installer() in ("apt-get", "dnf", "")


def test_a_socket_nobody_listens_on_is_a_stopped_or_absent_daemon(monkeypatch, tmp_path):
    monkeypatch.setenv("PCSCLITE_CSOCK_NAME", str(tmp_path / "nobody.comm"))
    assert Machine().daemon() in (Daemon.STOPPED, Daemon.ABSENT)


@pytest.mark.needs_optional(
    "pyscard", available=find_spec("smartcard") is not None, reason="the extra posterm[pcsc] is not installed"
)
def test_a_stopped_daemon_is_told_from_a_missing_library(tmp_path):
    nobody = {**os.environ, "PCSCLITE_CSOCK_NAME": str(tmp_path / "nobody.comm")}
    script = "from posterm.runtime import pcsc\ntry: pcsc.list_readers()\nexcept Exception as error: print(error)"
    result = subprocess.run(
        [sys.executable, "-c", script], env=nobody, capture_output=True, text=True, timeout=120, check=True
    )
    assert result.stdout.strip() == "resource manager: no service (PC/SC error 8010001D)"


def test_the_machine_is_seen_through_a_running_daemon(pcscd):
    assert missing(Machine()) == []
    assert {part.found.split(":")[0] for part in reader_parts(Machine()) if part.name == "reader"} == set(pcscd.slots)
