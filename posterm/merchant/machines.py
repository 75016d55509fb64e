"""Every state machine of the back office, in one place.

Source: `contractStatus` and the sub-channel states as Lakala's open platform publishes them; the others after the
publicly described life of a terminal with a Chinese acquirer. The literal values of a published interface stay as they
are published.
"""

from __future__ import annotations

from typing import Final

from posterm.merchant.machine import Machine, machine

ENQUIRY: Final = machine(
    "enquiry",
    [
        "OPEN reach VERIFIED",
        "OPEN miss OPEN",
        "OPEN give-up LAPSED",
        "OPEN refuse REFUSED",
        "VERIFIED recommend ANSWERED",
        "VERIFIED refuse REFUSED",
        "ANSWERED apply APPLIED",
        "ANSWERED lapse LAPSED",
    ],
)
AGENT: Final = machine("agent", ["AUTHORIZED revoke REVOKED", "REVOKED authorize AUTHORIZED"])
APPLICANT: Final = machine(
    "applicant",
    [
        "UNVERIFIED verify ACTIVE",
        "UNVERIFIED lapse LAPSED",
        "ACTIVE choose-device ACTIVE",
        "ACTIVE choose-language ACTIVE",
        "ACTIVE reset-password ACTIVE",
        "ACTIVE lock LOCKED",
        "LOCKED unlock ACTIVE",
        "ACTIVE|LOCKED close CLOSED",
    ],
)
APPLICATION: Final = machine(
    "application",
    [
        "NO_COMMIT submit COMMIT",
        "COMMIT pre-check-fails COMMIT_FAIL",
        "COMMIT pre-check-passes REVIEW_ING",
        "COMMIT_FAIL edit NO_COMMIT",
        "REVIEW_ING refer MANUAL_AUDIT",
        "REVIEW_ING|MANUAL_AUDIT approve WAIT_FOR_CONTACT",
        "REVIEW_ING|MANUAL_AUDIT reject INNER_CHECK_REJECTED",
        "MANUAL_AUDIT survey MANUAL_AUDIT",
        "INNER_CHECK_REJECTED edit NO_COMMIT",
        "INNER_CHECK_REJECTED reconsider MANUAL_AUDIT",
        "WAIT_FOR_CONTACT contract-lapses INNER_CHECK_REJECTED",
        "NO_COMMIT|COMMIT_FAIL|INNER_CHECK_REJECTED drop DROPPED",
    ],
)
SURVEY: Final = machine("site survey", ["ORDERED visit DONE", "ORDERED miss ORDERED", "ORDERED cancel CANCELLED"])
CONTRACT: Final = machine(
    "contract", ["signing sign signing", "signing complete in-force", "signing lapse void", "in-force terminate void"]
)
DEPOSIT: Final = machine(
    "deposit",
    [
        "HELD meet-target TARGET_MET",
        "TARGET_MET return REFUNDED",
        "HELD forfeit FORFEITED",
        "HELD return REFUNDED",
    ],
)
MERCHANT: Final = machine(
    "merchant",
    [
        "CREATED submit UNDER_REVIEW",
        "UNDER_REVIEW reject CREATED",
        "UNDER_REVIEW approve APPROVED",
        "APPROVED contract CONTRACTED",
        "APPROVED lapse CREATED",
        "CONTRACTED activate LIVE",
        "LIVE restrict RESTRICTED",
        "RESTRICTED lift LIVE",
        "LIVE|RESTRICTED freeze FROZEN",
        "FROZEN unfreeze LIVE",
        "CREATED|UNDER_REVIEW|APPROVED|CONTRACTED|LIVE|RESTRICTED|FROZEN close CLOSED",
    ],
)
ALIPAY: Final = machine(
    "alipay",
    [
        "UNAUTHORIZED apply AUDITING",
        "AUDITING ask-contact CONTACT_CONFIRM",
        "CONTACT_CONFIRM confirm LEGAL_CONFIRM",
        "LEGAL_CONFIRM confirm AUDIT_PASS",
        "AUDITING|CONTACT_CONFIRM|LEGAL_CONFIRM reject AUDIT_REJECT",
        "AUDITING|CONTACT_CONFIRM|LEGAL_CONFIRM freeze AUDIT_FREEZE",
        "AUDITING|CONTACT_CONFIRM|LEGAL_CONFIRM cancel CANCELED",
        "AUDIT_REJECT|CANCELED apply AUDITING",
        "AUDIT_FREEZE unfreeze AUDITING",
        "AUDIT_PASS authorize AUTHORIZED",
        "AUTHORIZED close CLOSED",
    ],
)
_WECHAT_OPEN: Final = "|".join(
    f"APPLYMENT_STATE_WAITTING_FOR_{step}" for step in ("AUDIT", "CONFIRM_CONTACT", "CONFIRM_LEGALPERSON")
)
WECHAT: Final = machine(
    "wechat",
    [
        "APPLYMENT_STATE_EDITTING apply APPLYMENT_STATE_WAITTING_FOR_AUDIT",
        "APPLYMENT_STATE_WAITTING_FOR_AUDIT ask-contact APPLYMENT_STATE_WAITTING_FOR_CONFIRM_CONTACT",
        "APPLYMENT_STATE_WAITTING_FOR_CONFIRM_CONTACT confirm APPLYMENT_STATE_WAITTING_FOR_CONFIRM_LEGALPERSON",
        "APPLYMENT_STATE_WAITTING_FOR_CONFIRM_LEGALPERSON confirm APPLYMENT_STATE_PASSED",
        f"{_WECHAT_OPEN} reject APPLYMENT_STATE_REJECTED",
        f"{_WECHAT_OPEN} freeze APPLYMENT_STATE_FREEZED",
        f"{_WECHAT_OPEN} cancel APPLYMENT_STATE_CANCELED",
        "APPLYMENT_STATE_REJECTED|APPLYMENT_STATE_CANCELED apply APPLYMENT_STATE_WAITTING_FOR_AUDIT",
        "APPLYMENT_STATE_PASSED authorize AUTHORIZE_STATE_AUTHORIZED",
    ],
)
CAPABILITY: Final = machine(
    "capability",
    [
        "requested allow allowed",
        "requested refuse refused",
        "allowed stop stopped",
        "stopped allow allowed",
        "refused request requested",
    ],
)
DEVICE: Final = machine(
    "device",
    [
        "STOCK inject-key STOCK",
        "STOCK confirm-key STOCK",
        "STOCK ship SHIPPED",
        "SHIPPED return STOCK",
        "SHIPPED bind BOUND",
        "BOUND real-name REAL_NAMED",
        "BOUND fail-face BOUND",
        "BOUND unlock-face BOUND",
        "REAL_NAMED initialise REAL_NAMED",
        "REAL_NAMED sign-on READY",
        "READY activate ACTIVE",
        "READY resume ACTIVE",
        "ACTIVE|READY suspend SUSPENDED",
        "SUSPENDED clear ACTIVE",
        "SUSPENDED clear-unused READY",
        "ACTIVE update UPDATING",
        "UPDATING finish ACTIVE",
        "UPDATING roll-back ACTIVE",
        "ACTIVE|READY|SUSPENDED fault REPAIR",
        "REPAIR inject-key REPAIR",
        "REPAIR confirm-key REPAIR",
        "REPAIR return BOUND",
        "REPAIR exchange CLOSED",
        "SHIPPED|BOUND|REAL_NAMED|READY|ACTIVE|SUSPENDED|UPDATING|REPAIR withdraw CLOSED",
        "CLOSED unbind STOCK",
    ],
)
SHIPMENT: Final = machine(
    "shipment",
    [
        "PACKED send SENT",
        "SENT deliver DELIVERED",
        "SENT lose LOST",
        "SENT come-back RETURNED",
        "LOST|RETURNED pack PACKED",
    ],
)
VISIT: Final = machine(
    "installation visit", ["BOOKED finish DONE", "BOOKED miss MISSED", "MISSED book BOOKED", "BOOKED cancel CANCELLED"]
)
ACCEPTANCE: Final = machine(
    "acceptance test", ["RUNNING report RUNNING", "RUNNING pass PASSED", "RUNNING fail FAILED", "FAILED repeat RUNNING"]
)
INSPECTION: Final = machine(
    "inspection",
    ["DUE pass PASSED", "DUE fail FAILED", "DUE miss MISSED", "FAILED|MISSED repeat DUE"],
)
UPDATE: Final = machine(
    "software update",
    [
        "OFFERED download DOWNLOADING",
        "DOWNLOADING install INSTALLED",
        "DOWNLOADING fail FAILED",
        "INSTALLED confirm CONFIRMED",
        "INSTALLED roll-back ROLLED_BACK",
        "OFFERED withdraw WITHDRAWN",
        "FAILED|ROLLED_BACK offer OFFERED",
    ],
)
ANNUAL_FEE: Final = machine(
    "annual fee",
    [
        "DUE remind REMINDED",
        "REMINDED suspend OVERDUE",
        "DUE|REMINDED|OVERDUE pay PAID",
        "DUE|REMINDED|OVERDUE waive WAIVED",
    ],
)
RELOCATION: Final = machine("relocation", ["FILED accept ACCEPTED", "FILED refuse REFUSED", "FILED cancel CANCELLED"])
REPAIR: Final = machine(
    "repair",
    [
        "REPORTED collect COLLECTED",
        "COLLECTED repair REPAIRED",
        "COLLECTED exchange EXCHANGED",
        "REPORTED cancel CANCELLED",
        "REPAIRED|EXCHANGED hand-over RETURNED",
    ],
)
WITHDRAWAL: Final = machine(
    "withdrawal",
    [
        "REQUESTED settle SETTLED",
        "SETTLED take-back DEVICES_BACK",
        "DEVICES_BACK close CLOSED",
        "REQUESTED cancel CANCELLED",
    ],
)
LIMIT_RAISE: Final = machine(
    "limit raise", ["ASKED review UNDER_REVIEW", "UNDER_REVIEW grant GRANTED", "UNDER_REVIEW|ASKED refuse REFUSED"]
)
ACCOUNT_CHANGE: Final = machine(
    "change of settlement account",
    ["PROPOSED review UNDER_REVIEW", "UNDER_REVIEW accept ACCEPTED", "UNDER_REVIEW|PROPOSED refuse REFUSED"],
)
CAMPAIGN: Final = machine("campaign", ["RUNNING end ENDED"])
OFFER: Final = machine(
    "offer",
    ["OPEN take TAKEN", "OPEN lapse LAPSED", "TAKEN give-back GIVEN_BACK"],
)
COUPON: Final = machine("coupon", ["ISSUED reserve RESERVED", "RESERVED release ISSUED", "RESERVED redeem REDEEMED",
                                   "REDEEMED give-back ISSUED", "ISSUED expire EXPIRED"])  # fmt: skip
