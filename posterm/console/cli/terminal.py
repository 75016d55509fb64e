"""`posterm terminal …`: the keys of the terminal, one command each.

A test card is put to the terminal by name, and its own PIN is typed unless another is given. Exit status: 0 it was
done, 1 it was declined, refused, or not answered.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from posterm.console.cli import options
from posterm.console.cli.endings import FAILED

if TYPE_CHECKING:
    from posterm.console.counter import Counter
    from posterm.console.front import Presented
    from posterm.terminal import Result
    from posterm.terminal.effects import Flow
    from posterm.terminal.management import Managed

app = typer.Typer(no_args_is_help=True, help="Press the keys of the terminal.")

Swipe = Annotated[str, typer.Option("--swipe", metavar="CARD", help="Swipe a test card, or track 2 data.")]
Key = Annotated[str, typer.Option("--key", metavar="CARD", help="Key in a test card, or NUMBER:YYMM.")]
Insert = Annotated[str, typer.Option("--insert", metavar="CARD", help="Insert a chip card: a test card, or a file.")]
Tap = Annotated[str, typer.Option("--tap", metavar="CARD", help="Tap a chip card: a test card, or a file.")]
ReaderName = Annotated[
    str,
    typer.Option("--reader", "-r", metavar="NAME", help="Take the card in a reader of this machine."),
]
PinOption = Annotated[str, typer.Option("--pin", help="PIN to type; else the test card's own.")]
NoPin = Annotated[bool, typer.Option("--no-pin", help="Press enter without a PIN.")]
Password = Annotated[str, typer.Option("--password", help="Supervisor's password; else the configured one.")]
Voucher = Annotated[
    str, typer.Argument(metavar="VOUCHER", help="Voucher number of the original; else the latest that fits.")
]
AmountArgument = Annotated[str, typer.Argument(metavar="AMOUNT", help="Such as 12.34.")]


ConfigOption = options.ConfigOption
TraceOption = Annotated[bool, typer.Option("--trace", "-t", help="Show each message, decoded and masked.")]
LangOption = Annotated[str, typer.Option("--lang", metavar="zh|en", help="Language; else the configured one.")]


def key(name: str, *lines: str) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Make a command of a function that takes a counter and its own options.

    The options every key has (`--config --trace --json --lang`) are added, and the counter is open while it runs.

    Args:
        lines: examples for the help page.
    """

    def decorate(press: Callable[..., None]) -> Callable[..., None]:
        def command(*, config: Path | None, trace: bool, as_json: bool, lang: str, **own: Any) -> None:
            from posterm.console.counter import open_counter
            from posterm.console.errors import InputError

            if lang not in ("", "zh", "en"):
                raise InputError("--lang: need zh or en")
            language: Any = lang or None
            with open_counter(config, trace=trace, as_json=as_json, language=language) as counter:
                press(counter, **own)

        own = list(inspect.signature(press, eval_str=True, locals={"Counter": Any}).parameters.values())[1:]
        keyword = inspect.Parameter.KEYWORD_ONLY
        shared = [
            inspect.Parameter("config", keyword, default=None, annotation=ConfigOption),
            inspect.Parameter("trace", keyword, default=False, annotation=TraceOption),
            inspect.Parameter("as_json", keyword, default=False, annotation=options.JsonOption),
            inspect.Parameter("lang", keyword, default="", annotation=LangOption),
        ]
        parameters = [*(parameter.replace(kind=keyword) for parameter in own), *shared]
        command.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
        command.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
        command.__doc__ = press.__doc__
        app.command(name, epilog=options.examples(*lines))(command)
        return press

    return decorate


@key("sign-on", "posterm terminal sign-on", "posterm terminal sign-on --trace")
def sign_on(
    counter: Counter,
    operator: Annotated[str, typer.Option(help="Cashier, two digits.")] = "",
    password: Annotated[str, typer.Option(help="The cashier's password.")] = "",
) -> None:
    """Sign on: fetch working keys, clock and batch number from the host."""
    settings = counter.configuration.terminal
    number, word = operator or settings.operator, password or settings.operator_password
    _managed(counter, "sign-on", lambda now: counter.terminal.sign_on(number, word, now))


@key("sign-off", "posterm terminal sign-off")
def sign_off(counter: Counter) -> None:
    """Sign off: the cashier leaves."""
    _managed(counter, "sign-off", counter.terminal.sign_off)


@key("echo", "posterm terminal echo")
def echo(counter: Counter) -> None:
    """Ask the host whether it is there."""
    _managed(counter, "echo", counter.terminal.echo)


