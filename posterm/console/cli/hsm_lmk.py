"""`posterm hsm lmk …`: the ceremony that makes a master secret and divides it, and the one that puts it together."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from posterm.console.cli.options import examples
from posterm.console.cli.output import clear_screen

if TYPE_CHECKING:
    from posterm.hsm.shares import Share

app = typer.Typer(no_args_is_help=True, help="Make a master secret, divide it among keepers, and put it together.")


@app.command(
    epilog=examples(
        "posterm hsm lmk new", "posterm hsm lmk new --shares 5 --threshold 3", "posterm hsm lmk new --to shares/"
    )
)
def new(
    shares: Annotated[int, typer.Option(help="How many keepers there are, 2 to 16.")] = 3,
    threshold: Annotated[int, typer.Option(help="How many of them give the secret back, 2 or more.")] = 2,
    to: Annotated[
        Path | None, typer.Option(metavar="DIRECTORY", help="Write each share into a file instead of showing it.")
    ] = None,
) -> None:
    """Draw a new master secret and give each keeper a share, shown once. The secret itself is kept nowhere.

    All local master keys come of it: AES and TDES key-block LMK, variant LMK, and the key of the HSM's files.
    """
    import os

    from posterm.hsm.master_secret import MasterSecret
    from posterm.hsm.shares import split

    secret = MasterSecret.draw(os.urandom)
    divided = split(secret.reveal(), threshold=threshold, count=shares, entropy=os.urandom)
    for share in divided:
        if to is None:
            _show(share)
        else:
            _write(share, to)
    typer.echo(f"master secret {divided[0].set_id}: any {threshold} of {shares} shares give it back")
    typer.echo(f"check value of its AES LMK: {secret.check_value}")


def _show(share: Share) -> None:
    from posterm.console.errors import InputError

    if not typer.confirm(f"Is the keeper of share {share.number} alone at the screen?"):
        raise InputError("the ceremony was broken off; the shares shown so far are worth nothing")
    typer.echo(share.text)
    typer.prompt("Press Enter when it is written down", default="", show_default=False)
    clear_screen()


def _write(share: Share, folder: Path) -> None:
    from posterm.runtime.store.whole_file import write_whole

    path = folder / f"lmk-{share.set_id}-{share.number}.share"
    write_whole(path, f"{share.text}\n".encode("ascii"), replace=False)
    typer.echo(f"wrote {path}")


@app.command(
    epilog=examples(
        "posterm hsm lmk load --to lmk.sealed",
        "posterm hsm lmk load lmk-5C3A91F0-1.share lmk-5C3A91F0-3.share --to lmk.sealed",
    )
)
def load(
    to: Annotated[Path, typer.Option(metavar="FILE", help="The file to write; [hsm] lmk names it.")],
    files: Annotated[
        list[Path] | None,
        typer.Argument(metavar="[SHARE]...", help="Files with a share each; else they are asked for."),
    ] = None,
) -> None:
    """Put a master secret together from its shares and seal it under a passphrase, for the server to start from."""
    import os

    from posterm.hsm.master_secret import MasterSecret
    from posterm.hsm.shares import combine
    from posterm.runtime.store.whole_file import write_whole

    secret = MasterSecret(combine([_read(path) for path in files] if files else _ask()))
    typer.echo(f"check value of its AES LMK: {secret.check_value}")
    line = secret.seal(_new_passphrase(), os.urandom)
    write_whole(to, f"{line}\n".encode("ascii"), replace=False)
    typer.echo(f"wrote {to}")


def _read(path: Path) -> Share:
    from posterm.console.errors import InputError
    from posterm.hsm.shares import Share

    try:
        text = path.read_text(encoding="ascii")
    except (OSError, ValueError):
        raise InputError(f"cannot read a share from {path}") from None
    return Share.parse(text)


def _ask() -> list[Share]:
    """The shares as their keepers type them in, as many as the first one says."""
    from posterm.hsm.shares import Share

    shares = [Share.parse(typer.prompt("Share", hide_input=True))]
    shares += [Share.parse(typer.prompt("Next share", hide_input=True)) for _ in range(shares[0].threshold - 1)]
    return shares


def _new_passphrase() -> str:
    import os

    from posterm.runtime.assembly import PASSPHRASE_VARIABLE

    given = os.environ.get(PASSPHRASE_VARIABLE)
    return given or str(typer.prompt("Passphrase for the file", hide_input=True, confirmation_prompt=True))
