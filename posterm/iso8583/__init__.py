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
from posterm.iso8583.errors import DialectError, FramingError, Iso8583Error, PackError, UnpackError
from posterm.iso8583.framing import FrameDecoder, Tpdu, encode_frame
from posterm.iso8583.message import Message

__all__ = [
    "Composite",
    "Dialect",
    "DialectError",
    "Element",
    "Encodings",
    "Format",
    "FrameDecoder",
    "FramingError",
    "Iso8583Error",
    "Layout",
    "Message",
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
