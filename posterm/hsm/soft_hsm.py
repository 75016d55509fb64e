"""The HSM in process: keys go by their blocks, PINs and keys are in the clear in here only.

Every command opens its keys by `_open`: usage, mode of use and algorithm are read from the block's header and refused
there, before any cryptography; then the block is unsealed, once, and the cipher contexts are kept for the next call.

Source: ISO 9564-1 (PIN handling), ANSI X9.143-2021 (key attributes), Q/CUP 009 (MAC, PIN and track of the POS link),
Thales payShield (key block LMK, IBM 3624 parameters).
Left out: budgets for failed verifications, authorized states and the audit log, which need a store.
"""

from __future__ import annotations

import hmac
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from posterm.hsm import key_block, pin_block, pin_verify, track
from posterm.hsm.at_rest import AtRestKey
from posterm.hsm.errors import (
    HsmError,
    KeyCheckError,
    KeyUsageError,
    PinBlockError,
    PinError,
    PinMismatch,
    PinTranslationError,
)
from posterm.hsm.key_block import KeyBlock
from posterm.hsm.keys import (
    DES_FAMILY,
    PERMITS,
    STRENGTH_BITS,
    Algorithm,
    Exportability,
    KeyUsage,
    ModeOfUse,
    Operation,
)
from posterm.hsm.lmk import Lmk
from posterm.hsm.mac import KEY_ALGORITHMS, MacAlgorithm, MacKey
from posterm.hsm.pin_block import WIDENED, Pin, PinFormat
from posterm.hsm.primitives import BlockCipher, check_value, require_key_length
from posterm.sensitive import Pan

KEPT_KEYS: Final = 16_384
"""Opened keys kept at most: three for each of five thousand terminals."""

_LONGEST_CHECK_VALUE: Final = 16


@dataclass(frozen=True, slots=True)
class ExportedKey:
    """A key under a key encryption key, as it goes to the other side."""

    cryptogram: bytes
    """As long as the key; ECB."""
    kcv: bytes
    """4 bytes."""


@dataclass(frozen=True, slots=True, eq=False)
class Need:
    """What a command asks of a key. Compared by identity: there is one of each, in the table below."""

    usage: KeyUsage
    operation: Operation
    algorithms: frozenset[Algorithm]


_PIN_CIPHERS: Final = DES_FAMILY | {Algorithm.SM4}

UNWRAP: Final = Need(KeyUsage.KEY_ENCRYPTION, Operation.DECRYPT, frozenset(Algorithm))
WRAP: Final = Need(KeyUsage.KEY_ENCRYPTION, Operation.ENCRYPT, frozenset(Algorithm))
ENCRYPT_PIN: Final = Need(KeyUsage.PIN_ENCRYPTION, Operation.ENCRYPT, _PIN_CIPHERS)
DECRYPT_PIN: Final = Need(KeyUsage.PIN_ENCRYPTION, Operation.DECRYPT, _PIN_CIPHERS)
GENERATE_OFFSET: Final = Need(KeyUsage.PIN_VERIFICATION_IBM, Operation.GENERATE, DES_FAMILY)
VERIFY_OFFSET: Final = Need(KeyUsage.PIN_VERIFICATION_IBM, Operation.VERIFY, DES_FAMILY)
ENCRYPT_TRACK: Final = Need(KeyUsage.DATA_ENCRYPTION, Operation.ENCRYPT, DES_FAMILY)
DECRYPT_TRACK: Final = Need(KeyUsage.DATA_ENCRYPTION, Operation.DECRYPT, DES_FAMILY)
_AES: Final = frozenset({Algorithm.AES_128, Algorithm.AES_256})
SEAL: Final = Need(KeyUsage.STORAGE, Operation.ENCRYPT, _AES)
UNSEAL: Final = Need(KeyUsage.STORAGE, Operation.DECRYPT, _AES)
FINGERPRINT: Final = Need(KeyUsage.FINGERPRINT, Operation.GENERATE, _AES)
GENERATE_MAC: Final = {form: Need(KeyUsage.MAC, Operation.GENERATE, keys) for form, keys in KEY_ALGORITHMS.items()}
VERIFY_MAC: Final = {form: Need(KeyUsage.MAC, Operation.VERIFY, keys) for form, keys in KEY_ALGORITHMS.items()}


