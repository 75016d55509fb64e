"""The issuer in this process: its checks are steps like all others, and the posting itself is its last word."""

from __future__ import annotations

from posterm.host import chip, issuer, postings
from posterm.host.case import Case, Refusal
from posterm.host.records import TransactionRecord
from posterm.host.switch.port import Approval


class IssuerHere:
    """An `IssuerPort` over the cards of this host."""

    def check_card(self, case: Case) -> Refusal | None:
        return issuer.check_card(case)

    def check_chip(self, case: Case) -> Refusal | None:
        return chip.check_chip(case)

    def check_pin(self, case: Case) -> Refusal | None:
        return issuer.check_pin(case)

    def ask(self, case: Case) -> None:
        pass

    def approval(self, case: Case) -> Approval:
        return Approval(balance=postings.balance_text(case), chip_data=chip.issuer_answer(case, "00"))

    def chip_data(self, case: Case, code: str) -> str:
        return chip.issuer_answer(case, code)

    def posted(self, case: Case, record: TransactionRecord) -> None:
        pass


HERE = IssuerHere()
