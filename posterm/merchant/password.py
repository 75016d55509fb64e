"""Passwords: the rule they follow and the hash that is kept of them.

Source: scrypt, RFC 7914. The rule asks for letters, digits and symbols, as the apps of Chinese acquirers do.
"""

from __future__ import annotations

import hashlib
import hmac
from typing import Final

from posterm.merchant.applicant_problems import APPLICANT_PROBLEMS
from posterm.merchant.problem import Problem

SHORTEST: Final = 8
LONGEST: Final = 64
SALT_BYTES: Final = 16


def password_problems(password: str, path: str = "password") -> list[Problem]:
    """Everything that is wrong with a new password."""
    rules = {
        "password-too-short": len(password) < SHORTEST,
        "password-too-long": len(password) > LONGEST,
        "password-needs-letter": not any(char.isalpha() for char in password),
        "password-needs-digit": not any(char.isdigit() for char in password),
        "password-needs-symbol": all(char.isalnum() or char.isspace() for char in password),
    }
    return [APPLICANT_PROBLEMS[code].at(path) for code, broken in rules.items() if broken]


def hash_password(password: str, salt: bytes, cost: int) -> str:
    """What is kept of a password: cost, salt and hash. `cost` is the logarithm of scrypt's N; it takes N KiB."""
    digest = hashlib.scrypt(password.encode(), salt=salt, n=1 << cost, r=8, p=1, maxmem=1 << (cost + 11))
    return f"scrypt${cost}${salt.hex()}${digest.hex()}"


def is_password(password: str, kept: str) -> bool:
    """True when a password is the one of which this was kept; an empty text is the hash of none."""
    if not kept or len(password) > LONGEST:
        return False
    _, cost, salt, _ = kept.split("$")
    return hmac.compare_digest(hash_password(password, bytes.fromhex(salt), int(cost)), kept)
