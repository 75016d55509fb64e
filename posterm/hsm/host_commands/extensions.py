"""posterm's own commands: what the UnionPay POS link needs of an HSM and a payShield has no command for.

Their codes begin with Z, with which no published payShield command begins that posterm knows of. All of them take key
blocks; under a variant LMK they are refused with 28.

    Z0 Z2   MAC by any of posterm's algorithms, made and checked     MAC algorithm, two digits: `MAC_CODES`
    Z4      a track enciphered or deciphered in place
    Z6 Z8   a key under a key encryption key in ECB, in and out, with its check value
    ZA ZC   data at rest sealed and unsealed       ZE   their fingerprint
    ZG ZI   a clear PIN enciphered; its IBM 3624 offset
    ZK      a key from clear components
    ZO      how often each answer was given

Source: Q/CUP 009 (MACs, tracks, working keys); posterm.
"""

from __future__ import annotations

from typing import Final

from posterm.hsm.errors import KeyCheckError
from posterm.hsm.guard import Activity
from posterm.hsm.host_commands.command_set import HostCommandSet
from posterm.hsm.host_commands.errors import (
    DATA_LENGTH,
    INVALID_INPUT,
    VERIFICATION_FAILURE,
    HostCommandRefusal,
)
from posterm.hsm.host_commands.fields import (
    KEY_BLOCK,
    Field,
    Layout,
    account,
    counted,
    delimiter,
    digits,
    hexadecimal,
    key,
    length,
    one_of,
    pin_format,
    text,
)
from posterm.hsm.host_commands.key_attributes import Attributes, attributes
from posterm.hsm.host_commands.table import host_command
from posterm.hsm.key_block import KeyBlock
from posterm.hsm.mac import MacAlgorithm
from posterm.hsm.pin_block import Pin, PinFormat
from posterm.sensitive import Pan

MAC_CODES: Final = {
    "01": MacAlgorithm.UNIONPAY_ECB,
    "02": MacAlgorithm.XOR_TDES_BINARY,
    "03": MacAlgorithm.X9_9,
    "04": MacAlgorithm.X9_19,
    "05": MacAlgorithm.UNIONPAY_SM4_ECB,
    "06": MacAlgorithm.SM4_CBC_TEXT,
    "07": MacAlgorithm.SM4_CBC_BINARY,
    "11": MacAlgorithm.ISO9797_1_PAD1,
    "12": MacAlgorithm.ISO9797_1_PAD2,
    "13": MacAlgorithm.ISO9797_1_PAD3,
    "32": MacAlgorithm.ISO9797_3_PAD2,
    "33": MacAlgorithm.ISO9797_3_PAD3,
    "51": MacAlgorithm.TDES_CMAC,
    "52": MacAlgorithm.AES_CMAC,
    "00": MacAlgorithm.NONE,
}
"""The MAC algorithms by their codes in Z0 and Z2."""
_MAC_BY_CODE: Final = {code.encode("ascii"): algorithm for code, algorithm in MAC_CODES.items()}

_MAC_CODE = Field(
    "MAC algorithm",
    "2 N",
    "[0-9]{2}",
    ", ".join(f"{code} {algorithm}" for code, algorithm in MAC_CODES.items()),
    convert=lambda value: _mac_algorithm(value),
)
_NEW_KEY = Field("key", "key block")
_CHECK_VALUE = Field("check value", "8 H")
_DATA = (length("length", 4), counted("data"))
_CONTEXT = (length("context length", 4), counted("context", "the place of the data in the store"))


@host_command(
    "Z0", "Generate a MAC", Layout(_MAC_CODE, key("MAC key", KEY_BLOCK), *_DATA), answer=(Field("MAC", "16 H"),)
)
def generate_mac(
    commands: HostCommandSet, algorithm: MacAlgorithm, mac_key: KeyBlock, _length: bytes, data: bytes
) -> bytes:
    return commands.hsm.generate_mac(mac_key, algorithm, data).hex().upper().encode("ascii")


@host_command(
    "Z2",
    "Verify a MAC",
    Layout(_MAC_CODE, key("MAC key", KEY_BLOCK), hexadecimal("MAC", 16), *_DATA),
    codes=(VERIFICATION_FAILURE,),
)
def verify_mac(
    commands: HostCommandSet, algorithm: MacAlgorithm, mac_key: KeyBlock, mac: bytes, _length: bytes, data: bytes
) -> bytes:
    commands.hsm.verify_mac(mac_key, algorithm, data, mac)
    return b""


@host_command(
    "Z4",
    "Encipher or decipher a track in place",
    Layout(
        one_of("mode", "ED", "E: encipher, D: decipher"),
        key("data key", KEY_BLOCK),
        text("track", "17-107 H and `=`", "[0-9A-F=]{17,107}"),
    ),
    answer=(Field("track", "n H"),),
)
def translate_track(commands: HostCommandSet, mode: str, tdk: KeyBlock, nibbles: str) -> bytes:
    turned = commands.hsm.encrypt_track(tdk, nibbles) if mode == "E" else commands.hsm.decrypt_track(tdk, nibbles)
    return turned.encode("ascii")


@host_command(
    "Z6",
    "Import a key in ECB",
    Layout(
        attributes(),
        key("key encryption key", KEY_BLOCK),
        text("cryptogram", "16-64 H", "(?:[0-9A-F]{16}){1,4}"),
        delimiter(),
        text("check value", "0 or 4-32 H", "(?:[0-9A-F]{2}){0,16}", "not compared when empty"),
    ),
    answer=(_NEW_KEY, _CHECK_VALUE),
    own={KeyCheckError: VERIFICATION_FAILURE},
    codes=(VERIFICATION_FAILURE,),
)
def import_key(
    commands: HostCommandSet,
    described: Attributes | None,
    kek: KeyBlock,
    cryptogram: str,
    _: bytes,
    kcv: str,
) -> bytes:
    wanted = _required(described)
    imported = commands.hsm.import_key(
        kek,
        bytes.fromhex(cryptogram),
        wanted.usage,
        wanted.algorithm,
        bytes.fromhex(kcv) or None,
        mode=wanted.mode,
        exportability=wanted.exportability,
    )
    return _with_check_value(commands, imported)


