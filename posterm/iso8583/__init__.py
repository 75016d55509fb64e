"""ISO 8583 messages: dialects as tables, a codec that is exact to the byte, framing, and a masked description.

>>> from posterm.iso8583 import Message, get_dialect
>>> dialect = get_dialect("unionpay-pos")
>>> wire = dialect.pack(Message("0820", {41: "10000001", 42: "898310058120001", 60: {"1": "00", "2": "1", "3": "301"}}))
>>> dialect.unpack(wire)["60.3"]
'301'
"""

from posterm.iso8583.composite import Composite
from posterm.iso8583.dialect import Dialect
from posterm.iso8583.dialect_file import dialect_names, get_dialect, load_dialect, parse_dialect
from posterm.iso8583.element import Element, Encodings, Format, Layout, Part, Prefix
from posterm.iso8583.errors import DialectError, FramingError, Iso8583Error, NotSentError, PackError, UnpackError
from posterm.iso8583.frame_header import CUPS_HEADER, TPDU, VISA_HEADER, FrameHeader, HeaderField, HeaderLayout
from posterm.iso8583.framing import Frame, FrameDecoder, Framing, Tpdu, encode_frame
from posterm.iso8583.message import Message

__all__ = [
    "CUPS_HEADER",
    "TPDU",
    "VISA_HEADER",
    "Composite",
    "Dialect",
    "DialectError",
    "Element",
    "Encodings",
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
    "Message",
    "NotSentError",
    "PackError",
    "Part",
    "Prefix",
    "Tpdu",
    "UnpackError",
    "dialect_names",
    "encode_frame",
    "get_dialect",
    "load_dialect",
    "parse_dialect",
]
