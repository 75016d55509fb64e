"""From the applications of a card to the combinations a reader can run with it, best first.

Source: EMV Contactless Book B, 3.3 (combination selection), tables 3-3 (directory entry) and 3-6 (default kernels).
Leaves out extended selection (9F29) and domestic kernels (9F2A from 80 on).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from posterm.emv.card_data import parse_fci
from posterm.emv.contactless.combinations import DEFAULT_KERNELS, Combination, KernelId

PPSE: Final = b"2PAY.SYS.DDF01"
MAX_ENTRIES: Final = 32
"""Directory entries looked at; an answer of 256 bytes has room for fewer."""

_NO_PRIORITY: Final = 16


@dataclass(frozen=True, slots=True)
class Choice:
    """A combination that card and reader share."""

    df_name: bytes
    label: str
    priority: int
    """1 is the highest; 16 for an entry without one."""
    combination: Combination


def choices(answer: bytes, combinations: Iterable[Combination]) -> list[Choice]:
    """The combinations to try, in the order the card prefers.

    Args:
        answer: what SELECT PPSE gave.
    Raises: CardDataError: not the file control information of a directory.
    """
    ready = tuple(combinations)
    found: list[Choice] = []
    for entry in parse_fci(answer).directory_entries[:MAX_ENTRIES]:
        df_name, priority = entry.get("4F", b""), entry.get("87", b"\x00")
        if not 5 <= len(df_name) <= 16 or len(priority) != 1:
            continue
        kernel = _requested_kernel(df_name, entry.get("9F2A", b""))
        label = entry.get("50", b"").decode("latin-1")
        found += [
            Choice(df_name, label, priority[0] & 0x0F or _NO_PRIORITY, one)
            for one in ready
            if kernel is one.kernel and one.application.matches(df_name)
        ]
    return sorted(found, key=lambda choice: choice.priority)


def _requested_kernel(df_name: bytes, identifier: bytes) -> KernelId | None:
    """The kernel the card asks for, else the default one of its RID. Source: Book B, 3.3.2.5."""
    if identifier and identifier[0] & 0x3F:
        number = identifier[0] & 0x3F if not identifier[0] & 0xC0 else 0
        return next((kernel for kernel in KernelId if kernel == number), None)
    return DEFAULT_KERNELS.get(df_name[:5])
