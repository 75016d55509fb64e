"""The issuer's door: a message comes in, an answer goes out, and whatever the message is nothing is raised.

The runtime calls `handle` for all messages that have arrived inside one `store.batch()`, and answers when it has ended.
What cannot be carried out for a fault of the issuer's own is not answered: the acquirer then takes it back.

Source: Q/CUP 006 as restated publicly: MAC on every request about money and its answer.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from posterm.host import issuer, registry
from posterm.host.case import Desk, HostKeys
from posterm.host.data_files import built_in_terms
from posterm.host.events import EventName, HostEvent
from posterm.host.issuing.authorization import case_of, run_message
from posterm.host.issuing.session import Session, handle_link_message
from posterm.host.ledger import Ledger
from posterm.host.records import CardRecord, IssuerKeyRecord
from posterm.host.store import HostStore
from posterm.host.switch.here import HERE
from posterm.hsm import HsmPort, KeyBlock, Pin
from posterm.hsm.cryptogram import Scheme
from posterm.hsm.port import ChipPort
from posterm.iso8583 import Message
from posterm.sensitive import Pan
from posterm.unionpay.envelope import Sealer
from posterm.unionpay.errors import MacFailureError
from posterm.unionpay.network_mac import NetworkSealer
from posterm.unionpay.profile import AcquirerProfile

_ABOUT_MONEY: Final = frozenset({"0100", "0120", "0200", "0220", "0420"})
_ABOUT_THE_LINK: Final = frozenset({"0800", "0820"})


@dataclass(frozen=True, slots=True)
class IssuerReply:
    """The answer, None for none, and what is worth telling."""

    answer: Message | None
    events: tuple[HostEvent, ...] = ()


class IssuerHost:
    """The issuer of some cards, over one store.

    Args:
        profile: its rules: PIN tries, completions, chips; the acquirers' own rules are theirs.
        institution: its identification code.
        zmks: the zone master key shared with each acquirer, by the acquirer's identification code.
    """

    def __init__(
        self,
        profile: AcquirerProfile,
        hsm: HsmPort,
        store: HostStore,
        keys: HostKeys,
        *,
        institution: str,
        zmks: Mapping[str, KeyBlock],
    ) -> None:
        self.institution = institution
        self.ledger = Ledger(store)
        self._zmks = dict(zmks)
        self._sealer = NetworkSealer(hsm)
        chips = hsm if isinstance(hsm, ChipPort) else None
        self._desk = Desk(
            profile,
            hsm,
            chips,
            store,
            keys,
            self.ledger,
            Sealer(profile, hsm),
            False,
            0.0,
            institution,
            built_in_terms(),
            here=HERE,
        )

    def handle(self, session: Session, message: Message, now: datetime) -> IssuerReply:
        """Answer a message of a connection. Raises nothing, whatever the message."""
        try:
            with self._desk.store.savepoint():
                return self._handle(session, message, now)
        except Exception as error:  # no verdict is given that is not kept; the acquirer takes the request back
            return IssuerReply(None, (HostEvent(EventName.FAULT, now, {"fault": type(error).__name__}),))

    def enrol_card(
        self, pan: Pan, pin: Pin | None, card: CardRecord, *, balance: int = 0, credit_line: int = 0, at: str = ""
    ) -> str:
        """Take on a card; `card` gives its terms, fingerprint and mask are put in. Returns: its fingerprint.

        Raises: EnrolmentError.
        """
        return issuer.enrol_card(self._desk, pan, pin, card, balance=balance, credit_line=credit_line, at=at)

    def knows_card(self, pan: Pan) -> bool:
        """True when the card is enrolled."""
        return self._desk.store.card(self._desk.card_fingerprint(pan)) is not None

    def knows_issuer(self, prefix: str) -> bool:
        """True when master keys are held for this prefix."""
        return self._desk.store.issuer_keys(prefix) is not None

    def set_issuer_keys(
        self,
        prefix: str,
        scheme: Scheme | str,
        *,
        cryptogram: KeyBlock,
        integrity: KeyBlock,
        confidentiality: KeyBlock,
    ) -> None:
        """Hold the master keys of the chips whose cards begin with a prefix. Raises: EnrolmentError."""
        record = IssuerKeyRecord(prefix, str(scheme), str(cryptogram), str(integrity), str(confidentiality))
        registry.set_issuer_keys(self._desk, record)

    def expire(self, now: datetime) -> int:
        """Release every hold whose deadline has come. Returns: how many."""
        with self._desk.store.savepoint():
            return self.ledger.expire(now.isoformat())

    def _handle(self, session: Session, message: Message, now: datetime) -> IssuerReply:
        mti = f"{message.mti[:3]}0" if message.mti[3:] == "1" else message.mti
        if mti in _ABOUT_THE_LINK:
            answer, event = handle_link_message(session, message, self._desk.hsm, self._zmks)
            details = {"acquirer": session.acquirer, "code": str(answer[39])}
            return IssuerReply(answer, (HostEvent(event, now, details),))
        if mti not in _ABOUT_MONEY:
            return IssuerReply(None, (HostEvent(EventName.DECLINED, now, {"check": "form", "mti": message.mti}),))
        if session.zak is None or str(message.get(33, "")) != session.acquirer:
            return self._refused(session, message, "77", EventName.DECLINED, now)
        try:
            self._sealer.check(message, session.zak)
        except MacFailureError:
            return self._refused(session, message, "A0", EventName.BAD_MAC, now)
        case = case_of(self._desk, session, message, now)
        answer = run_message(case, message)
        return IssuerReply(self._sealer.seal(answer, session.zak), tuple(case.events))

    def _refused(self, session: Session, message: Message, code: str, event: EventName, now: datetime) -> IssuerReply:
        """An answer that is no verdict: the acquirer has to change its keys and takes the request back."""
        echoed = {number: str(message[number]) for number in (3, 7, 11, 32, 33) if number in message}
        answer = Message(f"{message.mti[:2]}{int(message.mti[2]) + 1}0", {**echoed, 39: code})
        sealed = self._sealer.seal(answer, session.zak) if session.zak is not None else answer
        details = {"code": code, "stan": str(message.get(11, "")), "mti": message.mti}
        return IssuerReply(sealed, (HostEvent(event, now, details),))
