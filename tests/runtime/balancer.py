"""HAProxy before hosts, as the page on operation has it."""

from __future__ import annotations

import shutil
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from tests.runtime.killed_host import HostProcess

START_S = 30.0
PROGRAM = "haproxy"


def missing() -> str:
    """Why there is no balancer; empty when there is one."""
    return "" if shutil.which(PROGRAM) else "no haproxy; on Debian or Ubuntu: apt-get install haproxy"


def configuration(page: str, port: int, hosts: Sequence[HostProcess]) -> str:
    """The configuration that a document shows, with the ports of a test."""
    block = next(block for block in page.split("```")[1::2] if "frontend terminals" in block)
    text = block.partition("\n")[2].replace("bind :8583", f"bind 127.0.0.1:{port}")
    for shown, host in zip((("9101", "9201"), ("9102", "9202")), hosts, strict=True):
        text = text.replace(f":{shown[0]} ", f":{host.port} ").replace(f" {shown[1]} ", f" {host.status_port} ")
    return text


@contextmanager
def balanced(folder: Path, text: str, port: int) -> Iterator[None]:
    """HAProxy with a configuration, while the block runs."""
    path = folder / "haproxy.cfg"
    path.write_text(text, encoding="ascii")
    with subprocess.Popen(
        [PROGRAM, "-db", "-f", str(path)], stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    ) as process:
        try:
            _wait_until_it_listens(process, port)
            yield
        finally:
            process.kill()


def _wait_until_it_listens(process: subprocess.Popen[bytes], port: int) -> None:
    import socket

    until = time.monotonic() + START_S
    while time.monotonic() < until:
        assert process.poll() is None, process.stdout.read().decode() if process.stdout else ""
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            time.sleep(0.05)
        else:
            return
    raise AssertionError("the balancer does not listen")
