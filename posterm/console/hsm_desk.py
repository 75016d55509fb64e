"""The HSM of a configuration as an officer works with it: its folder open, its keys by name, every act written down.

One process at a time works with the folder; while the server runs, nobody else does.
"""

from __future__ import annotations

import os
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import typer

from posterm.console.configuration import Configuration, HsmSettings
from posterm.console.errors import ConfigurationError, InputError
from posterm.console.views.hsm_events import HsmEventPrinter
from posterm.hsm import HsmPort, KeyBlock, SoftHsm, audit
from posterm.hsm.key_register import NamedKey
from posterm.hsm.master_secret import MasterSecret
from posterm.runtime import clock
from posterm.runtime.assembly import open_master_secret
from posterm.runtime.hsm_assembly import OpenHsm, open_guarded_hsm
from posterm.runtime.hsm_client import HsmClient
from posterm.runtime.hsm_console import HsmConsole
from posterm.runtime.link_tls import client_context, server_context
from posterm.runtime.remote_hsm import RemoteHsm
from posterm.runtime.run_hsm import HsmServer, serve_until
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


def open_configured_hsm(configuration: Configuration) -> OpenHsm:
    """The HSM of a configuration, to be served. Raises: StoreError: another process works with its folder."""
    settings = configuration.hsm
    return open_guarded_hsm(
        configuration.data_directory / FOLDER,
        configured_secret(configuration),
        lmk_kind=settings.lmk_kind,
        production=settings.mode == "production",
        permitted=settings.permitted,
        disabled=settings.disabled_commands,
    )


async def run_configured_hsm(
    configuration: Configuration, opened: OpenHsm, *, port: int | None, as_json: bool, quiet: bool, verbose: bool
) -> None:
    """Serve an HSM where its configuration says, and its console, until SIGTERM or SIGINT."""
    settings = configuration.hsm
    printer = HsmEventPrinter(as_json=as_json, quiet=quiet)
    told = printer.show if verbose else None
    server = HsmServer(
        lambda client: opened.session(client, header_length=settings.header_length, listen=told),
        printer.show,
        tls=_server_tls(settings),
    )
    status = lambda: {**opened.status(), "connections": server.connections}  # noqa: E731
    console = HsmConsole(opened.state.path, opened.guard, opened.state.register, status)
    await console.start()
    try:
        await serve_until(
            server,
            settings.address,
            settings.port if port is None else port,
            ready=lambda bound: printer.listening(settings.address, bound),
        )
    finally:
        await console.stop()


@contextmanager
def host_hsm(configuration: Configuration) -> Iterator[HsmPort]:
    """The HSM that the host asks: the server that `[hsm] server` names, or one in this process."""
    if not configuration.hsm.server:
        yield SoftHsm(configured_secret(configuration).lmk, os.urandom)
        return
    with hsm_client(configuration) as client:
        yield RemoteHsm(client)


def hsm_client(configuration: Configuration, server: str = "") -> HsmClient:
    """A client of the HSM that a configuration, or `server` as ADDRESS:PORT, names. Raises: InputError, TlsError."""
    settings = configuration.hsm
    named = server or settings.server or f"{settings.address}:{settings.port}"
    address, _, port = named.rpartition(":")
    if not port.isdecimal() or not address:
        raise InputError("HSM server: need ADDRESS:PORT")
    return HsmClient(address.strip("[]"), int(port), header_length=settings.header_length, tls=_client_tls(settings))


def _server_tls(settings: HsmSettings) -> ssl.SSLContext | None:
    if not settings.tls_certificate:
        return None
    authorities = Path(settings.tls_authorities) if settings.tls_authorities else None
    return server_context(Path(settings.tls_certificate), Path(settings.tls_key), client_authorities=authorities)


def _client_tls(settings: HsmSettings) -> ssl.SSLContext | None:
    if not settings.tls_authorities:
        return None
    own = {"certificate": Path(settings.tls_certificate), "key": Path(settings.tls_key)}
    return client_context(Path(settings.tls_authorities), **(own if settings.tls_certificate else {}))


def ask_passphrase() -> str:
    """The passphrase of the LMK's file, from the keyboard."""
    return str(typer.prompt("Passphrase of the LMK", hide_input=True, err=True))


def seconds() -> int:
    """Now, in seconds since 1970."""
    return int(clock.now().timestamp())
