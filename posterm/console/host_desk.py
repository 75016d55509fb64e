"""The host of a configuration as an operator works with it: opened, enrolled, served, watched, and configured anew."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Final

from posterm.console.chip_tables import chip_tables
from posterm.console.configuration import Configuration, HostSettings, load_configuration
from posterm.console.errors import ConfigurationError
from posterm.console.hsm_desk import host_hsm
from posterm.console.issuer_desk import issuer_addresses, issuer_directory
from posterm.console.views.host_events import HostEventPrinter
from posterm.host import HostStore
from posterm.host.data_files import load_terms
from posterm.host.terms import HostTerms
from posterm.merchant.office_clock import ahead_of_day
from posterm.runtime import clock
from posterm.runtime.assembly import OpenHost, open_host
from posterm.runtime.host_status import HostStatus
from posterm.runtime.run_host import HostService, ServiceLimits, serve_until
from posterm.runtime.store.retry import in_batch
from posterm.unionpay.profile import load_profile
from simulators.enrolment import TERMINAL_IDS, enrol_everything

FOLDER: Final = "host"

_AT_THE_START: Final = (
    ("", "data_directory"),
    ("", "hsm"),
    ("host", "address"),
    ("host", "port"),
    ("host", "store"),
    ("host", "status_address"),
    ("host", "status_port"),
    ("host", "issuers"),
)
"""Section and key of what a running host cannot change."""


@contextmanager
def configured_host(configuration: Configuration) -> Iterator[OpenHost]:
    """The host of a configuration, with terminals and test cards enrolled; closed at the end."""
    with host_hsm(configuration) as hsm:
        profile = load_profile(configuration.profile)
        opened = open_host(
            configuration.data_directory / FOLDER,
            profile,
            hsm,
            store_name=configuration.host.store,
            forced_outcomes=configuration.host.forced_outcomes,
            chip_tables=chip_tables(configuration.host, profile),
            terms=_terms(configuration.host),
            issuers=issuer_directory(configuration.host, hsm),
        )
        try:
            _enrol(opened, configuration)
            yield opened
        finally:
            opened.store.close()


async def run_configured_host(
    path: Path | None, configuration: Configuration, opened: OpenHost, printer: HostEventPrinter, *, port: int | None
) -> None:
    """Serve a host where its configuration says, and let it be watched, until SIGTERM or SIGINT.

    Args:
        path: where the configuration is read again at SIGHUP; as `load_configuration` takes it.
        port: listen there instead.
    """
    settings = configuration.host
    profile = load_profile(configuration.profile)
    service = HostService(
        opened.host,
        opened.store,
        profile,
        printer.show,
        limits=_limits(configuration),
        issuers=issuer_addresses(settings, opened.host.issuers),
        now=_office_clock(opened.store),
    )
    status = HostStatus(service, configuration.data_directory / FOLDER)
    status_port = await status.start(settings.status_address, settings.status_port)
    try:
        await serve_until(
            service,
            settings.address,
            settings.port if port is None else port,
            ready=lambda bound: printer.listening(settings.address, bound, status_port),
            reload=_reloading(path, configuration, opened, service),
        )
    finally:
        await status.stop()


def _office_clock(store: HostStore) -> Callable[[], datetime]:
    """The time of day, as far ahead as the back office's clock has been moved when the host starts."""
    ahead = ahead_of_day(store)
    return lambda: clock.now() + ahead


def _reloading(
    path: Path | None, configuration: Configuration, opened: OpenHost, service: HostService
) -> Callable[[], None]:
    """What reads the configuration again and takes it up, or raises a `PostermError` and changes nothing."""
    directory = Path.cwd()

    def reload() -> None:
        changed = load_configuration(path, directory=directory)
        _refuse_what_is_fixed(configuration, changed)
        profile = load_profile(changed.profile)
        host = opened.with_settings(
            profile,
            forced_outcomes=changed.host.forced_outcomes,
            chip_tables=chip_tables(changed.host, profile),
            terms=_terms(changed.host),
        )
        _enrol(OpenHost(host, opened.store, opened.hsm, opened.keys), changed)
        service.reconfigure(host, profile, _limits(changed))

    return reload


def _refuse_what_is_fixed(configuration: Configuration, changed: Configuration) -> None:
    for section, key in _AT_THE_START:
        before, after = (getattr(each, section) if section else each for each in (configuration, changed))
        if getattr(before, key) != getattr(after, key):
            name = f"{section}.{key}" if section else key
            raise ConfigurationError(f"{name}: need the value the host was started with", hint="start the host again")


def _terms(settings: HostSettings) -> HostTerms:
    return load_terms(settings.plans, settings.card_ranges, settings.working_days)


def _limits(configuration: Configuration) -> ServiceLimits:
    settings = configuration.host
    return ServiceLimits(settings.connections_max, settings.idle_timeout_s, settings.frame_timeout_s)


def _enrol(opened: OpenHost, configuration: Configuration) -> None:
    """Enrol the test cards and the configured terminal; what is enrolled already stays as it is."""
    terminal, now = configuration.terminal, clock.now()
    in_batch(
        opened.store,
        lambda: enrol_everything(
            opened.host,
            opened.hsm,
            at=now,
            terminal_ids=list(dict.fromkeys((*TERMINAL_IDS, terminal.terminal_id))),
            merchant_id=terminal.merchant_id,
            merchant_name=terminal.merchant_name,
            merchant_plan=configuration.host.merchant_plan,
            tmk_components=[bytes.fromhex(component) for component in terminal.tmk_components],
        ),
    )
