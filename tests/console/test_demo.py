"""The demonstration, as a newcomer runs it: two processes, TCP, and books that agree."""

from __future__ import annotations

import json
import subprocess
import sys
from functools import cache

import pytest

from posterm.unionpay.profile import profile_names
from simulators.cards import TEST_CARDS


@cache
def demo(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "posterm.console", "demo", *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)


@pytest.mark.parametrize(
    "profile", [pytest.param(name, marks=[pytest.mark.proof] if name != "default" else []) for name in profile_names()]
)
def test_the_day_goes_as_planned_with_every_built_in_profile(profile: str) -> None:
    done = demo("--json", "--profile", profile)
    document = json.loads(done.stdout)
    assert document["faults"] == []
    assert document["good"]
    assert done.returncode == 0
    proof = document["proof"]
    assert proof["terminal"] == proof["host"]
    assert proof["ledger"]["owed_to_merchant_minor"] == proof["terminal"]["net_minor"]
    outcomes = [step["result"].get("outcome") for step in document["steps"]]
    assert outcomes.count("declined") == 1
    assert outcomes.count("reversed") == 1


@pytest.mark.proof
def test_the_day_goes_as_planned_with_an_hsm_in_a_process_of_its_own() -> None:
    document = json.loads(demo("--hsm", "server", "--json").stdout)
    assert document["faults"] == []
    assert document["proof"]["agrees"]


def test_the_settlement_first_differs_and_is_uploaded() -> None:
    document = json.loads(demo("--json", "--profile", "default").stdout)
    events = [event["event"] for event in document["steps"][-1]["events"]]
    assert "totals-different" in events
    assert "batch-closed" in events
    uploads = [message for message in document["steps"][-1]["messages"] if message["mti"] == "0320"]
    assert len(uploads) >= 3


@pytest.mark.parametrize("lang", ["en", "zh"])
def test_the_text_is_masked_and_fits_a_terminal_of_80_columns(lang: str) -> None:
    done = demo("--lang", lang)
    assert done.returncode == 0
    assert done.stderr == ""
    assert max(map(len, done.stdout.splitlines())) <= 80
    assert ("三方一致" if lang == "zh" else "the three agree") in done.stdout
    for card in TEST_CARDS:
        assert card.pan.reveal() not in done.stdout
    for heading in ("-->", "<--", "0400", "0500", "0320"):
        assert heading in done.stdout


def test_an_unknown_profile_ends_in_one_line_and_a_hint() -> None:
    done = demo("--profile", "nobody")
    assert done.returncode == 2
    assert done.stderr.splitlines() == [
        "error: no acquirer profile 'nobody'",
        f"hint: built in are {', '.join(profile_names())}",
    ]
