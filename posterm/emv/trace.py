"""What a kernel did and why: one line per rule that fired, with book, clause, and the bits it set.

A trace is made for reading: `print(trace)` answers "why was this declined". Texts hold no card data.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from posterm.emv.bits import Bits


@dataclass(frozen=True, slots=True)
class TraceLine:
    """A rule that fired. `bit` is what it set, as text: `TVR byte 2 bit 7 expired application`; empty: nothing."""

    book: str
    clause: str
    text: str
    bit: str = ""

    def __str__(self) -> str:
        return f"{self.book}, {self.clause}: {self.text}{f' -> {self.bit}' if self.bit else ''}"


class Trace:
    """The lines of one transaction, in order."""

    __slots__ = ("_lines",)

    def __init__(self) -> None:
        self._lines: list[tuple[str, str, str, Bits | None]] = []

    def rule(self, book: str, clause: str, text: str, bits: Bits | None = None) -> None:
        """Add a line. `bits` are those the rule set."""
        self._lines.append((book, clause, text, bits))

    def __iter__(self) -> Iterator[TraceLine]:
        for book, clause, text, bits in self._lines:
            # Worded here and not in `rule`: most transactions are never explained to anyone.
            shown = "; ".join(f"{type(bits).__name__.upper()} {line}" for line in bits.lines()) if bits else ""
            yield TraceLine(book, clause, text, shown)

    def __len__(self) -> int:
        return len(self._lines)

    def __str__(self) -> str:
        return "\n".join(map(str, self))
