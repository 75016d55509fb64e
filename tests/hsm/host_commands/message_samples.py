"""A message for every form of every command, made from the table: where the negative table and the fuzzers start."""

from __future__ import annotations

from collections.abc import Iterator

from posterm.hsm import Algorithm, KeyUsage, Pin, PinFormat
from posterm.hsm.host_commands import COMMANDS, Command, HostCommandSet
from posterm.hsm.host_commands.fields import KEY_BLOCK, Field
from posterm.hsm.host_commands.table import Form
from posterm.hsm.key_types import KEY_TYPES
from posterm.sensitive import Pan

PAN = Pan("6212345678901265")
PIN = Pin("739150")
DOUBLE = Algorithm.TDES_DOUBLE
PIN_KEYS = ("TPK", "ZPK", "PIN key", "source TPK", "source ZPK")

# What a key block holds where the field's name says more than its type.
USAGES = {
    "PVK": KeyUsage.PIN_VERIFICATION_IBM,
    "PVK pair": KeyUsage.PIN_VERIFICATION_VISA,
    "PIN key": KeyUsage.PIN_ENCRYPTION,
    "ZMK": KeyUsage.KEY_ENCRYPTION,
    "TMK": KeyUsage.KEY_ENCRYPTION,
    "ZMK or TMK": KeyUsage.KEY_ENCRYPTION,
    "key encryption key": KeyUsage.KEY_ENCRYPTION,
    "MAC key": KeyUsage.MAC,
    "data key": KeyUsage.DATA_ENCRYPTION,
    "storage key": KeyUsage.STORAGE,
    "fingerprint key": KeyUsage.FINGERPRINT,
    "components": KeyUsage.KEY_ENCRYPTION,
}
# What other fields hold, by their names; the rest follows from the pattern.
VALUES = {
    "PAN": PAN.reveal() + ";",
    "expiry": "3012",
    "cryptogram version": "V10",
    "chip data objects": bytes.fromhex(
        "9F02060000000010009F03060000000000009F1A020156950500000000005F2A0201569A032611229C01009F37"
        "0412345678820258009F360200019F100706010A03A4A000"
    ).decode("latin-1"),
    "command header": "8418000010",
    "issuer's answer": "3030",
    "service code": "101",
    "CVV": "123",
    "number of commands": "01",
    "commands": "0002NC",
    "PAN and sequence number": "\x12\x34\x56\x78\x90\x12\x65\x01",
    "account number": PAN.pan12,
    "PIN block format": "01",
    "source PIN block format": "01",
    "destination PIN block format": "01",
    "check length": "04",
    "decimalisation table": "0123456789012345",
    "PIN validation data": "1234567NFFFF",
    "offset": "123456FFFFFF",
    "KSN descriptor": "605",
    "key serial number": "FFFF9876543210E00001",
    "PIN": "739150",
    "track": "6212345678901265D3012",
    "number of components": "2",
    "cryptogram": "0" * 32,
    "check value": "",
    "key scheme (ZMK)": "X",
    "Atalla variant": "",
    "ZMK/TMK flag": "",
    "schemes and check value type": "",
    "card PIN block format": "34",
    "padding method": "1",
    "MAC algorithm": "3",
    "MAC size": "0",
    "IV-AC": "\0" * 16,
    "delimiter": ";",
    "maximum PIN length": "12",
}


def forms() -> Iterator[tuple[Command, int]]:
    for command in COMMANDS.values():
        for number in range(len(command.forms)):
            yield command, number


def make_key(commands: HostCommandSet, key_type: str, usage: KeyUsage | None) -> bytes:
    if commands.is_variant:
        return str(commands.hsm.generate_variant_key(key_type)).encode()
    algorithm = Algorithm.AES_128 if usage in (KeyUsage.STORAGE, KeyUsage.FINGERPRINT) else DOUBLE
    return commands.hsm.generate_key(usage or KEY_TYPES[key_type].usages[0], algorithm).encode()


