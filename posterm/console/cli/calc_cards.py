"""`posterm calc cvv`, `pvv` and `offset`: what an issuer keeps of a card and of a PIN, under clear test keys."""

from __future__ import annotations

from typing import Annotated

import typer

from posterm.console.cli.calc_output import choose, write
from posterm.console.cli.options import JsonOption, examples

app = typer.Typer()

_Pan = Annotated[str, typer.Option("--pan", metavar="DIGITS", help="A test card number.", show_default=False)]
_Pin = Annotated[str, typer.Option("--pin", metavar="DIGITS", help="A test PIN, 4 to 12 digits.", show_default=False)]
_Steps = Annotated[bool, typer.Option("--steps", help="Show what is computed on the way.")]


def _key(what: str) -> object:
    return typer.Option("--key", metavar="HEX", help=f"A clear test {what}, 16 bytes.", show_default=False)


@app.command(
    "cvv",
    epilog=examples(
        "posterm calc cvv --key 00112233445566778899AABBCCDDEEFF --pan 4123456789012345 --expiry 8701 "
        "--service-code 101",
        "posterm calc cvv --kind icvv --key 00112233445566778899AABBCCDDEEFF --pan 4123456789012345 --expiry 8701 "
        "--steps",
    ),
)
def cvv(
    key: Annotated[str, _key("CVK")],
    pan: _Pan,
    expiry: Annotated[
        str,
        typer.Option(
            "--expiry",
            metavar="YYMM",
            help="In the order that counts: the digits are used as typed.",
            show_default=False,
        ),
    ],
    service_code: Annotated[
        str, typer.Option("--service-code", metavar="DIGITS", help="3 digits, for cvv alone.")
    ] = "",
    kind: Annotated[
        str, typer.Option("--kind", metavar="NAME", help="cvv, cvv2 (service code 000) or icvv (999).")
    ] = "cvv",
    steps: _Steps = False,
    as_json: JsonOption = False,
) -> None:
    """Compute the 3 digits of a card verification value."""
    from posterm.console.captured import parse_hex
    from posterm.hsm.card_values import CardValue, card_value, service_code_for, value_input
    from posterm.hsm.keys import Algorithm
    from posterm.hsm.mac import MacAlgorithm, MacKey
    from posterm.sensitive import Pan

    cvk = MacKey(Algorithm.TDES_DOUBLE, parse_hex(key, "--key"))
    code = service_code_for(choose("kind", kind, CardValue), service_code)
    value = card_value(cvk, Pan(pan), expiry, code)
    data = value_input(Pan(pan).reveal(), expiry, code)
    mac = cvk.generate(MacAlgorithm.X9_19, bytes.fromhex(data)).hex().upper()
    write(value, [("input", data), ("MAC", mac)], show_steps=steps, as_json=as_json, name="cvv")


@app.command(
    "pvv",
    epilog=examples(
        "posterm calc pvv --key 13345779133457791334577913345779 --pan 1234567890123 --pin 1234 --index 0",
    ),
)
def pvv(
    key: Annotated[str, _key("PVK")],
    pan: _Pan,
    pin: _Pin,
    index: Annotated[int, typer.Option("--index", metavar="0-6", help="Which of the issuer's keys this is.")] = 1,
    steps: _Steps = False,
    as_json: JsonOption = False,
) -> None:
    """Compute the 4 digits of a Visa PIN verification value."""
    from posterm.console.captured import parse_hex
    from posterm.hsm import Pin, pin_verify
    from posterm.hsm.keys import Algorithm
    from posterm.hsm.primitives import BlockCipher
    from posterm.sensitive import Pan

    cipher = BlockCipher(Algorithm.TDES_DOUBLE, parse_hex(key, "--key"))
    data = pin_verify.pvv_input(Pin(pin).reveal(), Pan(pan), index)
    way = [("input", data), ("enciphered", cipher.encrypt(bytes.fromhex(data)).hex().upper())]
    write(pin_verify.pvv(cipher, pin, Pan(pan), index), way, show_steps=steps, as_json=as_json, name="pvv")


@app.command(
    "offset",
    epilog=examples(
        "posterm calc offset --key 00112233445566778899AABBCCDDEEFF --pan 4111111111111111 --pin 1234",
        "posterm calc offset --key 00112233445566778899AABBCCDDEEFF --pan 4111111111111111 --pin 1234 "
        "--validation-data 1122334455667788 --table 1234567890123456 --steps",
    ),
)
def offset(
    key: Annotated[str, _key("PVK")],
    pan: _Pan,
    pin: _Pin,
    validation_data: Annotated[
        str | None,
        typer.Option(
            "--validation-data",
            metavar="HEX",
            help="16 digits; without it, 12 card digits and FFFF.",
            show_default=False,
        ),
    ] = None,
    table: Annotated[
        str, typer.Option("--table", metavar="DIGITS", help="The decimalisation table.")
    ] = "0123456789012345",
    steps: _Steps = False,
    as_json: JsonOption = False,
) -> None:
    """Compute the IBM 3624 offset of a PIN, as many digits as the PIN has."""
    from posterm.console.captured import parse_hex
    from posterm.hsm import Pin, pin_verify
    from posterm.hsm.keys import Algorithm
    from posterm.hsm.primitives import BlockCipher
    from posterm.sensitive import Pan

    cipher = BlockCipher(Algorithm.TDES_DOUBLE, parse_hex(key, "--key"))
    digits, card = Pin(pin).reveal(), Pan(pan)
    data = pin_verify.default_validation_data(card) if validation_data is None else validation_data
    natural = pin_verify.natural_pin(cipher, len(digits), data, table)
    enciphered = cipher.encrypt(bytes.fromhex(data)).hex().upper()
    way = [("input", data), ("enciphered", enciphered), ("natural PIN", natural)]
    write(pin_verify.offset_of(digits, natural), way, show_steps=steps, as_json=as_json, name="offset")