@key("parameters", "posterm terminal parameters")
def parameters(counter: Counter) -> None:
    """Download the terminal parameters from the host."""
    _managed(counter, "parameters", counter.terminal.download_parameters)


@key("download", "posterm terminal download ca-keys", "posterm terminal download aids")
def download(
    counter: Counter,
    what: Annotated[str, typer.Argument(metavar="ca-keys|aids", help="CA keys, or parameters of chip applications.")],
) -> None:
    """Download what the chip kernels work with: CA keys, or the parameters of applications."""
    from posterm.console.errors import InputError

    commands = {"ca-keys": counter.terminal.download_ca_keys, "aids": counter.terminal.download_applications}
    if what not in commands:
        raise InputError(f"{what}: need {' or '.join(commands)}")
    _managed(counter, f"download {what}", commands[what])


@key(
    "sale",
    "posterm terminal sale 12.34 --insert debit",
    "posterm terminal sale 12.34 --tap visa-credit --trace",
    "posterm terminal sale 12.34 --reader ACR",
    "posterm terminal sale 9000.51 --swipe credit",
)
def sale(
    counter: Counter,
    amount: AmountArgument,
    swipe: Swipe = "",
    key: Key = "",
    insert: Insert = "",
    tap: Tap = "",
    reader: ReaderName = "",
    pin: PinOption = "",
    no_pin: NoPin = False,
) -> None:
    """Sell: the card is charged."""
    how = presented(swipe, key, insert, tap, reader)
    _with_card(counter, how, pin, no_pin, lambda now: counter.terminal.sale(counter.amount(amount), now))


@key(
    "pay-code",
    "posterm terminal pay-code 12.34 --scan 134567890123456789",
    'posterm terminal pay-code 12.34 --scan "$(posterm phone code wechat)"',
)
def pay_code(
    counter: Counter,
    amount: AmountArgument,
    scan: Annotated[str, typer.Option("--scan", metavar="CODE", help="What the customer's telephone shows.")],
) -> None:
    """Sell: scan the customer's payment code, or take a face payment token."""
    from posterm.console.front import holding

    counter.who = holding(scan)
    _transaction(counter, lambda now: counter.terminal.pay_by_code(counter.amount(amount), now))


@key("show-code", "posterm terminal show-code 12.34", "posterm terminal show-code 12.34 --file order.png")
def show_code(
    counter: Counter,
    amount: AmountArgument,
    file: Annotated[
        Path | None, typer.Option("--file", "-f", metavar="FILE", help="Write the code as .png or .svg, too.")
    ] = None,
) -> None:
    """Sell: show a code for the customer to scan, and wait until it is paid."""
    counter.picture = file
    _transaction(counter, lambda now: counter.terminal.show_code(counter.amount(amount), now))


@key("query-code", "posterm terminal query-code", "posterm terminal query-code 000002")
def query_code(counter: Counter, voucher: Voucher = "") -> None:
    """Ask the host how a payment by a code of the open batch stands."""
    _transaction(counter, lambda now: counter.terminal.query_code(voucher, now))


@key("refund-code", "posterm terminal refund-code 5.00 --rrn 060100000002 --date 0601")
def refund_code(
    counter: Counter,
    amount: AmountArgument,
    voucher: Voucher = "",
    rrn: Annotated[str, typer.Option(help="Reference number on the original slip.")] = "",
    date: Annotated[str, typer.Option(help="Date on the original slip, MMDD.")] = "",
    password: Password = "",
) -> None:
    """Give money back for a payment by a code, also one this terminal no longer has."""
    from posterm.terminal import OriginalReference

    word = password or counter.configuration.terminal.supervisor_password
    reference = OriginalReference(stan=voucher, rrn=rrn, date=date)
    _transaction(counter, lambda now: counter.terminal.refund_code(counter.amount(amount), reference, word, now))


@key("training", "posterm terminal training on", "posterm terminal training off")
def training(counter: Counter, switch: Annotated[str, typer.Argument(metavar="on|off")]) -> None:
    """Practise: nothing leaves the terminal, no slip counts. Off again, the cashier signs on."""
    from posterm.console.errors import InputError

    commands = {"on": counter.terminal.start_training, "off": counter.terminal.end_training}
    if switch not in commands:
        raise InputError(f"{switch}: need {' or '.join(commands)}")
    _managed(counter, f"training {switch}", commands[switch])


@key("void", "posterm terminal void", "posterm terminal void 000002")
def void(counter: Counter, voucher: Voucher = "", password: Password = "") -> None:
    """Take back a sale of the open batch, whole."""
    word = password or counter.configuration.terminal.supervisor_password
    _transaction(counter, lambda now: counter.terminal.void(voucher, word, now))


