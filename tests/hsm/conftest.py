"""An HSM under the test LMK, with seeded entropy."""

from __future__ import annotations

import random

import pytest

from posterm.hsm import Lmk, SoftHsm


@pytest.fixture
def hsm() -> SoftHsm:
    return SoftHsm(Lmk.test(), random.Random(8583).randbytes)
