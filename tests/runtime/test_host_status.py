"""Whoever watches a host sees whether it is there, whether it takes requests, and what it has done."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from posterm.runtime import host_status
from posterm.runtime.errors import ConnectError, ListenError
from posterm.runtime.host_status import ADDRESS_FILE, HostStatus, ask_host
from tests.runtime.served_host import ANSWER_S, ECHO, Served, play, read_frame, served

SALE_OF_NOBODY = ECHO.replace(b"10000001", b"99999999", 1)


@dataclass
class Watched(Served):
    """A service and its watching side."""

    status: HostStatus | None = None
    status_port: int = 0

    async def request(self, text: bytes) -> bytes:
        reader, writer = await asyncio.open_connection("127.0.0.1", self.status_port)
        writer.write(text)
        answer = await asyncio.wait_for(reader.read(), ANSWER_S)
        writer.close()
        return answer

    async def get(self, path: str) -> tuple[int, str]:
        """Status code and body of a page."""
        answer = await self.request(f"GET {path} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
        head, _, body = answer.partition(b"\r\n\r\n")
        return int(head.split()[1]), body.decode("utf-8")


@contextlib.asynccontextmanager
async def watched(folder: Path | None = None) -> AsyncIterator[Watched]:
    async with served() as host:
        status = HostStatus(host.service, folder)
        port = await status.start("127.0.0.1", 0)
        try:
            yield Watched(host.service, host.port, host.told, status, port)
        finally:
            await status.stop()


def test_a_host_that_serves_is_healthy_and_ready() -> None:
    async def scene() -> None:
        async with watched() as host:
            assert await host.get("/healthz") == (200, "ok\n")
            assert await host.get("/readyz") == (200, "ok\n")

    play(scene)


def test_a_host_that_stops_is_healthy_and_not_ready() -> None:
    async def scene() -> None:
        async with watched() as host:
            await host.service.stop()
            assert await host.get("/healthz") == (200, "ok\n")
            assert await host.get("/readyz") == (503, "stopping\n")

    play(scene)


def test_a_store_that_fails_takes_a_host_out_until_a_commit_is_kept() -> None:
    async def scene() -> None:
        async with watched() as host:
            host.service._store.broken = True
            reader, writer = await host.connect()
            writer.write(ECHO)
            assert await asyncio.wait_for(reader.read(), ANSWER_S) == b""
            assert await host.get("/readyz") == (503, "store\n")
            assert json.loads((await host.get("/status"))[1])["store"] == "the disk is full"
            host.service._store.broken = False
            assert await host.echo() == "00"
            assert await host.get("/readyz") == (200, "ok\n")
            writer.close()

    play(scene)


def test_metrics_are_what_was_counted_in_the_form_prometheus_reads() -> None:
    async def scene() -> None:
        async with watched() as host:
            for _ in range(3):
                assert await host.echo() == "00"
            reader, writer = await host.connect()
            writer.write(SALE_OF_NOBODY)
            assert await read_frame(reader)
            code, text = await host.get("/metrics")
            assert code == 200
            samples = {
                (sample.name, *sample.labels.values()): sample.value
                for family in text_string_to_metric_families(text)
                for sample in family.samples
            }
            assert samples["posterm_host_frames_total",] == 4
            assert samples["posterm_host_answers_total",] == 4
            assert samples["posterm_host_accepted_connections_total",] == 4
            assert samples["posterm_host_events_total", "echo"] == 3
            assert samples["posterm_host_batch_seconds_count",] == samples["posterm_host_batch_seconds_bucket", "+Inf"]
            assert samples["posterm_host_store_up",] == samples["posterm_host_ready",] == 1
            assert samples["process_resident_memory_bytes",] > 0
            writer.close()

    play(scene)


@pytest.mark.parametrize(
    ("request_", "answer"),
    [
        (b"GET /elsewhere HTTP/1.1\r\nHost: x\r\n\r\n", b"HTTP/1.1 404 "),
        (b"POST /metrics HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n", b"HTTP/1.1 405 "),
        (b"HEAD /healthz HTTP/1.1\r\nHost: x\r\n\r\n", b"HTTP/1.1 200 "),
        (b"\x00\x10 no request at all\r\n\r\n", b""),
    ],
)
def test_what_is_no_request_for_a_page_is_told_so_or_closed(request_: bytes, answer: bytes) -> None:
    async def scene() -> None:
        async with watched() as host:
            assert (await host.request(request_))[: len(answer) or None] == answer
            assert await host.get("/healthz") == (200, "ok\n")

    play(scene)


def test_whoever_asks_too_slowly_or_too_often_is_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(host_status, "ASKED_S", 0.2)
    monkeypatch.setattr(host_status, "_ASKING_MAX", 2)

    async def scene() -> None:
        async with watched() as host:
            ends = [await asyncio.open_connection("127.0.0.1", host.status_port) for _ in range(5)]
            for reader, writer in ends:
                assert await asyncio.wait_for(reader.read(), ANSWER_S) == b""
                writer.close()
            assert await host.get("/healthz") == (200, "ok\n")

    play(scene)


def test_a_host_is_found_by_its_folder_and_not_after_it_has_stopped(tmp_path: Path) -> None:
    async def scene() -> None:
        async with watched(tmp_path) as host:
            assert await host.echo() == "00"
            document = await asyncio.to_thread(ask_host, tmp_path)
            assert document["state"] == "ready"
            assert document["events"] == {"echo": 1}
            assert (await asyncio.to_thread(ask_host, tmp_path / "x", port=host.status_port))["frames"] == 1
        assert not (tmp_path / ADDRESS_FILE).exists()

    play(scene)
    with pytest.raises(ConnectError, match="no host answers"):
        ask_host(tmp_path)


def test_a_file_left_by_a_killed_host_leads_to_nobody(tmp_path: Path) -> None:
    for left in ("", "{}", '{"address": "127.0.0.1", "port": 1}', "[1]"):
        (tmp_path / ADDRESS_FILE).write_text(left, encoding="ascii")
        with pytest.raises(ConnectError, match="no host answers"):
            ask_host(tmp_path)


def test_a_taken_port_for_status_is_an_error_with_a_hint() -> None:
    async def scene() -> None:
        async with watched() as host:
            with pytest.raises(ListenError, match="for status"):
                await HostStatus(host.service).start("127.0.0.1", host.status_port)

    play(scene)
