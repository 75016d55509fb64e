"""Fields of host commands: how each is written, what it becomes, and the code that refuses it.

A command's fields are put together into one regular expression when the command is declared, so that a message is read
by one match. Only when it does not match are the fields tried one after the other, to find the first that is wrong and
the code that goes with it. Data whose length is told before it, and data to the end of the message, may hold any bytes
and are cut out between two such expressions.

    N  decimal digits     H  hexadecimal digits, upper case     A  printable characters     B  bytes

Source: Thales payShield, host command layouts: 1 A + 32 H and so on.
Left out: keys and tables in user storage (`K` and an index), lower-case hexadecimal digits.
"""

from __future__ import annotations

import re
from binascii import unhexlify
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache, partial
from typing import TYPE_CHECKING, Any, Final

from posterm.hsm.host_commands.errors import (
    DATA_LENGTH,
    INVALID_ACCOUNT,
    INVALID_INPUT,
    INVALID_KEY_TYPE,
    INVALID_PIN_FORMAT,
    INVALID_SCHEME,
    NO_VALID_PIN_BLOCK,
    SOURCE_KEY,
    HostCommandRefusal,
)
from posterm.hsm.host_commands.pin_formats import BY_CODE
from posterm.sensitive import Pan

if TYPE_CHECKING:
    from posterm.hsm.host_commands.command_set import HostCommandSet

Convert = Callable[["HostCommandSet", bytes], Any]

# A key block says its own length; a regular expression has to have every length spelled out. The usual ones first.
_USUAL_BLOCKS: Final = (96, 64, 128, 72, 80, 88, 104)
_BLOCK_LENGTHS: Final = (*_USUAL_BLOCKS, *(n for n in range(48, 513, 8) if n not in _USUAL_BLOCKS))
_KEY_BLOCK: Final = (
    "S[0-9A-Z](?:" + "|".join(f"{length:04d}[0-9A-Za-z]{{{length - 5}}}" for length in _BLOCK_LENGTHS) + ")"
)
_VARIANT: Final = "[UX][0-9A-F]{32}|[TY][0-9A-F]{48}|Z[0-9A-F]{16}"
KEY_BLOCK: Final = "FFF"
"""Stands for a key type where the key is a key block."""
_TAIL: Final = "(?:%00)?(?:\x19(.{0,32}))?"
"""The identifier of the only LMK there is, and the end of message character with the message trailer."""


@dataclass(frozen=True, slots=True)
class Field:
    """One field of a command, or of its answer."""

    name: str
    size: str
    """As the manual writes it: `2 N`, `16 H`."""
    pattern: str = ""
    """What it looks like; empty for data that is cut out by its length."""
    meaning: str = ""
    refuse: str = INVALID_INPUT
    """The code when it does not look like that."""
    convert: Convert | None = None
    codes: tuple[str, ...] = ()
    """Codes that a value which looks right may still lead to."""
    length_base: int = 0
    """10 or 16 for data of which the field before tells the length, in characters of the wire; 0 for others."""
    to_the_end: bool = False
    key_types: tuple[str, ...] = ()
    """For a key: its type under a variant LMK, or the several it may have."""
    parity: str = ""
    """For a key: the code when it does not open."""
    typed_by: str = ""
    """For a key whose type another field tells: the name of that field."""
    one_key: str = ""
    """For keys that follow one another and become a list: what one of them looks like."""


def digits(name: str, size: int, meaning: str = "", *, refuse: str = INVALID_INPUT, number: bool = True) -> Field:
    """Decimal digits, as a number unless their text is asked for."""
    return Field(name, f"{size} N", f"[0-9]{{{size}}}", meaning, refuse, _number if number else _text)


def one_of(name: str, characters: str, meaning: str = "", *, refuse: str = INVALID_INPUT) -> Field:
    """One character of several, as text."""
    return Field(name, "1 A", f"[{characters}]", meaning, refuse, _text)


def text(name: str, size: str, pattern: str, meaning: str = "", *, refuse: str = INVALID_INPUT) -> Field:
    """Text of a form of its own."""
    return Field(name, size, pattern, meaning, refuse, _text)


def constant(name: str, characters: str, meaning: str = "") -> Field:
    """Characters that must be these."""
    return Field(name, f"{len(characters)} A", re.escape(characters), meaning or f"`{characters}`")


def hexadecimal(name: str, size: int, meaning: str = "", *, refuse: str = INVALID_INPUT) -> Field:
    """Hexadecimal digits, as the bytes they stand for."""
    return Field(name, f"{size} H", f"[0-9A-F]{{{size}}}", meaning, refuse, _bytes_of_hexadecimal)


def raw(name: str, size: int, meaning: str = "") -> Field:
    """Bytes."""
    return Field(name, f"{size} B", f".{{{size}}}", meaning)


def optional(field: Field) -> Field:
    """The same field, which may be missing: None then."""
    return replace(field, pattern=f"(?:{field.pattern})?", convert=partial(_unless_empty, field.convert))


