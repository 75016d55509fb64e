"""A test whose optional part is missing is skipped on a user's machine and fails where every part is required."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
TESTS = """
import pytest

@pytest.mark.needs_optional("card reader", available=False, reason="no pyscard")
def test_marked(): raise RuntimeError

def test_finds_out_late(optional):
    optional("database", False, "no server")
    raise RuntimeError

@pytest.mark.needs_optional("clock", available=True, reason="always there")
def test_available(optional): optional("clock", True, "always there")
"""


def run(folder: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    (folder / "test_parts.py").write_text(TESTS)
    (folder / "pytest.ini").write_text("[pytest]\naddopts = -p no:cacheprovider\nmarkers =\n    needs_optional: x\n")
    (folder / "conftest.py").write_text("from tests.conftest import optional, pytest_runtest_setup\n")
    inherited = {name: value for name, value in os.environ.items() if name != "POSTERM_REQUIRE_OPTIONAL"}
    return subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-rs"],
        cwd=folder,
        env={**inherited, "PYTHONPATH": str(ROOT), **environment},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def test_a_missing_part_skips_its_tests_and_says_why(tmp_path):
    result = run(tmp_path)
    assert "1 passed, 2 skipped" in result.stdout
    assert "card reader is not there: no pyscard" in result.stdout
    assert "database is not there: no server" in result.stdout
    assert result.returncode == pytest.ExitCode.OK


def test_a_missing_part_fails_its_tests_where_it_is_required(tmp_path):
    result = run(tmp_path, POSTERM_REQUIRE_OPTIONAL="1")
    assert "RuntimeError" not in result.stdout
    assert "card reader is required by POSTERM_REQUIRE_OPTIONAL and not there: no pyscard" in result.stdout
    assert result.returncode == pytest.ExitCode.TESTS_FAILED
    assert result.stdout.count("and not there") >= 2
