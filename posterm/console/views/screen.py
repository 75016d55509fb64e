"""The one way to colours: a rich console that takes text as it is, and lets a reader that went away end the program."""

from __future__ import annotations

from typing import NoReturn

from rich.console import Console


class Screen(Console):
    """Standard output or standard error; colours on a terminal, plain text in a pipe, no guessing at markup."""

    def __init__(self, *, stderr: bool = False) -> None:
        super().__init__(stderr=stderr, soft_wrap=True, highlight=False, markup=False, emoji=False)

    def on_broken_pipe(self) -> NoReturn:
        """Pass it on, for the program's own ending."""
        raise BrokenPipeError
