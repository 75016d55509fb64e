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
from operator import methodcaller
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
from posterm.hsm.host_commands.references import ReferencesOfType
from posterm.hsm.pin_block import PinFormat
from posterm.sensitive import Pan

if TYPE_CHECKING:
    from posterm.hsm.host_commands.command_set import HostCommandSet

Convert = Callable[[bytes], Any]

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
    """What it becomes, when that is the same for every HSM. It is called for each message: best it is written in C."""
    convert_for: Callable[[HostCommandSet], Convert] | None = None
    """What it becomes for the commands of one HSM."""
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

    def conversion(self, commands: HostCommandSet) -> Convert | None:
        """What turns its bytes into what it stands for; None when they stand for themselves."""
        return self.convert if self.convert_for is None else self.convert_for(commands)


def digits(name: str, size: int, meaning: str = "", *, refuse: str = INVALID_INPUT, number: bool = True) -> Field:
    """Decimal digits, as a number unless their text is asked for."""
    return Field(name, f"{size} N", f"[0-9]{{{size}}}", meaning, refuse, int if number else as_text)


def one_of(name: str, characters: str, meaning: str = "", *, refuse: str = INVALID_INPUT) -> Field:
    """One character of several, as text."""
    return Field(name, "1 A", f"[{characters}]", meaning, refuse, as_text)


def text(name: str, size: str, pattern: str, meaning: str = "", *, refuse: str = INVALID_INPUT) -> Field:
    """Text of a form of its own."""
    return Field(name, size, pattern, meaning, refuse, as_text)


def constant(name: str, characters: str, meaning: str = "") -> Field:
    """Characters that must be these."""
    return Field(name, f"{len(characters)} A", re.escape(characters), meaning or f"`{characters}`")


def hexadecimal(name: str, size: int, meaning: str = "", *, refuse: str = INVALID_INPUT) -> Field:
    """Hexadecimal digits, as the bytes they stand for."""
    return Field(name, f"{size} H", f"[0-9A-F]{{{size}}}", meaning, refuse, unhexlify)


def raw(name: str, size: int, meaning: str = "") -> Field:
    """Bytes."""
    return Field(name, f"{size} B", f".{{{size}}}", meaning)


def optional(field: Field) -> Field:
    """The same field, which may be missing: None then."""
    convert_for = partial(_conversion_unless_empty, field)
    return replace(field, pattern=f"(?:{field.pattern})?", convert=None, convert_for=convert_for)


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
    sizes = "/".join(str(size) for size in plain)
    return Field(
        name,
        f"{sizes} H or 1 A + n H or key block",
        f"{_KEY_BLOCK}|{_VARIANT}|{bare}",
        meaning,
        INVALID_SCHEME,
        convert_for=partial(_conversion_of_key, key_type) if key_type else None,
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
        convert_for=partial(_conversion_of_keys, one.pattern, key_type) if key_type else None,
        one_key=one.pattern,
    )


def key_type(name: str, codes: dict[str, str], meaning: str = "") -> Field:
    """Which type a key has that follows.

    Args:
        codes: what may stand here, each with the key type it means. `FFF` means a key block.
    """
    size = len(next(iter(codes)))
    convert_for = partial(_conversion_of_key_type, {code.encode("ascii"): found for code, found in codes.items()})
    return Field(
        name,
        f"{size} H",
        "|".join(codes),
        meaning,
        INVALID_KEY_TYPE,
        convert_for=convert_for,
        key_types=tuple(found for found in dict.fromkeys(codes.values()) if found != KEY_BLOCK),
    )


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
    return Field(name, "2 N", "[0-9]{2}", refuse=INVALID_PIN_FORMAT, convert=_PIN_FORMATS.__getitem__)


def pin_block(name: str = "PIN block") -> Field:
    """An enciphered PIN block: 8 bytes, or 16 under AES and SM4."""
    pattern = "[0-9A-F]{32}|[0-9A-F]{16}"
    return Field(name, "16/32 H", pattern, convert=unhexlify, codes=(NO_VALID_PIN_BLOCK,))


