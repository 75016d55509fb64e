"""How a card may misbehave, and what a terminal must make of it: one table.

Each row names the card it is shown on, what the kernel must reach (`endings`, as `posterm.emv.outcome.Ending` spells
them) and the TVR bits it must set. The transaction is a sale that goes online, and that the issuer approves.

Source: the clause in each row; EMV 4.4 Book 3 unless it says otherwise.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final

from posterm import tlv
from simulators.card.personalization import DATA_SFI, KEYS_SFI, STRIPE_SFI, Personalization
from simulators.card.profile import Application
from simulators.card.state import Memory

Answer = Callable[[bytes, bytes], bytes]
"""Given a command and the honest answer, the answer that is sent."""

SELECT, READ_RECORD, GET_PROCESSING_OPTIONS, GET_DATA, GENERATE_AC = 0xA4, 0xB2, 0xA8, 0xCA, 0xAE
EXTERNAL_AUTHENTICATE, INTERNAL_AUTHENTICATE, GET_CHALLENGE, VERIFY = 0x82, 0x88, 0x84, 0x20
_OK: Final = b"\x90\x00"
_CARD: Final = "unionpay-credit"
_MAIN: Final = "main"

APPROVED, DECLINED, TERMINATED, ANOTHER_CARD = "approved", "declined", "terminated", "try another card"
_CDA_FAILED, _ISSUER_DATA_MISSING = "0400000000", "2400000000"


def honestly() -> Answer:
    """As it is."""
    return lambda _command, honest: honest


def _as_issued(card: Personalization) -> Personalization:
    return card


def _as_said(data: bytes) -> bytes:
    return data


def _nothing(_application: Application, _memory: Memory) -> None:
    return None


@dataclass(frozen=True, slots=True)
class Fault:
    """One way to misbehave.

    Attributes:
        source: the clause that says what a terminal does.
        endings: how the transaction may end.
        tvr: bits that must be set then, 5 bytes in hexadecimal.
        card: the ready card it is shown on.
        changes: to the profile. `personalization`: to records and the like. `answer`: makes, for one powering, what
            changes the answers. `dynamic_data`: to what is signed. `after`: to the memory, after each command.
            `withdrawn_at`: the command, counted from 1, at which the card is gone.
    """

    name: str
    description: str
    source: str = ""
    endings: tuple[str, ...] = ()
    tvr: str = "0000000000"
    card: str = _CARD
    changes: Mapping[str, Any] = field(default_factory=dict)
    personalization: Callable[[Personalization], Personalization] = _as_issued
    answer: Callable[[], Answer] = honestly
    dynamic_data: Callable[[bytes], bytes] = _as_said
    after: Callable[[Application, Memory], None] = _nothing
    withdrawn_at: int = 0


NO_FAULT: Final = Fault("none", "behaves")


def main(**changes: object) -> dict[str, Any]:
    """Changes to the main application of a profile."""
    return {"applications": {_MAIN: changes}}


def to(instruction: int, change: Callable[[bytes], bytes], *, which: int = 0) -> Callable[[], Answer]:
    """Change the good answers to one instruction: all of them, or only the one to its `which`-th call."""

    def powered() -> Answer:
        seen = 0

        def answer(command: bytes, honest: bytes) -> bytes:
            nonlocal seen
            if command[1:2] != bytes((instruction,)) or honest[-2:] != _OK:
                return honest
            seen += 1
            return change(honest) if not which or seen == which else honest

        return answer

    return powered


def objects(change: Callable[[list[tuple[str, bytes]]], list[tuple[str, bytes]]]) -> Callable[[bytes], bytes]:
    """Change the data objects in an answer's template."""

    def changed(answer: bytes) -> bytes:
        template, value = tlv.parse(answer[:-2])[0]
        return tlv.build([(template, tlv.build(change(tlv.parse(value))))]) + answer[-2:]

    return changed


def without(*tags: str) -> Callable[[list[tuple[str, bytes]]], list[tuple[str, bytes]]]:
    """Leave objects out."""
    return lambda items: [(tag, value) for tag, value in items if tag not in tags]


def valued(tag: str, change: Callable[[bytes], bytes]) -> Callable[[list[tuple[str, bytes]]], list[tuple[str, bytes]]]:
    """Change one object's value."""
    return lambda items: [(each, change(value) if each == tag else value) for each, value in items]


def record(sfi: int, number: int, change: Callable[[bytes], bytes]) -> Callable[[Personalization], Personalization]:
    """Change one record, template and all."""

    def changed(card: Personalization) -> Personalization:
        place = (sfi, number)
        return replace(card, records=card.records | {place: change(card.records[place])})

    return changed


