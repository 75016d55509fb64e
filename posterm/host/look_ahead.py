"""What the requests of a batch will look up, asked of the store at once: it need not be asked for each of them again.

Nothing depends on it: a store answers the same afterwards, only sooner. Most of what is asked for is new and not there,
and one question for it all costs a database across the network one round trip instead of two for each request.
"""

from __future__ import annotations

from collections.abc import Sequence

from posterm.host.case import Case
from posterm.host.checks import refs_of
from posterm.host.postings import usual_transfers


def look_ahead(cases: Sequence[Case]) -> None:
    """Have the store find out which of these requests it has answered, and which of their transfers it has."""
    if len(cases) > 1:
        store = cases[0].desk.store
        store.transactions_named([ref for case in cases for ref in refs_of(case)])
        store.transfers_named([transfer for case in cases for transfer in usual_transfers(case)])
