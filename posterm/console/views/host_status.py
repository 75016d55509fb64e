"""What a running host tells of itself, for people: as it stands, or a line of rates every second."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Any, Final

from posterm.console.cli.endings import printable
from posterm.console.views.exchange import clock_time

_EVERY_S: Final = 1.0
_HEADING_EVERY: Final = 20
_WIDTHS: Final = (8, 11, 8, 9, 9, 9, 9, 8)
_HEADING: Final = ("at", "connections", "waiting", "frames/s", "approved", "declined", "batch ms", "store")

Document = dict[str, Any]


def status_lines(document: Document) -> Iterator[str]:
    """A status document as lines."""
    seconds = int((_time(document, "at") - _time(document, "started")).total_seconds())
    yield f"{document['state']}, process {document['pid']}, up {_duration(seconds)}, store {_store(document)}"
    yield (
        f"{document['connections']} connections of at most {document['connections_max']}, "
        f"{document['accepted']} taken in so far"
    )
    yield (
        f"{document['frames']} frames in {document['batches']} batches, the largest of {document['largest_batch']}; "
        f"{document['answers']} answered, {document['frames_waiting']} waiting"
    )
    for issuer in document["issuers"]:
        yield printable(
            f"issuer {issuer['name']} at {issuer['address']} {issuer['state']}: {issuer['asked']} asked, "
            f"{issuer['answered']} answered, {issuer['silent']} not; {issuer['forwarded']} told"
        )
    for event, count in document["events"].items():
        yield printable(f"{count:>10}  {event}")
        if event == "declined":
            for row in document["declines"]:
                yield printable(f"{row['count']:>14}  {row['code']} {row['check']}")


def watch_lines(ask: Callable[[], Document], *, as_json: bool) -> Iterator[str]:
    """A line every second, about that second; the heading comes again now and then."""
    before = ask()
    number = 0
    while True:
        if not as_json and number % _HEADING_EVERY == 0:
            yield _columns(_HEADING)
        time.sleep(_EVERY_S)
        after = ask()
        yield json.dumps(after) if as_json else rate_line(before, after)
        before = after
        number += 1


def rate_line(before: Document, after: Document) -> str:
    """What happened between two documents, as rates; counts of events are those of the time between."""
    seconds = max((_time(after, "at") - _time(before, "at")).total_seconds(), 1e-3)
    batches = after["batches"] - before["batches"]
    batch_ms = 1000 * (after["batch_seconds"] - before["batch_seconds"]) / batches if batches else 0.0
    return _columns(
        (
            clock_time(_time(after, "at")),
            str(after["connections"]),
            str(after["frames_waiting"]),
            f"{(after['frames'] - before['frames']) / seconds:.0f}",
            *(str(after["events"].get(name, 0) - before["events"].get(name, 0)) for name in ("approved", "declined")),
            f"{batch_ms:.2f}",
            "ok" if after["store"] == "ok" else "FAULT",
        )
    )


def _columns(cells: tuple[str, ...]) -> str:
    return " ".join(f"{cell:>{width}}" for cell, width in zip(cells, _WIDTHS, strict=True))


def _store(document: Document) -> str:
    return "ok" if document["store"] == "ok" else printable(f"fault: {document['store']}")


def _time(document: Document, key: str) -> datetime:
    return datetime.fromisoformat(document[key])


def _duration(seconds: int) -> str:
    minutes, rest = divmod(seconds, 60)
    hours, minutes = divmod(minutes, 60)
    days, hours = divmod(hours, 24)
    return (f"{days} d " if days else "") + f"{hours:02d}:{minutes:02d}:{rest:02d}"
