"""What may be wrong with an enquiry, a registration or the use of an account."""

from __future__ import annotations

from typing import Final

from posterm.merchant.problem import kinds

APPLICANT_PROBLEMS: Final = kinds(
    ("ordinary-person", "个人不能申请收款终端", "an ordinary person cannot have a terminal",
     "请以企业、个体工商户或有真实经营场景的小微商户身份申请",
     "apply as a company, an individual business or a micro merchant with a real scene"),
    ("agent-not-authorized", "该代理商未获授权", "this agent is not authorized",
     "请通过官方渠道或获授权的代理商办理", "use an official channel or an authorized agent"),
    ("agent-code-malformed", "代理商代码格式不正确", "not 1 to 32 letters and digits",
     "请填写1至32位字母或数字", "give letters and digits alone"),
    ("mobile-malformed", "手机号格式不正确", "not a mobile number of 11 digits",
     "请填写11位中国大陆手机号", "give a mainland mobile number of 11 digits"),
    ("mobile-registered", "该手机号已注册", "this mobile number has an account",
     "请直接登录或找回密码", "log in, or reset the password"),
    ("field-missing", "必填项为空", "nothing is given here",
     "请填写此项", "fill it in"),
    ("field-too-long", "内容过长", "the text is too long",
     "请缩短内容", "shorten it"),
    ("code-wrong", "验证码错误", "the code is wrong",
     "请核对短信中的验证码", "compare it with the message"),
    ("code-expired", "验证码已过期", "the code is too old, or was tried too often",
     "请重新获取验证码", "ask for a new code"),
    ("password-too-short", "密码少于8位", "the password has fewer than 8 characters",
     "请使用8至64位密码", "use 8 to 64 characters"),
    ("password-too-long", "密码超过64位", "the password has more than 64 characters",
     "请使用8至64位密码", "use 8 to 64 characters"),
    ("password-needs-letter", "密码缺少字母", "the password has no letter",
     "请加入字母", "add a letter"),
    ("password-needs-digit", "密码缺少数字", "the password has no digit",
     "请加入数字", "add a digit"),
    ("password-needs-symbol", "密码缺少符号", "the password has no symbol",
     "请加入符号，例如 ! 或 #", "add a symbol such as ! or #"),
    ("login-failed", "手机号或密码错误", "mobile number or password is wrong",
     "请重试或找回密码", "try again, or reset the password"),
    ("account-not-active", "账户尚未激活或已注销", "the account is not verified, or was closed",
     "请先完成手机验证", "verify the mobile number first"),
    ("merchant-open", "名下仍有未关闭的商户", "a merchant of the account is not closed",
     "请先关闭商户或放弃申请", "close the merchant or drop its application first"),
    ("account-locked", "账户已锁定", "the account is locked",
     "请找回密码或联系客服", "reset the password, or ask customer service"),
)  # fmt: skip
