"""`posterm calc dukpt` and `keyblock`: keys derived and keys wrapped, in the clear, for tests."""

from __future__ import annotations

from typing import Annotated

import typer

from posterm.console.cli.calc_output import write, write_json, write_pairs
from posterm.console.cli.options import JsonOption, examples

app = typer.Typer()
keyblock = typer.Typer(no_args_is_help=True, help="Wrap, open and read key blocks of TR-31 and X9.143.")
app.add_typer(keyblock, name="keyblock")

_Kbpk = Annotated[
    str, typer.Option("--kbpk", metavar="HEX", help="The clear test key that protects the block.", show_default=False)
]


@app.command(
    "dukpt",
    epilog=examples(
        "posterm calc dukpt --bdk 00112233445566778899AABBCCDDEEFF --ksn FFFF9876543210E00001",
        "posterm calc dukpt --bdk FEDCBA9876543210F1F1F1F1F1F1F1F1 --ksn 123456789012345600000001 --json",
    ),
)
def dukpt(
    bdk: Annotated[
        str, typer.Option("--bdk", metavar="HEX", help="A clear test base derivation key.", show_default=False)
    ],
    ksn: Annotated[
        str,
        typer.Option(
            "--ksn", metavar="HEX", help="10 bytes for TDES, 12 for AES: they say which it is.", show_default=False
        ),
    ],
    as_json: JsonOption = False,
) -> None:
    """Derive the keys of one DUKPT transaction: first the transaction's, then the initial and the working keys."""
    from posterm.console.captured import parse_hex
    from posterm.hsm import dukpt_aes, dukpt_tdes

    base, number = parse_hex(bdk, "--bdk"), parse_hex(ksn, "--ksn")
    if len(number) == dukpt_aes.KSN_BYTES:
        device = dukpt_aes.AesDukptDevice.of_bdk(base, number)
        keys = {use.name.lower().replace("_", "-"): device.working_key(number, use) for use in dukpt_aes.WORKING_USES}
        initial, transaction = dukpt_aes.initial_key(base, number[:8]), device.transaction_key(number)
    else:
        tdes = dukpt_tdes.TdesDukptDevice.of_bdk(base, number)
        keys = {use.value: tdes.working_key(number, use) for use in dukpt_tdes.TdesKeyUse}
        initial, transaction = dukpt_tdes.initial_key(base, number), tdes.transaction_key(number)
    shown = {"initial": initial.hex().upper()} | {use: key.hex().upper() for use, key in keys.items()}
    if as_json:
        write_json({"transaction": transaction.hex().upper(), **shown})
        return
    typer.echo(transaction.hex().upper())
    write_pairs(shown.items())


@keyblock.command(
    "wrap",
    epilog=examples(
        "posterm calc keyblock wrap --kbpk 00112233445566778899AABBCCDDEEFF --key FFEEDDCCBBAA99887766554433221100 "
        "--version B --usage P0 --algorithm T --mode E",
    ),
)
def wrap(
    kbpk: _Kbpk,
    key: Annotated[str, typer.Option("--key", metavar="HEX", help="The clear test key to wrap.", show_default=False)],
    version: Annotated[str, typer.Option("--version", metavar="A-E", help="A, B, C under TDES; D, E under AES.")] = "D",
    usage: Annotated[str, typer.Option("--usage", metavar="XX", help="Key usage, such as P0 or M3.")] = "P0",
    algorithm: Annotated[str, typer.Option("--algorithm", metavar="X", help="T TDES, A AES, D DES, H HMAC.")] = "T",
    mode: Annotated[str, typer.Option("--mode", metavar="X", help="Mode of use, such as B, E, C, N.")] = "B",
    exportability: Annotated[str, typer.Option("--exportability", metavar="X", help="E, N or S.")] = "E",
    optional: Annotated[
        list[str] | None, typer.Option("--optional", metavar="XX=DATA", help="An optional block; may be repeated.")
    ] = None,
) -> None:
    """Wrap a clear test key into a key block. Its fill is random, so no two blocks are the same."""
    from secrets import token_bytes

    from posterm.console.captured import parse_hex
    from posterm.hsm import tr31

    blocks = tuple(tr31.OptionalBlock(*text.partition("=")[::2]) for text in optional or ())
    header = tr31.Tr31Header(version, usage, algorithm, mode, exportability=exportability, optional=blocks)
    typer.echo(tr31.wrap(parse_hex(kbpk, "--kbpk"), header, parse_hex(key, "--key"), token_bytes))


@keyblock.command(
    "unwrap",
    epilog=examples(
        "posterm calc keyblock unwrap --kbpk DD7515F2BFC17F85CE48F3CA25CB21F6 "
        "B0080P0TE00E000094B420079CC80BA3461F86FE26EFC4A3B8E4FA4C5F5341176EED7B727B8A248E",
    ),
)
def unwrap(
    block: Annotated[str, typer.Argument(metavar="BLOCK", show_default=False)],
    kbpk: _Kbpk,
    steps: Annotated[bool, typer.Option("--steps", help="Show the keys derived on the way.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Open a key block and write the clear test key in it."""
    from posterm.console.captured import parse_hex
    from posterm.hsm import tr31

    protection = parse_hex(kbpk, "--kbpk")
    header, key = tr31.unwrap(protection, block)
    encryption_key, mac_key = tr31.derive(header.version, protection)
    way = [("encryption key", encryption_key.hex().upper()), ("MAC key", mac_key.hex().upper())]
    write(key.hex().upper(), way, show_steps=steps, as_json=as_json, name="key")


@keyblock.command(
    "describe",
    epilog=examples(
        "posterm calc keyblock describe "
        "B0080P0TE00E000094B420079CC80BA3461F86FE26EFC4A3B8E4FA4C5F5341176EED7B727B8A248E",
    ),
)
def describe(
    block: Annotated[str, typer.Argument(metavar="BLOCK", show_default=False)], as_json: JsonOption = False
) -> None:
    """Read what a key block says in the clear. Nothing proves that it is authentic."""
    from posterm.hsm import tr31

    header, start = tr31.parse(block)
    shown = {
        "version": header.version,
        "usage": header.usage,
        "algorithm": header.algorithm,
        "mode of use": header.mode,
        "key version": header.key_version,
        "exportability": header.exportability,
    }
    shown |= {f"optional {optional.name}": optional.data for optional in header.optional}
    shown["sealed"] = f"{(len(block) - start) // 2} bytes"
    if as_json:
        write_json(dict(shown))
        return
    write_pairs(shown.items())
