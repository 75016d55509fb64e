"""What people write in their own words: kept as they wrote it, but for long numbers.

Nobody can stop a merchant from writing a customer's card number into a message. So every run of digits as long as a
card, account, identity or mobile number keeps its last four only, before anything is kept or sent.
"""

from __future__ import annotations

import re
from typing import Final

MOST_CHARACTERS: Final = 2000

_LONG_NUMBER: Final = re.compile(r"\d(?:[ -]?\d){8,}[\dXx]?")
_SHOWN: Final = 4


def free_text(text: str) -> str:
    """A text without long numbers, cut at 2000 characters.

    >>> free_text("my card 6212 3456 7890 1265 was charged twice")
    'my card ***************1265 was charged twice'
    """
    cut = text.strip()[:MOST_CHARACTERS]
    return _LONG_NUMBER.sub(lambda found: "*" * (len(found[0]) - _SHOWN) + found[0][-_SHOWN:], cut)
