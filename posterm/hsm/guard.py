"""The guard before the commands: what is permitted now, and how often one may still be wrong.

    Authorization   a sensitive activity is permitted for a time, by two officers one after the other
    Budgets         failed verifications are counted for each PAN, key and connection; a spent one ends in refusal
    Production      the published test LMKs are refused
    Audit           every event of these is a record of the hash chain

    authorization    one officer          another officer, in time      the same officer     time is up, revoked
    locked           awaiting a second    -                             -                    -
    awaiting second  -                    authorized                    refused              locked
    authorized       refused              refused                       refused              locked

A budget is a number of failures in a span of time; the count starts again with each span. A right PIN clears the PAN's
own count, never that of the key or the connection, which someone with one good card could otherwise reset.

An HSM without a guard permits everything that its keys permit: what a simulation, a test or a terminal with its own
keys embeds. The server always has one.

Source: PCI PIN Security 3.1, requirements 6 and 32 (dual control); Thales payShield (authorized activities); Bond and
Zielinski, UCAM-CL-TR-560 (why failed verifications are counted).
Left out: who the officers are and how they prove it, which the runtime knows; where counts and records are kept.
"""

from __future__ import annotations

import hmac
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import TracebackType
from typing import Final, Protocol

from posterm.hsm import audit
from posterm.hsm.errors import (
    BudgetSpentError,
    CardValueMismatch,
    CryptogramMismatch,
    HsmError,
    MacMismatch,
    NotAuthorizedError,
    PinBlockError,
    PinMismatch,
    PublishedLmkError,
)
from posterm.sensitive import Pan

SECOND_OFFICER_S: Final = 300
"""Seconds in which the second officer must follow the first."""
LONGEST_AUTHORIZATION_S: Final = 24 * 3600
_MOST_SUBJECTS: Final = 65_536
_MOST_ATTEMPTS: Final = 16_384


class Activity(StrEnum):
    """What is done in an authorized state alone; the value is its name on the command line."""

    PIN_DATA = "pin-data"
    """Generate PINs, offsets and PVVs."""
    CLEAR_PINS = "clear-pins"
    """Encipher a clear PIN, or give one out."""
    CLEAR_KEYS = "clear-keys"
    """Enter clear keys and components."""
    KEY_EXPORT = "key-export"
    """Send a key out under another than the local master key."""
    WEAKER_PIN_TRANSLATION = "weaker-pin-translation"
    """Translate a PIN to a weaker cipher, or to a form that gives up the PAN."""
    PAN_CHANGE = "pan-change"
    """Bind a PIN block to another PAN."""


class Verification(StrEnum):
    """What can fail and is counted."""

    __hash__ = str.__hash__  # looked up on every call; an enumeration's own hash is written in Python

    PIN = "pin"
    CARD_VALUE = "card-value"
    MAC = "mac"
    CRYPTOGRAM = "cryptogram"


class Subject(StrEnum):
    """Whose failures are counted together."""

    PAN = "pan"
    KEY = "key"
    CONNECTION = "connection"


@dataclass(frozen=True, slots=True)
class Budget:
    """So many failures in so many seconds."""

    failures: int
    span_s: int


Counted = tuple[Subject, str, Budget]
"""Whose failures are counted together, under which name, and how many are borne."""

BUDGETS: Final[Mapping[Subject, Budget]] = {
    Subject.PAN: Budget(10, 24 * 3600),
    Subject.KEY: Budget(10_000, 24 * 3600),
    Subject.CONNECTION: Budget(1_000, 3600),
}
"""The budgets when nothing else is said. An issuer's own PIN try limit is lower, and counts in the issuer's books."""

_FAILURES: Final = (PinMismatch, PinBlockError, CardValueMismatch, MacMismatch, CryptogramMismatch)


class GuardStore(Protocol):
    """Where counts and records are kept. What a method returned from is on the disk, where there is one."""

    def failures(self, subject: str) -> tuple[int, int]:
        """How many failures a subject has, and when the last one was, in seconds; zeros when there are none."""

    def record_failure(self, subject: str, now: int) -> None:
        """Count one more."""

    def clear(self, subject: str) -> None:
        """Forget a subject's failures."""

    def append_audit(self, record: str) -> None:
        """Add a record to the log."""

    def last_audit(self) -> str:
        """The last record, empty when there is none."""


