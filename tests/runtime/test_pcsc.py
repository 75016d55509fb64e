"""Readers of the machine: our card in a virtual reader of a pcscd of the tests' own, read through pyscard."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator

import pytest

from posterm.runtime import pcsc
from posterm.runtime.errors import CardGone, ReaderError
from posterm.runtime.pcsc import PcscReader
from posterm.runtime.vpcd import VirtualSlot
from tests.runtime.pcsc_daemon import Daemon
from tests.runtime.toy_card import T0_ATR, T1_ATR, TAPPED_ATR, ToyCard

ECHO = bytes.fromhex("000E000002010200")


@contextlib.contextmanager
def inserted(daemon: Daemon, card: ToyCard) -> Iterator[str]:
    """The name of a reader that has the card in it."""
    name, port = daemon.next_slot()
    with pcsc.Context() as context:
        # The card of the test before may still be seen there for 400 ms.
        assert context.wait_for_card(name, 20, present=False)
    slot = VirtualSlot(card, port=port)
    slot.connect()
    thread = threading.Thread(target=_serve, args=(slot,))
    thread.start()
    try:
        yield name
    finally:
        slot.close()
        thread.join(20)
        assert not thread.is_alive()


def _serve(slot: VirtualSlot) -> None:
    with contextlib.suppress(ReaderError):
        slot.serve()


@contextlib.contextmanager
def opened(name: str) -> Iterator[PcscReader]:
    reader = PcscReader(name)
    try:
        assert reader.wait_for_card(20)
        yield reader
    finally:
        reader.close()


def test_every_slot_is_listed(pcscd):
    assert {slot.name for slot in pcsc.list_readers()} == set(pcscd.slots)


@pytest.mark.parametrize(
    ("atr", "protocol", "contactless"),
    [(T0_ATR, "T=0", False), (T1_ATR, "T=1", False), (TAPPED_ATR, "T=1", True)],
    ids=["T=0", "T=1", "contactless"],
)
def test_a_card_is_read_by_the_protocol_it_asks_for(pcscd, atr, protocol, contactless):
    with inserted(pcscd, ToyCard(atr)) as name, opened(name) as reader:
        assert reader.power_on() == atr
        assert reader.transmit(ECHO) == bytes.fromhex("01029000")
        assert (reader.protocol, reader.contactless) == (protocol, contactless)
        assert reader.features() == {}


def test_power_begins_anew(pcscd):
    card = ToyCard()
    with inserted(pcscd, card) as name, opened(name) as reader:
        reader.power_on()
        reader.transmit(ECHO)
        reader.power_on()
        assert card.seen == []
        reader.power_off()
        assert reader.transmit(ECHO) == b""
        reader.power_on()
        assert reader.transmit(ECHO) == bytes.fromhex("01029000")


def test_a_card_held_by_one_program_is_refused_to_another(pcscd):
    with inserted(pcscd, ToyCard()) as name, opened(name) as reader, opened(name) as other:
        reader.power_on()
        with pytest.raises(ReaderError, match=r"sharing violation \(PC/SC error 8010000B\)") as caught:
            other.power_on()
        assert caught.value.hint == "another program holds the card; end it"


def test_a_card_that_is_withdrawn_is_gone(pcscd):
    with inserted(pcscd, ToyCard()) as name, opened(name) as reader:
        reader.power_on()
        assert reader.transmit(bytes.fromhex("00FF000000")) == b""
        with pytest.raises(CardGone):
            reader.power_on()


def test_an_empty_reader_is_waited_for_and_has_no_card(pcscd):
    reader = PcscReader(pcscd.next_slot()[0])
    assert reader.wait_for_card(20, present=False)
    assert reader.wait_for_card(0.01) is False
    with pytest.raises(CardGone, match="no smartcard"):
        reader.power_on()
    reader.close()


def test_several_readers_hold_a_card_each_at_once(pcscd):
    with contextlib.ExitStack() as stack:
        cards = [ToyCard() for _ in range(4)]
        names = [stack.enter_context(inserted(pcscd, card)) for card in cards]
        readers = [stack.enter_context(opened(name)) for name in names]
        for reader in readers:
            reader.power_on()
        for turn in range(3):
            for place, reader in enumerate(readers):
                said = bytes((0, 0x0E, 0, 0, 2, place, turn, 0))
                assert reader.transmit(said) == bytes((place, turn, 0x90, 0x00))
        assert [len(card.seen) for card in cards] == [3] * len(cards)
        assert {slot.name for slot in pcsc.list_readers() if slot.in_use} >= set(names)


def test_a_reader_is_found_by_a_part_of_its_name(pcscd):
    name = next(iter(pcscd.slots))
    reader = PcscReader(name.lower())
    assert reader.name == name
    reader.close()
    with pytest.raises(ReaderError, match=f"have {len(pcscd.slots)}"):
        PcscReader("virtual")
    with pytest.raises(ReaderError, match="need one of this name, have none") as caught:
        PcscReader("Nowhere")
    assert name in caught.value.hint
