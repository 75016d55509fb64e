"""The issuer's side of chip cards: cryptograms verified and answered, scripts, PIN change.

    command   scheme   session keys                                       ARPC
    KQ        0        Visa 10: the card key itself                       method 1
              1        M/Chip 16: common, by ATC and number               method 1
    KW        0, 1     Visa 14: EMV 2000 tree, card key by option A, B    methods 1 and 2
              2, 3     common, by ATC, card key by option A, B            methods 1 and 2
    JS        1        UnionPay                                           method 1
    KU        0        Visa scripts, by ATC
              1        common, by the 8 bytes given
    KY        0, 1     common, by the ARQC given; Visa and Mastercard encipherment
    JU        1        UnionPay scripts, by ATC

The host prepares the data: PAN and sequence number in 8 bytes (for option B all of it behind its length), and the input
of the cryptogram padded as its version wants; zeros are added to whole blocks. For KU scheme 0 and JU the ATC stands
in the last two of the 8 bytes of session data.

Source: Thales payShield (KQ, KW, KU, KY); JS and JU by the same pattern, KY in the form of the later payShields.
Left out: IVs and branch factors other than the usual for the EMV 2000 tree, discretionary data, transport keys in CBC,
diagnostic data when a cryptogram does not verify.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from posterm.hsm.commands.data import CipherMode
from posterm.hsm.cryptogram import (
    MCHIP_16,
    MCHIP_20,
    UNIONPAY_01,
    VISA_10,
    VISA_14,
    VISA_22,
    Cvn,
)
from posterm.hsm.host_commands.command_set import HostCommandSet
from posterm.hsm.host_commands.errors import (
    DATA_LENGTH,
    DESTINATION_KEY,
    INVALID_INPUT,
    INVALID_PIN_FORMAT,
    NO_VALID_PIN_BLOCK,
    VERIFICATION_FAILURE,
    HostCommandRefusal,
)
from posterm.hsm.host_commands.fields import (
    KEY_BLOCK,
    Field,
    Layout,
    account,
    counted,
    delimiter,
    key,
    key_type,
    length,
    one_of,
    optional,
    pin_format,
    raw,
    text,
)
from posterm.hsm.host_commands.table import form, host_command
from posterm.hsm.variant_key import KeyReference

_MK_AC = key("MK-AC", "109", plain=(32,))
_CARD = raw("PAN and sequence number", 8, "16 digits")
_ATC = raw("ATC", 2)
_NUMBER = raw("unpredictable number", 4)
_DATA = (length("transaction data length", 2), counted("transaction data"), delimiter())
_ARQC = raw("ARQC, TC or AAC", 8)
_ARC = raw("ARC", 2)
_CSU = raw("CSU", 4)
_ARPC_ANSWER = Field("ARPC", "8 B", meaning="4 for method 2; when one is asked for")
_FAILURES = (VERIFICATION_FAILURE, DATA_LENGTH)

_KQ: Final = {"0": VISA_10, "1": MCHIP_16}
_COMMON_B: Final = replace(MCHIP_20, name="common, option B", option_b=True)
_KW: Final = {"0": VISA_14, "1": replace(VISA_14, name="tree, option B", option_b=True), "2": MCHIP_20, "3": _COMMON_B}
_KU: Final = {"0": VISA_10, "1": MCHIP_16}
_KY: Final = {"0": replace(VISA_22, option_b=False), "1": MCHIP_20}
_JU: Final = {"1": UNIONPAY_01}


# --- cryptograms ------------------------------------------------------------------------------------------------------


def _asked(
    commands: HostCommandSet,
    cvn: Cvn,
    mk_ac: KeyReference,
    card: bytes,
    tags: dict[int, bytes],
    arqc: bytes,
    *,
    data: bytes | None = None,
    answer: bytes = b"",
    proprietary: bytes = b"",
) -> bytes:
    """Verify when there are data, answer when there is an answer."""
    if data is not None:
        commands.hsm.verify_prepared_arqc(mk_ac, cvn, card, tags, data, arqc)
    if not answer:
        return b""
    return commands.hsm.prepared_arpc(mk_ac, cvn, card, tags, arqc, answer, proprietary)


_KQ_HEAD = (one_of("scheme", "01", "0: Visa, 1: M/Chip"), _MK_AC, _CARD, _ATC, _NUMBER)


@host_command(
    "KQ",
    "Verify an ARQC and answer it",
    Layout(one_of("mode", "0", "verify"), *_KQ_HEAD, *_DATA, _ARQC),
    answer=(_ARPC_ANSWER,),
    codes=_FAILURES,
)
def verify_arqc(
    commands: HostCommandSet,
    _mode: str,
    scheme: str,
    mk_ac: KeyReference,
    card: bytes,
    atc: bytes,
    number: bytes,
    _length: bytes,
    data: bytes,
    _: bytes,
    arqc: bytes,
    arc: bytes = b"",
) -> bytes:
    return _asked(commands, _KQ[scheme], mk_ac, card, {0x9F36: atc, 0x9F37: number}, arqc, data=data, answer=arc)


form("KQ", Layout(one_of("mode", "1", "verify and answer"), *_KQ_HEAD, *_DATA, _ARQC, _ARC))(verify_arqc)


@form("KQ", Layout(one_of("mode", "2", "answer"), *_KQ_HEAD, _ARQC, _ARC))
def answer_arqc(
    commands: HostCommandSet,
    _mode: str,
    scheme: str,
    mk_ac: KeyReference,
    card: bytes,
    atc: bytes,
    number: bytes,
    arqc: bytes,
    arc: bytes,
) -> bytes:
    return _asked(commands, _KQ[scheme], mk_ac, card, {0x9F36: atc, 0x9F37: number}, arqc, answer=arc)


_JS_HEAD = (one_of("scheme", "1", "1: UnionPay"), _MK_AC, _CARD, _ATC)


@host_command(
    "JS",
    "Verify an ARQC of a UnionPay card and answer it",
    Layout(one_of("mode", "0", "verify"), *_JS_HEAD, *_DATA, _ARQC),
    answer=(_ARPC_ANSWER,),
    codes=_FAILURES,
)
def verify_unionpay_arqc(
    commands: HostCommandSet,
    _mode: str,
    _scheme: str,
    mk_ac: KeyReference,
    card: bytes,
    atc: bytes,
    _length: bytes,
    data: bytes,
    _: bytes,
    arqc: bytes,
    arc: bytes = b"",
) -> bytes:
    return _asked(commands, UNIONPAY_01, mk_ac, card, {0x9F36: atc}, arqc, data=data, answer=arc)


form("JS", Layout(one_of("mode", "1", "verify and answer"), *_JS_HEAD, *_DATA, _ARQC, _ARC))(verify_unionpay_arqc)


@form("JS", Layout(one_of("mode", "2", "answer"), *_JS_HEAD, _ARQC, _ARC))
def answer_unionpay_arqc(
    commands: HostCommandSet,
    _mode: str,
    _scheme: str,
    mk_ac: KeyReference,
    card: bytes,
    atc: bytes,
    arqc: bytes,
    arc: bytes,
) -> bytes:
    return _asked(commands, UNIONPAY_01, mk_ac, card, {0x9F36: atc}, arqc, answer=arc)


_TREE = (Field("IV-AC", "16 B", "\0{16}", "zeros"),)
_BRANCH = one_of("branch and height", "1", "1: branch factor 4, height 8")
_LONG_CARD = (length("PAN length", 2, base=10), counted("PAN and sequence number", base=10), delimiter())
_PROPRIETARY = (length("proprietary data length", 1), counted("proprietary data", "at most 8 bytes"))

_KW_HEADS: Final = {
    "0": (*_TREE, _CARD, _BRANCH, _ATC),
    "1": (*_TREE, *_LONG_CARD, _BRANCH, _ATC),
    "2": (_CARD, _ATC),
    "3": (*_LONG_CARD, _ATC),
}
_KW_TAILS: Final = {
    "0": (*_DATA, _ARQC),
    "1": (*_DATA, _ARQC, _ARC),
    "2": (_ARQC, _ARC),
    "3": (*_DATA, _ARQC, _CSU, *_PROPRIETARY),
    "4": (_ARQC, _CSU, *_PROPRIETARY),
}


def _declare_kw(mode: str, scheme: str, *, first: bool) -> None:
    layout = Layout(one_of("mode", mode), one_of("scheme", scheme), _MK_AC, *_KW_HEADS[scheme], *_KW_TAILS[mode])
    places = {field.name: place for place, field in enumerate(layout.fields)}
    cvn = replace(_KW[scheme], arpc_method=2) if mode in "34" else _KW[scheme]

    def answer(commands: HostCommandSet, *values: bytes) -> bytes:
        def value(name: str) -> bytes:
            return values[places[name]] if name in places else b""

        mk_ac: KeyReference = values[places["MK-AC"]]  # type: ignore[assignment]
        return _asked(
            commands,
            cvn,
            mk_ac,
            value("PAN and sequence number"),
            {0x9F36: value("ATC")},
            value("ARQC, TC or AAC"),
            data=value("transaction data") if "transaction data" in places else None,
            answer=value("ARC") or value("CSU"),
            proprietary=value("proprietary data"),
        )

    if first:
        title = "Verify an ARQC and answer it (EMV 4)"
        host_command("KW", title, layout, answer=(_ARPC_ANSWER,), codes=_FAILURES)(answer)
    else:
        form("KW", layout)(answer)


for _mode in _KW_TAILS:
    for _scheme in _KW_HEADS:
        _declare_kw(_mode, _scheme, first=(_mode, _scheme) == ("0", "0"))


# --- scripts ----------------------------------------------------------------------------------------------------------

_MK_SMI = key("MK-SMI", "209", plain=(32,))
_MK_SMC = key("MK-SMC", "309", plain=(32,), parity=DESTINATION_KEY)
_SESSION = raw("integrity session data", 8)
_CONFIDENTIAL = raw("confidentiality session data", 8)
_PLAIN = (length("plaintext length", 4), counted("plaintext message"), delimiter())
_CIPHERED = (length("offset", 4), length("data length", 4), counted("data"), delimiter())
_PIN_KEY_TYPE = key_type("key type", {"0": "001", "1": "002", "F": KEY_BLOCK}, "0: ZPK, 1: TPK")
_CARD_FORMAT = text(
    "card PIN block format", "2 N", "34|41|42", "34: format 2, 41 and 42: Visa", refuse=INVALID_PIN_FORMAT
)
_PIN_CHANGE = (
    _PIN_KEY_TYPE,
    key("PIN key", typed_by="key type"),
    pin_format(),
    _CARD_FORMAT,
    account(),
    optional(key("MK-AC", "109", plain=(32,))),
)
_TRANSPORT = key("TK", "00A", plain=(32,))
_SCRIPT_ANSWER = (Field("MAC", "8 B"), Field("data length", "4 H"), Field("enciphered data", "n B"))


def _mac(
    commands: HostCommandSet, cvn: Cvn, mk_smi: KeyReference, card: bytes, session: bytes, message: bytes
) -> bytes:
    atc = int.from_bytes(session[6:], "big")
    return commands.hsm.prepared_script_mac(mk_smi, cvn, card, atc, session, message)


def _inserted(message: bytes, offset: bytes, data: bytes) -> bytes:
    at = int(offset, 16)
    if at > len(message):
        raise HostCommandRefusal(DATA_LENGTH)
    return message[:at] + data + message[at:]


def _script_schemes(code: str) -> dict[str, Cvn]:
    return {"KU": _KU, "KY": _KY, "JU": _JU}[code]


def _declare_scripts(code: str, title: str) -> None:
    """The modes of one script command but the PIN change: MAC alone, data enciphered."""
    versions = _script_schemes(code)
    scheme = one_of("scheme", "".join(versions))
    confidential = () if code == "KY" else (_CONFIDENTIAL,)
    head = (scheme, _MK_SMI, _CARD, _SESSION, *_PLAIN)

    @host_command(
        code,
        title,
        Layout(one_of("mode", "0", "MAC alone"), *head),
        answer=_SCRIPT_ANSWER,
        codes=(NO_VALID_PIN_BLOCK, DATA_LENGTH),
    )
    def mac_alone(
        commands: HostCommandSet,
        _mode: str,
        chosen: str,
        mk_smi: KeyReference,
        card: bytes,
        session: bytes,
        _length: bytes,
        message: bytes,
        _: bytes,
    ) -> bytes:
        return _mac(commands, versions[chosen], mk_smi, card, session, message)

    @form(code, Layout(one_of("mode", "2", "data"), *head, _MK_SMC, _TRANSPORT, *confidential, *_CIPHERED))
    def data_enciphered(
        commands: HostCommandSet,
        _mode: str,
        chosen: str,
        mk_smi: KeyReference,
        card: bytes,
        session: bytes,
        _length: bytes,
        message: bytes,
        _: bytes,
        mk_smc: KeyReference,
        transport: KeyReference,
        *rest: bytes,
    ) -> bytes:
        *own, offset, _data_length, data, _delimiter = rest
        cvn, secret = versions[chosen], own[0] if own else session
        clear = commands.hsm.decrypt_data(transport, CipherMode.ECB, data)
        atc = int.from_bytes(secret[6:], "big")
        enciphered = commands.hsm.prepared_script_data(mk_smc, cvn, card, atc, secret, clear)
        return _answer(commands, cvn, mk_smi, card, session, _inserted(message, offset, enciphered), enciphered)


def _declare_pin_change(code: str) -> None:
    """The mode of a script command that brings a new PIN to the card."""
    versions = _script_schemes(code)
    confidential = () if code == "KY" else (_CONFIDENTIAL,)
    head = (one_of("scheme", "".join(versions)), _MK_SMI, _CARD, _SESSION, *_PLAIN)

    @form(code, Layout(one_of("mode", "4", "PIN"), *head, _MK_SMC, *confidential, *_CIPHERED, *_PIN_CHANGE))
    def pin_changed(
        commands: HostCommandSet,
        _mode: str,
        chosen: str,
        mk_smi: KeyReference,
        card: bytes,
        session: bytes,
        _length: bytes,
        message: bytes,
        _: bytes,
        mk_smc: KeyReference,
        *rest: bytes,
    ) -> bytes:
        *secret, offset, _data_length, blocks, _delimiter = rest[:-6]
        _kind, pik, source_form, card_form, pan, mk_ac = rest[-6:]
        cvn, confidentiality = versions[chosen], secret[0] if secret else session
        enciphered = commands.hsm.prepared_pin_block(
            mk_smc,
            cvn,
            card,
            int.from_bytes(confidentiality[6:], "big"),
            confidentiality,
            pik=pik,  # type: ignore[arg-type]
            blocks=_pin_blocks(blocks, card_form),  # type: ignore[arg-type]
            form=source_form,  # type: ignore[arg-type]
            pan=pan,  # type: ignore[arg-type]
            mk_ac=_required_master(card_form, mk_ac),  # type: ignore[arg-type]
        )
        return _answer(commands, cvn, mk_smi, card, session, _inserted(message, offset, enciphered), enciphered)


def _answer(
    commands: HostCommandSet,
    cvn: Cvn,
    mk_smi: KeyReference,
    card: bytes,
    session: bytes,
    message: bytes,
    enciphered: bytes,
) -> bytes:
    return _mac(commands, cvn, mk_smi, card, session, message) + b"%04X" % len(enciphered) + enciphered


def _pin_blocks(data: bytes, card_form: str) -> tuple[bytes, ...]:
    """The new PIN's block, and the present one's behind it for format 42."""
    if card_form != "42":
        return (data,)
    if not data or len(data) % 2:
        raise HostCommandRefusal(DATA_LENGTH)
    return data[: len(data) // 2], data[len(data) // 2 :]


def _required_master(card_form: str, mk_ac: KeyReference | None) -> KeyReference | None:
    """Raises: HostCommandRefusal: the Visa forms need the master key for cryptograms, format 2 has no use for it."""
    if (card_form == "34") != (mk_ac is None):
        raise HostCommandRefusal(INVALID_INPUT)
    return mk_ac


for _code, _title in (
    ("KU", "MAC and encipher a script, change a PIN"),
    ("KY", "MAC and encipher a script, change a PIN (EMV 4)"),
    ("JU", "MAC and encipher a script, change a PIN (UnionPay)"),
):
    _declare_scripts(_code, _title)
    _declare_pin_change(_code)
