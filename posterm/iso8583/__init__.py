"""ISO 8583 messages: dialects as tables, a codec that is exact to the byte, framing, and a masked description.

>>> from posterm.iso8583 import Message, get_dialect
>>> dialect = get_dialect("unionpay-pos")
>>> wire = dialect.pack(Message("0820", {41: "10000001", 42: "898310058120001", 60: {"1": "00", "2": "1", "3": "301"}}))
>>> dialect.unpack(wire)["60.3"]
'301'
"""

from posterm.iso8583.check import Fault
from posterm.iso8583.composite import Composite
from posterm.iso8583.dialect import Dialect
from posterm.iso8583.dialect_file import dialect_names, get_dialect, load_dialect, parse_dialect
from posterm.iso8583.element import Element, Encodings, Format, Layout, MessageRule, Part, Prefix
from posterm.iso8583.errors import (
    DialectError,
    FramingError,
    Iso8583Error,
    LinkSettingError,
    NotSentError,
    PackError,
    UnpackError,
)
from posterm.iso8583.frame_header import CUPS_HEADER, TPDU, VISA_HEADER, FrameHeader, HeaderField, HeaderLayout
from posterm.iso8583.framing import Frame, FrameDecoder, Framing, Tpdu, encode_frame
from posterm.iso8583.link import Link, LinkState
from posterm.iso8583.link_events import LinkEvent
from posterm.iso8583.link_pairing import Pairing
from posterm.iso8583.link_settings import Echo, LinkSettings, ReconnectPolicy, SignOn
from posterm.iso8583.message import Message

__all__ = [
    "CUPS_HEADER",
    "TPDU",
    "VISA_HEADER",
    "Composite",
    "Dialect",
    "DialectError",
    "Echo",
    "Element",
    "Encodings",
    "Fault",
    "Format",
    "Frame",
    "FrameDecoder",
    "FrameHeader",
    "Framing",
    "FramingError",
    "HeaderField",
    "HeaderLayout",
    "Iso8583Error",
    "Layout",
    "Link",
    "LinkEvent",
    "LinkSettingError",
    "LinkSettings",
    "LinkState",
    "Message",
    "MessageRule",
    "NotSentError",
    "PackError",
    "Pairing",
    "Part",
    "Prefix",
    "ReconnectPolicy",
    "SignOn",
    "Tpdu",
    "UnpackError",
    "dialect_names",
    "encode_frame",
    "get_dialect",
    "load_dialect",
    "parse_dialect",
]
