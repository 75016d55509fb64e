"""Chip requests as their issuer judges them: cryptogram, counter, what the terminal found; and what goes back.

    30  the element or a tag is missing or malformed
    13  the card signed another amount
    12  another currency, or not the cryptogram that this kind of transaction asks for
    57  the host has no issuer keys for the card
    A7  (else 63) the cryptogram does not verify
    59  the transaction counter was used before: a replay
    05  the terminal found what the profile declines for (`chip.decline_tvr`)
    45  a stripe read for a chip that could not be, where the profile refuses that (`chip.fallback`)

A counter is believed, and written down, only with a cryptogram that verifies. An answer carries the issuer's own
cryptogram over its answer code, a decline too, and the scripts that wait for the card.

Source: Q/CUP 009, fields 22, 23, 55, 60.4 and 60.5; EMV 4.4 Book 2, 8; Book 3, annex C5 (TVR) and C10 (CSU); Book 4,
annex A4 (CVM results).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from posterm.host.case import Case, ChipData, Refusal
from posterm.host.errors import HostError
from posterm.host.events import EventName
from posterm.host.records import ChipRecord, ChipUseRecord, IssuerKeyRecord, TransactionRecord
from posterm.host.registry import LONGEST_PREFIX
from posterm.host.scripts import APPLICATION_BLOCK, next_script, queue, take_results
from posterm.hsm import HsmError, KeyBlock
from posterm.hsm.commands.emv import ChipCard
from posterm.hsm.cryptogram import Scheme, cvn_of
from posterm.sensitive import Pan
from posterm.unionpay.chip import (
    ANSWER,
    ARQC,
    CRYPTOGRAM_TYPE,
    REQUEST,
    SCRIPT_RESULTS,
    TC,
    missing_tags,
    pack_chip,
    parse_chip,
)
from posterm.unionpay.errors import LayoutError
from posterm.unionpay.transactions import (
    CHIP_ENTRIES,
    CONTACTLESS_ENTRIES,
    STRIPE_ENTRIES,
    ChipCondition,
    Kind,
    ReadCapability,
)

_CHIP_KINDS: Final = frozenset({Kind.SALE, Kind.PREAUTH, Kind.BALANCE, Kind.CHIP_OFFLINE_SALE})
"""Kinds that a chip signs; what refers to an earlier transaction goes without."""
_READS_CHIPS: Final = frozenset({ReadCapability.CHIP, ReadCapability.CONTACTLESS})
_FALLS_BACK: Final = frozenset({ChipCondition.LAST_READ_WELL, ChipCondition.LAST_READ_FAILED})
_OFFLINE_PIN: Final = frozenset({0x01, 0x03, 0x04, 0x05})
"""CVM codes of 9F34, first byte without its two upper bits, with a PIN that the card itself verifies."""
_SUCCESSFUL: Final = 0x02
_CSU_APPROVED: Final = bytes.fromhex("00820000")
"""Card status update: the issuer approves, and the offline counters start again."""
_CSU_DECLINED: Final = bytes(4)


def check_chip(case: Case) -> Refusal | None:
    """Judge the chip of a request; `case.chip` is set when its cryptogram has verified."""
    case.chip_judged = True
    kind, entry = case.known_row().kind, case.text(22)[:2]
    if entry in STRIPE_ENTRIES:
        return _check_fallback(case)
    if entry not in CHIP_ENTRIES or kind not in _CHIP_KINDS:
        return None
    if 55 not in case.message:
        return Refusal("30", "a chip was read and element 55 is missing")
    try:
        values = parse_chip(bytes(case.message[55]))
    except LayoutError as error:
        return Refusal("30", str(error))
    if refusal := _check_form(case, values):
        return refusal
    if refusal := _verify(case, values):
        return refusal
    return _check_counter(case) or _check_findings(case, values)


def _check_fallback(case: Case) -> Refusal | None:
    codes = case.text(60)
    if codes[11:12] not in _READS_CHIPS or codes[12:13] not in _FALLS_BACK:
        return None
    case.tell(EventName.FALLBACK, condition=codes[12:13])
    if case.desk.profile.chip.fallback == "refuse":
        return Refusal("45", "a stripe in place of a chip is refused")
    return None


def _check_form(case: Case, values: Mapping[str, bytes]) -> Refusal | None:
    if missing := missing_tags(REQUEST, values):
        return Refusal("30", f"element 55 lacks tag {' '.join(missing)}")
    if values["9F02"].hex() != f"{case.amount_minor:012d}":
        return Refusal("13", "the amount in element 55 is not the one in element 4")
    if values["5F2A"].hex() != case.currency.zfill(4):
        return Refusal("12", "the currency in element 55 is not the one in element 49")
    asked = TC if case.known_row().kind is Kind.CHIP_OFFLINE_SALE else ARQC
    if len(values["9F27"]) != 1 or values["9F27"][0] & CRYPTOGRAM_TYPE != asked:
        return Refusal("12", "not the cryptogram that this transaction asks for")
    return None


def _verify(case: Case, values: Mapping[str, bytes]) -> Refusal | None:
    verified = _verified(case, values)
    if isinstance(verified, Refusal):
        return verified
    case.chip = verified
    return None


def _verified(case: Case, values: Mapping[str, bytes]) -> ChipData | Refusal:
    """The chip data, once their cryptogram is known to be the card's."""
    pan, hsm = case.pan, case.desk.chip_hsm
    issuer = None if pan is None else issuer_keys(case, pan)
    if pan is None or hsm is None or issuer is None:
        return Refusal("57", "no issuer keys for this card")
    try:
        version = cvn_of(values["9F10"], Scheme(issuer.scheme))
        chip = ChipData(values, issuer, version, _sequence(case), int.from_bytes(values["9F36"], "big"))
        card = ChipCard(pan, version, chip.sequence)
        hsm.verify_arqc(KeyBlock(issuer.cryptogram), card, chip.tags, chip.cryptogram)
    except HsmError as error:
        return Refusal(case.desk.own_code("A7", "63"), str(error))
    return chip


