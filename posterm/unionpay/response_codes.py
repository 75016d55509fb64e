"""DE 39: what each answer code means, in what class it falls, and what it asks of the terminal.

The two-digit codes stand here. The codes that begin with a letter differ from acquirer to acquirer and stand in the
acquirer profile (`[response_codes]`).

Source: Q/CUP 009, answer codes, as restated by acquirer terminal specifications.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Final


class Category(Enum):
    """What the terminal should make of an answer."""

    APPROVED = "A"
    MAY_RETRY = "B"
    DO_NOT_RETRY = "C"
    OPERATOR_ACTION = "D"
    SYSTEM_FAULT = "E"


@dataclass(frozen=True, slots=True)
class ResponseCode:
    """One answer code with its English and Chinese text."""

    code: str
    category: Category
    text: str
    text_zh: str

    @property
    def approved(self) -> bool:
        return self.category is Category.APPROVED


_A, _B, _C, _D, _E = Category
_TABLE: Final = tuple(
    ResponseCode(*row)
    for row in (
        ("00", _A, "approved", "交易成功"),
        ("01", _C, "refer to issuer", "请持卡人与发卡银行联系"),
        ("02", _C, "refer to issuer, special condition", "请持卡人与发卡银行联系(特殊条件)"),
        ("03", _C, "invalid merchant", "无效商户"),
        ("04", _D, "capture card", "此卡被没收"),
        ("05", _C, "do not honour", "持卡人认证失败"),
        ("06", _E, "error", "出错"),
        ("07", _D, "capture card, special condition", "特殊条件下没收卡"),
        ("09", _B, "in progress", "正在处理"),
        ("10", _A, "partial approval", "部分承兑"),
        ("11", _A, "approved (VIP)", "重要人物批准"),
        ("12", _C, "invalid transaction", "无效交易"),
        ("13", _B, "invalid amount", "无效金额"),
        ("14", _B, "invalid card number", "无效卡号"),
        ("15", _C, "no such issuer", "此卡无对应发卡方"),
        ("16", _A, "approved, update track 3", "批准更新第三磁道"),
        ("19", _C, "re-enter transaction", "重新送入交易"),
        ("20", _C, "invalid response", "无效响应"),
        ("21", _C, "no action taken", "未采取行动"),
        ("22", _C, "suspected malfunction", "操作有误"),
        ("23", _C, "unacceptable fee", "不可接受的交易费"),
        ("25", _C, "original not found", "未能找到文件上记录"),
        ("30", _C, "format error", "报文格式错误"),
        ("31", _C, "bank not supported", "交换中心不支持的银行"),
        ("33", _D, "expired card, capture", "过期的卡,没收"),
        ("34", _D, "suspected fraud, capture", "有作弊嫌疑,没收"),
        ("35", _D, "contact acquirer, capture", "请与受理方联系,没收"),
        ("36", _D, "restricted card, capture", "受限制的卡,没收"),
        ("37", _D, "call acquirer security, capture", "电话通知受理方安全部门,没收"),
        ("38", _D, "PIN tries exceeded, capture", "超过允许的密码试输入,没收"),
        ("39", _C, "no credit account", "无贷记账户"),
        ("40", _C, "function not supported", "请求的功能尚不支持"),
        ("41", _D, "lost card, capture", "挂失卡"),
        ("42", _B, "no such account", "无此账户"),
        ("43", _D, "stolen card, capture", "被窃卡"),
        ("44", _C, "no investment account", "无此投资账户"),
        ("45", _C, "fallback refused", "不允许降级交易"),
        ("51", _C, "insufficient funds", "余额不足"),
        ("52", _C, "no cheque account", "无此支票账户"),
        ("53", _C, "no savings account", "无此储蓄卡账户"),
        ("54", _C, "expired card", "卡片已过期"),
        ("55", _C, "wrong PIN", "密码错误"),
        ("56", _C, "no card record", "无此卡记录"),
        ("57", _C, "not permitted to cardholder", "不允许持卡人进行的交易"),
        ("58", _C, "not permitted to terminal", "不允许终端进行的交易"),
        ("59", _C, "suspected fraud", "有作弊嫌疑"),
        ("60", _C, "contact acquirer", "请与受理方联系"),
        ("61", _C, "amount limit exceeded", "超出金额限制"),
        ("62", _C, "restricted card", "受限制的卡"),
        ("63", _C, "security violation", "侵犯安全"),
        ("64", _C, "original amount wrong", "原始金额错误"),
        ("65", _C, "frequency limit exceeded", "超出消费次数限制"),
        ("66", _C, "call acquirer security", "电话通知受理方安全部门"),
        ("67", _C, "capture card", "强行受理要求没收卡"),
        ("68", _C, "response received too late", "发卡行响应超时"),
        ("75", _C, "PIN tries exceeded", "允许的输入密码次数超限"),
        ("77", _D, "batch mismatch, sign on again", "请向网络中心签到"),
        ("79", _C, "offline reconciliation failed", "脱机交易对账不平"),
        ("90", _C, "cut-over in progress", "日期切换正在处理"),
        ("91", _C, "issuer or switch inoperative", "发卡方或交换中心不能操作"),
        ("92", _C, "no route", "网络暂时无法达到"),
        ("93", _C, "violation of law", "交易违法"),
        ("94", _C, "duplicate transmission", "重复交易"),
        ("95", _C, "reconcile error", "批上送对账不平"),
        ("96", _C, "system malfunction", "系统异常、失效"),
        ("97", _D, "terminal unknown", "终端未登记"),
        ("98", _E, "no answer from issuer", "收不到发卡方应答"),
        ("99", _B, "PIN format error, sign on again", "PIN格式错,请重新签到"),
    )
)
_BY_CODE: Final = {row.code: row for row in _TABLE}

SIGN_ON_AGAIN: Final = frozenset({"77", "99", "A0"})
"""Answers after which the terminal must sign on before its next transaction."""

FORMAT_ERROR: Final = "30"
"""The host could not read the request, or misses something in it."""

_BUILT_IN_A0: Final = ResponseCode("A0", _B, "MAC error, sign on again", "MAC校验错,请重新签到")


def known_codes() -> tuple[str, ...]:
    """The two-digit codes and A0, in the order of the table."""
    return (*_BY_CODE, "A0")


def response_code(code: str, extensions: dict[str, ResponseCode] | None = None) -> ResponseCode:
    """The meaning of a code; an unknown one is "transaction failed" and not to be retried.

    Args:
        extensions: the acquirer profile's own codes; they win over the table.
    """
    found = (extensions or {}).get(code) or _BY_CODE.get(code)
    if found is not None:
        return found
    if code == "A0":
        return _BUILT_IN_A0
    return ResponseCode(code, Category.DO_NOT_RETRY, "transaction failed", "交易失败")
