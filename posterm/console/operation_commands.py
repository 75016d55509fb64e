"""Commands made of the back office's operations: what stands in a path is an argument, the rest are options."""

from __future__ import annotations

import inspect
import json
from collections.abc import Callable, Mapping
from datetime import datetime
from enum import EnumType
from pathlib import Path
from typing import Annotated, Any, Final, Literal, get_args, get_origin

import typer
from pydantic import BaseModel, TypeAdapter, ValidationError

from posterm.console.cli.options import ConfigOption, JsonOption, examples
from posterm.console.errors import InputError
from posterm.merchant import Actor, Role
from posterm.merchant.operation import Operation, Parameter

ACTOR: Final = "actor_text"
ActorOption = Annotated[
    str,
    typer.Option("--as", metavar="WHO", help="operator, reviewer, or a merchant's account, A00000001."),
]
AdvanceOption = Annotated[
    str,
    typer.Option("--advance", metavar="SPAN", help="First let so much time pass: 90s, 15m, 8h, 3d, 2w."),
]
FILES_MAX: Final = 32_000_000
_SAMPLES: Final = {
    "account": "A00000001",
    "location": "31.230400,121.473700",
    "merchant": "M00000001",
    "model": "smart",
    "password": "'Secret-1'",
    "serial": "N900001",
    "span": "3d",
    "subject": "A00000001",
    "url": "https://shop.example/news",
}
"""What examples show for parameters of these names."""

Carry = Callable[[Operation, dict[str, Any], Path | None, str, str, bool], None]
"""Does what a command says: the operation, its values, the configuration, who asks, how long first, as JSON."""


def add_operation_command(app: typer.Typer, operation: Operation, carry: Carry) -> None:
    """Add the command of an operation to a group."""

    def command(**given: Any) -> None:
        values = {each.name: given[each.name] for each in operation.parameters if given[each.name] is not None}
        carry(operation, values, given["config"], given[ACTOR], given["advance"], given["as_json"])

    keyword = inspect.Parameter.KEYWORD_ONLY
    taken = [_typer_parameter(operation, each) for each in operation.parameters]
    who = operation.roles[-1] if operation.roles else ""
    for name, annotation, default in (
        (ACTOR, ActorOption, who if who != Role.MERCHANT else ""),
        ("advance", AdvanceOption, ""),
        ("config", ConfigOption, None),
        ("as_json", JsonOption, False),
    ):
        taken.append(inspect.Parameter(name, keyword, annotation=annotation, default=default))
    command.__signature__ = inspect.Signature(taken)  # type: ignore[attr-defined]
    command.__annotations__ = {each.name: each.annotation for each in taken}
    command.__doc__ = operation.summary
    app.command(operation.command, epilog=examples(example_of(operation)))(command)


def example_of(operation: Operation) -> str:
    """A command line with everything that has to be given."""
    words = [f"posterm {operation.group} {operation.command}"]
    for each in operation.parameters:
        if each.name in operation.in_path:
            words.append(_SAMPLES.get(each.name, each.name.upper()))
        elif each.is_needed:
            words.append(_option(each) if _kind(each) == "flag" else f"{_option(each)} {_sample(each)}")
    if operation.roles and operation.roles[-1] is Role.MERCHANT:
        words.append("--as A00000001")
    return " ".join(words)


def _sample(parameter: Parameter) -> str:
    annotation = parameter.annotation
    if isinstance(annotation, EnumType):
        return _members(annotation)[0]
    by_kind = {"file": "photo.jpg", "json": f"@{parameter.name}.json"}
    if parameter.name in _SAMPLES:
        return _SAMPLES[parameter.name]
    if annotation in (int, datetime):
        return "100" if annotation is int else "2026-06-01T10:00"
    return by_kind.get(_kind(parameter), parameter.name.upper())


def values_of(operation: Operation, given: Mapping[str, Any]) -> dict[str, Any]:
    """What a service takes, from what was typed. Raises: InputError: a value that does not fit, or a file."""
    by_name = {each.name: each for each in operation.parameters}
    values = {}
    for name, text in given.items():
        parameter = by_name[name]
        try:
            values[name] = _value(parameter, text)
        except ValidationError as error:
            first = error.errors(include_input=False, include_url=False)[0]
            raise InputError(f"{name.replace('_', '-')}: {first['msg'].removeprefix('Value error, ')}") from None
    return values