def issuer_keys(case: Case, pan: Pan) -> IssuerKeyRecord | None:
    """The master keys for a card number."""
    digits = pan.reveal()
    for length in range(LONGEST_PREFIX, 0, -1):
        found = case.desk.store.issuer_keys(digits[:length])
        if found is not None:
            return found
    return None


def _check_counter(case: Case) -> Refusal | None:
    """59 when the counter was used before. One that jumped is told of.

    A stored offline sale comes late, after later online ones: there it is enough that its own counter is new.
    """
    chip, record = _known(case), _record(case)
    used = case.desk.store.chip_use(_use(case))
    before = case.desk.store.transaction(used.ref) if used is not None else None
    offline = case.known_row().kind is Kind.CHIP_OFFLINE_SALE
    replayed = used is not None and used.ref != case.ref and (before is None or before.stands or not offline)
    if replayed or (not offline and chip.counter <= record.counter):
        case.chip = None
        return Refusal("59", f"transaction counter {chip.counter} was used before", EventName.CHIP_REPLAY)
    if chip.counter > record.counter + case.desk.profile.chip.counter_gap_max:
        case.tell(EventName.CHIP_COUNTER_JUMPED, last=record.counter, counter=chip.counter)
    case.desk.store.put_chip(record._replace(counter=max(record.counter, chip.counter)))
    cryptogram = chip.cryptogram.hex()
    asked, certified = ("", cryptogram) if offline else (cryptogram, "")
    case.desk.store.put_chip_use(ChipUseRecord(_use(case), case.ref, asked, certified))
    return None


def _check_findings(case: Case, values: Mapping[str, bytes]) -> Refusal | None:
    found = int.from_bytes(values["95"], "big") & int(case.desk.profile.chip.decline_tvr, 16)
    if found and case.known_row().kind is not Kind.CHIP_OFFLINE_SALE:
        return Refusal("05", f"the terminal verification results hold {found:010X}")
    return None


def spares_pin(case: Case) -> bool:
    """True when a chip request needs no PIN: the card has verified one, or it is a tap of a small amount."""
    chip = case.chip
    if chip is None:
        return False
    results = chip.values.get("9F34", b"")
    if len(results) == 3 and results[0] & 0x3F in _OFFLINE_PIN and results[2] == _SUCCESSFUL:
        return True
    tapped = case.text(22)[:2] in CONTACTLESS_ENTRIES
    return tapped and case.amount_minor <= case.desk.profile.chip.no_pin_limit_minor


# --- what goes back ---------------------------------------------------------------------------------------------------


