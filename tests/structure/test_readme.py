"""The programs printed in the README and in the pages on simulation, the kernel and webhooks run as they stand."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def run_programs_of(page: str, folder: Path) -> list[str]:
    """Run a page's Python blocks as one program. Returns: the lines it printed."""
    blocks = re.findall(r"```python\n(.*?)```", (ROOT / page).read_text(encoding="utf-8"), re.DOTALL)
    assert blocks, f"{page} shows no program"
    script = folder / "program.py"
    script.write_text("\n".join(blocks), encoding="utf-8")
    done = subprocess.run([sys.executable, str(script)], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


def test_the_purchase_in_the_readme_is_approved(tmp_path: Path) -> None:
    printed = run_programs_of("README.md", tmp_path)
    assert printed[-1] == "approved"
    assert any("621234******1265" in line for line in printed)


def test_the_day_in_the_page_on_simulation_ends_with_equal_books(tmp_path: Path) -> None:
    printed = run_programs_of("docs/simulation.md", tmp_path)
    assert "approved 621234******1265" in printed
    assert printed[-1] == "approved CHIP 621234******1265"


def test_the_transaction_in_the_page_on_the_kernel_is_declined_and_explained(tmp_path: Path) -> None:
    printed = run_programs_of("docs/emv-kernel.md", tmp_path)
    assert printed[-1] == "declined 51 the issuer declined"
    explained = re.findall(r"^Book 3, .*", (ROOT / "docs/emv-kernel.md").read_text(encoding="utf-8"), re.MULTILINE)
    assert explained
    assert [line for line in explained if line not in printed] == []


def test_the_signature_in_the_page_on_merchants_money_fits_its_own_body_only(tmp_path: Path) -> None:
    assert run_programs_of("docs/merchant-money.md", tmp_path) == ["True", "False"]
