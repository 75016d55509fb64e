"""Issuers apart as an operator works with them: those a host asks, and the one that `posterm issuer serve` is."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

import typer

from posterm.console.cli.endings import printable
from posterm.console.configuration import Configuration, HostSettings
from posterm.console.hsm_desk import host_hsm
from posterm.console.views.exchange import clock_time
from posterm.host.events import HostEvent
from posterm.host.issuing.issuer_host import IssuerHost
from posterm.host.switch.directory import IssuerDirectory
from posterm.host.switch.over_link import IssuerOverLink, IssuerTerms
from posterm.hsm import HsmPort, KeyBlock, KeyUsage
from posterm.runtime import clock
from posterm.runtime.assembly import OpenIssuer, open_issuer
from posterm.runtime.issuer_links import IssuerAddress
from posterm.runtime.run_issuer import IssuerService, serve_issuer_until
from posterm.runtime.store.retry import in_batch
from posterm.unionpay.network_link import KEY_ALGORITHM
from posterm.unionpay.network_mac import NetworkSealer
from posterm.unionpay.profile import load_profile
from simulators.enrolment import enrol_issuer_cards

FOLDER: Final = "issuer"


def issuer_directory(settings: HostSettings, hsm: HsmPort) -> IssuerDirectory:
    """The issuers a host asks over the network. Raises: TermsError, HsmError."""
    sealer = NetworkSealer(hsm)
    return IssuerDirectory(
        IssuerOverLink(
            IssuerTerms(
                name=issuer.name,
                institution=issuer.institution,
                prefixes=issuer.prefixes,
                timeout_s=issuer.timeout_s,
                stand_in=issuer.stand_in,
            ),
            sealer,
            _zmk(hsm, issuer.zmk_components),
        )
        for issuer in settings.issuers
    )


def issuer_addresses(settings: HostSettings, issuers: IssuerDirectory) -> list[IssuerAddress]:
    """Where they listen."""
    found = ((issuers.named(issuer.name), issuer) for issuer in settings.issuers)
    return [IssuerAddress(port, issuer.address, issuer.port) for port, issuer in found if port is not None]


@contextmanager
def configured_issuer(configuration: Configuration) -> Iterator[OpenIssuer]:
    """The issuer of a configuration, with its test cards enrolled; closed at the end."""
    settings = configuration.issuer
    with host_hsm(configuration) as hsm:
        opened = open_issuer(
            configuration.data_directory / FOLDER,
            load_profile(configuration.profile),
            hsm,
            store_name=settings.store,
            institution=settings.institution,
            zmks={settings.acquirer: _zmk(hsm, settings.zmk_components)},
        )
        try:
            in_batch(opened.store, lambda: _enrol(opened.issuer, hsm, settings.prefixes))
            yield opened
        finally:
            opened.store.close()


def serve_configured_issuer(configuration: Configuration, *, port: int | None, as_json: bool, quiet: bool) -> None:
    """Serve an issuer where its configuration says, or on another port, until SIGTERM or SIGINT."""
    settings = configuration.issuer

    def show(event: HostEvent, peer: str) -> None:
        if quiet:
            return
        if as_json:
            document = {"at": event.at.isoformat(), "event": event.name.value, "peer": peer, **event.details}
            typer.echo(json.dumps(document, ensure_ascii=False))
        else:
            details = " ".join(f"{name}={value}" for name, value in event.details.items() if value)
            typer.echo(printable(f"{clock_time(event.at)} {peer} {event.name} {details}").rstrip())

    def ready(bound: int) -> None:
        if as_json:
            typer.echo(json.dumps({"event": "listening", "address": settings.address, "port": bound}))
        else:
            typer.echo(f"issuer {settings.institution} listening on {settings.address}:{bound}")

    with configured_issuer(configuration) as opened:
        service = IssuerService(opened.issuer, opened.store, show)
        where = settings.port if port is None else port
        asyncio.run(serve_issuer_until(service, settings.address, where, ready=ready))


def _enrol(issuer: IssuerHost, hsm: HsmPort, prefixes: tuple[str, ...]) -> None:
    enrol_issuer_cards(issuer, hsm, prefixes, at=clock.now())


def _zmk(hsm: HsmPort, components: tuple[str, ...]) -> KeyBlock:
    parts = [bytes.fromhex(component) for component in components]
    return hsm.combine_components(parts, KeyUsage.KEY_ENCRYPTION, KEY_ALGORITHM)
