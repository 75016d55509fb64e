"""`posterm send`: one message to a host, and its answer."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from posterm.console.cli.endings import FAILED, report
from posterm.console.cli.message_choice import (
    DEFAULT_DIALECT,
    CountsItselfOption,
    DialectOption,
    MessageArgument,
    ProfileOption,
    UnmaskOption,
    chosen_dialect,
    chosen_headers,
    chosen_length,
    given_bytes,
    taken_apart,
)
from posterm.console.cli.options import JsonOption, examples
from posterm.console.cli.output import write_json

if TYPE_CHECKING:
    import ssl

    from posterm.console.captured import Captured
    from posterm.iso8583 import Dialect, FrameHeader, LinkEvent, Message, Pairing
    from posterm.iso8583.framing import LengthForm
    from posterm.runtime.link_blocking import BlockingLink

_Framing = Annotated[
    str, typer.Option("--framing", metavar="FORM", help="The length before each frame: be16, bcd16, ascii4, be32.")
]
_Header = Annotated[
    list[str] | None,
    typer.Option(
        "--header",
        metavar="NAME|BYTES",
        help="Put this before a bare message: tpdu, cups, visa, or so many zero bytes. Repeatable. "
        "A frame of the POS link brings its own.",
    ),
]
_Pair = Annotated[str, typer.Option("--pair", metavar="DE,DE", help="Elements by which the answer is known.")]
_Timeout = Annotated[float, typer.Option("--timeout", metavar="SECONDS", help="How long to wait for it.")]
_ConnectTimeout = Annotated[
    float, typer.Option("--connect-timeout", metavar="SECONDS", help="How long to wait for the connection.")
]
_Tls = Annotated[bool, typer.Option("--tls", help="Connect with TLS.")]
_Authorities = Annotated[
    Path | None, typer.Option("--ca", metavar="FILE", help="Who may have signed the host's certificate (PEM).")
]
_Certificate = Annotated[
    Path | None, typer.Option("--certificate", metavar="FILE", help="Our own certificate (PEM), with --key.")
]
_Key = Annotated[Path | None, typer.Option("--key", metavar="FILE", help="The key to --certificate (PEM).")]


def register(app: typer.Typer) -> None:
    """Add the command to the program."""
    app.command(
        "send",
        epilog=examples(
            "posterm send localhost:8583 --dialect iso87-ascii @request.hex",
            "posterm sample -d iso87-bcd | posterm send [::1]:8583 -d iso87-bcd --header tpdu --framing bcd16 -",
            "posterm send host.example:8583 --tls --ca ca.pem --json @frame.hex",
        ),
    )(send)


def send(
    address: Annotated[str, typer.Argument(metavar="HOST:PORT", show_default=False)],
    message: MessageArgument,
    dialect: DialectOption = DEFAULT_DIALECT,
    profile: ProfileOption = None,
    framing: _Framing = "be16",
    counts_itself: CountsItselfOption = False,
    header: _Header = None,
    pair: _Pair = "11,41,37,32",
    timeout_s: _Timeout = 30.0,
    connect_timeout_s: _ConnectTimeout = 10.0,
    tls: _Tls = False,
    ca: _Authorities = None,
    certificate: _Certificate = None,
    key: _Key = None,
    as_json: JsonOption = False,
    unmask: UnmaskOption = False,
) -> None:
    """Frame one request, send it over TCP, and show the answer decoded.

    Exit status 1 when no answer comes that belongs to it.
    """
    from posterm.iso8583 import Framing, LinkSettings, ReconnectPolicy
    from posterm.runtime.link_blocking import BlockingLink

    table = chosen_dialect(dialect, profile)
    host, port = _host_and_port(address)
    captured = taken_apart(given_bytes(message), ())
    request = table.unpack(captured.wire)
    settings = LinkSettings(
        table,
        Framing(_length(framing), counts_itself, _headers(captured, header)),
        _pairing(pair),
        timeout_s=_seconds(timeout_s, "--timeout"),
        reconnect=ReconnectPolicy(attempts_max=0),
    )
    told: list[LinkEvent] = []
    link = BlockingLink(
        settings,
        host,
        port,
        listen=told.append,
        tls=_tls(tls, ca, certificate, key),
        connect_timeout_s=_seconds(connect_timeout_s, "--connect-timeout"),
        close_timeout_s=1.0,
    )
    answer = _answer(link, request, told)
    if answer is None:
        raise typer.Exit(FAILED)
    _show(answer, table, as_json=as_json, unmask=unmask)


def _answer(link: BlockingLink, request: Message, told: list[LinkEvent]) -> Message | None:
    """The answer; without one, what came instead is reported."""
    from posterm.console.errors import ConsoleError
    from posterm.iso8583.link_events import Answered, UnmatchedAnswer, Unreadable

    with link:
        outcome = link.request(request)
    if isinstance(outcome, Answered):
        return outcome.answer
    for event in told:
        if isinstance(event, Unreadable | UnmatchedAnswer):
            report(ConsoleError(str(event)))
    report(ConsoleError(str(outcome), hint="is the framing that of the host? see --framing and --header"))
    return None


def _show(answer: Message, table: Dialect, *, as_json: bool, unmask: bool) -> None:
    from posterm.console.captured import Captured
    from posterm.console.views.decoded import decoded_document, decoded_rows
    from posterm.console.views.message import COLUMNS, table_lines
    from posterm.console.views.screen import Screen

    captured = Captured(table.pack(answer))
    if as_json:
        write_json(decoded_document(captured, table, answer, None, unmask=unmask))
        return
    screen = Screen()
    columns = max(screen.width, COLUMNS) if screen.is_terminal else COLUMNS
    for line in table_lines(decoded_rows(captured, table, answer, unmask=unmask), columns):
        screen.print(line.styled())


def _host_and_port(address: str) -> tuple[str, int]:
    from posterm.console.errors import InputError

    host, _, port = address.rpartition(":")
    host = host.removeprefix("[").removesuffix("]")
    if not host or not (port.isascii() and port.isdigit() and len(port) <= 5 and 1 <= int(port) <= 65_535):
        raise InputError(
            "HOST:PORT: need a name or address and a port from 1 to 65535, have something else",
            hint="an IPv6 address stands in brackets: [::1]:8583",
        )
    return host, int(port)


def _headers(captured: Captured, names: list[str] | None) -> tuple[FrameHeader, ...]:
    """The headers asked for, or those the frame came with, sent as they are."""
    from posterm.console.errors import InputError
    from posterm.iso8583 import TPDU, HeaderField, HeaderLayout

    if not captured.lead:
        return chosen_headers(names)
    if names:
        raise InputError("--header: need a bare message, have one with TPDU and header")
    tpdu, rest = captured.lead[: TPDU.size], captured.lead[TPDU.size :]
    routing = TPDU.with_values({"id": tpdu[:1], "destination": tpdu[1:3], "source": tpdu[3:]})
    return routing, HeaderLayout("header", (HeaderField("bytes", len(rest), rest),))


def _pairing(elements: str) -> Pairing:
    from posterm.console.errors import InputError
    from posterm.iso8583 import Pairing

    numbers = [each.strip() for each in elements.split(",")]
    if not all(each.isascii() and each.isdigit() and 2 <= int(each[:4]) <= 192 for each in numbers):
        raise InputError("--pair: need element numbers from 2 to 192 with commas, have something else")
    return Pairing(tuple(map(int, numbers)))


def _tls(wanted: bool, ca: Path | None, certificate: Path | None, key: Path | None) -> ssl.SSLContext | None:
    from posterm.console.errors import InputError

    if not wanted:
        if ca or certificate or key:
            raise InputError("--ca, --certificate, --key: need --tls beside them, have none")
        return None
    from posterm.runtime.link_tls import client_context

    return client_context(ca, certificate=certificate, key=key)


def _length(framing: str) -> LengthForm:
    from posterm.console.errors import InputError

    length = chosen_length(framing)
    if length is None:
        raise InputError("--framing: need be16, bcd16, ascii4 or be32, have none")
    return length


def _seconds(value: float, option: str) -> float:
    from posterm.console.errors import InputError

    if not 0 < value <= 86_400:
        raise InputError(f"{option}: need more than 0 and at most 86400 seconds, have something else")
    return value
