"""Everything that can be asked of the back office: the HTTP interface and the command line are made of these rows."""

from __future__ import annotations

from typing import Final

from posterm.merchant import (
    acceptance,
    access,
    account_change,
    activation,
    annual_fee,
    applicant,
    application,
    binding,
    capabilities,
    cases,
    commissioning,
    contract_pdf,
    contracting,
    device,
    device_label,
    disputes,
    enquiry,
    heartbeat,
    inspection,
    limit_raise,
    office_clock,
    papers,
    rates,
    relocation,
    repair,
    review,
    sessions,
    settlement,
    shipment,
    software,
    standing,
    sub_channel,
    survey,
    suspension,
    visit,
    webhooks,
    withdrawal,
)
from posterm.merchant.actor import Role
from posterm.merchant.contract import Contract
from posterm.merchant.deposit import Deposit
from posterm.merchant.merchant import Merchant, TerminalSite
from posterm.merchant.news import News
from posterm.merchant.operation import ANYBODY, EVERYBODY, MERCHANTS, OPERATORS, REVIEWERS, STAFF, Operation, Shelf

BY_MERCHANT: Final = (Role.MERCHANT, Role.OPERATOR)
"""What a merchant does, or an operator for it."""

MERCHANT_OR_REVIEWER: Final = (Role.MERCHANT, Role.REVIEWER)
PDF: Final = "application/pdf"