def actor_named(text: str, operation: Operation) -> Actor:
    """Who asks. Raises: InputError: the operation is a merchant's, and none is named."""
    if text in (Role.OPERATOR, Role.REVIEWER):
        return Actor(Role(text))
    if text or not operation.roles:
        return Actor(Role.MERCHANT, text)
    raise InputError(f"{operation.name}: need --as with the account of a merchant")


def _typer_parameter(operation: Operation, parameter: Parameter) -> inspect.Parameter:
    """An argument for what is in the path, a flag for yes or no, an option for the rest."""
    needed = parameter.is_needed
    default: Any = inspect.Parameter.empty if needed else None
    kind = _kind(parameter)
    if parameter.name in operation.in_path:
        annotation: Any = Annotated[str, typer.Argument(metavar=parameter.name.upper())]
    elif kind == "flag":
        annotation = Annotated[bool | None, typer.Option(help=_help(parameter))]
        default = inspect.Parameter.empty if needed else parameter.default
    elif kind == "list":
        annotation = Annotated[list[str] | None, typer.Option(_option(parameter), help=_help(parameter))]
        default = None
    else:
        annotation = Annotated[
            str if needed else str | None,
            typer.Option(_option(parameter), metavar=_METAVARS.get(kind, "TEXT"), help=_help(parameter)),
        ]
    return inspect.Parameter(parameter.name, inspect.Parameter.KEYWORD_ONLY, annotation=annotation, default=default)


_METAVARS: Final = {"file": "FILE", "json": "JSON|@FILE", "list": "TEXT"}
_Kind = Literal["flag", "file", "json", "list", "text"]


def _kind(parameter: Parameter) -> _Kind:
    annotation = parameter.annotation
    if annotation is bool:
        return "flag"
    if annotation is bytes:
        return "file"
    origin = get_origin(annotation)
    if isinstance(annotation, type) and origin is None and issubclass(annotation, BaseModel):
        return "json"
    if isinstance(origin, type) and issubclass(origin, Mapping):
        return "json"
    if isinstance(origin, type) and get_args(annotation):
        inner = get_args(annotation)[0]
        if inner in (str, bytes):
            return "list"
        if get_origin(inner) is not None:
            return "json"
    return "text"


def _help(parameter: Parameter) -> str:
    annotation = parameter.annotation
    if isinstance(annotation, EnumType):
        return ", ".join(_members(annotation))
    return {"file": "A file.", "json": "JSON, or @ and a file of it.", "list": "May be given several times."}.get(
        _kind(parameter), ""
    )


def _members(kind: Any) -> list[str]:
    return [str(each) for each in kind]


def _option(parameter: Parameter) -> str:
    return f"--{parameter.name.replace('_', '-')}"


def _value(parameter: Parameter, typed: Any) -> Any:
    kind = _kind(parameter)
    if kind == "file":
        return _file(typed)
    if kind == "json":
        text = _file(typed[1:]).decode("utf-8", "replace") if typed.startswith("@") else typed
        try:
            typed = json.loads(text)
        except (ValueError, RecursionError):
            raise InputError(f"{parameter.name}: need JSON") from None
    if kind == "list" and bytes in get_args(parameter.annotation):
        try:
            return [bytes.fromhex(each) for each in typed]
        except ValueError:
            raise InputError(f"{parameter.name}: need hexadecimal digits") from None
    return TypeAdapter(parameter.annotation).validate_python(typed)


def _file(name: str) -> bytes:
    try:
        with Path(name).open("rb") as file:
            content = file.read(FILES_MAX + 1)
    except OSError as error:
        raise InputError(f"{name}: {(error.strerror or 'cannot be opened').lower()}") from None
    if len(content) > FILES_MAX:
        raise InputError(f"{name}: need at most {FILES_MAX} bytes, have more")
    return content
