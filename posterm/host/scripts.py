"""Issuer scripts: commands that wait for a card, go out with an answer to it, and are done when the card says so.

A script is one command, and one goes with each answer. It stays in the queue until its result comes in a script notice
or a reversal; a card that was taken away too early gets it again. What it may be:

    application-block  application-unblock  card-block  pin-unblock
    put-data TAG VALUE                                  such as `put-data 9F79 000000050000`

Source: EMV 4.4 Book 3, 6.5 (commands) and annex E (templates 71 and 72); Book 2, 9 (MAC of a command); Q/CUP 009, 0620.
Leaves out PIN change, for which the host would have to hold a PIN.
"""

from __future__ import annotations

from typing import Final

from posterm.host.case import Case, ChipData, Desk
from posterm.host.errors import EnrolmentError, HostError
from posterm.host.events import EventName
from posterm.host.records import ChipRecord, ChipUseRecord
from posterm.hsm import KeyBlock
from posterm.hsm.commands.emv import ChipCard
from posterm.tlv import TlvError, build, check_tag
from posterm.unionpay.chip import parse_script_results

APPLICATION_BLOCK: Final = "application-block"
PUT_DATA: Final = "put-data"
_HEADERS: Final = {
    APPLICATION_BLOCK: "841E0000",
    "application-unblock": "84180000",
    "card-block": "84160000",
    "pin-unblock": "84240000",
}
"""CLA INS P1 P2 of the commands without data of their own."""
_MAC_BYTES: Final = 8
_LONGEST_VALUE: Final = 100
QUEUE_MAX: Final = 16
_DONE: Final = 2


def queue(desk: Desk, chip_name: str, command: str) -> str:
    """Let a command wait for a card. `chip_name` is fingerprint and sequence number, `fingerprint/01`.

    Returns: the script's identifier, 8 hexadecimal digits.
    Raises: EnrolmentError: no such command, no such card, or too many wait already.
    """
    _command_header_and_data(command)
    if desk.store.card(chip_name.partition("/")[0]) is None:
        raise EnrolmentError("no such card")
    record = desk.store.chip(chip_name) or ChipRecord(chip_name)
    if len(record.scripts) >= 2 * QUEUE_MAX:
        raise EnrolmentError(f"at most {QUEUE_MAX} scripts wait for a card")
    identifier = f"{desk.store.next_number('script') & 0xFFFFFFFF:08X}"
    desk.store.put_chip(record._replace(scripts=(*record.scripts, identifier, command)))
    return identifier


def next_script(case: Case, chip: ChipData, record: ChipRecord) -> tuple[str, bytes] | None:
    """The script that goes with this answer: its identifier and the value of template 72. None when none waits."""
    hsm = case.desk.chip_hsm
    if not record.scripts or case.pan is None or hsm is None:
        return None
    identifier, command = record.scripts[:2]
    header, data = _command_header_and_data(command)
    header += bytes([len(data) + _MAC_BYTES])
    card = ChipCard(case.pan, chip.version, chip.sequence)
    mac = hsm.generate_script_mac(KeyBlock(chip.issuer.integrity), card, header, chip.counter, chip.cryptogram, data)
    case.tell(EventName.SCRIPT_SENT, script=identifier, command=command.partition(" ")[0])
    return identifier, build([("9F18", bytes.fromhex(identifier)), ("86", header + data + mac)])


def take_results(case: Case, use: ChipUseRecord, results: bytes) -> None:
    """What a card says of the scripts that went with the answer to a request. Raises: LayoutError: not results."""
    chip_name = use.use.rpartition("/")[0]
    record = case.desk.store.chip(chip_name)
    if record is None:
        raise HostError(f"the chip record of {use.ref} is gone")
    waiting = dict(zip(record.scripts[::2], record.scripts[1::2], strict=True))
    for result in parse_script_results(results):
        identifier = result.script_id.hex().upper()
        if identifier not in use.scripts or identifier not in waiting:
            continue
        if result.outcome == _DONE:
            case.tell(EventName.SCRIPT_DONE, script=identifier, command=waiting.pop(identifier).partition(" ")[0])
        elif result.outcome:
            case.tell(EventName.SCRIPT_FAILED, script=identifier, command=waiting.pop(identifier).partition(" ")[0])
    kept = tuple(part for pair in waiting.items() for part in pair)
    if kept != record.scripts:
        case.desk.store.put_chip(record._replace(scripts=kept))


def _command_header_and_data(command: str) -> tuple[bytes, bytes]:
    """CLA INS P1 P2, and the data. Raises: EnrolmentError: no such command."""
    name, *operands = command.split(" ")
    if name in _HEADERS and not operands:
        return bytes.fromhex(_HEADERS[name]), b""
    if name != PUT_DATA or len(operands) != 2:
        raise EnrolmentError(f"no script command {name!r}; there are {', '.join((*_HEADERS, PUT_DATA))}")
    try:
        tag, value = check_tag(operands[0]), bytes.fromhex(operands[1])
    except (TlvError, ValueError):
        raise EnrolmentError("put-data needs a tag and a value in hexadecimal") from None
    if len(tag) > 2 or not 1 <= len(value) <= _LONGEST_VALUE:
        raise EnrolmentError(f"put-data needs a tag of 2 bytes and a value of at most {_LONGEST_VALUE}")
    return b"\x04\xda" + tag.rjust(2, b"\0"), value
