"""`posterm encode`: the bytes of a message that is given as JSON."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from posterm.console.cli.message_choice import (
    DEFAULT_DIALECT,
    CountsItselfOption,
    DialectOption,
    FramingOption,
    ProfileOption,
    chosen_dialect,
    chosen_length,
    read_file,
)
from posterm.console.cli.options import examples
from posterm.console.cli.output import BinaryOption, write_message

if TYPE_CHECKING:
    from posterm.iso8583 import Dialect, Message

MAX_DOCUMENT_BYTES: Final = 1_048_576


def register(app: typer.Typer) -> None:
    """Add the command to the program."""
    app.command(
        "encode",
        epilog=examples(
            "posterm encode --dialect iso87-ascii - < message.json",
            "posterm decode --json --unmask @frame.hex | posterm encode",
            "posterm encode message.json --framing be16 --binary > frame.bin",
        ),
    )(encode)


def encode(
    file: Annotated[
        str, typer.Argument(metavar="FILE", help="The JSON that decode --json writes; - for standard input.")
    ] = "-",
    dialect: DialectOption = DEFAULT_DIALECT,
    profile: ProfileOption = None,
    framing: FramingOption = None,
    counts_itself: CountsItselfOption = False,
    binary: BinaryOption = False,
) -> None:
    """Write a message from JSON, in the form that decode --json gives.

    Only type and elements count; sub-elements may stand as an object in the place of an element. TPDU and header are
    put in front when the JSON has them, and a length when --framing asks for one.
    """
    from posterm.iso8583 import encode_frame

    table = chosen_dialect(dialect, profile)
    length = chosen_length(framing)
    document = _document(file)
    frame = _lead(document) + table.pack(_message(document, table))
    write_message(encode_frame(frame, length, counts_itself) if length else frame, binary=binary)


def _document(name: str) -> dict[str, Any]:
    import json

    from posterm.console.errors import InputError

    if name == "-":
        content = sys.stdin.buffer.read(MAX_DOCUMENT_BYTES + 1)
        if len(content) > MAX_DOCUMENT_BYTES:
            raise InputError(f"JSON: need at most {MAX_DOCUMENT_BYTES} bytes, have more")
    else:
        content = read_file(name, MAX_DOCUMENT_BYTES)
    try:
        document = json.loads(content)
    except (ValueError, RecursionError) as error:
        where = f", at line {error.lineno} column {error.colno}" if isinstance(error, json.JSONDecodeError) else ""
        raise InputError(
            f"JSON{where}: need a message, have no JSON", hint="posterm decode --json --unmask writes the form"
        ) from None
    if not isinstance(document, dict):
        raise InputError(
            "JSON: need one object, have another value", hint="of several messages, give one object of the list"
        )
    return document


def _lead(document: dict[str, Any]) -> bytes:
    """TPDU and header, or other headers, when the JSON has them."""
    from posterm.console.captured import parse_hex
    from posterm.console.errors import InputError

    parts = [(key, document[key]) for key in ("tpdu", "header") if document.get(key)]
    headers = document.get("headers", [])
    if not isinstance(headers, list) or any(not isinstance(each, dict) for each in headers):
        raise InputError("JSON, headers: need a list of objects, have another value")
    lead = b""
    for key, value in [*parts, *(("headers", each.get("bytes")) for each in headers)]:
        if not isinstance(value, str):
            raise InputError(f"JSON, {key}: need hexadecimal digits, have another value")
        lead += parse_hex(value, f"JSON, {key}")
    return lead


def _message(document: dict[str, Any], table: Dialect) -> Message:
    from posterm.console.errors import InputError
    from posterm.iso8583.describe import from_json

    message = from_json(document)
    for number, value in message.items():
        element = table.elements.get(number)
        if element is None or not element.sensitive or not isinstance(value, str) or not value:
            continue
        if set(value) == {"*"} or (number in (2, 35) and "*" in value):
            raise InputError(
                f"JSON, DE {number}: need its value, have the mask over it",
                hint="posterm decode --json --unmask keeps the values of test data",
            )
    return message
