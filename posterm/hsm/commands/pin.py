"""PINs enciphered: one that is given, a random one, the one that belongs to an account.

Source: ISO 9564-1 (PIN handling), Thales payShield (JA random PIN, EE derived PIN).
"""

from __future__ import annotations

from posterm.hsm import pin_block, pin_verify
from posterm.hsm.commands.pin_forms import form_for
from posterm.hsm.dukpt_key import WorkingKey
from posterm.hsm.errors import PinError
from posterm.hsm.guard import Activity
from posterm.hsm.key_block import drawn
from posterm.hsm.needs import ENCRYPT_PIN, GENERATE_OFFSET
from posterm.hsm.pin_block import FILL_BYTES, FILLED, LONGEST, SHORTEST, Pin, PinFormat
from posterm.hsm.variant_key import KeyReference
from posterm.hsm.vault import KeyVault, OpenKey
from posterm.sensitive import Pan

_MOST_DRAWS = 64


class PinCommands(KeyVault):
    """PIN encipherment and generation."""

    __slots__ = ()

    def encrypt_pin(self, pik: WorkingKey, pin: Pin | None, form: PinFormat, pan: Pan | None) -> bytes:
        """An enciphered PIN block: 8 bytes, or 16 under SM4 and AES.

        Args:
            pin: None for `PinFormat.NO_PIN` alone.
            form: under SM4, `ISO_0` and `NO_PAN` mean their 16-byte forms. AES keys take `ISO_4` alone.
            pan: needed by forms that bind it.
        Raises: KeyUsageError: no PIN encryption key, or its cipher and the form differ in block length.
            PinError: PIN or PAN missing, or a PIN too many. NotAuthorizedError: clear PINs are not permitted now.
        """
        opened = self._open(pik, ENCRYPT_PIN)
        form = form_for(opened.algorithm, form)
        if form is PinFormat.NO_PIN:
            clear = pin_block.encode(form, pin, pan)
            return opened.cipher.encrypt(clear.ljust(opened.cipher.block_bytes, b"\xff"))
        if pin is None:
            raise PinError(f"PIN block: the form {form} needs a PIN")
        self._permit(Activity.CLEAR_PINS)
        return self._enciphered(opened, pin.reveal(), form, pan)

    def generate_pin(self, pik: WorkingKey, form: PinFormat, pan: Pan | None, *, length: int = 4) -> bytes:
        """A new random PIN, in an enciphered block; nobody sees it.

        Args:
            length: 4 to 12 digits.
        Raises: KeyUsageError, PinError: as `encrypt_pin`. NotAuthorizedError: PIN data are not permitted now.
        """
        opened = self._open(pik, ENCRYPT_PIN)
        form = form_for(opened.algorithm, form)
        if not SHORTEST <= length <= LONGEST:
            raise PinError(f"a PIN is {SHORTEST} to {LONGEST} digits, this asks for {length}")
        self._permit(Activity.PIN_DATA)
        return self._enciphered(opened, self._random_digits(length), form, pan)

    def derive_pin(
        self,
        pik: WorkingKey,
        form: PinFormat,
        pan: Pan,
        *,
        pvk: KeyReference,
        offset: str,
        validation_data: str | None = None,
        decimalisation_table: str = pin_verify.DECIMALISATION_TABLE,
    ) -> bytes:
        """The PIN that an IBM 3624 offset stands for, in an enciphered block; an offset of zeros gives the natural PIN.

        Args:
            offset: 4 to 12 digits, as many as the PIN has.
            validation_data, decimalisation_table: as for `generate_pin_offset`.
        Raises: KeyUsageError: either key. PinError: as `encrypt_pin`, or data of another form. NotAuthorizedError: PIN
            data are not permitted now.
        """
        opened = self._open(pik, ENCRYPT_PIN)
        form = form_for(opened.algorithm, form)
        deriver = self._open(pvk, GENERATE_OFFSET)
        pin_verify.require_offset(offset)
        self._permit(Activity.PIN_DATA)
        if validation_data is None:
            validation_data = pin_verify.default_validation_data(pan)
        natural = pin_verify.natural_pin(deriver.cipher, len(offset), validation_data, decimalisation_table)
        return self._enciphered(opened, pin_verify.pin_from_offset(offset, natural), form, pan)

    def _enciphered(self, opened: OpenKey, digits: str, form: PinFormat, pan: Pan | None) -> bytes:
        fill = drawn(self._entropy, FILL_BYTES) if form in FILLED else b""
        return pin_block.encipher(opened.cipher, pin_block.encode_digits(form, digits, pan, fill), form, pan)

    def _random_digits(self, length: int) -> str:
        """Uniform digits: a byte of 250 or more is drawn again."""
        digits = ""
        for _ in range(_MOST_DRAWS):
            digits += "".join([str(byte % 10) for byte in drawn(self._entropy, 16) if byte < 250])
            if len(digits) >= length:
                return digits[:length]
        raise PinError("PIN: the source of entropy gives no digits")
