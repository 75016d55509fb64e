"""Every dialect reads and writes its sample messages, and names the byte at which each broken one goes wrong."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from posterm.iso8583 import (
    Composite,
    Dialect,
    Encodings,
    Message,
    UnpackError,
    dialect_names,
    get_dialect,
    parse_dialect,
)

VECTORS = Path(__file__).parents[1] / "vectors" / "iso8583"
NAMES = [name for name in dialect_names() if name != "unionpay-pos"]  # whose frames have tests of their own


def vectors(name: str) -> dict[str, Any]:
    table: dict[str, Any] = json.loads((VECTORS / f"{name}.json").read_text("utf-8"))
    return table


GOOD = [pytest.param(name, v, id=f"{name}-{v['id']}") for name in NAMES for v in vectors(name)["vectors"]]
BROKEN = [pytest.param(name, v, id=f"{name}-{v['id']}") for name in NAMES for v in vectors(name)["broken"]]


def plain(value: Any) -> str:
    """A value as the vectors write it: text, or bytes in hexadecimal."""
    return value.hex().upper() if isinstance(value, bytes) else str(value)


@pytest.mark.parametrize("name", NAMES)
def test_a_dialect_has_samples_with_a_source_and_as_many_broken_ones(name: str) -> None:
    table = vectors(name)
    assert table["source"]
    assert len(table["broken"]) >= len(table["vectors"]) >= 3
    assert all(vector["why"] for vector in table["broken"])


@pytest.mark.parametrize(("name", "vector"), GOOD)
def test_a_sample_has_these_values_and_packs_to_its_bytes(name: str, vector: dict[str, Any]) -> None:
    dialect, wire = get_dialect(name), bytes.fromhex(vector["wire"])
    message = dialect.unpack(wire)
    assert message.mti == vector["mti"]
    assert list(message) == sorted({int(path.split(".")[0]) for path in vector["elements"]})
    for path, value in vector["elements"].items():
        assert plain(message[path]) == value, path
    assert dialect.pack(message) == wire


@pytest.mark.parametrize(("name", "vector"), GOOD)
def test_a_sample_rebuilt_from_its_parts_packs_to_its_bytes(name: str, vector: dict[str, Any]) -> None:
    dialect, wire = get_dialect(name), bytes.fromhex(vector["wire"])
    message = dialect.unpack(wire)
    assert dialect.pack(Message(message.mti, {number: parts(value) for number, value in message.items()})) == wire


def parts(value: Any) -> Any:
    if not isinstance(value, Composite):
        return value
    tree: dict[str, Any] = {}
    for part_id, inner in value.items_all():
        tree.setdefault(part_id, []).append(parts(inner))
    return {part_id: found if len(found) > 1 else found[0] for part_id, found in tree.items()}


@pytest.mark.parametrize(("name", "vector"), [case for case in GOOD if "source" not in case.values[1]])
def test_a_sample_made_for_its_dialect_has_nothing_to_check(name: str, vector: dict[str, Any]) -> None:
    dialect = get_dialect(name)
    assert dialect.check(dialect.unpack(bytes.fromhex(vector["wire"])), luhn=True) == []


@pytest.mark.parametrize(("name", "vector"), BROKEN)
def test_a_broken_sample_names_the_element_the_byte_and_the_fault(name: str, vector: dict[str, Any]) -> None:
    dialect, wire = get_dialect(name), bytes.fromhex(vector["wire"])
    if "read" in vector:  # sound outside: the fault shows when the part is asked for
        message = dialect.unpack(wire)
        assert dialect.pack(message) == wire
        with pytest.raises(UnpackError) as caught:
            message[vector["read"]]
    else:
        with pytest.raises(UnpackError) as caught:
            dialect.unpack(wire)
    found = caught.value
    assert (found.path, found.offset, found.code) == (vector["path"], vector["offset"], vector["code"])


def test_the_clearing_dialect_in_ascii_differs_in_encodings_only() -> None:
    ebcdic, ascii_ = get_dialect("mastercard-ipm"), get_dialect("mastercard-ipm-ascii")
    assert {number: element.name for number, element in ebcdic.elements.items()} == {
        number: element.name for number, element in ascii_.elements.items()
    }
    assert ascii_.encodings == Encodings(version="1993")


def test_the_elements_of_a_mac_are_the_last_of_each_dialect() -> None:
    macs = {name: get_dialect(name).mac_element for name in ("iso2003-bcd", "unionpay-cups", "visa-base1", "iso87-hex")}
    assert macs == {"iso2003-bcd": 192, "unionpay-cups": 128, "visa-base1": 128, "iso87-hex": 128}


def test_a_relative_in_another_code_page_is_one_line() -> None:
    text = 'name = "mip-500"\nextends = "mastercard-mip"\n[encodings]\ndigits = "cp500"\nmti = "cp500"\n'
    relative: Dialect = parse_dialect(text.encode(), origin="mip-500.toml")
    sample = bytes.fromhex(vectors("mastercard-mip")["vectors"][0]["wire"])
    assert relative.unpack(sample) == get_dialect("mastercard-mip").unpack(sample)
