"""An office over a host in memory, with seeded entropy."""

from __future__ import annotations

import pytest

from posterm.merchant import Office
from tests.merchant.hand_office import new_office


@pytest.fixture
def office() -> Office:
    return new_office()
