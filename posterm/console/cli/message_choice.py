"""Arguments and options by which commands are told a message, its dialect and what stands around it."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final, cast

import typer

if TYPE_CHECKING:
    from posterm.console.captured import Captured
    from posterm.iso8583 import Dialect, FrameHeader
    from posterm.iso8583.framing import LengthForm

DEFAULT_DIALECT: Final = "unionpay-pos"
FRAMINGS: Final = ("be16", "bcd16", "ascii4", "be32", "none")

MessageArgument = Annotated[
    list[str],
    typer.Argument(
        metavar="HEX",
        help="The message, bare or as a frame of the POS link. - reads it from standard input, @FILE from a file of "
        "digits or bytes. Blanks, line ends and colons are ignored.",
        show_default=False,
    ),
]
DialectOption = Annotated[
    str, typer.Option("--dialect", "-d", metavar="NAME", help="A built-in dialect, or a dialect file (.toml).")
]
ProfileOption = Annotated[
    str | None,
    typer.Option(
        "--profile", metavar="NAME|FILE", help="Read it as this acquirer's link has it; goes before --dialect."
    ),
]
UnmaskOption = Annotated[
    bool, typer.Option("--unmask", help="Show card numbers, tracks and keys in the clear; for test data only.")
]
FramingOption = Annotated[
    str | None,
    typer.Option("--framing", metavar="FORM", help="The length before each frame: be16, bcd16, ascii4, be32 or none."),
]
CountsItselfOption = Annotated[bool, typer.Option("--counts-itself", help="The length counts its own bytes too.")]
HeaderOption = Annotated[
    list[str] | None,
    typer.Option(
        "--header",
        metavar="NAME|BYTES",
        help="What stands before the message: tpdu, cups, visa, or so many bytes. May be given several times, "
        "outermost first. Else the TPDU and header of the POS link are found by themselves.",
    ),
]


def chosen_dialect(name: str, profile: str | None = None, *, option: str = "--dialect") -> Dialect:
    """The dialect named on the command line.

    Raises: InputError: none of this name. DialectError, ProfileError: a file that cannot be used.
    """
    from posterm.console.errors import InputError
    from posterm.iso8583 import dialect_names, get_dialect, load_dialect

    if profile is not None:
        from posterm.unionpay.profile import load_profile

        return load_profile(profile).dialect
    if name.endswith(".toml"):
        return load_dialect(name)
    if name not in dialect_names():
        raise InputError(
            f"{option}: no dialect {name[:40]!r}",
            hint=f"built in are {', '.join(dialect_names())}; a dialect file ends in .toml",
        )
    return get_dialect(name)


def chosen_length(framing: str | None) -> LengthForm | None:
    """The length form of `--framing`; None for none. Raises: InputError: no such form."""
    from posterm.console.errors import InputError

    if framing in (None, "none"):
        return None
    if framing not in FRAMINGS:
        raise InputError(f"--framing: need one of {' '.join(FRAMINGS)}, have {framing[:20]!r}")
    return cast("LengthForm", framing)


def chosen_headers(names: list[str] | None) -> tuple[FrameHeader, ...]:
    """The headers of `--header`, outermost first. Raises: InputError: no such header."""
    from posterm.console.errors import InputError
    from posterm.iso8583 import CUPS_HEADER, TPDU, VISA_HEADER, HeaderField, HeaderLayout

    known = {"tpdu": TPDU, "cups": CUPS_HEADER, "visa": VISA_HEADER}
    found: list[FrameHeader] = []
    for name in names or []:
        if name in known:
            found.append(known[name])
        elif name.isascii() and name.isdigit() and 1 <= int(name[:4]) <= 255:
            found.append(HeaderLayout("header", (HeaderField("bytes", int(name[:4])),)))
        else:
            raise InputError(f"--header: need tpdu, cups, visa or 1 to 255 bytes, have {name[:20]!r}")
    return tuple(found)


def given_bytes(arguments: list[str], what: str = "message") -> bytes:
    """The bytes of an argument: hexadecimal digits, `@FILE`, or `-` for standard input.

    Raises: InputError: no digits, a file that cannot be read, or too much of either.
    """
    from posterm.console.captured import MAX_CHARACTERS, parse_hex

    if arguments == ["-"]:
        return parse_hex(sys.stdin.buffer.read(MAX_CHARACTERS + 1).decode("ascii", errors="replace"), what)
    if len(arguments) == 1 and arguments[0].startswith("@"):
        return digits_or_bytes(read_file(arguments[0][1:], MAX_CHARACTERS), what)
    return parse_hex(" ".join(arguments), what)


def read_file(name: str, most: int) -> bytes:
    """The content of a file. Raises: InputError: it cannot be read, or is larger than `most` bytes."""
    from posterm.console.errors import InputError

    try:
        with Path(name).open("rb") as file:
            content = file.read(most + 1)
    except (OSError, ValueError) as error:
        raise InputError(f"{Path(name).name}: need a readable file, have {reason(error)}") from None
    if len(content) > most:
        raise InputError(f"{Path(name).name}: need at most {most} bytes, have more")
    return content


def reason(error: OSError | ValueError) -> str:
    """Why a file cannot be opened, in the system's words."""
    return (getattr(error, "strerror", None) or "a path that cannot be opened").lower()


def digits_or_bytes(content: bytes, what: str, most: int | None = None) -> bytes:
    """What a file holds: hexadecimal digits when it holds nothing else, else the bytes themselves."""
    from posterm.console.captured import MAX_BYTES, parse_hex
    from posterm.console.errors import InputError

    text = content.decode("latin-1")
    if set(text) <= set("0123456789ABCDEFabcdefxX: \t\r\n"):
        return parse_hex(text, what, most or MAX_BYTES)
    if not content:
        raise InputError(f"{what}: need bytes, have none")
    return content


def taken_apart(data: bytes, headers: tuple[FrameHeader, ...]) -> Captured:
    """The message in a frame without its length, or, where no headers are named, in whatever was pasted.

    Raises: FramingError: the named headers are not there.
    """
    from posterm.console.captured import Captured, split
    from posterm.iso8583 import Framing

    if not headers:
        return split(data)
    frame = Framing(headers=headers).split(data)
    lead = b"".join(frame.headers)
    named = tuple((header.name, part) for header, part in zip(headers, frame.headers, strict=True))
    return Captured(frame.message, len(lead), lead=lead, named=named)
