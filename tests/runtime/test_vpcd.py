"""The card's end of the virtual reader's protocol, against a reader of the test's own."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Iterator

import pytest

from posterm.runtime.errors import ConnectError, ReaderError
from posterm.runtime.vpcd import VirtualSlot
from tests.runtime.toy_card import T1_ATR, ToyCard

POWER_OFF, POWER_ON, RESET, SEND_ATR = (bytes((order,)) for order in (0, 1, 2, 4))


class HandReader:
    """A virtual reader worked by hand; what `serve` gave or raised is in `ended`."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        self.ended: list[int | Exception] = []

    def send(self, payload: bytes) -> None:
        self._connection.sendall(len(payload).to_bytes(2, "big"))
        self._connection.sendall(payload)

    def ask(self, payload: bytes) -> bytes:
        self.send(payload)
        return self.receive()

    def receive(self) -> bytes:
        return self._exactly(int.from_bytes(self._exactly(2), "big"))

    def hang_up(self) -> None:
        self._connection.close()

    def _exactly(self, size: int) -> bytes:
        data = b""
        while len(data) < size:
            chunk = self._connection.recv(size - len(data))
            assert chunk, "the card hung up"
            data += chunk
        return data


@contextlib.contextmanager
def inserted(card: ToyCard) -> Iterator[tuple[HandReader, VirtualSlot]]:
    """A card in the hand-worked reader, served by a thread."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        slot = VirtualSlot(card, *listener.getsockname())
        slot.connect()
        connection, _ = listener.accept()
        connection.settimeout(20)
        reader = HandReader(connection)

        def serve() -> None:
            try:
                reader.ended.append(slot.serve())
            except ReaderError as error:
                reader.ended.append(error)

        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield reader, slot
        finally:
            connection.close()
            thread.join(20)
            assert not thread.is_alive()


def test_only_the_question_for_the_atr_is_an_order_that_is_answered():
    with inserted(ToyCard()) as (reader, _):
        for order in (POWER_OFF, POWER_ON, RESET):
            reader.send(order)
        assert reader.ask(SEND_ATR) == T1_ATR


def test_commands_are_answered_and_counted():
    card = ToyCard()
    with inserted(card) as (reader, _):
        reader.send(POWER_ON)
        assert reader.ask(bytes.fromhex("000E0000020102")) == bytes.fromhex("01029000")
        assert reader.ask(bytes.fromhex("00AA0000")) == bytes.fromhex("6D00")
    assert reader.ended == [2]
    assert card.powered == 2  # once for the ATR, once because the reader said so


@pytest.mark.parametrize("order", [POWER_ON, RESET])
def test_power_and_reset_begin_anew(order):
    card = ToyCard()
    with inserted(card) as (reader, _):
        reader.ask(bytes.fromhex("00AA0000"))
        reader.send(order)
        reader.ask(SEND_ATR)
        assert card.seen == []


def test_a_card_that_is_withdrawn_leaves_the_reader():
    with inserted(ToyCard()) as (reader, _):
        reader.send(bytes.fromhex("00FF0000"))
        with pytest.raises(AssertionError, match="the card hung up"):
            reader.receive()
    assert reader.ended == [0]


def test_closing_the_slot_ends_the_service():
    with inserted(ToyCard()) as (reader, slot):
        assert reader.ask(SEND_ATR) == T1_ATR
        slot.close()
        with pytest.raises(AssertionError, match="the card hung up"):
            reader.receive()
    assert reader.ended == [0]


def test_an_order_the_protocol_does_not_have_ends_the_service():
    with inserted(ToyCard()) as (reader, _):
        reader.send(b"\x09")
        with pytest.raises(AssertionError, match="the card hung up"):
            reader.receive()
    assert str(reader.ended[0]) == "virtual reader: need order 0, 1, 2 or 4, have 9"


def test_a_message_cut_short_ends_the_service():
    with inserted(ToyCard()) as (reader, _):
        reader._connection.sendall(b"\x00\x05\x00")
        reader.hang_up()
    assert reader.ended == [0]


def test_nobody_there_is_told_with_what_to_do():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    with pytest.raises(ConnectError, match=f"no connection to 127.0.0.1:{port}") as caught:
        VirtualSlot(ToyCard(), port=port).connect()
    assert "vsmartcard-vpcd" in caught.value.hint
