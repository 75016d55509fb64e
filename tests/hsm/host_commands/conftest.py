"""Command sets under the test LMKs, with seeded entropy."""

from __future__ import annotations

import json
import random
from pathlib import Path

import pytest

from posterm.hsm import Lmk, SoftHsm
from posterm.hsm.host_commands import HostCommandSet, LmkKind
from posterm.hsm.variant_lmk import VariantLmk

VECTORS = json.loads((Path(__file__).parents[2] / "vectors/hsm/host_commands.json").read_text(encoding="utf-8"))
FORMER_LMK = VariantLmk(tuple(bytes.fromhex(pair) for pair in VECTORS["former_lmk"]))


def new_hsm(**permissions: bool) -> SoftHsm:
    return SoftHsm(
        Lmk.test(),
        random.Random(8583).randbytes,
        variant_lmk=VariantLmk.test(),
        former_variant_lmk=FORMER_LMK,
        **permissions,  # type: ignore[arg-type]
    )


@pytest.fixture
def lenient() -> HostCommandSet:
    """As the published samples need it: single-length ZMKs, and PIN blocks that give up their PAN."""
    return HostCommandSet(new_hsm(allow_weaker_kek=True, allow_weaker_translation=True), lmk_kind=LmkKind.VARIANT)


@pytest.fixture
def variant() -> HostCommandSet:
    return HostCommandSet(new_hsm(), lmk_kind=LmkKind.VARIANT)


@pytest.fixture
def blocks() -> HostCommandSet:
    return HostCommandSet(new_hsm())
