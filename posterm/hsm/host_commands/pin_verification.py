"""PINs held against what the issuer keeps, and what he keeps for new ones: IBM 3624, Visa PVV, comparison.

Source: Thales payShield (DA, DC, EA, EC, BC, BE, CK, CM, GO, BK, DE, DG, DU, CU).
Left out: the Diebold method, tables of excluded PINs, the MAC that GO may verify besides, offsets shorter than the
PIN: the whole PIN counts.
"""

from __future__ import annotations

from posterm.hsm.dukpt_key import DukptKey, WorkingKey
from posterm.hsm.guard import Activity
from posterm.hsm.host_commands.command_set import HostCommandSet
from posterm.hsm.host_commands.errors import SOURCE_KEY, VERIFICATION_FAILURE
from posterm.hsm.host_commands.fields import (
    KEY_BLOCK,
    Layout,
    account,
    constant,
    key,
    key_type,
    one_of,
    pin_block,
    pin_format,
)
from posterm.hsm.host_commands.pin_fields import (
    CHECK_LENGTH,
    KSN,
    KSN_DESCRIPTOR,
    OFFSET,
    PVK_INDEX,
    PVV,
    TABLE,
    VALIDATION_DATA,
    bdk,
    filled,
    ibm_pvk,
    lmk_pin,
    offset,
    pvv,
    require_check_length,
    validation_data,
    visa_pvk,
)
from posterm.hsm.host_commands.table import host_command
from posterm.hsm.pin_block import PinFormat
from posterm.hsm.variant_key import KeyReference
from posterm.sensitive import Pan

_IBM = (CHECK_LENGTH, account(), TABLE, VALIDATION_DATA, offset())
_VISA = (account(), PVK_INDEX, pvv())
_MAXIMUM = constant("maximum PIN length", "12")
_PIN_KEY_TYPE = key_type("key type", {"001": "001", "002": "002", "FFF": KEY_BLOCK}, "001: ZPK, 002: TPK")
_TYPED_PIN_KEY = key("PIN key", typed_by="key type")
_FAILURES = (VERIFICATION_FAILURE,)


# --- verification -----------------------------------------------------------------------------------------------------


@host_command(
    "DA",
    "Verify a terminal PIN, IBM method",
    Layout(key("TPK", "002"), ibm_pvk(), _MAXIMUM, pin_block(), pin_format(), *_IBM),
    codes=_FAILURES,
)
@host_command(
    "EA",
    "Verify an interchange PIN, IBM method",
    Layout(key("ZPK", "001"), ibm_pvk(), _MAXIMUM, pin_block(), pin_format(), *_IBM),
    codes=_FAILURES,
)
def verify_offset(
    commands: HostCommandSet,
    pik: KeyReference,
    pvk: KeyReference,
    _maximum: bytes,
    block: bytes,
    form: PinFormat,
    check_length: int,
    pan: Pan,
    table: str,
    template: str,
    kept: str,
) -> bytes:
    return _verify_offset(commands, pik, pvk, block, form, check_length, pan, table, template, kept)


@host_command(
    "DC",
    "Verify a terminal PIN, Visa PVV",
    Layout(key("TPK", "002"), visa_pvk(), pin_block(), pin_format(), *_VISA),
    codes=_FAILURES,
)
@host_command(
    "EC",
    "Verify an interchange PIN, Visa PVV",
    Layout(key("ZPK", "001"), visa_pvk(), pin_block(), pin_format(), *_VISA),
    codes=_FAILURES,
)
def verify_pvv(
    commands: HostCommandSet,
    pik: KeyReference,
    pvk: KeyReference,
    block: bytes,
    form: PinFormat,
    pan: Pan,
    index: int,
    kept: str,
) -> bytes:
    commands.hsm.verify_pin_pvv(pik, block, form, pan, pvk=pvk, pvv=kept, key_index=index)
    return b""


@host_command(
    "BC",
    "Verify a terminal PIN by comparison",
    Layout(key("TPK", "002"), pin_block(), pin_format(), account(), lmk_pin()),
    codes=_FAILURES,
)
@host_command(
    "BE",
    "Verify an interchange PIN by comparison",
    Layout(key("ZPK", "001"), pin_block(), pin_format(), account(), lmk_pin()),
    codes=_FAILURES,
)
def compare(commands: HostCommandSet, pik: KeyReference, block: bytes, form: PinFormat, pan: Pan, kept: str) -> bytes:
    commands.hsm.compare_pin(pik, block, form, pan, kept, variant=commands.is_variant)
    return b""


@host_command(
    "CK",
    "Verify a PIN under DUKPT, IBM method, format 01",
    Layout(bdk(), ibm_pvk(), KSN_DESCRIPTOR, KSN, pin_block(), *_IBM),
    codes=_FAILURES,
)
def verify_dukpt_offset(
    commands: HostCommandSet,
    base: KeyReference,
    pvk: KeyReference,
    _descriptor: str,
    ksn: bytes,
    block: bytes,
    check_length: int,
    pan: Pan,
    table: str,
    template: str,
    kept: str,
) -> bytes:
    pik = DukptKey(base, ksn)
    return _verify_offset(commands, pik, pvk, block, PinFormat.ISO_0, check_length, pan, table, template, kept)


@host_command(
    "GO",
    "Verify a PIN under DUKPT, IBM method",
    Layout(
        one_of("mode", "0", "0: the PIN alone"),
        bdk(),
        ibm_pvk(),
        KSN_DESCRIPTOR,
        KSN,
        pin_block(),
        pin_format(),
        *_IBM,
    ),
    codes=_FAILURES,
)
def verify_dukpt_offset_of_any_format(
    commands: HostCommandSet,
    _mode: str,
    base: KeyReference,
    pvk: KeyReference,
    _descriptor: str,
    ksn: bytes,
    block: bytes,
    form: PinFormat,
    check_length: int,
    pan: Pan,
    table: str,
    template: str,
    kept: str,
) -> bytes:
    pik = DukptKey(base, ksn)
    return _verify_offset(commands, pik, pvk, block, form, check_length, pan, table, template, kept)