CASE: Final = machine(
    "case",
    [
        "OPEN take IN_WORK",
        "IN_WORK ask WAITING_FOR_MERCHANT",
        "WAITING_FOR_MERCHANT answer IN_WORK",
        "OPEN|IN_WORK escalate ESCALATED",
        "ESCALATED take IN_WORK",
        "IN_WORK solve SOLVED",
        "WAITING_FOR_MERCHANT lapse SOLVED",
        "SOLVED reopen IN_WORK",
        "SOLVED close CLOSED",
    ],
)
DISPUTE: Final = machine(
    "dispute",
    [
        "RETRIEVAL_REQUESTED answer RETRIEVAL_ANSWERED",
        "RETRIEVAL_REQUESTED|RETRIEVAL_ANSWERED charge-back CHARGEBACK",
        "RETRIEVAL_ANSWERED withdraw WON",
        "CHARGEBACK represent REPRESENTED",
        "CHARGEBACK accept LOST",
        "CHARGEBACK lapse LOST",
        "REPRESENTED withdraw WON",
        "REPRESENTED pre-arbitrate PRE_ARBITRATION",
        "PRE_ARBITRATION win WON",
        "PRE_ARBITRATION lose LOST",
    ],
)
TOKEN: Final = machine("access token", ["ACTIVE revoke REVOKED"])
DELIVERY: Final = machine(
    "webhook delivery",
    ["PENDING deliver DELIVERED", "PENDING fail PENDING", "PENDING give-up FAILED", "FAILED retry PENDING"],
)

MACHINES: Final[tuple[Machine, ...]] = (
    ENQUIRY,
    AGENT,
    APPLICANT,
    APPLICATION,
    SURVEY,
    CONTRACT,
    DEPOSIT,
    MERCHANT,
    ALIPAY,
    WECHAT,
    CAPABILITY,
    DEVICE,
    SHIPMENT,
    VISIT,
    ACCEPTANCE,
    INSPECTION,
    UPDATE,
    ANNUAL_FEE,
    RELOCATION,
    REPAIR,
    WITHDRAWAL,
    LIMIT_RAISE,
    ACCOUNT_CHANGE,
    CAMPAIGN,
    OFFER,
    COUPON,
    CASE,
    DISPUTE,
    TOKEN,
    DELIVERY,
)
