"""Keys of a chip card: its own, derived from the issuer's master key, and those of one transaction.

    card key, option A    E(master, last 16 digits of PAN and sequence number), then of their complement
    card key, option B    the same from a decimalised SHA-1 of them, when the PAN is longer than 16 digits
    common session        E(card key, R with F0 in its third byte), then with 0F
    tree                  EMV 2000: from key to key down a tree, by the digits of the counter
    UnionPay              E(card key, counter behind zeros), then the counter's complement
    Visa script           card key xor counter, and its complement in the right half

Derived keys get odd parity, which changes nothing that is enciphered under them.

Source: EMV 4.3 Book 2, A1.3 and A1.4; EMV 4.1 Book 2, A1.3.1 (tree); JR/T 0025.7 (UnionPay); Visa and Mastercard as
publicly described.
Left out: option C (AES).
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from functools import partial
from typing import Final

from posterm.hsm.errors import CryptogramError, KeyUsageError
from posterm.hsm.keys import Algorithm
from posterm.hsm.pin_verify import decimalised
from posterm.hsm.primitives import ODD_PARITY, BlockCipher, encrypt_once
from posterm.sensitive import Pan

KEY_BYTES: Final = 16
KEPT_CARDS: Final = 16_384
"""Card keys kept at most for one master key; the one derived first goes first."""
TREE_HEIGHT: Final = 8
TREE_BRANCHES: Final = 4

_ONES: Final = 0xFFFF_FFFF_FFFF_FFFF


class CardKey:
    """A card's own key with its contexts kept, for a card that is seen again.

    Args:
        clear: 16 bytes.
    Raises: CryptogramError: another length.
    """

    __slots__ = ("clear", "encrypt")

    def __init__(self, clear: bytes) -> None:
        self.clear = _required(clear)
        self.encrypt = BlockCipher(Algorithm.TDES_DOUBLE, clear).encrypt

    def __repr__(self) -> str:
        return "<CardKey>"


class IssuerKey:
    """An issuer's master key for one purpose, with the keys of the cards last seen under it.

    Raises: KeyUsageError: not a double-length key.
    """

    __slots__ = ("_cards", "_encrypt")

    def __init__(self, algorithm: Algorithm, clear: bytes) -> None:
        if algorithm is not Algorithm.TDES_DOUBLE:
            raise KeyUsageError(f"a {algorithm} key is no issuer master key")
        self._encrypt = BlockCipher(algorithm, clear).encrypt
        self._cards: dict[tuple[str, str, bool], CardKey] = {}

    def card(self, pan: Pan, sequence: str = "00", *, option_b: bool = False) -> CardKey:
        """The key of one card, derived once and kept. Args and Raises: as `card_key`."""
        name = pan.reveal(), sequence, option_b
        return self._cards.get(name) or self._derived(name, card_key_input(pan, sequence, option_b=option_b))

    def card_of(self, data: str) -> CardKey:
        """The key of the card whose 16 digits these are, as `card_key_input` gives them; else as `card`."""
        name = data, "", False
        return self._cards.get(name) or self._derived(name, data)

    def _derived(self, name: tuple[str, str, bool], data: str) -> CardKey:
        card = CardKey(_wide(self._encrypt, int(data, 16), _ONES))
        if len(self._cards) >= KEPT_CARDS:
            del self._cards[next(iter(self._cards))]
        self._cards[name] = card
        return card

    def __repr__(self) -> str:
        return "<IssuerKey>"


def card_key(master: bytes, pan: Pan, sequence: str = "00", *, option_b: bool = False) -> bytes:
    """A card's own key, 16 bytes.

    Args:
        master: the issuer's master key for this purpose, 16 bytes.
        sequence: the PAN sequence number, 2 digits.
        option_b: for PANs longer than 16 digits; shorter ones come out the same.
    Raises: CryptogramError: another length.
    """
    return _wide(_encryption(master), int(card_key_input(pan, sequence, option_b=option_b), 16), _ONES)


def card_key_input(pan: Pan, sequence: str = "00", *, option_b: bool = False) -> str:
    """The 16 digits that `card_key` enciphers. Raises: CryptogramError: a sequence number that is not 2 digits."""
    if len(sequence) != 2 or not (sequence.isascii() and sequence.isdecimal()):
        raise CryptogramError("card key: a PAN sequence number is 2 digits, this is not")
    digits = pan.reveal() + sequence
    if not option_b or len(digits) <= 18:
        return digits[-16:].rjust(16, "0")
    packed = bytes.fromhex(digits if len(digits) % 2 == 0 else "0" + digits)
    return decimalised(hashlib.sha1(packed, usedforsecurity=False).digest(), 16)


def emv_session_key(key: bytes | CardKey, r: bytes) -> bytes:
    """The session key for `r`, 8 bytes of which the third does not count. Raises: CryptogramError: other lengths."""
    if len(r) != 8:
        raise CryptogramError(f"session key: need 8 bytes to derive it from, found {len(r)}")
    value = int.from_bytes(r, "big") & 0xFFFF_00FF_FFFF_FFFF
    return _wide(_encryption(key), value | 0xF0 << 40, 0xFF << 40)


def unionpay_session_key(key: bytes | CardKey, atc: int) -> bytes:
    """The session key of a UnionPay card for one counter. Raises: CryptogramError: other lengths."""
    return _wide(_encryption(key), require_atc(atc), 0xFFFF)


def visa_script_key(key: bytes | CardKey, atc: int) -> bytes:
    """The script key of a Visa card for one counter. Raises: CryptogramError: other lengths."""
    require_atc(atc)
    number = int.from_bytes(clear_key(key), "big") ^ atc << 64 ^ atc ^ 0xFFFF
    return number.to_bytes(KEY_BYTES, "big").translate(ODD_PARITY)


def tree_session_key(key: bytes | CardKey, atc: int, height: int = TREE_HEIGHT, branches: int = TREE_BRANCHES) -> bytes:
    """The session key at a leaf of the EMV 2000 tree.

    Args:
        height, branches: 8 and 4, or 16 and 2.
    Raises: CryptogramError: other lengths, or a tree with fewer leaves than counters.
    """
    require_atc(atc)
    if not 1 <= height <= 16 or not 2 <= branches <= 256 or branches**height < 1 << 16:
        raise CryptogramError("session key: a tree needs a leaf for each of 65,536 counters")
    grandparent, parent = bytes(16), clear_key(key)
    for level in range(height - 1, 0, -1):
        grandparent, parent = parent, _branch(parent, grandparent, atc // branches**level % branches)
    leaf = int.from_bytes(_branch(parent, grandparent, atc % branches), "big") ^ int.from_bytes(grandparent, "big")
    return leaf.to_bytes(16, "big").translate(ODD_PARITY)


def require_atc(atc: int) -> int:
    """The counter itself. Raises: CryptogramError: beyond 2 bytes."""
    if not 0 <= atc <= 0xFFFF:
        raise CryptogramError("an application transaction counter has two bytes, this has more")
    return atc


def _branch(parent: bytes, grandparent: bytes, digit: int) -> bytes:
    blocks = int.from_bytes(grandparent, "big") ^ digit << 64 ^ digit ^ 0xF0
    return encrypt_once(Algorithm.TDES_DOUBLE, parent, blocks.to_bytes(16, "big"))


def clear_key(key: bytes | CardKey) -> bytes:
    """The key itself, 16 bytes. Raises: CryptogramError: another length."""
    return key.clear if isinstance(key, CardKey) else _required(key)


def _encryption(key: bytes | CardKey) -> Callable[[bytes], bytes]:
    if isinstance(key, CardKey):
        return key.encrypt
    return partial(encrypt_once, Algorithm.TDES_DOUBLE, _required(key))


def _wide(encrypt: Callable[[bytes], bytes], left: int, mask: int) -> bytes:
    """`left` and `left` xor `mask`, each enciphered as a block."""
    return encrypt((left << 64 | left ^ mask).to_bytes(16, "big")).translate(ODD_PARITY)


def _required(key: bytes) -> bytes:
    if len(key) != KEY_BYTES:
        raise CryptogramError(f"a chip card's keys are {KEY_BYTES} bytes, this has {len(key)}")
    return key
