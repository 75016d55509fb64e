"""What the HSM refuses.

    PostermError
    └── HsmError                  base of everything this package raises
        ├── KeyBlockError         a key block that is malformed, or not sealed under this LMK
        ├── KeyUsageError         the caller's mistake: a key used for what its header does not allow
        ├── KeyCheckError         key material that does not check: length, zero half, check value
        ├── MacError              a message authentication code that cannot be made over the data
        │   └── MacMismatch       the peer's: one that does not verify
        ├── TrackError            track data that cannot be enciphered in place
        ├── DataError             the caller's mistake: data that are no whole blocks, or an IV of another length
        ├── SealedDataError       data at rest that was altered, moved, or sealed under another key
        ├── PinError              the caller's mistake: no PIN, or parameters of a PIN calculation that cannot be
        │   └── PinTranslationError   a translation that would weaken the block's protection
        ├── PinBlockError         the peer's: a PIN block that holds no PIN. One text for every malformation
        ├── PinMismatch           the cardholder's: a well-formed PIN block with the wrong PIN
        ├── CardValueError        the caller's mistake: parameters of a card value that cannot be
        ├── CardValueMismatch     the cardholder's: a card value that is not the card's
        ├── DukptError            the peer's: a key serial number or derived key that cannot be
        ├── ShareError            the keepers' mistake: shares of a secret that were misread or do not belong together
        ├── PassphraseError       the keepers' mistake: a passphrase that is too short, or not the one
        ├── KeyRegisterError      a name that is taken or unknown, or a register of named keys that was tampered with
        ├── CryptogramError       a chip card's cryptogram that cannot be made over the data
        │   └── CryptogramMismatch    the card's: one that does not verify
        ├── NotAuthorizedError    an activity that is not permitted now, or an authorization that cannot be
        ├── BudgetSpentError      a verification after too many failures of one PAN, key or connection
        ├── PublishedLmkError     the operator's mistake: a published test LMK in production
        ├── Sm2Error              a key, message or ciphertext of SM2 that cannot be
        │   └── Sm2Mismatch       the signer's: a signature that does not verify
        └── CipherError           our mistake: a partial block for a kept cipher context, or a spent source of entropy

No text of this package holds a clear key, a PIN, track data or anything a decryption gave.
"""

from __future__ import annotations

from posterm.errors import PostermError


class HsmError(PostermError):
    """Base of the HSM's errors."""


class KeyBlockError(HsmError):
    """A key block that is malformed, altered, or sealed under another LMK."""


class KeyUsageError(HsmError):
    """A key used for something its usage, mode, algorithm or exportability does not allow."""


class KeyCheckError(HsmError):
    """Key material that does not check: wrong length, a zero half, or a check value that differs."""


class MacError(HsmError):
    """A MAC that cannot be made: too much data, or a length it has not."""


class MacMismatch(MacError):  # noqa: N818  the name of an answer, not of a fault
    """A MAC that does not verify."""


class TrackError(HsmError):
    """Track data that cannot be enciphered in place: too short, too long, or not nibbles."""


class DataError(HsmError):
    """Data that cannot be enciphered as asked: no whole blocks, too many, or an IV of another length."""


class SealedDataError(HsmError):
    """Data at rest that was altered, moved to another place, or sealed under another key."""


class PinError(HsmError):
    """A PIN that cannot be, or parameters of a PIN calculation that cannot be."""


class PinTranslationError(PinError):
    """A PIN translation that would weaken the protection of the block."""


class PinBlockError(HsmError):
    """A PIN block that holds no PIN of its format. Every malformation gets the same text."""

    def __init__(self) -> None:
        super().__init__(
            "the PIN block holds no PIN of the format asked for",
            hint="the two sides may hold different PIN keys, or another PAN or format was used to build the block",
        )


class PinMismatch(HsmError):  # noqa: N818  the name of an answer, not of a fault
    """A well-formed PIN block whose PIN is not the cardholder's."""

    def __init__(self) -> None:
        super().__init__("the PIN is not the cardholder's")


class CardValueError(HsmError):
    """Parameters of a card verification value that cannot be."""


class CardValueMismatch(HsmError):  # noqa: N818  the name of an answer, not of a fault
    """A card verification value that is not the card's."""

    def __init__(self) -> None:
        super().__init__("the card verification value is not the card's")


class DukptError(HsmError):
    """A key serial number, or a key to be derived, that cannot be."""


class ShareError(HsmError):
    """Shares of a secret that were misread, are too few, or do not belong together."""


class PassphraseError(HsmError):
    """A passphrase that is too short or does not unseal the master secret, or a line that is none."""


class KeyRegisterError(HsmError):
    """A key name that is taken, unknown or malformed, or a sealed register that is not what was sealed."""


class CryptogramError(HsmError):
    """A chip card's cryptogram that cannot be made: a tag or key is missing or of another length."""


class CryptogramMismatch(CryptogramError):  # noqa: N818  the name of an answer, not of a fault
    """A cryptogram that does not verify."""


class NotAuthorizedError(HsmError):
    """An activity that is not permitted now, or an authorization that cannot be."""


class BudgetSpentError(HsmError):
    """A verification that is refused because too many before it failed."""


class PublishedLmkError(HsmError):
    """A published test LMK where nothing of the kind is permitted."""


class Sm2Error(HsmError):
    """A key, message or ciphertext of SM2 that cannot be. A ciphertext has one text for every malformation."""


class Sm2Mismatch(Sm2Error):  # noqa: N818  the name of an answer, not of a fault
    """An SM2 signature that does not verify."""

    def __init__(self) -> None:
        super().__init__("SM2: the signature does not verify")


class CipherError(HsmError):
    """A block cipher was handed something other than whole blocks, or entropy ran short."""
