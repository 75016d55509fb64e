"""What a host command is refused for, and the two digits that say so on the wire.

    PostermError
    └── HsmError
        ├── HostCommandRefusal    a command that is answered with an error code
        └── FrameError            bytes that are no frame: the connection cannot go on

`CODES` has the meaning of every code; `BY_EXCEPTION` turns what the HSM raises into one of them, in one place.

Source: Thales payShield, error codes of the host commands.
Left out: codes of hardware that is not there: printers, smart cards, tamper switches.
"""

from __future__ import annotations

from typing import Final

from posterm.errors import PostermError
from posterm.hsm.errors import (
    BudgetSpentError,
    CardValueError,
    CardValueMismatch,
    CipherError,
    CryptogramError,
    CryptogramMismatch,
    DataError,
    DukptError,
    HsmError,
    KeyBlockError,
    KeyCheckError,
    KeyUsageError,
    MacError,
    MacMismatch,
    NotAuthorizedError,
    PinBlockError,
    PinError,
    PinMismatch,
    PinTranslationError,
    PublishedLmkError,
    SealedDataError,
    TrackError,
)
from posterm.sensitive import SensitiveValueError

OK: Final = "00"
VERIFICATION_FAILURE: Final = "01"
SOURCE_KEY: Final = "10"
DESTINATION_KEY: Final = "11"
NO_KEYS: Final = "12"
LMK_ERROR: Final = "13"
INVALID_INPUT: Final = "15"
NOT_AUTHORIZED: Final = "17"
NO_VALID_PIN_BLOCK: Final = "20"
INVALID_INDEX: Final = "21"
INVALID_ACCOUNT: Final = "22"
INVALID_PIN_FORMAT: Final = "23"
PIN_LENGTH: Final = "24"
INVALID_DECIMALISATION_TABLE: Final = "25"
INVALID_SCHEME: Final = "26"
INCOMPATIBLE_KEY_LENGTH: Final = "27"
INVALID_KEY_TYPE: Final = "28"
KEY_FUNCTION_NOT_PERMITTED: Final = "29"
FRAUD_DETECTION: Final = "39"
INTERNAL_ERROR: Final = "41"
INVALID_COMMAND_COUNT: Final = "52"
COMMAND_DISABLED: Final = "68"
TRANSLATION_DISABLED: Final = "69"
DATA_LENGTH: Final = "80"

CODES: Final = {
    OK: "no error",
    VERIFICATION_FAILURE: "verification failure, or a key that was imported with its parity put right",
    SOURCE_KEY: "the source key, or the first one, does not open: parity, authentication or LMK",
    DESTINATION_KEY: "the destination key, or the second one, does not open",
    NO_KEYS: "no keys loaded",
    LMK_ERROR: "no LMK of the kind that is asked for",
    INVALID_INPUT: "invalid input data, or a command that is not known",
    NOT_AUTHORIZED: "the HSM is not in the authorized state that this needs",
    NO_VALID_PIN_BLOCK: "the PIN block holds no valid PIN",
    INVALID_INDEX: "invalid index",
    INVALID_ACCOUNT: "invalid account number",
    INVALID_PIN_FORMAT: "invalid PIN block format code",
    PIN_LENGTH: "the PIN is shorter than 4 or longer than 12 digits, or of another length than the check length",
    INVALID_DECIMALISATION_TABLE: "a decimalisation table with too few different digits",
    INVALID_SCHEME: "invalid key scheme, or one that is not of this LMK",
    INCOMPATIBLE_KEY_LENGTH: "incompatible key length or algorithm",
    INVALID_KEY_TYPE: "invalid key type",
    KEY_FUNCTION_NOT_PERMITTED: "the key's usage, mode or exportability does not permit this",
    FRAUD_DETECTION: "too many failed verifications",
    INTERNAL_ERROR: "internal error",
    INVALID_COMMAND_COUNT: "invalid number of commands",
    COMMAND_DISABLED: "the command is disabled",
    TRANSLATION_DISABLED: "a PIN translation that would weaken the block, or is never permitted",
    DATA_LENGTH: "data length error",
}
"""Every code an answer may carry, and what it means."""

BY_EXCEPTION: Final[dict[type[PostermError], str]] = {
    PinMismatch: VERIFICATION_FAILURE,
    CardValueMismatch: VERIFICATION_FAILURE,
    PinBlockError: NO_VALID_PIN_BLOCK,
    PinTranslationError: TRANSLATION_DISABLED,
    PinError: INVALID_INPUT,
    KeyUsageError: KEY_FUNCTION_NOT_PERMITTED,
    KeyCheckError: SOURCE_KEY,
    KeyBlockError: SOURCE_KEY,
    NotAuthorizedError: NOT_AUTHORIZED,
    BudgetSpentError: FRAUD_DETECTION,
    PublishedLmkError: LMK_ERROR,
    MacMismatch: VERIFICATION_FAILURE,
    MacError: DATA_LENGTH,
    CryptogramMismatch: VERIFICATION_FAILURE,
    CryptogramError: INVALID_INPUT,
    CardValueError: INVALID_INPUT,
    DataError: DATA_LENGTH,
    DukptError: INVALID_INPUT,
    TrackError: INVALID_INPUT,
    SealedDataError: VERIFICATION_FAILURE,
    CipherError: INTERNAL_ERROR,
    SensitiveValueError: INVALID_ACCOUNT,
    HsmError: INVALID_INPUT,
}
"""The code of each exception; the nearest class counts. A command may have a code of its own for one of them."""


class HostCommandRefusal(HsmError):  # noqa: N818  the name of an answer, not of a fault
    """A command that is answered with an error code.

    Args:
        code: two digits, of `CODES`.
    """

    def __init__(self, code: str) -> None:
        super().__init__(f"host command: refused with {code}, {CODES[code]}")
        self.code = code


class FrameError(HsmError):
    """Bytes that are no frame of a host command: nothing that follows them on this connection can be read."""


def code_of(error: PostermError, own: dict[type[PostermError], str]) -> str:
    """The code for what was raised.

    Args:
        own: codes that a command has for itself, before the table's.
    """
    if isinstance(error, HostCommandRefusal):
        return error.code
    for kind in type(error).__mro__:
        code = own.get(kind) or BY_EXCEPTION.get(kind)
        if code is not None:
            return code
    return INTERNAL_ERROR