def delimiter(character: str = ";") -> Field:
    """A character that must stand there."""
    return constant("delimiter", character)


def length(name: str, size: int, *, base: int = 16) -> Field:
    """The length of the data that follow, in hexadecimal or decimal digits."""
    return Field(name, f"{size} {'H' if base == 16 else 'N'}", f"[0-9{'A-F' if base == 16 else ''}]{{{size}}}")


def counted(name: str, meaning: str = "", *, base: int = 16) -> Field:
    """Data as long as the field before says: bytes, or hexadecimal digits."""
    return Field(name, "n B", meaning=meaning, refuse=DATA_LENGTH, length_base=base)


def rest(name: str, meaning: str = "") -> Field:
    """Data to the end of the message. No trailer can follow it."""
    return Field(name, "n B", meaning=meaning, to_the_end=True)


def key(
    name: str,
    key_type: str = "",
    *,
    plain: tuple[int, ...] = (16,),
    parity: str = SOURCE_KEY,
    typed_by: str = "",
    meaning: str = "",
) -> Field:
    """A key: a scheme letter and digits, or bare digits, under a variant LMK; a key block under a key-block LMK.

    Args:
        key_type: its type under a variant LMK.
        plain: how many bare digits there may be.
        parity: the code when it does not open.
        typed_by: the name of the field that tells its type, instead.
    """
    bare = "|".join(f"[0-9A-F]{{{size}}}" for size in plain)
    convert = partial(_key, key_type) if key_type else None
    sizes = "/".join(str(size) for size in plain)
    return Field(
        name,
        f"{sizes} H or 1 A + n H or key block",
        f"{_KEY_BLOCK}|{_VARIANT}|{bare}",
        meaning,
        INVALID_SCHEME,
        convert,
        key_types=(key_type,) if key_type else (),
        parity=parity,
        typed_by=typed_by,
    )


def keys(name: str, key_type: str = "", *, plain: int = 16, typed_by: str = "", parity: str = SOURCE_KEY) -> Field:
    """Several keys, one after the other, as a list. Args: as `key`."""
    one = key(name, key_type, plain=(plain,), typed_by=typed_by, parity=parity)
    return replace(
        one,
        size=f"n times {one.size}",
        pattern=f"(?:{one.pattern}){{1,9}}",
        convert=partial(_keys, re.compile(one.pattern.encode("ascii")), key_type) if key_type else None,
        one_key=one.pattern,
    )


def key_type(name: str, codes: dict[str, str], meaning: str = "") -> Field:
    """Which type a key has that follows.

    Args:
        codes: what may stand here, each with the key type it means. `FFF` means a key block.
    """
    size = len(next(iter(codes)))
    convert = partial(_key_type, {code.encode("ascii"): found for code, found in codes.items()})
    types = tuple(found for found in dict.fromkeys(codes.values()) if found != KEY_BLOCK)
    return Field(name, f"{size} H", "|".join(codes), meaning, INVALID_KEY_TYPE, convert, key_types=types)


def account(name: str = "account number") -> Field:
    """The 12 rightmost digits of the PAN before its check digit, or all of it and a semicolon."""
    return Field(
        name,
        "12 N, or PAN and `;`",
        "[0-9]{12}|[0-9]{13,19};",
        "the 12 rightmost PAN digits before the check digit, or for format 48 the whole PAN and a delimiter",
        INVALID_ACCOUNT,
        _account,
    )


def pin_format(name: str = "PIN block format") -> Field:
    """A format code of two digits, as a `PinFormat`."""
    return Field(name, "2 N", "[0-9]{2}", refuse=INVALID_PIN_FORMAT, convert=_pin_format)


def pin_block(name: str = "PIN block") -> Field:
    """An enciphered PIN block: 8 bytes, or 16 under AES and SM4."""
    pattern = "[0-9A-F]{32}|[0-9A-F]{16}"
    return Field(name, "16/32 H", pattern, convert=_bytes_of_hexadecimal, codes=(NO_VALID_PIN_BLOCK,))


