"""`posterm decode`: messages from digits, files, streams and captures, as tables or as JSON."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, BinaryIO

import typer

from posterm.console.cli.endings import FAILED, report
from posterm.console.cli.message_choice import (
    DEFAULT_DIALECT,
    CountsItselfOption,
    DialectOption,
    FramingOption,
    HeaderOption,
    ProfileOption,
    UnmaskOption,
    chosen_dialect,
    chosen_headers,
    chosen_length,
    digits_or_bytes,
    given_bytes,
    reason,
)
from posterm.console.cli.options import JsonOption, examples

if TYPE_CHECKING:
    from posterm.console.captured import Captured
    from posterm.console.message_source import Cut, Item
    from posterm.iso8583 import Dialect, Message, UnpackError

_ECHO_TEST = "08200000000000C0001031303030303030313839383331303035383132303030310011000000013010"


def register(app: typer.Typer) -> None:
    """Add the command to the program."""
    app.command(
        "decode",
        epilog=examples(
            f"posterm decode {_ECHO_TEST}",
            "posterm decode --json - < frame.hex",
            "posterm decode --profile direct --unmask 00 74 60 00 03 00 00 60 31 ...",
            "posterm decode --file trace.pcapng --port 8583",
            "posterm decode --file frames.bin --framing ascii4 --dialect iso87-bcd --header tpdu",
        ),
    )(decode)


def decode(
    hexadecimal: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="HEX",
            help="The message from its type on, or a whole frame with TPDU and header, with or without its length. "
            "- reads it from standard input, @FILE from a file. Blanks, line ends and colons are ignored.",
            show_default=False,
        ),
    ] = None,
    file: Annotated[
        str | None,
        typer.Option(
            "--file", "-f", metavar="FILE", help="A pcap or pcapng capture, bytes, or digits; - for standard input."
        ),
    ] = None,
    port: Annotated[
        int | None, typer.Option("--port", metavar="PORT", help="In a capture: the TCP port of the host.")
    ] = None,
    dialect: DialectOption = DEFAULT_DIALECT,
    profile: ProfileOption = None,
    framing: FramingOption = None,
    counts_itself: CountsItselfOption = False,
    header: HeaderOption = None,
    with_bytes: Annotated[bool, typer.Option("--hex", help="Show the bytes of each element too.")] = False,
    as_json: JsonOption = False,
    unmask: UnmaskOption = False,
) -> None:
    """Take ISO 8583 messages apart and name their parts.

    Card numbers, tracks, PIN blocks and keys are masked.
    """
    from posterm.console.message_source import Cut

    table = chosen_dialect(dialect, profile)
    cut = Cut(chosen_length(framing), counts_itself, chosen_headers(header))
    with ExitStack() as stack:
        items = _items(stack, hexadecimal, file, port, framing, cut)
        show = _Json(table, unmask=unmask, with_bytes=with_bytes) if as_json else _Table(table, unmask, with_bytes)
        good = True
        for item in items:
            good = show.item(item) and good
        show.end()
    if not good:
        raise typer.Exit(FAILED)


def _items(
    stack: ExitStack, hexadecimal: list[str] | None, name: str | None, port: int | None, framing: str | None, cut: Cut
) -> Iterator[Item]:
    """The messages of whichever source was named."""
    from posterm.console.capture_file import is_capture
    from posterm.console.message_source import MAX_STREAM_BYTES, Cut, captured_messages, framed_messages, lone_message

    if (name is None) == (not hexadecimal):
        raise typer.BadParameter("need either a message or --file")
    if name is None:
        _no_port(port)
        data = given_bytes(hexadecimal or [])
    else:
        file = _opened(stack, name)
        head = file.read(4)
        if is_capture(head):
            # On a TCP port, two bytes of length are what most links have.
            length = cut.length if framing is not None else "be16"
            return captured_messages(file, head, port, Cut(length, cut.counts_itself, cut.headers))
        _no_port(port)
        most = None if cut.length is None else MAX_STREAM_BYTES
        data = digits_or_bytes(_rest(file, head, name, most), Path(name).name, most)
    return lone_message(data, cut) if cut.length is None else framed_messages(data, cut)


def _no_port(port: int | None) -> None:
    from posterm.console.errors import InputError

    if port is not None:
        raise InputError("--port: need a capture to find it in, have something else", hint="name one by --file")


def _opened(stack: ExitStack, name: str) -> BinaryIO:
    from posterm.console.errors import InputError

    if name == "-":
        return sys.stdin.buffer
    try:
        return stack.enter_context(Path(name).open("rb"))
    except (OSError, ValueError) as error:
        raise InputError(f"{Path(name).name}: need a readable file, have {reason(error)}") from None


def _rest(file: BinaryIO, head: bytes, name: str, most: int | None) -> bytes:
    from posterm.console.captured import MAX_CHARACTERS
    from posterm.console.errors import InputError

    most = most or MAX_CHARACTERS
    try:
        content = head + file.read(most + 1 - len(head))
    except OSError as error:
        raise InputError(f"{Path(name).name}: need a readable file, have {reason(error)}") from None
    if len(content) > most:
        raise InputError(f"{Path(name).name}: need at most {most} bytes, have more")
    return content


class _Shown:
    """What table and JSON have in common: decoding an item, and telling what is wrong with it."""

    def __init__(self, table: Dialect, unmask: bool, with_bytes: bool) -> None:
        self._table = table
        self._unmask = unmask
        self._with_bytes = with_bytes

    def item(self, item: Item) -> bool:
        """Show one item. Returns: True when nothing is wrong with it."""
        from posterm.console.errors import ConsoleError
        from posterm.iso8583 import UnpackError

        if item.captured is None:
            self.nothing(item)
            report(ConsoleError(item.fault))
            return False
        if not item.captured.wire and item.number:
            self.nothing(item)
            return True
        try:
            message, fault = self._table.unpack(item.captured.wire), None
        except UnpackError as error:
            message, fault = error.partial, error
        self.message(item, item.captured, message, fault)
        return _report(item, item.captured, self._table, message, fault)

    def nothing(self, item: Item) -> None:
        """Show a frame without a message, or a place where none could be read."""
        raise NotImplementedError

    def message(self, item: Item, captured: Captured, message: Message, fault: UnpackError | None) -> None:
        """Show a message, or what of it was understood."""
        raise NotImplementedError

    def end(self) -> None:
        """Show that nothing more comes."""


class _Table(_Shown):
    def __init__(self, table: Dialect, unmask: bool, with_bytes: bool) -> None:
        super().__init__(table, unmask, with_bytes)
        from posterm.console.views.screen import Screen

        self._screen = Screen()
        self._first = True

    def nothing(self, item: Item) -> None:
        if item.captured is not None:
            self._heading(item, "keep-alive")

    def message(self, item: Item, captured: Captured, message: Message, fault: UnpackError | None) -> None:
        from posterm.console.views.decoded import decoded_rows
        from posterm.console.views.message import COLUMNS, table_lines

        self._heading(item, "")
        if fault is not None:
            return
        screen = self._screen
        columns = max(screen.width, COLUMNS) if screen.is_terminal else COLUMNS
        rows = decoded_rows(captured, self._table, message, unmask=self._unmask, with_bytes=self._with_bytes)
        for line in table_lines(rows, columns):
            screen.print(line.styled())

    def _heading(self, item: Item, what: str) -> None:
        if not item.number:
            return
        if not self._first:
            self._screen.print()
        self._first = False
        line = f"{item.time}  {item.source} > {item.destination}  {item.direction}" if item.source else ""
        self._screen.print("  ".join(part for part in (f"#{item.number}", line, what) if part), style="bold")


class _Json(_Shown):
    """One object for a lone message, an array of objects for several."""

    def __init__(self, table: Dialect, *, unmask: bool, with_bytes: bool) -> None:
        super().__init__(table, unmask, with_bytes)
        self._documents: list[dict[str, Any]] = []
        self._lone = False

    def nothing(self, item: Item) -> None:
        what = {"fault": item.fault} if item.captured is None else {"keep_alive": True}
        self._documents.append({**self._place(item), **what})

    def message(self, item: Item, captured: Captured, message: Message, fault: UnpackError | None) -> None:
        from posterm.console.views.decoded import decoded_document

        self._lone = not item.number
        document = decoded_document(
            captured, self._table, message, fault, unmask=self._unmask, with_bytes=self._with_bytes
        )
        self._documents.append({**self._place(item), **document})

    def end(self) -> None:
        import json

        result: Any = self._documents[0] if self._lone and len(self._documents) == 1 else self._documents
        typer.echo(json.dumps(result, ensure_ascii=False, indent=2))

    def _place(self, item: Item) -> dict[str, Any]:
        place: dict[str, Any] = {"number": item.number} if item.number else {}
        if item.source:
            place |= {
                "time": item.time,
                "direction": item.direction,
                "source": item.source,
                "destination": item.destination,
            }
        return place


def _report(item: Item, captured: Captured, table: Dialect, message: Message, fault: UnpackError | None) -> bool:
    """Write what is wrong to the standard error stream. Returns: True when nothing is."""
    from posterm.console.errors import ConsoleError
    from posterm.iso8583.describe import describe

    lead = f"message {item.number}: " if item.number else ""
    if fault is not None:
        hint = f"bytes are counted from the message type, which is at byte {captured.offset} of the input"
        report(ConsoleError(f"{lead}{fault}", hint=hint if captured.offset else ""))
    if captured.fault:
        report(ConsoleError(f"{lead}{captured.fault}"))
    rows = [] if fault is not None else [row for row in describe(message, table) if row.fault]
    for row in rows:
        report(ConsoleError(f"{lead}DE {row.path}: {row.value}"))
    return fault is None and not captured.fault and not rows
