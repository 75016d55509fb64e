"""Terminal configurations as data files: the one that comes with posterm, and a user's own.

This module is an exception to the rule that protocol code reads no file: a configuration is read once, when a program
starts. A file is TOML: a table `[terminal]` and one `[[application]]` for each AID, named and coded as in
`posterm/emv/data/terminal.toml`.
"""

from __future__ import annotations

import tomllib
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any, Final

from posterm.amount import Currency, currency
from posterm.emv.bits import AdditionalTerminalCapabilities, TerminalCapabilities, Tvr
from posterm.emv.config import ApplicationConfig, CdaMode, ContactlessLimits, TerminalConfig
from posterm.emv.errors import ConfigurationError
from posterm.errors import AmountError

MAX_FILE_BYTES: Final = 1_000_000
_TERMINAL_TEXTS: Final = frozenset(
    {"country", "terminal_id", "merchant_id", "merchant_name", "merchant_category", "acquirer_id", "ifd_serial"}
)
_APPLICATION_BYTES: Final = frozenset({"aid", "version", "default_ddol", "default_tdol", "risk_management_data", "ttq"})
_APPLICATION_CODES: Final = frozenset({"tac_denial", "tac_online", "tac_default"})
_APPLICATION_PLAIN: Final = {
    "partial": bool,
    "velocity_checking": bool,
    "floor_limit": int,
    "threshold": int,
    "target_percent": int,
    "max_target_percent": int,
    "kernel": int,
    "cash_limit": int,
}
_CONTACTLESS: Final = {
    "transaction": int,
    "floor": int,
    "cvm": int,
    "without_device": int,
    "status_check": bool,
    "stripe_mode": bool,
}


@cache
def default_terminal() -> TerminalConfig:
    """The configuration that comes with posterm: UnionPay, Visa, Mastercard, JCB, American Express and Discover."""
    text = resources.files("posterm.emv").joinpath("data", "terminal.toml").read_text(encoding="utf-8")
    return parse_terminal(text, origin="terminal.toml")


def load_terminal(path: str | Path) -> TerminalConfig:
    """A configuration from a user's file.

    Raises: ConfigurationError: unreadable, not TOML, or a value that cannot be; the text names file, table and key.
    """
    path = Path(path)
    try:
        with path.open("rb") as file:
            text = file.read(MAX_FILE_BYTES).decode("utf-8")
    except (OSError, ValueError):
        raise ConfigurationError(f"{path.name}: need a readable text file, have none") from None
    return parse_terminal(text, origin=path.name)


def parse_terminal(text: str, origin: str = "terminal") -> TerminalConfig:
    """A configuration from the text of a file. Raises: ConfigurationError: as `load_terminal`."""
    try:
        content = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ConfigurationError(f"{origin}: not TOML: {error}") from None
    if unknown := set(content) - {"terminal", "application"}:
        raise ConfigurationError(
            f"{origin}: need the tables terminal and application, have {', '.join(sorted(unknown))}"
        )
    applications = tuple(
        _application(row, f"{origin}, application {number}")
        for number, row in enumerate(content.get("application", ()), start=1)
    )
    return _terminal(content.get("terminal", {}), applications, f"{origin}, terminal")


def _terminal(row: dict[str, Any], applications: tuple[ApplicationConfig, ...], where: str) -> TerminalConfig:
    fields: dict[str, Any] = {}
    for name, value in row.items():
        if name in _TERMINAL_TEXTS:
            fields[name] = _text(value, name, where)
        elif name == "currency":
            fields[name] = _currency(value, where)
        elif name == "terminal_type":
            fields[name] = int.from_bytes(_hex(value, name, where), "big")
        elif name == "capabilities":
            fields[name] = TerminalCapabilities.from_value(_hex(value, name, where))
        elif name == "additional_capabilities":
            fields[name] = AdditionalTerminalCapabilities.from_value(_hex(value, name, where))
        elif name == "cda_mode" and value in (1, 2, 3, 4):
            fields[name] = CdaMode(value)
        elif name == "pin_bypass" and isinstance(value, bool):
            fields[name] = value
        else:
            raise ConfigurationError(f"{where}: {name} is not known, or its value cannot be")
    return TerminalConfig(applications, **fields)


def _application(row: dict[str, Any], where: str) -> ApplicationConfig:
    fields: dict[str, Any] = {}
    for name, value in row.items():
        if name == "name":
            fields[name] = _text(value, name, where)
        elif name in _APPLICATION_BYTES:
            fields[name] = _hex(value, name, where)
        elif name in _APPLICATION_CODES:
            fields[name] = Tvr.from_value(_hex(value, name, where))
        elif type(value) is _APPLICATION_PLAIN.get(name):
            fields[name] = value
        elif name == "contactless" and _is_contactless(value):
            fields[name] = ContactlessLimits(**value)
        else:
            raise ConfigurationError(f"{where}: {name} is not known, or its value cannot be")
    if missing := {"aid", "name"} - set(fields):
        raise ConfigurationError(f"{where}: need {' and '.join(sorted(missing))}")
    return ApplicationConfig(**fields)


def _is_contactless(value: object) -> bool:
    return isinstance(value, dict) and all(type(given) is _CONTACTLESS.get(name) for name, given in value.items())


def _text(value: object, name: str, where: str) -> str:
    if not isinstance(value, str):
        raise ConfigurationError(f"{where}: {name} is text in quotes")
    return value


def _hex(value: object, name: str, where: str) -> bytes:
    try:
        return bytes.fromhex(_text(value, name, where))
    except ValueError:
        raise ConfigurationError(f"{where}: {name} is not hexadecimal") from None


def _currency(value: object, where: str) -> Currency:
    try:
        return currency(_text(value, "currency", where))
    except AmountError as error:
        raise ConfigurationError(f"{where}: {error}") from None
