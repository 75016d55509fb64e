"""The fuzz target itself, without atheris: it holds on its seeds, and it sees a law that is broken."""

from __future__ import annotations

import pytest

from posterm.iso8583 import Dialect, Message, UnpackError, dialect_names, get_dialect
from tests.fuzz.fuzz_iso8583 import LawBrokenError, make_target, seeds


class Forgetful:
    """A dialect that forgets the last byte of what it packs."""

    def __init__(self, dialect: Dialect) -> None:
        self._dialect = dialect

    def __getattr__(self, name: str) -> object:
        return getattr(self._dialect, name)

    def pack(self, message: Message) -> bytes:
        return self._dialect.pack(message)[:-1]


@pytest.mark.parametrize("name", dialect_names())
def test_the_target_holds_on_the_seeds_of_a_dialect_and_on_them_cut_short(name: str) -> None:
    target = make_target([get_dialect(name)])
    for seed in seeds(get_dialect(name)):
        target(b"\x00" + seed)
        target(b"\x00" + seed[:-1])


@pytest.mark.parametrize("name", dialect_names())
def test_the_seeds_hold_nearly_every_element_of_a_dialect(name: str) -> None:
    dialect = get_dialect(name)
    held = {number for seed in seeds(dialect) for number in dialect.unpack(seed)}
    assert len(held) >= 0.9 * len(dialect.elements)


def test_the_target_sees_a_dialect_that_packs_to_other_bytes() -> None:
    dialect = get_dialect("iso87-ascii")
    target = make_target([Forgetful(dialect)])  # type: ignore[list-item]
    with pytest.raises(LawBrokenError, match="packs to other bytes"):
        target(b"\x00" + next(seeds(dialect)))


def test_the_target_takes_refused_bytes_and_no_bytes_at_all() -> None:
    dialect = get_dialect("iso87-bcd")
    with pytest.raises(UnpackError):
        dialect.unpack(b"\xff")
    target = make_target([dialect])
    target(b"")
    target(b"\x00\xff")
