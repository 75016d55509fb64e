"""What the chip card codecs and kernels refuse.

    PostermError
    └── EmvError                  base of everything this package raises
        ├── ApduError             bytes that are no command or answer, or a command that cannot be
        ├── AtrError              bytes that are no answer to reset
        ├── CardDataError         the card's: data that cannot be read as the book says
        │   ├── DolError          a data object list that cannot be read
        │   └── CertificateError  a certificate or signature that does not verify
        │       └── ObjectMissing     an object the card did not give is needed to authenticate it
        ├── CaKeyError            a certification authority key that does not check, or a key file that cannot be read
        ├── ConfigurationError    the user's: a terminal or application that cannot be configured so
        ├── TranscriptError       the user's: a transcript that cannot be read
        └── Stop                  inside kernels only: the transaction ends here. A kernel's caller gets an outcome
            ├── Cancelled         likewise: the cardholder gave up
            └── CardGone          likewise: the card is no longer there

Whatever a card answers, a kernel returns an outcome and raises nothing. No text here holds a PAN, track data or a PIN.
"""

from __future__ import annotations

from posterm.errors import PostermError


class EmvError(PostermError):
    """Base of this package's errors."""


class ApduError(EmvError):
    """Bytes that are no command or answer APDU, or a command that cannot be."""


class AtrError(EmvError):
    """Bytes that are no answer to reset. The text says which byte."""


class CardDataError(EmvError):
    """Card data that cannot be read as the book says."""


class DolError(CardDataError):
    """A data object list that cannot be read."""


class CertificateError(CardDataError):
    """A certificate or signature that does not verify. The text names the check, never what was recovered."""


class ObjectMissing(CertificateError):  # noqa: N818  it leads to a TVR bit of its own
    """An object that is needed to authenticate the card, and that it did not give."""


class CaKeyError(EmvError):
    """A certification authority key that does not check, or a key file that cannot be read."""


class ConfigurationError(EmvError):
    """A terminal or application that cannot be configured so."""


class TranscriptError(EmvError):
    """A transcript that cannot be read. The text names the line."""


class Stop(EmvError):  # noqa: N818  it ends a transaction, and is caught where the outcome is made
    """The transaction ends at this point; kernels turn it into their outcome."""


class Cancelled(Stop):
    """The cardholder gave up; kernels turn it into their outcome."""


class CardGone(Stop):
    """The card is no longer there, or what it sent was no answer."""
