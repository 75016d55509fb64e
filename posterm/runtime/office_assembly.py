"""A back office put together from its parts: over an open host, its keys in the host's store, pictures in a folder.

The office's own keys are drawn at its first start and kept in the host's store as key blocks, sealed under the LMK, so
that all processes on one store have the same.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Final, TypeVar

from posterm.host import HostStore
from posterm.host.records import KeyRecord
from posterm.host.terms import HostTerms
from posterm.hsm import Algorithm, HsmPort, KeyBlock, KeyUsage
from posterm.merchant import Actor, MerchantError, Office, OfficeTerms
from posterm.merchant.cabinet import Cabinet
from posterm.merchant.calendar import advance
from posterm.merchant.office import FaceCheck
from posterm.merchant.office_clock import office_time
from posterm.merchant.operation import Operation
from posterm.runtime import clock
from posterm.runtime.assembly import OpenHost
from posterm.runtime.errors import StoreError
from posterm.runtime.store.retry import in_batch
from posterm.runtime.store.whole_file import write_whole

R = TypeVar("R")

PICTURES: Final = "pictures"
SEALING_KEY, NAMING_KEY = "office-sealing", "office-naming"
_PICTURE_NAME: Final = re.compile("[0-9a-fA-F]{16,64}")


class PictureFolder:
    """Sealed pictures as files, each named by the fingerprint of what it shows."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def put(self, name: str, sealed: bytes) -> None:
        """Keep a picture. Raises: StoreError."""
        path = self._path(name)
        if not path.exists():
            write_whole(path, sealed)

    def get(self, name: str) -> bytes | None:
        """A picture, None when there is none. Raises: StoreError."""
        try:
            return self._path(name).read_bytes()
        except FileNotFoundError:
            return None
        except OSError as error:
            raise StoreError(f"cannot read a picture: {(error.strerror or 'unknown reason').lower()}") from None

    def _path(self, name: str) -> Path:
        if _PICTURE_NAME.fullmatch(name) is None:
            raise StoreError("picture: need the name of a fingerprint")
        return self._folder / name[:2] / f"{name}.sealed"


@dataclass(frozen=True, slots=True)
class OpenOffice:
    """A back office at work: `time_of_day` is the true time, which its own clock may be ahead of."""

    office: Office
    time_of_day: Callable[[], datetime]

    def work(self, service: Callable[[datetime], R]) -> R:
        """Do something at the office's time, when everything that was due by then has been done.

        What a service has kept before it refuses is kept, such as the count of wrong passwords; what stands in its
        `all_or_nothing` is not.
        """
        return self.work_at(lambda now, _time_of_day: service(now))

    def work_at(self, service: Callable[[datetime, datetime], R]) -> R:
        """As `work`, for what needs to be told the true time too."""
        refusals: list[MerchantError] = []

        def whole() -> R | None:
            refusals.clear()
            true_time = self.time_of_day()
            now = office_time(self.office, true_time)
            advance(self.office, now)
            try:
                return service(now, true_time)
            except MerchantError as refusal:
                refusals.append(refusal)
                return None

        result = in_batch(self.office.store, whole)
        if refusals:
            raise refusals[0]
        return result  # type: ignore[return-value]  # None only where the service gives it

    def call(self, operation: Operation, actor: Actor, values: Mapping[str, object]) -> Any:
        """Carry out an operation for somebody."""
        return self.work_at(lambda now, true_time: operation.call(self.office, actor, now, true_time, values))

    @property
    def now(self) -> datetime:
        """The office's time."""
        return office_time(self.office, self.time_of_day())


def open_office(
    opened: OpenHost,
    directory: Path,
    host_terms: HostTerms,
    *,
    terms: OfficeTerms | None = None,
    is_same_face: FaceCheck | None = None,
    time_of_day: Callable[[], datetime] = clock.now,
    entropy: Callable[[int], bytes] = os.urandom,
) -> OpenOffice:
    """Open the back office of a host, or found it.

    Args:
        directory: pictures are in a folder of it.
        is_same_face: the real-name check; every face is the right one when left out.
    Raises: StoreError.
    """
    store, hsm = opened.store, opened.hsm
    sealing, naming = in_batch(store, lambda: _office_keys(store, hsm))
    office = Office(
        host=opened.host,
        host_terms=host_terms,
        cabinet=Cabinet(store, hsm, sealing, naming),
        terms=terms or OfficeTerms(),
        entropy=entropy,
        pictures=PictureFolder(directory / PICTURES),
        is_same_face=is_same_face or (lambda _person, _picture: True),
    )
    return OpenOffice(office, time_of_day)


def _office_keys(store: HostStore, hsm: HsmPort) -> tuple[KeyBlock, KeyBlock]:
    """The key for data at rest, and the one for fingerprints: the store's, else drawn now."""

    def key(use: str, usage: KeyUsage) -> KeyBlock:
        known = store.key(use)
        if known is not None:
            return KeyBlock(known.block)
        block = hsm.generate_key(usage, Algorithm.AES_256)
        store.put_key(KeyRecord(use, str(block)))
        return block

    return key(SEALING_KEY, KeyUsage.STORAGE), key(NAMING_KEY, KeyUsage.FINGERPRINT)
