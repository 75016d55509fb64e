"""posterm.toml: what the command line needs to know about host and terminal, each key with its default.

`load_configuration` takes the file the user names, else `posterm.toml` in the working directory, else the defaults.
Paths in a file are relative to that file. Keys and passwords in it are test values and do not show in `repr`.
"""

from __future__ import annotations

import ipaddress
import re
import tomllib
from pathlib import Path
from typing import Annotated, Any, Final, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError
from pydantic_core import ErrorDetails

from posterm.console.errors import ConfigurationError
from posterm.errors import PostermError
from posterm.host.switch.stand_in import StandInRules
from posterm.hsm.guard import Activity
from posterm.runtime.store.host_store import SQLITE_STORE, is_store_name
from posterm.unionpay.profile import load_profile

FILE_NAME: Final = "posterm.toml"
MAX_FILE_BYTES: Final = 1_000_000

_HOST_NAME = re.compile(r"(?=.{1,253}$)[A-Za-z0-9_]([A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?(\.[A-Za-z0-9_-]{1,63})*\.?")
_MERCHANT_NAME_BYTES: Final = 40
_DIGIT = "[0-9]"


def _address(text: str) -> str:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        if _HOST_NAME.fullmatch(text) is None or text.replace(".", "").isdecimal():
            raise ValueError("need an IP address or a host name") from None
    return text


def _merchant_name(text: str) -> str:
    try:
        size = len(text.encode("gb18030"))
    except UnicodeEncodeError:
        raise ValueError("need text that GB18030 can write") from None
    if not text.strip() or size > _MERCHANT_NAME_BYTES or not text.isprintable():
        raise ValueError(f"need 1 to {_MERCHANT_NAME_BYTES} bytes of printable GB18030, have {size}")
    return text


def _operator(number: str) -> str:
    if number in ("00", "99"):
        raise ValueError("need a cashier, 01 to 98; 00 is the supervisor and 99 the system manager")
    return number


def _component(text: str) -> str:
    if re.fullmatch(r"[0-9A-Fa-f]{32}", text) is None:
        raise ValueError("need 16 bytes, 32 hexadecimal digits")
    return text.upper()


def _components(texts: tuple[str, ...]) -> tuple[str, ...]:
    combined = 0
    for text in texts:
        combined ^= int(text, 16)
    if not combined:
        raise ValueError("the components cancel out and leave a key of zeros")
    return texts


def _server(text: str) -> str:
    if text:
        address, _, port = text.rpartition(":")
        _address(address.strip("[]"))
        if not re.fullmatch("[0-9]{1,5}", port) or not 1 <= int(port) <= 65535:
            raise ValueError("need ADDRESS:PORT")
    return text


def _store(text: str) -> str:
    if not is_store_name(text):
        raise ValueError('need "sqlite", or an address that begins with postgresql://')
    return text


Address = Annotated[str, AfterValidator(_address)]
Components = Annotated[
    tuple[Annotated[str, AfterValidator(_component)], ...],
    Field(min_length=2, max_length=9, repr=False),
    AfterValidator(_components),
]
_TEST_ZMK: Final = ("A1B2C3D4E5F60718293A4B5C6D7E8F90", "28190E3BE4D5427F5F6E794C93A23508")
Password = Annotated[str, Field(pattern=f"^{_DIGIT}{{4,8}}$", repr=False)]


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)


class IssuerLinkSettings(_Section):
    """An issuer over the network, as the host reaches it: `[[host.issuers]]`."""

    name: Annotated[str, Field(pattern=r"^[a-z0-9-]{1,32}$")]
    institution: Annotated[str, Field(pattern=r"^[0-9]{1,11}$")]
    prefixes: Annotated[tuple[Annotated[str, Field(pattern=r"^[0-9]{1,12}$")], ...], Field(min_length=1)]
    address: Address = "127.0.0.1"
    port: Annotated[int, Field(ge=1, le=65535)] = 8584
    timeout_s: Annotated[float, Field(gt=0, le=600)] = 25.0
    zmk_components: Components = _TEST_ZMK
    stand_in: StandInRules = StandInRules()


class IssuerSettings(_Section):
    """The issuer of `posterm issuer serve`: who it is, where it listens, whose cards it has, and who may ask it."""

    institution: Annotated[str, Field(pattern=r"^[0-9]{1,11}$")] = "03050001"
    address: Address = "127.0.0.1"
    port: Annotated[int, Field(ge=0, le=65535)] = 8584
    store: Annotated[str, AfterValidator(_store), Field(repr=False)] = SQLITE_STORE
    prefixes: Annotated[tuple[Annotated[str, Field(pattern=r"^[0-9]{1,12}$")], ...], Field(min_length=1)] = ("622848",)
    acquirer: Annotated[str, Field(pattern=r"^[0-9]{1,11}$")] = "48310058"
    zmk_components: Components = _TEST_ZMK