class Layout:
    """The fields of one form of a command. Its expressions are compiled when the first message of that form comes:
    there are a hundred forms, and most servers see a few.

    Args:
        fields: in order.
    """

    __slots__ = ("_late_keys", "_only", "_runs", "_steps", "fields")

    _late_keys: list[tuple[int, int, re.Pattern[bytes] | None]]
    """Keys whose type another field names: their place, that of the type, and one key where there may be several."""
    _only: Callable[[bytes, int], re.Match[bytes] | None] | None
    """What reads the whole form, where one expression does."""
    _steps: list[re.Pattern[bytes] | Field]
    """Runs of fields that one expression reads, and between them, data that are cut out."""
    _runs: list[tuple[Field, ...]]
    """The fields of each step that is an expression."""

    def __init__(self, *fields: Field) -> None:
        self.fields = fields

    def __getattr__(self, name: str) -> Any:
        if name not in self.__slots__:
            raise AttributeError(name)
        self._compile()
        return getattr(self, name)

    def _compile(self) -> None:
        fields = self.fields
        names = [field.name for field in fields]
        self._late_keys = [
            (place, names.index(field.typed_by), re.compile(field.one_key.encode("ascii")) if field.one_key else None)
            for place, field in enumerate(fields)
            if field.typed_by
        ]
        self._steps, self._runs = [], []
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
        only = self._steps[0]
        self._only = only.fullmatch if len(self._steps) == 1 and isinstance(only, re.Pattern) else None

    def _add(self, step: re.Pattern[bytes] | Field, run: list[Field]) -> None:
        self._steps.append(step)
        self._runs.append(tuple(run))

    def match(self, message: bytes) -> list[Any] | None:
        """The bytes of every field behind the command, and last the trailer or None; None when they do not fit."""
        if self._only is not None:
            match = self._only(message, 2)
            return None if match is None else list(match.groups())
        steps = self._steps
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

    def conversion(self, commands: HostCommandSet) -> Callable[[list[Any]], None]:
        """What turns the bytes of fields into what they stand for, in place."""
        converts = [
            (place, convert)
            for place, convert in enumerate(field.conversion(commands) for field in self.fields)
            if convert is not None
        ]
        late_keys = self._late_keys
        references = commands.references

        def convert_all(values: list[Any]) -> None:
            for place, convert in converts:
                values[place] = convert(values[place])
            for place, type_place, one_key in late_keys:
                if values[place]:
                    of_type = references[values[type_place]]
                    values[place] = _each_key(one_key, of_type, values[place]) if one_key else of_type[values[place]]

        return convert_all

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


def _conversion_unless_empty(field: Field, commands: HostCommandSet) -> Convert:
    convert = field.conversion(commands)
    if convert is None:
        return lambda value: value or None
    return lambda value: convert(value) if value else None


def _conversion_of_key(key_type: str, commands: HostCommandSet) -> Convert:
    return commands.references[key_type].__getitem__


def _conversion_of_keys(one: str, key_type: str, commands: HostCommandSet) -> Convert:
    return partial(_each_key, re.compile(one.encode("ascii")), commands.references[key_type])


def _each_key(one: re.Pattern[bytes], references: ReferencesOfType, value: bytes) -> list[Any]:
    return [references[match[0]] for match in one.finditer(value)]


def _conversion_of_key_type(codes: dict[bytes, str], commands: HostCommandSet) -> Convert:
    def key_type_of(value: bytes) -> str:
        found = codes.get(value)
        if found is None or (found == KEY_BLOCK and commands.is_variant):
            raise HostCommandRefusal(INVALID_KEY_TYPE)
        return found

    return key_type_of


def _account(value: bytes) -> Pan:
    # Of the check digit nobody asks; any digit does.
    return Pan((value[:-1] if value[-1:] == b";" else value + b"0").decode("ascii"))


as_text: Final[Convert] = methodcaller("decode", "ascii")
"""The characters of a field, as text."""


class _PinFormats(dict[bytes, PinFormat]):
    def __missing__(self, value: bytes) -> PinFormat:
        raise HostCommandRefusal(INVALID_PIN_FORMAT)


_PIN_FORMATS: Final = _PinFormats(BY_CODE)