@host_command(
    "Z8",
    "Export a key in ECB",
    Layout(key("key encryption key", KEY_BLOCK), key("key", KEY_BLOCK, parity="11")),
    answer=(Field("cryptogram", "16-64 H"), _CHECK_VALUE),
    activity=Activity.KEY_EXPORT,
)
def export_key(commands: HostCommandSet, kek: KeyBlock, exported: KeyBlock) -> bytes:
    found = commands.hsm.export_key(kek, exported)
    return (found.cryptogram + found.kcv).hex().upper().encode("ascii")


@host_command(
    "ZA",
    "Seal data at rest",
    Layout(key("storage key", KEY_BLOCK), *_CONTEXT, *_DATA),
    answer=(Field("sealed", "n B"),),
)
def seal(
    commands: HostCommandSet, storage: KeyBlock, _context_length: bytes, context: bytes, _length: bytes, data: bytes
) -> bytes:
    return commands.hsm.seal(storage, data, context)


@host_command(
    "ZC",
    "Unseal data at rest",
    Layout(key("storage key", KEY_BLOCK), *_CONTEXT, *_DATA),
    answer=(Field("data", "n B"),),
    codes=(VERIFICATION_FAILURE,),
)
def unseal(
    commands: HostCommandSet, storage: KeyBlock, _context_length: bytes, context: bytes, _length: bytes, data: bytes
) -> bytes:
    return commands.hsm.unseal(storage, data, context)


@host_command(
    "ZE", "Fingerprint", Layout(key("fingerprint key", KEY_BLOCK), *_DATA), answer=(Field("fingerprint", "32 H"),)
)
def fingerprint(commands: HostCommandSet, fingerprint_key: KeyBlock, _length: bytes, data: bytes) -> bytes:
    return commands.hsm.fingerprint(fingerprint_key, data).encode("ascii")


@host_command(
    "ZG",
    "Encipher a clear PIN",
    Layout(
        key("PIN key", KEY_BLOCK),
        pin_format(),
        account(),
        text("PIN", "4-12 N", "(?:[0-9]{4,12})?", "missing for format 91"),
    ),
    answer=(Field("PIN block", "16/32 H"),),
    activity=Activity.CLEAR_PINS,
)
def encrypt_pin(commands: HostCommandSet, pik: KeyBlock, form: PinFormat, pan: Pan, pin: str) -> bytes:
    return commands.hsm.encrypt_pin(pik, Pin(pin) if pin else None, form, pan).hex().upper().encode("ascii")


@host_command(
    "ZI",
    "Generate the IBM 3624 offset of a clear PIN",
    Layout(key("PVK", KEY_BLOCK), account(), text("PIN", "4-12 N", "[0-9]{4,12}")),
    answer=(Field("offset", "4-12 N"),),
    activity=Activity.PIN_DATA,
)
def generate_offset(commands: HostCommandSet, pvk: KeyBlock, pan: Pan, pin: str) -> bytes:
    return commands.hsm.generate_pin_offset(pvk, Pin(pin), pan).encode("ascii")


@host_command(
    "ZK",
    "Form a key from clear components",
    Layout(
        attributes(),
        digits("number of components", 1, "2 to 9"),
        text("components", "n times 16-64 H", "(?:[0-9A-F]{16}){1,36}"),
        delimiter(),
        text("check value", "0 or 4-32 H", "(?:[0-9A-F]{2}){0,16}", "not compared when empty"),
    ),
    answer=(_NEW_KEY, _CHECK_VALUE),
    own={KeyCheckError: VERIFICATION_FAILURE},
    codes=(VERIFICATION_FAILURE, DATA_LENGTH),
    activity=Activity.CLEAR_KEYS,
)
def combine_components(
    commands: HostCommandSet, described: Attributes | None, count: int, components: str, _: bytes, kcv: str
) -> bytes:
    wanted = _required(described)
    size = wanted.algorithm.key_bytes * 2
    if count * size != len(components):
        raise HostCommandRefusal(DATA_LENGTH)
    formed = commands.hsm.combine_components(
        [bytes.fromhex(components[at : at + size]) for at in range(0, len(components), size)],
        wanted.usage,
        wanted.algorithm,
        bytes.fromhex(kcv) or None,
        mode=wanted.mode,
        exportability=wanted.exportability,
    )
    return _with_check_value(commands, formed)


@host_command(
    "ZO",
    "Counts of answers",
    Layout(),
    answer=(
        Field(
            "counts",
            "n A",
            meaning="answer code, error code, `=`, count, `;` for each; `--15` for commands not known or disabled",
        ),
    ),
)
def counts(commands: HostCommandSet) -> bytes:
    return b"".join(code + b"=%d;" % count for code, count in sorted(commands.answered.items()))


def _mac_algorithm(code: bytes) -> MacAlgorithm:
    found = _MAC_BY_CODE.get(code)
    if found is None:
        raise HostCommandRefusal(INVALID_INPUT)
    return found


def _required(described: Attributes | None) -> Attributes:
    if described is None:
        raise HostCommandRefusal(INVALID_INPUT)
    return described


def _with_check_value(commands: HostCommandSet, found: KeyBlock) -> bytes:
    return found.encode("ascii") + commands.hsm.key_check_value(found, 4).hex().upper().encode("ascii")
