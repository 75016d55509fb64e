"""`posterm hsm key …`: named keys of the HSM, made, brought in, sent out and listed. None is shown in the clear."""

from __future__ import annotations

from contextlib import AbstractContextManager
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypeVar

import typer

from posterm.console.cli.options import ConfigOption, JsonOption, examples
from posterm.console.cli.output import clear_screen, write_columns, write_json

if TYPE_CHECKING:
    from posterm.console.hsm_desk import HsmDesk
    from posterm.hsm import Algorithm, Exportability, KeyUsage, ModeOfUse
    from posterm.hsm.key_register import NamedKey

E = TypeVar("E", bound=StrEnum)

app = typer.Typer(no_args_is_help=True, help="Keys of the HSM by name: generate, import, export, components, list.")

NameArgument = Annotated[str, typer.Argument(metavar="NAME", help="The key's name: letters, digits, . _ -")]
UsageOption = Annotated[str, typer.Option("--usage", "-u", metavar="CODE", help="What it is for: P0, M0, K0, D0, V1 …")]
AlgorithmOption = Annotated[
    str, typer.Option("--algorithm", "-a", metavar="NAME", help="des, tdes-double, tdes-triple, aes-128 … sm4.")
]
ModeOption = Annotated[
    str, typer.Option("--mode", metavar="LETTER", help="Mode of use: B C D E G N V; else the usual one of the usage.")
]
ExportabilityOption = Annotated[str, typer.Option("--exportability", metavar="LETTER", help="E, N or S.")]


@app.command(
    epilog=examples(
        "posterm hsm key generate zone-pin -u P0 -a tdes-double",
        "posterm hsm key generate cards -u 21 -a aes-256 --exportability N",
    )
)
def generate(
    name: NameArgument,
    usage: UsageOption,
    algorithm: AlgorithmOption = "tdes-double",
    mode: ModeOption = "",
    exportability: ExportabilityOption = "E",
    config: ConfigOption = None,
) -> None:
    """Make a random key and keep it under a name."""
    attributes = _attributes(usage, algorithm, mode, exportability)
    with _desk(config) as desk:
        key = desk.hsm.generate_key(attributes[0], attributes[1], mode=attributes[2], exportability=attributes[3])
        _tell(desk.keep(name, key, "key-generated"))


@app.command(
    "import",
    epilog=examples(
        "posterm hsm key import zone-mac -u M0 -a des --kek zone-master --cryptogram 0123456789ABCDEF --kcv 1A2B3C",
        "posterm hsm key import zone-pin --key-block S10096P0TB00E0000…",
    ),
)
def import_key(
    name: NameArgument,
    usage: UsageOption = "",
    algorithm: AlgorithmOption = "tdes-double",
    kek: Annotated[str, typer.Option("--kek", metavar="NAME", help="The key it comes under, K0, by its name.")] = "",
    cryptogram: Annotated[str, typer.Option(metavar="HEX", help="The enciphered key.")] = "",
    kcv: Annotated[str, typer.Option(metavar="HEX", help="Its check value, 2 bytes or more.")] = "",
    key_block: Annotated[str, typer.Option(metavar="S…", help="A key block under this LMK, instead.")] = "",
    mode: ModeOption = "",
    exportability: ExportabilityOption = "E",
    config: ConfigOption = None,
) -> None:
    """Bring a key in that is enciphered under a key encryption key, or name a key block of this LMK."""
    from posterm.console.errors import InputError
    from posterm.hsm import KeyBlock

    if bool(key_block) == bool(cryptogram and kek and usage):
        raise InputError("need --key-block, or --usage, --kek and --cryptogram")
    with _desk(config) as desk:
        if key_block:
            key = KeyBlock(key_block)
        else:
            attributes = _attributes(usage, algorithm, mode, exportability)
            key = desk.hsm.import_key(
                desk.key(kek),
                _hex("--cryptogram", cryptogram),
                attributes[0],
                attributes[1],
                _hex("--kcv", kcv) if kcv else None,
                mode=attributes[2],
                exportability=attributes[3],
            )
        _tell(desk.keep(name, key, "key-imported"))


@app.command(epilog=examples("posterm hsm key export zone-pin --kek zone-master"))
def export(
    name: NameArgument,
    kek: Annotated[str, typer.Option("--kek", metavar="NAME", help="The key it goes under, K0, by its name.")],
    as_json: JsonOption = False,
    config: ConfigOption = None,
) -> None:
    """Write a key enciphered under a key encryption key, with its check value."""
    import json

    with _desk(config) as desk:
        exported = desk.hsm.export_key(desk.key(kek), desk.key(name))
        desk.record("key-exported", name=name, kek=kek)
    document = {"name": name, "kek": kek, "cryptogram": exported.cryptogram.hex().upper(), "kcv": exported.kcv.hex()}
    if as_json:
        typer.echo(json.dumps(document, indent=2))
        return
    typer.echo(f"{name} under {kek}: {document['cryptogram']}, check value {exported.kcv.hex().upper()}")


