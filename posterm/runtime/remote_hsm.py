"""An HSM behind a port, with the methods that host, terminal and link use of one in their own process.

What the HSM refuses comes back as the error that an HSM in process raises; the code of the host command says which, and
where several share one, the command does. The link itself fails with `HsmLinkError`.

Source: the host commands in `posterm.hsm.host_commands`.
Left out: what the link does not use; a server whose keys are under a variant LMK, since its keys have no header.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from posterm import tlv
from posterm.errors import PostermError
from posterm.hsm.commands.emv import ChipCard
from posterm.hsm.commands.keys import ExportedKey
from posterm.hsm.cryptogram import Scheme, cvn_of
from posterm.hsm.errors import (
    BudgetSpentError,
    CryptogramError,
    CryptogramMismatch,
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
    SealedDataError,
    TrackError,
)
from posterm.hsm.host_commands.chip import VERSIONS
from posterm.hsm.host_commands.errors import CODES
from posterm.hsm.host_commands.extensions import MAC_CODES
from posterm.hsm.host_commands.key_attributes import ALGORITHMS
from posterm.hsm.host_commands.pin_formats import CODE_OF
from posterm.hsm.key_block import KeyBlock
from posterm.hsm.keys import USAGES, Algorithm, Exportability, KeyUsage
from posterm.hsm.mac import MAC_BYTES, MacAlgorithm
from posterm.hsm.pin_block import Pin, PinFormat
from posterm.hsm.pin_verify import DECIMALISATION_TABLE
from posterm.hsm.variant_key import KeyReference
from posterm.runtime.errors import HsmLinkError
from posterm.runtime.hsm_client import HsmClient
from posterm.sensitive import Pan

_ALGORITHM_CODE: Final = {algorithm: code for code, algorithm in ALGORITHMS.items()}
_MAC_CODE: Final = {algorithm: code for code, algorithm in MAC_CODES.items()}
_VERSION_CODE: Final = {version: code for code, version in VERSIONS.items()}
_ISSUER_APPLICATION_DATA: Final = 0x9F10
_OK: Final = "00"
_LONGEST_CHECK_VALUE: Final = 8
_NO_ACCOUNT: Final = "0" * 12
_PIN_LENGTH_DIGITS: Final = 2

_ERRORS: Final[dict[str, type[HsmError]]] = {
    "10": KeyBlockError,
    "11": KeyBlockError,
    "17": NotAuthorizedError,
    "26": KeyBlockError,
    "27": KeyUsageError,
    "28": KeyUsageError,
    "29": KeyUsageError,
    "39": BudgetSpentError,
}
"""What a code means whatever the command. 20 and the codes of a command's own data are told apart below."""


