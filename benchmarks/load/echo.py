"""A bare asyncio server that gives back each frame as it came: what any Python server pays for framing and sockets.

python -m benchmarks.load.echo      serves on a free port, told on standard output, until SIGTERM
"""

from __future__ import annotations

import asyncio
import sys


class Echo(asyncio.Protocol):
    """Cuts frames at their length of two bytes, and nothing else."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport
        self._pending = b""

    def data_received(self, data: bytes) -> None:
        data = self._pending + data
        at, size, answers = 0, len(data), []
        while size - at >= 2:
            end = at + 2 + (data[at] << 8 | data[at + 1])
            if end > size:
                break
            answers.append(data[at:end])
            at = end
        self._pending = data[at:]
        self._transport.write(b"".join(answers))  # type: ignore[attr-defined]


async def serve() -> None:
    """Serve until the process is ended."""
    server = await asyncio.get_running_loop().create_server(Echo, "127.0.0.1", 0)
    sys.stdout.write(f"{server.sockets[0].getsockname()[1]}\n")
    sys.stdout.flush()
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(serve())
