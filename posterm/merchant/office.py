"""The back office: what its services work with. It has no clock of its own and does no I/O.

A service is a function: the office first, then who asks, then what it needs, and `now`, the office's time, which may
run as fast as anyone likes. Everything it does stands in one savepoint of the host's store, with the ledger: all of it,
or nothing. What happens by itself when time passes is in `calendar`.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol, TypeVar

from posterm.host import Host, Ledger
from posterm.host.store import HostStore
from posterm.host.terms import HostTerms
from posterm.hsm import HsmPort
from posterm.merchant.cabinet import Cabinet
from posterm.merchant.document import Document
from posterm.merchant.machine import Machine
from posterm.merchant.news import LISTENERS, News
from posterm.merchant.terms import OfficeTerms

D = TypeVar("D", bound=Document)


class PictureStore(Protocol):
    """Sealed pictures outside the database, by the fingerprint of what they show."""

    def put(self, name: str, sealed: bytes) -> None: ...
    def get(self, name: str) -> bytes | None: ...


FaceCheck = Callable[[str, bytes], bool]
"""Told a key of the person and a picture of the face: is it the same person?"""


@dataclass(frozen=True, slots=True)
class Office:
    """A back office over a host.

    `entropy` gives random bytes; `pictures` keeps sealed ones; `is_same_face` is the real-name check, pluggable.
    """

    host: Host
    host_terms: HostTerms
    cabinet: Cabinet
    terms: OfficeTerms
    entropy: Callable[[int], bytes]
    pictures: PictureStore
    is_same_face: FaceCheck

    @property
    def store(self) -> HostStore:
        return self.cabinet.store

    @property
    def hsm(self) -> HsmPort:
        return self.cabinet.hsm

    @property
    def ledger(self) -> Ledger:
        return self.host.ledger

    def all_or_nothing(self) -> AbstractContextManager[None]:
        """What is done within it is done whole, or not at all."""
        return self.store.savepoint()

    def move(self, machine: Machine, document: D, event: str, now: datetime, **changes: object) -> D:
        """Take a document to the state an event leads to, keep it with some changes, and tell of it.

        Raises: NotNowError: its state does not take the event; nothing is changed.
        """
        after = machine.after(document.state, event)
        moved = document.model_copy(update={**changes, "state": after})
        self.cabinet.put(moved)
        self.tell(moved, event, now, before=document.state, after=after)
        return moved

    def tell(
        self, document: Document, event: str, now: datetime, *, before: str = "", after: str = "", **details: str
    ) -> None:
        """Keep it as news for whoever the document belongs to. `details` hold nothing personal in the clear."""
        number = self.cabinet.next_number("news")
        news = News(
            key=f"{number:010d}",
            subject=document.subject,
            at=now.isoformat(),
            topic=f"{document.kind}.{event}",
            about=document.key,
            before=before,
            after=after,
            details=details,
        )
        self.cabinet.put(news)
        for listener in LISTENERS:
            listener(self, news, now)

    def digits(self, count: int) -> str:
        """So many random decimal digits."""
        return f"{int.from_bytes(self.entropy(16), 'big') % 10**count:0{count}d}"
