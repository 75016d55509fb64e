"""What a terminal asks of the chip kernels: one exchange with a card, for one transaction.

`EmvKernels` are those of `posterm.emv`. A terminal works with whatever gives an exchange, so a test may put a scripted
one here.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Protocol, Self

from posterm.emv.capk import CaKeyStore
from posterm.emv.config import ApplicationConfig, TerminalConfig, TerminalFiles, Transaction
from posterm.emv.contactless.entry_point import tap
from posterm.emv.exchange import Exchange
from posterm.emv.kernel.contact import contact_transaction
from posterm.emv.outcome import Outcome
from posterm.terminal.mapping import Identity
from posterm.unionpay.profile import AcquirerProfile

_SERIAL_CHARACTERS = 8


class Kernels(Protocol):
    """The kernels of a terminal, with their configuration and keys."""

    def insert(self, transaction: Transaction) -> Exchange[Outcome]:
        """The contact kernel for a card that was put in."""

    def tap(self, transaction: Transaction) -> Exchange[Outcome]:
        """Entry point and contactless kernels for a card at the antenna."""


@dataclass(frozen=True, slots=True)
class EmvKernels:
    """The contact kernel, and entry point with kernels 2, 3 and 7.

    `keys` are the certification authority keys trusted; `draw` gives as many random bytes as asked.
    """

    config: TerminalConfig
    keys: CaKeyStore
    draw: Callable[[int], bytes]
    files: TerminalFiles = field(default_factory=TerminalFiles)

    @classmethod
    def for_terminal(
        cls,
        config: TerminalConfig,
        keys: CaKeyStore,
        draw: Callable[[int], bytes],
        *,
        identity: Identity,
        profile: AcquirerProfile,
        files: TerminalFiles | None = None,
    ) -> Self:
        """The kernels of one terminal: its names, and the acquirer's limit for taps without a PIN, in `config`."""
        applications = tuple(
            _without_pin_to(application, profile.chip.no_pin_limit_minor) for application in config.applications
        )
        own = replace(
            config,
            applications=applications,
            terminal_id=identity.terminal_id,
            merchant_id=identity.merchant_id,
            ifd_serial=identity.device.serial[-_SERIAL_CHARACTERS:].rjust(_SERIAL_CHARACTERS, "0"),
        )
        return cls(own, keys, draw, files or TerminalFiles())

    def insert(self, transaction: Transaction) -> Exchange[Outcome]:
        """As `Kernels.insert`."""
        return contact_transaction(self.config, transaction, self.keys, self.draw, self.files)

    def tap(self, transaction: Transaction) -> Exchange[Outcome]:
        """As `Kernels.tap`."""
        return tap(self.config, transaction, self.keys, self.draw, self.files)


def _without_pin_to(application: ApplicationConfig, limit_minor: int) -> ApplicationConfig:
    """The application with the cardholder verified from the next amount on."""
    return replace(application, contactless=replace(application.contactless, cvm=limit_minor + 1))
