"""Every value the suite uses as if it were secret: the secrecy check looks for these in all captured output.

Sources: the keys, PIN blocks and card of the Q/CUP 009 link vectors in `tests/vectors`; the published field 62 example
K1 (code456.com, article 3026509) and MAC example M1 (youkuaiyun.com, article 80005341); the simulators' own test cards.
Leaves out short PINs such as 1234: they stand by chance in times and counters, so finding one says nothing.
"""

from __future__ import annotations

import importlib
import importlib.util
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import pairwise

KEYS = {
    "link vectors, TMK": "0123456789ABCDEFFEDCBA9876543210",
    "link vectors, PIK": "1A2B3C4D5E6F708192A3B4C5D6E7F801",
    "link vectors, MAK": "0D1E2F3A4B5C6D7E",
    "link vectors, TDK": "C0C1C2C3C4C5C6C7D0D1D2D3D4D5D6D7",
    "K1, TMK": "CA5D92598DCA48CE8A4C76361A9269E9",
    "K1, PIK": "807A23AD32B36D457AE91FDF927570EA",
    "K1, MAK": "5BB5C72CD00B7338",
    "M1, TMK": "70F2A84CCBC2AE8625CBB0F2C22AB923",
    "M1, TAK": "C24A8FB57AA20123",
}
PIN_BLOCKS = {
    "link vectors, clear PIN block": "061217139876FED9",
    "link vectors, clear SM4 PIN block": "06123456FFFFFFFFFFFFFFFFFFFFFFFF",
    "link vectors, clear SM4 PIN block with PAN": "06123456FFFFFFFFFFFFDCBA9876FED9",
}
PANS = {"link vectors, PAN": "6212345678901265"}
TRACKS = {"link vectors, track 2": "6212345678901265=30122011234567890123"}

_SEPARATORS = re.compile(r"[\s:\-_|.]+")


@dataclass(frozen=True)
class Secret:
    """One secret under a name that may be printed.

    `compact` are forms sought where spaces and separators do not count, `literal` forms sought as they are, both in
    lower case; `alone` is a short number that counts only with no letter or digit beside it.
    """

    name: str
    compact: tuple[str, ...] = field(default=(), repr=False)
    literal: tuple[str, ...] = field(default=(), repr=False)
    alone: str = field(default="", repr=False)


def secrets() -> tuple[Secret, ...]:
    """All secrets of the suite, the simulators' test cards among them."""
    return (
        *(_binary(name, value) for table in (KEYS, PIN_BLOCKS) for name, value in table.items()),
        *(_digits(name, value) for name, value in PANS.items()),
        *(_track(name, value) for name, value in TRACKS.items()),
        *_simulated_cards(),
        *_simulated_issuers(),
    )


def leaks(text: str, sought: tuple[Secret, ...]) -> list[str]:
    """Names of the secrets in `text`: as typed, spaced, in hexadecimal or as a bytes literal."""
    lower = text.lower()
    compact = _SEPARATORS.sub("", lower)
    return [secret.name for secret in sought if _stands_in(secret, lower, compact)]


def is_distinctive(pin: str) -> bool:
    """True when the PIN is no run and no repetition, and long enough not to turn up by chance."""
    steps = {(int(right) - int(left)) % 10 for left, right in pairwise(pin)}
    return len(pin) >= 6 and len(steps) > 1


def _stands_in(secret: Secret, lower: str, compact: str) -> bool:
    return (
        any(form in compact for form in secret.compact)
        or any(form in lower for form in secret.literal)
        or (bool(secret.alone) and re.search(rf"(?<![0-9a-z]){secret.alone}(?![0-9a-z])", lower) is not None)
    )


def _binary(name: str, hexadecimal: str) -> Secret:
    return Secret(name, (hexadecimal.lower(),), (_bytes_literal(bytes.fromhex(hexadecimal)),))


def _digits(name: str, digits: str) -> Secret:
    packed = bytes.fromhex(digits if len(digits) % 2 == 0 else digits + "F")
    return Secret(name, (digits, digits.encode().hex()), (_bytes_literal(packed),))


def _track(name: str, track: str) -> Secret:
    """What follows the expiry date (service code and discretionary data) is as secret as the PAN before it."""
    tail = track.split("=", 1)[1][4:]
    return Secret(name, (track.lower(), track.replace("=", "d").lower(), tail, tail.encode().hex()))


def _bytes_literal(value: bytes) -> str:
    return repr(value)[2:-1].lower()


def _simulated_cards() -> Iterator[Secret]:
    if importlib.util.find_spec("simulators.cards") is None:
        return
    for place, card in enumerate(importlib.import_module("simulators.cards").TEST_CARDS, start=1):
        name = f"test card {place}"
        yield _digits(f"{name}, PAN", _clear(card.pan))
        if track := _clear(card.track2):
            yield _track(f"{name}, track 2", track)
        if (pin := _clear(card.pin)) and is_distinctive(pin):
            yield Secret(f"{name}, PIN", alone=pin)


def _simulated_issuers() -> Iterator[Secret]:
    if importlib.util.find_spec("simulators.card") is None:
        return
    keys = importlib.import_module("simulators.card.issuer_keys")
    for scheme in keys.RIDS:
        masters = keys.master_keys(scheme)
        for purpose in ("cryptogram", "integrity", "confidentiality", "cvc3"):
            yield _binary(f"{scheme} test issuer, {purpose} key", getattr(masters, purpose).hex())


def _clear(value: object) -> str:
    reveal = getattr(value, "reveal", None)
    return str(reveal() if callable(reveal) else value or "")
