"""Keys: made, put together, taken in, given out, told by their check value, brought under another scheme or LMK.

Source: Thales payShield (A0, A2, A4, A6, A8, B0, BU, BW, KA, GG, GY).
Left out: printing, so A2 gives a component under the LMK and nothing on paper; A0 with a ZKA master key; key blocks of
the Thales scheme under a ZMK.
"""

from __future__ import annotations

from posterm.hsm.commands.key_exchange import VariantForm
from posterm.hsm.errors import KeyCheckError
from posterm.hsm.guard import Activity
from posterm.hsm.host_commands.command_set import HostCommandSet
from posterm.hsm.host_commands.errors import (
    DESTINATION_KEY,
    INCOMPATIBLE_KEY_LENGTH,
    INVALID_INPUT,
    INVALID_KEY_TYPE,
    INVALID_SCHEME,
    KEY_FUNCTION_NOT_PERMITTED,
    SOURCE_KEY,
    VERIFICATION_FAILURE,
    HostCommandRefusal,
)
from posterm.hsm.host_commands.fields import (
    KEY_BLOCK,
    Field,
    Layout,
    delimiter,
    digits,
    key,
    key_type,
    keys,
    one_of,
    optional,
    rest,
    text,
)
from posterm.hsm.host_commands.key_attributes import (
    KEY_TYPE_CODES,
    PARTS,
    SHORT_KEY_TYPES,
    Attributes,
    Schemes,
    algorithm_of,
    atalla_variant,
    attributes,
    check_digits,
    form_of,
    group,
    scheme,
    scheme_of,
    written_like,
)
from posterm.hsm.host_commands.table import Advice, form, host_command
from posterm.hsm.variant_key import KeyReference

_KEY = Field("key under the LMK", "1 A + n H or key block")
_KEY_UNDER_ZMK = Field("key under the ZMK", "1 A + n H")
_CHECK_VALUE = Field("check value", "6 H")
_LONG_CHECK_VALUE = Field("check value", "16 H", meaning="or 6, as asked for")
_ZMK_FLAG = Field(
    "ZMK/TMK flag",
    "`;` and 1 N",
    "(?:;[01])?",
    "0: ZMK, 1: TMK; a ZMK when missing",
    convert=lambda value: "002" if value == b";1" else "000",
)
_KEY_FIELD = text("key under the ZMK", "16 H or 1 A + n H", "[UX][0-9A-F]{32}|[TY][0-9A-F]{48}|Z?[0-9A-F]{16}")
_LENGTH_FLAG = one_of("key length flag", "0-3F", "0 single, 1 double, 2 triple; not looked at")
_DELIMITED_TYPE = key_type("key type", KEY_TYPE_CODES, "where the code is FF")


@host_command(
    "A0",
    "Generate a key",
    Layout(one_of("mode", "0"), key_type("key type", KEY_TYPE_CODES), scheme(), attributes()),
    answer=(_KEY, _CHECK_VALUE),
)
def generate_key(commands: HostCommandSet, _mode: str, kind: str, letter: str, described: Attributes | None) -> bytes:
    made = commands.hsm.make_key(form_of(commands, kind, letter, described), algorithm_of(letter, described))
    return str(made).encode("ascii") + check_digits(commands, made, 6)


@form(
    "A0",
    Layout(
        one_of("mode", "1"),
        key_type("key type", KEY_TYPE_CODES),
        scheme(),
        _ZMK_FLAG,
        key("ZMK or TMK", plain=(32, 16), typed_by="ZMK/TMK flag"),
        scheme("key scheme (ZMK)"),
        atalla_variant(),
        attributes(),
    ),
)
def generate_and_export_key(
    commands: HostCommandSet,
    _mode: str,
    kind: str,
    letter: str,
    _flag: str,
    zmk: KeyReference,
    zmk_letter: str,
    variant: int,
    described: Attributes | None,
) -> bytes:
    made = commands.hsm.make_key(form_of(commands, kind, letter, described), algorithm_of(letter, described))
    given = commands.hsm.give_key(zmk, made, scheme="" if zmk_letter == "0" else zmk_letter, atalla_variant=variant)
    return str(made).encode("ascii") + given.encode("ascii") + check_digits(commands, made, 6)


@host_command(
    "A2",
    "Generate a key component",
    Layout(key_type("key type", KEY_TYPE_CODES), scheme(), attributes(), rest("print fields", "not looked at")),
    answer=(Field("component under the LMK", "1 A + n H or key block"), _CHECK_VALUE),
    note="There is no printer: the component is answered under the LMK, for A4, and its clear digits are never shown.",
)
def generate_component(
    commands: HostCommandSet, kind: str, letter: str, described: Attributes | None, _print: bytes
) -> bytes:
    made = commands.hsm.make_key(form_of(commands, kind, letter, described), algorithm_of(letter, described))
    return str(made).encode("ascii") + check_digits(commands, made, 6)


