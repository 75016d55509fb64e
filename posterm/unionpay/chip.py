"""DE 55: which chip data go into which message, for both ends of the link; and DE 62 of an uploaded chip transaction.

    online request   9F26 9F27 9F10 9F37 9F36 95 9A 9C 9F02 5F2A 82 9F1A 9F03 9F33,
                     when there 9F34 9F35 9F1E 84 9F09 9F41 9F63
    offline sale     the same, when there 8A 9F74
    answer           when there 91 71 72 9F36
    reversal         when there 95 9F1E 9F10 9F36 DF31
    script notice    9F33 95 9F37 9F10 9F26 9F36 82 DF31 9F1A 9A, when there 9F1E

DF31 is the link's name for the script results that a terminal keeps as 9F5B, 5 bytes for each script.

Source: Q/CUP 009, field 55, as restated by acquirer terminal specifications; EMV 4.4 Book 4, A5 (script results).
Leaves out the data of chips in telephones (DF32, DF33, DF34).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from posterm.tlv import TlvError, build, parse
from posterm.unionpay.errors import LayoutError

MAX_BYTES: Final = 255
SCRIPT_RESULTS: Final = "DF31"
TERMINAL_SCRIPT_RESULTS: Final = "9F5B"
SCRIPT_RESULT_BYTES: Final = 5

ARQC: Final = 0x80
TC: Final = 0x40
AAC: Final = 0x00
CRYPTOGRAM_TYPE: Final = 0xC0
"""The bits of 9F27 that say which cryptogram 9F26 is."""


@dataclass(frozen=True, slots=True)
class ChipForm:
    """The tags of one kind of message, in the order in which they are sent."""

    name: str
    mandatory: tuple[str, ...]
    optional: tuple[str, ...]


_REQUEST: Final = (
    *("9F26", "9F27", "9F10", "9F37", "9F36", "95", "9A", "9C", "9F02"),
    *("5F2A", "82", "9F1A", "9F03", "9F33"),
)
_REQUEST_OPTIONAL: Final = ("9F34", "9F35", "9F1E", "84", "9F09", "9F41", "9F63")
REQUEST: Final = ChipForm("request", _REQUEST, _REQUEST_OPTIONAL)
OFFLINE_SALE: Final = ChipForm("offline sale", _REQUEST, (*_REQUEST_OPTIONAL, "8A", "9F74"))
ANSWER: Final = ChipForm("answer", (), ("91", "71", "72", "9F36"))
REVERSAL: Final = ChipForm("reversal", (), ("95", "9F1E", "9F10", "9F36", SCRIPT_RESULTS))
SCRIPT_NOTICE: Final = ChipForm(
    "script notice", ("9F33", "95", "9F37", "9F10", "9F26", "9F36", "82", SCRIPT_RESULTS, "9F1A", "9A"), ("9F1E",)
)


def pack_chip(form: ChipForm, values: Mapping[str, bytes]) -> bytes:
    """DE 55 of a kind of message, from values by tag; other tags stay behind.

    An optional tag that does not fit into 255 bytes is left out, the last ones of the form first.

    Raises: LayoutError: a mandatory tag is missing, or the mandatory ones alone are too long.
    """
    missing = [tag for tag in form.mandatory if tag not in values]
    if missing:
        raise LayoutError(f"DE 55 {form.name}: missing tag {' '.join(missing)}")
    items = [(tag, values[tag]) for tag in (*form.mandatory, *form.optional) if values.get(tag) is not None]
    packed = build(items)
    while len(packed) > MAX_BYTES and len(items) > len(form.mandatory):
        items.pop()
        packed = build(items)
    if len(packed) > MAX_BYTES:
        raise LayoutError(f"DE 55 {form.name}: at most {MAX_BYTES} bytes, have {len(packed)}")
    return packed


def parse_chip(data: bytes) -> dict[str, bytes]:
    """The values of a DE 55 by tag; of a tag that comes twice, which only scripts may, the values end to end.

    Raises: LayoutError: no BER-TLV, or a tag other than 71 and 72 twice.
    """
    values: dict[str, bytes] = {}
    try:
        for tag, value in parse(data):
            if tag in values and tag not in ("71", "72"):
                raise LayoutError(f"DE 55: tag {tag} comes twice")
            values[tag] = values.get(tag, b"") + value
    except TlvError as error:
        raise LayoutError(f"DE 55: {error}") from None
    return values


def missing_tags(form: ChipForm, values: Mapping[str, bytes]) -> list[str]:
    """Mandatory tags that are not there."""
    return [tag for tag in form.mandatory if tag not in values]


@dataclass(frozen=True, slots=True)
class ScriptResult:
    """What became of one script. Source: EMV 4.4 Book 4, A5.

    `outcome` 0: not performed, 1: failed at command `command` (0: not known which), 2: done.
    """

    outcome: int
    command: int
    script_id: bytes


def parse_script_results(data: bytes) -> list[ScriptResult]:
    """DF31. Raises: LayoutError: not whole results of 5 bytes."""
    if not data or len(data) % SCRIPT_RESULT_BYTES:
        raise LayoutError(f"tag {SCRIPT_RESULTS}: need results of {SCRIPT_RESULT_BYTES} bytes, have {len(data)} bytes")
    return [
        ScriptResult(data[at] >> 4, data[at] & 0x0F, data[at + 1 : at + SCRIPT_RESULT_BYTES])
        for at in range(0, len(data), SCRIPT_RESULT_BYTES)
    ]


def pack_chip_detail(amount_minor: int, currency: str, *, code: str = "00", card_class: str = "00") -> bytes:
    """DE 62, usage 6, of a chip transaction approved online: `61`, card class, answer code, amount, currency."""
    return f"61{card_class}{code:.2}{amount_minor:012d}{currency}".encode("ascii")
