"""How a tapped card may misbehave, and what a reader must make of it: one table, as `faults` has for contacts.

The transaction is a sale of a small amount. Where `offline` is set the reader lets the card approve it by itself, else
it has to go online; the issuer approves what it can verify.

Source: the clause in each row; EMV Contactless Books A, B, C-2, C-3 and C-7.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from posterm import tlv
from simulators.card.faults import (
    ANOTHER_CARD,
    APPROVED,
    DECLINED,
    GENERATE_AC,
    GET_PROCESSING_OPTIONS,
    READ_RECORD,
    SELECT,
    TERMINATED,
    Answer,
    Fault,
    in_record,
    main,
    objects,
    to,
    valued,
    without,
)
from simulators.card.personalization import DATA_SFI, KEYS_SFI

COMPUTE_CHECKSUM: Final = 0x2A
TRY_AGAIN, ANOTHER_INTERFACE = "try again", "try another interface"
_FAST_DDA_FAILED, _CDA_FAILED = "0800000000", "0400000000"
_VISA, _UNIONPAY, _MASTERCARD, _STRIPE = "visa-credit", "unionpay-credit", "mastercard-credit", "mastercard-mag-stripe"

Change = Callable[[list[tuple[str, bytes]]], list[tuple[str, bytes]]]


@dataclass(frozen=True, slots=True)
class TapFault(Fault):
    """One way to misbehave at the antenna. `offline`: the reader lets the card approve by itself."""

    offline: bool = True


def _flipped(value: bytes) -> bytes:
    """One bit in the middle turned."""
    place = len(value) // 2
    return value[:place] + bytes((value[place] ^ 0x01,)) + value[place + 1 :]


_BAD_SIGNATURE: Final = valued("9F4B", _flipped)


def _everywhere(*changes: Change) -> Callable[[], Answer]:
    """Change the objects of processing options and records, wherever they come."""

    def answer(command: bytes, honest: bytes) -> bytes:
        if command[1:2] in (bytes((GET_PROCESSING_OPTIONS,)), bytes((READ_RECORD,))) and honest[-2:] == b"\x90\x00":
            for change in changes:
                honest = objects(change)(honest)
        return honest

    return lambda: answer


def _options(*changes: Change) -> Callable[[], Answer]:
    """Change the objects in the answer to GET PROCESSING OPTIONS."""

    def change(answer: bytes) -> bytes:
        for each in changes:
            answer = objects(each)(answer)
        return answer

    return to(GET_PROCESSING_OPTIONS, change)


def _directory(answer: bytes) -> Callable[[], Answer]:
    """Another answer to the first SELECT, that of the directory."""
    return to(SELECT, lambda _: answer, which=1)


def _status(sw: str) -> Callable[[bytes], bytes]:
    return lambda _: bytes.fromhex(sw)


def _of_applications(*aids: str) -> bytes:
    """A directory with these applications."""
    entries = b"".join(tlv.build([("61", tlv.build([("4F", bytes.fromhex(aid)), ("87", b"\x01")]))]) for aid in aids)
    listed = tlv.build([("BF0C", entries)])
    return tlv.build([("6F", tlv.build([("84", b"2PAY.SYS.DDF01"), ("A5", listed)]))]) + b"\x90\x00"


def _quick(card: str, book: str) -> tuple[TapFault, ...]:
    """Faults of a card whose whole transaction is one answer: kernels 3 and 7."""
    name = card.partition("-")[0]
    return (*_signatures(card, name, book), *_decisions(card, name, book), *_cut_off(card, name, book))


def _signatures(card: str, name: str, book: str) -> tuple[TapFault, ...]:
    """What may be wrong with the signature of an approval."""
    return (
        TapFault(
            f"{name}-wrong-fast-signature",
            "a bit of its dynamic signature is wrong",
            f"{book}: fast DDA",
            (DECLINED,),
            _FAST_DDA_FAILED,
            card,
            answer=_everywhere(_BAD_SIGNATURE),
        ),
        TapFault(
            f"{name}-wrong-dynamic-number-length",
            "the signed data say that the ICC Dynamic Number is longer than all of them",
            f"{book}: fast DDA",
            (DECLINED,),
            _FAST_DDA_FAILED,
            card,
            dynamic_data=lambda data: b"\xff" + data[1:],
        ),
        TapFault(
            f"{name}-approves-unsigned",
            "it approves, and no signature comes with it",
            f"{book}: fast DDA",
            (DECLINED,),
            "2800000000",
            card,
            answer=_everywhere(without("9F4B")),
        ),
        TapFault(
            f"{name}-unknown-signature-form",
            "9F69 is of a version no book has",
            f"{book}: fast DDA",
            (DECLINED,),
            _FAST_DDA_FAILED,
            card,
            answer=_everywhere(valued("9F69", lambda value: b"\x02" + value[1:])),
        ),
        TapFault(
            f"{name}-unknown-authority-tapped",
            "its certification authority is none the reader knows",
            "Book 2, 6.2",
            (DECLINED,),
            _FAST_DDA_FAILED,
            card,
            personalization=in_record(KEYS_SFI, 1, valued("8F", lambda _: b"\xb8")),
        ),
    )


def _decisions(card: str, name: str, book: str) -> tuple[TapFault, ...]:
    """What the card decides, or asks for, and must not be given."""
    return (
        TapFault(
            f"{name}-online-when-signature-fails",
            "a wrong signature, and qualifiers that ask to go online then",
            f"{book}: card transaction qualifiers",
            (APPROVED, DECLINED),
            _FAST_DDA_FAILED,
            card,
            answer=_everywhere(_BAD_SIGNATURE, valued("9F6C", lambda _: b"\x20\x00")),
        ),
        TapFault(
            f"{name}-contacts-when-signature-fails",
            "a wrong signature, and qualifiers that ask for contacts then",
            f"{book}: card transaction qualifiers",
            (ANOTHER_INTERFACE,),
            _FAST_DDA_FAILED,
            card,
            answer=_everywhere(_BAD_SIGNATURE, valued("9F6C", lambda _: b"\x10\x00")),
        ),
        TapFault(
            f"{name}-approves-what-goes-online",
            "told that the amount goes online, it says that it approves",
            f"{book}: the reader asked for an online cryptogram",
            (DECLINED,),
            card=card,
            answer=_options(valued("9F27", lambda _: b"\x40")),
            offline=False,
        ),
        TapFault(
            f"{name}-wrong-cryptogram",
            "a bit of its cryptogram is wrong",
            "Book 2, 8.1: for the issuer to find",
            (DECLINED,),
            card=card,
            answer=_options(valued("9F26", _flipped)),
            offline=False,
        ),
    )


def _cut_off(card: str, name: str, book: str) -> tuple[TapFault, ...]:
    """Answers that lack something, and those that do not come."""
    return (
        *(
            TapFault(
                f"{name}-without-{tag.lower()}",
                f"its answer has no {tag}",
                f"{book}: mandatory data",
                (TERMINATED,),
                card=card,
                answer=_options(without(tag)),
                offline=False,
            )
            for tag in ("9F10", "9F26", "9F36", "57")
        ),
        *(
            TapFault(
                f"{name}-torn-at-{step}",
                f"it leaves the field at command {step}",
                "Book B, 3.5",
                (TRY_AGAIN,),
                card=card,
                withdrawn_at=step,
            )
            for step in range(1, 7)
        ),
    )


_KERNEL_2: Final = (
    TapFault(
        "wrong-cda-tapped",
        "a bit of its combined signature is wrong",
        "Book C-2, 6: CDA",
        (DECLINED,),
        _CDA_FAILED,
        _MASTERCARD,
        answer=to(GENERATE_AC, objects(valued("9F4B", _flipped))),
    ),
    TapFault(
        "wrong-cda-online",
        "the same, when it asks for the issuer",
        "Book C-2, 6: CDA",
        (DECLINED,),
        _CDA_FAILED,
        _MASTERCARD,
        answer=to(GENERATE_AC, objects(valued("9F4B", _flipped))),
        offline=False,
    ),
    TapFault(
        "unknown-authority-tapped",
        "its certification authority is none the reader knows",
        "Book 2, 6.2; Book C-2, 7.8",
        (APPROVED, DECLINED),
        _CDA_FAILED,
        _MASTERCARD,
        personalization=in_record(KEYS_SFI, 1, valued("8F", lambda _: b"\xb8")),
    ),
    TapFault(
        "upgraded-cryptogram-tapped",
        "asked for an ARQC, it answers with what it calls a TC",
        "EMV Book 3, 9.3",
        (TERMINATED,),
        card=_MASTERCARD,
        changes=main(authentication=[]),
        answer=to(GENERATE_AC, objects(valued("9F27", lambda _: b"\x40"))),
        offline=False,
    ),
    TapFault(
        "no-risk-list-tapped",
        "there is no CDOL1",
        "Book C-2, 6",
        (TERMINATED,),
        card=_MASTERCARD,
        personalization=in_record(DATA_SFI, 2, without("8C")),
    ),
    TapFault(
        "no-emv-mode",
        "its AIP says that it knows the stripe's mode alone, and it does not",
        "Book C-2, 6 and 7.1",
        (TERMINATED, ANOTHER_CARD, DECLINED),
        card=_MASTERCARD,
        changes=main(contactless={"mode": "mag-stripe"}),
        answer=to(COMPUTE_CHECKSUM, _status("6D00")),
        offline=False,
    ),
    TapFault(
        "no-check-value",
        "CVC3 is missing: it declines",
        "Book C-2, 7.1",
        (DECLINED,),
        card=_STRIPE,
        answer=to(COMPUTE_CHECKSUM, objects(without("9F61"))),
        offline=False,
    ),
    TapFault(
        "look-at-the-device",
        "CVC3 is missing, and its holder is to confirm on the device first",
        "Book C-2, 7.1 and annex A (DF4B)",
        (TRY_AGAIN,),
        card=_STRIPE,
        answer=to(
            COMPUTE_CHECKSUM,
            objects(lambda items: [*without("9F61", "9F60")(items), ("DF4B", bytes.fromhex("000100"))]),
        ),
        offline=False,
    ),
    TapFault(
        "wrong-check-value",
        "CVC3 is another",
        "Book C-2, 7.1: for the issuer to find",
        (DECLINED,),
        card=_STRIPE,
        answer=to(COMPUTE_CHECKSUM, objects(valued("9F61", lambda value: value[:1] + bytes((value[1] ^ 1,))))),
        offline=False,
    ),
    TapFault(
        "no-counter-tapped",
        "no ATC with the CVC3",
        "Book C-2, 7.1",
        (TERMINATED,),
        card=_STRIPE,
        answer=to(COMPUTE_CHECKSUM, objects(without("9F36"))),
        offline=False,
    ),
    *(
        TapFault(
            f"mastercard-torn-at-{step}",
            f"it leaves the field at command {step}",
            "Book B, 3.5",
            (TRY_AGAIN,),
            card=_MASTERCARD,
            withdrawn_at=step,
        )
        for step in range(1, 9)
    ),
)

_ENTRY: Final = (
    TapFault(
        "no-directory", "6A82 at SELECT PPSE", "Book B, 3.3.2", (ANOTHER_INTERFACE,), answer=_directory(b"\x6a\x82")
    ),
    TapFault(
        "directory-of-noise",
        "the answer to SELECT PPSE is no template",
        "Book B, 3.3.2",
        (TERMINATED, ANOTHER_INTERFACE),
        answer=_directory(bytes.fromhex("6F82FF00112233") + b"\x90\x00"),
    ),
    TapFault(
        "empty-directory",
        "SELECT PPSE gives nothing, and says that all is well",
        "Book B, 3.3.2",
        (TERMINATED, ANOTHER_INTERFACE),
        answer=_directory(b"\x90\x00"),
    ),
    TapFault(
        "strange-directory",
        "it lists applications nobody takes",
        "Book B, 3.3.2",
        (ANOTHER_INTERFACE,),
        answer=_directory(_of_applications("F000000001", "A0000009991010")),
    ),
    TapFault(
        "absent-applications",
        "it lists applications it has not",
        "Book B, 3.3.3",
        (ANOTHER_CARD,),
        answer=_directory(_of_applications("A0000000031010", "A0000000041010")),
    ),
    *(
        TapFault(
            f"{sw}-at-processing-options",
            f"{sw} at GET PROCESSING OPTIONS: {what}",
            "Book C-3, 5.2",
            (ending,),
            card=_VISA,
            answer=to(GET_PROCESSING_OPTIONS, _status(sw)),
        )
        for sw, ending, what in (
            ("6984", ANOTHER_INTERFACE, "another interface"),
            ("6985", ANOTHER_CARD, "another application"),
            ("6986", TRY_AGAIN, "its holder is to look at the device"),
            ("6F00", ANOTHER_CARD, "no reason"),
        )
    ),
    TapFault(
        "record-missing-tapped",
        "a record that the AFL names is not there",
        "EMV Book 3, 10.2",
        (TERMINATED,),
        card=_VISA,
        answer=to(READ_RECORD, _status("6A83"), which=2),
    ),
    TapFault(
        "number-twice-tapped",
        "the PAN stands in two records",
        "EMV Book 3, 10.2",
        (TERMINATED,),
        card=_VISA,
        personalization=in_record(KEYS_SFI, 1, lambda items: [*items, ("5A", bytes(8))]),
    ),
)

TAP_FAULTS: Final = {
    fault.name: fault for fault in (*_quick(_VISA, "Book C-3"), *_quick(_UNIONPAY, "Book C-7"), *_KERNEL_2, *_ENTRY)
}
"""Every fault of a tap by its name."""
