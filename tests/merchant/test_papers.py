"""Papers: kept sealed outside the store, replaced, and never used twice or by two merchants."""

from __future__ import annotations

import pytest

from posterm.merchant import NotAllowedError, NotFoundError, NotNowError
from posterm.merchant.application import start_application
from posterm.merchant.eligibility import ApplicantType, PaperKind
from posterm.merchant.papers import Paper, hand_in_paper, papers_of, read_picture
from posterm.merchant.review import submit_application
from tests.merchant.hand_applicant import OPERATOR, REVIEWER, new_applicant, new_application, picture, refused_with
from tests.merchant.hand_office import NOW


@pytest.fixture
def ann(office):
    return new_applicant(office)[0]


@pytest.fixture
def draft(office, ann):
    return start_application(office, ann, ann.subject, ApplicantType.INDIVIDUAL_BUSINESS, NOW)


def hand_in(office, actor, application, paper_kind: PaperKind, data: bytes) -> Paper:
    return hand_in_paper(office, actor, application.key, paper_kind, data, NOW)


def test_a_paper_is_kept_sealed_and_read_by_its_owner_and_reviewers(office, ann, draft):
    paper = hand_in(office, ann, draft, PaperKind.DOOR, picture(1))
    assert read_picture(office, ann, paper.key) == read_picture(office, REVIEWER, paper.key) == picture(1)
    (sealed,) = office.pictures.values()
    assert picture(1) not in sealed
    assert sealed[:2] != picture(1)[:2]


def test_operators_and_other_merchants_do_not_see_a_picture(office, ann, draft):
    paper = hand_in(office, ann, draft, PaperKind.IDENTITY_FRONT, picture(1))
    with pytest.raises(NotAllowedError):
        read_picture(office, OPERATOR, paper.key)
    bob, _ = new_applicant(office, "13900000001")
    for ask in (lambda: read_picture(office, bob, paper.key), lambda: papers_of(office, bob, draft.key)):
        with pytest.raises(NotFoundError):
            ask()
    with pytest.raises(NotFoundError):
        hand_in(office, bob, draft, PaperKind.DOOR, picture(2))


def test_a_picture_that_is_gone_is_not_found(office, ann, draft):
    paper = hand_in(office, ann, draft, PaperKind.DOOR, picture(1))
    office.pictures.clear()
    with pytest.raises(NotFoundError, match="is gone"):
        read_picture(office, ann, paper.key)


def test_a_paper_takes_the_place_of_the_one_before(office, ann, draft):
    hand_in(office, ann, draft, PaperKind.DOOR, picture(1))
    second = hand_in(office, ann, draft, PaperKind.DOOR, picture(2))
    assert papers_of(office, ann, draft.key) == [second]
    assert hand_in(office, ann, draft, PaperKind.INSIDE, picture(1)).paper_kind is PaperKind.INSIDE


def test_the_same_picture_may_be_handed_in_again_for_the_same(office, ann, draft):
    hand_in(office, ann, draft, PaperKind.DOOR, picture(1))
    assert hand_in(office, ann, draft, PaperKind.DOOR, picture(1)).key == "P0000000002"


def test_one_picture_does_not_show_two_things(office, ann, draft):
    hand_in(office, ann, draft, PaperKind.DOOR, picture(1))
    with refused_with("picture-twice at papers[SHOPINNER]"):
        hand_in(office, ann, draft, PaperKind.INSIDE, picture(1))


def test_a_scene_that_looks_the_same_counts_as_the_same(office, ann, draft):
    hand_in(office, ann, draft, PaperKind.DOOR, picture(1))
    with refused_with("picture-twice"):
        hand_in(office, ann, draft, PaperKind.INSIDE, picture(1, Author="Wang"))


def test_a_picture_of_another_merchant_is_refused(office, ann, draft):
    hand_in(office, ann, draft, PaperKind.DOOR, picture(1))
    bob, _ = new_applicant(office, "13900000001")
    other = start_application(office, bob, bob.subject, ApplicantType.MICRO, NOW)
    for data in (picture(1), picture(1, Author="Wang")):
        with refused_with("picture-used at papers[MERCHANT_PHOTO]"):
            hand_in(office, bob, other, PaperKind.DOOR, data)


def test_a_person_shows_the_same_identity_for_a_second_shop(office, ann, draft):
    hand_in(office, ann, draft, PaperKind.IDENTITY_FRONT, picture(1))
    second = start_application(office, ann, ann.subject, ApplicantType.MICRO, NOW)
    assert hand_in(office, ann, second, PaperKind.IDENTITY_FRONT, picture(1)).application == second.key
    with refused_with("picture-twice"):
        hand_in(office, ann, second, PaperKind.BANK_CARD, picture(1))


def test_a_micro_merchant_shows_no_licence(office, ann):
    micro = start_application(office, ann, ann.subject, ApplicantType.MICRO, NOW)
    with refused_with("paper-not-wanted at papers[BUSINESS_LICENCE]"):
        hand_in(office, ann, micro, PaperKind.LICENCE, picture(1))


def test_what_a_review_will_find_is_said_at_once(office, ann, draft):
    paper = hand_in(office, ann, draft, PaperKind.DOOR, picture(1, blurred=True))
    assert [(each.code, each.path) for each in paper.problems] == [("photo-blurred", "papers[MERCHANT_PHOTO]")]


def test_an_unusable_picture_is_refused(office, ann, draft):
    with refused_with("picture-format at papers[MERCHANT_PHOTO]"):
        hand_in(office, ann, draft, PaperKind.DOOR, bytes(5_000))
    assert office.pictures == {}


def test_papers_do_not_change_while_they_are_reviewed(office, ann):
    application = new_application(office, ann)
    submit_application(office, ann, application.key, NOW)
    with pytest.raises(NotNowError):
        hand_in(office, ann, application, PaperKind.LEASE, picture(1))
