"""Faults of the outside world, translated at the door.

RuntimeFault
├── ListenError   an address and port that cannot be listened on
└── StoreError    a file that cannot be opened, read or written, or was made by a newer posterm
"""

from __future__ import annotations

from posterm.errors import PostermError


class RuntimeFault(PostermError):  # noqa: N818 - the name says that it is not the caller's error
    """Base of the faults of the outside world."""


class StoreError(RuntimeFault):
    """A store that cannot be opened, read or written."""


class ListenError(RuntimeFault):
    """An address and port that cannot be listened on."""
