"""What a card reader needs of this machine, part by part: what is there, what is missing, and what mends it.

The parts are looked at one by one because PC/SC gives the same error (8010001D) for a missing library and for a daemon
that is not running.

Source: pcsc-lite, its socket `/run/pcscd/pcscd.comm`, the variable PCSCLITE_CSOCK_NAME that names another, and its
polkit action. Other systems bring library and service along, so only pyscard and the readers are looked at there.
"""

from __future__ import annotations

import ctypes
import os
import shutil
import socket
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum
from importlib.util import find_spec
from pathlib import Path
from typing import Final

from posterm.runtime import pcsc
from posterm.runtime.errors import ReaderError

LIBRARY: Final = "libpcsclite.so.1"
SOCKET: Final = "/run/pcscd/pcscd.comm"
SOCKET_VARIABLE: Final = "PCSCLITE_CSOCK_NAME"
POLKIT_ACTION: Final = "org.debian.pcsc-lite.access_pcsc"

_PACKAGES: Final = {
    "apt-get": {
        "headers": "gcc libpcsclite-dev",
        "library": "libpcsclite1",
        "daemon": "pcscd",
        "usb driver": "libccid",
    },
    "dnf": {
        "headers": "gcc pcsc-lite-devel",
        "library": "pcsc-lite-libs",
        "daemon": "pcsc-lite",
        "usb driver": "pcsc-lite-ccid",
    },
}
"""Packages by the program that installs them. Source: Debian 12, Fedora 40."""


@dataclass(frozen=True, slots=True)
class Part:
    """One part. `remedy` is what to do about a missing one, empty where nothing is missing."""

    name: str
    found: str
    remedy: str = ""

    @property
    def there(self) -> bool:
        return not self.remedy


class Extra(Enum):
    """The state of pyscard."""

    LOADED = "loaded"
    ABSENT = "not installed"
    BROKEN = "installed, but cannot be loaded"


class Daemon(Enum):
    """The state of pcscd."""

    LISTENING = "running"
    ABSENT = "not installed"
    STOPPED = "not running"
    CLOSED = "running, but this user may not connect"


class Machine:
    """Looks at this machine."""

    linux = sys.platform == "linux"

    def extra(self) -> Extra:
        """Whether pyscard can be used."""
        if find_spec("smartcard") is None:
            return Extra.ABSENT
        try:
            pcsc.binding()
        except ReaderError:
            return Extra.BROKEN
        return Extra.LOADED

    def can_build(self) -> bool:
        """True when pyscard can be compiled, of which there is no wheel for Linux."""
        return shutil.which("gcc") is not None and Path("/usr/include/PCSC/winscard.h").exists()

    def has_library(self) -> bool:
        """True when the library that pyscard loads can be loaded."""
        try:
            ctypes.CDLL(LIBRARY)
        except OSError:
            return False
        return True

    def daemon(self) -> Daemon:
        """Whether pcscd can be reached."""
        with socket.socket(socket.AF_UNIX) as line:
            try:
                line.connect(self.daemon_socket())
            except PermissionError:
                return Daemon.CLOSED
            except OSError:
                installed = shutil.which("pcscd", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin")
                return Daemon.STOPPED if installed else Daemon.ABSENT
        return Daemon.LISTENING

    def daemon_socket(self) -> str:
        """Where pcscd listens."""
        return os.environ.get(SOCKET_VARIABLE, SOCKET)

    def has_systemd(self) -> bool:
        """True when services are started by systemd."""
        return Path("/run/systemd/system").exists()

    def installer(self) -> str:
        """The program that installs packages; empty when it is none known here."""
        return next((name for name in _PACKAGES if shutil.which(name)), "")

    def slots(self) -> list[pcsc.Slot]:
        """The readers. Raises: ReaderError: the resource manager refuses."""
        return pcsc.list_readers()


def reader_parts(machine: Machine) -> list[Part]:
    """Every part a reader needs, from pyscard up to the reader itself."""
    parts = list(_software(machine))
    if all(part.there for part in parts):
        parts.extend(_readers(machine))
    return parts


def _software(machine: Machine) -> Iterator[Part]:
    extra = machine.extra()
    yield Part("pyscard", extra.value, _remedy_of_extra(machine, extra))
    if not machine.linux:
        return
    has_library = machine.has_library()
    yield Part(
        LIBRARY, "loaded" if has_library else "not installed", "" if has_library else _install(machine, "library")
    )
    daemon = machine.daemon()
    remedies = {
        Daemon.LISTENING: "",
        Daemon.ABSENT: _install(machine, "daemon"),
        Daemon.STOPPED: "sudo systemctl enable --now pcscd.socket" if machine.has_systemd() else "sudo pcscd",
        Daemon.CLOSED: f"sudo chmod a+rw {machine.daemon_socket()}",
    }
    yield Part("pcscd", daemon.value, remedies[daemon])


def _remedy_of_extra(machine: Machine, extra: Extra) -> str:
    if extra is Extra.LOADED:
        return ""
    if extra is Extra.BROKEN:
        return "pip install --force-reinstall --no-deps pyscard"
    if machine.linux and not machine.can_build():
        return f"{_install(machine, 'headers')} && {pcsc.INSTALL_EXTRA}"
    return pcsc.INSTALL_EXTRA


def _readers(machine: Machine) -> Iterator[Part]:
    try:
        slots = machine.slots()
    except ReaderError as error:
        right = f"allow {POLKIT_ACTION} to this user by a polkit rule, or run posterm as root"
        refused = any(f"{code:08X}" in str(error) for code in (pcsc.Code.SECURITY_VIOLATION, pcsc.Code.NO_ACCESS))
        yield Part("right to use readers", str(error), right if refused else error.hint or "start pcscd again")
        return
    if not slots:
        driver = f", and its driver: {_install(machine, 'usb driver')}" if machine.linux else ""
        yield Part("reader", "none", f"plug one in{driver}")
    for slot in slots:
        state = "a card in it" if slot.has_card else "empty"
        yield Part("reader", f"{slot.name}: {state}{', in use by another program' if slot.in_use else ''}")


def _install(machine: Machine, what: str) -> str:
    installer = machine.installer()
    if not installer:
        return f"install what brings {what if what != 'library' else LIBRARY} for PC/SC (pcsc-lite)"
    return f"sudo {installer} install {_PACKAGES[installer][what]}"
