"""The transactions of the link: one row each, with what tells them apart on the wire.

A kind is found from a message by MTI, DE 3, DE 25 and 60.1; together they are unique in this table, and a test says so.
`side` is where an approved one counts in the settlement totals.

Payments by a code a telephone shows or scans have a family of their own, 60.1 = 60 and no DE 25, which each acquirer
knows; UnionPay's own codes may also be sold to by an ordinary sale with DE 22 = 03.

Source: Q/CUP 009 as restated by acquirer terminal specifications. Electronic cash loads, instalment and points rows are
not here until posterm can run them.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, StrEnum
from typing import Final


class Side(Enum):
    """The settlement total an approved transaction counts in."""

    NONE = "none"
    DEBIT = "debit"
    CREDIT = "credit"


class Delivery(Enum):
    """What happens when no good answer comes."""

    REVERSE = "reverse"
    """Reversed with an 0400."""
    CLOSE = "close"
    """Asked about, and closed by a void that gives its reason when nothing final is heard."""
    REPEAT = "repeat"
    """Kept and sent again with the same trace number until it is answered."""
    FORGET = "forget"
    """Nothing was moved: the operator simply asks again."""


class Kind(StrEnum):
    """The transactions posterm runs; values are what files and the command line call them."""

    BALANCE = "balance"
    SALE = "sale"
    VOID = "void"
    REFUND = "refund"
    PREAUTH = "preauth"
    PREAUTH_ADD = "preauth-add"
    PREAUTH_VOID = "preauth-void"
    COMPLETION = "completion"
    COMPLETION_VOID = "completion-void"
    COMPLETION_NOTICE = "completion-notice"
    OFFLINE_SALE = "offline-sale"
    ADJUST = "adjust"
    TIP_ADJUST = "tip-adjust"
    CHIP_OFFLINE_SALE = "chip-offline-sale"
    QR_SALE = "qr-sale"
    """The merchant scans the customer's code."""
    QR_ORDER = "qr-order"
    """The customer scans a code that the merchant shows for this payment."""
    QR_VOID = "qr-void"
    QR_QUERY = "qr-query"
    QR_REFUND = "qr-refund"


@dataclass(frozen=True, slots=True)
class Transaction:
    """One row: `mti` of the request, `processing_code` DE 3, `condition` DE 25, empty for none, `message_type` 60.1."""

    kind: Kind
    mti: str
    processing_code: str
    condition: str
    message_type: str
    delivery: Delivery
    side: Side
    name: str
    name_zh: str


_R, _C, _P, _F = Delivery.REVERSE, Delivery.CLOSE, Delivery.REPEAT, Delivery.FORGET
_TABLE: Final = (
    Transaction(Kind.BALANCE, "0200", "310000", "00", "01", _F, Side.NONE, "BALANCE INQUIRY", "余额查询"),
    Transaction(Kind.SALE, "0200", "000000", "00", "22", _R, Side.DEBIT, "SALE", "消费"),
    Transaction(Kind.VOID, "0200", "200000", "00", "23", _R, Side.CREDIT, "VOID", "消费撤销"),
    Transaction(Kind.REFUND, "0220", "200000", "00", "25", _P, Side.CREDIT, "REFUND", "退货"),
    Transaction(Kind.PREAUTH, "0100", "030000", "06", "10", _R, Side.NONE, "PRE-AUTH", "预授权"),
    Transaction(Kind.PREAUTH_ADD, "0100", "030000", "60", "10", _R, Side.NONE, "ADD PRE-AUTH", "追加预授权"),
    Transaction(Kind.PREAUTH_VOID, "0100", "200000", "06", "11", _R, Side.NONE, "PRE-AUTH VOID", "预授权撤销"),
    Transaction(Kind.COMPLETION, "0200", "000000", "06", "20", _R, Side.DEBIT, "AUTH COMPLETE", "预授权完成(请求)"),
    Transaction(Kind.COMPLETION_VOID, "0200", "200000", "06", "21", _R, Side.CREDIT, "COMPLETE VOID", "预授权完成撤销"),
    Transaction(
        Kind.COMPLETION_NOTICE, "0220", "000000", "06", "24", _P, Side.DEBIT, "AUTH COMPLETE NOTICE", "预授权完成(通知)"
    ),
    Transaction(Kind.OFFLINE_SALE, "0220", "000000", "00", "30", _P, Side.DEBIT, "OFFLINE SALE", "离线结算"),
    Transaction(Kind.ADJUST, "0220", "000000", "00", "32", _P, Side.DEBIT, "ADJUST", "结算调整"),
    Transaction(Kind.TIP_ADJUST, "0220", "000000", "00", "34", _P, Side.NONE, "TIP ADJUST", "追加小费"),
    Transaction(Kind.CHIP_OFFLINE_SALE, "0200", "000000", "00", "36", _P, Side.DEBIT, "CHIP OFFLINE SALE", "脱机消费"),
    Transaction(Kind.QR_SALE, "0200", "700000", "", "60", _C, Side.DEBIT, "QR SALE", "扫码消费"),
    Transaction(Kind.QR_ORDER, "0200", "710000", "", "60", _C, Side.DEBIT, "QR ORDER", "主扫消费"),
    Transaction(Kind.QR_VOID, "0200", "720000", "", "60", _P, Side.CREDIT, "QR VOID", "扫码撤销"),
    Transaction(Kind.QR_QUERY, "0200", "730000", "", "60", _F, Side.NONE, "QR QUERY", "扫码查询"),
    Transaction(Kind.QR_REFUND, "0200", "740000", "", "60", _P, Side.CREDIT, "QR REFUND", "扫码退货"),
)
# ADJUST counts itself as debit: it stands for an offline sale that was entered late. TIP_ADJUST counts nothing itself:
# it replaces the amount of the sale it names, which is how the tip gets into the debit total.

