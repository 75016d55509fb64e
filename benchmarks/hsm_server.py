"""Commands per second of the HSM's server, beside a bare server that only frames and echoes.

    python -m benchmarks.hsm_server                       the whole table, into benchmarks/results
    python -m benchmarks.hsm_server --seconds 0.2 --no-results

Three processes: this one, a server (the HSM or the echo), and the load. The load is a loop over epoll that counts
bytes, so that it costs little beside the server. In lock step each client waits for its answer before it asks again;
pipelined it keeps 32 requests on the way. NC is a command without keys; CC translates a PIN block from one zone PIN key
to another, both in key blocks, with every check. Each cell is the median of several rounds, echo and HSM in turn.
Beside the rates stands the CPU time a server took for one command: it moves less with what else the machine does.

Left out: TLS, several machines, keys that were not seen before.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import random
import select
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from benchmarks.peers.machine import describe_machine
from posterm.hsm import Algorithm, KeyUsage, Lmk, Pin, PinFormat, SoftHsm
from posterm.hsm.master_secret import MasterSecret
from posterm.runtime.hsm_assembly import open_guarded_hsm
from posterm.runtime.run_hsm import HsmServer, serve_until
from posterm.sensitive import Pan

RESULTS = Path(__file__).parent / "results"
CLIENTS = (1, 16, 64)
DEPTH = 32
GOAL = 1 / 3
"""Of the echo's rate, for CC with 16 clients in lock step."""


def cc() -> bytes:
    """A translation under the test LMK."""
    hsm = SoftHsm(Lmk.test(), random.Random(1).randbytes)
    source, target = (hsm.generate_key(KeyUsage.PIN_ENCRYPTION, Algorithm.TDES_DOUBLE) for _ in range(2))
    pan = Pan("6225880137428865")
    block = hsm.encrypt_pin(source, Pin("908172"), PinFormat.ISO_0, pan)
    return f"CC{source}{target}12{block.hex().upper()}0101{pan.pan12}".encode("ascii")


COMMANDS = {"NC": lambda: b"NC", "CC": cc}


# --- servers ----------------------------------------------------------------------------------------------------------