@key(
    "refund",
    "posterm terminal refund 5.00 --swipe debit",
    "posterm terminal refund 5.00 --swipe debit --rrn 060100000002 --date 0601",
)
def refund(
    counter: Counter,
    amount: AmountArgument,
    swipe: Swipe = "",
    voucher: Voucher = "",
    rrn: Annotated[str, typer.Option(help="Reference number on the original slip.")] = "",
    date: Annotated[str, typer.Option(help="Date on the original slip, MMDD.")] = "",
    password: Password = "",
) -> None:
    """Give money back for a sale, whole or in part; the card is swiped."""
    from posterm.terminal import OriginalReference

    word = password or counter.configuration.terminal.supervisor_password
    reference = OriginalReference(stan=voucher, rrn=rrn, date=date)
    _with_card(
        counter,
        presented(swipe),
        "",
        True,
        lambda now: counter.terminal.refund(counter.amount(amount), reference, word, now),
    )


@key("preauth", "posterm terminal preauth 500.00 --swipe credit")
def preauth(
    counter: Counter,
    amount: AmountArgument,
    swipe: Swipe = "",
    key: Key = "",
    insert: Insert = "",
    tap: Tap = "",
    reader: ReaderName = "",
    pin: PinOption = "",
    no_pin: NoPin = False,
) -> None:
    """Reserve an amount."""
    how = presented(swipe, key, insert, tap, reader)
    _with_card(counter, how, pin, no_pin, lambda now: counter.terminal.preauth(counter.amount(amount), now))


@key("preauth-add", "posterm terminal preauth-add 50.00")
def preauth_add(counter: Counter, amount: AmountArgument, voucher: Voucher = "") -> None:
    """Reserve more under a pre-authorisation."""
    reference = _reference(voucher)
    _transaction(counter, lambda now: counter.terminal.add_preauth(counter.amount(amount), reference, now))


@key("preauth-void", "posterm terminal preauth-void")
def preauth_void(counter: Counter, voucher: Voucher = "", password: Password = "") -> None:
    """Release a pre-authorisation."""
    word = password or counter.configuration.terminal.supervisor_password
    _transaction(counter, lambda now: counter.terminal.void_preauth(_reference(voucher), word, now))


@key("complete", "posterm terminal complete 450.00", "posterm terminal complete 450.00 --notice")
def complete(
    counter: Counter,
    amount: AmountArgument,
    voucher: Voucher = "",
    notice: Annotated[bool, typer.Option("--notice", help="Complete here and tell the host later.")] = False,
) -> None:
    """Complete a pre-authorisation."""
    terminal_ = counter.terminal
    method = terminal_.complete_by_notice if notice else terminal_.complete
    _transaction(counter, lambda now: method(counter.amount(amount), _reference(voucher), now))


@key("complete-void", "posterm terminal complete-void")
def complete_void(counter: Counter, voucher: Voucher = "", password: Password = "") -> None:
    """Take back a completion of the open batch."""
    word = password or counter.configuration.terminal.supervisor_password
    _transaction(counter, lambda now: counter.terminal.void_completion(voucher, word, now))


@key("balance", "posterm terminal balance --swipe debit")
def balance(
    counter: Counter,
    swipe: Swipe = "",
    key: Key = "",
    insert: Insert = "",
    tap: Tap = "",
    reader: ReaderName = "",
    pin: PinOption = "",
    no_pin: NoPin = False,
) -> None:
    """Ask for the balance of a card."""
    _with_card(counter, presented(swipe, key, insert, tap, reader), pin, no_pin, counter.terminal.balance)


@key("offline-sale", "posterm terminal offline-sale 30.00 --auth-code A1B2C3 --swipe credit")
def offline_sale(
    counter: Counter,
    amount: AmountArgument,
    auth_code: Annotated[str, typer.Option(help="What the voice approval said, 6 letters or digits.")],
    swipe: Swipe = "",
    key: Key = "",
) -> None:
    """A sale approved by telephone; the host is told later."""
    _with_card(
        counter,
        presented(swipe, key),
        "",
        True,
        lambda now: counter.terminal.offline_sale(counter.amount(amount), auth_code, now),
    )


@key("tip", "posterm terminal tip 2.00 000002")
def tip(counter: Counter, amount: AmountArgument, voucher: Voucher = "") -> None:
    """Add a tip to a sale of the open batch."""
    _transaction(counter, lambda now: counter.terminal.adjust_tip(voucher, counter.amount(amount), now))


