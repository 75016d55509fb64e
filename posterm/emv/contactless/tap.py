"""One tap while it runs: a transaction's session with its combination, and the steps that all kernels take.

Source: EMV 4.4 Book 3, 10.1 and 10.2. Leaves out static data authentication: no contactless kernel here uses it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from posterm.emv import apdu
from posterm.emv.bits import Aip, CryptogramType, Tvr
from posterm.emv.capk import CaKeyStore
from posterm.emv.card_data import parse_afl, parse_processing_options, parse_record, static_data_of
from posterm.emv.certificates import PublicKey
from posterm.emv.config import TerminalConfig, TerminalFiles, Transaction
from posterm.emv.contactless.combinations import Combination
from posterm.emv.contactless.outcome import KernelOutcome, Message, Verdict, Verification
from posterm.emv.dol import build_dol_data, parse_dol
from posterm.emv.errors import CardDataError, ObjectMissing, Stop
from posterm.emv.exchange import Conversation, Exchange
from posterm.emv.kernel import commands
from posterm.emv.kernel.authentication import recover_card_key, recover_keys
from posterm.emv.kernel.session import Session
from posterm.sensitive import Pan, SensitiveValueError

_OTHER_INTERFACE: Final = 0x6984
_SEE_PHONE: Final = 0x6986


class Tap(Session):
    """A session with one combination. `talk` goes on from one combination of a card to the next."""

    def __init__(
        self,
        terminal: TerminalConfig,
        transaction: Transaction,
        keys: CaKeyStore,
        files: TerminalFiles,
        draw: Callable[[int], bytes],
        *,
        talk: Conversation,
        combination: Combination,
    ) -> None:
        super().__init__(terminal, transaction, keys, files, draw)
        self.talk = talk
        self.combination = combination
        self.application = combination.application
        self.own |= {
            "9F06": combination.application.aid,
            "9F09": combination.application.version,
            "9F66": combination.ttq.to_bytes(),
        }

    @property
    def pan(self) -> str:
        """The card number, digits: 5A, else the one in track 2, of the chip or of mag-stripe mode."""
        track2 = self.card.get("57") or self.card.get("9F6B", b"")
        return super().pan or track2.hex().partition("d")[0]

    def card_number(self) -> Pan:
        """The card number. Raises: CardDataError: there is none."""
        try:
            return Pan(self.pan)
        except SensitiveValueError:
            raise CardDataError("card data: no card number") from None

    def ended(
        self,
        verdict: Verdict,
        reason: str,
        message: Message,
        *,
        verification: Verification = Verification.NOT_APPLICABLE,
    ) -> KernelOutcome:
        """The kernel's outcome."""
        self.note("EMV Contactless Book A", "6.2", f"{verdict}: {reason}")
        return KernelOutcome(verdict, reason, message, verification)

    def declined(self, reason: str) -> KernelOutcome:
        """Declined offline, by the card or by the reader."""
        self.cryptogram = CryptogramType.AAC
        return self.ended(Verdict.DECLINED, reason, Message.NOT_AUTHORISED)

    def goes_online(self, verification: Verification) -> KernelOutcome:
        """The issuer decides."""
        return self.ended(Verdict.ONLINE_REQUEST, "the issuer decides", Message.AUTHORISING, verification=verification)

    def approved(self, verification: Verification) -> KernelOutcome:
        """Approved by the card."""
        message = Message.APPROVED_SIGN if verification is Verification.SIGNATURE else Message.APPROVED
        return self.ended(Verdict.APPROVED, "approved by the card", message, verification=verification)


def initiate(tap: Tap, book: str, clause: str) -> Exchange[KernelOutcome | None]:
    """GET PROCESSING OPTIONS with what the PDOL asks for. Returns: an outcome when the card refuses, else None.

    Raises: CardDataError, Stop.
    Source: EMV 4.4 Book 3, 6.5.8; Book C-3, 5.2 (what 6984, 6985 and 6986 mean).
    """
    tap.pdol_values = build_dol_data(parse_dol(tap.card.get("9F38", b"")), tap.values())
    answer = yield from tap.transmit(commands.get_processing_options(tap.pdol_values))
    if answer.ok:
        tap.card |= parse_processing_options(answer.data)
        tap.aip = Aip.from_value(tap.card["82"])
        tap.note(book, clause, f"AIP {tap.card['82'].hex().upper()}: {tap.aip}")
        return None
    tap.note(book, clause, f"GET PROCESSING OPTIONS: the card answered {answer.sw:04X}")
    if answer.sw == _SEE_PHONE:
        return tap.ended(Verdict.TRY_AGAIN, "the device wants its holder to look at it", Message.SEE_PHONE)
    if answer.sw == _OTHER_INTERFACE:
        return tap.ended(Verdict.TRY_ANOTHER_INTERFACE, "the card wants another interface", Message.INSERT_OR_SWIPE)
    refused = answer.sw == apdu.CONDITIONS_NOT_SATISFIED
    why = "conditions of use not satisfied" if refused else f"the card answered {answer.sw:04X}"
    return tap.ended(Verdict.SELECT_NEXT, why, Message.TRY_ANOTHER_CARD)


def read_records(tap: Tap) -> Exchange[None]:
    """Read what the AFL lists; a card whose answer held everything has none.

    Raises: Stop: a record the card does not give. CardDataError: a list or record that cannot be, or an object that
        comes twice.
    """
    signed: list[bytes] = []
    seen: set[str] = set()
    for entry in parse_afl(tap.card["94"]) if tap.card.get("94") else ():
        for number in range(entry.first, entry.last + 1):
            answer = yield from tap.transmit(commands.read_record(entry.sfi, number))
            if not answer.ok:
                raise Stop(f"READ RECORD {number} of file {entry.sfi} answered {answer.sw:04X}")
            for tag, value in parse_record(entry.sfi, answer.data):
                # What came with the processing options may come once more in a record, where a signature covers it.
                if tag in seen or tap.card.get(tag, value) != value:
                    raise CardDataError(f"the card gives {tag} twice")
                seen.add(tag)
                tap.card[tag] = value
            if number - entry.first < entry.signed:
                signed.append(static_data_of(entry.sfi, answer.data))
    tap.static_data = b"".join(signed)


def recover_key(tap: Tap) -> PublicKey:
    """The card's public key, through the chain of its certificates.

    Raises: CertificateError: a link that does not hold, is missing, or whose CA key the terminal has not.
    """
    try:
        recover_keys(tap, need=("9F46", "9F47"))
        return recover_card_key(tap)
    except ObjectMissing as error:
        tap.set(Tvr.ICC_DATA_MISSING, "EMV Book 3", "7.5", str(error))
        raise
