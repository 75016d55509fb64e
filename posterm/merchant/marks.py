"""Marks: who uses a mobile, an identity, a picture. They are found by a keyed fingerprint, never in the clear."""

from __future__ import annotations

from typing import ClassVar

from posterm.merchant.document import Document
from posterm.merchant.office import Office


class Mark(Document):
    """Whoever is known to use one thing; `key` is what sort of thing, a stroke, and its fingerprint."""

    kind: ClassVar[str] = "mark"

    holders: tuple[str, ...] = ()


def _key(office: Office, what: str, text: str) -> str:
    return f"{what}/{office.cabinet.fingerprint(what, text)}"


def holders(office: Office, what: str, text: str) -> tuple[str, ...]:
    """Keys of the documents that use this thing, in the order they came."""
    found = office.cabinet.get(Mark, _key(office, what, text))
    return () if found is None else found.holders


def add_mark(office: Office, what: str, text: str, holder: str) -> None:
    """Note that a document uses this thing; once is enough."""
    known = holders(office, what, text)
    if holder not in known:
        office.cabinet.put(Mark(key=_key(office, what, text), holders=(*known, holder)))


def take_mark(office: Office, what: str, text: str, holder: str) -> None:
    """Note that a document does not use this thing any more."""
    known = holders(office, what, text)
    if holder in known:
        left = tuple(each for each in known if each != holder)
        office.cabinet.put(Mark(key=_key(office, what, text), holders=left))
