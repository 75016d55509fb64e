"""A merchant's sales as a picture: by hour, by day, by channel and by card class. The same bytes for the same sales."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date
from io import BytesIO
from typing import TYPE_CHECKING, Any, Final, Literal

from posterm.merchant.actor import Actor
from posterm.merchant.analysis import Slice, analyse_sales
from posterm.merchant.office import Office

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Form = Literal["svg", "png"]

_MINOR_PER_YUAN: Final = 100
_MOST_DAY_LABELS: Final = 10
_STYLE: Final[dict[Any, Any]] = {"svg.hashsalt": "posterm", "font.family": "DejaVu Sans", "font.size": 8}


def plot_sales(office: Office, actor: Actor, key: str, first: date, last: date, *, form: Form = "svg") -> bytes:
    """A merchant's sales on some clearing dates, drawn. Raises: NotFoundError, RefusedError."""
    from matplotlib import rc_context
    from matplotlib.figure import Figure

    report = analyse_sales(office, actor, key, first, last)
    hours = {part.name: part for part in report.by_hour}
    empty = Slice(name="", count=0, amount_minor=0, fee_minor=0, share=0.0)
    whole_day = [hours.get(f"{hour:02d}", empty.model_copy(update={"name": f"{hour:02d}"})) for hour in range(24)]
    target = BytesIO()
    with rc_context(_STYLE):
        figure = Figure(figsize=(10, 7), layout="constrained")
        axes = figure.subplots(2, 2)
        figure.suptitle(f"{first} to {last}: {report.sales} sales, {report.amount_minor / _MINOR_PER_YUAN:.2f} CNY")
        _bars(axes[0][0], "by hour", whole_day)
        _bars(axes[0][1], "by day", report.by_day)
        _bars(axes[1][0], "by channel", report.by_channel)
        _bars(axes[1][1], "by card class", report.by_class)
        figure.savefig(target, format=form, metadata={"Date": None} if form == "svg" else {"Software": None})
    return target.getvalue()


def _bars(axes: Axes, title: str, parts: Iterable[Slice]) -> None:
    shown = list(parts)
    axes.set_title(title)
    axes.set_ylabel("CNY")
    places = range(len(shown))
    axes.bar(places, [part.amount_minor / _MINOR_PER_YUAN for part in shown])
    step = max(1, len(shown) // _MOST_DAY_LABELS) if len(shown) > 24 else 1
    labels = [part.name.removeprefix("20") or "-" for part in shown][::step]
    axes.set_xticks(list(places)[::step], labels, rotation=45 if len(shown) > _MOST_DAY_LABELS else 0)
