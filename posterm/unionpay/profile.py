"""The acquirer profile: every point in which acquirers were seen to differ, as one TOML file.

Both ends of a link need the same profile. `load_profile` takes the name of a built-in one or the path of a file; a file
may start from another with `derive = "default"` and then names only its differences. Reading these files is the only
I/O here.

Source: the differences between published acquirer specifications of the UnionPay terminal link.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from functools import cache, cached_property
from importlib import resources
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from posterm.hsm import Algorithm, MacAlgorithm, PinFormat
from posterm.hsm.mac import KEY_ALGORITHMS
from posterm.iso8583 import Dialect, DialectError, get_dialect
from posterm.unionpay.errors import HeaderError, ProfileError
from posterm.unionpay.header import Header
from posterm.unionpay.key_layout import LAYOUT_NAMES, Role, key_algorithm, key_bytes, tmk_algorithm
from posterm.unionpay.response_codes import Category, ResponseCode

_Nii = Annotated[str, Field(pattern=r"^[0-9]{4}$")]


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Frame(_Section):
    """What stands around a message."""

    length_prefix: Literal["be16", "bcd16", "none", "http"] = "be16"
    length_counts_itself: bool = False
    max_bytes: Annotated[int, Field(ge=64, le=65535)] = 4096
    tpdu_destination: _Nii = "0003"
    tpdu_source: _Nii = "0000"
    swap_tpdu: bool = True
    header: str = "603100310000"
    http_path: Annotated[str, Field(pattern=r"^/[!-~]*$", max_length=200)] = "/mjc/webtrans/VPB_lb"
    keep_alive: bool = True

    @model_validator(mode="after")
    def _header_is_one(self) -> Self:
        try:
            Header.parse(self.header)
        except HeaderError as error:
            raise ValueError(str(error)) from None
        return self


class Mac(_Section):
    """DE 64: the algorithm, the length of its key, and which messages carry one."""

    algorithm: MacAlgorithm = MacAlgorithm.UNIONPAY_ECB
    on_declines: bool = False


class PinBlock(_Section):
    """DE 52 and the first digit of DE 53."""

    format: Literal["with-pan", "without-pan"] = "with-pan"
    block_without_pin: bool = False
    max_digits: Literal["06", "12"] = "12"
    algorithm_digit: Annotated[str, Field(pattern=r"^[0-9]$")] = "6"

    @property
    def pin_format(self) -> PinFormat:
        return PinFormat.ISO_0 if self.format == "with-pan" else PinFormat.NO_PAN


class Keys(_Section):
    """Sign-on: 60.3 and the layout of field 62."""

    sign_on_code: Literal["001", "003", "004", "005", "006"] = "003"
    layout: str = "double"
    encrypt_tracks: bool = False

    @model_validator(mode="after")
    def _layout_is_one(self) -> Self:
        if self.layout not in LAYOUT_NAMES:
            raise ValueError(f"no such key layout; there are {', '.join(LAYOUT_NAMES)}")
        if self.encrypt_tracks and ("track" not in self.layout or tmk_algorithm(self.layout) is Algorithm.SM4):
            raise ValueError("encrypt_tracks needs a layout that carries a DES or TDES track key")
        return self


class Reversal(_Section):
    """0400: how often it is tried, which answers end it, what the host says to an unknown original."""

    attempts: Annotated[int, Field(ge=1, le=9)] = 3
    ok_codes: frozenset[str] = frozenset({"00", "12", "25"})
    unknown_original: Literal["00", "25"] = "25"


class Settlement(_Section):
    """Who captures the batch: the terminal by 0500 and uploads, or the host at its own cut-off."""

    captured_by: Literal["terminal", "host"] = "terminal"
    auto_sign_off: bool = True
    batch_size_max: Annotated[int, Field(ge=1, le=999)] = 500


class Rules(_Section):
    """Business rules the host applies."""

    completion_percent_max: Annotated[int, Field(ge=100, le=200)] = 115
    tip_percent_max: Annotated[int, Field(ge=0, le=100)] = 20
    refund_same_batch: bool = True
    refund_days_max: Annotated[int, Field(ge=1, le=365)] = 30
    preauth_days_max: Annotated[int, Field(ge=1, le=365)] = 30
    pin_tries_max: Annotated[int, Field(ge=1, le=15)] = 3


class Chip(_Section):
    """Chip cards: what the terminal does with a chip card's stripe, and what the host makes of the chip's data."""

    stripe_of_chip_card: Literal["accept", "after-failed-chip", "refuse"] = "accept"
    fallback: Literal["accept", "refuse"] = "accept"
    decline_tvr: Annotated[str, Field(pattern=r"^[0-9A-F]{10}$")] = "5C00800000"
    counter_gap_max: Annotated[int, Field(ge=1, le=65535)] = 100
    block_on_status: frozenset[str] = frozenset({"41", "43"})
    no_pin_limit_minor: Annotated[int, Field(ge=0, le=999_999_999_999)] = 1_000_00
    no_signature_limit_minor: Annotated[int, Field(ge=0, le=999_999_999_999)] = 1_000_00


class Timers(_Section):
    """Seconds."""

    response_s: Annotated[float, Field(gt=0, le=600)] = 60.0
    connect_s: Annotated[float, Field(gt=0, le=120)] = 10.0


class Tusn(_Section):
    """The terminal's hardware serial: which element carries it as tag A2, and whether the host insists on it."""

    element: Literal[57, 59] = 59
    send: bool = False
    required: bool = False


