"""MACs over whole messages and over messages in parts.

    MA MC ME   the whole message; X9.9 under a single-length key, X9.19 under a double-length one; 4 bytes of MAC
    MQ         ZAK, in parts: ISO 9797-1, algorithm 1, under the whole key; 8 bytes
    M6 M8      in parts, with algorithm, padding, size and form of the data by their fields
    C2 C4      in parts; as MA

A part before the last gives a chaining value, which goes back in with the next part.

Source: Thales payShield (MA, MC, ME, MQ, M6, M8); AS 2805 command set (C2, C4), whose MAC field is taken before the
message length.
Left out: HMAC, ISO 9797-1 padding method 3 in parts; a message trailer behind MA, MC and ME, whose data run to the end.
"""

from __future__ import annotations

from typing import Final

from posterm.hsm.host_commands.command_set import HostCommandSet
from posterm.hsm.host_commands.errors import (
    DATA_LENGTH,
    DESTINATION_KEY,
    INCOMPATIBLE_KEY_LENGTH,
    INVALID_INPUT,
    VERIFICATION_FAILURE,
    HostCommandRefusal,
)
from posterm.hsm.host_commands.fields import (
    KEY_BLOCK,
    Field,
    Layout,
    counted,
    hexadecimal,
    key,
    key_type,
    length,
    one_of,
    rest,
    text,
)
from posterm.hsm.host_commands.key_attributes import PARTS, scheme_of
from posterm.hsm.host_commands.pin_fields import hexadecimal_of
from posterm.hsm.host_commands.table import form, host_command
from posterm.hsm.mac import MacAlgorithm
from posterm.hsm.variant_key import KeyReference, VariantKey

_TAK = key("TAK", "003")
_MAC = hexadecimal("MAC", 8)
_MAC_ANSWER = Field("MAC", "8 H")
_CHAIN = hexadecimal("chaining value", 16)
_CHAIN_ANSWER = Field("chaining value", "16 H", meaning="of a part before the last")
_MESSAGE = (length("message length", 4), counted("message"))
_INPUT = one_of("input format", "012", "0: binary, 1: hexadecimal, 2: text")
_SIZE = one_of("MAC size", "01", "0: 8 digits, 1: 16 digits")
_ALGORITHM = one_of("MAC algorithm", "135", "1 and 3: ISO 9797-1 algorithms 1 and 3, 5: CMAC")
_PADDING = one_of("padding method", "0123", "0: none (CMAC), 1 to 3: ISO 9797-1")
_MAC_KEY_TYPE = key_type("key type", {"003": "003", "008": "008", "FFF": KEY_BLOCK}, "003: TAK, 008: ZAK")
_MAC_KEY = key("MAC key", typed_by="key type")
_ZERO_CHAIN: Final = bytes(8)

_ALGORITHMS: Final = {
    "11": MacAlgorithm.ISO9797_1_PAD1,
    "12": MacAlgorithm.ISO9797_1_PAD2,
    "13": MacAlgorithm.ISO9797_1_PAD3,
    "31": MacAlgorithm.X9_19,
    "32": MacAlgorithm.ISO9797_3_PAD2,
    "33": MacAlgorithm.ISO9797_3_PAD3,
}
"""By the digits of algorithm and padding."""


# --- whole messages ---------------------------------------------------------------------------------------------------


@host_command(
    "MA",
    "Generate a MAC",
    Layout(_TAK, rest("data")),
    answer=(_MAC_ANSWER,),
    codes=(INCOMPATIBLE_KEY_LENGTH,),
)
def generate_mac(commands: HostCommandSet, tak: KeyReference, data: bytes) -> bytes:
    return hexadecimal_of(commands.hsm.generate_mac(tak, _by_length(tak), data)[:4])


@host_command(
    "MC", "Verify a MAC", Layout(_TAK, _MAC, rest("data")), codes=(VERIFICATION_FAILURE, INCOMPATIBLE_KEY_LENGTH)
)
def verify_mac(commands: HostCommandSet, tak: KeyReference, mac: bytes, data: bytes) -> bytes:
    commands.hsm.verify_mac(tak, _by_length(tak), data, mac, len(mac))
    return b""