class MemoryGuardStore:
    """Counts and records in memory: for simulations and tests. The least recently failed subjects go first."""

    def __init__(self) -> None:
        self.records: list[str] = []
        self._failures: dict[str, tuple[int, int]] = {}

    def failures(self, subject: str) -> tuple[int, int]:
        return self._failures.get(subject, (0, 0))

    def record_failure(self, subject: str, now: int) -> None:
        count, _ = self._failures.pop(subject, (0, 0))
        if len(self._failures) >= _MOST_SUBJECTS:
            del self._failures[next(iter(self._failures))]
        self._failures[subject] = (count + 1, now)

    def clear(self, subject: str) -> None:
        self._failures.pop(subject, None)

    def append_audit(self, record: str) -> None:
        self.records.append(record)

    def last_audit(self) -> str:
        return self.records[-1] if self.records else ""


@dataclass(frozen=True, slots=True)
class _Pending:
    """One officer has spoken."""

    officer: str
    until: int


class Guard:
    """Permissions, budgets and the audit log of one HSM.

    Args:
        store: keeps counts and records.
        clock: seconds since 1970.
        fingerprint_key: at least 16 bytes, the same after a restart; PANs and keys are counted under fingerprints.
        budgets: how many failures are borne.
        guarded: the activities that need an authorization; the others are permitted.
        production: refuse test LMKs.
    """

    __slots__ = (
        "_attempts",
        "_authorized",
        "_budgets",
        "_clock",
        "_fingerprint_key",
        "_guarded",
        "_pending",
        "_store",
        "production",
    )

    def __init__(
        self,
        store: GuardStore,
        clock: Callable[[], int],
        fingerprint_key: bytes,
        *,
        budgets: Mapping[Subject, Budget] = BUDGETS,
        guarded: frozenset[Activity] = frozenset(Activity),
        production: bool = False,
    ) -> None:
        if len(fingerprint_key) < 16:
            raise HsmError(f"a fingerprint key is at least 16 bytes, this has {len(fingerprint_key)}")
        self._store = store
        self._clock = clock
        self._fingerprint_key = fingerprint_key
        self._budgets = dict(budgets)
        self._guarded = guarded
        self._pending: dict[Activity, _Pending] = {}
        self._authorized: dict[Activity, int] = {}
        self._attempts: dict[tuple[Verification, str, str], Attempt] = {}
        self.production = production

    # --- authorized activities ---

    def authorize(self, activity: Activity, officer: str, duration_s: int) -> bool:
        """One officer speaks for an activity; when a second one has, it is permitted for `duration_s` seconds.

        Args:
            duration_s: 1 to 86,400; that of the second officer counts.
        Returns: True when the activity is permitted from now on, False when a second officer is awaited.
        Raises: NotAuthorizedError: the same officer twice, or the activity is permitted already.
        """
        if not 1 <= duration_s <= LONGEST_AUTHORIZATION_S:
            raise NotAuthorizedError(f"authorization: need 1 to {LONGEST_AUTHORIZATION_S} seconds, found {duration_s}")
        now = self._clock()
        if self.is_authorized(activity):
            raise NotAuthorizedError(f"authorization: {activity} is authorized already")
        pending = self._pending.get(activity)
        if pending is None or now >= pending.until:
            self._pending[activity] = _Pending(officer, now + SECOND_OFFICER_S)
            self.record("authorization-asked", activity=activity, officer=officer)
            return False
        if pending.officer == officer:
            self.record("authorization-refused", activity=activity, officer=officer)
            raise NotAuthorizedError(f"authorization: {activity} needs a second officer, this is the first again")
        self.record("authorized", activity=activity, officer=officer, first_officer=pending.officer, seconds=duration_s)
        del self._pending[activity]
        self._authorized[activity] = now + duration_s
        return True

    def revoke(self, activity: Activity) -> None:
        """Lock an activity again, whatever its state."""
        self._pending.pop(activity, None)
        if self._authorized.pop(activity, 0) > self._clock():
            self.record("authorization-revoked", activity=activity)

    def is_authorized(self, activity: Activity) -> bool:
        """True while the activity is permitted; one that is not guarded always is."""
        return activity not in self._guarded or self._clock() < self._authorized.get(activity, 0)

    def authorized(self) -> dict[Activity, int]:
        """The activities permitted now, and until when, in seconds since 1970."""
        now = self._clock()
        return {activity: until for activity, until in self._authorized.items() if now < until}

    def require(self, activity: Activity, connection: str = "") -> None:
        """Let an activity pass, and write it down. Raises: NotAuthorizedError: it is not permitted now."""
        if activity not in self._guarded:
            return
        if not self.is_authorized(activity):
            self.record("refused", activity=activity, connection=connection)
            raise NotAuthorizedError(f"{activity} is not authorized now")
        self.record("done", activity=activity, connection=connection)

    def require_lmk(self, *, is_test: bool) -> None:
        """Raises: PublishedLmkError: a published test LMK in production."""
        if self.production and is_test:
            self.record("test-lmk-refused")
            raise PublishedLmkError("the published test LMK opens for everyone, and is refused in production")

    # --- budgets ---

    def counting(self, verification: Verification, key: str, pan: Pan | None, connection: str) -> Attempt:
        """A context for one verification: entered only while its budgets last, left with a failure it counts it.

        Raises: BudgetSpentError: on entering.
        """
        attempt = self._attempts.get((verification, key, connection))
        if attempt is None:
            attempt = self._attempt(verification, key, connection)
        return attempt if pan is None else attempt.of(self._counted(verification, Subject.PAN, pan.reveal()))

    def _attempt(self, verification: Verification, key: str, connection: str) -> Attempt:
        """What is counted whatever the card; kept, because its names are costly to make."""
        counted = self._counted(verification, Subject.KEY, key)
        if connection and Subject.CONNECTION in self._budgets:
            name = f"{verification}/{Subject.CONNECTION}/{connection}"
            counted += ((Subject.CONNECTION, name, self._budgets[Subject.CONNECTION]),)
        if len(self._attempts) >= _MOST_ATTEMPTS:
            del self._attempts[next(iter(self._attempts))]
        attempt = self._attempts[verification, key, connection] = Attempt(self, self._store, verification, counted)
        return attempt

    def _counted(self, verification: Verification, kind: Subject, value: str) -> tuple[Counted, ...]:
        """One subject under its fingerprint; nothing when there is no budget for its kind."""
        budget = self._budgets.get(kind)
        if budget is None:
            return ()
        named = hmac.digest(self._fingerprint_key, f"{kind}/{value}".encode(), "sha256")[:16].hex()
        return ((kind, f"{verification}/{kind}/{named}", budget),)

    def require_budget(self, verification: Verification, kind: Subject, subject: str, budget: Budget) -> None:
        """Raises: BudgetSpentError: the subject has failed too often in this span of time."""
        if self._count(subject, budget, self._clock()) >= budget.failures:
            raise BudgetSpentError(f"verification: too many {verification} failures of one {kind}")

    def count_failure(self, verification: Verification, counted: tuple[Counted, ...]) -> None:
        """Count a failure of all subjects; the one that spends a budget is written down."""
        now = self._clock()
        for _, subject, budget in counted:
            count = self._count(subject, budget, now)
            self._store.record_failure(subject, now)
            if count + 1 == budget.failures:
                self.record("budget-spent", verification=verification, subject=subject)

    def _count(self, subject: str, budget: Budget, now: int) -> int:
        count, last = self._store.failures(subject)
        if count and last // budget.span_s != now // budget.span_s:
            self._store.clear(subject)
            return 0
        return count

    # --- audit ---

    def record(self, event: str, **fields: str | int) -> None:
        """Write an event down."""
        self._store.append_audit(audit.chain(self._store.last_audit(), self._clock(), event, fields))

    def __repr__(self) -> str:
        return f"<Guard{' production' if self.production else ''}>"


class Attempt:
    """Verifications under their budgets, one at a time or many."""

    __slots__ = ("_counted", "_failures", "_guard", "_store", "_verification")

    def __init__(
        self, guard: Guard, store: GuardStore, verification: Verification, counted: tuple[Counted, ...]
    ) -> None:
        self._guard = guard
        self._store = store
        self._failures = store.failures
        self._verification = verification
        self._counted = counted

    def of(self, counted: tuple[Counted, ...]) -> Attempt:
        """The same for one card, whose failures are counted besides."""
        return Attempt(self._guard, self._store, self._verification, counted + self._counted)

    def __enter__(self) -> None:
        for kind, subject, budget in self._counted:
            if self._failures(subject)[0] >= budget.failures:
                self._guard.require_budget(self._verification, kind, subject, budget)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, _traceback: TracebackType | None
    ) -> None:
        if error is not None:
            if isinstance(error, _FAILURES):
                self._guard.count_failure(self._verification, self._counted)
            return
        for subject_kind, subject, _ in self._counted:
            if subject_kind is Subject.PAN and self._failures(subject)[0]:
                self._store.clear(subject)  # the PAN's count starts again
