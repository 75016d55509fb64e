"""What can be set on a link: times, limits, sign-on, echo, and when to connect again. Data only.

Leaves out addresses and certificates, which belong to whoever holds the socket.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

from posterm.iso8583.errors import LinkSettingError
from posterm.iso8583.framing import Framing
from posterm.iso8583.link_pairing import Pairing
from posterm.iso8583.message import Message


class Codec(Protocol):
    """What packs and unpacks the messages of a link: a `Dialect`, or something around one that adds a MAC."""

    def pack(self, message: Message, /) -> bytes:
        """The bytes of a message. Raises: PackError."""
        ...

    def unpack(self, wire: bytes, /) -> Message:
        """The message of these bytes. Raises: UnpackError, or another PostermError."""
        ...


def approved(answer: Message) -> bool:
    """True when DE 39 accepts: 00 of 1987, 000 and 800 of 1993 and 2003.

    Source: ISO 8583:1987, 1993 and 2003, DE 39; 800 is "accepted" of network management.
    """
    return answer.get(39) in ("00", "000", "800", "0000", "0800")


@dataclass(frozen=True, slots=True)
class SignOn:
    """What is sent first on every connection; until it is accepted nothing else is.

    Args:
        message: makes the request, with a trace number of its own.
        accepted: reads the answer; when it says no, or none comes, the connection is given up.
        timeout_s: seconds to wait for the answer.
    Raises: LinkSettingError: a time that is none.
    """

    message: Callable[[], Message]
    accepted: Callable[[Message], bool] = approved
    timeout_s: float = 30.0

    def __post_init__(self) -> None:
        _positive("sign-on timeout_s", self.timeout_s)


@dataclass(frozen=True, slots=True)
class Echo:
    """What is sent when the line has been silent, to learn whether it still is one.

    Args:
        message: makes the request, with a trace number of its own.
        idle_s: seconds without a byte from the peer before an echo goes out.
        timeout_s: seconds to wait for its answer.
        misses_max: so many in a row unanswered, and the connection is given up.
    Raises: LinkSettingError: a time or number that is none.
    """

    message: Callable[[], Message]
    idle_s: float = 60.0
    timeout_s: float = 15.0
    misses_max: int = 2

    def __post_init__(self) -> None:
        _positive("echo idle_s", self.idle_s)
        _positive("echo timeout_s", self.timeout_s)
        _positive("echo misses_max", self.misses_max)


@dataclass(frozen=True, slots=True)
class ReconnectPolicy:
    """How long to wait before connecting again: longer after each failure, up to a limit, and never all at once.

    Args:
        first_s, factor, longest_s: the wait after the first failure, what each further one multiplies it by, its limit.
        spread: the part of the wait that is left to chance, 0 to 1, so that terminals do not come back together.
        attempts_max: failures in a row after which to give up; None for never.
    Raises: LinkSettingError: a time, factor or spread that cannot be.

    >>> policy = ReconnectPolicy(first_s=1, factor=2, longest_s=10, spread=0.5)
    >>> [policy.delay_s(failures, chance=1.0) for failures in (1, 2, 3, 4, 5)]
    [1.0, 2.0, 4.0, 8.0, 10.0]
    >>> policy.delay_s(3, chance=0.0)
    2.0
    """

    first_s: float = 1.0
    factor: float = 2.0
    longest_s: float = 60.0
    spread: float = 0.5
    attempts_max: int | None = None

    def __post_init__(self) -> None:
        _positive("reconnect first_s", self.first_s)
        _positive("reconnect longest_s", self.longest_s)
        if not 1 <= self.factor <= 1000:
            raise LinkSettingError(f"reconnect factor: need 1 to 1000, have {self.factor}")
        if not 0 <= self.spread <= 1:
            raise LinkSettingError(f"reconnect spread: need 0 to 1, have {self.spread}")
        if self.attempts_max is not None and self.attempts_max < 0:
            raise LinkSettingError(f"reconnect attempts_max: need 0 or more, have {self.attempts_max}")

    def delay_s(self, failures: int, chance: float) -> float | None:
        """Seconds to wait after so many failures in a row; None when it is time to give up.

        Args:
            failures: 1 or more.
            chance: 0 to 1, from the caller's own source.
        """
        if self.attempts_max is not None and failures > self.attempts_max:
            return None
        try:
            longest = min(self.longest_s, self.first_s * self.factor ** max(failures - 1, 0))
        except OverflowError:
            longest = self.longest_s
        return longest * (1 - self.spread * (1 - min(max(chance, 0.0), 1.0)))


@dataclass(frozen=True, slots=True)
class LinkSettings:
    """Everything a link needs to know.

    Args:
        codec: the dialect.
        framing: length and headers.
        pairing: which elements an answer repeats.
        timeout_s: seconds a request waits for its answer, unless it is sent with another time.
        in_flight_max: requests that may wait at once.
        remembered_max: answered and given-up requests kept in mind, by which late and doubled answers are known.
    Raises: LinkSettingError: a time or limit that cannot be.
    """

    codec: Codec
    framing: Framing = field(default_factory=Framing)
    pairing: Pairing = field(default_factory=Pairing)
    timeout_s: float = 30.0
    in_flight_max: int = 256
    remembered_max: int = 256
    sign_on: SignOn | None = None
    echo: Echo | None = None
    reconnect: ReconnectPolicy = field(default_factory=ReconnectPolicy)

    def __post_init__(self) -> None:
        _positive("timeout_s", self.timeout_s)
        _positive("in_flight_max", self.in_flight_max)
        if self.remembered_max < 0:
            raise LinkSettingError(f"link remembered_max: need 0 or more, have {self.remembered_max}")


def _positive(name: str, value: float) -> None:
    if not (value > 0 and math.isfinite(value)):
        raise LinkSettingError(f"link {name}: need more than 0, have {value}")