@app.command(
    epilog=examples(
        "posterm hsm key components zone-master -u K0 -a tdes-double",
        "posterm hsm key components zone-master -u K0 --parts 3 --draw",
    )
)
def components(
    name: NameArgument,
    usage: UsageOption,
    algorithm: AlgorithmOption = "tdes-double",
    parts: Annotated[int, typer.Option(min=2, max=9, help="How many keepers hold a component each.")] = 2,
    draw: Annotated[
        bool, typer.Option("--draw", help="Make new components and show each to its keeper, instead of asking.")
    ] = False,
    mode: ModeOption = "",
    exportability: ExportabilityOption = "E",
    config: ConfigOption = None,
) -> None:
    """Make a key of components, one keeper after the other; no one sees more than one, and no one sees the key."""
    attributes = _attributes(usage, algorithm, mode, exportability)
    with _desk(config) as desk:
        desk.record("component-ceremony", name=name, parts=parts, drawn=str(draw).lower())
        held = [_component(number, attributes[1], draw=draw) for number in range(1, parts + 1)]
        key = desk.hsm.combine_components(
            held, attributes[0], attributes[1], mode=attributes[2], exportability=attributes[3]
        )
        _tell(desk.keep(name, key, "key-from-components"))


@app.command("list", epilog=examples("posterm hsm key list", "posterm hsm key list --json"))
def list_keys(as_json: JsonOption = False, config: ConfigOption = None) -> None:
    """List the named keys: usage, algorithm, mode, exportability, check value. The server must be stopped."""
    with _desk(config) as desk:
        rows = [_row(desk, named) for named in desk.state.register.keys.values()]
    if as_json:
        names = ("name", "usage", "algorithm", "mode", "exportability", "kcv", "key")
        write_json([dict(zip(names, row, strict=True)) for row in rows])
        return
    write_columns(("Name", "Usage", "Algorithm", "Mode", "Exp", "KCV"), [row[:6] for row in rows], ("cyan",))


@app.command(epilog=examples("posterm hsm key drop zone-pin"))
def drop(name: NameArgument, config: ConfigOption = None) -> None:
    """Forget a named key."""
    with _desk(config) as desk:
        register = desk.state.register.drop(name)
        desk.record("key-dropped", name=name)
        desk.state.store(register)
    typer.echo(f"dropped {name}")


def _desk(config: Path | None) -> AbstractContextManager[HsmDesk]:
    from posterm.console.configuration import load_configuration
    from posterm.console.hsm_desk import hsm_desk

    return hsm_desk(load_configuration(config))


def _attributes(
    usage: str, algorithm: str, mode: str, exportability: str
) -> tuple[KeyUsage, Algorithm, ModeOfUse | None, Exportability]:
    from posterm.hsm import Algorithm, Exportability, KeyUsage, ModeOfUse

    return (
        _one_of(KeyUsage, "--usage", usage.upper()),
        _one_of(Algorithm, "--algorithm", algorithm.lower()),
        _one_of(ModeOfUse, "--mode", mode.upper()) if mode else None,
        _one_of(Exportability, "--exportability", exportability.upper()),
    )


def _one_of(kind: type[E], option: str, text: str) -> E:
    from posterm.console.errors import InputError

    try:
        return kind(text)
    except ValueError:
        raise InputError(f"{option}: need one of {', '.join(str(each) for each in kind)}") from None


def _hex(option: str, text: str) -> bytes:
    from posterm.console.captured import parse_hex

    return parse_hex(text, option)


def _component(number: int, algorithm: Algorithm, *, draw: bool) -> bytes:
    """One keeper's component: shown to the keeper, or typed in, with its check value either way."""
    import os

    from posterm.console.errors import InputError
    from posterm.hsm.primitives import check_value

    if not typer.confirm(f"Is the keeper of component {number} alone at the screen?"):
        raise InputError("the ceremony was broken off; no key was made")
    if draw:
        component = os.urandom(algorithm.key_bytes)
        typer.echo(f"component {number}: {component.hex().upper()}")
    else:
        component = _hex(f"component {number}", typer.prompt(f"Component {number}", hide_input=True))
    typer.echo(f"its check value: {check_value(algorithm, component, 3).hex().upper()}")
    if draw:
        typer.prompt("Press Enter when it is written down", default="", show_default=False)
        clear_screen()
    elif not typer.confirm("Is that the check value on the keeper's form?"):
        raise InputError("the ceremony was broken off; no key was made", hint="a digit was misread")
    return component


def _row(desk: HsmDesk, named: NamedKey) -> tuple[str, ...]:
    from posterm.hsm import KeyBlock

    key = KeyBlock(named.key)
    algorithm = desk.hsm.key_algorithm(key)
    return named.name, str(key.usage), str(algorithm), str(key.mode), str(key.exportability), named.kcv, named.key


def _tell(named: NamedKey) -> None:
    typer.echo(f"{named.name}, check value {named.kcv}")
    typer.echo(named.key)