class RemoteHsm:
    """The HSM at the other end of a connection. Each method is that of `posterm.hsm.SoftHsm`.

    Raises, from every method: HsmLinkError: it cannot be reached, or does not answer in time.
    """

    def __init__(self, client: HsmClient) -> None:
        self._client = client

    def close(self) -> None:
        """Close the connection."""
        self._client.close()

    # --- keys ---------------------------------------------------------------------------------------------------------

    def generate_key(self, usage: KeyUsage, algorithm: Algorithm) -> KeyBlock:
        """A new random key, exportable, with the usual mode of its usage."""
        return _key_block(self._call(f"A00FFFS{_attributes(usage, algorithm)}", KeyUsageError))

    def combine_components(
        self, components: Sequence[bytes], usage: KeyUsage, algorithm: Algorithm, kcv: bytes | None = None
    ) -> KeyBlock:
        """The key that 2 to 9 components give."""
        joined = b"".join(components).hex().upper()
        message = f"ZK{_attributes(usage, algorithm)}{len(components)}{joined};{_digits(kcv)}"
        return _key_block(self._call(message, KeyCheckError))

    def import_key(
        self, kek: KeyReference, cryptogram: bytes, usage: KeyUsage, algorithm: Algorithm, kcv: bytes | None = None
    ) -> KeyBlock:
        """A key that comes enciphered under a key encryption key."""
        message = f"Z6{_attributes(usage, algorithm)}{kek}{_digits(cryptogram)};{_digits(kcv)}"
        return _key_block(self._call(message, KeyCheckError))

    def export_key(self, kek: KeyReference, key: KeyReference) -> ExportedKey:
        """A key under a key encryption key, with its check value."""
        found = _bytes(self._call(f"Z8{kek}{key}", KeyUsageError))
        return ExportedKey(found[:-4], found[-4:])

    def key_check_value(self, key: KeyReference, length: int = 4) -> bytes:
        """The leftmost bytes of a key's check value, 1 to 8 of them."""
        if not 1 <= length <= _LONGEST_CHECK_VALUE:
            raise KeyCheckError(f"key check value: need 1 to {_LONGEST_CHECK_VALUE} bytes of an HSM behind a port")
        return _bytes(self._call(f"BUFF0{key};FFF", KeyCheckError))[:length]

    # --- messages -----------------------------------------------------------------------------------------------------

    def generate_mac(self, key: KeyReference, algorithm: MacAlgorithm, data: bytes) -> bytes:
        """The MAC over at most 65,535 bytes."""
        return _bytes(self._call(f"Z0{_MAC_CODE[algorithm]}{key}".encode("ascii") + _sized(data), MacError))

    def verify_mac(self, key: KeyReference, algorithm: MacAlgorithm, data: bytes, mac: bytes) -> None:
        """Raises: MacMismatch: `mac` is not the MAC over `data`. MacError: data that can have none."""
        if len(mac) != MAC_BYTES:
            raise MacMismatch(f"MAC: need {MAC_BYTES} bytes, this has {len(mac)}")
        head = f"Z2{_MAC_CODE[algorithm]}{key}{_digits(mac)}".encode("ascii")
        self._call(head + _sized(data), MacError, failed=MacMismatch("MAC: it does not verify"))

    # --- PIN and track ------------------------------------------------------------------------------------------------

    def encrypt_pin(self, pik: KeyReference, pin: Pin | None, form: PinFormat, pan: Pan | None) -> bytes:
        """An enciphered PIN block."""
        account = _account(pan) if pan is not None else _NO_ACCOUNT
        clear = pin.reveal() if pin is not None else ""
        return _bytes(self._call(f"ZG{pik}{CODE_OF[form]}{account}{clear}", PinError))

    def translate_pin(
        self,
        source_pik: KeyReference,
        block: bytes,
        source_format: PinFormat,
        target_pik: KeyReference,
        target_format: PinFormat,
        pan: Pan | None,
    ) -> bytes:
        """The PIN block under another key. Raises: PinBlockError: no PIN in the block."""
        account = _account(pan) if pan is not None else _NO_ACCOUNT
        forms = f"{CODE_OF[source_format]}{CODE_OF[target_format]}"
        answer = self._call(f"CC{source_pik}{target_pik}12{_digits(block)}{forms}{account}", PinError)
        return bytes.fromhex(answer[_PIN_LENGTH_DIGITS : _PIN_LENGTH_DIGITS + 2 * len(block)].decode("ascii"))

    def generate_pin_offset(self, pvk: KeyReference, pin: Pin, pan: Pan) -> str:
        """The IBM 3624 offset of a PIN."""
        return self._call(f"ZI{pvk}{_account(pan)}{pin.reveal()}", PinError).decode("ascii")

    def verify_pin(
        self, pik: KeyReference, block: bytes, form: PinFormat, pan: Pan, *, pvk: KeyReference, offset: str
    ) -> None:
        """Raises: PinMismatch: another PIN. PinBlockError: no PIN in the block."""
        message = (
            f"EA{pik}{pvk}12{_digits(block)}{CODE_OF[form]}{len(offset):02d}{_account(pan)}"
            f"{DECIMALISATION_TABLE}{pan.pan12[:7]}NFFFF{offset:F<12}"
        )
        self._call(message, PinError, failed=PinMismatch(), failures=("01", "24"))

    def encrypt_track(self, tdk: KeyReference, nibbles: str) -> str:
        """A track enciphered in place."""
        return self._track("E", tdk, nibbles)

    def decrypt_track(self, tdk: KeyReference, nibbles: str) -> str:
        """The reverse of `encrypt_track`."""
        return self._track("D", tdk, nibbles)

    # --- chip cards ---------------------------------------------------------------------------------------------------

    def verify_arqc(self, mk_ac: KeyReference, card: ChipCard, tags: Mapping[int, bytes], arqc: bytes) -> None:
        """Raises: CryptogramMismatch: the cryptogram is not the card's over these data."""
        message = f"ZQ{mk_ac}{_chip_card(card, tags)}{_digits(arqc)}".encode("ascii") + _sized(_objects(tags))
        self._call(message, CryptogramError, failed=CryptogramMismatch("cryptogram: it does not verify"))

    def generate_arpc(
        self, mk_ac: KeyReference, card: ChipCard, tags: Mapping[int, bytes], arqc: bytes, answer: bytes
    ) -> bytes:
        """The issuer's answer to a cryptogram."""
        head = f"ZS{mk_ac}{_chip_card(card, tags)}{_digits(arqc)}{_digits(answer)};"
        return _bytes(self._call(head.encode("ascii") + _sized(_objects(tags)), CryptogramError))

    def generate_script_mac(
        self, mk_smi: KeyReference, card: ChipCard, header: bytes, atc: int, arqc: bytes, data: bytes = b""
    ) -> bytes:
        """The MAC of a script command."""
        head = f"ZU{mk_smi}{_chip_card(card, {})}{_digits(arqc)}{atc:04X}{_digits(header)}"
        return _bytes(self._call(head.encode("ascii") + _sized(data), CryptogramError))

    # --- data at rest -------------------------------------------------------------------------------------------------

    def seal(self, key: KeyReference, plaintext: bytes, context: bytes) -> bytes:
        """Data sealed for its place in a store."""
        return self._call(f"ZA{key}".encode("ascii") + _sized(context) + _sized(plaintext), SealedDataError)

    def unseal(self, key: KeyReference, sealed: bytes, context: bytes) -> bytes:
        """Raises: SealedDataError: altered, of another key, or from another place."""
        failed = SealedDataError("sealed data: altered, of another key, or from another place")
        message = f"ZC{key}".encode("ascii") + _sized(context) + _sized(sealed)
        return self._call(message, SealedDataError, failed=failed)

    def fingerprint(self, key: KeyReference, data: bytes) -> str:
        """32 hexadecimal digits by which a store finds a value it does not hold."""
        return self._call(f"ZE{key}".encode("ascii") + _sized(data), SealedDataError).decode("ascii")

    # --- the wire -----------------------------------------------------------------------------------------------------

    def _track(self, mode: str, tdk: KeyReference, nibbles: str) -> str:
        if not nibbles.isascii():
            raise TrackError("track: need 0-9, A-F and =, found something else")
        return self._call(f"Z4{mode}{tdk}{nibbles}", TrackError).decode("ascii")

    def _call(
        self,
        message: str | bytes,
        mistake: type[HsmError],
        *,
        failed: PostermError | None = None,
        failures: tuple[str, ...] = ("01",),
    ) -> bytes:
        """The fields of the answer.

        Args:
            mistake: what codes that no error is known for become here.
            failed: what a verification failure is here.
            failures: the codes that mean one; 24, where a PIN shorter than the offset does too.
        """
        asked = message.encode("ascii") if isinstance(message, str) else message
        answer = self._client.call(asked)
        code = answer[2:4].decode("ascii", "replace")
        if answer[0] != asked[0] or answer[1] != asked[1] + 1:
            raise HsmLinkError("HSM: the answer is that of another command")
        if code == _OK:
            return answer[4:]
        if failed is not None and code in failures:
            raise failed
        raise _error(code, asked[:2].decode("ascii"), mistake)


