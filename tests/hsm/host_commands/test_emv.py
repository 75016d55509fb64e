"""Chip card commands: what the card would make verifies, and the answers and scripts are what the card expects."""

from __future__ import annotations

import pytest

from posterm.hsm import Algorithm, KeyUsage, Pin, PinFormat, cryptogram, emv_script
from posterm.hsm.commands.data import CipherMode
from posterm.hsm.cryptogram import MCHIP_16, MCHIP_20, UNIONPAY_01, VISA_10, VISA_14, VISA_22, Cvn
from posterm.hsm.emv_keys import card_key
from posterm.hsm.host_commands import HostCommandSet
from posterm.hsm.mac import pad, pad_2
from posterm.hsm.pin_block import encode
from posterm.sensitive import Pan

PAN, LONG_PAN = Pan("6212345678901265"), Pan("6212345678901265437")
CARD = bytes.fromhex("1234567890126501"), "01"
MASTERS = {
    code: bytes([number]) * 8 + bytes([number + 3]) * 8
    for code, number in (("109", 0x01), ("209", 0x20), ("309", 0x40))
}
USAGES = {"109": KeyUsage.EMV_CRYPTOGRAM, "209": KeyUsage.EMV_INTEGRITY, "309": KeyUsage.EMV_CONFIDENTIALITY}
ATC, NUMBER, ARC, CSU = bytes.fromhex("001F"), bytes.fromhex("A1B2C3D4"), b"00", bytes.fromhex("03820000")
TAGS = {
    0x9F02: bytes(6), 0x9F03: bytes(6), 0x9F1A: b"\x01\x56", 0x95: bytes(5), 0x5F2A: b"\x01\x56", 0x9A: bytes(3),
    0x9C: b"\0", 0x9F37: NUMBER, 0x82: b"\x39\0", 0x9F36: ATC, 0x9F10: bytes.fromhex("0706010A03A0A800") + bytes(24),
}  # fmt: skip


@pytest.fixture(params=["variant", "blocks"])
def commands(request: pytest.FixtureRequest) -> HostCommandSet:
    found: HostCommandSet = request.getfixturevalue(request.param)
    return found


def fields(commands: HostCommandSet, request: bytes, code: str = "00") -> bytes:
    answer = commands.execute(request)
    assert answer[:4] == request[:1] + bytes([request[1] + 1]) + code.encode()
    return answer[4:]


def master(commands: HostCommandSet, key_type: str) -> bytes:
    clear = MASTERS[key_type]
    if commands.is_variant:
        return str(commands.hsm.load_clear_variant_key(clear, key_type)).encode()
    return commands.hsm.load_clear_key(clear, USAGES[key_type], Algorithm.TDES_DOUBLE).encode()


def made(cvn: Cvn, key: bytes) -> tuple[bytes, bytes]:
    """The data a card makes its cryptogram over, padded, and the cryptogram."""
    data = cryptogram.cryptogram_input(cvn, TAGS)
    return (pad(data, 8) if cvn.padding == 1 else pad_2(data, 8)), cryptogram.generate(cvn, key, TAGS)


def counted(data: bytes, size: int) -> bytes:
    return b"%0*X" % (size, len(data)) + data


@pytest.mark.parametrize(("scheme", "cvn"), [(b"0", VISA_10), (b"1", MCHIP_16)])
def test_kq_verifies_and_answers(commands: HostCommandSet, scheme: bytes, cvn: Cvn):
    key = card_key(MASTERS["109"], PAN, "01")
    data, arqc = made(cvn, key)
    head = scheme + master(commands, "109") + CARD[0] + ATC + NUMBER
    arpc = cryptogram.arpc(cvn, key, TAGS, arqc, ARC)
    assert fields(commands, b"KQ0" + head + counted(data, 2) + b";" + arqc) == b""
    assert fields(commands, b"KQ1" + head + counted(data, 2) + b";" + arqc + ARC) == arpc
    assert fields(commands, b"KQ2" + head + arqc + ARC) == arpc
    fields(commands, b"KQ1" + head + counted(data, 2) + b";" + bytes(8) + ARC, "01")
    fields(commands, b"KQ0" + head + b"00;" + arqc, "15")
    fields(commands, b"KQ0" + head + b"FF" + data + b";" + arqc, "80")


@pytest.mark.parametrize("scheme", [b"0", b"1", b"2", b"3"])
def test_kw_verifies_and_answers_by_both_methods(commands: HostCommandSet, scheme: bytes):
    long = scheme in b"13"
    cvn = VISA_14 if scheme in b"01" else MCHIP_20
    key = card_key(MASTERS["109"], LONG_PAN if long else PAN, "01", option_b=long)
    data, arqc = made(cvn, key)
    card = CARD[0]
    if long:
        digits = LONG_PAN.reveal() + "01"
        card = bytes.fromhex(digits if len(digits) % 2 == 0 else "0" + digits)
        card = b"%02d" % len(card) + card + b";"
    head = scheme + master(commands, "109") + (bytes(16) if scheme in b"01" else b"") + card
    head += (b"1" if scheme in b"01" else b"") + ATC
    arpc = cryptogram.arpc(cvn, key, TAGS, arqc, ARC)
    method_2 = cryptogram.retail_mac(cryptogram.session_key(cvn, key, TAGS), arqc + CSU + b"pad")[:4]
    assert fields(commands, b"KW0" + head + counted(data, 2) + b";" + arqc) == b""
    assert fields(commands, b"KW1" + head + counted(data, 2) + b";" + arqc + ARC) == arpc
    assert fields(commands, b"KW2" + head + arqc + ARC) == arpc
    assert fields(commands, b"KW3" + head + counted(data, 2) + b";" + arqc + CSU + counted(b"pad", 1)) == method_2
    assert fields(commands, b"KW4" + head + arqc + CSU + counted(b"pad", 1)) == method_2
    fields(commands, b"KW0" + head + counted(data, 2) + b";" + bytes(8), "01")


