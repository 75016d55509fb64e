"""Nothing the host tells or keeps holds a card number, a PIN, a track or a clear key."""

from __future__ import annotations

from posterm.host import EventName, MemoryHostStore
from posterm.unionpay.totals import Totals
from posterm.unionpay.transactions import Kind
from tests.host.hand_terminal import PAN, PIN, TRACK_TAIL, Place, open_place
from tests.secrets_of_the_suite import leaks, secrets


def everything_told(place: Place) -> list[str]:
    """Play all kinds of requests, good and bad, and collect every event."""
    terminal, told = place.terminal, []
    sale = terminal.sale(1000)
    answers = [
        sale,
        terminal.sale(2000, pin="111111"),
        terminal.repeat(),
        terminal.sale(1001, stan=sale.stan),
        terminal.sale(100, elements={35: "6212345678901265D"}),
        terminal.sale(100, elements={2: PAN.reveal()[:-1] + "6"}),
        terminal.reverse(sale),
        terminal.follow(Kind.COMPLETION, terminal.preauth(100), 100),
        terminal.offline_sale(300),
        terminal.upload([(sale.stan, 1000)]),
        terminal.upload_notice("30", "000090", 60),
        terminal.upload_notice("30", "000091", 60, elements={62: PAN.reveal().encode()}),
        terminal.settle(Totals(1, 1, 0, 0)),
        terminal.end(1, different=True),
        terminal.sign_on(),
        terminal.sale(100, drop=(22,)),
    ]
    for answer in answers:
        told += [repr(event) + str(dict(event.details)) for event in answer.reply.events]
    for cut in range(1, len(terminal.frames[0]), 7):
        told += [repr(event) for event in place.host.handle(terminal.frames[0][:cut], terminal.now).events]
    return told


def test_no_event_holds_a_secret(place):
    told = "\n".join(everything_told(place))
    assert leaks(told, secrets()) == []
    assert PAN.reveal() not in told
    assert "621234******1265" in told


def test_no_event_name_is_without_its_place_in_the_table(place):
    assert {event.value for event in EventName} >= {"approved", "declined", "repeat", "bad-mac", "unknown-terminal"}


def test_no_row_of_the_store_holds_a_secret():
    place = open_place(store=MemoryHostStore())
    everything_told(place)
    kept = repr({name: value for name, value in vars(place.store).items() if name != "_undo"})
    assert leaks(kept, secrets()) == []
    assert [secret for secret in (PAN.reveal(), TRACK_TAIL[1:]) if secret in kept] == []
    assert f"'{PIN}'" not in kept


def test_no_repr_of_what_the_host_hands_out_holds_a_secret(place):
    reply = place.terminal.sale(1000).reply
    shown = repr((place.host, reply.events, place.host.ledger, place.store.card(place.card)))
    assert leaks(shown, secrets()) == []
    fault = place.host.handle(place.terminal.frames[-1][:-30], place.terminal.now)
    assert leaks(repr(fault.events), secrets()) == []