@host_command(
    "A4",
    "Form a key from components under the LMK",
    Layout(
        digits("number of components", 1, "2 to 9"),
        key_type("key type", KEY_TYPE_CODES),
        scheme(),
        keys("components", typed_by="key type"),
        attributes(),
    ),
    answer=(_KEY, _CHECK_VALUE),
)
def form_key(
    commands: HostCommandSet,
    count: int,
    kind: str,
    letter: str,
    components: list[KeyReference],
    described: Attributes | None,
) -> bytes:
    if len(components) != count:
        raise HostCommandRefusal(INVALID_INPUT)
    formed = _joined(commands, components, kind, letter, described)
    return _shown(formed, letter) + check_digits(commands, formed, 6)


@host_command(
    "A6",
    "Import a key",
    Layout(
        key_type("key type", KEY_TYPE_CODES),
        key("ZMK", "000", plain=(32, 16)),
        _KEY_FIELD,
        scheme(),
        atalla_variant(),
        attributes(),
    ),
    answer=(_KEY, _CHECK_VALUE),
    codes=(VERIFICATION_FAILURE, INCOMPATIBLE_KEY_LENGTH),
)
def import_key(
    commands: HostCommandSet,
    kind: str,
    zmk: KeyReference,
    field: str,
    letter: str,
    variant: int,
    described: Attributes | None,
) -> bytes | Advice:
    taken, advice = take(commands, zmk, field, kind, letter, variant, described)
    answer = _shown(taken, letter) + check_digits(commands, taken, 6)
    return Advice(VERIFICATION_FAILURE, answer) if advice else answer


@host_command(
    "A8",
    "Export a key",
    Layout(
        key_type("key type", KEY_TYPE_CODES),
        _ZMK_FLAG,
        key("ZMK or TMK", plain=(32, 16), typed_by="ZMK/TMK flag"),
        key("key", typed_by="key type", parity=DESTINATION_KEY),
        scheme("key scheme (ZMK)"),
        atalla_variant(),
    ),
    answer=(_KEY_UNDER_ZMK, _CHECK_VALUE),
    activity=Activity.KEY_EXPORT,
)
def export_key(
    commands: HostCommandSet,
    _kind: str,
    _flag: str,
    zmk: KeyReference,
    exported: KeyReference,
    letter: str,
    variant: int,
) -> bytes:
    given = commands.hsm.give_key(zmk, exported, scheme="" if letter == "0" else letter, atalla_variant=variant)
    return given.encode("ascii") + check_digits(commands, exported, 6)


@host_command(
    "B0",
    "Translate the scheme of a key",
    Layout(key_type("key type", KEY_TYPE_CODES), key("key", typed_by="key type"), scheme()),
    answer=(_KEY,),
)
def translate_scheme(commands: HostCommandSet, kind: str, source: KeyReference, letter: str) -> bytes:
    if not commands.is_variant:
        if letter not in "S0":
            raise HostCommandRefusal(INVALID_SCHEME)
        commands.hsm.key_check_value(source)
        return str(source).encode("ascii")  # a key block has one scheme
    if PARTS.get(letter) != PARTS[scheme_of(str(source))]:
        raise HostCommandRefusal(INVALID_SCHEME)
    return str(commands.hsm.rewrap_as_variant_key(source, kind, scheme=letter)).encode("ascii")


@host_command(
    "BU",
    "Generate a check value",
    Layout(
        key_type("key type code", SHORT_KEY_TYPES),
        _LENGTH_FLAG,
        key("key", plain=(48, 32, 16), typed_by="key type code"),
        optional(delimiter()),
        group(),
    ),
    answer=(_LONG_CHECK_VALUE,),
)
def check_value(
    commands: HostCommandSet, _kind: str, _flag: str, known: KeyReference, _: bytes | None, asked: Schemes | None
) -> bytes:
    return check_digits(commands, known, 16 if asked is None else asked.kcv_digits)


@form(
    "BU",
    Layout(
        text("key type code", "2 H", "FF"),
        _LENGTH_FLAG,
        key("key", plain=(48, 32, 16), typed_by="key type"),
        delimiter(),
        _DELIMITED_TYPE,
        group(),
    ),
)
def check_value_of_type(
    commands: HostCommandSet,
    _code: str,
    _flag: str,
    known: KeyReference,
    _: bytes,
    _kind: str,
    asked: Schemes | None,
) -> bytes:
    return check_digits(commands, known, 16 if asked is None else asked.kcv_digits)