_OFFICE: Final = (
    Operation(office_clock.move_clock, "/clock/move", OPERATORS),
    Operation(access.issue_token, "/tokens", OPERATORS, confidential=True),
    Operation(access.revoke_token, "/tokens/{name}/revoke", BY_MERCHANT),
)
_BEGINNING: Final = (
    Operation(enquiry.enquire, "/enquiries", ANYBODY),
    Operation(enquiry.call_back, "/enquiries/{key}/call-back", OPERATORS),
    Operation(enquiry.recommend, "/enquiries/{key}/recommend", OPERATORS),
    Operation(enquiry.authorize_agent, "/agents", OPERATORS),
    Operation(enquiry.revoke_agent, "/agents/{code}/revoke", OPERATORS),
    Operation(applicant.register, "/accounts", ANYBODY),
    Operation(applicant.send_code, "/accounts/send-code", ANYBODY),
    Operation(applicant.verify, "/accounts/verify", ANYBODY),
    Operation(applicant.reset_password, "/accounts/reset-password", ANYBODY),
    Operation(sessions.open_session, "/sessions", ANYBODY, confidential=True),
    Operation(applicant.choose_device, "/accounts/{subject}/choose-device", BY_MERCHANT),
    Operation(applicant.choose_language, "/accounts/{subject}/choose-language", BY_MERCHANT),
    Operation(applicant.close_account, "/accounts/{subject}/close", BY_MERCHANT),
)
_APPLICATION: Final = (
    Operation(application.start_application, "/accounts/{subject}/applications", BY_MERCHANT),
    Operation(application.edit_application, "/applications/{key}/edit", BY_MERCHANT),
    Operation(application.what_is_missing, "/applications/{key}/missing", EVERYBODY, reads=True),
    Operation(papers.hand_in_paper, "/applications/{application_key}/papers", BY_MERCHANT),
    Operation(papers.read_picture, "/papers/{key}/picture", MERCHANT_OR_REVIEWER, reads=True, media="image/*"),
    Operation(application.drop_application, "/applications/{key}/drop", BY_MERCHANT),
    Operation(review.submit_application, "/applications/{key}/submit", BY_MERCHANT),
    Operation(review.reconsider_application, "/applications/{key}/reconsider", BY_MERCHANT),
    Operation(review.approve_application, "/applications/{key}/approve", REVIEWERS),
    Operation(review.reject_application, "/applications/{key}/reject", REVIEWERS),
    Operation(review.put_on_black_list, "/black-list", REVIEWERS),
    Operation(review.take_off_black_list, "/black-list/take-off", REVIEWERS),
    Operation(survey.order_survey, "/applications/{application_key}/surveys", REVIEWERS),
    Operation(survey.report_survey, "/surveys/{key}/report", STAFF),
    Operation(survey.miss_survey, "/surveys/{key}/miss", STAFF),
    Operation(survey.cancel_survey, "/surveys/{key}/cancel", REVIEWERS),
    Operation(sub_channel.confirm_real_name, "/merchants/{merchant_key}/real-names/confirm", BY_MERCHANT),
    Operation(sub_channel.apply_again, "/merchants/{merchant_key}/real-names/apply", BY_MERCHANT),
    Operation(sub_channel.decide_real_name, "/merchants/{merchant_key}/real-names/decide", OPERATORS),
    Operation(contract_pdf.contract_pdf, "/contracts/{key}/document", EVERYBODY, reads=True, media=PDF),
    Operation(contract_pdf.deposit_receipt_pdf, "/contracts/{key}/deposit-receipt", EVERYBODY, reads=True, media=PDF),
    Operation(contracting.sign_contract, "/contracts/{key}/sign", MERCHANTS),
    Operation(contracting.pay_deposit, "/contracts/{key}/deposit", BY_MERCHANT),
)
_MONEY: Final = (
    Operation(capabilities.request_capability, "/merchants/{merchant_key}/capabilities/request", EVERYBODY),
    Operation(capabilities.allow_capability, "/merchants/{merchant_key}/capabilities/allow", STAFF),
    Operation(capabilities.refuse_capability, "/merchants/{merchant_key}/capabilities/refuse", STAFF),
    Operation(capabilities.stop_capability, "/merchants/{merchant_key}/capabilities/stop", STAFF),
    Operation(capabilities.require, "/merchants/{merchant_key}/capabilities/require", STAFF),
    Operation(capabilities.meet_requirement, "/merchants/{merchant_key}/capabilities/meet", STAFF),
    Operation(standing.freeze_merchant, "/merchants/{key}/freeze", STAFF),
    Operation(standing.unfreeze_merchant, "/merchants/{key}/unfreeze", STAFF),
    Operation(limit_raise.ask_limit_raise, "/merchants/{key}/limit-raises", BY_MERCHANT),
    Operation(limit_raise.judge_limit_raise, "/limit-raises/{key}/judge", REVIEWERS),
    Operation(account_change.propose_account, "/merchants/{key}/account-changes", MERCHANTS),
    Operation(account_change.judge_account, "/account-changes/{key}/judge", REVIEWERS),
    Operation(rates.enquire_rate, "/merchants/{key}/rate", EVERYBODY, reads=True),
    Operation(rates.complain_of_rate, "/merchants/{key}/rate-cases", BY_MERCHANT),
    Operation(rates.correct_fee, "/cases/{key}/correct-fee", OPERATORS),
    Operation(settlement.settle, "/settlement", OPERATORS),
    Operation(settlement.take_advance, "/merchants/{key}/advances", BY_MERCHANT),
    Operation(settlement.payouts_of, "/merchants/{key}/payouts", EVERYBODY, reads=True),
    Operation(settlement.retry_payout, "/payouts/{key}/retry", BY_MERCHANT),
    Operation(disputes.request_retrieval, "/disputes", OPERATORS),
    Operation(disputes.answer_retrieval, "/disputes/{key}/answer", BY_MERCHANT),
    Operation(disputes.charge_back, "/disputes/{key}/charge-back", OPERATORS),
    Operation(disputes.represent, "/disputes/{key}/represent", BY_MERCHANT),
    Operation(disputes.accept_chargeback, "/disputes/{key}/accept", BY_MERCHANT),
    Operation(disputes.withdraw_dispute, "/disputes/{key}/withdraw", OPERATORS),
    Operation(disputes.pre_arbitrate, "/disputes/{key}/pre-arbitrate", OPERATORS),
    Operation(disputes.judge_dispute, "/disputes/{key}/judge", OPERATORS),
)
_STOCK: Final = (
    Operation(device.take_into_stock, "/devices", OPERATORS, group="device"),
    Operation(device.inject_components, "/devices/{serial}/components", OPERATORS, over_http=False, group="device"),
    Operation(device.confirm_key, "/devices/{serial}/confirm-key", OPERATORS, group="device"),
    Operation(device_label.label_of, "/devices/{serial}/label", OPERATORS, reads=True, group="device"),
    Operation(shipment.pack_shipment, "/shipments", OPERATORS, group="device"),
    Operation(shipment.send_shipment, "/shipments/{key}/send", OPERATORS, group="device"),
    Operation(shipment.end_shipment, "/shipments/{key}/end", OPERATORS, group="device"),
)
_INTO_USE: Final = (
    Operation(binding.bind_device, "/devices/bind", BY_MERCHANT, group="device"),
    Operation(binding.real_name, "/devices/{serial}/real-name", BY_MERCHANT, group="device"),
    Operation(binding.unlock_face, "/devices/{serial}/unlock-face", OPERATORS, group="device"),
    Operation(commissioning.initialise_device, "/devices/{serial}/initialise", BY_MERCHANT, group="device"),
    Operation(commissioning.look_at_device, "/devices/{serial}/look", BY_MERCHANT, group="device"),
    Operation(acceptance.start_acceptance, "/devices/{serial}/acceptance", BY_MERCHANT, group="device"),
    Operation(acceptance.report_checks, "/acceptances/{key}/checks", BY_MERCHANT, group="device"),
    Operation(acceptance.finish_acceptance, "/acceptances/{key}/finish", BY_MERCHANT, group="device"),
    Operation(acceptance.repeat_acceptance, "/acceptances/{key}/repeat", BY_MERCHANT, group="device"),
    Operation(activation.first_swipe_of, "/devices/{serial}/first-swipe", EVERYBODY, reads=True, group="device"),
    Operation(visit.book_visit, "/devices/{serial}/visits", BY_MERCHANT, group="device"),
    Operation(visit.book_again, "/visits/{key}/book-again", BY_MERCHANT, group="device"),
    Operation(visit.finish_visit, "/visits/{key}/finish", OPERATORS, group="device"),
    Operation(visit.cancel_visit, "/visits/{key}/cancel", BY_MERCHANT, group="device"),
)
_IN_USE: Final = (
    Operation(heartbeat.report_heartbeat, "/devices/{serial}/heartbeat", BY_MERCHANT, group="device"),
    Operation(heartbeat.report_fault, "/devices/{serial}/faults", BY_MERCHANT, group="device"),
    Operation(heartbeat.silent_devices, "/devices/silent", OPERATORS, reads=True, group="device"),
    Operation(inspection.submit_inspection, "/inspections/{key}/submit", EVERYBODY, group="device"),
    Operation(inspection.repeat_inspection, "/inspections/{key}/repeat", EVERYBODY, group="device"),
    Operation(software.publish_release, "/releases", OPERATORS, group="device"),
    Operation(software.offer_software, "/devices/{serial}/software", OPERATORS, group="device"),
    Operation(software.offer_parameters, "/devices/{serial}/parameters", OPERATORS, group="device"),
    Operation(software.start_download, "/updates/{key}/download", BY_MERCHANT, group="device"),
    Operation(software.install_update, "/updates/{key}/install", BY_MERCHANT, group="device"),
    Operation(software.confirm_update, "/updates/{key}/confirm", BY_MERCHANT, group="device"),
    Operation(software.roll_back, "/updates/{key}/roll-back", BY_MERCHANT, group="device"),
    Operation(software.withdraw_update, "/updates/{key}/withdraw", OPERATORS, group="device"),
    Operation(software.offer_again, "/updates/{key}/offer-again", OPERATORS, group="device"),
    Operation(annual_fee.pay_annual_fee, "/annual-fees/{key}/pay", BY_MERCHANT, group="device"),
    Operation(annual_fee.waive_annual_fee, "/annual-fees/{key}/waive", OPERATORS, group="device"),
    Operation(suspension.suspend_device, "/devices/{serial}/suspend", OPERATORS, group="device"),
    Operation(suspension.resume_device, "/devices/{serial}/resume", BY_MERCHANT, group="device"),
    Operation(relocation.file_relocation, "/devices/{serial}/relocations", BY_MERCHANT, group="device"),
    Operation(relocation.accept_relocation, "/relocations/{key}/accept", STAFF, group="device"),
    Operation(relocation.refuse_relocation, "/relocations/{key}/refuse", STAFF, group="device"),
    Operation(relocation.cancel_relocation, "/relocations/{key}/cancel", BY_MERCHANT, group="device"),
)
_OUT_OF_USE: Final = (
    Operation(repair.report_repair, "/devices/{serial}/repairs", BY_MERCHANT, group="device"),
    Operation(repair.cancel_repair, "/repairs/{key}/cancel", BY_MERCHANT, group="device"),
    Operation(repair.collect_device, "/repairs/{key}/collect", OPERATORS, group="device"),
    Operation(repair.finish_repair, "/repairs/{key}/finish", OPERATORS, group="device"),
    Operation(repair.exchange_device, "/repairs/{key}/exchange", OPERATORS, group="device"),
    Operation(repair.hand_over, "/repairs/{key}/hand-over", OPERATORS, group="device"),
    Operation(withdrawal.request_withdrawal, "/devices/{serial}/withdrawals", BY_MERCHANT, group="device"),
    Operation(withdrawal.settle_withdrawal, "/withdrawals/{key}/settle", OPERATORS, group="device"),
    Operation(withdrawal.take_back, "/withdrawals/{key}/take-back", OPERATORS, group="device"),
    Operation(withdrawal.close_withdrawal, "/withdrawals/{key}/close", OPERATORS, group="device"),
    Operation(withdrawal.cancel_withdrawal, "/withdrawals/{key}/cancel", BY_MERCHANT, group="device"),
    Operation(device.unbind, "/devices/{serial}/unbind", OPERATORS, group="device"),
)
_SERVICE: Final = (
    Operation(cases.open_case, "/accounts/{subject}/cases", EVERYBODY),
    Operation(cases.take_case, "/cases/{key}/take", STAFF),
    Operation(cases.ask_merchant, "/cases/{key}/ask", STAFF),
    Operation(cases.answer_case, "/cases/{key}/answer", EVERYBODY),
    Operation(cases.solve_case, "/cases/{key}/solve", STAFF),
    Operation(cases.reopen_case, "/cases/{key}/reopen", EVERYBODY),
    Operation(cases.close_case, "/cases/{key}/close", EVERYBODY),
    Operation(webhooks.register_webhook, "/accounts/{subject}/webhooks", BY_MERCHANT, confidential=True),
    Operation(webhooks.stop_webhook, "/webhooks/{key}/stop", BY_MERCHANT),
    Operation(webhooks.retry_delivery, "/deliveries/{key}/retry", BY_MERCHANT),
)

