"""The issuer's side of a chip card: its cryptogram verified and answered, scripts for it, a new PIN for it.

The cryptogram version is given, or found in the card's 9F10 when the scheme is given. Card keys are derived from the
issuer's master keys by the version's option, A or B, and kept.

Source: as `posterm.hsm.cryptogram` and `posterm.hsm.emv_script`; Thales payShield (KQ, KW, KY, KU).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from posterm.hsm import cryptogram, emv_script
from posterm.hsm.commands.pin_forms import decrypt_pin, form_for
from posterm.hsm.cryptogram import Cvn, Scheme
from posterm.hsm.dukpt_key import WorkingKey
from posterm.hsm.emv_keys import CardKey
from posterm.hsm.emv_script import ScriptKeys
from posterm.hsm.guard import Verification
from posterm.hsm.needs import (
    DECRYPT_PIN,
    DERIVE_CONFIDENTIALITY_KEY,
    DERIVE_CRYPTOGRAM_KEY,
    DERIVE_INTEGRITY_KEY,
    Need,
)
from posterm.hsm.pin_block import Pin, PinFormat
from posterm.hsm.variant_key import KeyReference
from posterm.hsm.vault import KeyVault
from posterm.sensitive import Pan


@dataclass(frozen=True, slots=True)
class ChipCard:
    """A card as the issuer derives its keys: PAN, sequence number, and how its cryptograms are made.

    Args:
        version: a cryptogram version, or the scheme whose versions 9F10 numbers.
        sequence: the PAN sequence number, 2 digits.
    """

    pan: Pan
    version: Cvn | Scheme
    sequence: str = "00"


class EmvCommands(KeyVault):
    """Cryptograms and scripts."""

    __slots__ = ()

    def verify_arqc(self, mk_ac: KeyReference, card: ChipCard, tags: Mapping[int, bytes], arqc: bytes) -> None:
        """Hold an ARQC, TC or AAC against the data it was made over.

        Args:
            mk_ac: the issuer's master key for cryptograms.
            tags: values by tag, 9F10 among them.
        Raises: CryptogramMismatch: it does not verify. CryptogramError: a tag that is missing or of another length, or
            a version that is not known. KeyUsageError: no such master key. BudgetSpentError: too many failures before.
        """
        cvn = _version(card, tags)
        key = self._card_key(mk_ac, DERIVE_CRYPTOGRAM_KEY, card, cvn)
        if self._guard is None:
            cryptogram.verify(cvn, key, tags, arqc)
            return
        with self._counting(Verification.CRYPTOGRAM, mk_ac, card.pan):
            cryptogram.verify(cvn, key, tags, arqc)

    def generate_arpc(
        self,
        mk_ac: KeyReference,
        card: ChipCard,
        tags: Mapping[int, bytes],
        arqc: bytes,
        answer: bytes,
        proprietary: bytes = b"",
    ) -> bytes:
        """The issuer's answer to an ARQC.

        Args:
            tags: values by tag: 9F36, for some versions 9F37, and 9F10 when the version is to be found in it.
            answer: the response code (2 bytes) for method 1, the card status update (4 bytes) for method 2.
            proprietary: at most 8 bytes, for method 2.
        Returns: 8 bytes for method 1, 4 for method 2.
        Raises: CryptogramError, KeyUsageError: as `verify_arqc`.
        """
        cvn = _version(card, tags)
        key = self._card_key(mk_ac, DERIVE_CRYPTOGRAM_KEY, card, cvn)
        return cryptogram.arpc(cvn, key, tags, arqc, answer, proprietary)

    def answer_arqc(
        self,
        mk_ac: KeyReference,
        card: ChipCard,
        tags: Mapping[int, bytes],
        arqc: bytes,
        answer: bytes,
        proprietary: bytes = b"",
    ) -> bytes:
        """The ARPC for an ARQC that verifies. Args, Returns and Raises: as `verify_arqc` and `generate_arpc`."""
        self.verify_arqc(mk_ac, card, tags, arqc)
        return self.generate_arpc(mk_ac, card, tags, arqc, answer, proprietary)

    def generate_script_mac(
        self, mk_smi: KeyReference, card: ChipCard, header: bytes, atc: int, arqc: bytes, data: bytes = b""
    ) -> bytes:
        """The MAC of a script command, 8 bytes.

        Args:
            mk_smi: the issuer's master key for the MAC of scripts.
            card: with a cryptogram version, not a scheme.
            header: CLA, INS, P1, P2 and Lc: 5 bytes; Lc counts data and MAC.
            data: as it is sent, enciphered.
        Raises: CryptogramError: other lengths. KeyUsageError: no such master key.
        """
        cvn = _version(card, {})
        key = self._card_key(mk_smi, DERIVE_INTEGRITY_KEY, card, cvn)
        return emv_script.script_mac(cvn, key, header, atc, arqc, data)

    def encipher_script(self, mk_smc: KeyReference, card: ChipCard, atc: int, arqc: bytes, data: bytes) -> bytes:
        """Data of a script command enciphered for the card.

        Args:
            mk_smc: the issuer's master key for the encipherment of scripts.
            data: 1 to 239 bytes.
        Raises: as `generate_script_mac`.
        """
        cvn = _version(card, {})
        key = self._card_key(mk_smc, DERIVE_CONFIDENTIALITY_KEY, card, cvn)
        return emv_script.encipher(cvn, key, atc, arqc, data)

    def change_card_pin(
        self,
        master_keys: tuple[KeyReference, KeyReference, KeyReference],
        card: ChipCard,
        atc: int,
        arqc: bytes,
        *,
        pik: WorkingKey,
        block: bytes,
        form: PinFormat,
        present_block: bytes | None = None,
    ) -> bytes:
        """The whole PIN CHANGE command for a card: header, enciphered PIN block, MAC.

        Args:
            master_keys: the issuer's for cryptograms, for the MAC of scripts and for their encipherment.
            pik, block, form: the new PIN in an enciphered block.
            present_block: the present PIN under the same key and form, for the Visa form that needs it.
        Raises: PinBlockError: no PIN in a block. CryptogramError, KeyUsageError: as `generate_script_mac`.
        """
        cvn = _version(card, {})
        needs = (DERIVE_CRYPTOGRAM_KEY, DERIVE_INTEGRITY_KEY, DERIVE_CONFIDENTIALITY_KEY)
        keys = [self._card_key(key, need, card, cvn).clear for key, need in zip(master_keys, needs, strict=True)]
        source = self._open(pik, DECRYPT_PIN)
        form = form_for(source.algorithm, form)
        with self._counting(Verification.PIN, pik):
            pins = [
                Pin(decrypt_pin(source, each, form, card.pan)[1]) for each in (block, present_block) if each is not None
            ]
        return emv_script.pin_change(cvn, ScriptKeys(*keys), atc, arqc, *pins)

    def _card_key(self, master: KeyReference, need: Need, card: ChipCard, cvn: Cvn) -> CardKey:
        return self._open(master, need).issuer.card(card.pan, card.sequence, option_b=cvn.option_b)


def _version(card: ChipCard, tags: Mapping[int, bytes]) -> Cvn:
    """Raises: CryptogramError: no 9F10 to find the version in, or one that is not known."""
    if isinstance(card.version, Cvn):
        return card.version
    return cryptogram.cvn_of(tags.get(0x9F10, b""), card.version)
