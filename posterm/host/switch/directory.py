"""Which issuer over the network a card number belongs to: the longest prefix wins, none is this host's own."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from posterm.host.errors import TermsError

if TYPE_CHECKING:
    from posterm.host.switch.over_link import IssuerOverLink


class IssuerDirectory:
    """Issuers by name and by prefix.

    Raises: TermsError: two of one name, or two for one prefix.
    """

    def __init__(self, issuers: Iterable[IssuerOverLink] = ()) -> None:
        self._by_name: dict[str, IssuerOverLink] = {}
        self._by_prefix: dict[str, IssuerOverLink] = {}
        for issuer in issuers:
            if issuer.name in self._by_name:
                raise TermsError(f"issuers: need different names, have {issuer.name!r} twice")
            self._by_name[issuer.name] = issuer
            for prefix in issuer.terms.prefixes:
                if prefix in self._by_prefix:
                    raise TermsError(f"issuers: need one issuer for each prefix, have two for {prefix}")
                self._by_prefix[prefix] = issuer
        self._lengths = sorted({len(prefix) for prefix in self._by_prefix}, reverse=True)

    def __bool__(self) -> bool:
        return bool(self._by_name)

    def __iter__(self) -> Iterator[IssuerOverLink]:
        return iter(self._by_name.values())

    def named(self, name: str) -> IssuerOverLink | None:
        """The issuer of this name, if there is one still."""
        return self._by_name.get(name)

    def of_card(self, pan: str) -> IssuerOverLink | None:
        """The issuer of a card number; None when it is none of these."""
        for length in self._lengths:
            found = self._by_prefix.get(pan[:length])
            if found is not None:
                return found
        return None