@host_command(
    "ME",
    "Verify a MAC and make one under another key",
    Layout(key("source TAK", "003"), key("destination TAK", "003", parity=DESTINATION_KEY), _MAC, rest("data")),
    answer=(_MAC_ANSWER,),
    codes=(VERIFICATION_FAILURE, INCOMPATIBLE_KEY_LENGTH),
)
def translate_mac(
    commands: HostCommandSet, source: KeyReference, target: KeyReference, mac: bytes, data: bytes
) -> bytes:
    commands.hsm.verify_mac(source, _by_length(source), data, mac, len(mac))
    return generate_mac(commands, target, data)  # type: ignore[return-value]


# --- messages in parts ------------------------------------------------------------------------------------------------


@host_command(
    "MQ",
    "Generate a MAC over a large message",
    Layout(
        one_of("part", "01", "0: the only one, 1: the first"),
        key("ZAK", "008"),
        length("message length", 3),
        counted("message"),
    ),
    answer=(Field("MAC or chaining value", "16 H"),),
    codes=(DATA_LENGTH,),
)
def generate_large_mac(commands: HostCommandSet, part: str, zak: KeyReference, _length: bytes, data: bytes) -> bytes:
    return hexadecimal_of(_made(commands, part, zak, MacAlgorithm.ISO9797_1_PAD1, data, _ZERO_CHAIN))


@form(
    "MQ",
    Layout(
        one_of("part", "23", "2: a middle one, 3: the last"),
        key("ZAK", "008"),
        _CHAIN,
        length("message length", 3),
        counted("message"),
    ),
)
def continue_large_mac(
    commands: HostCommandSet, part: str, zak: KeyReference, chain: bytes, _length: bytes, data: bytes
) -> bytes:
    return hexadecimal_of(_made(commands, part, zak, MacAlgorithm.ISO9797_1_PAD1, data, chain))


_M6 = (_INPUT, _SIZE, _ALGORITHM, _PADDING, _MAC_KEY_TYPE, _MAC_KEY)


@host_command(
    "M6",
    "Generate a MAC",
    Layout(one_of("mode", "01", "0: the only part, 1: the first"), *_M6, *_MESSAGE),
    answer=(_CHAIN_ANSWER, Field("MAC length", "4 H"), Field("MAC", "8/16 H")),
    codes=(DATA_LENGTH,),
)
def generate_any_mac(
    commands: HostCommandSet,
    mode: str,
    coding: str,
    size: str,
    algorithm: str,
    padding: str,
    _kind: str,
    mac_key: KeyReference,
    _length: bytes,
    message: bytes,
) -> bytes:
    return _answered(commands, mode, coding, size, algorithm, padding, mac_key, _ZERO_CHAIN, message)


@form("M6", Layout(one_of("mode", "23", "2: a middle part, 3: the last"), *_M6, _CHAIN, *_MESSAGE))
def continue_any_mac(
    commands: HostCommandSet,
    mode: str,
    coding: str,
    size: str,
    algorithm: str,
    padding: str,
    _kind: str,
    mac_key: KeyReference,
    chain: bytes,
    _length: bytes,
    message: bytes,
) -> bytes:
    return _answered(commands, mode, coding, size, algorithm, padding, mac_key, chain, message)


_LONG_MAC = text("MAC", "8/16 H", "[0-9A-F]{16}|[0-9A-F]{8}")


@host_command(
    "M8",
    "Verify a MAC",
    Layout(one_of("mode", "0", "the only part"), *_M6, *_MESSAGE, _LONG_MAC),
    answer=(_CHAIN_ANSWER,),
    codes=(VERIFICATION_FAILURE, DATA_LENGTH),
)
def verify_any_mac(
    commands: HostCommandSet,
    _mode: str,
    coding: str,
    size: str,
    algorithm: str,
    padding: str,
    _kind: str,
    mac_key: KeyReference,
    _length: bytes,
    message: bytes,
    mac: str,
) -> bytes:
    _require_size(size, mac)
    data, wanted = _data(coding, message), _algorithm(algorithm, padding, mac_key)
    commands.hsm.verify_mac(mac_key, wanted, data, bytes.fromhex(mac), len(bytes.fromhex(mac)))
    return b""


