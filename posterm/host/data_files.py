"""Plans and the table of card ranges as data files: those that come with posterm, and a user's own.

This module is an exception to the rule that a core reads no file: these are read once, when a program starts.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterable
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any, Final

from pydantic import ValidationError

from posterm.host.card_ranges import CardRange, CardRanges
from posterm.host.errors import TermsError
from posterm.host.plan import MerchantPlan
from posterm.host.terms import HostTerms
from posterm.host.working_days import WorkingDays

MAX_FILE_BYTES: Final = 1_000_000


@cache
def built_in_terms() -> HostTerms:
    """Plans, card ranges and working days that come with posterm."""
    return HostTerms(built_in_plans(), built_in_ranges(), built_in_working_days())


def load_terms(plans: Iterable[str] = (), ranges: str = "", working_days: str = "") -> HostTerms:
    """Terms from files: plans beside the built-in ones, and each table in the place of the built-in one.

    Raises: TermsError.
    """
    return HostTerms(plans_with(plans), ranges_from(ranges), working_days_from(working_days))


@cache
def built_in_plans() -> dict[str, MerchantPlan]:
    """The plans that come with posterm, by name."""
    folder = resources.files("posterm.host") / "data" / "plans"
    files = sorted(entry.name for entry in folder.iterdir() if entry.name.endswith(".toml"))
    plans = [parse_plan((folder / name).read_text(encoding="utf-8"), name) for name in files]
    return {plan.name: plan for plan in plans}


def plans_with(paths: Iterable[str]) -> dict[str, MerchantPlan]:
    """The built-in plans and those of files, which replace what has the same name. Raises: TermsError."""
    plans = dict(built_in_plans())
    for path in paths:
        plan = parse_plan(_read(path), path)
        plans[plan.name] = plan
    return plans


def parse_plan(text: str, origin: str = "plan") -> MerchantPlan:
    """A plan from the text of a file. Raises: TermsError: not TOML, or a value that does not fit; it names the key."""
    try:
        return MerchantPlan.model_validate(_table(text, origin))
    except ValidationError as error:
        raise _fault(origin, error) from None


@cache
def built_in_ranges() -> CardRanges:
    """The card ranges that come with posterm."""
    return parse_ranges(_built_in("card_ranges.toml"), "card_ranges.toml")


def ranges_from(path: str) -> CardRanges:
    """Card ranges from a file; the built-in ones when no path is given. Raises: TermsError."""
    return parse_ranges(_read(path), path) if path else built_in_ranges()


def parse_ranges(text: str, origin: str = "card ranges") -> CardRanges:
    """Card ranges from the text of a file. Raises: TermsError."""
    table = _table(text, origin)
    try:
        return CardRanges(CardRange.model_validate(row) for row in table.get("range", []))
    except ValidationError as error:
        raise _fault(origin, error) from None


@cache
def built_in_working_days() -> WorkingDays:
    """Working days as they come with posterm: the Chinese calendar of public holidays."""
    return parse_working_days(_built_in("working_days.toml"), "working_days.toml")


def working_days_from(path: str) -> WorkingDays:
    """Working days from a file; the built-in ones when no path is given. Raises: TermsError."""
    return parse_working_days(_read(path), path) if path else built_in_working_days()


def parse_working_days(text: str, origin: str = "working days") -> WorkingDays:
    """Working days from the text of a file. Raises: TermsError."""
    try:
        return WorkingDays.model_validate(_table(text, origin))
    except ValidationError as error:
        raise _fault(origin, error) from None


def _built_in(name: str) -> str:
    return (resources.files("posterm.host") / "data" / name).read_text(encoding="utf-8")


def _read(path: str) -> str:
    try:
        with Path(path).open("rb") as file:
            return file.read(MAX_FILE_BYTES).decode("utf-8")
    except (OSError, ValueError):
        raise TermsError(f"{path}: need a readable text file, have none") from None


def _table(text: str, origin: str) -> dict[str, Any]:
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise TermsError(f"{origin}: not TOML: {error}") from None


def _fault(origin: str, error: ValidationError) -> TermsError:
    first = error.errors()[0]
    where = ".".join(str(part) for part in first["loc"]) or "table"
    return TermsError(f"{origin}: {where}: {first['msg'].removeprefix('Value error, ')}")
