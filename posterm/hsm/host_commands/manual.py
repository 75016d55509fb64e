"""The manual of the host commands, made from the table: what is printed there is what is read and refused.

python -c "from posterm.hsm.host_commands.manual import manual; print(manual(), end='')" > docs/hsm-commands.md
"""

from __future__ import annotations

from collections.abc import Iterator

from posterm.hsm.host_commands import COMMANDS, FAMILIES
from posterm.hsm.host_commands.errors import (
    CODES,
    FRAUD_DETECTION,
    INVALID_INPUT,
    KEY_FUNCTION_NOT_PERMITTED,
    NOT_AUTHORIZED,
    OK,
    VERIFICATION_FAILURE,
)
from posterm.hsm.host_commands.extensions import MAC_CODES
from posterm.hsm.host_commands.fields import KEY_BLOCK, Field, Layout
from posterm.hsm.host_commands.key_attributes import ALGORITHMS
from posterm.hsm.host_commands.pin_formats import CODES as PIN_FORMATS
from posterm.hsm.host_commands.table import Command
from posterm.hsm.key_types import KEY_TYPES

_HEAD = """\
# HSM host commands

What `posterm.hsm.host_commands` answers, in the form of a Thales payShield's host commands. This page is made from the
table of the commands; a test compares the two.

```text
request    length (2 bytes)   header   command (2)   fields               X'19' and trailer, optional
answer     length             header   command + 1   error code   fields  X'19' and trailer
```

The length counts what follows it; the header is given back as it came. `N` are decimal digits, `H` hexadecimal digits
in upper case, `A` characters, `B` bytes. Before the trailer `%00` may name the LMK. Data to the end of the message (MA,
MC, ME, B2, NK, A2) leave no room for a trailer. A command that is not known is answered with 15, a disabled one with
68. A message without room for header and command ends the connection.

Under a variant LMK a key is a scheme letter and digits (`U` and `X` 32, `T` and `Y` 48, `Z` or none 16; some fields
take 32 without a letter), and its type follows from the command. Under a key-block LMK it is a key block, `S…`, and its
header must allow what the command does with it. A key of the other kind is refused with 26, one that does not open with
the code beside its field, one whose usage, mode or exportability does not go with the command with 29.
"""


def manual() -> str:
    """The whole page, in Markdown."""
    return "\n".join(_lines()) + "\n"


def page(command: Command) -> list[str]:
    """The lines of one command."""
    lines = [f"### {command.code}: {command.title}", ""]
    if command.activity is not None:
        lines += [f"Where the HSM has a guard, `{command.activity}` must be authorized.", ""]
    if command.note:
        lines += [command.note, ""]
    for form in command.forms:
        lines += [*_table("Field", form.layout.fields), ""] if form.layout.fields else ["No fields.", ""]
    if command.answer:
        lines += [*_table(f"Answer {command.reply.decode('ascii')}", command.answer), ""]
    lines += [f"Error codes: {', '.join(f'`{code}`' for code in codes(command))}.", ""]
    return lines


def codes(command: Command) -> list[str]:
    """Every error code that follows from a command's fields, and those it declares."""
    found = {OK, INVALID_INPUT, *command.codes, *command.own.values()}
    for form in command.forms:
        found |= _codes_of(form.layout)
    if command.activity is not None:
        found.add(NOT_AUTHORIZED)
    if VERIFICATION_FAILURE in command.codes:
        found.add(FRAUD_DETECTION)
    return sorted(found)


def _codes_of(layout: Layout) -> set[str]:
    found = {field.refuse for field in layout.fields}
    keys = [field for field in layout.fields if field.parity]
    found |= {field.parity for field in keys}
    if keys:
        found.add(KEY_FUNCTION_NOT_PERMITTED)
    return found.union(*(field.codes for field in layout.fields))


def _lines() -> Iterator[str]:
    yield _HEAD
    yield from _listing("Error codes", ("Code", "Meaning"), CODES.items())
    yield from _listing("Key types", ("Type", "Key"), ((code, row.name) for code, row in KEY_TYPES.items()))
    yield from _listing("Algorithms of new key blocks", ("Code", "Algorithm"), ALGORITHMS.items())
    yield from _listing("PIN block formats", ("Code", "Form"), PIN_FORMATS.items())
    yield from _listing("MAC algorithms of Z0 and Z2", ("Code", "Algorithm"), MAC_CODES.items())
    for family in FAMILIES:
        name = family.__name__.rpartition(".")[2]
        yield f"## {(family.__doc__ or '').splitlines()[0].rstrip('.')}"
        yield ""
        for command in COMMANDS.values():
            if command.family == name:
                yield from page(command)


def _listing(title: str, head: tuple[str, str], rows: object) -> Iterator[str]:
    yield f"## {title}"
    yield ""
    yield f"| {head[0]} | {head[1]} |"
    yield "|---|---|"
    for code, meaning in rows:  # type: ignore[attr-defined]
        yield f"| `{code}` | {meaning} |"
    yield ""


def _table(head: str, fields: tuple[Field, ...]) -> list[str]:
    rows = [f"| {field.name} | {field.size} | {_meaning(field)} |" for field in fields]
    return [f"| {head} | Size | |", "|---|---|---|", *rows]


def _meaning(field: Field) -> str:
    said = [field.meaning] if field.meaning else []
    types = [code for code in field.key_types if code != KEY_BLOCK]
    if types and field.parity:
        said.append(f"key type {', '.join(types)}")
    if field.typed_by:
        said.append(f"type by {field.typed_by}")
    if field.parity:
        said.append(f"`{field.parity}` when it does not open")
    return "; ".join(said)
