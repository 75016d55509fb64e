"""PIN commands beyond the published samples: both kinds of LMK, every format, DUKPT of both kinds, what is refused."""

from __future__ import annotations

import pytest

from posterm.hsm import Algorithm, KeyUsage, Pin, PinFormat
from posterm.hsm.dukpt_aes import AesDukptDevice, AesKeyUse
from posterm.hsm.dukpt_aes import initial_key as aes_initial_key
from posterm.hsm.host_commands import HostCommandSet
from posterm.hsm.pin_block import encipher, encode
from posterm.hsm.primitives import BlockCipher
from posterm.sensitive import Pan
from tests.hsm.host_commands.conftest import new_hsm

PAN = Pan("6212345678901265")
WHOLE, TWELVE = PAN.reveal().encode() + b";", PAN.pan12.encode()
PIN = Pin("739150")
DOUBLE = Algorithm.TDES_DOUBLE
TABLE, TEMPLATE = b"0123456789012345", b"1234567NFFFF"


def fields(commands: HostCommandSet, request: bytes, code: str = "00") -> bytes:
    answer = commands.execute(request)
    assert answer[:4] == request[:1] + bytes([request[1] + 1]) + code.encode()
    return answer[4:]


def key_of(commands: HostCommandSet, usage: KeyUsage, key_type: str, algorithm: Algorithm = DOUBLE) -> bytes:
    if commands.is_variant:
        return str(commands.hsm.generate_variant_key(key_type, algorithm)).encode()
    return commands.hsm.generate_key(usage, algorithm).encode()


def block_of(commands: HostCommandSet, wire: bytes, key_type: str, pin: Pin, form: PinFormat) -> bytes:
    key = commands.reference(wire, key_type)
    return commands.hsm.encrypt_pin(key, pin, form, PAN).hex().upper().encode()


@pytest.fixture(params=["variant", "blocks"])
def commands(request: pytest.FixtureRequest) -> HostCommandSet:
    found: HostCommandSet = request.getfixturevalue(request.param)
    return found


@pytest.mark.parametrize(("code", "form"), [("01", PinFormat.ISO_0), ("47", PinFormat.ISO_3), ("05", PinFormat.ISO_1)])
def test_cc_translates_every_form_that_may_become_format_0(commands: HostCommandSet, code: str, form: PinFormat):
    source, target = (key_of(commands, KeyUsage.PIN_ENCRYPTION, "001") for _ in range(2))
    block = block_of(commands, source, "001", PIN, form)
    answer = fields(commands, b"CC" + source + target + b"12" + block + code.encode() + b"01" + TWELVE)
    assert answer == b"06" + block_of(commands, target, "001", PIN, PinFormat.ISO_0) + b"01"


def test_cc_goes_from_tdes_to_aes_with_the_whole_card_number(blocks: HostCommandSet):
    source = key_of(blocks, KeyUsage.PIN_ENCRYPTION, "001")
    target = key_of(blocks, KeyUsage.PIN_ENCRYPTION, "001", Algorithm.AES_256)
    block = block_of(blocks, source, "001", PIN, PinFormat.ISO_0)
    answer = fields(blocks, b"CC" + source + target + b"12" + block + b"0148" + WHOLE)
    assert answer[:2] + answer[-2:] == b"0648"
    back = fields(blocks, b"CC" + target + source + b"12" + answer[2:-2] + b"4801" + WHOLE, "69")  # a weaker cipher
    assert back == b""


@pytest.mark.parametrize(
    ("source_code", "target_code", "refused"),
    [
        ("01", "05", "69"),
        ("01", "34", "69"),
        ("34", "01", "69"),
        ("01", "03", "69"),
        ("01", "02", "23"),
        ("99", "01", "23"),
    ],
)
def test_cc_refuses_what_would_weaken_the_block(
    commands: HostCommandSet, source_code: str, target_code: str, refused: str
):
    source, target = (key_of(commands, KeyUsage.PIN_ENCRYPTION, "001") for _ in range(2))
    block = block_of(commands, source, "001", PIN, PinFormat.ISO_0)
    request = source + target + b"12" + block + source_code.encode() + target_code.encode() + TWELVE
    fields(commands, b"CC" + request, refused)


def test_every_malformed_block_gets_the_same_answer(commands: HostCommandSet):
    source, target = (key_of(commands, KeyUsage.PIN_ENCRYPTION, "001") for _ in range(2))
    answers = {
        commands.execute(b"CC" + source + target + b"12" + b"%016X" % number + b"0101" + TWELVE) for number in range(50)
    }
    assert answers == {b"CD20"}


