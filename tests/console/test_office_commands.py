"""A merchant's life on the command line: the same services, the same refusals, and a clock that can be moved."""

from __future__ import annotations

import json

import pytest

from posterm.merchant.eligibility import ELIGIBLE, ApplicantType
from posterm.merchant.operations import OPERATIONS
from simulators.lives.paperwork import Person, form_of, photograph

PERSON = Person(1)
ACCOUNT = "A00000001"


@pytest.fixture(autouse=True)
def in_a_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def office(posterm):
    """`office("merchant", …)`: the JSON of a command that works."""

    def ask(*arguments: str):
        result = posterm(*arguments, "--json")
        assert result.exit_code == 0, result.output
        return json.loads(result.stdout)

    return ask


def test_an_application_is_approved_after_some_days(posterm, office, tmp_path):
    office("merchant", "register", "--mobile", PERSON.mobile)
    code = office("merchant", "list", "news")[-1]["details"]["code"]
    office("merchant", "verify", "--mobile", PERSON.mobile, "--code", code, "--password", PERSON.password)
    key = office("merchant", "start-application", ACCOUNT, "--applicant-type", "micro", "--as", ACCOUNT)["key"]
    (tmp_path / "form.json").write_text(json.dumps(form_of(PERSON, ApplicantType.MICRO)), "utf-8")
    office("merchant", "edit-application", key, "--changes", "@form.json", "--as", ACCOUNT)
    missing = office("merchant", "what-is-missing", key)
    assert "paper-missing" in {problem["code"] for problem in missing}
    for paper in ELIGIBLE[ApplicantType.MICRO].papers:
        (tmp_path / "photo.jpg").write_bytes(photograph(paper))
        office("merchant", "hand-in-paper", key, "--paper-kind", paper, "--picture", "photo.jpg", "--as", ACCOUNT)
    office("merchant", "submit-application", key, "--as", ACCOUNT)
    (listed,) = office("merchant", "list", "applications", "--advance", "5d")
    assert listed["state"] == "WAIT_FOR_CONTACT"
    (contract,) = office("merchant", "list", "contracts")
    pdf = posterm("merchant", "contract-pdf", contract["key"])
    assert pdf.stdout_bytes.startswith(b"%PDF")
    shown = posterm("merchant", "show", "application", key).output
    for secret in (PERSON.name, PERSON.identity_number, PERSON.mobile, PERSON.bank_card):
        assert secret not in shown


def test_a_refusal_lists_everything_that_is_wrong(posterm):
    refused = posterm("merchant", "enquire", "--name", "", "--mobile", "1", "--address", "")
    assert refused.exit_code == 1
    assert [line.split(":")[1].strip() for line in refused.stdout.splitlines() if line.startswith("refused")] == [
        "name",
        "address",
        "mobile",
    ]


def test_the_clock_goes_ahead(posterm):
    first = posterm("merchant", "advance", "1s").stdout
    later = posterm("merchant", "advance", "52w").stdout
    assert first[:14] != later[:14] or first < later
    assert posterm("merchant", "advance", "-3d").exit_code == 2


@pytest.mark.parametrize(
    ("arguments", "fault"),
    [
        (("list", "nothing"), "no such kind of document"),
        (("show", "case", "C1"), "no case 'C1'"),
        (("hand-in-paper", "1", "--paper-kind", "HT", "--picture", "nowhere.jpg", "--as", ACCOUNT), "nowhere.jpg"),
        (("edit-application", "1", "--changes", "{", "--as", ACCOUNT), "changes: need JSON"),
        (("recommend", "E1", "--applicant-type", "king"), "applicant-type"),
        (("sign-contract", "1", "--digest", "x"), "need --as with the account of a merchant"),
        (("list", "cases", "--advance", "soon"), "span of time"),
    ],
)
def test_what_cannot_be_asked_that_way_is_said_in_one_line(posterm, arguments, fault):
    result = posterm("merchant", *arguments)
    assert result.exit_code == 2
    assert fault in result.stderr
    assert "Traceback" not in result.output


def test_a_merchant_reaches_nothing_of_anothers(posterm):
    posterm("merchant", "register", "--mobile", PERSON.mobile)
    refused = posterm("merchant", "choose-device", ACCOUNT, "--model", "smart", "--as", "A00000002")
    assert refused.exit_code == 2
    assert refused.stderr.startswith("error: no such")


def test_commands_have_names_of_their_own():
    names = [(operation.group, operation.command) for operation in OPERATIONS]
    assert len(set(names)) == len(names)
    paths = [(operation.reads, operation.path) for operation in OPERATIONS]
    assert len(set(paths)) == len(paths)
