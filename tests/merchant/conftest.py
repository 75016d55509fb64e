"""An office over a host in memory, with seeded entropy."""

from __future__ import annotations

import pytest

from posterm.merchant import Office
from posterm.merchant import parts as _every_part
from tests.merchant.hand_office import new_office

assert _every_part


@pytest.fixture
def office() -> Office:
    return new_office()
