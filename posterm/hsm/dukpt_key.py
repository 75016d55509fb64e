"""A working key of one DUKPT transaction, by the key it comes from and the key serial number the device sent.

It stands wherever a command takes a PIN, MAC or data key; which of the transaction's working keys it becomes follows
from the command.

    key serial number   base key         command   request                  response                  both ways
    10 bytes            TDES             PIN       PIN variant              -                         -
                                         MAC       MAC request variant      MAC response variant      -
                                         data      data request variant     data response variant     -
    12 bytes            AES              PIN       PIN encryption           -                         -
                                         MAC       message authentication, generation / verification / both
                                         data      data encryption, encrypt / decrypt / both

"Request" goes from the device to the host, "response" back. AES names its uses by what the device does.

Source: ANSI X9.24-1:2009, annex A; ANSI X9.24-3:2017, 6.3.3.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from posterm.hsm.dukpt_aes import AesDukptDevice, AesKeyUse, initial_key_identifier
from posterm.hsm.dukpt_aes import initial_key as aes_initial_key
from posterm.hsm.dukpt_tdes import TdesDukptDevice, TdesKeyUse, device_of
from posterm.hsm.dukpt_tdes import initial_key as tdes_initial_key
from posterm.hsm.errors import DukptError, KeyUsageError
from posterm.hsm.keys import AES_FAMILY, Algorithm, KeyUsage
from posterm.hsm.variant_key import KeyReference

KEPT_DEVICES: Final = 4_096
"""Devices whose way to their last transaction is kept for one base derivation key; the one seen first goes first."""


class Direction(StrEnum):
    """Which way the message goes that the key is for."""

    __hash__ = str.__hash__

    REQUEST = "request"
    RESPONSE = "response"
    BOTH = "both"
    """AES alone: one key for both ways."""


@dataclass(frozen=True, slots=True, eq=False)
class DukptKey:
    """The working key of one transaction.

    Args:
        base: a base derivation key, or the device's own initial key.
        ksn: 10 bytes for TDES, 12 for AES.
        direction: which way the message goes.
        algorithm: of the working key, for AES base keys: AES or TDES, no stronger than the base; as the base's when
            left out.
    """

    base: KeyReference
    ksn: bytes
    direction: Direction = Direction.REQUEST
    algorithm: Algorithm | None = None


WorkingKey = KeyReference | DukptKey
"""What a command takes for a PIN, MAC or data key."""

_TDES_USES: Final = {
    (KeyUsage.PIN_ENCRYPTION, Direction.REQUEST): TdesKeyUse.PIN,
    (KeyUsage.MAC, Direction.REQUEST): TdesKeyUse.MAC_REQUEST,
    (KeyUsage.MAC, Direction.RESPONSE): TdesKeyUse.MAC_RESPONSE,
    (KeyUsage.DATA_ENCRYPTION, Direction.REQUEST): TdesKeyUse.DATA_REQUEST,
    (KeyUsage.DATA_ENCRYPTION, Direction.RESPONSE): TdesKeyUse.DATA_RESPONSE,
}
_AES_USES: Final = {
    (KeyUsage.PIN_ENCRYPTION, Direction.REQUEST): AesKeyUse.PIN,
    (KeyUsage.MAC, Direction.REQUEST): AesKeyUse.MAC_GENERATION,
    (KeyUsage.MAC, Direction.RESPONSE): AesKeyUse.MAC_VERIFICATION,
    (KeyUsage.MAC, Direction.BOTH): AesKeyUse.MAC_BOTH,
    (KeyUsage.DATA_ENCRYPTION, Direction.REQUEST): AesKeyUse.DATA_ENCRYPT,
    (KeyUsage.DATA_ENCRYPTION, Direction.RESPONSE): AesKeyUse.DATA_DECRYPT,
    (KeyUsage.DATA_ENCRYPTION, Direction.BOTH): AesKeyUse.DATA_BOTH,
}


class DukptBase:
    """A base derivation key, or the initial key of one device, with the devices last seen under it.

    Args:
        is_initial: the key is a device's own.
    Raises: KeyUsageError: neither double-length TDES nor AES.
    """

    __slots__ = ("_algorithm", "_devices", "_is_initial", "_key")

    def __init__(self, algorithm: Algorithm, key: bytes, *, is_initial: bool) -> None:
        if algorithm is not Algorithm.TDES_DOUBLE and algorithm not in AES_FAMILY:
            raise KeyUsageError(f"DUKPT: a {algorithm} key is no base derivation key")
        self._algorithm = algorithm
        self._key = key
        self._is_initial = is_initial
        self._devices: dict[bytes, TdesDukptDevice | AesDukptDevice] = {}

    def working_key(self, key: DukptKey, usage: KeyUsage) -> tuple[Algorithm, bytes]:
        """The algorithm and the clear bytes of a working key, for PINs, MACs or data.

        Raises: DukptError: no such use, or a key serial number that cannot be.
        """
        use: TdesKeyUse | AesKeyUse | None
        if self._algorithm is Algorithm.TDES_DOUBLE:
            use = _TDES_USES.get((usage, key.direction))
            if use is None or key.algorithm not in (None, Algorithm.TDES_DOUBLE):
                raise DukptError(f"DUKPT: a TDES transaction has no such {usage} key for a {key.direction}")
            device = self._tdes_device(key.ksn)
            return Algorithm.TDES_DOUBLE, device.working_key(key.ksn, use)
        use = _AES_USES.get((usage, key.direction))
        if use is None:
            raise DukptError(f"DUKPT: an AES transaction has no {usage} key for a {key.direction}")
        return key.algorithm or self._algorithm, self._aes_device(key.ksn).working_key(key.ksn, use, key.algorithm)

    def initial_key(self, ksn: bytes) -> bytes:
        """The key the device of a key serial number is loaded with. Raises: DukptError: a number of another length."""
        if self._algorithm is Algorithm.TDES_DOUBLE:
            return tdes_initial_key(self._key, ksn)
        return aes_initial_key(self._key, initial_key_identifier(ksn))

    def update_key(self, ksn: bytes, algorithm: Algorithm | None) -> tuple[Algorithm, bytes]:
        """The key under which a new initial key goes to a device. Raises: DukptError: a TDES base key."""
        if self._algorithm is Algorithm.TDES_DOUBLE:
            raise DukptError("DUKPT: only AES has an update key")
        return algorithm or self._algorithm, self._aes_device(ksn).update_key(algorithm)

    def _tdes_device(self, ksn: bytes) -> TdesDukptDevice:
        name = device_of(ksn)
        device = self._devices.get(name)
        if not isinstance(device, TdesDukptDevice):
            device = TdesDukptDevice(self._key if self._is_initial else tdes_initial_key(self._key, ksn), ksn)
            self._keep(name, device)
        return device

    def _aes_device(self, ksn: bytes) -> AesDukptDevice:
        name = initial_key_identifier(ksn)
        device = self._devices.get(name)
        if not isinstance(device, AesDukptDevice):
            device = AesDukptDevice(self._key if self._is_initial else aes_initial_key(self._key, name), name)
            self._keep(name, device)
        return device

    def _keep(self, name: bytes, device: TdesDukptDevice | AesDukptDevice) -> None:
        if self._is_initial:
            # The key is that of one device. A wrong one gives keys that open nothing.
            self._devices.clear()
        elif len(self._devices) >= KEPT_DEVICES:
            del self._devices[next(iter(self._devices))]
        self._devices[name] = device

    def __repr__(self) -> str:
        return f"<DukptBase {self._algorithm}>"
