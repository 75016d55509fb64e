"""What may be wrong with a case, a dispute or a webhook."""

from __future__ import annotations

from typing import Final

from posterm.merchant.problem import kinds

SERVICE_PROBLEMS: Final = kinds(
    ("text-missing", "内容为空", "the text is empty",
     "请说明情况", "say what it is about"),
    ("too-many-messages", "该工单留言过多", "the case has too many messages",
     "请新开工单", "open another case"),
    ("not-disputable", "该交易不能发起争议", "this transaction cannot be disputed",
     "只有成功且未撤销的消费可以争议", "only an approved payment that stands can be"),
    ("dispute-over-amount", "争议金额超过交易余额", "more is disputed than is left of the payment",
     "请减少争议金额", "dispute less"),
    ("dispute-too-late", "交易已超过争议期限", "the payment is too old for a dispute",
     "超过期限的交易请与持卡人协商", "come to an agreement with the cardholder"),
    ("evidence-missing", "缺少凭证", "there is no evidence",
     "请说明并提供签购单等凭证", "describe it and hand in the slip"),
    ("slip-too-large", "签购单图片过大", "the slip's picture is too large",
     "请使用不超过5兆字节的图片", "give at most 5,000,000 bytes"),
    ("webhook-url", "回调地址无效", "not an address for webhooks",
     "请使用不含账号信息的 https 地址", "give an https address without a user's name"),
    ("webhook-topics", "未知的通知主题", "an unknown topic",
     "请使用资料种类或“种类.事件”", "give a kind of document, or kind.event"),
    ("too-many-webhooks", "回调地址过多", "too many webhooks",
     "请先删除不用的回调地址", "remove one first"),
)  # fmt: skip
