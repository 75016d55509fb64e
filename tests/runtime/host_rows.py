"""Rows for the tests of the host's stores: one of each kind with every field filled, and what a day leaves behind."""

from __future__ import annotations

from typing import get_type_hints

from posterm.host.records import TransferRecord
from posterm.unionpay.totals import Totals
from posterm.unionpay.transactions import Kind
from tests.host.hand_terminal import Place


def full(record: type, **given):
    """A record with something other than the default in every field."""
    hints = get_type_hints(record)
    samples = {str: "文 a'b", int: 123_456_789_012, bool: True}
    return record(**{field: samples.get(hint, ("x", "文")) for field, hint in hints.items()} | given)


def transfer(name: str, **more) -> TransferRecord:
    return full(TransferRecord, resolves="", transfer_id=name)._replace(**more)


def play_a_day(place: Place) -> list[bytes]:
    terminal = place.terminal
    with place.store.batch():
        sale = terminal.sale(1000)
        terminal.sale(2000, pin="000000")
    terminal.void(sale)
    preauth = terminal.preauth(5000)
    terminal.follow(Kind.PREAUTH_ADD, preauth, 500)
    completion = terminal.follow(Kind.COMPLETION, preauth, 5200)
    terminal.reverse(completion)
    terminal.refund(terminal.sale(700), 200)
    terminal.offline_sale(300)
    terminal.settle(Totals(1, 1, 0, 0))
    terminal.upload([(sale.stan, 1000)])
    terminal.upload_notice("30", "000090", 60, network="206")
    terminal.end(2, different=True)
    return [place.terminal.repeat().reply.frame]
