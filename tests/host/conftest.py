"""A host in memory with a merchant, a terminal that has signed on and a card; its ledger is proved after each test."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.host.hand_terminal import HandTerminal, Place, open_place


@pytest.fixture
def place() -> Iterator[Place]:
    opened = open_place()
    yield opened
    assert opened.host.ledger.prove().faults == ()


@pytest.fixture
def terminal(place: Place) -> HandTerminal:
    return place.terminal
