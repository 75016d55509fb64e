"""Dialogues with a card in which one answer or several are spoilt: the kernel always ends, and nothing is approved for
nothing."""

from __future__ import annotations

import random

import pytest

from posterm.emv.outcome import Ending
from simulators.card import load
from tests.simulation.test_card_faults import Issuer, explained, sale

CARDS = ("unionpay-credit", "unionpay-debit", "unionpay-dual", "visa-credit", "mastercard-credit", "amex-debit")
WAYS = ((), ("sda",), ("dda",), ("cda",))
STATUS_WORDS = ("9000", "6283", "6300", "63C1", "6985", "6A81", "6A82", "6A83", "6A88", "6D00", "6F00", "6110", "6C10")


class Vandal:
    """Spoils answers on the way, from a seed."""

    def __init__(self, randomness: random.Random) -> None:
        self._random = randomness
        self.rate = randomness.choice((0.03, 0.1, 0.5, 1.0))

    def __call__(self, answer: bytes) -> bytes:
        draw = self._random
        if draw.random() >= self.rate:
            return answer
        match draw.randrange(7):
            case 0:
                place = draw.randrange(len(answer))
                return answer[:place] + bytes((answer[place] ^ 1 << draw.randrange(8),)) + answer[place + 1 :]
            case 1:
                return answer[: draw.randrange(len(answer))]
            case 2:
                return answer[:-2] + bytes.fromhex(draw.choice(STATUS_WORDS))
            case 3:
                return bytes.fromhex(draw.choice(STATUS_WORDS))
            case 4:
                return draw.randbytes(draw.randrange(260))
            case 5:
                place = draw.randrange(len(answer))
                return answer[:place] + draw.randbytes(draw.randrange(1, 5)) + answer[place:]
            case _:
                start = draw.randrange(len(answer))
                return answer[:start] + answer[start + draw.randrange(1, 5) :]


def spoilt_sale(seed: int) -> Ending:
    randomness = random.Random(seed)
    way = randomness.choice(WAYS)
    card = load(randomness.choice(CARDS), seed=seed, changes={"applications": {"main": {"authentication": list(way)}}})
    vandal, honest = Vandal(randomness), card.transmit
    card.transmit = lambda apdu: vandal(honest(apdu))  # type: ignore[method-assign]
    issuer = Issuer()
    outcome = sale(card, issuer)
    if outcome.approved:
        assert issuer.verified == 1, f"seed {seed}\n{explained(outcome)}"
    if issuer.verified and not outcome.approved:
        assert outcome.reversal_needed, f"seed {seed}\n{explained(outcome)}"
    return outcome.ending


def run(seeds: range) -> None:
    endings = [spoilt_sale(seed) for seed in seeds]
    assert {Ending.APPROVED, Ending.DECLINED, Ending.TERMINATED, Ending.TRY_ANOTHER_CARD} <= set(endings)


def test_a_spoilt_dialogue_ends_cleanly_and_approves_nothing_unverified():
    run(range(200))


@pytest.mark.proof
def test_thousands_of_spoilt_dialogues_end_cleanly_and_approve_nothing_unverified():
    run(range(1_000, 5_000))
