"""Passwords are hashed once a session: hundreds of terminals are built here, and the hash is slow on purpose."""

from __future__ import annotations

import functools
from collections.abc import Iterator

import pytest

from posterm.terminal import engine, operators


@pytest.fixture(scope="session", autouse=True)
def _passwords_hashed_once() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        hashed = functools.cache(operators.hash_password)
        patch.setattr(operators, "hash_password", hashed)
        patch.setattr(engine, "hash_password", hashed)
        yield
