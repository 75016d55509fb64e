"""Why an application is rejected after it was submitted, a contract not concluded, or a survey not made."""

from __future__ import annotations

from typing import Final

from posterm.merchant.form_problems import FORM_PROBLEMS
from posterm.merchant.paper_problems import PAPER_PROBLEMS
from posterm.merchant.problem import kinds

REVIEW_PROBLEMS: Final = {
    **FORM_PROBLEMS,
    **PAPER_PROBLEMS,
    **kinds(
        ("aml-hit", "反洗钱核查未通过", "the check against money laundering did not pass",
         "请联系客服核实", "ask customer service"),
        ("blacklisted", "法人或商户在黑名单中", "the person or the business is on a black list",
         "无法入网，可联系客服核实", "it cannot be taken on; ask customer service"),
        ("licence-not-found", "工商系统查无此执照", "the register has no such licence",
         "请核对执照号码", "compare the number with the licence"),
        ("licence-cancelled", "执照已注销或吊销", "the licence was cancelled",
         "请更换有效执照", "give a licence that is valid"),
        ("licence-registered-otherwise", "工商登记名称与提交名称不一致",
         "the register has another name for this licence",
         "请按工商登记名称填写", "give the name that is registered"),
        ("four-elements-differ", "银行卡四要素验证未通过", "name, identity, account and mobile do not belong together",
         "请核对银行预留信息", "compare them with what the bank has"),
        ("too-many-merchants", "同一法人名下商户过多", "the person has as many merchants as one may have",
         "请先注销其他商户", "close another merchant first"),
        ("device-unknown", "机具序列号不存在", "no device has this serial number",
         "请核对机身序列号", "compare it with the back of the device"),
        ("device-bound", "机具已被绑定", "the device is bound already",
         "请更换机具", "give another device"),
        ("device-not-allowed", "机具型号不适用", "the device is of another model than was chosen",
         "请选择相应型号", "choose its model, or another device"),
        ("trade-does-not-fit", "商户类别与经营内容不符", "the trade does not fit the business content",
         "请重新选择类别或说明经营内容", "choose another trade, or describe the business"),
        ("phone-unreachable", "回访电话无法接通", "nobody answered the call-back",
         "请保持电话畅通并申请复议", "keep the phone at hand and ask for reconsideration"),
        ("scene-not-found", "现场核查未发现该商户", "the survey did not find the shop",
         "请核对经营地址", "compare the address"),
        ("contract-not-signed", "电子合同未按时签署", "the contract was not signed in time",
         "请重新提交并及时签署", "submit again, and sign in time"),
    ),
}  # fmt: skip
"""Reasons for a rejection: those of a form and of papers, and what only a review finds."""

SURVEY_PROBLEMS: Final = kinds(
    ("survey-time", "核查时间须在未来60天内", "a survey is made within 60 days from now",
     "请选择60天内的时间", "choose a time to come within 60 days"),
)  # fmt: skip