class Sample:
    """The fields of one message."""

    def __init__(self, commands: HostCommandSet, command: Command, number: int) -> None:
        self.commands = commands
        self.command = command
        self.form: Form = command.forms[number]
        self.values: list[bytes] = []
        self._types: dict[str, str] = {}
        for field in self.form.layout.fields:
            self.values.append(self._value(field))
        self._fill_in()

    @property
    def message(self) -> bytes:
        return self.command.code.encode() + b"".join(self.values)

    def with_value(self, place: int, value: bytes) -> bytes:
        return self.command.code.encode() + b"".join([*self.values[:place], value, *self.values[place + 1 :]])

    def key_type(self, field: Field) -> str:
        return self._types[field.typed_by] if field.typed_by else field.key_types[0]

    def usage(self, field: Field) -> KeyUsage | None:
        if field.name in USAGES:
            return USAGES[field.name]
        return KeyUsage.MAC if field.typed_by or field.key_types == (KEY_BLOCK,) else None

    def _value(self, field: Field) -> bytes:
        if field.parity:
            kind = "000" if field.name == "components" and self.commands.is_variant else ""
            if field.typed_by == "key type" and self.form.layout.fields.index(field) < self._place_of("key type"):
                kind = self._type_of(self.form.layout.fields[self._place_of("key type")])
            if field.typed_by == "key type code" and field.typed_by not in self._types:
                kind = "000"
            key = make_key(self.commands, kind or self.key_type(field), self.usage(field))
            return key * 3 if field.one_key and self.command.code == "GG" else key * 2 if field.one_key else key
        if field.name == "ZMK/TMK flag":
            self._types[field.name] = "000"
            return b""
        if field.key_types or "|FFF" in field.pattern or field.pattern.startswith("0|1"):
            return self._typed(field)
        if field.name in ("key scheme (LMK)", "key block attributes"):
            letter, attributes = (b"U", b"") if self.commands.is_variant else (b"S", b"#K0T2B00E00")
            return letter if field.name == "key scheme (LMK)" else attributes
        if field.name == "key under the ZMK":
            return b"U" + b"0" * 32
        if field.length_base or field.to_the_end:
            return VALUES.get(field.name, "12345678").encode("latin-1")
        if field.name == "MAC algorithm" and field.size == "2 N":
            return b"04"
        if field.name in VALUES:
            return VALUES[field.name].encode("latin-1")
        return _by_pattern(field)

    def _place_of(self, name: str) -> int:
        return [field.name for field in self.form.layout.fields].index(name)

    def _type_of(self, field: Field) -> str:
        return field.key_types[0] if field.key_types and self.commands.is_variant else KEY_BLOCK

    def _typed(self, field: Field) -> bytes:
        """A field that tells a key's type."""
        for code in field.pattern.split("|"):
            for key_type in (*field.key_types, KEY_BLOCK):
                if _means(field, self.commands, code) == key_type:
                    self._types[field.name] = key_type
                    return code.encode()
        raise AssertionError(field.name)

    def _fill_in(self) -> None:
        """Lengths, PIN blocks and PINs under the LMK, which follow from other fields."""
        commands, fields = self.commands, self.form.layout.fields
        for place, field in enumerate(fields):
            if field.length_base:
                size = int(fields[place - 1].size.split()[0])
                self.values[place - 1] = (b"%0*X" if field.length_base == 16 else b"%0*d") % (
                    size,
                    len(self.values[place]),
                )
            if field.name in ("PIN block", "new PIN block", "source PIN block"):
                self.values[place] = self._pin_block().hex().upper().encode()
            if field.name == "PIN under the LMK":
                self.values[place] = commands.hsm.wrap_pin(PIN, PAN, variant=commands.is_variant).encode()
        if self.command.code in ("KU", "KY", "JU") and any(field.name == "PIN key" for field in fields):
            self.values[self._place_of("data")] = self._pin_block()
        if self.command.code == "ZK":
            self.values[self._place_of("components")] = b"1C" * 16 + b"A8" * 16
        if self.command.code in ("KU", "KY", "JU"):
            for place, field in enumerate(fields):
                if field.name == "offset":
                    self.values[place] = b"0000"
                if field.name.startswith("MK-AC"):
                    self.values[place] = b""  # format 2 has no use for it

    def _pin_block(self) -> bytes:
        for place, field in enumerate(self.form.layout.fields):
            if field.name in PIN_KEYS:
                key = self.commands.reference(self.values[place], self.key_type(field))
                return self.commands.hsm.encrypt_pin(key, PIN, PinFormat.ISO_0, PAN)
        return bytes(8)


def _means(field: Field, commands: HostCommandSet, code: str) -> str | None:
    from posterm.hsm.host_commands import HostCommandRefusal

    try:
        convert = field.conversion(commands)
        assert convert is not None
        found: str = convert(code.encode())
    except HostCommandRefusal:
        return None
    if commands.is_variant == (found == KEY_BLOCK) or (
        found != KEY_BLOCK and DOUBLE not in KEY_TYPES[found].algorithms
    ):
        return None if commands.is_variant or "FFF" in field.pattern or "F" in field.pattern else found
    return found


def _by_pattern(field: Field) -> bytes:
    size = int(field.size.split("/")[0].split()[0].split("-")[0]) if field.size[0].isdigit() else 0
    if field.pattern.startswith("["):
        return (field.pattern[1].encode() * size) if size else b""
    if field.pattern.startswith("."):
        return b"\x01" * size
    return field.pattern.encode("latin-1")