@form("M8", Layout(one_of("mode", "1", "the first part"), *_M6, *_MESSAGE))
def begin_verification(
    commands: HostCommandSet,
    mode: str,
    coding: str,
    size: str,
    algorithm: str,
    padding: str,
    _kind: str,
    mac_key: KeyReference,
    _length: bytes,
    message: bytes,
) -> bytes:
    return _answered(commands, mode, coding, size, algorithm, padding, mac_key, _ZERO_CHAIN, message)


@form("M8", Layout(one_of("mode", "2", "a middle part"), *_M6, _CHAIN, *_MESSAGE))
def continue_verification(
    commands: HostCommandSet,
    mode: str,
    coding: str,
    size: str,
    algorithm: str,
    padding: str,
    _kind: str,
    mac_key: KeyReference,
    chain: bytes,
    _length: bytes,
    message: bytes,
) -> bytes:
    return _answered(commands, mode, coding, size, algorithm, padding, mac_key, chain, message)


@form("M8", Layout(one_of("mode", "3", "the last part"), *_M6, _CHAIN, *_MESSAGE, _LONG_MAC))
def finish_verification(
    commands: HostCommandSet,
    _mode: str,
    coding: str,
    size: str,
    algorithm: str,
    padding: str,
    _kind: str,
    mac_key: KeyReference,
    chain: bytes,
    _length: bytes,
    message: bytes,
    mac: str,
) -> bytes:
    _require_size(size, mac)
    data, wanted = _data(coding, message), _algorithm(algorithm, padding, mac_key)
    commands.hsm.verify_finished_mac(mac_key, wanted, data, chain, bytes.fromhex(mac))
    return b""


_C2 = (
    key_type("key type", {"0": "003", "1": "008", "F": KEY_BLOCK}, "0: TAK, 1: ZAK"),
    one_of("MAC generation mode", "0", "0: X9.9 or X9.19 by the key's length"),
    one_of("message type", "01", "0: binary, 1: hexadecimal"),
    _MAC_KEY,
)


@host_command(
    "C2",
    "Generate a MAC in parts",
    Layout(one_of("part", "01", "0: the only one, 1: the first"), *_C2, *_MESSAGE),
    answer=(_CHAIN_ANSWER, _MAC_ANSWER),
    codes=(DATA_LENGTH, INCOMPATIBLE_KEY_LENGTH),
)
def generate_block_mac(
    commands: HostCommandSet,
    part: str,
    _kind: str,
    _generation: str,
    coding: str,
    mac_key: KeyReference,
    _length: bytes,
    message: bytes,
) -> bytes:
    return _block_mac(commands, part, coding, mac_key, _ZERO_CHAIN, message)


@form("C2", Layout(one_of("part", "23", "2: a middle one, 3: the last"), *_C2, _CHAIN, *_MESSAGE))
def continue_block_mac(
    commands: HostCommandSet,
    part: str,
    _kind: str,
    _generation: str,
    coding: str,
    mac_key: KeyReference,
    chain: bytes,
    _length: bytes,
    message: bytes,
) -> bytes:
    return _block_mac(commands, part, coding, mac_key, chain, message)


@host_command(
    "C4",
    "Verify a MAC in parts",
    Layout(one_of("part", "0", "the only one"), *_C2, _MAC, *_MESSAGE),
    answer=(_CHAIN_ANSWER,),
    codes=(VERIFICATION_FAILURE, DATA_LENGTH, INCOMPATIBLE_KEY_LENGTH),
)
def verify_block_mac(
    commands: HostCommandSet,
    _part: str,
    _kind: str,
    _generation: str,
    coding: str,
    mac_key: KeyReference,
    mac: bytes,
    _length: bytes,
    message: bytes,
) -> bytes:
    commands.hsm.verify_mac(mac_key, _by_length(mac_key), _data(coding, message), mac, len(mac))
    return b""


@form("C4", Layout(one_of("part", "1", "the first"), *_C2, *_MESSAGE))
def begin_block_verification(
    commands: HostCommandSet,
    part: str,
    _kind: str,
    _generation: str,
    coding: str,
    mac_key: KeyReference,
    _length: bytes,
    message: bytes,
) -> bytes:
    return _block_mac(commands, part, coding, mac_key, _ZERO_CHAIN, message)


