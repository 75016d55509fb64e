"""Published requests give the published answers, byte for byte."""

from __future__ import annotations

from typing import Any

import pytest

from posterm.hsm.host_commands import HostCommandSet, HsmSession
from tests.hsm.vector_files import vectors


def request_of(vector: dict[str, Any]) -> bytes:
    return (vector["command"] + vector["request"]).encode("ascii") + bytes.fromhex(vector.get("data", ""))


def answer_to(vector: dict[str, Any]) -> bytes:
    code: str = vector["command"]
    return (code[0] + chr(ord(code[1]) + 1) + vector["answer"]).encode("ascii")


@pytest.mark.parametrize("vector", vectors("host_commands.json"))
def test_a_published_request_gives_the_published_answer(lenient: HostCommandSet, vector: dict[str, Any]):
    assert lenient.execute(request_of(vector)) == answer_to(vector)


@pytest.mark.parametrize("vector", vectors("host_commands.json"))
def test_the_same_over_a_session_with_a_header(lenient: HostCommandSet, vector: dict[str, Any]):
    session = HsmSession(lenient, header_length=4)
    request = b"HEAD" + request_of(vector)
    answer = b"HEAD" + answer_to(vector)
    assert session.receive(len(request).to_bytes(2, "big") + request) == len(answer).to_bytes(2, "big") + answer
