"""PINs: translated from key to key, to and from the LMK, enciphered and given out.

Source: Thales payShield (CA, CC, CI, G0, JC, JE, JG, BA, NG).
Left out: the check of CA and CC against a maximum PIN length other than 12. CI takes format 01, as on the payShield.
"""

from __future__ import annotations

from posterm.hsm.dukpt_key import DukptKey, WorkingKey
from posterm.hsm.guard import Activity
from posterm.hsm.host_commands.command_set import HostCommandSet
from posterm.hsm.host_commands.errors import DESTINATION_KEY, TRANSLATION_DISABLED, HostCommandRefusal
from posterm.hsm.host_commands.fields import Field, Layout, account, constant, key, pin_block, pin_format, text
from posterm.hsm.host_commands.pin_fields import KSN, KSN_DESCRIPTOR, LMK_PIN, PIN_BLOCK, bdk, hexadecimal_of, lmk_pin
from posterm.hsm.host_commands.pin_formats import CODE_OF
from posterm.hsm.host_commands.table import host_command
from posterm.hsm.pin_block import Pin, PinFormat
from posterm.hsm.variant_key import KeyReference
from posterm.sensitive import Pan

_MAXIMUM = constant("maximum PIN length", "12")
_TRANSLATED = (Field("PIN length", "2 N"), PIN_BLOCK, Field("PIN block format", "2 N"))
_FORMAT_BYTES = {form: code.encode("ascii") for form, code in CODE_OF.items()}
_REFERENCE = b"000000000000"


def _translation(source: Field) -> Layout:
    return Layout(
        source,
        key("destination ZPK", "001", parity=DESTINATION_KEY),
        _MAXIMUM,
        pin_block("source PIN block"),
        pin_format("source PIN block format"),
        pin_format("destination PIN block format"),
        account(),
    )


@host_command(
    "CA",
    "Translate a PIN from TPK to ZPK",
    _translation(key("source TPK", "002")),
    answer=_TRANSLATED,
    codes=(TRANSLATION_DISABLED,),
)
@host_command(
    "CC",
    "Translate a PIN from one ZPK to another",
    _translation(key("source ZPK", "001")),
    answer=_TRANSLATED,
    codes=(TRANSLATION_DISABLED,),
)
def translate_pin(
    commands: HostCommandSet,
    source: KeyReference,
    target: KeyReference,
    _maximum: bytes,
    block: bytes,
    source_form: PinFormat,
    target_form: PinFormat,
    pan: Pan,
) -> bytes:
    return _translated(commands, source, target, block, source_form, target_form, pan)


@host_command(
    "CI",
    "Translate a PIN from DUKPT to ZPK, format 01",
    Layout(
        bdk(),
        key("destination ZPK", "001", parity=DESTINATION_KEY),
        KSN_DESCRIPTOR,
        KSN,
        pin_block("source PIN block"),
        pin_format("destination PIN block format"),
        account(),
    ),
    answer=_TRANSLATED,
    codes=(TRANSLATION_DISABLED,),
)
def translate_dukpt_pin(
    commands: HostCommandSet,
    base: KeyReference,
    target: KeyReference,
    _descriptor: str,
    ksn: bytes,
    block: bytes,
    target_form: PinFormat,
    pan: Pan,
) -> bytes:
    return _translated(commands, DukptKey(base, ksn), target, block, PinFormat.ISO_0, target_form, pan)


@host_command(
    "G0",
    "Translate a PIN from DUKPT to ZPK",
    Layout(
        bdk(),
        key("destination ZPK", "001", parity=DESTINATION_KEY),
        KSN_DESCRIPTOR,
        KSN,
        pin_block("source PIN block"),
        pin_format("source PIN block format"),
        pin_format("destination PIN block format"),
        account(),
    ),
    answer=_TRANSLATED,
    codes=(TRANSLATION_DISABLED,),
    note="TDES and AES, by the base derivation key.",
)
def translate_dukpt_pin_of_any_format(
    commands: HostCommandSet,
    base: KeyReference,
    target: KeyReference,
    _descriptor: str,
    ksn: bytes,
    block: bytes,
    source_form: PinFormat,
    target_form: PinFormat,
    pan: Pan,
) -> bytes:
    return _translated(commands, DukptKey(base, ksn), target, block, source_form, target_form, pan)


@host_command(
    "JC",
    "Translate a PIN from TPK to LMK",
    Layout(key("source TPK", "002"), pin_block(), pin_format(), account()),
    answer=(LMK_PIN,),
)
@host_command(
    "JE",
    "Translate a PIN from ZPK to LMK",
    Layout(key("source ZPK", "001"), pin_block(), pin_format(), account()),
    answer=(LMK_PIN,),
)
def translate_pin_to_lmk(
    commands: HostCommandSet, source: KeyReference, block: bytes, form: PinFormat, pan: Pan
) -> bytes:
    return commands.hsm.pin_from_block(source, block, form, pan, variant=commands.is_variant).encode("ascii")


@host_command(
    "JG",
    "Translate a PIN from LMK to ZPK",
    Layout(key("destination ZPK", "001"), pin_format(), account(), lmk_pin()),
    answer=(PIN_BLOCK,),
)
def translate_pin_from_lmk(
    commands: HostCommandSet, target: KeyReference, form: PinFormat, pan: Pan, kept: str
) -> bytes:
    return hexadecimal_of(commands.hsm.pin_to_block(target, kept, form, pan, variant=commands.is_variant))


@host_command(
    "BA",
    "Encrypt a clear PIN",
    Layout(text("PIN", "4-12 N and F", "[0-9]{4,12}F{0,9}", "left-justified, filled with F"), account()),
    answer=(LMK_PIN,),
    activity=Activity.CLEAR_PINS,
)
def encrypt_clear_pin(commands: HostCommandSet, pin: str, pan: Pan) -> bytes:
    return commands.hsm.wrap_pin(Pin(pin.rstrip("F")), pan, variant=commands.is_variant).encode("ascii")


@host_command(
    "NG",
    "Decrypt a PIN under the LMK",
    Layout(account(), lmk_pin()),
    answer=(Field("PIN", "4-12 N and F", meaning="one character longer than the PIN"), Field("reference", "12 N")),
    activity=Activity.CLEAR_PINS,
    note="The reference number is always zero.",
)
def decrypt_pin(commands: HostCommandSet, pan: Pan, kept: str) -> bytes:
    pin = commands.hsm.unwrap_pin(kept, pan, variant=commands.is_variant).reveal()
    return pin.encode("ascii") + b"F" + _REFERENCE


def _translated(
    commands: HostCommandSet,
    source: WorkingKey,
    target: KeyReference,
    block: bytes,
    source_form: PinFormat,
    target_form: PinFormat,
    pan: Pan,
) -> bytes:
    if source_form is PinFormat.NO_PIN or target_form is PinFormat.NO_PIN:
        raise HostCommandRefusal(TRANSLATION_DISABLED)
    translated, count = commands.hsm.translate_counted_pin(source, block, source_form, target, target_form, pan)
    return b"%02d%b%b" % (count, hexadecimal_of(translated), _FORMAT_BYTES[target_form])
