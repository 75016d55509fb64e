"""A message: its type and its elements, immutable.

Elements are addressed by number (`message[4]`), sub-elements by path (`message["55.9F02"]`). What a message remembers
beside its values are encodings that were legal but not what this library would have written, so that an unchanged
element packs to the bytes it came from; they take no part in comparison.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from operator import itemgetter
from typing import TYPE_CHECKING, Any, overload

from posterm.iso8583.errors import PackError, UnpackError

if TYPE_CHECKING:
    from posterm.iso8583.dialect import Dialect

MAX_ELEMENT = 192
NOTHING_KEPT: dict[int, bytes] = {}
"""What a message remembers of its encodings when all were usual. Never written to."""

_SHAPE_LIMIT = 1024
_known_places: dict[bytes, dict[int, int]] = {b"": {}}
_known_orders: dict[bytes, tuple[bytes, Callable[[tuple[Any, ...]], tuple[Any, ...]]]] = {}


def places_of(shape: bytes) -> dict[int, int]:
    """Where the value of each element stands among the values, for element numbers ascending, a byte each.

    Messages of the same elements share it; it is never written to.
    """
    places = _known_places.get(shape)
    if places is None:
        places = {number: place for place, number in enumerate(shape)}
        if len(_known_places) < _SHAPE_LIMIT:
            _known_places[shape] = places
    return places


class Message(Mapping[int, Any]):
    """A message type of four digits and elements in ascending order.

    Values are `str` for numbers and text, `bytes` for binary, and for elements with sub-elements a `Composite`, a bare
    raw value or (to be packed) a mapping of parts. The dialect checks them when the message is packed.

    Raises: PackError: an element number is not an integer from 2 to 192.

    >>> Message("0800", {41: "10000001", 11: "000001"})
    <Message 0800 with 11 41>
    """

    __slots__ = ("_cells", "_dialect", "_kept", "_mti", "_places", "_shape")

    def __init__(self, mti: str, elements: Mapping[int, Any] | None = None) -> None:
        values = elements if elements.__class__ is dict else dict(elements or {})
        try:
            shape = bytes(values)
        except (TypeError, ValueError):
            shape = b"\0"
        cells = tuple(values.values())
        places = _known_places.get(shape)
        if places is None:
            shape, arrange = _known_orders.get(shape) or _order_of(values)
            cells = arrange(cells)
            places = places_of(shape)
        self._mti = mti
        self._places = places
        self._cells = cells
        self._dialect: Dialect | None = None
        self._kept = NOTHING_KEPT
        self._shape = shape

    @classmethod
    def from_dialect(cls, dialect: Dialect, mti: str, values: dict[int, Any], kept: dict[int, bytes]) -> Message:
        """A message as a dialect read it: values ascending and checked already, `kept` its unusual encodings."""
        message = cls.__new__(cls)
        cls._fill(message, mti, values, dialect, kept)
        return message

    def _fill(self, mti: str, values: dict[int, Any], dialect: Dialect | None, kept: dict[int, bytes]) -> None:
        self._mti = mti
        self._shape = bytes(values)
        self._places = places_of(self._shape)
        self._cells = tuple(values.values())
        self._dialect = dialect
        self._kept = kept

    @property
    def mti(self) -> str:
        """The message type, four digits; empty in the partial message of an error that concerns the type itself."""
        return self._mti

    def for_packing(self, dialect: Dialect) -> tuple[str, tuple[Any, ...], dict[int, bytes], bytes]:
        """Type, values, what this very dialect is to write as it was read, and the element numbers, a byte each."""
        return self._mti, self._cells, self._kept if self._dialect is dialect else NOTHING_KEPT, self._shape

    def __getitem__(self, key: int | str) -> Any:
        if type(key) is int:
            return self._cells[self._places[key]]
        if not isinstance(key, str):
            raise KeyError(key)
        head, dot, rest = key.partition(".")
        place = self._places.get(int(head)) if head.isascii() and head.isdigit() and len(head) <= 3 else None
        value = None if place is None else self._cells[place]
        try:
            for part in rest.split(".") if dot else ():
                value = value[part] if isinstance(value, Mapping) and part in value else None
        except UnpackError as error:
            error.partial = self
            raise
        if value is None:
            raise KeyError(key)
        return value

    @overload
    def get(self, key: int | str, /) -> Any: ...
    @overload
    def get(self, key: int | str, default: Any, /) -> Any: ...
    def get(self, key: int | str, default: Any = None, /) -> Any:
        """The value at a number or path, or `default` when there is none.

        Raises: UnpackError: the path leads into an element that is malformed inside.
        """
        if type(key) is int:
            place = self._places.get(key)
            return default if place is None else self._cells[place]
        try:
            return self[key]
        except KeyError:
            return default

    def __contains__(self, key: object) -> bool:
        if type(key) is int:
            return key in self._places
        try:
            self[key]  # type: ignore[index]
        except KeyError:
            return False
        return True

    def lacking(self, numbers: Iterable[int]) -> list[int]:
        """Those of these elements that the message does not have."""
        places = self._places
        return [number for number in numbers if number not in places]

    def texts(self) -> dict[int, str]:
        """Every element as text, by number: what is divided whole, as it stands on the wire."""
        return {
            number: value if type(value) is str else str(value)
            for number, value in zip(self._places, self._cells, strict=True)
        }

    def __iter__(self) -> Iterator[int]:
        return iter(self._places)

    def __len__(self) -> int:
        return len(self._places)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Message):
            return NotImplemented
        return self._mti == other._mti and self._shape == other._shape and self._cells == other._cells

    __hash__ = None  # type: ignore[assignment]

    def __deepcopy__(self, memo: dict[int, Any]) -> Message:
        return self

    def __reduce__(self) -> tuple[object, ...]:
        """Pickled are type and values; the dialect and what was remembered of its encodings stay behind."""
        return Message, (self._mti, {number: getattr(value, "raw", value) for number, value in self.items()})

    def __repr__(self) -> str:
        present = " ".join(map(str, self._places)) or "no elements"
        return f"<Message {self._mti or '----'} with {present}>"

    def with_elements(
        self, changes: Mapping[int, Any] | None = None, *, drop: Iterable[int] = (), mti: str | None = None
    ) -> Message:
        """A copy with elements set and dropped, and another type if one is given.

        Raises: PackError: an element number is not an integer from 2 to 192.
        """
        values = dict(self)
        kept = dict(self._kept)
        for number in drop:
            values.pop(number, None)
            kept.pop(number, None)
        dialect = self._dialect
        for number, value in (changes or {}).items():
            values[number] = value if dialect is None else dialect.attach(number, value)
            kept.pop(number, None)
        message = Message(self._mti if mti is None else mti, values)
        message._dialect = dialect
        message._kept = kept
        return message


def _order_of(values: Mapping[Any, Any]) -> tuple[bytes, Callable[[tuple[Any, ...]], tuple[Any, ...]]]:
    """The element numbers ascending, and what arranges their values so; those who build messages do it the same way."""
    for number in values:
        if type(number) is not int or not 2 <= number <= MAX_ELEMENT:
            raise PackError(f"need element numbers from 2 to {MAX_ELEMENT}, have another key", code="element")
    given = bytes(values)
    shape = bytes(sorted(given))
    if shape == given:
        return shape, tuple
    order = shape, itemgetter(*map(given.index, shape))
    if len(_known_orders) < _SHAPE_LIMIT:
        _known_orders[given] = order
    return order
