"""Reads the vectors of this package: JSON with a source, good and broken ones in one list."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

FOLDER = Path(__file__).parent.parent / "vectors" / "hsm"


def vectors(name: str, having: str = "", lacking: str = "raises") -> list[Any]:
    """The vectors of a file as test parameters, each under its id.

    Args:
        having: a field each must have.
        lacking: a field none may have; broken vectors have `raises` or `malformed`.
    """
    every = json.loads((FOLDER / name).read_text(encoding="utf-8"))["vectors"]
    return [pytest.param(v, id=v["id"]) for v in every if (not having or having in v) and lacking not in v]


def broken(name: str, field: str = "raises") -> list[Any]:
    """The broken vectors of a file."""
    return vectors(name, having=field, lacking="nothing lacks this")
