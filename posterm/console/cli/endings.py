"""How a command ends: what is wrong in one line, what to do about it in another, and an exit status.

    0     it worked
    1     it was understood and did not work: a message that does not decode, a host that cannot be reached
    2     the user's mistake: arguments, files, configuration
    130   interrupted from the keyboard
    141   whoever read the output went away (as a shell reports it)

No traceback follows a user's mistake, and none ever shows the values of variables.
"""

from __future__ import annotations

import os
import signal
import sys
from typing import Any, Final

import typer
from typer.core import TyperGroup

from posterm.errors import PostermError

FAILED: Final = 1
MISTAKE: Final = 2
INTERRUPTED: Final = 128 + signal.SIGINT
NOBODY_READS: Final = 128 + 13
EXTRAS: Final = {
    "PIL": "merchant",
    "fastapi": "api",
    "matplotlib": "merchant",
    "polars": "merchant",
    "reportlab": "merchant",
    "uvicorn": "api",
}
"""Libraries that come with an extra alone, and which; what needs one imports it when it is asked for."""


class Program(TyperGroup):
    """The root command: a `PostermError` or a missing extra becomes two lines and an exit status."""

    def invoke(self, ctx: Any) -> Any:
        """Run the command the user named."""
        try:
            return super().invoke(ctx)
        except PostermError as error:
            report(error)
            raise typer.Exit(exit_status(error)) from None
        except ModuleNotFoundError as error:
            extra = EXTRAS.get((error.name or "").split(".")[0])
            if extra is None:
                raise
            report(PostermError(f"this needs {error.name}", hint=f"pip install 'posterm[{extra}]'"))
            raise typer.Exit(FAILED) from None
        except KeyboardInterrupt:
            raise typer.Exit(INTERRUPTED) from None
        except BrokenPipeError:
            discard_output()
            raise typer.Exit(NOBODY_READS) from None


def report(error: PostermError) -> None:
    """Write an error and its hint to the standard error stream."""
    typer.echo(f"error: {printable(str(error))}", err=True)
    if error.hint:
        typer.echo(f"hint: {printable(error.hint)}", err=True)


def exit_status(error: PostermError) -> int:
    """1 when what was asked did not work, 2 when it could not be asked that way."""
    from posterm.iso8583.errors import UnpackError
    from posterm.runtime.errors import RuntimeFault
    from posterm.tlv import TlvError

    return FAILED if isinstance(error, UnpackError | RuntimeFault | TlvError) else MISTAKE


def printable(text: str) -> str:
    r"""The text with everything a terminal could take for a command written out.

    >>> printable("a\x1b[2Jb")
    'a\\x1b[2Jb'
    """
    return "".join(
        character if character.isprintable() or character == "\n" else character.encode("unicode_escape").decode()
        for character in text
    )


def discard_output() -> None:
    """Let what is still buffered for a reader that went away vanish, instead of failing when the program ends."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except OSError:
            os.dup2(nowhere, stream.fileno())
