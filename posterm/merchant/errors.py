"""The back office's own faults.

PostermError
└─ MerchantError           a request that the back office cannot carry out
   ├─ NotFoundError        no such document
   ├─ NotNowError          an event that the state does not take
   ├─ NotAllowedError      an actor who may not do this, or whose it is not
   ├─ UnknownTokenError    a token that nobody was given, or that has ended
   ├─ OtherRequestError    a request's own key that was used for another request
   └─ RefusedError         carried out, and refused: with every problem that was found
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from posterm.errors import PostermError

if TYPE_CHECKING:
    from posterm.merchant.problem import Problem


class MerchantError(PostermError):
    """A request that the back office cannot carry out."""


class NotFoundError(MerchantError):
    """No such document, or none that this actor may see: the two are not told apart."""


class NotNowError(MerchantError):
    """An event that the state does not take; the text says which events it does."""


class NotAllowedError(MerchantError):
    """An actor who may not do this."""


class UnknownTokenError(MerchantError):
    """A token that nobody was given, or that has ended."""


class OtherRequestError(MerchantError):
    """A request's own key that was used for a request which asked for something else."""


class RefusedError(MerchantError):
    """What was handed in is refused.

    Args:
        problems: everything that is wrong with it, each with its place and what to do.
    """

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = tuple(problems)
        super().__init__(
            "; ".join(f"{each.path}: {each.english}" if each.path else each.english for each in self.problems)
        )