OPERATIONS: Final[tuple[Operation, ...]] = (
    *_OFFICE,
    *_BEGINNING,
    *_APPLICATION,
    *_MONEY,
    *_STOCK,
    *_INTO_USE,
    *_IN_USE,
    *_OUT_OF_USE,
    *_SERVICE,
)


def _holds_a_code(news: News) -> bool:
    """A verification code is for the mobile it was sent to."""
    return news.topic.endswith(".send-code")


SHELVES: Final[tuple[Shelf, ...]] = (
    Shelf(News, "news", BY_MERCHANT, hides=_holds_a_code),
    Shelf(access.AccessToken, "tokens", BY_MERCHANT),
    Shelf(enquiry.Enquiry, "enquiries", STAFF),
    Shelf(enquiry.Agent, "agents", STAFF),
    Shelf(applicant.Applicant, "accounts"),
    Shelf(application.Application, "applications"),
    Shelf(papers.Paper, "papers"),
    Shelf(survey.Survey, "surveys", STAFF),
    Shelf(Contract, "contracts"),
    Shelf(sub_channel.RealName, "real-names"),
    Shelf(Merchant, "merchants"),
    Shelf(capabilities.Capability, "capabilities"),
    Shelf(limit_raise.LimitRaise, "limit-raises"),
    Shelf(account_change.AccountChange, "account-changes"),
    Shelf(settlement.Payout, "payouts"),
    Shelf(disputes.Dispute, "disputes"),
    Shelf(TerminalSite, "terminal-sites"),
    Shelf(Deposit, "deposits"),
    Shelf(device.Device, "devices"),
    Shelf(shipment.Shipment, "shipments"),
    Shelf(visit.Visit, "visits"),
    Shelf(acceptance.Acceptance, "acceptances"),
    Shelf(inspection.Inspection, "inspections"),
    Shelf(software.Release, "releases"),
    Shelf(software.Update, "updates"),
    Shelf(annual_fee.AnnualFee, "annual-fees"),
    Shelf(relocation.Relocation, "relocations"),
    Shelf(repair.Repair, "repairs"),
    Shelf(withdrawal.Withdrawal, "withdrawals"),
    Shelf(cases.Case, "cases"),
    Shelf(webhooks.Webhook, "webhooks", BY_MERCHANT),
    Shelf(webhooks.Delivery, "deliveries", BY_MERCHANT),
)
