"""The older commands that take one kind of key each from a ZMK to the LMK, or from the LMK to a ZMK.

    from a ZMK   FA ZPK   FC TMK, TPK, PVK   FK ZEK, ZAK   MI TAK   BY ZMK   AW CVK pair
    to a ZMK     GC ZPK   FE TMK, TPK, PVK   FM ZEK, ZAK   MG TAK   AU CVK pair
    to a TMK     AE TMK, TPK, PVK            AG TAK

They differ in the key type alone, so the table below is all there is to say of them. A group at the end may ask for
other schemes and for six check digits; without it the answer has the scheme of the key that was given, and sixteen.
Under a key-block LMK the keys are key blocks of the usage that goes with the type.

Source: Thales payShield, legacy host commands; published samples under the test LMK.
"""

from __future__ import annotations

from posterm.hsm.guard import Activity
from posterm.hsm.host_commands.command_set import HostCommandSet
from posterm.hsm.host_commands.errors import DESTINATION_KEY, INCOMPATIBLE_KEY_LENGTH, VERIFICATION_FAILURE
from posterm.hsm.host_commands.fields import Field, Layout, key, key_type, text
from posterm.hsm.host_commands.key_attributes import (
    Schemes,
    atalla_variant,
    check_digits,
    group,
    scheme_of,
    written_like,
)
from posterm.hsm.host_commands.keys import take
from posterm.hsm.host_commands.table import Advice, host_command
from posterm.hsm.variant_key import KeyReference

_IMPORTS = (
    ("FA", "Translate a ZPK from ZMK to LMK", "001", (16,)),
    ("FC", "Translate a TMK, TPK or PVK from ZMK to LMK", "002", (16,)),
    ("MI", "Translate a TAK from ZMK to LMK", "003", (16,)),
    ("BY", "Translate a ZMK from ZMK to LMK", "000", (32,)),
    ("AW", "Translate a CVK pair from ZMK to LMK", "402", (32,)),
)
_EXPORTS = (
    ("GC", "Translate a ZPK from LMK to ZMK", "000", "001", (16,)),
    ("FE", "Translate a TMK, TPK or PVK from LMK to ZMK", "000", "002", (16,)),
    ("MG", "Translate a TAK from LMK to ZMK", "000", "003", (16,)),
    ("AU", "Translate a CVK pair from LMK to ZMK", "000", "402", (32,)),
    ("AE", "Translate a TMK, TPK or PVK from LMK to a TMK", "002", "002", (16,)),
    ("AG", "Translate a TAK from LMK to a TMK", "002", "003", (16,)),
)
_FLAG = key_type("flag", {"0": "00A", "1": "008"}, "0: ZEK, 1: ZAK")
_CHECK_VALUE = Field("check value", "16 H", meaning="or 6, as asked for; two of 6 for a CVK pair; none for AE")


def _key_field(plain: tuple[int, ...]) -> Field:
    bare = "|".join(f"Z?[0-9A-F]{{{size}}}" for size in plain)
    return text("key under the ZMK", "n H or 1 A + n H", f"[UX][0-9A-F]{{32}}|[TY][0-9A-F]{{48}}|{bare}")


def _imported(
    commands: HostCommandSet, kind: str, zmk: KeyReference, field: str, variant: int, asked: Schemes | None
) -> bytes | Advice:
    if asked is None or asked.lmk == "0":
        letter = scheme_of(field) if commands.is_variant else "S"
        found, advice = take(commands, zmk, field, kind, letter, variant)
        answer = written_like(field, found)
    else:
        found, advice = take(commands, zmk, field, kind, asked.lmk, variant)
        answer = str(found).encode("ascii")
    answer += _check_digits(commands, kind, found, asked)
    return Advice(VERIFICATION_FAILURE, answer) if advice else answer


