"""The named keys of an HSM and the head of its audit log, as they are kept on disk: sealed, each in its place.

    KeyRegister   name, key, check value and age of every key that was given a name; the officers
    StoreHead     what the files should hold: which register, and how far the audit log goes

A register that was put back to an older state is whole, but not the one its head names.

Source: NIST SP 800-38D (GCM), FIPS 180-4 (SHA-256).
Left out: where the bytes are kept.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable
from dataclasses import asdict, dataclass, field, replace
from typing import Any, Final

from posterm.hsm.at_rest import AtRestKey
from posterm.hsm.errors import KeyRegisterError, SealedDataError

MOST_KEYS: Final = 200

_REGISTER_PLACE: Final = b"posterm hsm key register 1"
_HEAD_PLACE: Final = b"posterm hsm store head 1"
_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,39}", re.ASCII)


@dataclass(frozen=True, slots=True)
class NamedKey:
    """A key by its name. `key` is the block or field it goes by, `made_at` seconds since 1970."""

    name: str
    key: str
    kcv: str
    made_at: int

    def __post_init__(self) -> None:
        if _NAME.fullmatch(self.name) is None:
            raise KeyRegisterError(
                "key name: need 1 to 40 letters, digits, dots, dashes and underscores, found another"
            )


@dataclass(frozen=True, slots=True)
class KeyRegister:
    """Keys by name, and what is kept of the passphrases of officers. `generation` counts its changes."""

    generation: int = 0
    keys: dict[str, NamedKey] = field(default_factory=dict)
    officers: dict[str, str] = field(default_factory=dict, repr=False)

    def add(self, key: NamedKey) -> KeyRegister:
        """The register with one key more. Raises: KeyRegisterError: the name is taken, or there are 200 already."""
        if key.name in self.keys:
            raise KeyRegisterError(f"key {key.name}: there is one of this name already")
        if len(self.keys) >= MOST_KEYS:
            raise KeyRegisterError(f"key register: at most {MOST_KEYS} keys")
        return replace(self, generation=self.generation + 1, keys={**self.keys, key.name: key})

    def add_officer(self, name: str, kept: str) -> KeyRegister:
        """The register with one officer more. Raises: KeyRegisterError: the name is taken, or is none."""
        _require_name(name)
        if name in self.officers:
            raise KeyRegisterError(f"officer {name}: there is one of this name already")
        return replace(self, generation=self.generation + 1, officers={**self.officers, name: kept})

    def drop(self, name: str) -> KeyRegister:
        """The register without a key. Raises: KeyRegisterError: there is none of this name."""
        self.find(name)
        rest = {each: key for each, key in self.keys.items() if each != name}
        return replace(self, generation=self.generation + 1, keys=rest)

    def find(self, name: str) -> NamedKey:
        """Raises: KeyRegisterError: there is none of this name."""
        try:
            return self.keys[name]
        except KeyError:
            raise KeyRegisterError("key register: there is no key of this name") from None

    def seal(self, key: AtRestKey, entropy: Callable[[int], bytes]) -> bytes:
        """The register as it is kept. Raises: SealedDataError: it is longer than 65,536 bytes."""
        keys = [asdict(each) for each in self.keys.values()]
        document = {"generation": self.generation, "keys": keys, "officers": self.officers}
        return key.seal(_packed(document), _REGISTER_PLACE, entropy)

    @classmethod
    def unseal(cls, key: AtRestKey, sealed: bytes) -> KeyRegister:
        """Raises: KeyRegisterError: altered, moved here from another place, or of another master key."""
        document = _unsealed(key, sealed, _REGISTER_PLACE, "key register")
        keys = [NamedKey(**each) for each in document["keys"]]
        return cls(document["generation"], {each.name: each for each in keys}, document["officers"])


@dataclass(frozen=True, slots=True)
class StoreHead:
    """What the files of an HSM should hold.

    `register` is the digest of the sealed register, `announced` that of the one about to take its place;
    `audit_count` records are in the audit log, and `audit_hash` is that of the last of them.
    """

    register: str = ""
    announced: str = ""
    audit_count: int = 0
    audit_hash: str = ""

    def seal(self, key: AtRestKey, entropy: Callable[[int], bytes]) -> bytes:
        """The head as it is kept."""
        return key.seal(_packed(asdict(self)), _HEAD_PLACE, entropy)

    @classmethod
    def unseal(cls, key: AtRestKey, sealed: bytes) -> StoreHead:
        """Raises: KeyRegisterError: altered, moved here from another place, or of another master key."""
        return cls(**_unsealed(key, sealed, _HEAD_PLACE, "store head"))


def digest(sealed: bytes) -> str:
    """The name of one state of the register: 64 hexadecimal digits."""
    return hashlib.sha256(sealed).hexdigest()


def _require_name(name: str) -> None:
    if _NAME.fullmatch(name) is None:
        raise KeyRegisterError("name: need 1 to 40 letters, digits, dots, dashes and underscores, found another")


def _packed(document: object) -> bytes:
    return json.dumps(document, separators=(",", ":"), sort_keys=True).encode("ascii")


def _unsealed(key: AtRestKey, sealed: bytes, place: bytes, what: str) -> dict[str, Any]:
    try:
        document: dict[str, Any] = json.loads(key.unseal(sealed, place))
    except SealedDataError:
        raise KeyRegisterError(
            f"{what}: altered, from another place, or of another master key",
            hint="is it the LMK this HSM was set up with?",
        ) from None
    return document
