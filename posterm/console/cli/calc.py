"""`posterm calc`: MACs, PIN blocks and key check values under clear test keys; the other commands stand beside.

The first line of each output is the value alone, so that a script can take it; what explains it follows.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable
from typing import TYPE_CHECKING, Annotated

import typer

from posterm.console.cli import calc_cards, calc_chip, calc_keys
from posterm.console.cli.calc_output import choose, write_json, write_pairs
from posterm.console.cli.options import JsonOption, examples

if TYPE_CHECKING:
    from posterm.hsm import Algorithm, PinFormat

app = typer.Typer(
    no_args_is_help=True,
    help="Compute MACs, PIN blocks, card values, keys and cryptograms. For clear test keys only: arguments stay in "
    "shell histories.",
)

_KEY_HELP = "A clear test key, hexadecimal."
_Key = Annotated[str, typer.Option("--key", metavar="HEX", help=_KEY_HELP, show_default=False)]


@app.command(
    "mac",
    epilog=examples(
        "posterm calc mac --algorithm unionpay-ecb --key 0011223344556677 --data 0200 --steps",
        "posterm calc mac --algorithm x9.19 --key 00112233445566778899AABBCCDDEEFF --data - < block.hex",
    ),
)
def mac(
    algorithm: Annotated[
        str,
        typer.Option(
            "--algorithm",
            metavar="NAME",
            help="unionpay-ecb, xor-tdes-binary, x9.9, x9.19, unionpay-sm4-ecb, sm4-cbc-text, sm4-cbc-binary, "
            "iso9797-1-pad1, iso9797-1-pad2, iso9797-1-pad3, iso9797-3-pad2, iso9797-3-pad3, tdes-cmac, aes-cmac "
            "or none.",
            show_default=False,
        ),
    ],
    key: _Key,
    data: Annotated[
        str,
        typer.Option(
            "--data",
            metavar="HEX",
            help="From the message type to the end of the last element before 64, with bit 64 set in the bitmap. "
            "- reads it from standard input.",
            show_default=False,
        ),
    ],
    steps: Annotated[bool, typer.Option("--steps", help="Show what is computed on the way.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Compute the 8 bytes of DE 64 under a clear test key.

    The key's length says which cipher it is for: 8 bytes DES, 16 double-length TDES or SM4, 24 triple-length TDES.
    """
    from posterm.console.captured import parse_hex
    from posterm.hsm.mac import MacAlgorithm, explain

    name = choose("algorithm", algorithm, MacAlgorithm)
    way = explain(name, parse_hex(key, "--key"), _data(data))
    value = way[-1][1]
    text = bytes.fromhex(value).decode("ascii") if name in _text_macs() else ""
    if as_json:
        document: dict[str, object] = {"algorithm": name.value, "mac": value}
        document |= {"text": text} if text else {}
        document |= {"steps": [{"name": step, "value": shown} for step, shown in way]} if steps else {}
        write_json(document)
        return
    typer.echo(value)
    write_pairs([("text", text)] if text else [])
    write_pairs(way[:-1] if steps else [])


