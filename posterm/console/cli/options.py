"""Options that several commands share."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

ConfigOption = Annotated[
    Path | None,
    typer.Option(
        "--config",
        "-c",
        metavar="FILE",
        help="Configuration file; else ./posterm.toml when there is one, else the defaults.",
    ),
]
JsonOption = Annotated[bool, typer.Option("--json", help="Write JSON for machines.")]


def examples(*lines: str) -> str:
    """The end of a help page: example lines, each on its own."""
    return "\n\n".join(("Examples:", *lines))