@host_command(
    "KA",
    "Generate a check value (not double-length ZMK)",
    Layout(
        key("key", plain=(48, 32, 16), typed_by="key type code"), key_type("key type code", SHORT_KEY_TYPES), group()
    ),
    answer=(_LONG_CHECK_VALUE,),
)
def older_check_value(commands: HostCommandSet, known: KeyReference, _kind: str, asked: Schemes | None) -> bytes:
    return check_digits(commands, known, 16 if asked is None else asked.kcv_digits)


@host_command(
    "BW",
    "Translate a key from the former LMK",
    Layout(key_type("key type code", SHORT_KEY_TYPES), _LENGTH_FLAG, _KEY_FIELD, group()),
    answer=(_KEY,),
    codes=(SOURCE_KEY, KEY_FUNCTION_NOT_PERMITTED),
    note="Needs a variant LMK, and the former one.",
)
def bring_over(commands: HostCommandSet, kind: str, _flag: str, field: str, asked: Schemes | None) -> bytes:
    return _brought_over(commands, kind, field, asked)


@form(
    "BW",
    Layout(text("key type code", "2 H", "FF"), _LENGTH_FLAG, _KEY_FIELD, delimiter(), _DELIMITED_TYPE, group()),
)
def bring_over_of_type(
    commands: HostCommandSet, _code: str, _flag: str, field: str, _: bytes, kind: str, asked: Schemes | None
) -> bytes:
    return _brought_over(commands, kind, field, asked)


@host_command(
    "GG",
    "Form a ZMK from three components",
    Layout(keys("components", "000", plain=32), group()),
    answer=(Field("ZMK under the LMK", "1 A + 32 H"), _LONG_CHECK_VALUE),
)
def form_zmk_of_three(commands: HostCommandSet, components: list[KeyReference], asked: Schemes | None) -> bytes:
    if len(components) != 3:
        raise HostCommandRefusal(INVALID_INPUT)
    usual = "X" if commands.is_variant else "S"
    formed = _joined(commands, components, "000", usual if asked is None else asked.lmk, None)
    return str(formed).encode("ascii") + check_digits(commands, formed, 16 if asked is None else asked.kcv_digits)


@host_command(
    "GY",
    "Form a ZMK from 2 to 9 components",
    Layout(digits("number of components", 1), keys("components", "000", plain=32), group()),
    answer=(Field("ZMK under the LMK", "32 H or 1 A + 32 H"), _LONG_CHECK_VALUE),
)
def form_zmk(commands: HostCommandSet, count: int, components: list[KeyReference], asked: Schemes | None) -> bytes:
    if len(components) != count:
        raise HostCommandRefusal(INVALID_INPUT)
    if asked is not None:
        formed = _joined(commands, components, "000", asked.lmk, None)
        return str(formed).encode("ascii") + check_digits(commands, formed, asked.kcv_digits)
    formed = _joined(commands, components, "000", scheme_of(str(components[0])) if commands.is_variant else "S", None)
    return written_like(str(components[0]), formed) + check_digits(commands, formed, 16)


def take(
    commands: HostCommandSet,
    zmk: KeyReference,
    field: str,
    kind: str,
    letter: str,
    variant: int = 0,
    described: Attributes | None = None,
) -> tuple[KeyReference, bool]:
    """A key from under a ZMK, and whether its parity had to be put right.

    Raises: HostCommandRefusal: a form that cannot be. HsmError: as `SoftHsm.take_key`.
    """
    target = form_of(commands, kind, letter, described)
    if commands.is_variant and letter != "0" and PARTS[letter] != PARTS[scheme_of(field)]:
        raise HostCommandRefusal(INCOMPATIBLE_KEY_LENGTH)
    try:
        return commands.hsm.take_key(zmk, field, target, atalla_variant=variant), False
    except KeyCheckError:
        if not commands.opens(zmk):
            raise HostCommandRefusal(SOURCE_KEY) from None
    return commands.hsm.take_key(zmk, field, target, atalla_variant=variant, adjust_parity=True), True


def _joined(
    commands: HostCommandSet, components: list[KeyReference], kind: str, letter: str, described: Attributes | None
) -> KeyReference:
    return commands.hsm.join_components(components, form_of(commands, kind, letter, described))


def _shown(found: KeyReference, letter: str) -> bytes:
    """A key in an answer; a single-length one is written without its letter."""
    return str(found).encode("ascii").lstrip(b"Z") if letter == "Z" else str(found).encode("ascii")


def _brought_over(commands: HostCommandSet, kind: str, field: str, asked: Schemes | None) -> bytes:
    if not commands.is_variant or kind == KEY_BLOCK:
        raise HostCommandRefusal(INVALID_KEY_TYPE)
    letter = scheme_of(field) if asked is None or asked.lmk == "0" else asked.lmk
    return written_like(field, commands.hsm.bring_over(field, VariantForm(kind, letter)))
