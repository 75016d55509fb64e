"""Operators and their rights: 99 manages the system, 00 supervises, 01 and up are cashiers.

Passwords are kept as scrypt hashes, salted by terminal and operator number.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping
from typing import Final

from posterm.bcd import is_digits
from posterm.terminal.errors import TerminalError
from posterm.unionpay.transactions import Kind

SYSTEM_MANAGER: Final = "99"
SUPERVISOR: Final = "00"

TEST_PASSWORDS: Final[Mapping[str, str]] = {SYSTEM_MANAGER: "88888888", SUPERVISOR: "123456", "01": "0000"}
"""What a terminal is delivered with."""

PASSWORD_COST: Final = 1024
"""Small on purpose: the password has four digits, so no cost would save it once the file is stolen, and a terminal
checks it while a cashier waits."""

NEEDS_SUPERVISOR: Final = frozenset(
    {Kind.VOID, Kind.REFUND, Kind.PREAUTH_VOID, Kind.COMPLETION_VOID, Kind.QR_VOID, Kind.QR_REFUND}
)
"""Transactions for which the supervisor's password is asked."""


def hash_password(terminal_id: str, number: str, password: str, cost: int = PASSWORD_COST) -> str:
    """What is stored for an operator, hexadecimal. `cost` is scrypt's N, a power of two.

    Raises: TerminalError: the operator number is not two digits or the password not 4 to 8.
    """
    if len(number) != 2 or not is_digits(number):
        raise TerminalError("an operator number has two digits")
    if not 4 <= len(password) <= 8 or not is_digits(password):
        raise TerminalError("an operator password has 4 to 8 digits")
    salt = f"posterm operator {terminal_id}/{number}".encode()
    return hashlib.scrypt(password.encode(), salt=salt, n=cost, r=8, p=1, dklen=16).hex()


def password_is_right(
    hashes: Mapping[str, str], terminal_id: str, number: str, password: str, cost: int = PASSWORD_COST
) -> bool:
    """True when there is such an operator and this is the password. Malformed input is simply wrong."""
    try:
        given = hash_password(terminal_id, number, password, cost)
    except TerminalError:
        return False
    return hmac.compare_digest(given, hashes.get(number, ""))


def is_cashier(number: str) -> bool:
    """True for operators who may sell: everyone but the system manager and the supervisor."""
    return number not in (SYSTEM_MANAGER, SUPERVISOR)