@host_command(
    "CM",
    "Verify a PIN under DUKPT, Visa PVV, format 01",
    Layout(bdk(), visa_pvk(), KSN_DESCRIPTOR, KSN, pin_block(), *_VISA),
    codes=_FAILURES,
)
def verify_dukpt_pvv(
    commands: HostCommandSet,
    base: KeyReference,
    pvk: KeyReference,
    _descriptor: str,
    ksn: bytes,
    block: bytes,
    pan: Pan,
    index: int,
    kept: str,
) -> bytes:
    pik = DukptKey(base, ksn)
    commands.hsm.verify_pin_pvv(pik, block, PinFormat.ISO_0, pan, pvk=pvk, pvv=kept, key_index=index)
    return b""


# --- generation -------------------------------------------------------------------------------------------------------


@host_command(
    "BK",
    "Generate an IBM offset of a customer's PIN",
    Layout(
        _PIN_KEY_TYPE,
        _TYPED_PIN_KEY,
        ibm_pvk(),
        pin_block(),
        pin_format(),
        CHECK_LENGTH,
        account(),
        TABLE,
        VALIDATION_DATA,
    ),
    answer=(OFFSET,),
    activity=Activity.PIN_DATA,
)
def generate_offset_of_block(
    commands: HostCommandSet,
    _kind: str,
    pik: KeyReference,
    pvk: KeyReference,
    block: bytes,
    form: PinFormat,
    check_length: int,
    pan: Pan,
    table: str,
    template: str,
) -> bytes:
    made = commands.hsm.generate_pin_offset_of_block(
        pik,
        block,
        form,
        pan,
        pvk=pvk,
        validation_data=validation_data(template, pan),
        decimalisation_table=table,
    )
    require_check_length(check_length, len(made))
    return filled(made)


@host_command(
    "DE",
    "Generate an IBM offset of a PIN under the LMK",
    Layout(ibm_pvk(SOURCE_KEY), lmk_pin(), CHECK_LENGTH, account(), TABLE, VALIDATION_DATA),
    answer=(OFFSET,),
    activity=Activity.PIN_DATA,
)
def generate_offset(
    commands: HostCommandSet, pvk: KeyReference, kept: str, check_length: int, pan: Pan, table: str, template: str
) -> bytes:
    made = commands.hsm.generate_pin_offset(
        pvk,
        commands.hsm.kept_pin(kept, pan, variant=commands.is_variant),
        pan,
        validation_data=validation_data(template, pan),
        decimalisation_table=table,
    )
    require_check_length(check_length, len(made))
    return filled(made)


@host_command(
    "DG",
    "Generate a Visa PVV of a PIN under the LMK",
    Layout(visa_pvk(SOURCE_KEY), lmk_pin(), account(), PVK_INDEX),
    answer=(PVV,),
    activity=Activity.PIN_DATA,
)
def generate_pvv(commands: HostCommandSet, pvk: KeyReference, kept: str, pan: Pan, index: int) -> bytes:
    pin = commands.hsm.kept_pin(kept, pan, variant=commands.is_variant)
    return commands.hsm.generate_pvv(pvk, pin, pan, key_index=index).encode("ascii")


@host_command(
    "DU",
    "Verify a PIN and generate the IBM offset of a new one",
    Layout(_PIN_KEY_TYPE, _TYPED_PIN_KEY, ibm_pvk(), pin_block(), pin_format(), *_IBM, pin_block("new PIN block")),
    answer=(OFFSET,),
    codes=_FAILURES,
)
def change_offset(
    commands: HostCommandSet,
    _kind: str,
    pik: KeyReference,
    pvk: KeyReference,
    block: bytes,
    form: PinFormat,
    check_length: int,
    pan: Pan,
    table: str,
    template: str,
    kept: str,
    new_block: bytes,
) -> bytes:
    require_check_length(check_length, len(kept))
    made = commands.hsm.change_pin_offset(
        pik,
        block,
        new_block,
        form,
        pan,
        pvk=pvk,
        offset=kept,
        validation_data=validation_data(template, pan),
        decimalisation_table=table,
    )
    require_check_length(check_length, len(made))
    return filled(made)


@host_command(
    "CU",
    "Verify a PIN and generate the Visa PVV of a new one",
    Layout(_PIN_KEY_TYPE, _TYPED_PIN_KEY, visa_pvk(), pin_block(), pin_format(), *_VISA, pin_block("new PIN block")),
    answer=(PVV,),
    codes=_FAILURES,
)
def change_pvv(
    commands: HostCommandSet,
    _kind: str,
    pik: KeyReference,
    pvk: KeyReference,
    block: bytes,
    form: PinFormat,
    pan: Pan,
    index: int,
    kept: str,
    new_block: bytes,
) -> bytes:
    made = commands.hsm.change_pin_pvv(pik, block, new_block, form, pan, pvk=pvk, pvv=kept, key_index=index)
    return made.encode("ascii")


def _verify_offset(
    commands: HostCommandSet,
    pik: WorkingKey,
    pvk: KeyReference,
    block: bytes,
    form: PinFormat,
    check_length: int,
    pan: Pan,
    table: str,
    template: str,
    kept: str,
) -> bytes:
    require_check_length(check_length, len(kept))
    commands.hsm.verify_pin(
        pik,
        block,
        form,
        pan,
        pvk=pvk,
        offset=kept,
        validation_data=validation_data(template, pan),
        decimalisation_table=table,
    )
    return b""