class HostSettings(_Section):
    """Where `posterm host serve` listens and is watched, where its ledger is, what peers may use up and download.

    Port 0 takes any free one. `ca_keys` and `applications` are files of CA keys and of a terminal's configuration;
    empty: posterm's own. So are `card_ranges` and `working_days`; `plans` are files of merchants' plans beside those.
    """

    address: Address = "127.0.0.1"
    port: Annotated[int, Field(ge=0, le=65535)] = 8583
    store: Annotated[str, AfterValidator(_store), Field(repr=False)] = SQLITE_STORE
    forced_outcomes: bool = True
    status_address: Address = "127.0.0.1"
    status_port: Annotated[int, Field(ge=0, le=65535)] = 0
    connections_max: Annotated[int, Field(ge=1, le=1_000_000)] = 4096
    idle_timeout_s: Annotated[float, Field(ge=1, le=86_400)] = 120.0
    frame_timeout_s: Annotated[float, Field(ge=1, le=3_600)] = 10.0
    ca_keys: str = ""
    applications: str = ""
    merchant_plan: str = "standard"
    plans: tuple[str, ...] = ()
    card_ranges: str = ""
    working_days: str = ""
    issuers: tuple[IssuerLinkSettings, ...] = ()


class TerminalSettings(_Section):
    """The terminal: who it is, where its host is, its paper, its key components and passwords."""

    terminal_id: Annotated[str, Field(pattern=r"^[0-9A-Za-z]{8}$")] = "10000001"
    merchant_id: Annotated[str, Field(pattern=r"^[0-9A-Za-z]{15}$")] = "898310058120001"
    merchant_name: Annotated[str, AfterValidator(_merchant_name)] = "测试商户"
    serial: Annotated[str, Field(pattern=r"^[0-9A-Za-z]{1,50}$")] = "TEST500100000001"
    location: Annotated[str, Field(pattern=r"^(-?[0-9]{1,2}(\.[0-9]{1,8})?,-?[0-9]{1,3}(\.[0-9]{1,8})?)?$")] = ""
    host_address: Address = "127.0.0.1"
    host_port: Annotated[int, Field(ge=1, le=65535)] = 8583
    paper_columns: Literal[32, 48] = 32
    tmk_components: Components = ("1F2E3D4C5B6A79880F1E2D3C4B5A6978", "1E0D782BD2C1B467F1C297A43D0E5B68")
    operator: Annotated[str, Field(pattern=f"^{_DIGIT}{{2}}$"), AfterValidator(_operator)] = "01"
    operator_password: Password = "0000"
    supervisor_password: Password = "123456"
    manager_password: Password = "88888888"


class HsmSettings(_Section):
    """The HSM: its master key, where its server listens, and whether the host asks one.

    `lmk` is `test`, the published test keys under which nothing is secret, or a file that holds a master secret.
    """

    lmk: Annotated[str, Field(min_length=1)] = "test"
    mode: Literal["test", "production"] = "test"
    server: Annotated[str, AfterValidator(_server)] = ""
    address: Address = "127.0.0.1"
    port: Annotated[int, Field(ge=0, le=65535)] = 1500
    header_length: Annotated[int, Field(ge=0, le=255)] = 4
    lmk_kind: Literal["aes-block", "tdes-block", "variant"] = "aes-block"
    permitted: frozenset[Activity] = frozenset()
    disabled_commands: frozenset[Annotated[str, Field(pattern="^[0-9A-Z]{2}$")]] = frozenset()
    tls_certificate: str = ""
    tls_key: str = ""
    tls_authorities: str = ""


class OfficeSettings(_Section):
    """The back office: a file of its terms (empty: posterm's own), its real-name check, and where its interface is."""

    terms: str = ""
    real_name_check: Literal["pass", "fail"] = "pass"
    api_address: Address = "127.0.0.1"
    api_port: Annotated[int, Field(ge=0, le=65535)] = 8700
    api_requests_per_minute: Annotated[int, Field(ge=1, le=1_000_000)] = 600


class Configuration(_Section):
    """Everything in posterm.toml. `profile` is the name of an acquirer profile or the absolute path of its file."""

    profile: Annotated[str, Field(min_length=1)] = "default"
    language: Literal["zh", "en"] = "en"
    data_directory: Path = Path("posterm-data")
    host: HostSettings = HostSettings()
    issuer: IssuerSettings = IssuerSettings()
    terminal: TerminalSettings = TerminalSettings()
    hsm: HsmSettings = HsmSettings()
    office: OfficeSettings = OfficeSettings()


def load_configuration(path: Path | None = None, *, directory: Path | None = None) -> Configuration:
    """The configuration to work with; its `data_directory` is absolute.

    Args:
        path: the file to read; None for `posterm.toml` in `directory`, or the defaults when there is none.
        directory: what the defaults are relative to; None for the working directory.
    Raises: ConfigurationError: unreadable, not TOML, an unknown key, or a value that does not fit.
    """
    directory = Path.cwd() if directory is None else directory
    if path is None:
        found = directory / FILE_NAME
        if not found.exists():
            return _placed(Configuration(), directory)
        path = found
    return _placed(_read(path), path.absolute().parent, str(path))


