"""`posterm calc arqc` and `arpc`: a chip card's cryptogram and the issuer's answer, under clear test keys."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from posterm.console.cli.calc_output import write
from posterm.console.cli.options import JsonOption, examples

if TYPE_CHECKING:
    from posterm.hsm.cryptogram import Cvn

app = typer.Typer()

_Key = Annotated[
    str, typer.Option("--key", metavar="HEX", help="A clear test issuer master key, 16 bytes.", show_default=False)
]
_Pan = Annotated[str, typer.Option("--pan", metavar="DIGITS", help="A test card number.", show_default=False)]
_Sequence = Annotated[str, typer.Option("--sequence", metavar="DIGITS", help="The PAN sequence number.")]
_Version = Annotated[
    str,
    typer.Option(
        "--version",
        metavar="NAME",
        help="visa-10, visa-14, visa-17, visa-18, visa-22, mchip-16, mchip-17, mchip-20, mchip-21 or unionpay-01.",
        show_default=False,
    ),
]
_Data = Annotated[
    str,
    typer.Option("--data", metavar="HEX", help="The tags as BER-TLV, such as DE 55 carries them.", show_default=False),
]
_Steps = Annotated[bool, typer.Option("--steps", help="Show the keys and the exact input.")]

_DATA_10 = (
    "9F0206000000009999 9F0306000000000000 9F1A020840 95058000048000 5F2A020840 9A03991231 9C0101 9F370452BF4585 "
    "82021800 9F3602001C 9F100706010A03A0B800"
)


@app.command(
    "arqc",
    epilog=examples(
        "posterm calc arqc --version visa-10 --key 00112233445566778899AABBCCDDEEFF --pan 4111111111111111 "
        f'--data "{_DATA_10}" --steps',
    ),
)
def arqc(
    version: _Version,
    key: _Key,
    pan: _Pan,
    data: _Data,
    sequence: _Sequence = "00",
    steps: _Steps = False,
    as_json: JsonOption = False,
) -> None:
    """Compute an ARQC, TC or AAC: 8 bytes over the card's and the terminal's data."""
    from posterm.hsm import cryptogram

    cvn, card, tags = _card(version, key, pan, sequence, data)
    way = [
        ("card key", card),
        ("session key", cryptogram.session_key(cvn, card, tags)),
        ("input", cryptogram.cryptogram_input(cvn, tags)),
    ]
    value = cryptogram.generate(cvn, card, tags).hex().upper()
    shown = [(name, found.hex().upper()) for name, found in way]
    write(value, shown, show_steps=steps, as_json=as_json, name="cryptogram")


@app.command(
    "arpc",
    epilog=examples(
        "posterm calc arpc --version unionpay-01 --key 00112233445566778899AABBCCDDEEFF --pan 6200000000000005 "
        "--data 9F3602001C --arqc 1122334455667788 --answer 3030",
    ),
)
def arpc(
    version: _Version,
    key: _Key,
    pan: _Pan,
    data: _Data,
    cryptogram_given: Annotated[str, typer.Option("--arqc", metavar="HEX", help="8 bytes.", show_default=False)],
    answer: Annotated[
        str,
        typer.Option(
            "--answer", metavar="HEX", help="Response code (2 bytes), or card status update (4).", show_default=False
        ),
    ],
    sequence: _Sequence = "00",
    steps: _Steps = False,
    as_json: JsonOption = False,
) -> None:
    """Compute the ARPC, the issuer's answer: 8 bytes by method 1, 4 by method 2."""
    from posterm.console.captured import parse_hex
    from posterm.hsm import cryptogram

    cvn, card, tags = _card(version, key, pan, sequence, data)
    asked, code = parse_hex(cryptogram_given, "--arqc"), parse_hex(answer, "--answer")
    value = cryptogram.arpc(cvn, card, tags, asked, code).hex().upper()
    session = card if cvn.arpc_by_card_key else cryptogram.session_key(cvn, card, tags)
    way = [("card key", card), ("key", session), ("input", cryptogram.arpc_input(cvn, asked, code))]
    shown = [(name, found.hex().upper()) for name, found in way]
    write(value, shown, show_steps=steps, as_json=as_json, name="arpc")


def _card(version: str, key: str, pan: str, sequence: str, data: str) -> tuple[Cvn, bytes, dict[int, bytes]]:
    """The version, the card's key and the tags that a user typed."""
    from posterm.console.captured import parse_hex
    from posterm.console.cli.endings import printable
    from posterm.console.errors import InputError
    from posterm.hsm.cryptogram import VERSIONS
    from posterm.hsm.emv_keys import card_key
    from posterm.sensitive import Pan
    from posterm.tlv import TlvError, parse

    cvn = VERSIONS.get(version.lower())
    if cvn is None:
        raise InputError(f"--version: no {printable(version)[:40]!r}", hint=f"there are {', '.join(VERSIONS)}")
    master = card_key(parse_hex(key, "--key"), Pan(pan), sequence, option_b=cvn.option_b)
    try:
        objects = parse(parse_hex(data, "--data"))
    except TlvError as error:
        raise InputError(f"--data: {error}") from None
    return cvn, master, {int(tag, 16): value for tag, value in objects}
