"""One contact transaction while it runs: what the terminal knows, what the card said, and the bits set so far."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date

from posterm.emv.apdu import Command, Response
from posterm.emv.bits import Aip, CryptogramType, Tsi, Tvr
from posterm.emv.capk import CaKeyStore
from posterm.emv.certificates import PublicKey
from posterm.emv.config import ApplicationConfig, TerminalConfig, TerminalFiles, Transaction
from posterm.emv.exchange import Conversation, Exchange
from posterm.emv.outcome import Ending, Fallback, Outcome
from posterm.sensitive import Pan

Draw = Callable[[int], bytes]
"""Gives as many random bytes as asked."""


class Session:
    """The state of a transaction. Steps read it, set bits in it, and say why in its trace.

    Card and terminal objects are kept apart, so that no record can pass for the terminal's own amount or result.
    """

    def __init__(
        self, terminal: TerminalConfig, transaction: Transaction, keys: CaKeyStore, files: TerminalFiles, draw: Draw
    ) -> None:
        self.terminal = terminal
        self.transaction = transaction
        self.keys = keys
        self.files = files
        self.draw = draw
        self.talk = Conversation()
        self.tvr = Tvr.NONE
        self.tsi = Tsi.NONE
        self.aip = Aip(0)
        self.application: ApplicationConfig | None = None
        self.card: dict[str, bytes] = {}
        self.own = terminal.objects() | transaction.objects() | {"9F37": draw(4)}
        self.static_data: bytes | None = b""
        """What offline data authentication covers; None when a signed record is not coded as one must be."""
        self.pdol_values = b""
        self.cdol1_values = b""
        self.issuer_key: PublicKey | None = None
        self.icc_key: PublicKey | None = None
        self.cda = False
        """GENERATE AC is to be answered with a signature."""
        self.signature_wrong = False
        """The card was asked for a combined signature and gave none that verifies."""
        self.signature = False
        self.online_pin = False
        self.online = False
        self.host_approved = False
        self.cryptogram: CryptogramType | None = None
        self.script_results = b""
        self.fallback = Fallback.STRIPE

    @property
    def pan(self) -> str:
        """The card number, digits."""
        return self.card.get("5A", b"").hex().rstrip("f")

    @property
    def account_number(self) -> Pan | None:
        """The card number as a value that prints masked; None when it has not 13 to 19 digits."""
        return Pan(self.pan) if 13 <= len(self.pan) <= 19 and self.pan.isdecimal() else None

    @property
    def today(self) -> date:
        """The transaction's date."""
        return self.transaction.moment.date()

    @property
    def profile(self) -> ApplicationConfig:
        """The terminal's entry for the selected application."""
        if self.application is None:
            raise RuntimeError("no application is selected")
        return self.application

    @property
    def rid(self) -> bytes:
        """The scheme of the selected application."""
        return self.card.get("84", b"")[:5]

    def set(self, bits: Tvr, book: str, clause: str, text: str) -> None:
        """Set TVR bits and say why."""
        self.tvr |= bits
        self.talk.trace.rule(book, clause, text, bits)

    def done(self, bits: Tsi, book: str, clause: str, text: str) -> None:
        """Set TSI bits and say why."""
        self.tsi |= bits
        self.talk.trace.rule(book, clause, text, bits)

    def note(self, book: str, clause: str, text: str) -> None:
        """Say what was decided where no bit is set."""
        self.talk.trace.rule(book, clause, text)

    def transmit(self, command: Command) -> Exchange[Response]:
        """Send a command. Raises: Stop: no answer, or too many commands."""
        return self.talk.transmit(command)

    def values(self) -> dict[str, bytes]:
        """All data objects as they stand now; the terminal's win over the card's."""
        return self.card | self.own | {"95": self.tvr.to_bytes(), "9B": self.tsi.to_bytes()}

    def outcome(self, ending: Ending, reason: str) -> Outcome:
        """The end of the transaction as it stands."""
        return Outcome(
            ending,
            reason,
            fallback=self.fallback if ending in (Ending.TERMINATED, Ending.TRY_ANOTHER_CARD) else Fallback.NOT_ALLOWED,
            cryptogram=self.cryptogram,
            response_code=self.own.get("8A", b"").decode("ascii", "replace"),
            online=self.online,
            host_approved=self.host_approved,
            signature=self.signature,
            online_pin=self.online_pin,
            tvr=self.tvr,
            tsi=self.tsi,
            script_results=self.script_results,
            data=self.values(),
            trace=self.talk.trace,
        )