def test_a_pin_goes_to_the_lmk_and_back(commands: HostCommandSet):
    zpk = key_of(commands, KeyUsage.PIN_ENCRYPTION, "001")
    tpk = key_of(commands, KeyUsage.PIN_ENCRYPTION, "002")
    kept = fields(commands, b"JE" + zpk + block_of(commands, zpk, "001", PIN, PinFormat.ISO_0) + b"01" + TWELVE)
    assert fields(commands, b"JG" + zpk + b"01" + TWELVE + kept) == block_of(commands, zpk, "001", PIN, PinFormat.ISO_0)
    again = fields(commands, b"JC" + tpk + block_of(commands, tpk, "002", PIN, PinFormat.ISO_0) + b"01" + TWELVE)
    assert fields(commands, b"NG" + TWELVE + again) == PIN.reveal().encode() + b"F" + b"0" * 12
    for code, key, key_type in ((b"BE", zpk, "001"), (b"BC", tpk, "002")):
        fields(commands, code + key + block_of(commands, key, key_type, PIN, PinFormat.ISO_0) + b"01" + TWELVE + kept)
        other = block_of(commands, key, key_type, Pin("739151"), PinFormat.ISO_0)
        fields(commands, code + key + other + b"01" + TWELVE + kept, "01")


def test_a_clear_pin_goes_under_the_lmk(commands: HostCommandSet):
    kept = fields(commands, b"BA739150FFF" + TWELVE)
    assert fields(commands, b"NG" + TWELVE + kept)[:6] == b"739150"
    fields(commands, b"BA123F" + TWELVE, "15")


def test_an_offset_is_made_and_verified(commands: HostCommandSet):
    tpk = key_of(commands, KeyUsage.PIN_ENCRYPTION, "002")
    zpk = key_of(commands, KeyUsage.PIN_ENCRYPTION, "001")
    pvk = key_of(commands, KeyUsage.PIN_VERIFICATION_IBM, "002")
    data = TWELVE + TABLE + TEMPLATE
    typed = (b"FFF", b"FFF") if not commands.is_variant else (b"002", b"001")
    block = block_of(commands, tpk, "002", PIN, PinFormat.ISO_0)
    offset = fields(commands, b"BK" + typed[0] + tpk + pvk + block + b"0104" + data)
    assert offset[6:] == b"FFFFFF"
    assert fields(commands, b"DE" + pvk + fields(commands, b"BA739150" + TWELVE) + b"06" + data) == offset
    fields(commands, b"DA" + tpk + pvk + b"12" + block + b"0104" + data + offset)
    fields(
        commands,
        b"EA" + zpk + pvk + b"12" + block_of(commands, zpk, "001", PIN, PinFormat.ISO_0) + b"0104" + data + offset,
    )
    fields(commands, b"DA" + tpk + pvk + b"12" + block + b"0104" + data + b"000000FFFFFF", "01")
    fields(commands, b"DA" + tpk + pvk + b"12" + block + b"0108" + data + offset, "24")
    fields(commands, b"BK" + typed[0] + tpk + pvk + block + b"0107" + data, "24")
    new = block_of(commands, tpk, "002", Pin("4711"), PinFormat.ISO_0)
    changed = fields(commands, b"DU" + typed[0] + tpk + pvk + block + b"0104" + data + offset + new)
    fields(commands, b"DA" + tpk + pvk + b"12" + new + b"0104" + data + changed)
    fields(commands, b"DU" + typed[0] + tpk + pvk + new + b"0104" + data + offset + new, "01")


@pytest.mark.parametrize(
    ("table", "template", "code"),
    [(b"0" * 16, TEMPLATE, "25"), (TABLE, b"1234567FFFFF", "15"), (TABLE, b"NN34567FFFFF", "15")],
)
def test_poor_tables_and_templates_are_refused(commands: HostCommandSet, table: bytes, template: bytes, code: str):
    pvk = key_of(commands, KeyUsage.PIN_VERIFICATION_IBM, "002")
    kept = fields(commands, b"BA739150" + TWELVE)
    fields(commands, b"DE" + pvk + kept + b"04" + TWELVE + table + template, code)


def test_a_pvv_is_made_and_verified(commands: HostCommandSet):
    zpk = key_of(commands, KeyUsage.PIN_ENCRYPTION, "001")
    pvk = key_of(commands, KeyUsage.PIN_VERIFICATION_VISA, "002")
    pvv = fields(commands, b"DG" + pvk + fields(commands, b"BA739150" + TWELVE) + TWELVE + b"1")
    block = block_of(commands, zpk, "001", PIN, PinFormat.ISO_0)
    fields(commands, b"EC" + zpk + pvk + block + b"01" + TWELVE + b"1" + pvv)
    fields(commands, b"EC" + zpk + pvk + block + b"01" + TWELVE + b"7" + pvv, "21")
    typed = b"001" if commands.is_variant else b"FFF"
    new = block_of(commands, zpk, "001", Pin("4711"), PinFormat.ISO_0)
    changed = fields(commands, b"CU" + typed + zpk + pvk + block + b"01" + TWELVE + b"1" + pvv + new)
    fields(commands, b"EC" + zpk + pvk + new + b"01" + TWELVE + b"1" + changed)