class Echo(asyncio.Protocol):
    """Frames, and nothing else."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport
        self._pending = b""

    def data_received(self, data: bytes) -> None:
        data = self._pending + data
        at, size = 0, len(data)
        answers = []
        while size - at >= 2:
            end = at + 2 + (data[at] << 8 | data[at + 1])
            if end > size:
                break
            answers.append(data[at:end])
            at = end
        self._pending = data[at:]
        self._transport.write(b"".join(answers))  # type: ignore[attr-defined]


def serve(what: str) -> None:
    """Serve on a free port, told on standard output, until SIGTERM."""
    if what == "echo":
        asyncio.run(_serve_echo())
        return
    with tempfile.TemporaryDirectory() as folder:
        opened = open_guarded_hsm(Path(folder), MasterSecret.test())
        server = HsmServer(lambda client: opened.session(client, header_length=4), lambda _event, _peer: None)
        asyncio.run(serve_until(server, "127.0.0.1", 0, ready=_tell))
        opened.state.close()


async def _serve_echo() -> None:
    server = await asyncio.get_running_loop().create_server(Echo, "127.0.0.1", 0)
    _tell(server.sockets[0].getsockname()[1])
    await server.serve_forever()


def _tell(what: object) -> None:
    sys.stdout.write(f"{what}\n")
    sys.stdout.flush()


@contextmanager
def running(what: str) -> Iterator[tuple[int, int]]:
    """A server in a process of its own: its port and process."""
    process = subprocess.Popen(
        [sys.executable, "-m", "benchmarks.hsm_server", "--serve", what], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    try:
        yield int(process.stdout.readline()), process.pid
    finally:
        process.terminate()
        process.wait(30)
        process.stdout.close()


# --- load -------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Load:
    """What is asked, and by how many."""

    clients: int
    depth: int
    command: bytes


def frame(command: bytes) -> bytes:
    return (4 + len(command)).to_bytes(2, "big") + b"0001" + command


def measure(port: int, load: Load, seconds: float) -> tuple[float, int]:
    """Answers per second after a tenth of the time to warm up, and all answers there were."""
    request = frame(load.command)
    sockets: dict[int, socket.socket] = {}
    for _ in range(load.clients):
        connection = socket.create_connection(("127.0.0.1", port))
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        sockets[connection.fileno()] = connection
    answer = _first_answer(next(iter(sockets.values())), request)
    expected = answer * load.depth
    batch = request * load.depth
    poll = select.epoll()
    waiting = dict.fromkeys(sockets, expected)
    for number, connection in sockets.items():
        poll.register(number, select.EPOLLIN)
        connection.sendall(batch)
    done, before, start, warm = 0, 0, 0.0, time.perf_counter() + seconds / 10
    end = warm + seconds
    while (now := time.perf_counter()) < end:
        if not start and now >= warm:
            done, before, start = 0, done, now
        for number, _ in poll.poll(1.0):
            connection = sockets[number]
            left = waiting[number] - len(connection.recv(1 << 16))
            if left:
                waiting[number] = left
            else:
                waiting[number] = expected
                done += load.depth
                connection.send(batch)
    elapsed = now - start
    for connection in sockets.values():
        connection.close()
    poll.close()
    return done / elapsed, before + done


def _first_answer(connection: socket.socket, request: bytes) -> int:
    """The length of an answer with its frame; one that is refused is not worth measuring."""
    connection.sendall(request)
    received = b""
    while len(received) < 2 or len(received) < 2 + int.from_bytes(received[:2], "big"):
        received += connection.recv(1 << 16)
    if received[6:8] not in (request[6:8], b"ND", b"CD") or (received != request and received[8:10] != b"00"):
        raise SystemExit(f"refused: {received[6:10]!r}")
    return len(received)


# --- the table --------------------------------------------------------------------------------------------------------


def compare(seconds: float, rounds: int, only: str = "") -> list[dict[str, object]]:
    """Every cell: echo and HSM in turn within each round, medians over the rounds."""
    rows: list[dict[str, object]] = []
    with running("echo") as echo, running("hsm") as hsm:
        for name, make in COMMANDS.items():
            if only not in ("", name):
                continue
            command = make()
            for depth in (1, DEPTH):
                for clients in CLIENTS:
                    load = Load(clients, depth, command)
                    pairs = [(_load(echo, load, seconds), _load(hsm, load, seconds)) for _ in range(rounds)]
                    rows.append(
                        {
                            "command": name,
                            "mode": "lock step" if depth == 1 else f"pipelined by {depth}",
                            "clients": clients,
                            "echo_per_s": round(statistics.median(echoed[0] for echoed, _ in pairs)),
                            "hsm_per_s": round(statistics.median(served[0] for _, served in pairs)),
                            "share": round(statistics.median(served[0] / echoed[0] for echoed, served in pairs), 3),
                            "echo_cpu_us": round(statistics.median(echoed[1] for echoed, _ in pairs), 1),
                            "hsm_cpu_us": round(statistics.median(served[1] for _, served in pairs), 1),
                        }
                    )
    return rows


def _load(server: tuple[int, int], load: Load, seconds: float) -> tuple[float, float]:
    """Answers per second, and the server's CPU time for one of them in microseconds.

    The load is a process of its own, so that neither this one nor an earlier load stands beside it.
    """
    port, process = server
    task = [str(port), str(load.clients), str(load.depth), load.command.decode("ascii"), str(seconds)]
    before = _cpu_s(process)
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.hsm_server", "--load", *task], capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise SystemExit(done.stderr)
    rate, answers = json.loads(done.stdout)
    return rate, (_cpu_s(process) - before) / max(answers, 1) * 1e6


def _cpu_s(process: int) -> float:
    """Seconds of CPU a process has used; Linux tells."""
    fields = Path(f"/proc/{process}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def table(rows: list[dict[str, object]]) -> str:
    """The rows as Markdown."""
    lines = [
        "| command | mode | clients | echo, 1/s | HSM, 1/s | share | echo, CPU µs | HSM, CPU µs |",
        "|---|---|---:|---:|---:|---:|---:|---:|",
    ]
    lines += [
        f"| {row['command']} | {row['mode']} | {row['clients']} | {row['echo_per_s']:,} | {row['hsm_per_s']:,} |"
        f" {row['share']:.2f} | {row['echo_cpu_us']} | {row['hsm_cpu_us']} |"
        for row in rows
    ]
    return "\n".join(lines)


def verdict(rows: list[dict[str, object]]) -> str:
    """Whether the goal is met, when it was measured."""
    found = [row["share"] for row in rows if (row["command"], row["mode"], row["clients"]) == ("CC", "lock step", 16)]
    if not found:
        return ""
    (share,) = found
    met = "met" if float(str(share)) >= GOAL else "NOT met"
    return f"CC with 16 clients in lock step: {share:.2f} of the echo's rate; at least {GOAL:.2f} is the goal: {met}"


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("--seconds", type=float, default=1.0, help="for one cell of one round")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--only", default="", help="a command, such as CC")
    parser.add_argument("--no-results", action="store_true", help="write no file")
    parser.add_argument("--serve", choices=("hsm", "echo"), help=argparse.SUPPRESS)
    parser.add_argument("--load", nargs=5, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.serve:
        serve(options.serve)
        return
    if options.load:
        port, clients, depth, command, seconds = options.load
        load = Load(int(clients), int(depth), command.encode("ascii"))
        _tell(json.dumps(measure(int(port), load, float(seconds))))
        return
    rows = compare(options.seconds, options.rounds, options.only)
    machine = f"{', '.join(describe_machine().values())} (load before); {options.rounds} rounds of {options.seconds} s"
    _tell(f"{table(rows)}\n{verdict(rows)}")
    if not options.no_results:
        text = f"# The HSM's server\n\n{machine}; made by `make bench-hsm`.\n\n{table(rows)}\n\n{verdict(rows)}\n"
        (RESULTS / "hsm_server.md").write_text(text, encoding="utf-8")
        (RESULTS / "hsm_server.json").write_text(json.dumps({"machine": machine, "rows": rows}, indent=1) + "\n")


if __name__ == "__main__":
    main()
