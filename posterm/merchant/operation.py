"""Something that can be asked of the back office, as a row from which interfaces are made.

A row names a service function and where it is found. What the service takes is read from its signature, what it does
from its docstring, so that no interface can offer anything else, or leave out the check of who asks.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Any, Final, Literal, get_type_hints

from posterm.merchant.actor import Actor, Role
from posterm.merchant.document import Document
from posterm.merchant.office import Office

STAFF: Final = (Role.REVIEWER, Role.OPERATOR)
EVERYBODY: Final = (Role.MERCHANT, *STAFF)
OPERATORS: Final = (Role.OPERATOR,)
REVIEWERS: Final = (Role.REVIEWER,)
MERCHANTS: Final = (Role.MERCHANT,)
ANYBODY: Final[tuple[Role, ...]] = ()
"""Without a token: for whoever has no account yet."""

Group = Literal["merchant", "device"]
GIVEN: Final = frozenset({"office", "actor", "now", "time_of_day"})
"""Parameters that whoever calls a service for somebody else gives it."""

_PLACE: Final = re.compile(r"\{(\w+)\}")


@dataclass(frozen=True, slots=True)
class Parameter:
    """What a service takes. `default` is `inspect.Parameter.empty` where it must be given."""

    name: str
    annotation: Any
    default: Any

    @property
    def is_needed(self) -> bool:
        return self.default is inspect.Parameter.empty


@dataclass(frozen=True, slots=True)
class Operation:
    """A service, its address and who may ask.

    path: below the version; a name in braces is a parameter of the service.
    roles: empty for anybody, without a token.
    group: the group of commands it belongs to.
    reads: it changes nothing.
    media: what its answer is, when that is not JSON.
    confidential: its answer is given once and never kept.
    over_http: it is offered over HTTP too; what moves keys is not.
    """

    service: Callable[..., Any]
    path: str
    roles: tuple[Role, ...]
    group: Group = "merchant"
    reads: bool = False
    media: str = "application/json"
    confidential: bool = False
    over_http: bool = True

    @property
    def name(self) -> str:
        """`move-clock`."""
        return str(self.service.__name__).replace("_", "-")

    @property
    def command(self) -> str:
        """Its name within its group of commands: `bind` for `bind-device`."""
        return self.name.removesuffix(f"-{self.group}")

    @property
    def summary(self) -> str:
        """What it does: the first paragraph of the service's docstring."""
        text = inspect.getdoc(self.service) or ""
        first = text.split("\n\n")[0].replace("\n", " ")
        return re.split(r"\s(?=Raises: |Returns: )", first)[0]

    @property
    def parameters(self) -> tuple[Parameter, ...]:
        """What it takes, without what the caller gives it."""
        return _parameters(self.service)

    @property
    def in_path(self) -> tuple[str, ...]:
        """Names of the parameters in its path."""
        return tuple(_PLACE.findall(self.path))

    @property
    def returns(self) -> Any:
        """The type of its answer."""
        return get_type_hints(self.service, include_extras=True).get("return", Any)

    def call(
        self, office: Office, actor: Actor, now: datetime, time_of_day: datetime, values: Mapping[str, object]
    ) -> Any:
        """Carry it out. Moments among the values are taken as the office's own clock has them."""
        given = {"office": office, "actor": actor, "now": now, "time_of_day": time_of_day}
        wanted = inspect.signature(self.service).parameters
        own = {name: value for name, value in given.items() if name in wanted}
        return self.service(**own, **{name: _as_of(value, now) for name, value in values.items()})


@dataclass(frozen=True, slots=True)
class Shelf:
    """A kind of document that may be looked at: by staff all of them, by a merchant its own.

    hides: says which of them nobody is shown over HTTP.
    """

    document: type[Document]
    plural: str
    roles: tuple[Role, ...] = EVERYBODY
    hides: Callable[[Any], bool] | None = None


def _as_of(value: object, now: datetime) -> object:
    """A moment with the offset of the office's time, or without one where that has none."""
    if not isinstance(value, datetime):
        return value
    if now.tzinfo is None:
        return value.replace(tzinfo=None)
    return value.replace(tzinfo=now.tzinfo) if value.tzinfo is None else value.astimezone(now.tzinfo)


@cache
def _parameters(service: Callable[..., Any]) -> tuple[Parameter, ...]:
    hints = get_type_hints(service, include_extras=True)
    taken = inspect.signature(service).parameters
    return tuple(Parameter(name, hints[name], taken[name].default) for name in taken if name not in GIVEN)
