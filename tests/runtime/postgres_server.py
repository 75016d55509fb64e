"""A PostgreSQL server of our own in a temporary folder: reached over a socket in that folder, gone afterwards."""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from urllib.parse import quote

import psycopg

USER = "posterm"
START_S = 60
SERVER_USER = "postgres"
"""Who runs the server when the tests run as root, which PostgreSQL refuses."""


@cache
def program(name: str) -> str:
    """The path of one of the server's programs; empty when it is not installed."""
    packaged = sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{name}"))
    return str(packaged[-1]) if packaged else shutil.which(name) or ""


def missing() -> str:
    """Why no server can be started; empty when one can."""
    if not program("initdb") or not program("pg_ctl"):
        return "no initdb and pg_ctl; on Debian or Ubuntu: apt-get install postgresql"
    if os.geteuid() == 0 and not (_server_ids() and shutil.which("setpriv")):
        return f"tests run as root need the user {SERVER_USER} and setpriv"
    return ""


def _server_ids() -> tuple[int, int] | None:
    try:
        entry = pwd.getpwnam(SERVER_USER)
    except KeyError:
        return None
    return entry.pw_uid, entry.pw_gid


class Server:
    """A server that runs. Every store that asks gets a schema of its own."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._schemas = 0

    def address(self, schema: str = "", *, user: str = USER, password: str = "", database: str = "postgres") -> str:
        """Where to connect; `schema` is where tables are made and looked for."""
        secret = f":{quote(password, safe='')}" if password else ""
        options = f"&options={quote(f'-csearch_path={schema}', safe='')}" if schema else ""
        return f"postgresql://{user}{secret}@/{database}?host={quote(str(self._folder), safe='')}{options}"

    def new_schema(self) -> str:
        """Make an empty schema. Returns: the address to it."""
        self._schemas += 1
        name = f"s{os.getpid()}_{self._schemas}"
        self.run(f"CREATE SCHEMA {name}")
        return self.address(name)

    def run(self, statement: str, address: str = "") -> list[tuple]:
        """Run one statement, and return its rows."""
        with psycopg.connect(address or self.address(), autocommit=True) as connection:
            cursor = connection.execute(statement)
            return cursor.fetchall() if cursor.description else []


@contextmanager
def running_server(*settings: str) -> Iterator[Server]:
    """Found a cluster, start it, stop it. It forgets what a crash of the machine would cost, unless settings say no."""
    folder = Path(tempfile.mkdtemp(prefix="posterm-pg-"))
    prefix: list[str] = []
    if os.geteuid() == 0:
        ids = _server_ids()
        assert ids is not None
        os.chown(folder, *ids)
        prefix = ["setpriv", f"--reuid={ids[0]}", f"--regid={ids[1]}", "--clear-groups", "--"]
    data, log = folder / "data", folder / "log"

    def run(*command: str) -> None:
        done = subprocess.run(
            [*prefix, *command],
            cwd=folder,
            env={"PATH": os.environ["PATH"], "LC_ALL": "C"},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            timeout=START_S,
            check=False,
        )
        assert done.returncode == 0, done.stderr + (log.read_text() if log.exists() else "")

    chosen = " ".join(f"-c {setting}" for setting in (f"unix_socket_directories={folder}", *settings))
    try:
        run(program("initdb"), "-D", str(data), "-U", USER, "--auth=trust", "-E", "UTF8", "--locale=C", "--no-sync")
        options = f"-c listen_addresses='' -c max_connections=40 {chosen}"
        run(program("pg_ctl"), "-D", str(data), "-l", str(log), "-w", "-o", options, "start")
        try:
            yield Server(folder)
        finally:
            run(program("pg_ctl"), "-D", str(data), "-m", "immediate", "-w", "stop")
    finally:
        shutil.rmtree(folder, ignore_errors=True)