def issuer_answer(case: Case, code: str) -> str:
    """Element 55 of the answer, hexadecimal: the issuer's cryptogram, a script, the counter; empty without a chip."""
    if not case.chip_judged and case.row is not None and case.card is not None:
        # The card was refused before its chip was looked at: it is told so under the issuer's cryptogram all the same.
        check_chip(case)
    chip, pan, hsm = case.chip, case.pan, case.desk.chip_hsm
    if chip is None or pan is None or hsm is None or case.known_row().kind is Kind.CHIP_OFFLINE_SALE:
        return ""
    said = _said(chip, code)
    card = ChipCard(pan, chip.version, chip.sequence)
    arpc = hsm.generate_arpc(KeyBlock(chip.issuer.cryptogram), card, chip.tags, chip.cryptogram, said)
    values = {"91": arpc + said, "9F36": chip.values["9F36"]}
    if code in case.desk.profile.chip.block_on_status:
        _queue_block(case)
    script = next_script(case, chip, _record(case))
    if script is not None:
        identifier, values["72"] = script
        used = case.desk.store.chip_use(_use(case)) or ChipUseRecord(_use(case), case.ref)
        case.desk.store.put_chip_use(used._replace(scripts=(identifier,)))
    return pack_chip(ANSWER, values).hex()


def _said(chip: ChipData, code: str) -> bytes:
    """What the issuer's cryptogram is made over: the answer code, or a card status update."""
    if chip.version.arpc_method == 1:
        return code.encode("ascii")
    return _CSU_APPROVED if code == "00" else _CSU_DECLINED


def _queue_block(case: Case) -> None:
    record = _record(case)
    if APPLICATION_BLOCK not in record.scripts:
        identifier = queue(case.desk, record.chip, APPLICATION_BLOCK)
        case.tell(EventName.SCRIPT_QUEUED, script=identifier, command=APPLICATION_BLOCK)


def hear_of_scripts(case: Case, original: TransactionRecord | None) -> None:
    """Take the script results that a reversal or a script notice carries for an original request."""
    if original is None or 55 not in case.message:
        return
    try:
        values = parse_chip(bytes(case.message[55]))
        use = _use_by(case, original, values)
        if use is not None and SCRIPT_RESULTS in values:
            take_results(case, use, values[SCRIPT_RESULTS])
    except LayoutError as error:
        case.tell(EventName.SCRIPT_FAILED, why=str(error))


def take_certificate(case: Case, original: TransactionRecord | None) -> None:
    """Judge the final cryptogram of a transaction that came up with the batch; either way it is only written down.

    The goods are gone by then: a certificate that is not the card's is a matter for people.
    """
    try:
        values = parse_chip(bytes(case.message.get(55, b"")))
        use = _use_by(case, original, values) if original is not None else None
        if use is None or original is None:
            why = "no request came with this counter"
        elif values.get("9F27", b"")[:1] == bytes([ARQC]) and values.get("9F26", b"").hex() == use.request_cryptogram:
            why = ""  # a tap has no second cryptogram
        else:
            why = _fault_of_certificate(case, values)
            if not why:
                certificate = values["9F26"].hex()
                case.desk.store.put_chip_use(use._replace(certificate=certificate))
    except LayoutError as error:
        why = str(error)
    case.tell(EventName.CHIP_CERTIFICATE, verified=not why, why=why)


def _fault_of_certificate(case: Case, values: Mapping[str, bytes]) -> str:
    if missing := missing_tags(REQUEST, values):
        return f"element 55 lacks tag {' '.join(missing)}"
    if len(values["9F27"]) != 1 or values["9F27"][0] & CRYPTOGRAM_TYPE != TC:
        return "not a transaction certificate"
    verified = _verified(case, values)
    return verified.why if isinstance(verified, Refusal) else ""


def _use_by(case: Case, original: TransactionRecord, values: Mapping[str, bytes]) -> ChipUseRecord | None:
    """The use of a counter that a later message says it belongs to."""
    counter = int.from_bytes(values.get("9F36", b""), "big")
    use = case.desk.store.chip_use(f"{original.card}/{_sequence(case)}/{counter}")
    return use if use is not None and use.ref == original.ref else None


def _sequence(case: Case) -> str:
    return case.text(23)[-2:] or "00"


def _known(case: Case) -> ChipData:
    if case.chip is None:
        raise HostError("the chip is asked for before it was verified")
    return case.chip


def _chip_name(case: Case) -> str:
    return f"{case.known_card().fingerprint}/{_known(case).sequence}"


def _record(case: Case) -> ChipRecord:
    name = _chip_name(case)
    return case.desk.store.chip(name) or ChipRecord(name)


def _use(case: Case) -> str:
    return f"{_chip_name(case)}/{_known(case).counter}"