class Qr(_Section):
    """Payments by a code: the family of messages, the element the code is in, and how a result is waited for."""

    family: Literal["acquirer", "standard", "none"] = "acquirer"
    element: Literal[57, 59] = 59
    unknown_codes: frozenset[str] = frozenset({"09", "98"})
    query_interval_s: Annotated[float, Field(ge=0, le=60)] = 5.0
    queries_max: Annotated[int, Field(ge=1, le=60)] = 12
    order_life_s: Annotated[int, Field(ge=10, le=3600)] = 300
    merchant_city: Annotated[str, Field(pattern=r"^[ -~]{1,15}$")] = "SHANGHAI"


class CodeRow(_Section):
    """One answer code of the acquirer's own."""

    category: Literal["A", "B", "C", "D", "E"]
    text: str
    zh: str


class AcquirerProfile(_Section):
    """All knobs of one acquirer's link. Frozen; build another with `model_copy(update=…)` or a TOML file."""

    model_config = ConfigDict(extra="forbid", frozen=True, ignored_types=(cached_property,))

    name: str
    description: str = ""
    frame: Frame = Frame()
    mac: Mac = Mac()
    pin: PinBlock = PinBlock()
    keys: Keys = Keys()
    reversal: Reversal = Reversal()
    settlement: Settlement = Settlement()
    rules: Rules = Rules()
    chip: Chip = Chip()
    timers: Timers = Timers()
    tusn: Tusn = Tusn()
    qr: Qr = Qr()
    operator_in_63_always: bool = False
    response_text_element: Literal[56, 63] = 63
    elements: Mapping[str, Mapping[str, Any]] = {}
    response_codes: Mapping[str, CodeRow] = {}

    @model_validator(mode="after")
    def _mac_goes_with_its_key(self) -> Self:
        mak = key_algorithm(self.keys.layout, key_bytes(self.keys.layout)[Role.MAK])
        if mak not in KEY_ALGORITHMS[self.mac.algorithm]:
            raise ValueError(
                f"mac.algorithm {self.mac.algorithm} does not go with a {mak} MAK of layout {self.keys.layout}"
            )
        return self

    @cached_property
    def dialect(self) -> Dialect:
        """The dialect `unionpay-pos` with this acquirer's `[elements]` in place of its own."""
        base = get_dialect("unionpay-pos")
        return base.derive(f"unionpay-pos/{self.name}", change=dict(self.elements)) if self.elements else base

    @cached_property
    def code_extensions(self) -> dict[str, ResponseCode]:
        """The acquirer's own answer codes, for `response_code`."""
        return {
            code: ResponseCode(code, Category(row.category), row.text, row.zh)
            for code, row in self.response_codes.items()
        }

    def model_copy(self, *, update: Mapping[str, Any] | None = None, deep: bool = False) -> Self:
        """A copy with other knobs; what was derived from the old ones stays behind. Values are not checked."""
        copied = super().model_copy(update=update, deep=deep)
        for derived in ("dialect", "code_extensions"):
            copied.__dict__.pop(derived, None)
        return copied

    def knows_code(self, code: str) -> bool:
        """True when this acquirer has an answer code of its own by that name."""
        return code in self.response_codes


def profile_names() -> list[str]:
    """The names of the built-in profiles."""
    return sorted(entry.name.removesuffix(".toml") for entry in _built_in().iterdir() if entry.name.endswith(".toml"))


@cache
def get_profile(name: str) -> AcquirerProfile:
    """A built-in profile. Raises: ProfileError: there is none of that name."""
    if name not in profile_names():
        raise ProfileError(f"no acquirer profile {name!r}", hint=f"built in are {', '.join(profile_names())}")
    text = (_built_in() / f"{name}.toml").read_text(encoding="utf-8")
    return _build(_resolve(text, name), name)


def load_profile(name_or_path: str) -> AcquirerProfile:
    """A built-in profile by name, or one from a TOML file by path.

    Raises: ProfileError: no such profile or file, not TOML, or a value that does not fit; it names the key.
    """
    if not name_or_path.endswith(".toml"):
        return get_profile(name_or_path)
    try:
        text = Path(name_or_path).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ProfileError(f"cannot read the acquirer profile {name_or_path}: {error}") from None
    return _build(_resolve(text, name_or_path), name_or_path)


def _built_in() -> resources.abc.Traversable:
    return resources.files("posterm.unionpay") / "profiles"


def _resolve(text: str, source: str) -> dict[str, Any]:
    try:
        table = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ProfileError(f"{source}: not TOML: {error}") from None
    base_name = table.pop("derive", None)
    if base_name is None:
        return table
    if base_name not in profile_names() or source == base_name:
        raise ProfileError(f"{source}: derive: no built-in profile {base_name!r}")
    base = _resolve((_built_in() / f"{base_name}.toml").read_text(encoding="utf-8"), base_name)
    return _merged(base, table)


def _merged(base: dict[str, Any], change: dict[str, Any]) -> dict[str, Any]:
    merged = dict(base)
    for key, value in change.items():
        old = merged.get(key)
        merged[key] = _merged(old, value) if isinstance(old, dict) and isinstance(value, dict) else value
    return merged


def _build(table: dict[str, Any], source: str) -> AcquirerProfile:
    try:
        profile = AcquirerProfile.model_validate(table)
        profile.dialect  # noqa: B018 - a fault in [elements] belongs to the profile, so it is found here
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"]) or "profile"
        raise ProfileError(f"{source}: {where}: {first['msg'].removeprefix('Value error, ')}") from None
    except DialectError as error:
        raise ProfileError(f"{source}: elements: {error}") from None
    return profile
