"""The one way to colours: a rich console that takes text as it is, and lets a reader that went away end the program."""

from __future__ import annotations

from typing import NoReturn

from rich.console import Console


class Screen(Console):
    """Standard output or standard error; colours on a terminal, plain text in a pipe, no guessing at markup."""

    def __init__(self, *, stderr: bool = False) -> None:
        super().__init__(stderr=stderr, soft_wrap=True, highlight=False, markup=False, emoji=False)

    @property
    def columns(self) -> int:
        """How wide a table may be: as the terminal is, at least 80, and 80 where there is none."""
        return max(self.width, 80) if self.is_terminal else 80

    def on_broken_pipe(self) -> NoReturn:
        """Pass it on, for the program's own ending."""
        raise BrokenPipeError
