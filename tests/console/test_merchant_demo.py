"""The story of a merchant, in both languages: everything goes as it should, and nobody's data is shown."""

from __future__ import annotations

import json

import pytest

from simulators.lives.paperwork import Person


@pytest.mark.parametrize(
    ("lang", "words"), [("zh", "普通个人不能办理"), ("en", "an ordinary person cannot have a terminal")]
)
def test_the_story_goes_as_it_should(posterm, lang, words):
    told = posterm("demo", "--merchant", "--lang", lang)
    assert told.exit_code == 0, told.output
    assert words in told.output
    person = Person(1)
    for secret in (person.identity_number, person.mobile, person.bank_card, person.name, person.password):
        assert secret not in told.output


def test_the_story_for_machines_has_every_step(posterm):
    document = json.loads(posterm("demo", "--merchant", "--json").output)
    assert (document["good"], document["faults"], document["proof"]["faults"]) == (True, [], [])
    assert len(document["steps"]) == 9
