"""`posterm init`: a configuration file to start from."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from posterm.console.cli.options import examples


def register(app: typer.Typer) -> None:
    """Add the command to the program."""
    app.command("init", epilog=examples("posterm init", "posterm init shop1/ --force"))(init)


def init(
    path: Annotated[
        Path, typer.Argument(metavar="PATH", help="The file to write, or the directory to put posterm.toml into.")
    ] = Path("posterm.toml"),
    force: Annotated[bool, typer.Option("--force", help="Write over a file that is there.")] = False,
) -> None:
    """Write a commented configuration file with every key and its default."""
    from importlib import resources

    from posterm.console.errors import InputError

    target = path / "posterm.toml" if path.is_dir() else path
    text = resources.files("posterm.console").joinpath("posterm.toml").read_text(encoding="utf-8")
    try:
        with target.open("w" if force else "x", encoding="utf-8", newline="\n") as file:
            file.write(text)
    except FileExistsError:
        raise InputError(f"{target} is there already", hint="--force writes over it") from None
    except OSError as error:
        raise InputError(f"cannot write {target}: {(error.strerror or 'unknown reason').lower()}") from None
    typer.echo(f"wrote {target}")
