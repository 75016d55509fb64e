"""What the host does with a frame: the answer, and what is worth telling about it.

Details are text by name, masked, ready for a structured log. The core writes nothing down itself.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum
from types import MappingProxyType
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from posterm.host.switch.port import Suspended


class EventName(StrEnum):
    """Every event of the host."""

    APPROVED = "approved"
    DECLINED = "declined"
    """Details name the answer code, the check that gave it and why."""
    REPEAT = "repeat"
    """The same request again; it had no second effect."""
    REVERSED = "reversed"
    REVERSAL_BEFORE_ORIGINAL = "reversal-before-original"
    REVERSAL_REFUSED = "reversal-refused"
    ORIGINAL_AFTER_REVERSAL = "original-after-reversal"
    ORDER_WAITS = "order-waits"
    """A payment by a code that somebody has to do something for."""
    ORDER_ASKED_ABOUT = "order-asked-about"
    SIGNED_ON = "signed-on"
    SIGNED_OFF = "signed-off"
    ECHO = "echo"
    PARAMETERS_SENT = "parameters-sent"
    PARAMETERS_TAKEN = "parameters-taken"
    CA_KEYS_TAKEN = "ca-keys-taken"
    APPLICATIONS_TAKEN = "applications-taken"
    STATUS_RECEIVED = "status-received"
    SCRIPT_NOTICE = "script-notice"
    SCRIPT_QUEUED = "script-queued"
    SCRIPT_SENT = "script-sent"
    SCRIPT_DONE = "script-done"
    """The card has obeyed a script."""
    SCRIPT_FAILED = "script-failed"
    CHIP_REPLAY = "chip-replay"
    """A transaction counter that was used before."""
    CHIP_COUNTER_JUMPED = "chip-counter-jumped"
    """A counter further ahead of the last one than the profile finds usual."""
    CHIP_CERTIFICATE = "chip-certificate"
    """The final cryptogram of a transaction came up with the batch; `verified` says whether it is the card's."""
    INQUIRIES_BEFORE_SALE = "inquiries-before-sale"
    """A sale right after balance inquiries with the same card."""
    FALLBACK = "fallback"
    """A stripe was read because a chip could not be."""
    TOTALS_COMPARED = "totals-compared"
    ITEMS_UPLOADED = "items-uploaded"
    BATCH_CLOSED = "batch-closed"
    ONLY_AT_HOST = "only-at-host"
    ONLY_AT_TERMINAL = "only-at-terminal"
    KEY_CHANGED = "key-changed"
    """An acquirer has sent a new zone key."""
    BAD_MAC = "bad-mac"
    UNKNOWN_TERMINAL = "unknown-terminal"
    NOT_ISO8583 = "not-iso8583"
    FORCED = "forced"
    SUSPENDED = "suspended"
    """The card's issuer is asked over the network."""
    ISSUER_SILENT = "issuer-silent"
    """An issuer has not answered, or not so that it can be believed."""
    LATE_ANSWER = "late-answer"
    """An issuer has answered what was given up before."""
    STOOD_IN = "stood-in"
    """Approved in the place of an issuer that could not be asked."""
    FORWARD_QUEUED = "forward-queued"
    """A reversal or advice waits for its issuer."""
    FORWARD_TAKEN = "forward-taken"
    FORWARD_REFUSED = "forward-refused"
    """An issuer does not accept a reversal or advice: the books of both differ by it."""
    FAULT = "fault"


class HostEvent(NamedTuple):
    """Something that happened, at the time given to `handle`."""

    name: EventName
    at: datetime
    details: Mapping[str, str] = MappingProxyType({})


class Reply(NamedTuple):
    """What to do with the connection a frame came from.

    `frame` is what the length prefix counts, or None when there is no answer. It is sent after `delay_s` seconds, cut
    off after `tear_after` bytes where that is not None, and the connection is closed when `close` says so.
    """

    frame: bytes | None
    events: tuple[HostEvent, ...] = ()
    delay_s: float = 0.0
    close: bool = False
    tear_after: int | None = None
    suspended: Suspended | None = None
    """The request waits for its issuer: send that its message, and call `Host.resume` with what comes of it."""
