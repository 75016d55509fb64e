"""The issuer's side of a chip card for whoever has prepared the data: of the card, of its cryptogram, of a script.

`emv` finds all of this itself, from the card's tags. Here the caller says which cryptogram version's keys are meant.

    card data     PAN and sequence number, 16 digits as 8 bytes; for option B all of them, in whole bytes
    data          of a cryptogram, padded as its version wants; zeros are added to whole blocks

Source: Thales payShield (KQ, KW, KU, KY, JS, JU); as `posterm.hsm.cryptogram` and `posterm.hsm.emv_script`.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping

from posterm.hsm import cryptogram, emv_script
from posterm.hsm.commands.pin_forms import decrypt_pin, form_for
from posterm.hsm.cryptogram import Cvn
from posterm.hsm.emv_keys import CardKey
from posterm.hsm.errors import CryptogramError, CryptogramMismatch
from posterm.hsm.guard import Verification
from posterm.hsm.needs import (
    DECRYPT_PIN,
    DERIVE_CONFIDENTIALITY_KEY,
    DERIVE_CRYPTOGRAM_KEY,
    DERIVE_INTEGRITY_KEY,
    Need,
)
from posterm.hsm.pin_block import Pin, PinFormat, encode
from posterm.hsm.pin_verify import decimalised
from posterm.hsm.variant_key import KeyReference
from posterm.hsm.vault import KeyVault
from posterm.sensitive import Pan

CARD_DATA_BYTES = 8


class PreparedEmvCommands(KeyVault):
    """Cryptograms and scripts over data that are prepared."""

    __slots__ = ()

    def verify_prepared_arqc(
        self, mk_ac: KeyReference, cvn: Cvn, card: bytes, tags: Mapping[int, bytes], data: bytes, arqc: bytes
    ) -> None:
        """Hold an ARQC, TC or AAC against its data.

        Args:
            mk_ac: the issuer's master key for cryptograms.
            cvn: a version whose session key is meant.
            tags: 9F36 and, for some versions, 9F37.
            data: 1 to 1,024 bytes.
        Raises: CryptogramMismatch: it does not verify. CryptogramError: other lengths. KeyUsageError: no such master
            key. BudgetSpentError: too many failures before.
        """
        if not data:
            raise CryptogramError("cryptogram: there are no data it could be made over")
        key = self._prepared_key(mk_ac, DERIVE_CRYPTOGRAM_KEY, card, cvn)
        with self._counting(Verification.CRYPTOGRAM, mk_ac):
            expected = cryptogram.retail_mac(cryptogram.session_key(cvn, key, tags), data, 1)
            if not hmac.compare_digest(expected, arqc):
                raise CryptogramMismatch(f"cryptogram {cvn.name}: it does not verify")

    def prepared_arpc(
        self,
        mk_ac: KeyReference,
        cvn: Cvn,
        card: bytes,
        tags: Mapping[int, bytes],
        arqc: bytes,
        answer: bytes,
        proprietary: bytes = b"",
    ) -> bytes:
        """The issuer's answer to an ARQC. Args, Returns and Raises: as `EmvCommands.generate_arpc`."""
        key = self._prepared_key(mk_ac, DERIVE_CRYPTOGRAM_KEY, card, cvn)
        return cryptogram.arpc(cvn, key, tags, arqc, answer, proprietary)

    def prepared_script_mac(
        self, mk_smi: KeyReference, cvn: Cvn, card: bytes, atc: int, arqc: bytes, message: bytes
    ) -> bytes:
        """The MAC of a script, 8 bytes, over a whole message: header, ATC, ARQC and data.

        Raises: CryptogramError: other lengths. KeyUsageError: no such master key.
        """
        key = self._prepared_key(mk_smi, DERIVE_INTEGRITY_KEY, card, cvn)
        return cryptogram.retail_mac(cryptogram.script_session_key(cvn, key, atc, arqc), message)

    def prepared_script_data(
        self, mk_smc: KeyReference, cvn: Cvn, card: bytes, atc: int, arqc: bytes, data: bytes
    ) -> bytes:
        """Data enciphered for the card. Raises: as `prepared_script_mac`."""
        key = self._prepared_key(mk_smc, DERIVE_CONFIDENTIALITY_KEY, card, cvn)
        return emv_script.encipher(cvn, key, atc, arqc, data)

    def prepared_pin_block(
        self,
        mk_smc: KeyReference,
        cvn: Cvn,
        card: bytes,
        atc: int,
        arqc: bytes,
        *,
        pik: KeyReference,
        blocks: tuple[bytes, ...],
        form: PinFormat,
        pan: Pan,
        mk_ac: KeyReference | None,
    ) -> bytes:
        """A new PIN enciphered for the card: format 2, or the Visa form where its master key is given.

        Args:
            blocks: the new PIN enciphered under `pik`, and the present one for the Visa form that needs it.
            mk_ac: the issuer's master key for cryptograms, for the Visa form.
        Raises: PinBlockError: no PIN in a block. CryptogramError, KeyUsageError: as `prepared_script_mac`.
        """
        source = self._open(pik, DECRYPT_PIN)
        form = form_for(source.algorithm, form)
        with self._counting(Verification.PIN, pik):
            pins = [Pin(decrypt_pin(source, block, form, pan)[1]) for block in blocks]
        present = pins[1] if len(pins) > 1 else None
        if mk_ac is None:
            clear = encode(PinFormat.ISO_2, pins[0], None)
        else:
            own = self._prepared_key(mk_ac, DERIVE_CRYPTOGRAM_KEY, card, cvn)
            clear = emv_script.visa_pin_block(own, pins[0], present)
        return self.prepared_script_data(mk_smc, cvn, card, atc, arqc, clear)

    def _prepared_key(self, master: KeyReference, need: Need, card: bytes, cvn: Cvn) -> CardKey:
        issuer = self._open(master, need).issuer
        if cvn.option_b:
            return issuer.card_of(decimalised(hashlib.sha1(card, usedforsecurity=False).digest(), 16))
        digits = card.hex()
        if len(card) != CARD_DATA_BYTES or not digits.isdecimal():
            raise CryptogramError(f"card data: need {CARD_DATA_BYTES} bytes of decimal digits, found something else")
        return issuer.card_of(digits)
