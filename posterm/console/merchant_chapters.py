"""The chapters of a merchant's story, in the order they are told."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

from posterm.amount import Amount
from posterm.console.merchant_demonstration import Chapter, Story
from posterm.hsm import Pin
from posterm.merchant.acceptance import finish_acceptance, report_checks, start_acceptance
from posterm.merchant.activation import first_swipe_of
from posterm.merchant.actor import VISITOR
from posterm.merchant.annual_fee import AnnualFee, pay_annual_fee
from posterm.merchant.applicant import register, verify
from posterm.merchant.application import start_application
from posterm.merchant.contract_pdf import contract_pdf
from posterm.merchant.deposit import Deposit
from posterm.merchant.eligibility import ApplicantType, PaperKind
from posterm.merchant.enquiry import Source, call_back, enquire, recommend
from posterm.merchant.inspection import Findings, Inspection, submit_inspection
from posterm.merchant.limit_raise import ask_limit_raise, judge_limit_raise
from posterm.merchant.settlement import payouts_of
from simulators.cards import find_card
from simulators.lives.life import LOCATION
from simulators.lives.paperwork import card_number, form_of, photograph
from simulators.lives.town import OPERATOR, REVIEWER

_CREDIT_DAY: Final = 100_000
_MONTHLY_SALES: Final = 10


def _enquiry(story: Story) -> None:
    story.heading("咨询:普通个人不能办理", "An enquiry: an ordinary person cannot have a terminal")
    town, person = story.town, story.life.person
    with story.refused("agent-not-authorized"):
        register(town.office, VISITOR, person.mobile, town.now, source=Source.AGENT, agent="no-papers-needed")
    asked = enquire(
        town.office, VISITOR, name=person.name, mobile=person.mobile, address="上海市黄浦区南京东路", now=town.now
    )
    who = f"{asked.name} {asked.mobile}"
    story.say(f"{who} 留下咨询 {asked.key}", f"{who} leaves enquiry {asked.key}")
    town.wait(hours=4)
    call_back(town.office, OPERATOR, asked.key, town.now, reached=True)
    answered = recommend(town.office, OPERATOR, asked.key, ApplicantType.MICRO, town.now)
    story.expect(
        answered.device == "e-sign",
        f"客服回电核实,有真实经营场所的小微商户,推荐电签机型 ({answered.device})",
        f"staff call back: a micro merchant with a real stall; the {answered.device} terminal suits it",
    )
    story.end()


def _account(story: Story) -> None:
    story.heading("注册账户", "The account")
    life, town = story.life, story.town
    opened = register(town.office, VISITOR, life.person.mobile, town.now)
    story.say("验证码已发送到手机(本地发件箱)", "a code is sent to the mobile (the local outbox)")
    with story.refused("code-wrong"):
        verify(town.office, VISITOR, life.person.mobile, "abc", "123456", town.now)
    verify(town.office, VISITOR, life.person.mobile, opened.code.reveal(), life.person.password, town.now)
    life.account = opened.key
    with story.refused("ordinary-person"):
        start_application(town.office, life.actor, life.account, ApplicantType.ORDINARY_PERSON, town.now)
    story.end()


def _application(story: Story) -> None:
    story.heading("进件:表单与照片一次列出所有问题", "The application: everything that is wrong, in one list")
    life = story.life
    # The four digits before the last of this card make the bank say that name and card do not belong together.
    bank = form_of(life.person, life.applicant_type)["bank_account"] | {
        "number": card_number("62170012000000" + "9991")
    }
    life.draft(bank_account=bank, address="上海市黄浦区")
    blurred = life.hand_in(PaperKind.DOOR, blurred=True)
    story.expect(bool(blurred.problems), "门头照不清晰", "the picture of the door is not fit")
    story.problems(blurred.problems)
    with story.refused("address-not-precise"):
        life.submit()
    life.fill_in(bank_account=bank)
    life.hand_in(PaperKind.DOOR)
    state = life.submit().state
    story.expect(state == "REVIEW_ING", f"补正后提交,状态 {state}", f"corrected and handed in: {state}")
    story.end()


def _review(story: Story) -> None:
    story.heading("审核:驳回,补正,通过", "The review: rejected, corrected, approved")
    life, town = story.life, story.town
    town.wait(days=3)
    rejected = life.current_application
    story.expect(rejected.state == "INNER_CHECK_REJECTED", f"状态 {rejected.state}", f"state {rejected.state}")
    story.problems(rejected.problems)
    life.fill_in()
    life.submit()
    submitted = town.now
    while life.current_application.state != "WAIT_FOR_CONTACT" and town.now < submitted + timedelta(days=10):
        town.wait(days=1)
    days = (town.now - submitted).days
    story.expect(
        life.current_application.state == "WAIT_FOR_CONTACT",
        f"重新提交,{days} 天内通过,商户号 {life.merchant.merchant_id},终端号 {', '.join(life.merchant.terminal_ids)}",
        f"again: approved within {days} days; merchant {life.merchant.merchant_id}, "
        f"terminal {', '.join(life.merchant.terminal_ids)}",
    )
    story.end()


def _contract(story: Story) -> None:
    story.heading("电子合同与押金", "The contract and the deposit")
    life, town = story.life, story.town
    contract = life.sign()
    size = len(contract_pdf(town.office, life.actor, contract.key, language=story.language))
    story.expect(
        contract.state == "in-force",
        f"合同 {contract.key} 生效(PDF {size} 字节),押金 {Amount(contract.deposit_minor)} 入账",
        f"contract {contract.key} is in force (a PDF of {size} bytes), deposit {Amount(contract.deposit_minor)} held",
    )
    story.end()


def _device(story: Story) -> None:
    story.heading("发货、绑定、初始化、验收", "Delivery, binding, initialisation, acceptance test")
    life, town = story.life, story.town
    label = life.ship()
    kcv = life.device.kcv
    story.say(f"设备 {life.serial} 已注入主密钥,校验值 {kcv}", f"device {life.serial} has its key, check value {kcv}")
    life.bind(label)
    with story.refused("label-spent"):
        life.bind(label)
    life.show_face()
    device = life.take_into_use()
    story.expect(device.state == "READY", f"首次签到成功,状态 {device.state}", f"first sign-on done: {device.state}")
    test = start_acceptance(town.office, life.actor, life.serial, town.now)
    checks = {str(check): "" for check in device.of_model.checks}
    report_checks(town.office, life.actor, test.key, checks, town.now)
    ended = finish_acceptance(town.office, life.actor, test.key, town.now)
    story.expect(ended.state == "PASSED", f"验收 {len(checks)} 项通过", f"all {len(checks)} checks passed")
    story.end()


def _first_swipe(story: Story) -> None:
    story.heading("首刷激活,小微限额", "The first swipe, and a micro merchant's limits")
    life, town = story.life, story.town
    for name, line in (("debit", 0), ("credit", 100_000_000)):
        card = find_card(name)
        if card is not None:
            balance = 100_000_000 - line
            town.host.enrol_card(
                card.pan, Pin(card.pin.reveal()), kind=card.kind, balance=balance, credit_line=line, at=town.now
            )
    story.sell(5_000, "debit", "approved")
    story.expect(life.look().state == "READY", "不足 100 元,尚未激活", "less than 100.00 does not activate")
    story.sell(10_000, "debit", "approved")
    story.expect(life.look().state == "ACTIVE", "激活成功", "activated")
    swipe = first_swipe_of(town.office, life.actor, life.serial)
    story.expect(
        swipe.as_planned,
        f"首刷手续费 {Amount(swipe.fee_minor)},与合同一致",
        f"its fee is {Amount(swipe.fee_minor)}, as the plan has it",
    )
    story.sell(_CREDIT_DAY + 100, "credit", "declined", "C3")
    story.end()


def _three_months(story: Story) -> None:
    story.heading("经营三个月:结算、押金退还、提额", "Three months of trade: payouts, deposit, a raise")
    life, town = story.life, story.town
    with story.refused("too-early"):
        ask_limit_raise(town.office, life.actor, life.merchant.key, town.now)
    for _ in range(4):
        town.wait_until(_first_of_next_month(town.now))
        for _ in range(_MONTHLY_SALES):
            story.press(_CREDIT_DAY, "credit")
            town.wait(days=1)
    story.sell(_CREDIT_DAY, "credit", "declined", "C5")
    deposit = town.office.cabinet.need(Deposit, life.merchant.key)
    story.expect(deposit.state == "REFUNDED", "达标,押金自动退还", "the target is met: the deposit went back by itself")
    paid = [payout for payout in payouts_of(town.office, life.actor, life.merchant.key) if payout.state == "succeeded"]
    total = Amount(sum(payout.amount_minor for payout in paid))
    story.expect(bool(paid), f"已结算 {len(paid)} 笔,共 {total}", f"{len(paid)} payouts have arrived, {total} in all")
    town.wait_until(_first_of_next_month(town.now))
    asked = ask_limit_raise(town.office, life.actor, life.merchant.key, town.now)
    town.wait(hours=1)
    granted = judge_limit_raise(town.office, REVIEWER, asked.key, town.now, grant=True)
    story.expect(granted.state == "GRANTED", "提额获批", "the raise is granted")
    story.sell(_CREDIT_DAY + 100, "credit", "approved")
    story.end()


def _year(story: Story) -> None:
    story.heading("巡检与年费", "The inspection and the yearly fee")
    life, town = story.life, story.town
    office = town.office
    first = office.cabinet.find(Inspection, subject=life.account)[0]
    while not office.cabinet.need(Inspection, first.key).is_open:
        town.wait(days=1)
    done = _inspect(story, first)
    story.expect(done.state == "PASSED", "半年巡检通过", "the half-yearly inspection is passed")
    fee = office.cabinet.find(AnnualFee, subject=life.account)[0]
    while office.cabinet.need(AnnualFee, fee.key).state != "REMINDED":
        town.wait(days=1)
        _use(story)
    fee_text, by = Amount(fee.amount_minor), fee.pay_by[:10]
    story.say(f"提醒:{by} 前缴纳年费 {fee_text}", f"a reminder: {fee_text} by {by}")
    while office.cabinet.need(AnnualFee, fee.key).state != "OVERDUE":
        town.wait(days=1)
        _use(story)
    story.sell(10_000, "debit", "declined", "C1")
    pay_annual_fee(office, life.actor, fee.key, town.now)
    story.sell(10_000, "debit", "approved")
    story.end()


def _use(story: Story) -> None:
    """A sale each month keeps the device in use, and an inspection is made when it can be."""
    life, town = story.life, story.town
    if town.now.day == 1:
        story.press(10_000, "debit")
    for each in town.office.cabinet.find(Inspection, subject=life.account, state="DUE"):
        if each.is_open:
            _inspect(story, each)


def _inspect(story: Story, inspection: Inspection) -> Inspection:
    life, town = story.life, story.town
    findings = Findings(
        serial=life.serial, location=LOCATION, software=life.device.software, is_clean=True, cable_is_whole=True
    )
    picture = photograph(f"inspection {inspection.key}")
    return submit_inspection(town.office, life.actor, inspection.key, findings, picture, town.now)


def _first_of_next_month(now: datetime) -> datetime:
    return (now.replace(day=1) + timedelta(days=32)).replace(day=1, hour=10)


CHAPTERS: Final[tuple[Chapter, ...]] = (
    _enquiry,
    _account,
    _application,
    _review,
    _contract,
    _device,
    _first_swipe,
    _three_months,
    _year,
)
