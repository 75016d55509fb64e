"""An office for tests: seeded, in memory, every face the right one, and its own time."""

from __future__ import annotations

import random
from datetime import datetime

from posterm.host import HostStore, MemoryHostStore
from posterm.host.data_files import built_in_terms
from posterm.hsm import Algorithm, KeyUsage
from posterm.merchant import Office, OfficeTerms
from posterm.merchant.cabinet import Cabinet
from tests.host.hand_terminal import new_host, seeded_hsm

NOW = datetime(2026, 6, 1, 10, 0, 0)  # noqa: DTZ001 - the office's local time; a Monday


class MemoryPictures(dict[str, bytes]):
    """Sealed pictures in a dictionary."""

    def put(self, name: str, sealed: bytes) -> None:
        self[name] = sealed


def new_office(store: HostStore | None = None, *, terms: OfficeTerms | None = None, seed: int = 1, **given) -> Office:
    """An office over a new host. `given` are fields of `Office` to be other than they are here."""
    kept = store or MemoryHostStore()
    hsm = seeded_hsm(seed)
    sealing = hsm.load_clear_key(bytes(range(32)), KeyUsage.STORAGE, Algorithm.AES_256)
    naming = hsm.load_clear_key(bytes(range(1, 33)), KeyUsage.FINGERPRINT, Algorithm.AES_256)
    fields = {
        "host": new_host(kept, hsm),
        "host_terms": built_in_terms(),
        "cabinet": Cabinet(kept, hsm, sealing, naming),
        "terms": terms or OfficeTerms(password_cost=4),
        "entropy": random.Random(seed).randbytes,
        "pictures": MemoryPictures(),
        "is_same_face": lambda _person, _picture: True,
    }
    return Office(**fields | given)
