"""Is this the answer to that request? And if not, which element says so.

An answer matches when its MTI is the request's with the third digit plus one and every element of `ECHOED` that both
carry is the same. A frame that is no answer to this request is a near miss: it is told with the elements that differ,
because "an 0210 came, but for another trace number" is what an engineer needs to read.
"""

from __future__ import annotations

from typing import Final

from posterm.iso8583 import Message
from posterm.unionpay.transactions import response_mti

ECHOED: Final = (3, 4, 11, 41, 42, 49)
"""Elements that an answer repeats from its request. DE 4 is compared only where both carry one."""


def differences(request: Message, answer: Message) -> list[str]:
    """What tells the two apart; empty when `answer` answers `request`.

    >>> request = Message("0200", {11: "000007", 41: "10000001"})
    >>> differences(request, Message("0210", {11: "000006", 41: "10000001"}))
    ['DE 11 is 000006, not 000007']
    >>> differences(request, Message("0410", {11: "000007", 41: "10000001"}))
    ['MTI is 0410, not 0210']
    """
    found: list[str] = []
    expected = response_mti(request.mti)
    if answer.mti != expected:
        found.append(f"MTI is {answer.mti}, not {expected}")
    for element in ECHOED:
        asked, given = request.get(element), answer.get(element)
        if asked is not None and given is not None and asked != given:
            found.append(f"DE {element} is {given}, not {asked}")
    found += [f"DE {element} is missing" for element in (11, 41) if element in request and element not in answer]
    if 11 not in request and _network(request) != _network(answer):
        # An echo or a download has no trace number; its network code is all that tells it from another.
        found.append("60.3 is another")
    return found


def _network(message: Message) -> str:
    return str(message.get(60, ""))[8:11]