def _exported(
    commands: HostCommandSet, kind: str, zmk: KeyReference, known: KeyReference, variant: int, asked: Schemes | None
) -> bytes:
    wire = str(known)
    if asked is not None and asked.zmk != "0":
        given = commands.hsm.give_key(zmk, known, scheme=asked.zmk, atalla_variant=variant).encode("ascii")
    elif commands.is_variant:
        letter = scheme_of(wire)
        given = commands.hsm.give_key(zmk, known, scheme=letter, atalla_variant=variant).encode("ascii")
        given = given if wire[0] in "UXTY" else given.lstrip(b"ZXUTY")
    else:
        given = commands.hsm.give_key(zmk, known, atalla_variant=variant).encode("ascii")
    return given + _check_digits(commands, kind, known, asked)


def _check_digits(commands: HostCommandSet, kind: str, found: KeyReference, asked: Schemes | None) -> bytes:
    if kind == "402":
        return b"".join(value.hex().upper().encode("ascii") for value in commands.hsm.pair_check_values(found))
    return check_digits(commands, found, 16 if asked is None else asked.kcv_digits)


def _declare_import(code: str, title: str, kind: str, plain: tuple[int, ...]) -> None:
    zmk_plain = (32,) if code == "BY" else (16,)
    layout = Layout(key("ZMK", "000", plain=zmk_plain), _key_field(plain), atalla_variant(), group())
    answer = (Field("key under the LMK", "n H, 1 A + n H or key block"), _CHECK_VALUE)

    @host_command(code, title, layout, answer=answer, codes=(VERIFICATION_FAILURE, INCOMPATIBLE_KEY_LENGTH))
    def translate(
        commands: HostCommandSet, zmk: KeyReference, field: str, variant: int, asked: Schemes | None
    ) -> bytes | Advice:
        return _imported(commands, kind, zmk, field, variant, asked)


def _declare_export(code: str, title: str, kek_kind: str, kind: str, plain: tuple[int, ...]) -> None:
    layout = Layout(
        key("ZMK" if kek_kind == "000" else "TMK", kek_kind),
        key("key", kind, plain=plain, parity=DESTINATION_KEY),
        atalla_variant(),
        group(),
    )
    answer = (Field("key under the ZMK or TMK", "n H or 1 A + n H"), _CHECK_VALUE)

    @host_command(code, title, layout, answer=answer, activity=Activity.KEY_EXPORT)
    def translate(
        commands: HostCommandSet, kek: KeyReference, known: KeyReference, variant: int, asked: Schemes | None
    ) -> bytes:
        translated = _exported(commands, kind, kek, known, variant, asked)
        return translated if code != "AE" else translated[: -(16 if asked is None else asked.kcv_digits)]


for _code, _title, _kind, _plain in _IMPORTS:
    _declare_import(_code, _title, _kind, _plain)
for _code, _title, _kek_kind, _kind, _plain in _EXPORTS:
    _declare_export(_code, _title, _kek_kind, _kind, _plain)


@host_command(
    "FK",
    "Translate a ZEK or ZAK from ZMK to LMK",
    Layout(_FLAG, key("ZMK", "000"), _key_field((16,)), atalla_variant(), group()),
    answer=(Field("key under the LMK", "n H, 1 A + n H or key block"), _CHECK_VALUE),
    codes=(VERIFICATION_FAILURE, INCOMPATIBLE_KEY_LENGTH),
)
def import_zone_working_key(
    commands: HostCommandSet, kind: str, zmk: KeyReference, field: str, variant: int, asked: Schemes | None
) -> bytes | Advice:
    return _imported(commands, kind, zmk, field, variant, asked)


@host_command(
    "FM",
    "Translate a ZEK or ZAK from LMK to ZMK",
    Layout(
        _FLAG,
        key("ZMK", "000"),
        key("key", typed_by="flag", parity=DESTINATION_KEY),
        atalla_variant(),
        group(),
    ),
    answer=(Field("key under the ZMK", "n H or 1 A + n H"), _CHECK_VALUE),
    activity=Activity.KEY_EXPORT,
)
def export_zone_working_key(
    commands: HostCommandSet, kind: str, zmk: KeyReference, known: KeyReference, variant: int, asked: Schemes | None
) -> bytes:
    return _exported(commands, kind, zmk, known, variant, asked)
