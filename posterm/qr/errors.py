"""What the payment code codecs refuse.

    PostermError
    └── QrError                      base of everything this package raises
        ├── MerchantCodeError        a merchant-presented code that cannot be read or built
        ├── ConsumerCodeError        a consumer-presented code that cannot be read or built
        └── PaymentCodeError         digits that are no Chinese payment code, or one that was used or has ended

A payment code is as good as money for its minute, so no text here repeats one.
"""

from __future__ import annotations

from posterm.errors import PostermError


class QrError(PostermError):
    """Base of this package's errors."""


class MerchantCodeError(QrError):
    """A merchant-presented code that cannot be read or built.

    `path` names the data object, outermost first: `62.05` is object 05 inside template 62. Empty for the whole code.
    """

    def __init__(self, message: str, *, path: str = "", hint: str = "") -> None:
        super().__init__(f"object {path}: {message}" if path else message, hint=hint)
        self.path = path


class ConsumerCodeError(QrError):
    """A consumer-presented code that cannot be read or built."""


class PaymentCodeError(QrError):
    """Digits that are no Chinese payment code, or a code that was used or has ended."""
