"""The software HSM: keys by their sealed blocks, PINs, MACs and tracks of the POS link.

    soft_hsm      SoftHsm: every command
    commands      the commands by family
    needs         what each command asks of the keys it takes
    vault         keys opened once and kept
    guard         what is permitted now, and how often one may be wrong
    audit         the records of the audit log, chained by their hashes
    keys          usage, algorithm, mode of use, exportability
    key_block     KeyBlock: a key as it is stored and passed about
    lmk           the local master key that seals key blocks, AES or TDES
    variant_key   VariantKey: the same under a variant local master key
    variant_lmk   the variant local master key
    key_types     what the key types of a variant local master key are good for
    tr31          key blocks under a key block protection key: TR-31, X9.143
    mac           MAC algorithms; `compute` and `explain` for the calculator
    hash_mac      HMAC
    lmk_pin       PINs as a host keeps them, under the local master key
    ff1           as many digits out as in: NIST SP 800-38G
    pin_block     Pin, and clear PIN blocks; `encode` and `decode` for the calculator
    pin_translation   which PIN block may become which
    pin_verify    IBM 3624 PIN and offset, Visa PVV
    card_values   CVV, CVV2, iCVV, dCVV, CAVV, CVC3
    dukpt_tdes    derived unique keys per transaction, ANSI X9.24-1
    dukpt_aes     the same with AES, ANSI X9.24-3
    dukpt_key     DukptKey: the working key of one transaction, wherever a command takes a key
    dukpt_chain   the way to a transaction's key, kept per device
    emv_keys      keys of a chip card and of its transactions
    cryptogram    ARQC, TC, AAC and ARPC by cryptogram version
    emv_script    issuer scripts: MAC, encipherment, PIN change
    master_secret   what an HSM is started from: all its local master keys, and the key of its files
    passphrase    passphrases, stretched and verified
    key_register    keys by name, and the head of the audit log, as they are sealed on disk
    shares        a secret divided among several keepers
    track         the enciphered part of a track
    sm2           signatures and encipherment of the national standard
    at_rest       sealing and fingerprints for stores
    port          what host, terminal and link ask of an HSM, wherever it is
    primitives    block ciphers with kept contexts, check values; the one door to the `cryptography` library
    errors        what is refused, and why

No module here does input or output, reads a clock, or makes its own randomness.

>>> hsm = SoftHsm(Lmk.test(), entropy=lambda size: bytes(range(1, size + 1)))
>>> mak = hsm.load_clear_key(bytes.fromhex("0D1E2F3A4B5C6D7E"), KeyUsage.MAC, Algorithm.DES)
>>> mak[:17]
'S10064M0DC00E0000'
>>> hsm.generate_mac(mak, MacAlgorithm.UNIONPAY_ECB, b"posterm")
b'8F3F8063'
"""

from posterm.hsm.card_values import CardValue
from posterm.hsm.commands.data import CipherMode
from posterm.hsm.commands.emv import ChipCard
from posterm.hsm.cryptogram import Scheme
from posterm.hsm.dukpt_key import Direction, DukptKey
from posterm.hsm.errors import (
    BudgetSpentError,
    CardValueError,
    CardValueMismatch,
    CipherError,
    CryptogramError,
    CryptogramMismatch,
    DataError,
    DukptError,
    HsmError,
    KeyBlockError,
    KeyCheckError,
    KeyUsageError,
    MacError,
    MacMismatch,
    NotAuthorizedError,
    PinBlockError,
    PinError,
    PinMismatch,
    PinTranslationError,
    PublishedLmkError,
    SealedDataError,
    TrackError,
)
from posterm.hsm.guard import Guard
from posterm.hsm.hash_mac import HashAlgorithm
from posterm.hsm.key_block import KeyBlock
from posterm.hsm.keys import Algorithm, Exportability, KeyUsage, ModeOfUse
from posterm.hsm.lmk import Lmk, TdesLmk
from posterm.hsm.mac import MacAlgorithm
from posterm.hsm.pin_block import Pin, PinFormat
from posterm.hsm.port import HsmPort
from posterm.hsm.soft_hsm import ExportedKey, SoftHsm
from posterm.hsm.variant_key import KeyReference, VariantKey
from posterm.hsm.variant_lmk import VariantLmk

__all__ = [
    "Algorithm",
    "BudgetSpentError",
    "CardValue",
    "CardValueError",
    "CardValueMismatch",
    "ChipCard",
    "CipherError",
    "CipherMode",
    "CryptogramError",
    "CryptogramMismatch",
    "DataError",
    "Direction",
    "DukptError",
    "DukptKey",
    "Exportability",
    "ExportedKey",
    "Guard",
    "HashAlgorithm",
    "HsmError",
    "HsmPort",
    "KeyBlock",
    "KeyBlockError",
    "KeyCheckError",
    "KeyReference",
    "KeyUsage",
    "KeyUsageError",
    "Lmk",
    "MacAlgorithm",
    "MacError",
    "MacMismatch",
    "ModeOfUse",
    "NotAuthorizedError",
    "Pin",
    "PinBlockError",
    "PinError",
    "PinFormat",
    "PinMismatch",
    "PinTranslationError",
    "PublishedLmkError",
    "Scheme",
    "SealedDataError",
    "SoftHsm",
    "TdesLmk",
    "TrackError",
    "VariantKey",
    "VariantLmk",
]
