"""What may be wrong when a contract is signed or a deposit paid."""

from __future__ import annotations

from typing import Final

from posterm.merchant.problem import kinds

CONTRACT_PROBLEMS: Final = kinds(
    ("contract-text-differs", "签署内容与合同不一致", "what is signed is not this contract's text",
     "请重新阅读合同后签署", "read the contract again, and sign what it says"),
    ("contract-signed", "合同已签署", "this party has signed already", "无需重复签署", "nothing is left to do"),
    ("signature-missing", "合同尚未签署", "the merchant has not signed", "请先签署合同", "sign the contract first"),
    ("deposit-amount", "押金金额不符", "another amount than the contract's deposit",
     "请按合同金额缴纳", "pay the amount in the contract"),
)  # fmt: skip