def _read(path: Path) -> Configuration:
    try:
        with path.open("rb") as file:
            content = file.read(MAX_FILE_BYTES + 1)
    except OSError as error:
        reason = (error.strerror or "cannot be opened").lower()
        raise ConfigurationError(
            f"{path}: {reason}", hint="`posterm init` writes a configuration to start from"
        ) from None
    if len(content) > MAX_FILE_BYTES:
        raise ConfigurationError(f"{path}: need at most {MAX_FILE_BYTES} bytes, have more")
    try:
        table: dict[str, Any] = tomllib.loads(content.decode("utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, RecursionError) as error:
        text = "nested too deeply" if isinstance(error, RecursionError) else str(error)
        raise ConfigurationError(f"{path}: not TOML in UTF-8: {text}") from None
    try:
        return Configuration.model_validate(table)
    except ValidationError as error:
        raise _fault(path, error) from None


def _fault(path: Path, error: ValidationError) -> ConfigurationError:
    """The first fault, by file and key, without the value: it may be a key or a password."""
    first = error.errors(include_input=False, include_url=False)[0]
    key = ".".join(str(part) for part in first["loc"])
    if first["type"] == "extra_forbidden":
        return ConfigurationError(f"{path}: {key}: no such key", hint=_known_keys(first["loc"][:-1]))
    return ConfigurationError(f"{path}: {key}: {_what_is_wrong(first)}")


def _what_is_wrong(fault: ErrorDetails) -> str:
    match fault["type"]:
        case "string_pattern_mismatch":
            return f"need text of the form {fault['ctx']['pattern']}"
        case "model_type":
            return "need a table"
        case _:
            text = fault["msg"].removeprefix("Value error, ")
            return text if text[:2].isupper() else text[:1].lower() + text[1:]


def _known_keys(section: tuple[int | str, ...]) -> str:
    sections: dict[str, type[BaseModel]] = {
        name: type(field.default)
        for name, field in Configuration.model_fields.items()
        if isinstance(field.default, BaseModel)
    }
    model: type[BaseModel] = sections.get(str(section[0]), Configuration) if section else Configuration
    return f"known here are {', '.join(model.model_fields)}"


def _placed(configuration: Configuration, directory: Path, origin: str = "configuration") -> Configuration:
    """The configuration with its paths made absolute and its profile found."""
    profile = configuration.profile
    if profile.endswith(".toml"):
        profile = str(directory.absolute() / Path(profile).expanduser())
    try:
        load_profile(profile)
    except PostermError as error:
        raise ConfigurationError(f"{origin}: profile: {error}", hint=error.hint) from None
    data = directory.absolute() / configuration.data_directory.expanduser()
    if data.exists() and not data.is_dir():
        raise ConfigurationError(f"{origin}: data_directory: need a directory, have a file: {data}")
    return configuration.model_copy(
        update={
            "profile": profile,
            "data_directory": data,
            "host": _placed_host(configuration.host, directory, origin),
            "hsm": _placed_hsm(configuration.hsm, directory, origin),
            "office": _placed_office(configuration.office, directory, origin),
        },
    )


def _placed_office(settings: OfficeSettings, directory: Path, origin: str) -> OfficeSettings:
    """The office's settings with the path of its terms made absolute."""
    if not settings.terms:
        return settings
    path = directory.absolute() / Path(settings.terms).expanduser()
    if not path.is_file():
        raise ConfigurationError(f"{origin}: office.terms: need a file, have no file {path}")
    return settings.model_copy(update={"terms": str(path)})


def _placed_host(settings: HostSettings, directory: Path, origin: str) -> HostSettings:
    """The host's settings with the paths of files made absolute."""

    def placed(key: str, name: str) -> str:
        path = directory.absolute() / Path(name).expanduser()
        if not path.is_file():
            raise ConfigurationError(f"{origin}: host.{key}: need a file, have no file {path}")
        return str(path)

    single = {
        key: placed(key, name)
        for key in ("ca_keys", "applications", "card_ranges", "working_days")
        if (name := getattr(settings, key))
    }
    return settings.model_copy(update={**single, "plans": tuple(placed("plans", name) for name in settings.plans)})


def _placed_hsm(settings: HsmSettings, directory: Path, origin: str) -> HsmSettings:
    """The HSM's settings with the paths of files made absolute."""
    placed = {}
    for key in ("lmk", "tls_certificate", "tls_key", "tls_authorities"):
        name = getattr(settings, key)
        if name and (key, name) != ("lmk", "test"):
            path = directory.absolute() / Path(name).expanduser()
            if not path.is_file():
                wanted = 'need "test" or a file' if key == "lmk" else "need a file"
                raise ConfigurationError(f"{origin}: hsm.{key}: {wanted}, have no file {path}")
            placed[key] = str(path)
    if bool(settings.tls_certificate) != bool(settings.tls_key):
        raise ConfigurationError(f"{origin}: hsm.tls_key: a certificate and its key go together")
    return settings.model_copy(update=placed)
