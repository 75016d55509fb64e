"""The HSM of a configuration as an officer works with it: its folder open, its keys by name, every act written down.

One process at a time works with the folder; while the server runs, nobody else does.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final

import typer

from posterm.console.configuration import Configuration
from posterm.console.errors import ConfigurationError
from posterm.hsm import KeyBlock, SoftHsm, audit
from posterm.hsm.key_register import NamedKey
from posterm.hsm.master_secret import MasterSecret
from posterm.runtime import clock
from posterm.runtime.assembly import open_master_secret
from posterm.runtime.store.hsm_directory import HsmDirectory

FOLDER: Final = "hsm"


@dataclass(frozen=True, slots=True)
class HsmDesk:
    """An HSM, its folder and its named keys."""

    hsm: SoftHsm
    state: HsmDirectory

    def keep(self, name: str, key: KeyBlock, event: str) -> NamedKey:
        """Give a key a name, and write that down."""
        named = NamedKey(name, str(key), self.hsm.key_check_value(key, 3).hex().upper(), seconds())
        register = self.state.register.add(named)
        self.record(event, name=name, usage=str(key.usage), kcv=named.kcv)
        self.state.store(register)
        return named

    def key(self, name: str) -> KeyBlock:
        """A key by its name. Raises: KeyRegisterError."""
        return KeyBlock(self.state.register.find(name).key)

    def record(self, event: str, **fields: str | int) -> None:
        """Write an act down."""
        self.state.append_audit(audit.chain(self.state.last_audit(), seconds(), event, fields))


@contextmanager
def hsm_desk(configuration: Configuration) -> Iterator[HsmDesk]:
    """Open the HSM's folder. Raises: StoreError: a server works with it, or it was tampered with."""
    secret = configured_secret(configuration)
    with HsmDirectory(configuration.data_directory / FOLDER, secret.files) as state:
        yield HsmDesk(SoftHsm(secret.lmk, os.urandom), state)


def configured_secret(configuration: Configuration) -> MasterSecret:
    """The master secret of a configuration; its passphrase is asked for. Raises: ConfigurationError: production."""
    secret = open_master_secret(configuration.hsm.lmk, ask_passphrase)
    if secret.is_test and configuration.hsm.mode == "production":
        raise ConfigurationError(
            "hsm.lmk: the published test keys are refused in production",
            hint="`posterm hsm lmk new` makes a master secret, `posterm hsm lmk load` a file of it",
        )
    return secret


def ask_passphrase() -> str:
    """The passphrase of the LMK's file, from the keyboard."""
    return str(typer.prompt("Passphrase of the LMK", hide_input=True, err=True))


def seconds() -> int:
    """Now, in seconds since 1970."""
    return int(clock.now().timestamp())
