"""What the host gives terminals for chip cards: CA keys and application parameters, and which of them a terminal has.

A terminal that has downloaded is asked again when the tables have changed since; one that never did is not, because it
may have its own. `Host.request_action` asks any.

Source: Q/CUP 009, header digit 6 (4 update CA keys, 5 download application parameters).
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass, field

from posterm.emv.capk import CaKey
from posterm.emv.config import ApplicationConfig
from posterm.host.errors import EnrolmentError
from posterm.host.records import TerminalRecord
from posterm.unionpay.chip_parameters import MAX_ENTRIES, pack_application, pack_key
from posterm.unionpay.header import Requirement

_VERSION_DIGITS = 16


@dataclass(frozen=True, slots=True)
class ChipTables:
    """CA keys and applications, at most 99 of each, as a query can count no further.

    Attributes:
        keys_version, applications_version: 16 hexadecimal digits that change with the content.
    Raises: EnrolmentError: too many, or two of one name.
    """

    keys: tuple[CaKey, ...] = ()
    applications: tuple[ApplicationConfig, ...] = ()
    keys_version: str = field(init=False)
    applications_version: str = field(init=False)

    def __post_init__(self) -> None:
        _require_distinct("CA keys", [key.name for key in self.keys])
        _require_distinct("applications", [application.aid.hex() for application in self.applications])
        object.__setattr__(self, "keys_version", _version(map(pack_key, self.keys)))
        object.__setattr__(self, "applications_version", _version(map(pack_application, self.applications)))

    def key(self, rid: bytes, index: int) -> CaKey | None:
        """The key of this name."""
        return next((key for key in self.keys if (key.rid, key.index) == (rid, index)), None)

    def application(self, aid: bytes) -> ApplicationConfig | None:
        """The application of exactly this AID."""
        return next((application for application in self.applications if application.aid == aid), None)

    def outdated(self, terminal: TerminalRecord) -> Requirement:
        """What a terminal has to download again: what it took before, and is not what stands here now."""
        if terminal.ca_keys not in ("", self.keys_version):
            return Requirement.UPDATE_CA_KEYS
        if terminal.applications not in ("", self.applications_version):
            return Requirement.DOWNLOAD_AID_PARAMETERS
        return Requirement.NONE


def _require_distinct(what: str, names: list[str]) -> None:
    if len(names) > MAX_ENTRIES or len(set(names)) != len(names):
        raise EnrolmentError(f"{what} for terminals: need at most {MAX_ENTRIES}, each with a name of its own")


def _version(parts: Iterable[bytes]) -> str:
    return hashlib.sha256(b"".join(parts)).hexdigest()[:_VERSION_DIGITS].upper()
