"""The table of host commands: what is declared beside each handler is what is read, refused and printed in the manual.

    @host_command("BA", "Encrypt a clear PIN", Layout(...), answer=(...), activity=Activity.CLEAR_PINS)
    def encrypt_clear_pin(commands, pin, account): ...

A command with several forms, by its mode, has one handler for each: the others are declared with `@form`. The first
form that a message fits is taken.

Source: Thales payShield, host command reference (codes, fields, error codes).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from posterm.errors import PostermError
from posterm.hsm.guard import Activity
from posterm.hsm.host_commands.errors import OK
from posterm.hsm.host_commands.fields import Field, Layout

Handler = Callable[..., "bytes | Advice"]


class Advice(NamedTuple):
    """An answer that carries its fields although its code is not 00."""

    code: str
    fields: bytes


class Form(NamedTuple):
    """One form of a command, and what handles it."""

    layout: Layout
    handler: Handler


@dataclass(frozen=True, slots=True)
class Command:
    """One host command."""

    code: str
    title: str
    forms: list[Form]
    family: str
    """The heading it stands under in the manual."""
    answer: tuple[Field, ...] = ()
    codes: tuple[str, ...] = ()
    """Error codes besides those that follow from its fields."""
    own: dict[type[PostermError], str] = field(default_factory=dict)
    """Codes that an exception has here and not elsewhere."""
    activity: Activity | None = None
    """The activity that must be authorized for it, where there is a guard."""
    note: str = ""

    reply: bytes = field(init=False)
    """The code of its answer: the second letter plus one."""
    accepted: bytes = field(init=False)
    """How its answer begins when all is well."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "reply", reply_code(self.code.encode("ascii")))
        object.__setattr__(self, "accepted", self.reply + OK.encode("ascii"))

    def refusal(self, code: str) -> bytes:
        """Its answer when it is refused."""
        return self.reply + code.encode("ascii")

    def diagnose(self, message: bytes) -> str:
        """The code for a message that no form fits: that of the form which goes furthest."""
        return max((form.layout.diagnose(message) for form in self.forms), key=lambda found: found[0])[1]


COMMANDS: Final[dict[bytes, Command]] = {}
"""Every command by its code, in the order of the modules that declare them."""


def host_command(
    code: str,
    title: str,
    layout: Layout,
    *,
    answer: tuple[Field, ...] = (),
    codes: tuple[str, ...] = (),
    own: dict[type[PostermError], str] | None = None,
    activity: Activity | None = None,
    note: str = "",
) -> Callable[[Handler], Handler]:
    """Declare a command; what is decorated handles its first form."""

    def declare(handler: Handler) -> Handler:
        family = handler.__module__.rpartition(".")[2]
        forms = [Form(layout, handler)]
        COMMANDS[code.encode("ascii")] = Command(code, title, forms, family, answer, codes, own or {}, activity, note)
        return handler

    return declare


def form(code: str, layout: Layout) -> Callable[[Handler], Handler]:
    """Declare another form of a command; what is decorated handles it."""

    def declare(handler: Handler) -> Handler:
        COMMANDS[code.encode("ascii")].forms.append(Form(layout, handler))
        return handler

    return declare


def reply_code(code: bytes) -> bytes:
    """The code of the answer to a command, known or not: the second character plus one."""
    return code[:1] + bytes([(code[1] + 1) & 0xFF])
