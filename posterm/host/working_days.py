"""Working days: Monday to Friday, without public holidays, with the Saturdays and Sundays worked instead.

Source: the State Council's yearly notice on public holidays, as data. A year that is not in the data has its weekends.
"""

from __future__ import annotations

from datetime import date, timedelta
from typing import Final

from pydantic import BaseModel, ConfigDict, Field

_SATURDAY: Final = 5
_LONGEST_BREAK: Final = 366


class WorkingDays(BaseModel):
    """A calendar. `worked` are weekend days on which banks work; `holidays` weekdays on which they do not."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    holidays: frozenset[date] = Field(default=frozenset())
    worked: frozenset[date] = Field(default=frozenset())

    def is_working(self, day: date) -> bool:
        """True when banks settle on this day."""
        return day in self.worked or (day.weekday() < _SATURDAY and day not in self.holidays)

    def next_after(self, day: date) -> date:
        """The first working day after this one. Raises: ValueError: there is none within a year."""
        for days in range(1, _LONGEST_BREAK + 1):
            following = day + timedelta(days=days)
            if self.is_working(following):
                return following
        raise ValueError(f"no working day within a year after {day}")