# X9.24-1, A.4: base derivation key, key serial number, card number and PIN block of its first transaction.
TDES_BDK = bytes.fromhex("0123456789ABCDEFFEDCBA9876543210")
TDES_KSN, TDES_BLOCK, TDES_ACCOUNT = b"FFFF9876543210E00001", b"1B9C1845EB993A7A", b"401234567890"


def bdk_of(commands: HostCommandSet) -> bytes:
    if commands.is_variant:
        return str(commands.hsm.load_clear_variant_key(TDES_BDK, "009")).encode()
    return commands.hsm.load_clear_key(TDES_BDK, KeyUsage.BASE_DERIVATION, DOUBLE).encode()


def test_a_dukpt_block_is_translated_and_verified(commands: HostCommandSet):
    bdk, zpk = bdk_of(commands), key_of(commands, KeyUsage.PIN_ENCRYPTION, "001")
    start = bdk + zpk + b"605" + TDES_KSN + TDES_BLOCK
    answer = fields(commands, b"CI" + start + b"01" + TDES_ACCOUNT)
    assert fields(commands, b"G0" + start + b"0101" + TDES_ACCOUNT) == answer
    kept = fields(commands, b"JE" + zpk + answer[2:-2] + b"01" + TDES_ACCOUNT)
    pvk = key_of(commands, KeyUsage.PIN_VERIFICATION_VISA, "002")
    pvv = fields(commands, b"DG" + pvk + kept + TDES_ACCOUNT + b"1")
    fields(commands, b"CM" + bdk + pvk + b"605" + TDES_KSN + TDES_BLOCK + TDES_ACCOUNT + b"1" + pvv)
    ibm = key_of(commands, KeyUsage.PIN_VERIFICATION_IBM, "002")
    data = b"04" + TDES_ACCOUNT + TABLE + TEMPLATE
    offset = fields(commands, b"DE" + ibm + kept + data)
    fields(commands, b"CK" + bdk + ibm + b"605" + TDES_KSN + TDES_BLOCK + data + offset)
    fields(commands, b"GO0" + bdk + ibm + b"605" + TDES_KSN + TDES_BLOCK + b"01" + data + offset)
    fields(commands, b"CI" + bdk + zpk + b"605FFFF9876543210E00000" + TDES_BLOCK + b"01" + TDES_ACCOUNT, "15")


def test_an_aes_dukpt_block_is_translated(blocks: HostCommandSet):
    base = bytes.fromhex("FEDCBA9876543210F1F1F1F1F1F1F1F1")  # X9.24-3, supplement
    ksn = bytes.fromhex("123456789012345600000001")
    wire = blocks.hsm.load_clear_key(base, KeyUsage.BASE_DERIVATION, Algorithm.AES_128).encode()
    device = AesDukptDevice(aes_initial_key(base, ksn[:8]), ksn[:8])
    cipher = BlockCipher(Algorithm.AES_128, device.working_key(ksn, AesKeyUse.PIN, None))
    block = encipher(cipher, encode(PinFormat.ISO_4, PIN, PAN, bytes(8)), PinFormat.ISO_4, PAN)
    zpk = key_of(blocks, KeyUsage.PIN_ENCRYPTION, "001", Algorithm.AES_128)
    request = wire + zpk + b"A00" + ksn.hex().upper().encode() + block.hex().upper().encode() + b"4848" + WHOLE
    answer = fields(blocks, b"G0" + request)
    kept = fields(blocks, b"JE" + zpk + answer[2:-2] + b"48" + WHOLE)
    assert fields(blocks, b"NG" + TWELVE + kept)[:6] == PIN.reveal().encode()


def test_giving_up_the_card_number_needs_a_permission():
    lenient = HostCommandSet(new_hsm(allow_weaker_translation=True))
    source, target = (key_of(lenient, KeyUsage.PIN_ENCRYPTION, "001") for _ in range(2))
    block = block_of(lenient, source, "001", PIN, PinFormat.ISO_0)
    fields(lenient, b"CC" + source + target + b"12" + block + b"0103" + TWELVE)
    fields(lenient, b"CC" + source + target + b"12" + block + b"0191" + TWELVE, "69")