def _error(code: str, command: str, mistake: type[HsmError]) -> PostermError:
    if code == "20":
        return PinBlockError()
    if code in ("13", "41", "68"):
        return HsmLinkError(f"HSM: it refused {command} with {code}, {CODES[code]}")
    kind = _ERRORS.get(code, mistake)
    return kind(f"HSM: it refused {command} with {code}, {CODES.get(code, 'a code that is not known')}")


def _key_block(answer: bytes) -> KeyBlock:
    """The key at the beginning of an answer; a block says its own length, and its check value follows."""
    digits = answer[2:6]
    try:
        return KeyBlock(answer[: 1 + int(digits)].decode("ascii"))
    except (HsmError, ValueError):
        raise HsmLinkError("HSM: its keys are no key blocks", hint="the server's lmk_kind is a key-block LMK") from None


def _bytes(answer: bytes) -> bytes:
    try:
        return bytes.fromhex(answer.decode("ascii"))
    except ValueError:
        raise HsmLinkError("HSM: an answer that is not hexadecimal") from None


def _attributes(usage: KeyUsage, algorithm: Algorithm) -> str:
    """What the key block is to say of its key."""
    return f"#{usage}{_ALGORITHM_CODE[algorithm]}{USAGES[usage].modes[0]}00{Exportability.EXPORTABLE}00"


def _sized(data: bytes) -> bytes:
    if len(data) > 0xFFFF:
        raise HsmError(f"HSM command: at most {0xFFFF} bytes of data, this has {len(data)}")
    return f"{len(data):04X}".encode("ascii") + data


def _digits(data: bytes | None) -> str:
    return (data or b"").hex().upper()


def _chip_card(card: ChipCard, tags: Mapping[int, bytes]) -> str:
    version = card.version
    if isinstance(version, Scheme):
        version = cvn_of(tags.get(_ISSUER_APPLICATION_DATA, b""), version)
    return f"{_VERSION_CODE[version]}{card.pan.reveal()};{card.sequence}"


def _objects(tags: Mapping[int, bytes]) -> bytes:
    return tlv.build((f"{tag:X}", value) for tag, value in tags.items())


def _account(pan: Pan) -> str:
    return f"{pan.reveal()};"
