"""MAC commands: whole messages and parts of them, every algorithm, both kinds of LMK."""

from __future__ import annotations

import pytest

from posterm.hsm import Algorithm, KeyUsage, MacAlgorithm
from posterm.hsm.host_commands import HostCommandSet

DOUBLE, SINGLE = Algorithm.TDES_DOUBLE, Algorithm.DES
DATA = b"\x19 any bytes; %00 \x00\xff and more of them"


def fields(commands: HostCommandSet, request: bytes, code: str = "00") -> bytes:
    answer = commands.execute(request)
    assert answer[:4] == request[:1] + bytes([request[1] + 1]) + code.encode()
    return answer[4:]


def mac_key(commands: HostCommandSet, algorithm: Algorithm, key_type: str = "003") -> bytes:
    if commands.is_variant:
        return str(commands.hsm.generate_variant_key(key_type, algorithm)).encode()
    return commands.hsm.generate_key(KeyUsage.MAC, algorithm).encode()


@pytest.fixture(params=["variant", "blocks"])
def commands(request: pytest.FixtureRequest) -> HostCommandSet:
    found: HostCommandSet = request.getfixturevalue(request.param)
    return found


@pytest.mark.parametrize(("length", "algorithm"), [(SINGLE, MacAlgorithm.X9_9), (DOUBLE, MacAlgorithm.X9_19)])
def test_ma_goes_by_the_length_of_the_key(commands: HostCommandSet, length: Algorithm, algorithm: MacAlgorithm):
    key = mac_key(commands, length)
    mac = fields(commands, b"MA" + key + DATA)
    expected = commands.hsm.generate_mac(commands.reference(key, "003"), algorithm, DATA)[:4]
    assert mac == expected.hex().upper().encode()
    fields(commands, b"MC" + key + mac + DATA)
    fields(commands, b"MC" + key + mac + DATA[:-1], "01")
    other = mac_key(commands, DOUBLE)
    translated = fields(commands, b"ME" + key + other + mac + DATA)
    fields(commands, b"MC" + other + translated + DATA)
    fields(commands, b"ME" + key + other + translated + DATA, "01")


@pytest.mark.parametrize("algorithm", ["11", "12", "13", "31", "32", "33", "50"])
@pytest.mark.parametrize("size", ["0", "1"])
def test_m6_and_m8_agree_on_every_algorithm(commands: HostCommandSet, algorithm: str, size: str):
    key = mac_key(commands, DOUBLE, "008")
    kind = b"008" if commands.is_variant else b"FFF"
    for coding, message in ((b"0", DATA), (b"1", DATA.hex().upper().encode()), (b"2", DATA)):
        options = coding + size.encode() + algorithm.encode() + kind + key
        answer = fields(commands, b"M60" + options + b"%04X" % len(message) + message)
        assert answer[:4] == (b"0008" if size == "0" else b"0010")
        fields(commands, b"M80" + options + b"%04X" % len(message) + message + answer[4:])
        fields(commands, b"M80" + options + b"%04X" % len(message) + message + answer[4:-1] + b"G", "15")


@pytest.mark.parametrize("algorithm", [b"11", b"12", b"31", b"32"])
def test_m6_in_parts_gives_the_mac_of_the_whole(commands: HostCommandSet, algorithm: bytes):
    key = mac_key(commands, DOUBLE)
    options = b"01" + algorithm + (b"003" if commands.is_variant else b"FFF") + key
    parts = [DATA[:8], DATA[8:24], DATA[24:]]
    first, middle, last = (b"%04X" % len(part) + part for part in parts)
    whole = fields(commands, b"M60" + options + b"%04X" % len(DATA) + DATA)
    chain = fields(commands, b"M61" + options + first)
    chain = fields(commands, b"M62" + options + chain + middle)
    assert fields(commands, b"M63" + options + chain + last) == whole
    assert fields(commands, b"M82" + options + fields(commands, b"M81" + options + first) + middle) == chain
    fields(commands, b"M83" + options + chain + last + whole[4:])
    fields(commands, b"M83" + options + chain + last + b"0" * 16, "01")


@pytest.mark.parametrize("length", [SINGLE, DOUBLE])
def test_c2_and_c4_in_parts_agree_with_ma(commands: HostCommandSet, length: Algorithm):
    key = mac_key(commands, length)
    options = (b"0" if commands.is_variant else b"F") + b"01" + key
    expected = fields(commands, b"MA" + key + DATA)
    text = [part.hex().upper().encode() for part in (DATA[:16], DATA[16:24], DATA[24:])]
    first, middle, last = (b"%04X" % len(part) + part for part in text)
    whole = DATA.hex().upper().encode()
    assert fields(commands, b"C20" + options + b"%04X" % len(whole) + whole) == expected
    chain = fields(commands, b"C22" + options + fields(commands, b"C21" + options + first) + middle)
    assert fields(commands, b"C23" + options + chain + last) == expected
    assert fields(commands, b"C42" + options + fields(commands, b"C41" + options + first) + middle) == chain
    fields(commands, b"C43" + options + chain + expected + last)
    fields(commands, b"C40" + options + expected + b"%04X" % len(whole) + whole)
    fields(commands, b"C40" + options + b"00000000" + b"%04X" % len(whole) + whole, "01")


def test_mq_in_parts(commands: HostCommandSet):
    key = mac_key(commands, DOUBLE, "008")
    whole = fields(commands, b"MQ0" + key + b"%03X" % len(DATA) + DATA)
    chain = fields(commands, b"MQ1" + key + b"008" + DATA[:8])
    chain = fields(commands, b"MQ2" + key + chain + b"010" + DATA[8:24])
    assert fields(commands, b"MQ3" + key + chain + b"%03X" % len(DATA[24:]) + DATA[24:]) == whole
    fields(commands, b"MQ1" + key + b"009" + DATA[:9], "80")  # no whole blocks
    fields(commands, b"MQ0" + key + b"009" + DATA[:8], "80")  # shorter than it says
    fields(commands, b"MQ0" + key + b"007" + DATA[:8], "80")  # longer


def test_a_mac_key_of_another_length_is_refused(variant: HostCommandSet, blocks: HostCommandSet):
    fields(variant, b"MA" + mac_key(variant, Algorithm.TDES_TRIPLE) + DATA, "27")
    fields(blocks, b"MA" + mac_key(blocks, Algorithm.AES_128) + DATA, "27")
    aes = mac_key(blocks, Algorithm.AES_128)
    assert len(fields(blocks, b"M600150FFF" + aes + b"0003abc")) == 20
    fields(blocks, b"M600110FFF" + aes + b"0003abc", "15")
    fields(blocks, b"M600112FFF" + aes + b"0003abc", "29")