class Layout:
    """The fields of one form of a command, ready to read.

    Args:
        fields: in order.
    """

    __slots__ = ("_converts", "_late_keys", "_runs", "_steps", "fields")

    def __init__(self, *fields: Field) -> None:
        self.fields = fields
        self._converts = [(place, field.convert) for place, field in enumerate(fields) if field.convert is not None]
        names = [field.name for field in fields]
        self._late_keys = [
            (
                at,
                names.index(field.typed_by),
                partial(_keys, re.compile(field.one_key.encode())) if field.one_key else _key,
            )
            for at, field in enumerate(fields)
            if field.typed_by
        ]
        # Runs of fields that one expression reads, and between them, data that are cut out.
        self._steps: list[re.Pattern[bytes] | Field] = []
        self._runs: list[tuple[Field, ...]] = []
        run: list[Field] = []
        for field in fields:
            if field.pattern:
                run.append(field)
                continue
            if run:
                self._add(re.compile(_expression(run), re.DOTALL), run)
            self._add(field, [])
            run = []
        if not (fields and fields[-1].to_the_end):
            self._add(re.compile(_expression(run) + _TAIL.encode("latin-1"), re.DOTALL), run)

    def _add(self, step: re.Pattern[bytes] | Field, run: list[Field]) -> None:
        self._steps.append(step)
        self._runs.append(tuple(run))

    def match(self, message: bytes) -> list[Any] | None:
        """The bytes of every field behind the command, and last the trailer or None; None when they do not fit."""
        steps = self._steps
        if len(steps) == 1:
            match = steps[0].fullmatch(message, 2) if isinstance(steps[0], re.Pattern) else None
            if match is not None:
                return list(match.groups())
            return [message[2:], None] if isinstance(steps[0], Field) else None
        at = 2
        values: list[Any] = []
        for step in steps[:-1]:
            if isinstance(step, Field):
                size = int(values[-1], step.length_base)
                if at + size > len(message):
                    return None
                values.append(message[at : at + size])
                at += size
            else:
                match = step.match(message, at)
                if match is None:
                    return None
                values += match.groups()
                at = match.end()
        last = steps[-1]
        if isinstance(last, Field):
            return [*values, message[at:], None]
        match = last.fullmatch(message, at)
        return None if match is None else [*values, *match.groups()]

    def convert(self, commands: HostCommandSet, values: list[Any]) -> None:
        """Turn the bytes of fields into what they stand for, in place."""
        for place, convert in self._converts:
            values[place] = convert(commands, values[place])
        for place, type_place, convert_key in self._late_keys:
            if values[place]:
                values[place] = convert_key(values[type_place], commands, values[place])

    def diagnose(self, message: bytes) -> tuple[int, str]:
        """How many fields of a message that does not fit are right, and the code for the first that is not."""
        at, place, before = 2, 0, b""
        for step, run in zip(self._steps, self._runs, strict=True):
            if isinstance(step, Field):
                if step.to_the_end:
                    break
                end = at + int(before, step.length_base)
                if end > len(message):
                    return place, step.refuse
                at, place = end, place + 1
                continue
            match = _furthest(run, message, at)
            right = match.re.groups if match is not None else 0
            if right < len(run):
                return place + right, run[right].refuse
            if match is not None:
                before, at, place = match[right] if right else b"", match.end(), place + right
        behind_data = bool(self.fields) and self.fields[-1].length_base
        return len(self.fields), DATA_LENGTH if behind_data else INVALID_INPUT


def _furthest(run: tuple[Field, ...], message: bytes, at: int) -> re.Match[bytes] | None:
    """The match of the most fields, from the first, that fit: where one has several lengths, the later ones tell."""
    for count in range(len(run), 0, -1):
        match = _prefix(run[:count]).match(message, at)
        if match is not None:
            return match
    return None


@lru_cache(maxsize=2_048)
def _prefix(fields: tuple[Field, ...]) -> re.Pattern[bytes]:
    """Compiled when a message is first wrong there: most never are."""
    return re.compile(_expression(fields), re.DOTALL)


def _expression(fields: Sequence[Field]) -> bytes:
    return "".join(f"({field.pattern})" for field in fields).encode("latin-1")


def _text(_: HostCommandSet, value: bytes) -> str:
    return value.decode("ascii")


def _number(_: HostCommandSet, value: bytes) -> int:
    return int(value)


def _bytes_of_hexadecimal(_: HostCommandSet, value: bytes) -> bytes:
    return unhexlify(value)


def _unless_empty(convert: Convert | None, commands: HostCommandSet, value: bytes) -> Any:
    if not value:
        return None
    return value if convert is None else convert(commands, value)


def _key(key_type: str, commands: HostCommandSet, value: bytes) -> Any:
    return commands.references[key_type].get(value) or commands.reference(value, key_type)


def _keys(one: re.Pattern[bytes], key_type: str, commands: HostCommandSet, value: bytes) -> list[Any]:
    return [_key(key_type, commands, match[0]) for match in one.finditer(value)]


def _key_type(codes: dict[bytes, str], commands: HostCommandSet, value: bytes) -> str:
    found = codes.get(value)
    if found is None or (found == KEY_BLOCK and commands.is_variant):
        raise HostCommandRefusal(INVALID_KEY_TYPE)
    return found


def _account(_: HostCommandSet, value: bytes) -> Pan:
    # Of the check digit nobody asks; any digit does.
    return Pan((value[:-1] if value[-1:] == b";" else value + b"0").decode("ascii"))


def _pin_format(_: HostCommandSet, value: bytes) -> Any:
    found = BY_CODE.get(value)
    if found is None:
        raise HostCommandRefusal(INVALID_PIN_FORMAT)
    return found
