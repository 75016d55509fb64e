"""The one secret an HSM is started from: the local master keys it works with, and the key of its files, all come of it.

    secret ─┬─ AES key-block LMK       the secret itself
            ├─ TDES key-block LMK      derived
            ├─ variant LMK, 20 pairs   derived
            ├─ key of the files        derived; seals what the HSM keeps on disk
            └─ key of fingerprints     derived; PANs and keys whose failures are counted go by these

What is derived is HMAC-SHA-256 of a name under the secret. It is kept divided into shares (`shares`), or sealed under a
passphrase by scrypt as one line:

    posterm-lmk-1:<cost>:<salt>:<sealed secret>

Source: NIST SP 800-108 (counter mode, HMAC), RFC 7914 (scrypt), NIST SP 800-38D (GCM).
Left out: several master keys at a time, a change of them.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Callable
from typing import Final

from posterm.hsm.at_rest import AtRestKey
from posterm.hsm.errors import KeyBlockError, PassphraseError, SealedDataError
from posterm.hsm.key_block import drawn
from posterm.hsm.lmk import Lmk, TdesLmk
from posterm.hsm.passphrase import COST, SALT_BYTES, require_long_enough, stretched
from posterm.hsm.variant_lmk import PAIR_BYTES, PAIRS, VariantLmk

SECRET_BYTES: Final = 32

_HEAD: Final = "posterm-lmk-1"
_LINE: Final = re.compile(rf"{_HEAD}:(?P<cost>[0-9]{{2}}):(?P<salt>[0-9a-f]{{32}}):(?P<sealed>[0-9a-f]{{120}})")


class MasterSecret:
    """The secret, and what comes of it.

    Args:
        secret: 32 bytes.
    Raises: KeyBlockError: another length.
    """

    __slots__ = ("_secret", "files", "fingerprints", "is_test", "lmk", "tdes_lmk", "variant_lmk")

    def __init__(self, secret: bytes) -> None:
        if len(secret) != SECRET_BYTES:
            raise KeyBlockError(f"a master secret is {SECRET_BYTES} bytes, this has {len(secret)}")
        self._secret = secret
        self.lmk = Lmk(secret)
        self.tdes_lmk = TdesLmk(_derived(secret, "tdes key-block lmk", 24))
        pairs = _derived(secret, "variant lmk", PAIRS * PAIR_BYTES)
        self.variant_lmk = VariantLmk(
            tuple(pairs[place : place + PAIR_BYTES] for place in range(0, len(pairs), PAIR_BYTES))
        )
        self.files = AtRestKey(_derived(secret, "files", 32))
        self.fingerprints = _derived(secret, "fingerprints of subjects", 32)
        self.is_test = self.lmk.is_test
        """True for the published test keys, under which nothing real may be kept."""

    @classmethod
    def test(cls) -> MasterSecret:
        """The published test LMKs of all three kinds, and a key of the files that anyone can make."""
        whole = cls(hashlib.sha256(b"posterm test master secret").digest())
        whole.lmk, whole.tdes_lmk, whole.variant_lmk = Lmk.test(), TdesLmk.test(), VariantLmk.test()
        whole.is_test = True
        return whole

    @classmethod
    def draw(cls, entropy: Callable[[int], bytes]) -> MasterSecret:
        """A new one."""
        return cls(drawn(entropy, SECRET_BYTES))

    @property
    def check_value(self) -> str:
        """6 hexadecimal digits that name it without telling it: the check value of its AES LMK."""
        return self.lmk.check_value.hex().upper()

    def reveal(self) -> bytes:
        """The secret itself, for a ceremony that divides it among its keepers."""
        return self._secret

    def seal(self, passphrase: str, entropy: Callable[[int], bytes]) -> str:
        """The secret under a passphrase of at least 12 characters, as one line. Raises: PassphraseError."""
        require_long_enough(passphrase)
        salt = drawn(entropy, SALT_BYTES)
        sealed = AtRestKey(stretched(passphrase, salt)).seal(self._secret, _context(COST, salt), entropy)
        return f"{_HEAD}:{COST}:{salt.hex()}:{sealed.hex()}"

    @classmethod
    def unseal(cls, line: str, passphrase: str) -> MasterSecret:
        """The reverse of `seal`. Raises: PassphraseError: another passphrase, or a line of another form or altered."""
        match = _LINE.fullmatch(line.strip())
        if match is None or int(match["cost"]) != COST:
            raise PassphraseError(f"sealed master secret: need a line that begins with {_HEAD}:{COST}, found another")
        salt = bytes.fromhex(match["salt"])
        try:
            secret = AtRestKey(stretched(passphrase, salt)).unseal(bytes.fromhex(match["sealed"]), _context(COST, salt))
        except SealedDataError:
            raise PassphraseError("sealed master secret: another passphrase, or the line was altered") from None
        return cls(secret)

    def __repr__(self) -> str:
        return f"<MasterSecret {'test' if self.is_test else self.check_value}>"

    def __reduce__(self) -> tuple[object, ...]:
        raise TypeError("MasterSecret is not pickled: it would travel in the clear")


def is_sealed(line: str) -> bool:
    """True when the text is that of a master secret under a passphrase."""
    return line.startswith(_HEAD)


def _derived(secret: bytes, name: str, size: int) -> bytes:
    """SP 800-108 in counter mode: counter, name, separator, length in bits."""
    blocks = [
        hmac.digest(secret, bytes([number]) + name.encode("ascii") + b"\0" + (size * 8).to_bytes(2, "big"), "sha256")
        for number in range(1, -(-size // 32) + 1)
    ]
    return b"".join(blocks)[:size]


def _context(cost: int, salt: bytes) -> bytes:
    return f"{_HEAD}:{cost}:".encode("ascii") + salt
