"""What a link tells: values, each with a text for a log that holds no account, card or key data.

Of a request that was sent exactly one of `Answered`, `TimedOut` and `Lost` is told. `LateAnswer`, `DoubledAnswer` and
`UnmatchedAnswer` are answers nobody waits for; `Requested` is the peer asking; the rest is about the line itself.
"""

from __future__ import annotations

from dataclasses import dataclass

from posterm.errors import PostermError
from posterm.iso8583.framing import Frame
from posterm.iso8583.link_pairing import Difference, Element
from posterm.iso8583.message import Message


@dataclass(frozen=True, slots=True)
class Answered:
    """The answer to request number `request`, `elapsed_s` seconds after it was sent."""

    request: int
    asked: Message
    answer: Message
    elapsed_s: float

    def __str__(self) -> str:
        return f"request {self.request}, {self.asked.mti}, answered by {self.answer.mti} after {self.elapsed_s:.1f} s"


@dataclass(frozen=True, slots=True)
class TimedOut:
    """No answer came in time. The peer may have acted on the request."""

    request: int
    asked: Message
    after_s: float

    def __str__(self) -> str:
        return f"request {self.request}, {self.asked.mti}, not answered within {self.after_s:.1f} s"


@dataclass(frozen=True, slots=True)
class Lost:
    """The connection went while the request waited. The peer may have acted on it."""

    request: int
    asked: Message
    why: str

    def __str__(self) -> str:
        return f"request {self.request}, {self.asked.mti}, lost with its connection: {self.why}"


Outcome = Answered | TimedOut | Lost
"""What becomes of a request, exactly one of these."""


@dataclass(frozen=True, slots=True)
class NearMiss:
    """The request an unmatched answer comes nearest to.

    Args:
        past: "in flight", "timed out", "answered" or "lost", which it has been for `for_s` seconds.
        agreeing: the elements in which the answer agrees with it.
    """

    request: int
    mti: str
    past: str
    for_s: float
    differences: tuple[Difference, ...]
    agreeing: tuple[Element, ...]

    def headline(self) -> str:
        """Which request it is, and in what the answer agrees."""
        how_long = f"for {self.for_s:.1f} s" if self.past == "in flight" else f"{self.for_s:.1f} s ago"
        same = ", ".join(f"DE {each}" if each != "key" else "its key" for each in self.agreeing)
        agreement = f"; the same in {same}" if same else ""
        return f"nearest: request {self.request}, {self.mti}, {self.past} {how_long}{agreement}"

    def __str__(self) -> str:
        return "\n  ".join((self.headline(), *map(str, self.differences)))


@dataclass(frozen=True, slots=True)
class LateAnswer:
    """The answer to a request that had been given up, `late_by_s` seconds after that."""

    request: int
    answer: Message
    past: str
    late_by_s: float

    def __str__(self) -> str:
        return f"{self.answer.mti} answers request {self.request}, {self.past} {self.late_by_s:.1f} s ago"


@dataclass(frozen=True, slots=True)
class DoubledAnswer:
    """Another answer to a request that has one."""

    request: int
    answer: Message
    after_s: float

    def __str__(self) -> str:
        return f"{self.answer.mti} answers request {self.request} again, {self.after_s:.1f} s after the first"


@dataclass(frozen=True, slots=True)
class UnmatchedAnswer:
    """An answer to nothing this link asked, or remembers having asked."""

    answer: Message
    nearest: NearMiss | None

    def __str__(self) -> str:
        nearest = self.nearest or "nothing like it was asked"
        return f"{self.answer.mti} answers no request\n  {nearest}"


@dataclass(frozen=True, slots=True)
class Requested:
    """The peer asks. `Link.answer` takes this back, with the answer; its headers then find the way.

    Args:
        connection: the number of the connection it came over; an answer goes out over no other.
        expects_answer: False for a notification.
    """

    message: Message
    frame: Frame
    connection: int
    expects_answer: bool

    def __str__(self) -> str:
        return f"{self.message.mti} received"


@dataclass(frozen=True, slots=True)
class NotAnswered:
    """What the peer asked gets no answer from here: whoever serves it failed, or the connection is gone."""

    asked: Requested
    why: str

    def __str__(self) -> str:
        return f"{self.asked.message.mti} not answered: {self.why}"


@dataclass(frozen=True, slots=True)
class Unreadable:
    """A frame that is no message, or not of this dialect. The stream goes on; the peer may have meant an answer."""

    error: PostermError
    frame_bytes: int
    nearest: NearMiss | None

    def __str__(self) -> str:
        meant = f"\n  {self.nearest.headline()}" if self.nearest else ""
        return f"a frame of {self.frame_bytes} bytes cannot be read\n  {self.error}{meant}"


@dataclass(frozen=True, slots=True)
class Ready:
    """Requests may be sent; `signed_on` is the answer to the sign-on, when there was one."""

    connection: int
    signed_on: Message | None = None

    def __str__(self) -> str:
        return f"connection {self.connection} is ready{', signed on' if self.signed_on is not None else ''}"


@dataclass(frozen=True, slots=True)
class Echoed:
    """The peer answered an echo."""

    elapsed_s: float

    def __str__(self) -> str:
        return f"echo answered after {self.elapsed_s:.1f} s"


@dataclass(frozen=True, slots=True)
class EchoMissed:
    """An echo was not answered, the `misses`th in a row."""

    misses: int

    def __str__(self) -> str:
        return f"echo not answered, {self.misses} in a row"


@dataclass(frozen=True, slots=True)
class Broken:
    """This connection is of no more use: whoever holds it closes it, then calls `Link.disconnected`."""

    why: str

    def __str__(self) -> str:
        return f"the connection has to be closed: {self.why}"


@dataclass(frozen=True, slots=True)
class Disconnected:
    """There is no connection; `attempts` have failed since the link was last ready."""

    why: str
    attempts: int

    def __str__(self) -> str:
        return f"no connection: {self.why}"


LinkEvent = (
    Answered
    | TimedOut
    | Lost
    | LateAnswer
    | DoubledAnswer
    | UnmatchedAnswer
    | Requested
    | NotAnswered
    | Unreadable
    | Ready
    | Echoed
    | EchoMissed
    | Broken
    | Disconnected
)
