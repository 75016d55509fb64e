"""Packing and unpacking the UnionPay sale and its answer, as terminal and host do for every transaction.

Values only: no MAC, no framing. The messages are the worked ones of the test vectors.
"""

from __future__ import annotations

from typing import Any

import pytest

from posterm.iso8583 import get_dialect

Benchmark = Any
DIALECT = get_dialect("unionpay-pos")
SALE = bytes.fromhex(
    "0200302004C020C0981100000000000001234500000202100012376212345678901265D301220112345678901230313030303030303138393833"
    "3130303538313230303031313536C33F1AACE082786726000000000000000014220000010005003636374136343735"
)
ANSWER = bytes.fromhex(
    "0210703E00810ED080131662123456789012650000000000000123450000020931050601301206010008483100583036303130303030303030"
    "3231323334353630303130303030303031383938333130303538313230303031223033303830303030202020343833313030353820202031"
    "353600142200000100050000034355503332344133413646"
)


@pytest.mark.parametrize("wire", [SALE, ANSWER], ids=["request", "answer"])
def test_unpack(benchmark: Benchmark, wire: bytes) -> None:
    assert benchmark(DIALECT.unpack, wire)[4] == "000000012345"


@pytest.mark.parametrize("wire", [SALE, ANSWER], ids=["request", "answer"])
def test_pack(benchmark: Benchmark, wire: bytes) -> None:
    message = DIALECT.unpack(wire)
    assert benchmark(DIALECT.pack, message) == wire
