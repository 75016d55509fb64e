"""The outbox: every piece of news as a message to its merchant, in Chinese or English.

It stands for text messages and push messages. Nothing is kept twice: a message is made from its news when it is read.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from pydantic import BaseModel, ConfigDict

from posterm.merchant.actor import Actor
from posterm.merchant.message_words import DETAILS, EVENTS, FAULT, NOUNS, Words
from posterm.merchant.money_problems import MONEY_PROBLEMS
from posterm.merchant.news import News
from posterm.merchant.office import Office
from posterm.merchant.problem import Language

MOST: Final = 1000
"""Messages that one call gives."""

_FAULT_PREFIX: Final = "fault-"


class Message(BaseModel):
    """One message. `number` is its news' key; the next page begins after the last."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    number: str
    at: str
    topic: str
    about: str
    text: str


def outbox(
    office: Office,
    actor: Actor,
    subject: str,
    *,
    language: Language = Language.CHINESE,
    after: str = "",
    most: int = 100,
) -> list[Message]:
    """Messages to a merchant, the oldest first. Verification codes are not among them: they are for one mobile only.

    Args:
        subject: the merchant's account.
        after: the number of the last message that was read, empty to begin.
    Raises: NotFoundError: another merchant's account.
    """
    actor.must_own(subject, "account")
    told = office.cabinet.find(News, subject=subject)
    news = (each for each in told if each.key > after and not each.topic.endswith(".send-code"))
    return [message_of(each, language) for _, each in zip(range(min(most, MOST)), news, strict=False)]


def message_of(news: News, language: Language) -> Message:
    """The message of a piece of news."""
    return Message(number=news.key, at=news.at, topic=news.topic, about=news.about, text="".join(_text(news, language)))


def _text(news: News, language: Language) -> Iterator[str]:
    chinese = language is Language.CHINESE
    noun, _, event = news.topic.partition(".")
    if chinese:
        yield f"【{_word(NOUNS, noun, language)}】{news.about}：{_happened(event, language)}"
    else:
        yield f"[{_word(NOUNS, noun, language)}] {news.about}: {_happened(event, language)}"
    details = (
        f"{_word(DETAILS, name, language)}{'：' if chinese else ': '}{_value(value, language)}"
        for name, value in news.details.items()
    )
    if news.details:
        yield f"（{'；'.join(details)}）" if chinese else f" ({'; '.join(details)})"


def _happened(event: str, language: Language) -> str:
    if event.startswith(_FAULT_PREFIX) and event not in EVENTS:
        return f"{FAULT[language is Language.ENGLISH]} {event.removeprefix(_FAULT_PREFIX)}"
    return _word(EVENTS, event, language)


def _value(value: str, language: Language) -> str:
    problem = MONEY_PROBLEMS.get(value)
    return value if problem is None else problem.at().text(language)


def _word(words: Words, name: str, language: Language) -> str:
    """The word for a name, or the name itself when there is none."""
    return words.get(name, (name, name))[language is Language.ENGLISH]
