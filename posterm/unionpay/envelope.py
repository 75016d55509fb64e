"""A whole frame: TPDU, header and message; and the MAC that seals it.

`Envelope.pack` and `open_envelope` work on what the length prefix counts; the prefix itself is in `iso8583.framing`.

Source: Q/CUP 009 as restated by acquirer terminal specifications.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from posterm.hsm import HsmPort, KeyBlock, MacError
from posterm.iso8583 import FrameDecoder, FramingError, Message, Tpdu, UnpackError, encode_frame
from posterm.unionpay.errors import HeaderError, MacFailureError
from posterm.unionpay.header import HEADER_BYTES, Header, Requirement
from posterm.unionpay.profile import AcquirerProfile

TPDU_BYTES: Final = 5
_FRONT_BYTES: Final = TPDU_BYTES + HEADER_BYTES
MAC_ELEMENT: Final = 64


@dataclass(frozen=True, slots=True)
class Envelope:
    """TPDU and header, which `front` holds as they go over the line, around `wire`, the bytes from the MTI on."""

    front: bytes
    wire: bytes

    @classmethod
    def around(cls, wire: bytes, tpdu: Tpdu, header: Header) -> Envelope:
        """An envelope for a message that is to be sent."""
        return cls(tpdu.pack() + header.pack(), wire)

    @property
    def tpdu(self) -> Tpdu:
        return _parsed_front(self.front)[0]

    @property
    def header(self) -> Header:
        return _parsed_front(self.front)[1]

    def pack(self) -> bytes:
        """What the length prefix counts."""
        return self.front + self.wire

    def pack_answer(self, wire: bytes, asked: Requirement, *, swap_tpdu: bool) -> bytes:
        """What the length prefix of the answer counts: `wire` behind this TPDU, swapped or not, and this header."""
        return _front_of_answer(self.front, asked, swap_tpdu) + wire


def open_envelope(frame: bytes) -> Envelope:
    """Take a frame apart, without its length prefix and without looking into the message.

    Raises: FramingError, HeaderError: it does not begin with a TPDU and a header.
    """
    if len(frame) < TPDU_BYTES + HEADER_BYTES + 2:
        raise HeaderError(f"frame of {len(frame)} bytes: too short for TPDU, header and MTI")
    front = frame[:_FRONT_BYTES]
    _parsed_front(front)
    return Envelope(front, frame[_FRONT_BYTES:])


# Thousands of terminals have a handful of TPDUs and headers between them.


@lru_cache(maxsize=1024)
def _parsed_front(front: bytes) -> tuple[Tpdu, Header]:
    return Tpdu.unpack(front[:TPDU_BYTES]), Header.unpack(front[TPDU_BYTES:])


@lru_cache(maxsize=1024)
def _front_of_answer(front: bytes, asked: Requirement, swap_tpdu: bool) -> bytes:
    tpdu, header = _parsed_front(front)
    return (tpdu.swapped() if swap_tpdu else tpdu).pack() + header.asking(asked).pack()


def request_envelope(profile: AcquirerProfile, wire: bytes) -> Envelope:
    """The envelope a terminal puts around its request."""
    tpdu = Tpdu(destination=profile.frame.tpdu_destination, source=profile.frame.tpdu_source)
    return Envelope.around(wire, tpdu, Header.parse(profile.frame.header))


def frame_bytes(profile: AcquirerProfile, envelope: Envelope) -> bytes:
    """The frame with the profile's length prefix; bare where the connection itself says where it ends."""
    frame = profile.frame
    if frame.length_prefix == "none" or frame.length_prefix == "http":
        return envelope.pack()
    return encode_frame(envelope.pack(), length=frame.length_prefix, counts_itself=frame.length_counts_itself)


def frame_decoder(profile: AcquirerProfile) -> FrameDecoder:
    """A decoder for the profile's length prefix and size limit.

    Raises: FramingError: the profile's frames have no length prefix.
    """
    frame = profile.frame
    if frame.length_prefix == "none" or frame.length_prefix == "http":
        raise FramingError(f"frames of this acquirer have no length prefix, but {frame.length_prefix}")
    return FrameDecoder(
        length=frame.length_prefix, counts_itself=frame.length_counts_itself, max_length=frame.max_bytes
    )


@dataclass(frozen=True, slots=True)
class Sealer:
    """Puts the MAC on messages and checks it, with the profile's algorithm and a key that stays in the HSM."""

    profile: AcquirerProfile
    hsm: HsmPort

    def seal(self, message: Message, mak: KeyBlock) -> bytes:
        """Pack a message with its MAC in DE 64."""
        algorithm = self.profile.mac.algorithm
        return self.profile.dialect.pack(message, mac=lambda data: self.hsm.generate_mac(mak, algorithm, data))

    def check(self, wire: bytes, mak: KeyBlock, message: Message | None = None) -> None:
        """Verify the MAC of a received message.

        Args:
            message: what `wire` was unpacked to, which saves doing it again.
        Raises: MacFailureError: missing or wrong.
        """
        try:
            mac = message.get(MAC_ELEMENT) if message is not None else None
            if mac is not None:
                data = wire[: -len(mac)]  # DE 64 is fixed, binary and the last element there can be
            else:
                data, mac = self.profile.dialect.split_mac(wire)
            self.hsm.verify_mac(mak, self.profile.mac.algorithm, data, mac)
        except UnpackError:
            raise MacFailureError("the message carries no MAC") from None
        except MacError:
            raise MacFailureError("the MAC does not verify") from None
