"""Who may have a terminal, what each sort of applicant must show, and which device suits it.

Source: the list of merchant natures and of attachment types as Lakala's open platform publishes them. An ordinary
person has no nature in that list, and no way to a terminal here.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final


class ApplicantType(StrEnum):
    """What somebody who asks for a terminal is."""

    COMPANY = "company"
    PUBLIC_BODY = "public-body"
    INDIVIDUAL_BUSINESS = "individual-business"
    MICRO = "micro"
    ORDINARY_PERSON = "ordinary-person"


class ModelName(StrEnum):
    """The models that may be chosen; `device_models` says what they are."""

    SMART = "smart"
    ESIGN = "e-sign"


class PaperKind(StrEnum):
    """What a picture shows, by the platform's attachment types.

    The two certificates that a licence of before the merger of certificates (2015-10-01) needs have no published type.
    """

    IDENTITY_FRONT = "FR_ID_CARD_FRONT"
    IDENTITY_BACK = "FR_ID_CARD_BEHIND"
    LICENCE = "BUSINESS_LICENCE"
    TAX_CERTIFICATE = "TAX_CERTIFICATE"
    ORGANISATION_CERTIFICATE = "ORGANISATION_CERTIFICATE"
    BANK_CARD = "BANK_CARD"
    DOOR = "MERCHANT_PHOTO"
    INSIDE = "SHOPINNER"
    SURROUNDINGS = "OTHERS"
    LEASE = "HT"
    FOOD_PERMIT = "FOOD_QUALIFICATION_PROOF"
    TOBACCO_PERMIT = "TOBACCO_QUALIFICATION_PROOF"
    MEDICINE_PERMIT = "MEDICINE_QUALIFICATION_PROOF"
    SETTLEMENT_IDENTITY_FRONT = "ID_CARD_FRONT"
    SETTLEMENT_IDENTITY_BACK = "ID_CARD_BEHIND"
    SETTLEMENT_LETTER = "NO_LEGAL_PERSON_SETT_AUTH_LETTER"


IDENTITY_PAPERS: Final = (PaperKind.IDENTITY_FRONT, PaperKind.IDENTITY_BACK)
SCENE_PAPERS: Final = (PaperKind.DOOR, PaperKind.INSIDE, PaperKind.SURROUNDINGS)
OLD_CERTIFICATES: Final = (PaperKind.TAX_CERTIFICATE, PaperKind.ORGANISATION_CERTIFICATE)
SETTLEMENT_PAPERS: Final = (
    PaperKind.SETTLEMENT_IDENTITY_FRONT,
    PaperKind.SETTLEMENT_IDENTITY_BACK,
    PaperKind.SETTLEMENT_LETTER,
)
_WITHOUT_LICENCE: Final = (*IDENTITY_PAPERS, PaperKind.BANK_CARD, *SCENE_PAPERS)
_WITH_LICENCE: Final = (*IDENTITY_PAPERS, PaperKind.LICENCE, PaperKind.BANK_CARD, *SCENE_PAPERS)


@dataclass(frozen=True, slots=True)
class Eligibility:
    """What holds for a sort of applicant.

    `natures` are its numbers in the platform's list; `papers` what it must show; `plan` its terms with the host.
    """

    natures: tuple[int, ...]
    papers: tuple[PaperKind, ...]
    plan: str
    device: ModelName
    has_licence: bool
    corporate_account: bool
    settles_to_others: bool


ELIGIBLE: Final = {
    ApplicantType.COMPANY: Eligibility(
        (1, 2, 3, 4, 5, 6, 7),
        _WITH_LICENCE,
        "standard",
        ModelName.SMART,
        has_licence=True,
        corporate_account=True,
        settles_to_others=True,
    ),
    ApplicantType.PUBLIC_BODY: Eligibility(
        (9, 10, 11, 12),
        _WITH_LICENCE,
        "standard",
        ModelName.SMART,
        has_licence=True,
        corporate_account=True,
        settles_to_others=False,
    ),
    ApplicantType.INDIVIDUAL_BUSINESS: Eligibility(
        (8,),
        _WITH_LICENCE,
        "standard",
        ModelName.SMART,
        has_licence=True,
        corporate_account=False,
        settles_to_others=True,
    ),
    ApplicantType.MICRO: Eligibility(
        (13,),
        _WITHOUT_LICENCE,
        "micro",
        ModelName.ESIGN,
        has_licence=False,
        corporate_account=False,
        settles_to_others=False,
    ),
}
"""Every sort of applicant that may have a terminal; an ordinary person is not among them."""
