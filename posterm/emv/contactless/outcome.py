"""What a contactless kernel hands to the entry point: a verdict with its parameters.

Source: EMV Contactless Book A, 6.2 (outcomes and their parameters) and 9.4 (message identifiers). Leaves out field-off
requests, hold times and removal time-outs: they belong to the antenna.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum, StrEnum


class Verdict(StrEnum):
    """How a kernel ended."""

    APPROVED = "approved"
    DECLINED = "declined"
    ONLINE_REQUEST = "online request"
    TRY_AGAIN = "try again"
    SELECT_NEXT = "select next"
    TRY_ANOTHER_INTERFACE = "try another interface"
    END_APPLICATION = "end application"


class Verification(StrEnum):
    """How the cardholder is verified, as the outcome's CVM parameter has it."""

    NONE = "no CVM"
    SIGNATURE = "signature"
    ONLINE_PIN = "online PIN"
    DEVICE = "confirmation code verified"
    """The device verified its holder itself."""
    NOT_APPLICABLE = "not applicable"


class Message(IntEnum):
    """What the reader shows. The numbers are those of Book A, 9.4."""

    APPROVED = 0x03
    NOT_AUTHORISED = 0x07
    ENTER_PIN = 0x09
    PROCESSING_ERROR = 0x0F
    REMOVE_CARD = 0x10
    WELCOME = 0x14
    PRESENT_CARD = 0x15
    PROCESSING = 0x16
    CARD_READ_OK = 0x17
    INSERT_OR_SWIPE = 0x18
    PRESENT_ONE_CARD = 0x19
    APPROVED_SIGN = 0x1A
    AUTHORISING = 0x1B
    TRY_ANOTHER_CARD = 0x1C
    INSERT_CARD = 0x1D
    SEE_PHONE = 0x20
    PRESENT_CARD_AGAIN = 0x21


@dataclass(frozen=True, slots=True)
class KernelOutcome:
    """A kernel's end. `reason` says which rule decided; the data record is the tap's."""

    verdict: Verdict
    reason: str
    message: Message
    verification: Verification = Verification.NOT_APPLICABLE
