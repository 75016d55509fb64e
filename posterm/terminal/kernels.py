"""What a terminal asks of the chip kernels: one exchange with a card, for one transaction.

`EmvKernels` are those of `posterm.emv`. A terminal works with whatever gives an exchange, so a test may put a scripted
one here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from typing import Protocol, Self

from posterm.emv.capk import CaKeyStore
from posterm.emv.config import ApplicationConfig, TerminalConfig, TerminalFiles, Transaction
from posterm.emv.contactless.entry_point import tap
from posterm.emv.exchange import Exchange
from posterm.emv.kernel.contact import contact_transaction
from posterm.emv.outcome import Outcome
from posterm.terminal.mapping import Identity
from posterm.unionpay.chip_parameters import parse_application, parse_key, without_pin_to
from posterm.unionpay.profile import AcquirerProfile

_SERIAL_CHARACTERS = 8


class Kernels(Protocol):
    """The kernels of a terminal, with their configuration and keys."""

    @property
    def keys(self) -> CaKeyStore:
        """The certification authority keys trusted."""

    @property
    def applications(self) -> tuple[ApplicationConfig, ...]:
        """The applications taken."""

    def equipped(self, *, keys: Iterable[bytes], applications: Iterable[bytes]) -> Kernels:
        """The same kernels with what the host has sent: DE 62 of each key and of each application.

        An entry takes the place of the one of its name; the others stay.

        Raises: LayoutError: an entry that cannot be used.
        """

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
            without_pin_to(application, profile.chip.no_pin_limit_minor) for application in config.applications
        )
        own = replace(
            config,
            applications=applications,
            terminal_id=identity.terminal_id,
            merchant_id=identity.merchant_id,
            ifd_serial=identity.device.serial[-_SERIAL_CHARACTERS:].rjust(_SERIAL_CHARACTERS, "0"),
        )
        return cls(own, keys, draw, files or TerminalFiles())

    @property
    def applications(self) -> tuple[ApplicationConfig, ...]:
        """As `Kernels.applications`."""
        return self.config.applications

    def equipped(self, *, keys: Iterable[bytes], applications: Iterable[bytes]) -> EmvKernels:
        """As `Kernels.equipped`."""
        trusted = CaKeyStore(self.keys)
        for rid, index, serial in self.keys.revoked:
            trusted.revoke(rid, index, serial)
        for answer in keys:
            key = parse_key(answer)
            if key is not None:
                trusted.add(key, replace=True)
        taken = {application.aid: application for application in self.applications}
        for answer in applications:
            application = parse_application(answer, self.applications)
            if application is not None:
                taken[application.aid] = application
        return replace(self, config=replace(self.config, applications=tuple(taken.values())), keys=trusted)

    def insert(self, transaction: Transaction) -> Exchange[Outcome]:
        """As `Kernels.insert`."""
        return contact_transaction(self.config, transaction, self.keys, self.draw, self.files)

    def tap(self, transaction: Transaction) -> Exchange[Outcome]:
        """As `Kernels.tap`."""
        return tap(self.config, transaction, self.keys, self.draw, self.files)
