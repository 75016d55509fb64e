"""The text of a contract: parties, services, fees, deposit, settlement of disputes, in Chinese and in English.

It is made from the contract's own data alone, so that the digest that was signed can be made again at any time. The
Chinese text is the one that is signed.
"""

from __future__ import annotations

import hashlib
from typing import Final

from posterm.host.plan import PARTS, FeeRow
from posterm.merchant.contract import Contract
from posterm.merchant.problem import Language

Clause = tuple[str, tuple[str, ...]]
"""A heading and its paragraphs."""

FEES: Final = "{fees}"
"""The paragraph in whose place each row of the fees has one."""

_TEXT: Final[dict[Language, tuple[Clause, ...]]] = {
    Language.CHINESE: (
        (
            "一、合同双方",
            (
                "合同编号：{key}（{contract_kind}）。",
                "甲方（商户）：{merchant_name}，商户编号{merchant_id}。",
                "乙方（收单机构）：机构代码{acquirer}。",
            ),
        ),
        (
            "二、服务范围",
            (
                "乙方为甲方提供银行卡与二维码收款服务，各支付方式在满足各自条件后开通。",
                "终端编号：{terminals}。一机一户一址，未经备案不得移机。",
            ),
        ),
        ("三、费率与结算", (FEES, "适用方案：{plan}。结算周期：{cycle}。")),
        (
            "四、押金与年费",
            (
                "押金{deposit}元，{deposit_target_days}天内累计收款满{target}元后自动退还。",
                "服务年费{annual_fee}元。",
            ),
        ),
        (
            "五、争议处理",
            (
                "双方协商解决；协商不成的，提交乙方所在地人民法院。",
                "持卡人争议按卡组织规则处理，甲方应在规定期限内提供交易凭证。",
            ),
        ),
        ("六、生效", ("双方签署且押金到账后生效；{sign_by}前未签署的，本合同作废。",)),
    ),
    Language.ENGLISH: (
        (
            "1. Parties",
            (
                "Contract {key} ({contract_kind}).",
                "The merchant: {merchant_name}, number {merchant_id}.",
                "The acquirer: institution {acquirer}.",
            ),
        ),
        (
            "2. Services",
            (
                "The acquirer takes payments by card and by code; each way is open once its own conditions are met.",
                "Terminals {terminals}: each for one merchant at one place; none is moved without a filing.",
            ),
        ),
        ("3. Fees and settlement", (FEES, "Plan {plan}. Settlement cycle {cycle}.")),
        (
            "4. Deposit and annual fee",
            (
                "Deposit {deposit} CNY, returned when {target} CNY were taken within {deposit_target_days} days.",
                "Annual fee {annual_fee} CNY.",
            ),
        ),
        (
            "5. Disputes",
            (
                "What the parties cannot agree on goes before the people's court at the acquirer's seat.",
                "Cardholders' disputes follow the card scheme's rules; the merchant hands in its slips in time.",
            ),
        ),
        ("6. Coming into force", ("In force when both have signed and the deposit is paid; void after {sign_by}.",)),
    ),
}
_FEE: Final = {
    Language.CHINESE: ("{channel}／{card}／{scheme}：{rate}", "，最低{floor}元", "，封顶{cap}元"),
    Language.ENGLISH: ("{channel}, {card}, {scheme}: {rate}", ", at least {floor} CNY", ", at most {cap} CNY"),
}
_CHINESE_WORDS: Final = {"debit": "借记", "credit": "贷记", "any": "全部", "qr": "扫码", "card": "刷卡"} | {
    "domestic": "境内",
    "foreign": "境外",
}


def clauses(contract: Contract, language: Language) -> list[Clause]:
    """The text of a contract."""
    values = contract.model_dump() | {
        "acquirer": contract.merchant_id[:3],
        "terminals": ", ".join(contract.terminal_ids),
        "deposit": yuan(contract.deposit_minor),
        "target": yuan(contract.deposit_target_minor),
        "annual_fee": yuan(contract.annual_fee_minor),
        "sign_by": contract.sign_by[:10],
    }
    fees = tuple(_fee_line(row, language) for row in contract.fees)
    return [
        (heading, tuple(line for text in texts for line in (fees if text is FEES else (text.format(**values),))))
        for heading, texts in _TEXT[language]
    ]


def text_digest(contract: Contract) -> str:
    """The SHA-256 of the Chinese text, 64 hexadecimal digits."""
    lines = [line for heading, texts in clauses(contract, Language.CHINESE) for line in (heading, *texts)]
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()


def yuan(minor: int) -> str:
    """An amount with two decimals.

    >>> yuan(9905), yuan(-5)
    ('99.05', '-0.05')
    """
    whole, rest = divmod(abs(minor), 100)
    return f"{'-' if minor < 0 else ''}{whole}.{rest:02d}"


def percent(rate: int) -> str:
    """A rate in parts per million as a percentage with as many decimals as it needs, at least two.

    >>> percent(6000), percent(325)
    ('0.60%', '0.0325%')
    """
    whole, rest = divmod(rate, PARTS // 100)
    return f"{whole}.{f'{rest:04d}'.rstrip('0').ljust(2, '0')}%"


def _fee_line(row: FeeRow, language: Language) -> str:
    always, with_floor, with_cap = _FEE[language]
    text = always + (with_floor if row.floor_minor else "") + (with_cap if row.cap_minor is not None else "")
    words: dict[str, str] = {"channel": row.channel, "card": row.card, "scheme": row.scheme}
    if language is Language.CHINESE:
        words = {name: _CHINESE_WORDS[word] for name, word in words.items()}
    return text.format(**words, rate=percent(row.rate), floor=yuan(row.floor_minor), cap=yuan(row.cap_minor or 0))
