"""The root of every exception posterm raises.

    PostermError
    ├── AmountError                      posterm.errors         an amount or currency that cannot be
    ├── BcdError                         posterm.errors         digits that do not fit packed decimal
    ├── sensitive.SensitiveValueError    a PAN or track that is malformed
    ├── tlv.TlvError                     BER-TLV that cannot be read or built
    ├── iso8583.errors.Iso8583Error      messages, dialects, frames
    ├── emv.errors.EmvError              chip cards: APDUs, card data, certificates, CA keys
    ├── hsm.errors.HsmError              keys, PINs, MACs, data at rest
    ├── qr.errors.QrError                payment codes
    ├── unionpay.errors.LinkError        the POS link: profiles, headers, layouts, MAC failures
    ├── terminal.errors.TerminalError    calls that make no sense in the terminal's state
    ├── host.errors.HostError            the host's own faults
    ├── runtime.errors.RuntimeFault      sockets, stores, files
    └── console.errors.ConsoleError      what a user typed or configured

A decline, a wrong PIN or a time-out is a value, not an exception. The text of an error never holds a PAN, a PIN, track
data or a key: whoever raises it masks first.
"""


class PostermError(Exception):
    """Base of all posterm errors. `hint` says, where there is something to say, what the user can do."""

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.hint = hint


class AmountError(PostermError):
    """An amount or currency that cannot be."""


class BcdError(PostermError):
    """Digits that do not fit packed decimal."""