TRANSACTIONS: Final = {row.kind: row for row in _TABLE}

CODE_SALES: Final = frozenset({Kind.QR_SALE, Kind.QR_ORDER})
CODE_KINDS: Final = CODE_SALES | {Kind.QR_VOID, Kind.QR_QUERY, Kind.QR_REFUND}
"""The family of payments by a code."""
GIVEN_BACK: Final = frozenset({Kind.REFUND, Kind.QR_VOID, Kind.QR_REFUND})
"""Money that the host gives back on being asked: repeated until it has answered, but no notice of what is done."""
_BY_WIRE: Final = {(row.mti, row.processing_code, row.condition, row.message_type): row for row in _TABLE}


def find_transaction(mti: str, processing_code: str, condition: str, message_type: str) -> Transaction | None:
    """The row a request belongs to; None when no row fits, which a host answers with 12 or 40."""
    return _BY_WIRE.get((mti, processing_code, condition, message_type))


def response_mti(mti: str) -> str:
    """The MTI of the answer: the third digit plus one.

    >>> response_mti("0220")
    '0230'
    """
    return mti[:2] + str(int(mti[2]) + 1) + mti[3]


class Network(StrEnum):
    """60.3: network management codes."""

    TRANSACTION = "000"
    SIGN_ON_SINGLE = "001"
    SIGN_OFF = "002"
    SIGN_ON_DOUBLE = "003"
    SIGN_ON_DOUBLE_TRACK = "004"
    SIGN_ON_SM4 = "005"
    SIGN_ON_SM4_TRACK = "006"
    SETTLEMENT = "201"
    UPLOAD_END_DIFFERENT = "202"
    UPLOAD_CHIP_EQUAL = "203"
    UPLOAD_NOTICE_EQUAL = "204"
    UPLOAD_CHIP_DIFFERENT = "205"
    UPLOAD_NOTICE_DIFFERENT = "206"
    UPLOAD_END_EQUAL = "207"
    ECHO = "301"
    PARAMETERS = "360"
    PARAMETERS_END = "361"
    STATUS = "362"
    CA_KEY = "370"
    CA_KEYS_END = "371"
    CA_KEY_LIST = "372"
    APPLICATION = "380"
    APPLICATIONS_END = "381"
    APPLICATION_LIST = "382"
    SCRIPT_NOTICE = "951"


UPLOAD_STRIPE = Network.SETTLEMENT
"""0320 with 201 uploads stripe transactions; the same code in an 0500 asks for settlement."""

SIGN_ON_CODES: Final = frozenset(
    {
        Network.SIGN_ON_SINGLE,
        Network.SIGN_ON_DOUBLE,
        Network.SIGN_ON_DOUBLE_TRACK,
        Network.SIGN_ON_SM4,
        Network.SIGN_ON_SM4_TRACK,
    }
)


class ReversalReason(StrEnum):
    """DE 39 of an 0400."""

    NO_ANSWER = "98"
    COULD_NOT_FINISH = "96"
    BAD_MAC = "A0"
    OTHER = "06"


class Entry(StrEnum):
    """DE 22, digits 1 and 2."""

    UNKNOWN = "00"
    KEYED = "01"
    STRIPE = "02"
    CODE = "03"
    """A code on a telephone."""
    OPTICAL = "04"
    """Recognised by a camera: a face."""
    CHIP = "05"
    CONTACTLESS = "07"
    STRIPE_WHOLE = "90"
    """A stripe, and what it says is all on track 2."""
    CONTACTLESS_STRIPE = "91"
    """Stripe data over a contactless interface."""
    CHIP_UNRELIABLE = "95"
    """A chip whose data may not be whole."""
    TELEPHONE = "98"
    """A contactless chip in a telephone."""


ENTRY_LETTER: Final = {
    Entry.KEYED: "M",
    Entry.STRIPE: "S",
    Entry.CODE: "Q",
    Entry.OPTICAL: "F",
    Entry.CHIP: "I",
    Entry.CONTACTLESS: "C",
    Entry.CONTACTLESS_STRIPE: "C",
}
"""The letter behind the card number on a receipt."""

CODE_ENTRIES: Final = frozenset({Entry.CODE, Entry.OPTICAL})
"""Entries without any card: what was read stands for a wallet, once."""
STRIPE_ENTRIES: Final = frozenset({Entry.STRIPE, Entry.STRIPE_WHOLE})
CONTACTLESS_ENTRIES: Final = frozenset({Entry.CONTACTLESS, Entry.TELEPHONE})
CHIP_ENTRIES: Final = frozenset({Entry.CHIP, Entry.CHIP_UNRELIABLE}) | CONTACTLESS_ENTRIES
"""Entries whose requests carry chip data in DE 55."""


class ReadCapability(StrEnum):
    """60.4: the best way to read a card that the terminal had at hand."""

    UNKNOWN = "0"
    STRIPE = "2"
    CHIP = "5"
    CONTACTLESS = "6"


class ChipCondition(StrEnum):
    """60.5: why a terminal that could have read the chip read the stripe."""

    NOT_USED = "0"
    LAST_READ_WELL = "1"
    """The last chip that was put in could be read, or the last card was none."""
    LAST_READ_FAILED = "2"
