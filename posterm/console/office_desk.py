"""The back office of a configuration as staff and merchants work with it: opened over its host."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pydantic import ValidationError

import posterm.merchant.parts  # noqa: F401  the calendar has to know every part
from posterm.console.configuration import Configuration
from posterm.console.errors import ConfigurationError
from posterm.console.host_desk import FOLDER, configured_host
from posterm.host.data_files import load_terms
from posterm.merchant import OfficeTerms
from posterm.runtime.assembly import OpenHost
from posterm.runtime.office_assembly import OpenOffice, open_office


@contextmanager
def configured_office(configuration: Configuration) -> Iterator[OpenOffice]:
    """The back office of a configuration; its host is closed at the end."""
    with configured_host(configuration) as opened:
        yield office_over(opened, configuration)


def office_over(opened: OpenHost, configuration: Configuration) -> OpenOffice:
    """The back office over an open host."""
    settings = configuration.host
    return open_office(
        opened,
        configuration.data_directory / FOLDER,
        load_terms(settings.plans, settings.card_ranges, settings.working_days),
        terms=_terms(configuration.office.terms),
        is_same_face=lambda _person, _picture: configuration.office.real_name_check == "pass",
    )


def _terms(name: str) -> OfficeTerms:
    """The terms in a file, or posterm's own. Raises: ConfigurationError."""
    if not name:
        return OfficeTerms()
    try:
        return OfficeTerms.model_validate(tomllib.loads(Path(name).read_text(encoding="utf-8")))
    except (OSError, ValueError) as error:
        if isinstance(error, ValidationError):
            first = error.errors(include_input=False, include_url=False)[0]
            place = ".".join(str(part) for part in first["loc"])
            raise ConfigurationError(f"{name}: {place}: {first['msg'].lower()}") from None
        raise ConfigurationError(f"{name}: cannot be read as TOML in UTF-8") from None
