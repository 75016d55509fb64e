"""A town: one acquirer's office over its host, in memory, and the time that passes there."""

from __future__ import annotations

import random
from datetime import datetime, timedelta

import posterm.merchant.parts  # noqa: F401  the calendar has to know every part
from posterm.host import Host, HostKeys, MemoryHostStore
from posterm.host.data_files import built_in_terms
from posterm.hsm import Algorithm, KeyUsage, Lmk, SoftHsm
from posterm.merchant import Actor, Office, OfficeTerms, Role
from posterm.merchant.cabinet import Cabinet
from posterm.merchant.calendar import advance
from posterm.unionpay.profile import get_profile
from simulators.enrolment import enrol_issuers

MORNING = datetime(2026, 6, 1, 10, 0, 0)  # noqa: DTZ001  the town's local time; a Monday
OPERATOR, REVIEWER = Actor(Role.OPERATOR), Actor(Role.REVIEWER)


class Album(dict[str, bytes]):
    """Sealed pictures in memory."""

    def put(self, name: str, sealed: bytes) -> None:
        self[name] = sealed


class Town:
    """An office, its host, and the time.

    Args:
        seed: everything random comes from it.
        terms: the office's; passwords cost little here.
    """

    def __init__(self, seed: int, *, terms: OfficeTerms | None = None) -> None:
        self.seed = seed
        self.now = MORNING
        self.hsm = SoftHsm(Lmk.test(), random.Random(f"town {seed}").randbytes)
        self.store = MemoryHostStore()
        keys = HostKeys(
            fingerprint=self.hsm.generate_key(KeyUsage.FINGERPRINT, Algorithm.AES_256),
            pvk=self.hsm.generate_key(KeyUsage.PIN_VERIFICATION_IBM, Algorithm.TDES_DOUBLE),
        )
        host_terms = built_in_terms()
        self.host = Host(get_profile("default"), self.hsm, self.store, keys, forced_outcomes=False, terms=host_terms)
        enrol_issuers(self.host, self.hsm)
        cabinet = Cabinet(
            self.store,
            self.hsm,
            self.hsm.generate_key(KeyUsage.STORAGE, Algorithm.AES_256),
            self.hsm.generate_key(KeyUsage.FINGERPRINT, Algorithm.AES_256),
        )
        self.office = Office(
            host=self.host,
            host_terms=host_terms,
            cabinet=cabinet,
            terms=terms or OfficeTerms(password_cost=4),
            entropy=random.Random(f"office {seed}").randbytes,
            pictures=Album(),
            is_same_face=lambda _person, _picture: True,
        )

    def wait(self, **span: float) -> None:
        """Let time pass, with all that is due in it."""
        self.wait_until(self.now + timedelta(**span))

    def wait_until(self, moment: datetime) -> None:
        """Let time pass until a moment."""
        if moment > self.now:
            advance(self.office, moment)
            self.now = moment
            self.host.expire(moment)
