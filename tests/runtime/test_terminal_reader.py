"""The terminal with a reader before it: kernel, journal and host as always, the card read through pyscard."""

from __future__ import annotations

import threading

import pytest

from posterm.amount import Amount
from posterm.console.front import holder_of
from posterm.runtime import pcsc
from posterm.runtime.pcsc import PcscReader
from posterm.runtime.vpcd import VirtualSlot
from posterm.terminal.operators import TEST_PASSWORDS
from posterm.unionpay.transactions import Entry
from simulators.card import load
from simulators.cards import find_card
from simulators.network import Faults
from simulators.world import World


@pytest.mark.parametrize("entry", [Entry.CHIP, Entry.CONTACTLESS])
def test_the_terminal_sells_by_a_card_in_a_reader_and_the_host_has_the_money(pcscd, entry):
    world = World(seed=1, terminals=1, faults=Faults())
    terminal, card = world.terminal(0), find_card("debit")
    assert world.press(0, terminal.sign_on("01", TEST_PASSWORDS["01"], world.now)).done
    name, port = pcscd.next_slot()
    with pcsc.Context() as context:
        assert context.wait_for_card(name, 20, present=False)
    slot = VirtualSlot(load(card.chip, contactless=entry is Entry.CONTACTLESS), port=port)
    slot.connect()
    thread = threading.Thread(target=slot.serve)
    thread.start()
    reader = PcscReader(name)
    try:
        assert reader.wait_for_card(20)
        for _ in range(3):
            reader.power_on()  # its answer to reset tells whether it was tapped
            holder = holder_of(reader, card.pin.reveal())
            result = world.press(0, terminal.sale(Amount(12_34), world.now), holder)
            assert result.approved
            assert result.entry.entry is entry
    finally:
        reader.close()
        slot.close()
        thread.join(20)
    totals = world.host.totals("10000001", terminal.batch)
    assert totals.net_minor == 3 * 12_34
    assert world.host.ledger.prove().faults == ()
