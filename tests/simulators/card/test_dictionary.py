"""Whatever a ready card shows has the length that the tag dictionary allows, and is there to be read to the end."""

from __future__ import annotations

import pytest

from posterm import tlv
from posterm.emv.apdu import Response
from posterm.emv.inspection import CardContents, inspect_card
from posterm.emv.tags import Scheme, find
from simulators.card import Card, load, profile_names

VALUES = {"9F66": bytes.fromhex("36000080"), "5F2A": b"\x01\x56", "9F02": bytes.fromhex("000000001000")}
SCHEMES = {"unionpay": Scheme.UNIONPAY, "visa": Scheme.KERNEL_3, "mastercard": Scheme.KERNEL_2}


def inspected(card: Card) -> CardContents:
    aids = [bytes.fromhex(each.aid) for each in card.profile.applications.values()]
    reading = inspect_card(aids, VALUES, contactless=card.contactless)
    card.power_on()
    answer = None
    try:
        while True:
            command = reading.send(answer)
            answer = Response.parse(card.transmit(bytes(command)))
    except StopIteration as ended:
        return ended.value


@pytest.mark.parametrize("contactless", [False, True])
@pytest.mark.parametrize("name", profile_names())
def test_every_object_of_a_ready_card_fits_the_dictionary(name, contactless):
    card = load(name, contactless=contactless)
    applications = card.profile.applications.values()
    if contactless and not any(each.contactless for each in applications):
        return
    contents = inspected(card)
    assert contents.whole
    assert len(contents.applications) == len(applications)
    scheme = SCHEMES.get(card.profile.scheme)
    odd = []
    for part in (part for application in contents.applications for part in application.parts if part.data):
        for tag, value in tlv.parse_deep(part.data):
            meaning = find(tag, scheme)
            if meaning is None or not meaning.fits(value):
                odd.append((part.asked, tag, len(value)))
    assert odd == []