@form("C4", Layout(one_of("part", "2", "a middle one"), *_C2, _CHAIN, *_MESSAGE))
def continue_block_verification(
    commands: HostCommandSet,
    part: str,
    _kind: str,
    _generation: str,
    coding: str,
    mac_key: KeyReference,
    chain: bytes,
    _length: bytes,
    message: bytes,
) -> bytes:
    return _block_mac(commands, part, coding, mac_key, chain, message)


@form("C4", Layout(one_of("part", "3", "the last"), *_C2, _CHAIN, _MAC, *_MESSAGE))
def finish_block_verification(
    commands: HostCommandSet,
    _part: str,
    _kind: str,
    _generation: str,
    coding: str,
    mac_key: KeyReference,
    chain: bytes,
    mac: bytes,
    _length: bytes,
    message: bytes,
) -> bytes:
    commands.hsm.verify_finished_mac(mac_key, _by_length(mac_key), _data(coding, message), chain, mac)
    return b""


def _block_mac(
    commands: HostCommandSet, part: str, coding: str, mac_key: KeyReference, chain: bytes, message: bytes
) -> bytes:
    made = _made(commands, part, mac_key, _by_length(mac_key), _data(coding, message), chain)
    return hexadecimal_of(made if part in "12" else made[:4])


def _answered(
    commands: HostCommandSet,
    mode: str,
    coding: str,
    size: str,
    algorithm: str,
    padding: str,
    mac_key: KeyReference,
    chain: bytes,
    message: bytes,
) -> bytes:
    made = _made(commands, mode, mac_key, _algorithm(algorithm, padding, mac_key), _data(coding, message), chain)
    if mode in "12":
        return hexadecimal_of(made)
    mac = hexadecimal_of(made[:4] if size == "0" else made)
    return b"%04X" % len(mac) + mac


def _made(
    commands: HostCommandSet, part: str, mac_key: KeyReference, algorithm: MacAlgorithm, data: bytes, chain: bytes
) -> bytes:
    """The MAC after the only or the last part, the chaining value after another."""
    if part in "12":
        return commands.hsm.chain_mac(mac_key, algorithm, data, chain)
    if part == "0":
        return commands.hsm.generate_mac(mac_key, algorithm, data)
    return commands.hsm.finish_mac(mac_key, algorithm, data, chain)


def _data(coding: str, message: bytes) -> bytes:
    """The bytes a message stands for. Raises: HostCommandRefusal: no hexadecimal digits where they should be."""
    if coding != "1":
        return message
    try:
        return bytes.fromhex(message.decode("ascii"))
    except ValueError:
        raise HostCommandRefusal(INVALID_INPUT) from None


def _algorithm(algorithm: str, padding: str, mac_key: KeyReference) -> MacAlgorithm:
    """Raises: HostCommandRefusal: an algorithm that does not go with the padding."""
    if algorithm == "5":
        aes = not isinstance(mac_key, VariantKey) and mac_key.letter == "A"
        return MacAlgorithm.AES_CMAC if aes else MacAlgorithm.TDES_CMAC
    found = _ALGORITHMS.get(algorithm + padding)
    if found is None:
        raise HostCommandRefusal(INVALID_INPUT)
    return found


def _by_length(mac_key: KeyReference) -> MacAlgorithm:
    """X9.9 for a single-length key, X9.19 for a double-length one. Raises: HostCommandRefusal: another."""
    if isinstance(mac_key, VariantKey):
        parts = PARTS[scheme_of(str(mac_key))]
    else:
        parts = {"D": 1, "T": 2}.get(mac_key.letter, 0)
    if parts not in (1, 2):
        raise HostCommandRefusal(INCOMPATIBLE_KEY_LENGTH)
    return MacAlgorithm.X9_9 if parts == 1 else MacAlgorithm.X9_19


def _require_size(size: str, mac: str) -> None:
    if len(mac) != (8 if size == "0" else 16):
        raise HostCommandRefusal(INVALID_INPUT)
