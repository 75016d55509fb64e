"""The host commands of one HSM: a message in, its answer out.

What a message asks is looked up in the table, read by its fields and handed to the command's handler, which calls the
HSM. Whatever the HSM raises becomes an error code here and nowhere else.

    not known     the answer's code, and 15
    disabled      68
    not readable  the code of the first field that is wrong; 15 when the fields end too early or too late

Source: Thales payShield, host command reference.
Left out: several LMKs at a time; the identifier of the only one, 00, may be given.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection
from copy import copy
from enum import StrEnum
from typing import Any, Final, NamedTuple

from posterm.errors import PostermError
from posterm.hsm.errors import KeyBlockError, KeyCheckError
from posterm.hsm.host_commands.errors import (
    COMMAND_DISABLED,
    DATA_LENGTH,
    INVALID_INPUT,
    INVALID_KEY_TYPE,
    HostCommandRefusal,
    code_of,
)
from posterm.hsm.host_commands.fields import Layout
from posterm.hsm.host_commands.references import References
from posterm.hsm.host_commands.table import COMMANDS, Command, Handler, reply_code
from posterm.hsm.key_block import KeyBlock
from posterm.hsm.keys import KeyUsage
from posterm.hsm.soft_hsm import SoftHsm
from posterm.hsm.variant_key import KeyReference, VariantKey

LONGEST_ANSWER: Final = 0xFFFF - 255
"""Bytes of an answer at most: what the length field counts, without the longest header."""


UNKNOWN: Final = b"--15"
"""Under what the answers to commands that are not known or disabled are counted."""


class LmkKind(StrEnum):
    """Under which kind of local master key the keys of the commands are."""

    VARIANT = "variant"
    KEY_BLOCK = "key-block"


class _BoundForm(NamedTuple):
    """One form of a command for the keys of one HSM."""

    layout: Layout
    handler: Handler
    convert: Callable[[list[Any]], None]


class HostCommandSet:
    """Answers messages with one HSM.

    Args:
        hsm: does what the commands ask.
        lmk_kind: which of its LMKs the keys of the commands are under.
        disabled: codes of commands that are refused with 68.
        firmware: nine characters that NC and NO tell.
    """

    __slots__ = ("_commands", "_disabled", "answered", "firmware", "hsm", "is_variant", "lmk_kind", "references")

    def __init__(
        self,
        hsm: SoftHsm,
        *,
        lmk_kind: LmkKind = LmkKind.KEY_BLOCK,
        disabled: Collection[str] = (),
        firmware: str = "0000-P001",
    ) -> None:
        self.hsm = hsm
        self.lmk_kind = lmk_kind
        self.is_variant = lmk_kind is LmkKind.VARIANT
        self.firmware = firmware
        self.references = References(is_variant=self.is_variant)
        """References that were read before, by key type and wire form."""
        self.answered: dict[bytes, int] = defaultdict(int)
        """How often each answer was given, by its code and error code: of all connections together."""
        self._disabled = frozenset(code.encode("ascii") for code in disabled)
        self._commands: dict[bytes, tuple[Command, list[_BoundForm]]] = {}
        """Commands that were asked for before, of all connections together."""

    def session(self, connection: str) -> HostCommandSet:
        """The same for one connection, whose failed verifications are counted together.

        Args:
            connection: its name, such as the address of the peer; no secret.
        """
        view = copy(self)
        view.hsm = self.hsm.session(connection)
        return view

    def execute(self, message: bytes) -> bytes:
        """The answer to a message of at least two characters, both without the message header."""
        found = self._commands.get(message[:2]) or self._bound(message[:2])
        if found is None:
            self.answered[UNKNOWN] += 1
            return self._refuse_unknown(message[:2])
        answer = self._answer(*found, message)
        self.answered[answer[:4]] += 1
        return answer

    def _bound(self, code: bytes) -> tuple[Command, list[_BoundForm]] | None:
        """A command for the keys of this HSM; None when it is disabled or there is none."""
        command = COMMANDS.get(code)
        if command is None or code in self._disabled:
            return None
        forms = [_BoundForm(*form, form.layout.conversion(self)) for form in command.forms]
        self._commands[code] = command, forms
        return self._commands[code]

    def _answer(self, command: Command, forms: list[_BoundForm], message: bytes) -> bytes:
        for layout, handler, convert in forms:  # noqa: B007  those of the form that fits are used below
            values = layout.match(message)
            if values is not None:
                break
        else:
            return command.refusal(command.diagnose(message))
        trailer = values.pop()
        try:
            convert(values)
            result = handler(self, *values)
        except PostermError as error:
            answer = command.refusal(self._code_of(error, command, layout, values))
        else:
            if isinstance(result, bytes):
                answer = command.accepted + result
            else:
                answer = command.refusal(result.code) + result.fields
        if len(answer) > LONGEST_ANSWER:
            answer = command.refusal(DATA_LENGTH)
        return answer if trailer is None else answer + b"\x19" + trailer

    def reference(self, wire: bytes, key_type: str) -> KeyReference:
        """The key that a field names.

        Args:
            wire: as the field has it.
            key_type: three characters; not looked at for a key block.
        Raises: HostCommandRefusal: a scheme that is not of this LMK, or no such key type. KeyBlockError: malformed.
        """
        return self.references[key_type][wire]

    def _code_of(self, error: PostermError, command: Command, layout: Layout, values: list[Any]) -> str:
        """The code for what was raised; for a key that does not open, that of the field it came in."""
        if isinstance(error, KeyCheckError | KeyBlockError) and type(error) not in command.own:
            for field, value in zip(layout.fields, values, strict=False):
                if field.parity and isinstance(value, KeyBlock | VariantKey) and not self.opens(value):
                    return field.parity
        return code_of(error, command.own)

    def opens(self, key: KeyReference) -> bool:
        """True when a key is sealed under this LMK and, as far as that shows, of its type."""
        try:
            self.hsm.key_check_value(key, 1)
        except (KeyCheckError, KeyBlockError):
            return False
        return True

    def _refuse_unknown(self, code: bytes) -> bytes:
        refused = COMMAND_DISABLED if code in self._disabled and code in COMMANDS else INVALID_INPUT
        return reply_code(code) + refused.encode("ascii")


def usage_of(code: str) -> KeyUsage:
    """A key usage by its two characters. Raises: HostCommandRefusal: none that is known here."""
    try:
        return KeyUsage(code)
    except ValueError:
        raise HostCommandRefusal(INVALID_KEY_TYPE) from None
