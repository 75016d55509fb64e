"""Certification authority keys as data files: those that come with posterm, and a user's own.

This module is an exception to the rule that protocol code reads no file: keys are read once, when a program starts.

A file is TOML, one table `[[key]]` for each: `rid`, `index`, `exponent`, `modulus` and `checksum` in hexadecimal, and
if known `use` (live, test, unknown), `expires` (a date) and `source`; one table `[[revoked]]` for each issuer
certificate no longer trusted: `rid`, `index` and `serial`.
"""

from __future__ import annotations

import json
import tomllib
from datetime import date, datetime
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any, Final

from posterm.emv.capk import CaKey, CaKeyStore, Use, exponent_bytes
from posterm.emv.errors import CaKeyError

MAX_FILE_BYTES: Final = 4_000_000
_KEYS: Final = {"rid", "index", "exponent", "modulus", "checksum", "use", "expires", "source"}


@cache
def public_ca_keys() -> tuple[CaKey, ...]:
    """The keys that come with posterm, live and test, expired or not. Source: see the data file's first lines."""
    text = resources.files("posterm.emv").joinpath("data", "ca_keys.toml").read_text(encoding="utf-8")
    return tuple(parse_ca_keys(text, origin="ca_keys.toml"))


def load_ca_keys(path: str | Path) -> CaKeyStore:
    """A store from a user's file.

    Raises: CaKeyError: unreadable, not TOML, or a key that does not check; the text names file and key.
    """
    path = Path(path)
    try:
        with path.open("rb") as file:
            text = file.read(MAX_FILE_BYTES).decode("utf-8")
    except (OSError, ValueError):
        raise CaKeyError(f"{path.name}: need a readable text file, have none") from None
    return parse_ca_keys(text, origin=path.name)


def parse_ca_keys(text: str, origin: str = "CA keys") -> CaKeyStore:
    """A store from the text of a file. Raises: CaKeyError: as `load_ca_keys`."""
    try:
        content = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise CaKeyError(f"{origin}: not TOML: {error}") from None
    if unknown := set(content) - {"key", "revoked"}:
        raise CaKeyError(f"{origin}: need the tables key and revoked, have {', '.join(sorted(unknown))}")
    store = CaKeyStore()
    for number, row in enumerate(content.get("key", ()), start=1):
        store.add(_key(row, f"{origin}, key {number}"))
    for number, row in enumerate(content.get("revoked", ()), start=1):
        where = f"{origin}, revoked {number}"
        rid, index, serial = (_hex(row, name, where) for name in ("rid", "index", "serial"))
        store.revoke(rid, int.from_bytes(index, "big"), serial)
    return store


def write_ca_keys(store: CaKeyStore) -> str:
    """The text of a file that holds this store; `parse_ca_keys` reads it again."""
    lines: list[str] = []
    for key in store:
        lines += [
            "[[key]]",
            f'rid = "{key.rid.hex().upper()}"',
            f'index = "{key.index:02X}"',
            f'use = "{key.use}"',
            *([f"expires = {key.expires.isoformat()}"] if key.expires else []),
            f"source = {json.dumps(key.source)}",
            f'exponent = "{exponent_bytes(key.exponent).hex().upper()}"',
            f'checksum = "{key.checksum.hex().upper()}"',
            f'modulus = "{key.modulus.hex().upper()}"',
            "",
        ]
    for rid, index, serial in sorted(store.revoked):
        lines += [
            "[[revoked]]",
            f'rid = "{rid.hex().upper()}"',
            f'index = "{index:02X}"',
            f'serial = "{serial.hex()}"',
            "",
        ]
    return "\n".join(lines)


def _key(row: dict[str, Any], where: str) -> CaKey:
    if unknown := set(row) - _KEYS:
        raise CaKeyError(f"{where}: no key has {', '.join(sorted(unknown))}")
    values = {name: _hex(row, name, where) for name in ("rid", "index", "exponent", "modulus", "checksum")}
    expires = row.get("expires")
    if expires is not None and (not isinstance(expires, date) or isinstance(expires, datetime)):
        raise CaKeyError(f"{where}: expires is a date such as 2033-12-31")
    try:
        use = Use(row.get("use", Use.UNKNOWN))
    except ValueError:
        raise CaKeyError(f"{where}: use is live, test or unknown") from None
    return CaKey(
        values["rid"],
        int.from_bytes(values["index"], "big"),
        values["modulus"],
        int.from_bytes(values["exponent"], "big"),
        values["checksum"],
        expires,
        use,
        str(row.get("source", "")),
    )


def _hex(row: dict[str, Any], name: str, where: str) -> bytes:
    value = row.get(name)
    try:
        return bytes.fromhex(value) if isinstance(value, str) else _absent(name, where)
    except ValueError:
        raise CaKeyError(f"{where}: {name} is not hexadecimal") from None


def _absent(name: str, where: str) -> bytes:
    raise CaKeyError(f"{where}: need {name} in hexadecimal, have none")
