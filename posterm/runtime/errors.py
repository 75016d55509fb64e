"""Faults of the outside world, translated at the door.

RuntimeFault
├── ConnectError  a peer that cannot be reached, or refuses what is asked of it first
├── ListenError   an address and port that cannot be listened on
├── ReaderError   a card reader, or the software under it, that cannot be used
│   └── CardGone  a card that was withdrawn or does not answer any more
├── HsmLinkError  an HSM that cannot be reached, does not answer in time, or answers something else
├── TlsError      certificates and keys that cannot be used
└── StoreError    a store that cannot be opened, read or written, or was made by a newer posterm
    └── StoreConflictError  another process has changed what a batch has read; the batch may be tried again
"""

from __future__ import annotations

from posterm.errors import PostermError


class RuntimeFault(PostermError):  # noqa: N818 - the name says that it is not the caller's error
    """Base of the faults of the outside world."""


class StoreError(RuntimeFault):
    """A store that cannot be opened, read or written."""


class StoreConflictError(StoreError):
    """Another process has changed what a batch has read, so nothing of it was kept. It may be tried again."""


class ConnectError(RuntimeFault):
    """A peer that cannot be reached in the time given, or that breaks off before the link is ready."""


class HsmLinkError(RuntimeFault):
    """A remote HSM that cannot be reached, does not answer in time, or whose answer cannot be read."""


class TlsError(RuntimeFault):
    """A certificate, key or list of authorities that cannot be read or do not belong together."""


class ListenError(RuntimeFault):
    """An address and port that cannot be listened on."""


class ReaderError(RuntimeFault):
    """A card reader, or the software under it, that cannot be used."""


class CardGone(ReaderError):  # noqa: N818 - it is no fault, and most callers wait for the next card
    """No card in the reader, or one that was withdrawn or fell silent."""
