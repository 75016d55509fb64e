"""Reads the vectors of this package: JSON with a source, good and broken ones in one list."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

VECTORS = Path(__file__).parent.parent / "vectors"


def load(name: str) -> dict[str, Any]:
    """One file under tests/vectors, whole."""
    found: dict[str, Any] = json.loads((VECTORS / name).read_text(encoding="utf-8"))
    return found


def good(name: str) -> list[Any]:
    """The vectors of this package's file that must work, each under its id."""
    return [pytest.param(v, id=v["id"]) for v in load(f"unionpay/{name}")["vectors"] if "raises" not in v]


def broken(name: str) -> list[Any]:
    """The vectors that must be refused."""
    return [pytest.param(v, id=v["id"]) for v in load(f"unionpay/{name}")["vectors"] if "raises" in v]