def test_js_verifies_and_answers_a_unionpay_card(commands: HostCommandSet):
    key = card_key(MASTERS["109"], PAN, "01")
    data, arqc = made(UNIONPAY_01, key)
    head = b"1" + master(commands, "109") + CARD[0] + ATC
    arpc = cryptogram.arpc(UNIONPAY_01, key, TAGS, arqc, ARC)
    assert fields(commands, b"JS1" + head + counted(data, 2) + b";" + arqc + ARC) == arpc
    assert fields(commands, b"JS2" + head + arqc + ARC) == arpc
    fields(commands, b"JS0" + head + counted(data, 2) + b";" + arqc[::-1], "01")


SCRIPTS = [
    (b"KU0", VISA_10, bytes(6) + ATC),
    (b"KU1", MCHIP_16, bytes.fromhex("0102030405060708")),
    (b"KY0", VISA_22, bytes.fromhex("0102030405060708")),
    (b"KY1", MCHIP_20, bytes.fromhex("0102030405060708")),
    (b"JU1", UNIONPAY_01, bytes(6) + ATC),
]


@pytest.mark.parametrize(("code", "cvn", "session"), SCRIPTS)
def test_scripts_are_macced_and_enciphered(commands: HostCommandSet, code: bytes, cvn: Cvn, session: bytes):
    smi, smc = (card_key(MASTERS[key_type], PAN, "01") for key_type in ("209", "309"))
    atc = int.from_bytes(session[6:], "big")
    message = bytes.fromhex("8424000008") + ATC + bytes(8)
    head = code[2:] + master(commands, "209") + CARD[0] + session
    mac_key = cryptogram.script_session_key(cvn, smi, atc, session)
    request = code[:2] + b"0" + head + counted(message, 4) + b";"
    assert fields(commands, request) == cryptogram.retail_mac(mac_key, message)
    if commands.is_variant:
        transport = str(commands.hsm.generate_variant_key("00A")).encode()
    else:
        transport = commands.hsm.generate_key(KeyUsage.DATA_ENCRYPTION, Algorithm.TDES_DOUBLE).encode()
    clear = b"12345678"
    sent = commands.hsm.encrypt_data(commands.reference(transport, "00A"), CipherMode.ECB, clear)
    secret = b"" if code[:2] == b"KY" else session
    request = code[:2] + b"2" + head + counted(message, 4) + b";" + master(commands, "309") + transport + secret
    answer = fields(commands, request + b"000F" + counted(sent, 4) + b";")
    enciphered = emv_script.encipher(cvn, smc, atc, session, clear)
    assert answer[8:] == b"%04X" % len(enciphered) + enciphered
    assert answer[:8] == cryptogram.retail_mac(mac_key, message + enciphered)
    fields(commands, request + b"00FF" + counted(sent, 4) + b";", "80")


@pytest.mark.parametrize(("code", "cvn", "session"), SCRIPTS)
@pytest.mark.parametrize("card_form", [b"34", b"41", b"42"])
def test_a_new_pin_goes_to_the_card(commands: HostCommandSet, code: bytes, cvn: Cvn, session: bytes, card_form: bytes):
    smc, ac = (card_key(MASTERS[key_type], PAN, "01") for key_type in ("309", "109"))
    atc = int.from_bytes(session[6:], "big")
    message = bytes.fromhex("8424000210") + ATC + bytes(8)
    if commands.is_variant:
        zpk, kind = str(commands.hsm.generate_variant_key("001")).encode(), b"0"
    else:
        zpk, kind = commands.hsm.generate_key(KeyUsage.PIN_ENCRYPTION, Algorithm.TDES_DOUBLE).encode(), b"F"
    new, present = Pin("739150"), Pin("4711")
    pins = (new, present) if card_form == b"42" else (new,)
    sent = b"".join(commands.hsm.encrypt_pin(commands.reference(zpk, "001"), pin, PinFormat.ISO_0, PAN) for pin in pins)
    secret = b"" if code[:2] == b"KY" else session
    request = code[:2] + b"4" + code[2:] + master(commands, "209") + CARD[0] + session + counted(message, 4) + b";"
    request += master(commands, "309") + secret + b"000F" + counted(sent, 4) + b";" + kind + zpk + b"01" + card_form
    request += PAN.pan12.encode()
    if card_form == b"34":
        block = encode(PinFormat.ISO_2, new, None)
    else:
        block = emv_script.visa_pin_block(ac, new, present if card_form == b"42" else None)
    enciphered = emv_script.encipher(cvn, smc, atc, session, block)
    whole = request if card_form == b"34" else request + master(commands, "109")
    assert fields(commands, whole)[12:] == enciphered
    fields(commands, request + master(commands, "109") if card_form == b"34" else request, "15")