def in_record(
    sfi: int, number: int, change: Callable[[list[tuple[str, bytes]]], list[tuple[str, bytes]]]
) -> Callable[[Personalization], Personalization]:
    """Change the data objects of one record."""
    return record(sfi, number, lambda data: objects(change)(data + _OK)[:-2])


def _status(sw: str) -> Callable[[bytes], bytes]:
    return lambda _answer: bytes.fromhex(sw)


def _locator(afl: str) -> Callable[[], Answer]:
    return to(GET_PROCESSING_OPTIONS, objects(valued("94", lambda _: bytes.fromhex(afl))))


def _always(answer: str) -> Callable[[], Answer]:
    return lambda: lambda _command, _honest: bytes.fromhex(answer)


def _takes_any_arpc() -> Answer:
    return lambda command, honest: _OK if command[1:2] == bytes((EXTERNAL_AUTHENTICATE,)) else honest


def _answers_every_select() -> Answer:
    last = b"\x6a\x82"

    def answer(command: bytes, honest: bytes) -> bytes:
        nonlocal last
        if command[1:2] != bytes((SELECT,)):
            return honest
        last = honest if honest[-2:] == _OK and b"1PAY" not in command else last
        return last

    return answer


def _atc_stands_still(application: Application, memory: Memory) -> None:
    memory.atc = min(memory.atc, application.atc + 1)


def _padded(data: bytes) -> bytes:
    """Zero bytes before, between and after the objects of a record."""
    template, value = tlv.parse(data)[0]
    parts = b"\x00".join(tlv.build([item]) for item in tlv.parse(value))
    return tlv.build([(template, b"\x00\x00" + parts + b"\x00")])


def _turned(data: bytes, place: int, bits: int) -> bytes:
    return data[:place] + bytes((data[place] ^ bits,)) + data[place + 1 :]