@app.command(
    "pinblock",
    epilog=examples(
        "posterm calc pinblock --format iso0 --pin 1234 --pan 4111111111111111",
        "posterm calc pinblock --format no-pan --pin 1234 --key 00112233445566778899AABBCCDDEEFF",
        "posterm calc pinblock --format iso4 --pin 1234 --pan 4111111111111111 --key 00112233445566778899AABBCCDDEEFF",
    ),
)
def pinblock(
    pin_format: Annotated[
        str,
        typer.Option(
            "--format",
            metavar="NAME",
            help="iso0 (with PAN), no-pan, no-pin, sm4-pan, sm4-no-pan, iso-1, iso-2, iso-3, iso-4 or diebold.",
        ),
    ] = "iso0",
    pin: Annotated[
        str | None, typer.Option("--pin", metavar="DIGITS", help="A test PIN, 4 to 12 digits.", show_default=False)
    ] = None,
    pan: Annotated[
        str | None,
        typer.Option(
            "--pan", metavar="DIGITS", help="A test card number, for the formats with PAN.", show_default=False
        ),
    ] = None,
    key: Annotated[
        str | None,
        typer.Option("--key", metavar="HEX", help=f"{_KEY_HELP} With it, the block is enciphered.", show_default=False),
    ] = None,
    fill: Annotated[
        str | None,
        typer.Option(
            "--fill",
            metavar="HEX",
            help="8 bytes for iso-1, iso-3 and iso-4 instead of random ones.",
            show_default=False,
        ),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Build a clear PIN block, and encipher it when there is a key.

    A key of 8 bytes is DES, of 16 double-length TDES (SM4 for the sm4 formats), of 24 triple-length TDES; for iso-4 it
    is an AES key of 16, 24 or 32.
    """
    from secrets import token_bytes

    from posterm.console.captured import parse_hex
    from posterm.hsm.pin_block import FILL_BYTES, Pin, PinFormat, encipher, encode
    from posterm.hsm.primitives import BlockCipher
    from posterm.sensitive import Pan

    name = choose("format", pin_format, PinFormat)
    card = None if pan is None else Pan(pan)
    entropy = token_bytes(FILL_BYTES) if fill is None else parse_hex(fill, "--fill")
    clear = encode(name, None if pin is None else Pin(pin), card, entropy)
    pairs = [("clear", clear.hex().upper())]
    if key is not None:
        clear_key = parse_hex(key, "--key")
        cipher = BlockCipher(_pin_cipher(name, clear_key), clear_key)
        pairs.append(("enciphered", encipher(cipher, clear, name, card).hex().upper()))
    if as_json:
        write_json({"format": name.value, **dict(pairs)})
        return
    typer.echo(pairs[0][1])
    write_pairs(pairs[1:])


@app.command(
    "kcv",
    epilog=examples(
        "posterm calc kcv --key 00112233445566778899AABBCCDDEEFF",
        "posterm calc kcv --key 00112233445566778899AABBCCDDEEFF --algorithm sm4 --length 3",
    ),
)
def kcv(
    key: _Key,
    algorithm: Annotated[
        str | None,
        typer.Option(
            "--algorithm",
            metavar="NAME",
            help="des, tdes, tdes-double, tdes-triple, sm4, aes, aes-128, aes-192 or aes-256. "
            "Without it, the key's length says: 8 des, 16 and 24 tdes, 32 aes.",
            show_default=False,
        ),
    ] = None,
    length: Annotated[int, typer.Option("--length", metavar="BYTES", help="How many bytes of it, from the left.")] = 4,
    as_json: JsonOption = False,
) -> None:
    """Compute the check value of a clear test key: the enciphered zero block, for AES its CMAC."""
    from posterm.console.captured import parse_hex
    from posterm.hsm.primitives import check_value

    clear_key = parse_hex(key, "--key")
    name = _key_algorithm(algorithm, clear_key)
    value = check_value(name, clear_key, length).hex().upper()
    if as_json:
        write_json({"algorithm": name.value, "kcv": value})
        return
    typer.echo(value)


def _text_macs() -> frozenset[str]:
    """The MACs that DE 64 carries as eight characters of text."""
    from posterm.hsm.mac import MacAlgorithm

    return frozenset({MacAlgorithm.UNIONPAY_ECB, MacAlgorithm.UNIONPAY_SM4_ECB, MacAlgorithm.SM4_CBC_TEXT})


def _pin_cipher(form: PinFormat, key: bytes) -> Algorithm:
    from posterm.hsm import Algorithm, PinFormat

    if form is PinFormat.ISO_4:
        return _of_length("PIN block", key, (Algorithm.AES_128, Algorithm.AES_192, Algorithm.AES_256))
    if form.block_bytes == 16:
        return Algorithm.SM4
    return _of_length("PIN block", key, (Algorithm.DES, Algorithm.TDES_DOUBLE, Algorithm.TDES_TRIPLE))


def _key_algorithm(name: str | None, key: bytes) -> Algorithm:
    """The algorithm a user named, or the one a key of this length is usually for."""
    from posterm.hsm import Algorithm

    by_length = {
        None: (Algorithm.DES, Algorithm.TDES_DOUBLE, Algorithm.TDES_TRIPLE, Algorithm.AES_256),
        "tdes": (Algorithm.TDES_DOUBLE, Algorithm.TDES_TRIPLE),
        "aes": (Algorithm.AES_128, Algorithm.AES_192, Algorithm.AES_256),
    }
    family = None if name is None else name.lower()
    if family in by_length:
        return _of_length("key check value", key, by_length[family])
    return choose("algorithm", str(name), Algorithm)


def _of_length(what: str, key: bytes, candidates: Iterable[Algorithm]) -> Algorithm:
    from posterm.console.errors import InputError

    sizes = {candidate.key_bytes: candidate for candidate in candidates}
    if len(key) not in sizes:
        raise InputError(f"{what}: need a key of {' or '.join(map(str, sizes))} bytes, this has {len(key)}")
    return sizes[len(key)]


def _data(given: str) -> bytes:
    """The bytes a MAC is made over; there may be none."""
    from posterm.console.captured import MAX_CHARACTERS, parse_hex

    text = sys.stdin.buffer.read(MAX_CHARACTERS + 1).decode("ascii", "replace") if given == "-" else given
    return parse_hex(text, "--data") if text.strip() else b""


app.add_typer(calc_cards.app)
app.add_typer(calc_keys.app)
app.add_typer(calc_chip.app)
