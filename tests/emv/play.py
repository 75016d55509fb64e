"""Plays a kernel against a transcript: the commands must be those written, the answers come from it.

> 80A80000 02 8300 00    what the kernel has to send
< 6985                   what the card answers
< -                      the card is gone
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TypeVar

from posterm.emv.apdu import Command, Response
from posterm.emv.exchange import Exchange
from posterm.emv.transcript import Turn, parse_transcript

T = TypeVar("T")


def play(exchange: Exchange[T], transcript: str, replies: Iterable[object] = ()) -> T:
    """Run an exchange to its end.

    Args:
        transcript: every command the exchange sends and the card's answers.
        replies: what its other effects are answered with, in order.
    Returns: what the exchange returns.
    """
    turns = iter([turn for turn in parse_transcript(transcript) if isinstance(turn, Turn)])
    others: Iterator[object] = iter(replies)
    reply: object = None
    while True:
        try:
            effect = exchange.send(reply)
        except StopIteration as end:
            left = list(turns)
            assert not left, f"the exchange ended before {left[0].command.hex().upper()}"
            return end.value
        if not isinstance(effect, Command):
            reply = next(others)
            continue
        turn = next(turns, None)
        assert turn is not None, f"the transcript is at its end, the exchange sends {effect!r}"
        assert turn.command.hex().upper() == bytes(effect).hex().upper()
        reply = Response.parse(turn.answer) if turn.answer else None