class _OpenKey:
    """An unsealed key: its kept contexts, without the key itself, and the needs it was found to meet."""

    __slots__ = ("algorithm", "at_rest", "cipher", "mac", "passed")

    def __init__(self, algorithm: Algorithm, clear: bytes) -> None:
        self.algorithm = algorithm
        self.at_rest = AtRestKey(clear) if algorithm in _AES else None
        self.mac = MacKey(algorithm, clear)
        self.cipher: BlockCipher = self.mac.cipher
        self.passed: set[Need] = set()

    def __repr__(self) -> str:
        return f"<_OpenKey {self.algorithm}>"


class SoftHsm:
    """A software HSM under one local master key.

    Args:
        lmk: seals the key blocks.
        entropy: called with a number of bytes, gives that many. Operating system randomness, or seeded in simulations.
        kept_keys: how many opened keys are kept at most; the one opened first goes first.
        allow_weaker_translation: let `translate_pin` go to a weaker cipher or give up the PAN binding.
    """

    __slots__ = ("_allow_weaker_translation", "_entropy", "_kept", "_kept_keys", "_lmk")

    def __init__(
        self,
        lmk: Lmk,
        entropy: Callable[[int], bytes],
        *,
        kept_keys: int = KEPT_KEYS,
        allow_weaker_translation: bool = False,
    ) -> None:
        if kept_keys < 1:
            raise HsmError(f"at least one opened key must be kept, this says {kept_keys}")
        self._lmk = lmk
        self._entropy = entropy
        self._kept: dict[KeyBlock, _OpenKey] = {}
        self._kept_keys = kept_keys
        self._allow_weaker_translation = allow_weaker_translation

    @property
    def uses_test_lmk(self) -> bool:
        """True under the published test LMK, under which nothing real may be kept."""
        return self._lmk.is_test

    def __repr__(self) -> str:
        return f"<SoftHsm {self._lmk!r}, {len(self._kept)} keys kept>"

    # --- keys ---------------------------------------------------------------------------------------------------------

    def generate_key(
        self,
        usage: KeyUsage,
        algorithm: Algorithm,
        *,
        mode: ModeOfUse | None = None,
        exportability: Exportability = Exportability.EXPORTABLE,
    ) -> KeyBlock:
        """A new random key. DES and TDES keys get odd parity."""
        clear = key_block.drawn(self._entropy, algorithm.key_bytes)
        if algorithm.is_des:
            clear = bytes([_ODD_PARITY[byte] for byte in clear])
        return self._wrap(clear, usage, algorithm, mode, exportability)

    def load_clear_key(
        self,
        key: bytes,
        usage: KeyUsage,
        algorithm: Algorithm,
        *,
        mode: ModeOfUse | None = None,
        exportability: Exportability = Exportability.EXPORTABLE,
    ) -> KeyBlock:
        """Take a clear key in. For tests and published samples: a real key is never whole in one place in the clear.

        Args:
            key: as many bytes as the algorithm asks for; parity is not looked at.
        Raises: KeyCheckError: another length, or a double-length key of which the second half is zero.
        """
        return self._wrap(key, usage, algorithm, mode, exportability)

    def combine_components(
        self,
        components: Sequence[bytes],
        usage: KeyUsage,
        algorithm: Algorithm,
        kcv: bytes | None = None,
        *,
        mode: ModeOfUse | None = None,
        exportability: Exportability = Exportability.EXPORTABLE,
    ) -> KeyBlock:
        """The key that 2 to 9 components give, by exclusive or.

        Args:
            components: each as long as the key.
            kcv: 2 to 16 bytes of the expected check value, when there is one to compare with.
        Raises: KeyCheckError: number or length of the components, components that cancel out, or the check value.
        """
        if not 2 <= len(components) <= 9:
            raise KeyCheckError(f"key components: need 2 to 9, found {len(components)}")
        combined = 0
        for place, component in enumerate(components, 1):
            if len(component) != algorithm.key_bytes:
                raise KeyCheckError(
                    f"key component {place}: a {algorithm} component is {algorithm.key_bytes} bytes,"
                    f" this has {len(component)}"
                )
            combined ^= int.from_bytes(component, "big")
        if not combined:
            raise KeyCheckError("key components: they cancel out and leave a key of zeros")
        clear = combined.to_bytes(algorithm.key_bytes, "big")
        if kcv is not None:
            _require_check_value(clear, usage, algorithm, kcv)
        return self._wrap(clear, usage, algorithm, mode, exportability)

    def import_key(
        self,
        kek: KeyBlock,
        cryptogram: bytes,
        usage: KeyUsage,
        algorithm: Algorithm,
        kcv: bytes | None = None,
        *,
        mode: ModeOfUse | None = None,
        exportability: Exportability = Exportability.EXPORTABLE,
    ) -> KeyBlock:
        """Take a key in that comes enciphered under a key encryption key, in ECB.

        Args:
            cryptogram: as long as the key. A double-length slot of which the second half is zero holds a single-length
                key: whoever reads the layout asks for DES with the first half.
            kcv: 2 to 16 bytes of the expected check value; without one nothing tells a wrong key.
        Raises: KeyCheckError: length, zero half, or the check value. KeyUsageError: `kek` is none, or too weak.
        """
        opened = self._open(kek, UNWRAP)
        _require_wraps(opened.algorithm, algorithm)
        require_key_length(algorithm, cryptogram)
        _require_no_zero_half(algorithm, cryptogram)
        clear = opened.cipher.decrypt(cryptogram)
        if kcv is not None:
            _require_check_value(clear, usage, algorithm, kcv)
        return self._wrap(clear, usage, algorithm, mode, exportability)

    def export_key(self, kek: KeyBlock, key: KeyBlock) -> ExportedKey:
        """A key under a key encryption key, in ECB, with its check value.

        Raises: KeyUsageError: `kek` is none or weaker than the key, or the key may not be exported.
        """
        key = KeyBlock(key)
        if key.exportability is Exportability.NON_EXPORTABLE:
            raise KeyUsageError(f"key export: the header of this {key.usage} key forbids it")
        opened = self._open(kek, WRAP)
        algorithm, clear = key_block.unwrap(self._lmk, key)
        _require_wraps(opened.algorithm, algorithm)
        return ExportedKey(opened.cipher.encrypt(clear), check_value(algorithm, clear, 4))

    def key_check_value(self, key: KeyBlock, length: int = 4) -> bytes:
        """The leftmost bytes of the key's check value: 1 to its cipher's block length. Any key has one."""
        algorithm, clear = key_block.unwrap(self._lmk, KeyBlock(key))
        return check_value(algorithm, clear, length)

    # --- MAC ----------------------------------------------------------------------------------------------------------

    def generate_mac(self, key: KeyBlock, algorithm: MacAlgorithm, data: bytes) -> bytes:
        """The MAC over at most 65,536 bytes: 8 bytes as DE 64 carries them.

        Raises: KeyUsageError: no MAC key, or not one for `algorithm`. MacError: too much data.
        """
        opened = self._open(key, GENERATE_MAC[algorithm])
        return opened.mac.generate(algorithm, data)

    def verify_mac(self, key: KeyBlock, algorithm: MacAlgorithm, data: bytes, mac: bytes) -> None:
        """Raises: MacError: `mac` is not the MAC over `data`. KeyUsageError: as `generate_mac`."""
        opened = self._open(key, VERIFY_MAC[algorithm])
        opened.mac.verify(algorithm, data, mac)

    # --- PIN ----------------------------------------------------------------------------------------------------------

    def encrypt_pin(self, pik: KeyBlock, pin: Pin | None, form: PinFormat, pan: Pan | None) -> bytes:
        """An enciphered PIN block: 8 bytes, or 16 under SM4.

        Args:
            pin: None for `PinFormat.NO_PIN` alone.
            form: under SM4, `ISO_0` and `NO_PAN` mean their 16-byte forms.
            pan: needed by forms that bind it.
        Raises: KeyUsageError: no PIN encryption key, or its cipher and the form differ in block length.
            PinError: PIN or PAN missing, or a PIN too many.
        """
        opened = self._open(pik, ENCRYPT_PIN)
        clear = pin_block.encode(_form_for(opened.algorithm, form), pin, pan)
        if form is PinFormat.NO_PIN:
            clear = clear.ljust(opened.cipher.block_bytes, b"\xff")
        return opened.cipher.encrypt(clear)

    def generate_pin_offset(
        self,
        pvk: KeyBlock,
        pin: Pin,
        pan: Pan,
        *,
        validation_data: str | None = None,
        decimalisation_table: str = pin_verify.DECIMALISATION_TABLE,
    ) -> str:
        """The IBM 3624 offset of a PIN: what the issuer keeps to verify it. As many digits as the PIN.

        Args:
            validation_data: 16 hexadecimal digits; the 12 rightmost PAN digits before the check digit and `FFFF` when
                left out. `pin_verify.validation_data_from_template` makes it from the payShield form.
            decimalisation_table: 16 digits, at least 8 different, none more than 4 times.
        Raises: KeyUsageError: no IBM PIN verification key. PinError: validation data or table of another form.
        """
        opened = self._open(pvk, GENERATE_OFFSET)
        if validation_data is None:
            validation_data = pin_verify.default_validation_data(pan)
        digits = pin.reveal()
        natural = pin_verify.natural_pin(opened.cipher, len(digits), validation_data, decimalisation_table)
        return pin_verify.offset_of(digits, natural)

    def verify_pin(
        self,
        pik: KeyBlock,
        block: bytes,
        form: PinFormat,
        pan: Pan,
        *,
        pvk: KeyBlock,
        offset: str,
        validation_data: str | None = None,
        decimalisation_table: str = pin_verify.DECIMALISATION_TABLE,
    ) -> None:
        """Hold an enciphered PIN block against the issuer's IBM 3624 offset.

        Args:
            offset: 4 to 12 digits; its length is the check length, and the PIN must have the same.
            validation_data, decimalisation_table: as for `generate_pin_offset`.
        Raises: PinMismatch: another PIN. PinBlockError: no PIN in the block. KeyUsageError: either key.
            PinError: offset, validation data or table of another form.
        """
        opened = self._open(pik, DECRYPT_PIN)
        verifier = self._open(pvk, VERIFY_OFFSET)
        pin_verify.require_offset(offset)
        if validation_data is None:
            validation_data = pin_verify.default_validation_data(pan)
        natural = pin_verify.natural_pin(verifier.cipher, len(offset), validation_data, decimalisation_table)
        _, digits = _decrypt_pin(opened, block, form, pan)
        if not hmac.compare_digest(digits, pin_verify.pin_from_offset(offset, natural)):
            raise PinMismatch

    def translate_pin(
        self,
        source_pik: KeyBlock,
        block: bytes,
        source_format: PinFormat,
        target_pik: KeyBlock,
        target_format: PinFormat,
        pan: Pan | None,
    ) -> bytes:
        """Re-encipher a PIN block under another PIN key, and in another form where that is allowed.

        The PAN stays the same. A form that binds the PAN is not turned into one that does not, nor is the block put
        under a weaker cipher, unless this HSM was built to allow it (ISO 9564-1, 9.4.2).

        Returns: 8 bytes, or 16 under SM4.
        Raises: PinBlockError: no PIN in the block. PinTranslationError: a translation that weakens.
            KeyUsageError: either key. PinError: a form without a PIN, or no PAN for one that binds it.
        """
        source = self._open(source_pik, DECRYPT_PIN)
        target = self._open(target_pik, ENCRYPT_PIN)
        if target_format is PinFormat.NO_PIN:
            raise PinError("PIN translation: the form without a PIN has none to carry")
        if not self._allow_weaker_translation:
            _require_no_weaker(source.algorithm, source_format, target.algorithm, target_format)
        clear, digits = _decrypt_pin(source, block, source_format, pan)
        form = _form_for(target.algorithm, target_format)
        # A sound block has one form only: when the form stays, it is the block already.
        if form is not _form_for(source.algorithm, source_format):
            clear = pin_block.encode_digits(form, digits, pan)
        return target.cipher.encrypt(clear)

    # --- track --------------------------------------------------------------------------------------------------------

    def encrypt_track(self, tdk: KeyBlock, nibbles: str) -> str:
        """Encipher a track in place, as `posterm.hsm.track` describes.

        Args:
            nibbles: 17 to 107 of 0-9, A-F and `=`.
        Returns: as many nibbles in upper case, separators as D.
        Raises: KeyUsageError: no data key, or one of a cipher with 16-byte blocks. TrackError: no such track.
        """
        opened = self._open(tdk, ENCRYPT_TRACK)
        return track.in_place(nibbles, opened.cipher.encrypt)

    def decrypt_track(self, tdk: KeyBlock, nibbles: str) -> str:
        """The reverse of `encrypt_track`; separators come out as D."""
        opened = self._open(tdk, DECRYPT_TRACK)
        return track.in_place(nibbles, opened.cipher.decrypt)

    # --- data at rest -------------------------------------------------------------------------------------------------

    def seal(self, key: KeyBlock, plaintext: bytes, context: bytes) -> bytes:
        """Seal at most 65,536 bytes for a store; `context` names their place and is needed to unseal them.

        Returns: 28 bytes more than `plaintext`.
        Raises: KeyUsageError: no storage key. SealedDataError: too much data.
        """
        return self._at_rest(key, SEAL).seal(plaintext, context, self._entropy)

    def unseal(self, key: KeyBlock, sealed: bytes, context: bytes) -> bytes:
        """Raises: SealedDataError: altered, of another key, or from another place. KeyUsageError: no storage key."""
        return self._at_rest(key, UNSEAL).unseal(sealed, context)

    def fingerprint(self, key: KeyBlock, data: bytes) -> str:
        """32 hexadecimal digits by which a store finds a value it does not hold. Raises: KeyUsageError."""
        return self._at_rest(key, FINGERPRINT).fingerprint(data)

    def _at_rest(self, key: KeyBlock, need: Need) -> AtRestKey:
        at_rest = self._open(key, need).at_rest
        if at_rest is None:
            raise KeyUsageError(f"a {need.usage} key is an AES key")
        return at_rest

    # --- opening ------------------------------------------------------------------------------------------------------

    def _open(self, block: KeyBlock, need: Need) -> _OpenKey:
        opened = self._kept.get(block)
        if opened is None or need not in opened.passed:
            opened = self._admit(block, need)
        return opened

    def _admit(self, block: KeyBlock, need: Need) -> _OpenKey:
        """Hold a key against what a command needs: its header before it is unsealed, its length after."""
        block = KeyBlock(block)
        usage, mode = block.usage, block.mode
        if usage is not need.usage or need.operation not in PERMITS[mode]:
            raise KeyUsageError(
                f"key usage: need a {need.usage} key that may {need.operation}, found a {usage} key that may"
                f" {' and '.join(sorted(PERMITS[mode]))}"
            )
        if all(block.letter != algorithm.letter for algorithm in need.algorithms):
            raise _wrong_algorithm(need, block.letter)
        opened = self._kept.get(block) or self._unseal(block)
        if opened.algorithm not in need.algorithms:
            raise _wrong_algorithm(need, opened.algorithm)
        opened.passed.add(need)
        return opened

    def _unseal(self, block: KeyBlock) -> _OpenKey:
        opened = _OpenKey(*key_block.unwrap(self._lmk, block))
        if len(self._kept) >= self._kept_keys:
            del self._kept[next(iter(self._kept))]
        self._kept[block] = opened
        return opened

    def _wrap(
        self,
        clear: bytes,
        usage: KeyUsage,
        algorithm: Algorithm,
        mode: ModeOfUse | None,
        exportability: Exportability,
    ) -> KeyBlock:
        require_key_length(algorithm, clear)
        _require_no_zero_half(algorithm, clear)
        return key_block.wrap(self._lmk, clear, usage, algorithm, self._entropy, mode, exportability)


