"""What host, terminal and link ask of an HSM, wherever it is: in this process, or behind a port.

`posterm.hsm.SoftHsm` has these methods, and so has `posterm.runtime.remote_hsm.RemoteHsm`. What each takes, gives and
raises is said there; an HSM behind a port raises the same errors, and those of the link to it besides.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol, runtime_checkable

from posterm.hsm.commands.emv import ChipCard
from posterm.hsm.commands.keys import ExportedKey
from posterm.hsm.key_block import KeyBlock
from posterm.hsm.keys import Algorithm, KeyUsage
from posterm.hsm.mac import MacAlgorithm
from posterm.hsm.pin_block import Pin, PinFormat
from posterm.hsm.variant_key import KeyReference
from posterm.sensitive import Pan


@runtime_checkable
class ChipPort(Protocol):
    """An HSM as the issuer of chip cards uses it."""

    def verify_arqc(self, mk_ac: KeyReference, card: ChipCard, tags: Mapping[int, bytes], arqc: bytes) -> None:
        """Raises CryptogramMismatch when the cryptogram is not the card's over these data."""

    def generate_arpc(
        self, mk_ac: KeyReference, card: ChipCard, tags: Mapping[int, bytes], arqc: bytes, answer: bytes
    ) -> bytes:
        """The issuer's answer to a cryptogram."""

    def generate_script_mac(
        self, mk_smi: KeyReference, card: ChipCard, header: bytes, atc: int, arqc: bytes, data: bytes = b""
    ) -> bytes:
        """The MAC of a script command."""


@runtime_checkable
class TranslationPort(Protocol):
    """An HSM as an acquirer uses it that sends PINs on."""

    def translate_pin(
        self,
        source_pik: KeyReference,
        block: bytes,
        source_format: PinFormat,
        target_pik: KeyReference,
        target_format: PinFormat,
        pan: Pan | None,
    ) -> bytes:
        """The PIN block under another key."""


class HsmPort(Protocol):
    """An HSM as the payment link uses it."""

    # --- keys ---

    def generate_key(self, usage: KeyUsage, algorithm: Algorithm) -> KeyBlock:
        """A new random key."""

    def combine_components(
        self, components: Sequence[bytes], usage: KeyUsage, algorithm: Algorithm, kcv: bytes | None = None
    ) -> KeyBlock:
        """The key that 2 to 9 components give."""

    def import_key(
        self, kek: KeyReference, cryptogram: bytes, usage: KeyUsage, algorithm: Algorithm, kcv: bytes | None = None
    ) -> KeyBlock:
        """A key that comes enciphered under a key encryption key."""

    def export_key(self, kek: KeyReference, key: KeyReference) -> ExportedKey:
        """A key under a key encryption key, with its check value."""

    def key_check_value(self, key: KeyReference, length: int = 4) -> bytes:
        """The leftmost bytes of a key's check value."""

    # --- messages ---

    def generate_mac(self, key: KeyReference, algorithm: MacAlgorithm, data: bytes) -> bytes:
        """The MAC over a message."""

    def verify_mac(self, key: KeyReference, algorithm: MacAlgorithm, data: bytes, mac: bytes) -> None:
        """Raises MacError when it is not the MAC over the message."""

    # --- PIN and track ---

    def encrypt_pin(self, pik: KeyReference, pin: Pin | None, form: PinFormat, pan: Pan | None) -> bytes:
        """An enciphered PIN block."""

    def generate_pin_offset(self, pvk: KeyReference, pin: Pin, pan: Pan) -> str:
        """The IBM 3624 offset of a PIN."""

    def verify_pin(
        self, pik: KeyReference, block: bytes, form: PinFormat, pan: Pan, *, pvk: KeyReference, offset: str
    ) -> None:
        """Raises PinMismatch when the block holds another PIN than the offset was made of."""

    def encrypt_track(self, tdk: KeyReference, nibbles: str) -> str:
        """A track enciphered in place."""

    def decrypt_track(self, tdk: KeyReference, nibbles: str) -> str:
        """The reverse of `encrypt_track`."""

    # --- data at rest ---

    def seal(self, key: KeyReference, plaintext: bytes, context: bytes) -> bytes:
        """Data sealed for its place in a store."""

    def unseal(self, key: KeyReference, sealed: bytes, context: bytes) -> bytes:
        """The reverse of `seal`."""

    def fingerprint(self, key: KeyReference, data: bytes) -> str:
        """32 hexadecimal digits by which a store finds a value it does not hold."""
