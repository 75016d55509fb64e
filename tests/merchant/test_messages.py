"""Messages: every event of every machine, every tale told and every kind of document has words in both languages."""

from __future__ import annotations

import ast
from functools import cache
from pathlib import Path

import pytest

from posterm.merchant import NotFoundError
from posterm.merchant import parts as every_part
from posterm.merchant.actor import Actor, Role
from posterm.merchant.cases import CaseTopic, open_case
from posterm.merchant.document import Document
from posterm.merchant.machines import MACHINES
from posterm.merchant.message_words import DETAILS, EVENTS, NOUNS
from posterm.merchant.messages import message_of, outbox
from posterm.merchant.news import News
from posterm.merchant.problem import Language
from tests.merchant.hand_office import NOW

ANN, BOB = Actor(Role.MERCHANT, "A00000001"), Actor(Role.MERCHANT, "A00000002")
NOT_TOLD = {"clock", "delivery", "kept-answer", "mark", "news", "settlement-round", "terminal-site"}


@cache
def tells() -> list[ast.Call]:
    """Every place where an office tells something."""
    trees = (ast.parse(path.read_text(encoding="utf-8")) for path in Path(every_part.__file__).parent.glob("*.py"))
    nodes = (node for tree in trees for node in ast.walk(tree) if isinstance(node, ast.Call))
    return [node for node in nodes if isinstance(node.func, ast.Attribute) and node.func.attr == "tell" and node.args]


def told_events() -> set[str]:
    told = [node for node in tells() if len(node.args) == 3]
    return {node.args[1].value for node in told if isinstance(node.args[1], ast.Constant)}


def test_every_event_has_words():
    events = {event for machine in MACHINES for event in machine.events}
    assert sorted((events | told_events()) - set(EVENTS)) == []


def test_every_kind_of_document_that_is_told_of_has_words():
    kinds = {each.kind for each in Document.__subclasses__() if each.__module__.startswith("posterm.")}
    assert sorted(kinds - NOT_TOLD - set(NOUNS)) == []


def test_every_detail_has_words():
    names = {word.arg for node in tells() if len(node.args) == 3 for word in node.keywords} - {"before", "after", None}
    assert sorted(names - set(DETAILS)) == []


@pytest.mark.parametrize(
    ("topic", "details", "chinese", "english"),
    [
        ("payout.fail", {"reason": "bank-refused-name"},
         "【结算付款】X1：未成功（原因：银行退回：户名不符）",
         "[payout] X1: failed (reason: the bank refused: another holder)"),
        ("device.fault-printer", {}, "【终端设备】X1：上报故障 printer", "[device] X1: reports a fault printer"),
        ("case.solve", {}, "【工单】X1：已解决", "[case] X1: solved"),
        ("thing.happens", {"how": "so"}, "【thing】X1：happens（how：so）", "[thing] X1: happens (how: so)"),
    ],
)  # fmt: skip
def test_a_message_says_what_happened_in_both_languages(topic, details, chinese, english):
    news = News(key="0000000001", at=NOW.isoformat(), topic=topic, about="X1", details=details)
    assert message_of(news, Language.CHINESE).text == chinese
    assert message_of(news, Language.ENGLISH).text == english


def test_an_outbox_is_its_merchants_own_and_read_in_pages(office):
    for _ in range(3):
        open_case(office, ANN, ANN.subject, CaseTopic.OTHER, "hello", NOW)
    first = outbox(office, ANN, ANN.subject, most=2)
    rest = outbox(office, ANN, ANN.subject, after=first[-1].number)
    assert [len(first), len(rest)] == [2, 1]
    assert outbox(office, BOB, BOB.subject) == []
    with pytest.raises(NotFoundError):
        outbox(office, BOB, ANN.subject)
