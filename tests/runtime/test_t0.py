"""T=0: one direction at a time, and the answers of a command put together again."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from posterm.runtime.t0 import MAX_EXCHANGES, transmit_t0


def conversation(*pairs: str):
    """A card that expects exactly these commands: `"command > answer"`."""
    script = [tuple(bytes.fromhex(part) for part in pair.split(">")) for pair in pairs]

    def send(tpdu: bytes) -> bytes:
        expected, answer = script.pop(0)
        assert tpdu == expected
        return answer

    return send, script


@pytest.mark.parametrize(
    ("apdu", "exchange", "answer"),
    [
        pytest.param("80160000", ["8016000000 > 9000"], "9000", id="case 1 gets a P3 of zero"),
        pytest.param(
            "00B2010C00", ["00B2010C00 > 6C03", "00B2010C03 > 7001FF9000"], "7001FF9000", id="case 2, wrong Le"
        ),
        pytest.param("80CA9F1704", ["80CA9F1704 > 9F1701039000"], "9F1701039000", id="case 2, right Le"),
        pytest.param("00B2010C00", ["00B2010C00 > 6A83"], "6A83", id="case 2, an error"),
        pytest.param("002000800124", ["002000800124 > 63C2"], "63C2", id="case 3 answers by status alone"),
        pytest.param("00A4040001AA00", ["00A4040001AA > 6102", "00C0000002 > 6F009000"], "6F009000", id="case 4"),
        pytest.param(
            "00A4040001AA00",
            ["00A4040001AA > 6101", "00C0000001 > 6F6101", "00C0000001 > 009000"],
            "6F009000",
            id="case 4, the data in two parts",
        ),
        pytest.param(
            "00A4040001AA00",
            ["00A4040001AA > 6283", "00C0000000 > 6C02", "00C0000002 > 6F009000"],
            "6F006283",
            id="case 4, a warning goes behind the data",
        ),
        pytest.param(
            "00A4040001AA00", ["00A4040001AA > 6283", "00C0000000 > 6F00"], "6283", id="case 4, a warning without data"
        ),
        pytest.param("00A4040001AA00", ["00A4040001AA > 6A82"], "6A82", id="case 4, an error"),
        pytest.param("80A80000028300" + "00", ["80A80000028300 > 9000"], "9000", id="case 4, success and no data"),
    ],
)
def test_each_case_goes_as_the_book_has_it(apdu, exchange, answer):
    send, left = conversation(*exchange)
    assert transmit_t0(send, bytes.fromhex(apdu)) == bytes.fromhex(answer)
    assert not left


@pytest.mark.parametrize("storm", ["6100", "6C10", "6110"])
def test_a_card_that_never_ends_is_given_up(storm):
    sent: list[bytes] = []

    def send(tpdu: bytes) -> bytes:
        sent.append(tpdu)
        return bytes.fromhex(storm)

    assert transmit_t0(send, bytes.fromhex("00A4040001AA00"))[-2:] == bytes.fromhex(storm)
    assert len(sent) <= MAX_EXCHANGES + 1


@given(st.lists(st.binary(max_size=4), min_size=MAX_EXCHANGES + 1, max_size=MAX_EXCHANGES + 1), st.integers(1, 4))
def test_whatever_the_card_answers_an_answer_comes_back(answers, case):
    apdu = {1: "80160000", 2: "00B2010C00", 3: "002000800124", 4: "00A4040001AA00"}[case]
    script = iter(answers)
    assert isinstance(transmit_t0(lambda _: next(script), bytes.fromhex(apdu)), bytes)