def _decrypt_pin(opened: _OpenKey, block: bytes, form: PinFormat, pan: Pan | None) -> tuple[bytes, str]:
    """The clear block and the digits in it."""
    form = _form_for(opened.algorithm, form)
    if len(block) != opened.cipher.block_bytes:
        raise PinBlockError
    clear = opened.cipher.decrypt(block)
    return clear, pin_block.digits_of(form, clear, pan)


def _form_for(algorithm: Algorithm, form: PinFormat) -> PinFormat:
    """The form as this cipher's block length has it."""
    found = _FORMS.get((algorithm, form))
    if found is None:
        raise KeyUsageError(f"PIN block: a {algorithm} key does not encipher the form {form}")
    return found


def _require_no_weaker(source: Algorithm, source_form: PinFormat, target: Algorithm, target_form: PinFormat) -> None:
    if (source, source_form, target, target_form) in _STRONG_ENOUGH:
        return
    if STRENGTH_BITS[target] < STRENGTH_BITS[source]:
        raise PinTranslationError(f"PIN translation: from {source} to the weaker {target} is not permitted")
    raise PinTranslationError(
        f"PIN translation: from {source_form} to {target_form}, which does not bind the PAN, is not permitted"
    )


def _require_wraps(kek: Algorithm, key: Algorithm) -> None:
    """A key goes under a key encryption key of its own family that is no weaker than itself."""
    same_family = kek.letter == key.letter or (kek.is_des and key.is_des)
    if not same_family or STRENGTH_BITS[kek] < STRENGTH_BITS[key]:
        raise KeyUsageError(f"key encryption: a {kek} key does not wrap a {key} key")


