"""`posterm api deliver`: what is due is tried, and an address that is not public is not asked."""

from __future__ import annotations

from pathlib import Path

import pytest


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def test_nothing_due_is_nothing_tried(posterm):
    assert posterm("api", "deliver").stdout == "tried 0\n"


def test_a_case_is_tried_at_the_webhook_that_wants_it(posterm):
    opened = posterm("merchant", "register-webhook", "A00000001", "--url", "https://127.0.0.1:1/", "--topics", "case")
    assert opened.exit_code == 0, opened.output
    posterm("merchant", "open-case", "A00000001", "--topic", "other", "--text", "hello")
    assert posterm("api", "deliver").stdout == "tried 1\n"
    assert posterm("api", "deliver", "--private").stdout == "tried 0\n"