@key("settle", "posterm terminal settle")
def settle(counter: Counter) -> None:
    """Close the batch: compare totals, upload, print the slip, sign off. Goes on where it was interrupted."""
    settled = counter.run(counter.terminal.settle)
    counter.finish(
        {"settled": settled.done, "equal": settled.equal, "why": settled.why},
        "settled" if settled.done else f"not settled: {settled.why}",
    )
    if not settled.done:
        raise typer.Exit(FAILED)


@key("power-on", "posterm terminal power-on")
def power_on(counter: Counter) -> None:
    """What the terminal does after a power cut: reverse what was in flight, go on with a settlement."""
    counter.run(counter.terminal.power_on)
    document = {"state": counter.terminal.state.value, "reversal": counter.terminal.reversal_stan}
    counter.finish(document, f"the terminal is {counter.terminal.state}")


@key("give-up-reversal", "posterm terminal give-up-reversal")
def give_up_reversal(counter: Counter, password: Password = "") -> None:
    """Put a reversal aside that the host does not acknowledge; it has to be cleared by hand."""
    word = password or counter.configuration.terminal.supervisor_password
    given_up = counter.run(lambda now: counter.terminal.give_up_reversal(word, now))
    counter.finish({"given_up": given_up}, "given up" if given_up else "no reversal is stored")


@key("receipts", "posterm terminal receipts", "posterm terminal receipts 000002 --lang zh")
def receipts(
    counter: Counter,
    voucher: Voucher = "",
    settlement: Annotated[bool, typer.Option("--settlement", help="The last settlement slip instead.")] = False,
) -> None:
    """Print slips of the open or last closed batch again: one, or all."""
    terminal_ = counter.terminal
    if settlement:
        found = [counter.run(terminal_.reprint_settlement)]
    else:
        stans = [voucher.zfill(6)] if voucher else [entry.stan for entry in terminal_.journal]
        found = [counter.run(lambda now, stan=stan: terminal_.reprint(stan, now)) for stan in stans]  # type: ignore[misc]
    counter.finish({"printed": sum(found)}, "" if any(found) else "nothing to print")
    if not any(found):
        raise typer.Exit(FAILED)


@key("journal", "posterm terminal journal")
def journal(counter: Counter) -> None:
    """List the entries of the terminal's journal, with totals and what is owed."""
    from posterm.console.views.journal import journal_document, journal_lines

    counter.finish(journal_document(counter.terminal), "\n".join(journal_lines(counter.terminal)))


def register(root: typer.Typer) -> None:
    """Add the commands to the program."""
    root.add_typer(app, name="terminal")


# --- shared ---


def _reference(voucher: str) -> Any:
    from posterm.terminal import OriginalReference

    return OriginalReference(stan=voucher)


def _managed(counter: Counter, name: str, command: Callable[[Any], Flow[Managed]]) -> None:
    managed = counter.run(command)
    text = f"{name}: done" if managed.done else f"{name}: {managed.why or managed.code}"
    counter.finish({"done": managed.done, "code": managed.code, "why": managed.why}, text)
    if not managed.done:
        raise typer.Exit(FAILED)


def presented(swipe: str = "", key: str = "", insert: str = "", tap: str = "", reader: str = "") -> Presented:
    """How the options put a card to the terminal."""
    from posterm.console.front import Presented

    return Presented(swipe, key, insert, tap, reader)


def _with_card(
    counter: Counter, how: Presented, pin: str, no_pin: bool, command: Callable[[Any], Flow[Result]]
) -> None:
    from posterm.console.cli.reader_choice import DEFAULT_WAIT_S, chosen_reader
    from posterm.console.errors import InputError
    from posterm.console.front import cardholder, holder_of

    if not how.ways:
        hint = "give --swipe, --insert, --tap or --key CARD, or --reader; `posterm cards` lists the test cards"
        raise InputError("no card", hint=hint)
    if how.reader and len(how.ways) == 1:
        with chosen_reader(how.reader, None, contactless=False, wait_s=DEFAULT_WAIT_S) as found:
            counter.who = holder_of(found, pin, no_pin=no_pin)
            _transaction(counter, command)
        return
    counter.who = cardholder(how, pin, no_pin=no_pin, cards=counter.configuration.data_directory)
    _transaction(counter, command)


def _transaction(counter: Counter, command: Callable[[Any], Flow[Result]]) -> None:
    from posterm.console.views.result import result_document, result_line
    from posterm.terminal import Outcome

    result = counter.run(command)
    if counter.trace and result.why and not counter.as_json:
        typer.echo("\n".join(f"  {line}" for line in result.why) + "\n")
    counter.finish(result_document(result), result_line(result, counter.language))
    if not result.approved and result.outcome is not Outcome.TRAINED:
        raise typer.Exit(FAILED)