def _require_no_zero_half(algorithm: Algorithm, key: bytes) -> None:
    if algorithm is Algorithm.TDES_DOUBLE and not any(key[8:]):
        raise KeyCheckError(
            "key: the second half of a double-length key is zero",
            hint="the slot holds a single-length key: import its first 8 bytes as des",
        )


def _require_check_value(clear: bytes, usage: KeyUsage, algorithm: Algorithm, kcv: bytes) -> None:
    longest = min(_LONGEST_CHECK_VALUE, algorithm.block_bytes)
    if not 2 <= len(kcv) <= longest:
        raise KeyCheckError(f"key check value: need 2 to {longest} bytes for a {algorithm} key, this has {len(kcv)}")
    if not hmac.compare_digest(check_value(algorithm, clear, len(kcv)), kcv):
        raise KeyCheckError(
            f"key check value: it does not match the {usage} key that came with it, taken as {algorithm}",
            hint="the two sides may hold different key encryption keys, or the key's place or length was misread",
        )


def _wrong_algorithm(need: Need, found: str) -> KeyUsageError:
    allowed = ", ".join(sorted(need.algorithms))
    return KeyUsageError(f"key algorithm: need a {need.usage} key of {allowed}, found {found}")


_ODD_PARITY: Final = bytes(byte & 0xFE | (byte.bit_count() - (byte & 1) + 1) % 2 for byte in range(256))

# A cipher of 16-byte blocks takes the wide form of what is asked for, one of 8-byte blocks no wide form at all.
_FORMS: Final = {
    (algorithm, form): WIDENED.get(form, form) if algorithm is Algorithm.SM4 else form
    for algorithm in _PIN_CIPHERS
    for form in PinFormat
    if algorithm is Algorithm.SM4 or form.block_bytes == 8
}

_STRONG_ENOUGH: Final = frozenset(
    (source, source_form, target, target_form)
    for source in _PIN_CIPHERS
    for target in _PIN_CIPHERS
    for source_form in PinFormat
    for target_form in PinFormat
    if STRENGTH_BITS[target] >= STRENGTH_BITS[source] and (target_form.binds_pan or not source_form.binds_pan)
)
