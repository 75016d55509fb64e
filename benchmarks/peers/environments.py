"""The peers, and an environment of its own for each: a virtual environment, a Go build, a set of jars.

Everything is made below `.bench-peers/` from the language's own registry, with pinned versions, and found ready the
next time. A peer whose language is not there, or whose registry does not answer, is skipped with the reason.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
PROGRAMS = Path(__file__).with_name("programs")
HOME = ROOT / ".bench-peers"
BUILD_LIMIT_S = 400
JPOS_VERSION = "2.1.10"


class NotPreparedError(Exception):
    """A peer that cannot be measured here; the text is the reason."""


@dataclass(frozen=True)
class Peer:
    """A codec and the program that measures it. `prepare` gives the command that starts the program."""

    name: str
    language: str
    licence: str
    prepare: Callable[[], list[str]]
    note: str = ""


def peers() -> tuple[Peer, ...]:
    """posterm first, then the others."""
    return (
        Peer("posterm", "Python", "Apache-2.0", lambda: [sys.executable, str(PROGRAMS / "posterm_peer.py")]),
        Peer("pyiso8583", "Python", "MIT", _python("pyiso8583", "pyiso8583==4.0.1")),
        Peer(
            "iso8583sim", "Python, Cython", "AGPL-3.0", _python("iso8583sim", "iso8583sim==1.6.0"),
            "packs DE 49 on `bcd`, which makes that wire a byte shorter",
        ),
        Peer("py8583", "Python", "LGPL-2.0", _python("py8583", "py8583==1.3"), "gives numbers as integers"),
        Peer("starkbank-iso8583", "Python", "MIT", _python("starkbank", "starkbank-iso8583==0.7.1")),
        Peer(
            "cardutil", "Python", "MIT", _python("cardutil", "cardutil==0.7.3"),
            "always has a bitmap of 128 bits, so its wire is 8 bytes longer; divides DE 55 at once",
        ),
        Peer("moov-io/iso8583", "Go", "Apache-2.0", _go),
        Peer("jPOS", "Java", "AGPL-3.0", _java, "with its just-in-time compiler warm"),
    )  # fmt: skip


def _python(name: str, requirement: str) -> Callable[[], list[str]]:
    return lambda: [python_environment(name, requirement), str(PROGRAMS / f"{name}_peer.py")]


def python_environment(name: str, requirement: str) -> str:
    """The interpreter of an environment that has a requirement. Raises: NotPreparedError."""
    home = HOME / name
    python = home / "bin" / "python"
    if not _is_ready(home, requirement):
        shutil.rmtree(home, ignore_errors=True)
        _run([sys.executable, "-m", "venv", str(home)], HOME)
        _run([str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", requirement], HOME)
        _mark_ready(home, requirement)
    return str(python)


def _go() -> list[str]:
    _need("go")
    source, home = PROGRAMS / "moov", HOME / "moov"
    program = home / "moov-peer"
    inputs = "".join((source / name).read_text(encoding="utf-8") for name in ("main.go", "go.mod", "go.sum"))
    if not _is_ready(home, inputs):
        home.mkdir(parents=True, exist_ok=True)
        _run(["go", "build", "-o", str(program), "."], source)
        _mark_ready(home, inputs)
    return [str(program)]


def _java() -> list[str]:
    for program in ("mvn", "javac", "java"):
        _need(program)
    source, home = PROGRAMS / "jpos", HOME / "jpos"
    inputs = "".join((source / name).read_text(encoding="utf-8") for name in ("JposPeer.java", "pom.xml"))
    if not _is_ready(home, inputs):
        shutil.rmtree(home, ignore_errors=True)
        home.mkdir(parents=True)
        shutil.copy(source / "pom.xml", home)
        goal = ["dependency:copy-dependencies", "-DincludeScope=compile", "-DoutputDirectory=lib"]
        _run(["mvn", "--quiet", "--batch-mode", *goal], home)
        _run(["javac", "-d", str(home), "-cp", str(home / "lib" / "*"), str(source / "JposPeer.java")], home)
        _mark_ready(home, inputs)
    return ["java", "-cp", f"{home}:{home / 'lib' / '*'}", "JposPeer", JPOS_VERSION]


def _need(program: str) -> None:
    if shutil.which(program) is None:
        raise NotPreparedError(f"{program} is not there")


def _is_ready(home: Path, inputs: str) -> bool:
    """True when the environment was made from these very inputs."""
    stamp = home / ".ready"
    return stamp.is_file() and stamp.read_text(encoding="utf-8") == inputs


def _mark_ready(home: Path, inputs: str) -> None:
    (home / ".ready").write_text(inputs, encoding="utf-8")


def _run(command: list[str], folder: Path) -> None:
    """Run a build step. Raises: NotPreparedError with the last line of what it said."""
    HOME.mkdir(exist_ok=True)
    try:
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=BUILD_LIMIT_S, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise NotPreparedError(f"{Path(command[0]).name} did not finish: {type(error).__name__}") from None
    if done.returncode:
        said = [line for line in (done.stdout + done.stderr).splitlines() if line.strip()] or ["nothing said"]
        raise NotPreparedError(f"{Path(command[0]).name} failed: {said[-1].strip()[:120]}")
