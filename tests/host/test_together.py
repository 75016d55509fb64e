"""Frames answered together get what they get one after the other, also when an answer cannot be packed."""

from __future__ import annotations

from typing import Any

import pytest

from posterm.hsm import HsmError, SoftHsm
from posterm.iso8583 import Dialect, Message
from posterm.unionpay.totals import Totals
from tests.host.hand_terminal import Place, open_place

GARBAGE = (b"", b"\x60", b"\x60\x00\x00\x00\x03" + b"\xff" * 30)


def frames_of_a_day(place: Place) -> list[bytes]:
    """Requests of many kinds, good and bad, with garbage between; `place` has answered them one by one."""
    terminal = place.terminal
    sent = len(terminal.frames)
    sale = terminal.sale(12_34)
    terminal.void(sale)
    terminal.sale(56_78, pin="999999")
    terminal.sale(2_000_000)
    terminal.reverse(terminal.sale(90_12), "98")
    terminal.settle(Totals())
    terminal.sign_on()
    frames = terminal.frames[sent:]
    return [*frames[:2], frames[0], *GARBAGE, *frames[2:]]


def test_frames_together_are_answered_as_one_by_one():
    day = frames_of_a_day(open_place())
    one_by_one, together = open_place(), open_place()
    expected = [one_by_one.host.handle(frame, one_by_one.terminal.now) for frame in day]
    with together.store.batch():
        assert together.host.handle_all(day, together.terminal.now) == expected
    assert len({reply.frame for reply in expected}) > 6
    assert together.host.ledger.prove().faults == ()


@pytest.mark.parametrize("stan", ["000002", "000003", "000006"])
def test_an_answer_that_cannot_be_sealed_takes_no_other_with_it(monkeypatch: pytest.MonkeyPatch, stan: str):
    day = frames_of_a_day(open_place())[:-1]  # without the new keys, which are never the same twice
    sound = SoftHsm.generate_mac

    def failing(hsm: SoftHsm, key: Any, algorithm: Any, data: bytes, *more: Any) -> bytes:
        if bytes.fromhex(stan) in data:
            raise HsmError("the HSM is gone")
        return sound(hsm, key, algorithm, data, *more)

    monkeypatch.setattr(SoftHsm, "generate_mac", failing)
    one_by_one, together = open_place(), open_place()
    expected = [one_by_one.host.handle(frame, one_by_one.terminal.now) for frame in day]
    assert any(event.name.value == "fault" for reply in expected for event in reply.events)
    with together.store.batch():
        assert together.host.handle_all(day, together.terminal.now) == expected
    assert together.host.ledger.prove().faults == ()


def test_a_frame_on_which_reading_breaks_takes_no_other_with_it(monkeypatch: pytest.MonkeyPatch):
    day = frames_of_a_day(open_place())
    sound = Dialect.unpack

    def failing(dialect: Dialect, wire: bytes) -> Message:
        message = sound(dialect, wire)
        if message.get(11) == "000004":
            raise RuntimeError
        return message

    monkeypatch.setattr(Dialect, "unpack", failing)
    one_by_one, together = open_place(), open_place()
    expected = [one_by_one.host.handle(frame, one_by_one.terminal.now) for frame in day]
    assert [reply.close for reply in expected].count(True) > len(GARBAGE) - 1
    with together.store.batch():
        assert together.host.handle_all(day, together.terminal.now) == expected


def test_no_frames_get_no_replies(place: Place):
    assert place.host.handle_all([], place.terminal.now) == []
