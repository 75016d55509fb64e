"""Clearing files: a row of records with a length in front of each, in blocks of 1014 bytes or in one piece.

A record is a length of 4 bytes, big-endian, and as many bytes: a message of `mastercard-ipm`, from its message type on.
A length of 0 ends the file. In blocks, every 1012 bytes of this are followed by two bytes 0x40, and the last block is
filled with 0x40. What is read here is written to the same bytes again.

Source: publications on Mastercard's file formats (variable blocked sequential, 1014 byte blocks); cardutil, which reads
and writes the same. Leaves out parameter files, and blocks of any other size. No input or output happens here.
"""

from __future__ import annotations

from collections.abc import Iterable

from posterm.iso8583.errors import FramingError

LENGTH_BYTES = 4
BLOCK_BYTES = 1014
BLOCK_DATA_BYTES = 1012
FILLER = b"\x40"
MAX_RECORD_BYTES = 65_535

_PAD = FILLER * (BLOCK_BYTES - BLOCK_DATA_BYTES)


class RecordReader:
    """Takes a file in pieces of any size and gives its records.

    Args:
        blocked: the file is in blocks of 1014 bytes.
        max_record_bytes: longer records are refused before they are collected.
    """

    __slots__ = ("_ahead", "_blocked", "_data", "_ended", "_most", "_taken", "_waiting")

    def __init__(self, *, blocked: bool = True, max_record_bytes: int = MAX_RECORD_BYTES) -> None:
        self._blocked = blocked
        self._most = max_record_bytes
        self._waiting = bytearray()  # of a block that is not complete
        self._data = bytearray()  # of a record that is not complete
        self._taken = 0  # bytes of records, lengths and filler understood so far, without the pads of blocks
        self._ahead = 0  # bytes of the file fed so far
        self._ended = False

    def feed(self, piece: bytes) -> list[bytes]:
        """The records that are complete with this piece of the file.

        Raises: FramingError: a length over the limit, a block without its pad, or anything but filler after the end;
            `offset` counts from the first byte of the file. The reader is of no use afterwards.
        """
        if not self._blocked:
            self._data += piece
            self._ahead += len(piece)
            return self._records()
        self._waiting += piece
        while len(self._waiting) >= BLOCK_BYTES:
            if self._waiting[BLOCK_DATA_BYTES:BLOCK_BYTES] != _PAD:
                at = self._ahead + BLOCK_DATA_BYTES
                raise FramingError("clearing file: need 2 bytes 0x40 after 1012 bytes, have others", offset=at)
            self._data += self._waiting[:BLOCK_DATA_BYTES]
            del self._waiting[:BLOCK_BYTES]
            self._ahead += BLOCK_BYTES
        return self._records()

    def finish(self) -> None:
        """Say that the file has ended.

        Raises: FramingError: within a block or a record, or without the length of 0 that ends it.
        """
        size = self._ahead + len(self._waiting)
        if self._waiting:
            raise FramingError(f"clearing file: need blocks of 1014 bytes, have {len(self._waiting)} more", offset=size)
        if not self._ended:
            found = f"{len(self._data)} bytes of one" if self._data else "the end"
            raise FramingError(f"clearing file: need a whole record or a length of 0, have {found}", offset=size)

    def _records(self) -> list[bytes]:
        found: list[bytes] = []
        data, at = self._data, 0
        while not self._ended and len(data) - at >= LENGTH_BYTES:
            length = int.from_bytes(data[at : at + LENGTH_BYTES], "big")
            if length > self._most:
                raise FramingError(
                    f"clearing file: need records of at most {self._most} bytes, have {length}",
                    offset=self._offset(self._taken + at),
                )
            if length == 0:
                self._ended = True
                at += LENGTH_BYTES
                break
            end = at + LENGTH_BYTES + length
            if end > len(data):
                break
            found.append(bytes(data[at + LENGTH_BYTES : end]))
            at = end
        if self._ended:
            self._refuse_rest(at)
            at = len(data)
        del data[:at]
        self._taken += at
        return found

    def _refuse_rest(self, at: int) -> None:
        """Raise when something other than the filler of the last block follows the end."""
        rest = self._data[at:]
        filler = len(rest) - len(rest.lstrip(FILLER)) if self._blocked else 0
        # The filler of one block; a further block has no reason to be there.
        room = -(self._taken + at) % BLOCK_DATA_BYTES if self._blocked and at else 0
        most = min(filler, room)
        if most < len(rest):
            raise FramingError(
                f"clearing file: need nothing after the end, have {len(rest) - most} more bytes",
                offset=self._offset(self._taken + at + most),
            )

    def _offset(self, place: int) -> int:
        return place + place // BLOCK_DATA_BYTES * len(_PAD) if self._blocked else place


class RecordWriter:
    """Takes records one by one and gives the bytes of the file, whole blocks at a time."""

    __slots__ = ("_blocked", "_pending")

    def __init__(self, *, blocked: bool = True) -> None:
        self._blocked = blocked
        self._pending = bytearray()

    def add(self, record: bytes) -> bytes:
        """What can be written once this record is in.

        Raises: FramingError: the record is empty, since a length of 0 ends the file, or longer than 65535 bytes.
        """
        if not 1 <= len(record) <= MAX_RECORD_BYTES:
            raise FramingError(f"clearing file: need records of 1 to {MAX_RECORD_BYTES} bytes, have {len(record)}")
        self._pending += len(record).to_bytes(LENGTH_BYTES, "big") + record
        return self._written()

    def finish(self) -> bytes:
        """The end of the file."""
        self._pending += bytes(LENGTH_BYTES)
        if self._blocked:
            self._pending += FILLER * (-len(self._pending) % BLOCK_DATA_BYTES)
        return self._written()

    def _written(self) -> bytes:
        pending = self._pending
        whole = len(pending) // BLOCK_DATA_BYTES * BLOCK_DATA_BYTES if self._blocked else len(pending)
        out = bytes(pending[:whole])
        del pending[:whole]
        if not self._blocked:
            return out
        return b"".join(out[at : at + BLOCK_DATA_BYTES] + _PAD for at in range(0, whole, BLOCK_DATA_BYTES))


def read_records(file: bytes, *, blocked: bool = True) -> list[bytes]:
    """The records of a whole file.

    Raises: FramingError: as `RecordReader`.

    >>> read_records(write_records([b"one", b"two"]))
    [b'one', b'two']
    """
    reader = RecordReader(blocked=blocked)
    records = reader.feed(file)
    reader.finish()
    return records


def write_records(records: Iterable[bytes], *, blocked: bool = True) -> bytes:
    """A whole file of these records.

    Raises: FramingError: a record is empty or too long.
    """
    writer = RecordWriter(blocked=blocked)
    body = b"".join([writer.add(record) for record in records])
    return body + writer.finish()
