"""What a card hands out: file control information, processing options, records, cryptogram answers.

Source: EMV 4.4 Book 1, 11.3.4 (FCI); Book 3, 5.3 (records), 6.5.5.4 and 6.5.8.4 (formats 80 and 77), 10.2 (AFL).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from posterm import tlv
from posterm.emv.errors import CardDataError
from posterm.emv.tags import find

MAX_RECORDS: Final = 128
"""The most records an application may name; cards have fewer than thirty."""

LAST_PAYMENT_SFI: Final = 10
_LAST_SFI: Final = 30
_AFL_ENTRY_BYTES: Final = 4
_RECORD: Final = "70"
_ATC_BYTES: Final = 2
_CRYPTOGRAM_BYTES: Final = 8


def objects_of(data: bytes, what: str) -> list[tuple[str, bytes]]:
    """The objects of one level, filler of 00 and FF passed over.

    Raises: CardDataError: not BER-TLV; the text names `what`, the tag and the byte.
    """
    try:
        return tlv.parse(data, ff_filler=True)
    except tlv.TlvError as error:
        raise CardDataError(f"{what}: {error}") from None


def template(data: bytes, tag: str, what: str) -> bytes:
    """The value of the one object `data` consists of. Raises: CardDataError: another object, or several."""
    objects = objects_of(data, what)
    if len(objects) != 1 or objects[0][0] != tag:
        raise CardDataError(f"{what}: need template {tag} and nothing beside it")
    return objects[0][1]


@dataclass(frozen=True, slots=True)
class Fci:
    """What SELECT answers with: the name of what was selected, and the objects beside it, nested templates opened."""

    df_name: bytes
    objects: dict[str, bytes]
    directory_entries: tuple[dict[str, bytes], ...] = ()


def parse_fci(data: bytes) -> Fci:
    """Read file control information: 6F with 84 and A5; in A5 perhaps BF0C, in BF0C perhaps directory entries 61.

    Raises: CardDataError: not so built.
    """
    what = "file control information"
    outer = dict(objects_of(template(data, "6F", what), what))
    if "84" not in outer or "A5" not in outer:
        raise CardDataError(f"{what}: need 84 and A5")
    objects = dict(objects_of(outer["A5"], what))
    discretionary = objects_of(objects.pop("BF0C", b""), what)
    entries = tuple(dict(objects_of(value, what)) for tag, value in discretionary if tag == "61")
    objects |= {tag: value for tag, value in discretionary if tag != "61"}
    return Fci(outer["84"], objects, entries)


@dataclass(frozen=True, slots=True)
class AflEntry:
    """Records of one file: first to last, the first `signed` of them covered by offline data authentication."""

    sfi: int
    first: int
    last: int
    signed: int


def parse_afl(afl: bytes) -> tuple[AflEntry, ...]:
    """Read an application file locator (94).

    Raises: CardDataError: not entries of four bytes, a file or record number that cannot be, or too many records.
    """
    if not afl or len(afl) % _AFL_ENTRY_BYTES:
        raise CardDataError(f"application file locator: need entries of 4 bytes, have {len(afl)} bytes")
    entries = tuple(
        AflEntry(afl[at] >> 3, afl[at + 1], afl[at + 2], afl[at + 3]) for at in range(0, len(afl), _AFL_ENTRY_BYTES)
    )
    for entry in entries:
        count = entry.last - entry.first + 1
        if not (1 <= entry.sfi <= _LAST_SFI and 1 <= entry.first <= entry.last and entry.signed <= count):
            raise CardDataError("application file locator: an entry names a file or record that cannot be")
    records = sum(entry.last - entry.first + 1 for entry in entries)
    if records > MAX_RECORDS:
        raise CardDataError(f"application file locator: need at most {MAX_RECORDS} records, have {records}")
    return entries


def parse_processing_options(data: bytes) -> dict[str, bytes]:
    """Read the answer to GET PROCESSING OPTIONS: AIP (82) and AFL (94), in format 80 or 77, and what else is in 77.

    Raises: CardDataError: neither format, or no AIP. An AFL may be missing; whoever needs it checks.
    """
    what = "processing options"
    (tag, value), *others = objects_of(data, what) or [("", b"")]
    if others:
        raise CardDataError(f"{what}: need one template, have several objects")
    if tag == "80":
        # Format 80 is not a TLV list: two bytes of AIP, and the AFL without tag or length.
        if len(value) < 2:
            raise CardDataError(f"{what}: need an AIP of 2 bytes, have {len(value)}")
        return {"82": value[:2], "94": value[2:]}
    if tag == "77":
        objects = dict(objects_of(value, what))
        if len(objects.get("82", b"")) != 2:
            raise CardDataError(f"{what}: need an AIP of 2 bytes")
        return objects
    raise CardDataError(f"{what}: need format 80 or 77")


@dataclass(frozen=True, slots=True)
class CryptogramAnswer:
    """The answer to GENERATE AC. `signature` (9F4B) comes with CDA only, and then perhaps without a cryptogram.

    `signed_objects` are the bytes of all objects except 9F4B, in order, as the signature covers them.
    """

    cid: int
    atc: bytes
    cryptogram: bytes
    issuer_application_data: bytes = field(repr=False)
    signature: bytes = field(default=b"", repr=False)
    signed_objects: bytes = field(default=b"", repr=False)
    objects: Mapping[str, bytes] = field(default_factory=dict, repr=False)


def parse_cryptogram_answer(data: bytes) -> CryptogramAnswer:
    """Read the answer to GENERATE AC in format 80 or 77.

    Raises: CardDataError: neither format, or CID, counter or cryptogram missing or of another length.
    """
    what = "answer to GENERATE AC"
    (tag, value), *others = objects_of(data, what) or [("", b"")]
    if others or tag not in ("80", "77"):
        raise CardDataError(f"{what}: need format 80 or 77 and nothing beside it")
    if tag == "80":
        if not 11 <= len(value) <= 43:
            raise CardDataError(f"{what}: need 11 to 43 bytes in format 80, have {len(value)}")
        return CryptogramAnswer(value[0], value[1:3], value[3:11], value[11:])
    try:
        borders = tlv.scan(value, ff_filler=True)
    except tlv.TlvError as error:
        raise CardDataError(f"{what}: {error}") from None
    objects = {name: value[start:end] for name, start, end in borders}
    if len(objects) != len(borders):
        raise CardDataError(f"{what}: an object comes twice")
    cid, atc = objects.get("9F27", b""), objects.get("9F36", b"")
    cryptogram, signature = objects.get("9F26", b""), objects.get("9F4B", b"")
    if len(cid) != 1 or len(atc) != _ATC_BYTES:
        raise CardDataError(f"{what}: need 9F27 of 1 byte and 9F36 of 2 bytes")
    if len(cryptogram) != _CRYPTOGRAM_BYTES and (cryptogram or not signature):
        raise CardDataError(f"{what}: need a cryptogram of 8 bytes")
    starts = [0, *(end for _, _, end in borders)]
    signed = b"".join(
        value[start:end].lstrip(b"\x00")  # as the card wrote it, filler before the tag aside
        for start, (name, _, end) in zip(starts, borders, strict=False)
        if name != "9F4B"
    )
    return CryptogramAnswer(cid[0], atc, cryptogram, objects.get("9F10", b""), signature, signed, objects)


def parse_record(sfi: int, data: bytes) -> list[tuple[str, bytes]]:
    """The objects of a record, nested templates opened.

    Files 1 to 10 hold records in template 70. Files 11 to 30 are the schemes' and issuers' own: what is not so coded
    there is passed over.

    Raises: CardDataError: a record of files 1 to 10 that is not one template 70.
    """
    what = f"record of file {sfi}"
    try:
        return _opened(template(data, _RECORD, what), what)
    except CardDataError:
        if sfi <= LAST_PAYMENT_SFI:
            raise
        return []


def static_data_of(sfi: int, data: bytes) -> bytes:
    """What of a signed record is authenticated: files 1 to 10 without template 70 and its length, others with them.

    Raises: CardDataError: the record is not template 70. Source: EMV 4.4 Book 3, 10.3.
    """
    value = template(data, _RECORD, f"signed record of file {sfi}")
    return value if sfi <= LAST_PAYMENT_SFI else data


def fits_dictionary(tag: str, value: bytes) -> bool:
    """True when the value has a length the dictionary allows for this tag; unknown tags fit."""
    known = find(tag)
    return known is None or known.fits(value)


def _opened(data: bytes, what: str) -> list[tuple[str, bytes]]:
    found: list[tuple[str, bytes]] = []
    for tag, value in objects_of(data, what):
        if tlv.is_constructed(tag):
            found.extend(_opened(value, what))
        else:
            found.append((tag, value))
    return found
