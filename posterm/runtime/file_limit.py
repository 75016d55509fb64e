"""Room for connections: each takes a file of the process, and systems grant few of them at first.

Source: POSIX getrlimit(2), RLIMIT_NOFILE.
"""

from __future__ import annotations

import resource
from typing import Final

_OTHER_FILES: Final = 64
"""Files that are no connections: the store, its journal, the standard streams, the listening sockets."""


def room_for_connections(wanted: int) -> int:
    """Raise the limit on open files as far as it is needed and granted. Returns: how many connections it leaves."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    needed = wanted + _OTHER_FILES
    if soft == resource.RLIM_INFINITY or soft >= needed:
        return wanted
    soft = needed if hard == resource.RLIM_INFINITY else min(needed, hard)
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    return max(1, min(wanted, soft - _OTHER_FILES))