_TABLE: Final = (
    # --- offline data authentication ------------------------------------------------------------------------------
    Fault(
        "wrong-dynamic-number-length",
        "the signed data say that the ICC Dynamic Number is longer than all of them",
        "Book 2, 6.5.1 and table 17",
        (DECLINED,),
        _CDA_FAILED,
        dynamic_data=lambda data: b"\xff" + data[1:],
    ),
    Fault(
        "cryptogram-kind-mismatch",
        "the signed CID is another than the one in clear",
        "Book 2, 6.6.2",
        (DECLINED,),
        _CDA_FAILED,
        dynamic_data=lambda data: _turned(data, 1 + data[0], 0xC0),
    ),
    Fault(
        "truncated-signature",
        "the last byte of 9F4B is missing",
        "Book 2, 6.6.2",
        (DECLINED,),
        _CDA_FAILED,
        answer=to(GENERATE_AC, objects(valued("9F4B", lambda value: value[:-1])), which=1),
    ),
    Fault(
        "no-signature",
        "asked for CDA, it answers with a cryptogram in clear and no 9F4B",
        "Book 2, 6.6.2",
        (DECLINED,),
        _CDA_FAILED,
        answer=to(GENERATE_AC, objects(lambda items: [*without("9F4B")(items), ("9F26", bytes(8))]), which=1),
    ),
    Fault(
        "no-dynamic-signature",
        "6985 at INTERNAL AUTHENTICATE",
        "Book 4, 6.3.2",
        (TERMINATED,),
        changes=main(authentication=["dda"]),
        answer=to(INTERNAL_AUTHENTICATE, _status("6985")),
    ),
    Fault(
        "expired-certificate",
        "the certificates ended in January 2021",
        "Book 2, 6.3, step 8",
        (APPROVED,),
        _CDA_FAILED,
        changes={"certificate_expiry": "2101"},
    ),
    Fault(
        "unknown-authority",
        "its certification authority is none the terminal knows",
        "Book 2, 6.2; 10.3",
        (APPROVED,),
        _CDA_FAILED,
        personalization=in_record(KEYS_SFI, 1, valued("8F", lambda _: b"\xb8")),
    ),
    Fault(
        "no-certificate",
        "its AIP offers CDA, and there is no issuer certificate",
        "10.3 and 7.5",
        (APPROVED,),
        _ISSUER_DATA_MISSING,
        personalization=in_record(KEYS_SFI, 1, without("90")),
    ),
    Fault(
        "counterfeit",
        "certificates of another card",
        "Book 2, 6.4, step 6",
        (APPROVED,),
        _CDA_FAILED,
        changes={"counterfeit": True},
    ),
    # --- cryptograms ----------------------------------------------------------------------------------------------
    Fault(
        "upgraded-cryptogram",
        "asked for an ARQC, it answers with what it calls a TC",
        "10.8 and 9.3",
        (TERMINATED,),
        changes=main(authentication=[]),
        answer=to(GENERATE_AC, objects(valued("9F27", lambda _: b"\x40")), which=1),
    ),
    Fault(
        "reserved-cryptogram",
        "its CID is of a kind that is reserved",
        "6.5.5.4, table 15",
        (TERMINATED,),
        changes=main(authentication=[]),
        answer=to(GENERATE_AC, objects(valued("9F27", lambda _: b"\xc0")), which=1),
    ),
    Fault(
        "no-cryptogram",
        "the answer to GENERATE AC lacks 9F26",
        "6.5.5.4",
        (TERMINATED,),
        changes=main(authentication=[]),
        answer=to(GENERATE_AC, objects(without("9F26")), which=1),
    ),
    Fault(
        "first-generate-ac-refused",
        "6985 at the first GENERATE AC",
        "6.5.5.5; Book 4, 6.3.9",
        (TERMINATED,),
        answer=to(GENERATE_AC, _status("6985"), which=1),
    ),
    Fault(
        "second-generate-ac-refused",
        "6985 at the second GENERATE AC",
        "6.5.5.5; Book 4, 6.3.9",
        (TERMINATED,),
        answer=to(GENERATE_AC, _status("6985"), which=2),
    ),
    Fault(
        "third-way-out",
        "it answers the second GENERATE AC with another ARQC",
        "6.5.5.2",
        (TERMINATED,),
        changes=main(authentication=[]),
        answer=to(GENERATE_AC, objects(valued("9F27", lambda _: b"\x80")), which=2),
    ),
    Fault(
        "answer-code-ignored",
        "it takes every ARPC for good",
        "10.9: the terminal cannot tell",
        (APPROVED,),
        answer=_takes_any_arpc,
    ),
    Fault(
        "counter-stuck",
        "its ATC never moves",
        "Book 2, 8.1: for the issuer to find",
        (APPROVED,),
        after=_atc_stands_still,
    ),
    # --- data -----------------------------------------------------------------------------------------------------
    Fault(
        "no-risk-list",
        "there is no CDOL1",
        "7.2 and 7.5",
        (TERMINATED,),
        personalization=in_record(DATA_SFI, 2, without("8C")),
    ),
    Fault(
        "no-number",
        "there is no PAN",
        "7.2 and 7.5",
        (TERMINATED,),
        personalization=in_record(DATA_SFI, 1, without("5A")),
    ),
    Fault(
        "no-expiry",
        "there is no expiration date",
        "7.2 and 7.5",
        (TERMINATED,),
        personalization=in_record(DATA_SFI, 1, without("5F24")),
    ),
    Fault(
        "number-twice",
        "the PAN stands in two records",
        "10.2: redundant objects end the transaction",
        (TERMINATED,),
        personalization=in_record(DATA_SFI, 2, lambda items: [*items, ("5A", bytes(8))]),
    ),
    Fault(
        "padded-objects",
        "zero bytes before, between and after the objects of a record",
        "annex B1",
        (APPROVED,),
        personalization=record(STRIPE_SFI, 1, _padded),
    ),
    Fault(
        "unknown-objects",
        "objects nobody knows, one with a tag of three bytes",
        "7.5",
        (APPROVED,),
        personalization=in_record(STRIPE_SFI, 1, lambda items: [("DF8101", b"\x01"), *items, ("9F7F", bytes(4))]),
    ),
    Fault(
        "wrong-template",
        "a record of a payment file is in template 71",
        "6.5.11.4 and 7.1",
        (TERMINATED,),
        personalization=record(STRIPE_SFI, 1, lambda data: b"\x71" + data[1:]),
    ),
    Fault(
        "cut-record",
        "a record ends before its objects do",
        "7.5",
        (TERMINATED,),
        personalization=record(DATA_SFI, 2, lambda data: data[:-4]),
    ),
    Fault(
        "long-record",
        "a record of 300 bytes of filler, more than a card can send, in place of one with a signature",
        "6.5.11.4 and 7.5",
        (APPROVED,),
        _ISSUER_DATA_MISSING,
        answer=to(READ_RECORD, lambda _: tlv.build([("70", bytes(296))]) + _OK, which=4),
    ),
    Fault(
        "empty-record",
        "READ RECORD gives nothing, and says that all is well",
        "7.5",
        (TERMINATED,),
        answer=to(READ_RECORD, lambda _: _OK),
    ),
    Fault(
        "record-missing",
        "a record that the AFL names is not there",
        "10.2",
        (TERMINATED,),
        answer=to(READ_RECORD, _status("6A83"), which=4),
    ),
    Fault(
        "backward-locator",
        "an AFL entry that ends before it begins",
        "10.2",
        (TERMINATED,),
        answer=_locator("08030100"),
    ),
    Fault("zeroth-file", "an AFL entry for file 0", "10.2", (TERMINATED,), answer=_locator("00010100")),
    Fault("cut-locator", "an AFL of 7 bytes", "10.2", (TERMINATED,), answer=_locator("08010100100101")),
    Fault("empty-locator", "an AFL of no bytes", "10.2 and 7.5", (TERMINATED,), answer=_locator("")),
    Fault(
        "huge-locator",
        "an AFL of 62 entries, 255 records each",
        "10.2",
        (TERMINATED,),
        answer=_locator("0801FF00" * 62),
    ),
    Fault(
        "unknown-cvm",
        "the first rule of the CVM list is none that exists; the next one is tried",
        "10.5.1",
        (APPROVED,),
        "0000400000",
        changes=main(cvm_list="00000000000000006B001F00"),
    ),
    Fault(
        "cut-cvm-list",
        "a CVM list that ends within a rule",
        "10.5 and 7.5",
        (TERMINATED,),
        changes=main(cvm_list="000000000000000042031F"),
    ),
    Fault(
        "cut-risk-list",
        "a CDOL1 that ends within a tag",
        "5.4 and 7.5",
        (TERMINATED,),
        personalization=in_record(DATA_SFI, 2, valued("8C", lambda value: value + b"\x9f")),
    ),
    Fault(
        "short-challenge",
        "GET CHALLENGE gives 4 bytes",
        "Book 2, 7.1",
        (APPROVED,),
        answer=to(GET_CHALLENGE, lambda answer: answer[:4] + _OK),
    ),
    Fault(
        "pin-blocked-unawares",
        "VERIFY is answered 6983, though the counter says that there are tries left",
        "10.5.1",
        (APPROVED,),
        "0000200000",
        answer=lambda: lambda command, honest: b"\x69\x83" if command[1:2] == bytes((VERIFY,)) else honest,
    ),
    Fault(
        "not-yet-effective",
        "good from January 2048 on",
        "10.4.3",
        (APPROVED,),
        "0020000000",
        changes={"effective": "4801"},
    ),
    Fault(
        "counters-unreadable",
        "GET DATA gives neither the ATC nor the last online ATC",
        "10.6.3",
        (APPROVED,),
        "0000006000",
        answer=to(GET_DATA, _status("6A88")),
    ),
    # --- dialogue -------------------------------------------------------------------------------------------------
    Fault(
        "answers-every-select",
        "every SELECT finds an application, the next occurrence too",
        "Book 1, 12.3.3",
        (APPROVED,),
        changes={"directory": False},
        answer=_answers_every_select,
    ),
    Fault("storm-of-61", "every command is answered 6110", "Book 1, 9.3.1.2", (ANOTHER_CARD,), answer=_always("6110")),
    Fault("storm-of-6c", "every command is answered 6C10", "Book 1, 9.3.1.2", (ANOTHER_CARD,), answer=_always("6C10")),
    Fault(
        "only-good-news", "every command is answered 9000, without data", "7.5", (ANOTHER_CARD,), answer=_always("9000")
    ),
    Fault(
        "noise",
        "every command is answered with the same nonsense",
        "7.5",
        (ANOTHER_CARD,),
        answer=_always("6F8270849000"),
    ),
    Fault(
        "conditions-at-processing-options",
        "6985 at GET PROCESSING OPTIONS: the application does not want to be used",
        "10.1",
        (ANOTHER_CARD,),
        answer=to(GET_PROCESSING_OPTIONS, _status("6985")),
    ),
    Fault("blocked", "the application is blocked", "Book 1, 12.3.3", (ANOTHER_CARD,), changes=main(blocked=True)),
    *(
        Fault(
            f"withdrawn-at-{step}",
            f"the card is gone at command {step}",
            "Book 4, 6.7",
            (TERMINATED,),
            withdrawn_at=step,
        )
        for step in range(1, 21)
    ),
)

FAULTS: Final = {fault.name: fault for fault in _TABLE}
"""Every fault by its name."""
