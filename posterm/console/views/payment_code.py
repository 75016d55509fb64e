"""A payment code explained: a merchant's object by object, a customer's by its network, never in the clear."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from posterm.qr import merchant_presented
from posterm.qr.merchant_presented import ADDITIONAL_OBJECTS, LANGUAGE_OBJECTS, DataObject, name_of
from posterm.qr.scanned import read

_MERCHANT_START = "0002"
_INSIDE = {"62": ADDITIONAL_OBJECTS, "64": LANGUAGE_OBJECTS}


def code_lines(text: str) -> list[str]:
    """For people. Raises: QrError: it is no payment code."""
    if not text.startswith(_MERCHANT_START):
        scanned = read(text)
        network = f", {scanned.network}" if scanned.network is not None else ""
        return [f"customer's code: {scanned.form}{network}, {scanned.masked}"]
    code = merchant_presented.parse(text)
    heading = f"merchant's code: {'dynamic' if code.dynamic else 'static'}"
    return [heading, *(_line(*row) for row in _rows(code.objects))]


def code_document(text: str) -> dict[str, Any]:
    """For machines. Raises: QrError: it is no payment code."""
    if not text.startswith(_MERCHANT_START):
        scanned = read(text)
        network = scanned.network.value if scanned.network is not None else ""
        return {"kind": scanned.form.value, "network": network, "code": scanned.masked}
    code = merchant_presented.parse(text)
    objects = [{"id": path, "name": name, "value": value} for path, name, value in _rows(code.objects)]
    return {"kind": "merchant-presented", "dynamic": code.dynamic, "reference": code.reference, "objects": objects}


def _rows(objects: tuple[DataObject, ...]) -> Iterator[tuple[str, str, str]]:
    for item in objects:
        yield item.id, name_of(item.id), "" if item.inside else item.value
        rules = _INSIDE.get(item.id, {})
        for inner in item.inside:
            rule = rules.get(inner.id)
            name = rule.name if rule is not None else "Globally Unique Identifier" if inner.id == "00" else ""
            yield f"{item.id}.{inner.id}", name, inner.value


def _line(path: str, name: str, value: str) -> str:
    return f"{path:<6} {name:<42} {value}".rstrip()
