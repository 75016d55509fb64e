"""Everything that can be asked of the back office, as rows: the HTTP interface and the command line are made of them.

A row names a service function and where it is found. What the service takes is read from its signature, what it does
from its docstring, so that no interface can offer anything else, or leave out the check of who asks.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any, Final, Literal, get_type_hints

from posterm.merchant.access import AccessToken, issue_token, revoke_token
from posterm.merchant.actor import Role
from posterm.merchant.document import Document
from posterm.merchant.news import News
from posterm.merchant.office_clock import move_clock

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
    """

    service: Callable[..., Any]
    path: str
    roles: tuple[Role, ...]
    group: Group = "merchant"
    reads: bool = False
    media: str = "application/json"
    confidential: bool = False

    @property
    def name(self) -> str:
        """`move-clock`."""
        return str(self.service.__name__).replace("_", "-")

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

    def takes(self, name: str) -> bool:
        """True when the service has such a parameter."""
        return name in inspect.signature(self.service).parameters


@dataclass(frozen=True, slots=True)
class Shelf:
    """A kind of document that may be looked at: by staff all of them, by a merchant its own."""

    document: type[Document]
    plural: str
    roles: tuple[Role, ...] = EVERYBODY


@cache
def _parameters(service: Callable[..., Any]) -> tuple[Parameter, ...]:
    hints = get_type_hints(service, include_extras=True)
    taken = inspect.signature(service).parameters
    return tuple(Parameter(name, hints[name], taken[name].default) for name in taken if name not in GIVEN)


OPERATIONS: Final[tuple[Operation, ...]] = (
    Operation(move_clock, "/clock/move", OPERATORS),
    Operation(issue_token, "/tokens", OPERATORS, confidential=True),
    Operation(revoke_token, "/tokens/{name}/revoke", (Role.OPERATOR, Role.MERCHANT)),
)

SHELVES: Final[tuple[Shelf, ...]] = (
    Shelf(News, "news"),
    Shelf(AccessToken, "tokens", (Role.OPERATOR, Role.MERCHANT)),
)
