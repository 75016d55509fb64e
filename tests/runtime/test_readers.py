"""The reader in this process carries commands as a real one does."""

from __future__ import annotations

from posterm.emv.reader import Reader
from posterm.runtime.readers import CardReader
from tests.runtime.toy_card import T0_ATR, T1_ATR, TAPPED_ATR, ToyCard

ECHO = bytes.fromhex("000E000002010200")


def test_a_t1_card_gets_the_command_as_it_is():
    card = ToyCard(T1_ATR)
    reader: Reader = CardReader(card)
    assert reader.power_on() == T1_ATR
    assert reader.transmit(ECHO) == bytes.fromhex("01029000")
    assert card.seen == [ECHO]


def test_a_t0_card_is_spoken_to_in_two_steps():
    card = ToyCard(T0_ATR)
    reader = CardReader(card)
    reader.power_on()
    assert reader.transmit(ECHO) == bytes.fromhex("01029000")
    assert card.seen == [ECHO[:-1], bytes.fromhex("00C0000002")]


def test_a_tapped_card_is_never_spoken_to_by_t0():
    card = ToyCard(TAPPED_ATR)
    reader = CardReader(card, contactless=True)
    reader.power_on()
    assert reader.transmit(ECHO) == bytes.fromhex("01029000")
