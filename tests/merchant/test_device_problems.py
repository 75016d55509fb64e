"""Every way in which something about a device may be refused is reached by a test of its own."""

from __future__ import annotations

from pathlib import Path

import pytest

from posterm.merchant.device_problems import DEVICE_PROBLEMS

TESTS = "".join(
    path.read_text(encoding="utf-8")
    for path in Path(__file__).parent.glob("test_*.py")
    if path.name != Path(__file__).name
)


@pytest.mark.parametrize("code", DEVICE_PROBLEMS)
def test_a_test_is_refused_for_it(code):
    assert f'"{code}' in TESTS
