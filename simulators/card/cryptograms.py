"""GENERATE AC and what stands between its two calls: the card's cryptograms, and its check of the issuer's.

Source: EMV 4.4 Book 2, 6.6 (CDA), 8 (cryptograms, issuer authentication); Book 3, 6.5.4, 6.5.5, 10.8 to 10.11; annex
C10 (card status update).
"""

from __future__ import annotations

import hashlib
import hmac
from typing import Final

from posterm import tlv
from posterm.hsm.cryptogram import arpc, generate
from simulators.card import risk
from simulators.card.applet import Applet, log_transaction
from simulators.card.command import Command, RefusedError, Sw
from simulators.card.issuer_data import issuer_application_data
from simulators.card.profile import Condition
from simulators.card.state import Kind, Phase

_KINDS: Final = {kind.value: kind for kind in Kind}
_CDA: Final = 0x10
_CSU_APPROVES, _CSU_BLOCKS_CARD, _CSU_BLOCKS_APPLICATION, _CSU_SETS_TRIES = 0x80, 0x40, 0x20, 0x10


def generate_ac(applet: Applet, command: Command) -> bytes:
    """A cryptogram of the kind asked for, or of one that is worth less."""
    applet.require(Phase.INITIATED, Phase.ONLINE)
    asked = _KINDS.get(command.p1 & 0xC0)
    if asked is None or command.p1 & 0x2F or command.p2:
        raise RefusedError(Sw.WRONG_P1_P2)
    card, now, memory = applet.card, applet.now, applet.memory
    is_first = now.phase is Phase.INITIATED
    applet.take(card.cdol1 if is_first else card.cdol2, command.data)
    amount = applet.amount_minor
    held = risk.conditions(card.application, memory, amount)
    if is_first:
        given = now.first = risk.first_decision(card.application, memory, asked, held, cash=now.electronic_cash)
    else:
        _hear_the_issuer(applet)
        given = now.second = risk.second_decision(card.application, memory, now, asked, held)
    with_signature = bool(command.p1 & _CDA) and given is not Kind.AAC and "cda" in card.application.authentication
    now.signed_combined = now.signed_combined or with_signature
    answer = _answer(applet, given, held, with_signature)
    if is_first and given is Kind.ARQC:
        now.phase = Phase.ONLINE
        memory.last_online_incomplete = True
    else:
        now.phase = Phase.COMPLETED
        risk.account(memory, now, given, amount)
        if given is Kind.TC:
            log_transaction(applet)
        if now.electronic_cash and given is Kind.TC:
            memory.funds_minor -= amount
    return answer


def external_authenticate(applet: Applet, command: Command) -> bytes:
    """Check the issuer's answer: once, after an ARQC, when the AIP offers it."""
    applet.require(Phase.ONLINE)
    if applet.card.application.issuer_authentication != "external" or applet.now.issuer_authenticated is not None:
        raise RefusedError(Sw.CONDITIONS)
    if command.p1 or command.p2:
        raise RefusedError(Sw.WRONG_P1_P2)
    if not 8 <= len(command.data) <= 16:
        raise RefusedError(Sw.WRONG_LENGTH)
    authenticate_issuer(applet, command.data)
    if not applet.now.issuer_authenticated:
        raise RefusedError(Sw.AUTHENTICATION_FAILED)
    return b""


def authenticate_issuer(applet: Applet, data: bytes) -> None:
    """Verify an ARPC, and remember how that went.

    Args:
        data: tag 91. Method 1: ARPC of 8 bytes, response code of 2. Method 2: ARPC of 4, card status update of 4, rest.
    """
    cvn, now = applet.card.cvn, applet.now
    size = 8 if cvn.arpc_method == 1 else 4
    received, answer = data[:size], data[size : size + (2 if size == 8 else 4)]
    proprietary = data[8:] if size == 4 else b""
    complete = len(answer) == (2 if size == 8 else 4)
    expected = (
        arpc(cvn, applet.card.keys.cryptogram, tags(applet), now.cryptogram, answer, proprietary) if complete else b""
    )
    now.issuer_authenticated = complete and hmac.compare_digest(received, expected)
    applet.memory.issuer_authentication_failed = not now.issuer_authenticated
    if now.issuer_authenticated and size == 4:
        _obey_status_update(applet, answer)


def tags(applet: Applet) -> dict[int, bytes]:
    """All that goes into a cryptogram, by tag."""
    said = {int(tag, 16): value for tag, value in applet.now.values.items()}
    return said | {0x82: applet.card.aip, 0x9F36: applet.atc, 0x9F10: applet.now.iad}


def make_cryptogram(applet: Applet, held: frozenset[Condition]) -> bytes:
    """The cryptogram for `now.first` and `now.second`, with the issuer application data it covers kept in `now.iad`."""
    applet.now.iad = issuer_application_data(applet.card.application, applet.memory, applet.now, held)
    return generate(applet.card.cvn, applet.card.keys.cryptogram, tags(applet))


def _answer(applet: Applet, given: Kind, held: frozenset[Condition], with_signature: bool) -> bytes:
    now = applet.now
    cryptogram = make_cryptogram(applet, held)
    if now.second is None:
        now.cryptogram = cryptogram
    identification, counter, data = ("9F27", bytes((given,))), ("9F36", applet.atc), ("9F10", now.iad)
    if not with_signature:
        return applet.answer([identification, counter, ("9F26", cryptogram), data])
    # 6.6.1: the hash covers what the terminal sent and every data object of this answer but the signature.
    spoken = tlv.build([identification, counter, data])
    transaction_hash = hashlib.sha1(now.hashed + spoken, usedforsecurity=False).digest()
    number = now.dynamic_number
    dynamic = bytes((len(number),)) + number + identification[1] + cryptogram + transaction_hash
    signature = applet.sign(dynamic, now.values.get("9F37", bytes(4)))
    return tlv.build([("77", tlv.build([identification, counter, ("9F4B", signature), data]))])


def _hear_the_issuer(applet: Applet) -> None:
    """What the second GENERATE AC says of the online exchange: the response code, and perhaps the ARPC."""
    now = applet.now
    now.unable_online = now.values.get("8A", b"") in risk.UNABLE_TO_GO_ONLINE
    said = now.values.get("91", b"")
    if any(said) and now.issuer_authenticated is None:
        authenticate_issuer(applet, said)


def _obey_status_update(applet: Applet, update: bytes) -> None:
    """The issuer's wishes in a card status update that verified."""
    memory = applet.memory
    if update[1] & _CSU_BLOCKS_CARD:
        applet.card_is_blocked = True
    if update[1] & (_CSU_BLOCKS_CARD | _CSU_BLOCKS_APPLICATION):
        memory.blocked = True
    if update[1] & _CSU_SETS_TRIES:
        memory.pin_tries_left = min(update[0] & 0x0F, applet.card.application.pin_tries)
    if not update[1] & _CSU_APPROVES:
        applet.now.issuer_declined = True
