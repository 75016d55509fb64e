"""What may be wrong with a device, its delivery, its binding and its running."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from posterm.merchant.errors import RefusedError
from posterm.merchant.problem import Problem, kinds

DEVICE_PROBLEMS: Final = kinds(
    ("serial-malformed", "设备序列号格式不正确", "not a serial number of 1 to 50 letters and digits",
     "请核对机身标签", "compare it with the label"),
    ("serial-known", "设备已入库", "this device is in the books already",
     "请核对机身标签", "compare it with the label"),
    ("serial-unknown", "设备未入库", "no such device was ever taken into stock",
     "请核对机身标签或联系客服", "compare it with the label, or ask the service"),
    ("model-unknown", "设备型号不存在", "there is no such model",
     "请选择现有型号", "choose one that there is"),
    ("model-needs-other-plan", "设备型号与商户方案不符", "the merchant's plan is for another model",
     "请更换设备或变更方案", "take another device, or change the plan"),
    ("device-not-in-stock", "设备不在库存中", "the device is not in stock",
     "请选择库存设备", "choose one that is in stock"),
    ("device-packed", "设备已装入其他包裹", "the device lies in another parcel",
     "请选择其他设备", "choose another"),
    ("key-missing", "设备未注入密钥或未核对校验值", "the device has no key, or its check value was not compared",
     "请先注入主密钥并核对校验值", "inject its master key and compare the check value first"),
    ("key-check-differs", "密钥校验值不一致", "the check value is not that of the key",
     "请重新注入密钥", "inject the key again"),
    ("contract-not-in-force", "合同未生效", "the contract is not in force",
     "请先签署合同", "sign the contract first"),
    ("no-terminal-number", "没有可用的终端号", "the merchant has no terminal number that is free",
     "请先申请增机", "ask for another terminal first"),
    ("tracking-malformed", "运单号格式不正确", "not a tracking number of 1 to 40 letters, digits and hyphens",
     "请核对运单号", "compare it with the carrier's slip"),
    ("label-malformed", "二维码无法识别", "this is not the code on the back of a device",
     "请扫描机身背面的二维码", "scan the code on the back"),
    ("label-spent", "二维码已使用", "this code was used already",
     "请联系客服更换标签", "ask the service for another label"),
    ("device-not-sent", "设备未寄出", "the device was not sent to anybody",
     "请使用寄给您的设备", "use the one that was sent to you"),
    ("bound-elsewhere", "设备已绑定其他商户", "the device belongs to another merchant",
     "请使用寄给您的设备", "use the one that was sent to you"),
    ("tusn-differs", "终端硬件序列号不一致", "the device says another serial number than its label",
     "请联系客服更换设备", "ask the service for another device"),
    ("place-differs", "所在位置与登记地址不符", "this is not the registered place",
     "请在登记的经营地址操作，或申请移机", "come to the registered place, or file a relocation"),
    ("place-malformed", "位置格式不正确", "not latitude and longitude in decimal degrees",
     "请允许定位后重试", "let the device find its place, and try again"),
    ("identity-differs", "证件与申请人不一致", "this is not the applicant's identity",
     "请由申请人本人操作", "the applicant has to do this in person"),
    ("face-differs", "人脸核验未通过", "the face is not the applicant's",
     "请在光线充足处重试", "try again in good light"),
    ("face-locked", "人脸核验次数过多，已锁定", "the face was tried too often",
     "请联系客服解锁", "ask the service to unlock it"),
    ("device-password-weak", "设备密码须为6位数字且不能过于简单", "need 6 digits, neither all the same nor in a row",
     "请更换密码", "choose another"),
    ("device-password-wrong", "设备密码错误", "the device's password is wrong",
     "请重试或联系客服", "try again, or ask the service"),
    ("check-missing", "验收项目未完成", "not every check of the acceptance test was done",
     "请完成全部验收项目", "do every check"),
    ("check-unknown", "该型号没有此验收项目", "this model has no such check",
     "请按清单操作", "follow the list"),
    ("inspection-unclean", "设备未清洁", "the device is not clean",
     "请清洁设备后重新巡检", "clean it, and be inspected again"),
    ("inspection-cable", "电源线破损", "the power cable is damaged",
     "请更换电源线", "replace the cable"),
    ("inspection-software", "软件版本不符", "the software is not the version in the books",
     "请更新软件", "update it"),
    ("inspection-serial", "巡检设备与登记不符", "another device was inspected",
     "请巡检已绑定的设备", "inspect the one that is bound"),
    ("fault-unknown", "未知的故障类型", "there is no such kind of fault",
     "请从列表中选择", "choose one of the list"),
    ("release-unknown", "没有此软件版本", "no such version was published",
     "请先发布该版本", "publish it first"),
    ("release-known", "该版本已发布", "this version was published already",
     "请使用新的版本号", "choose another version number"),
    ("release-malformed", "版本号或内容不正确", "need a version such as 1.2.3, and an image",
     "请核对版本号与文件", "check both"),
    ("update-running", "已有更新在进行", "another update is not finished",
     "请等待其完成", "wait until it is"),
    ("image-damaged", "更新文件损坏", "what was downloaded is not what was published",
     "请重新下载", "download it again"),
    ("parameters-malformed", "参数不正确", "no such parameter, or a value that does not fit",
     "请核对参数表", "compare the table of parameters"),
    ("address-short", "地址不够详细", "the address is not precise to the door or stall number",
     "请填写到门牌号或摊位号", "give it to the door or stall number"),
    ("district-malformed", "地区代码格式不正确", "not a district's code of 6 digits",
     "请填写6位行政区划代码", "give the 6 digits of the district"),
    ("other-city", "不能移机至其他城市", "the new place is in another city than the licence",
     "请在新城市重新申请", "apply anew in the other city"),
    ("relocation-open", "已有移机申请在处理", "another relocation is not decided",
     "请等待审核", "wait for the decision"),
    ("repair-open", "设备已报修", "the device is reported already",
     "请等待处理", "wait until it is back"),
    ("batch-open", "终端有未结算的交易", "the terminal has payments that are not settled",
     "请先结算", "settle first"),
    ("withdrawal-open", "已有撤机申请在处理", "another withdrawal is not finished",
     "请等待其完成", "wait until it is"),
    ("device-unused", "设备未投入使用", "no such device is in use here",
     "请核对设备", "check which one is meant"),
    ("visit-too-early", "预约时间须在未来的工作日", "need a working day to come",
     "请选择其他时间", "choose another time"),
)  # fmt: skip


def refused(code: str, path: str = "") -> RefusedError:
    """A refusal for one reason."""
    return RefusedError([DEVICE_PROBLEMS[code].at(path)])


def refuse_if(found: Iterable[tuple[str, str, object]]) -> None:
    """Refuse for everything that is so. Each row: a code, a path, and whether it is. Raises: RefusedError."""
    problems: list[Problem] = [DEVICE_PROBLEMS[code].at(path) for code, path, is_so in found if is_so]
    if problems:
        raise RefusedError(problems)
