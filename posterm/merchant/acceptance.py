"""The acceptance test: whoever installs a device sees it start, read each kind of card, take a payment and print."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import ClassVar

from pydantic import Field

from posterm.merchant.actor import SYSTEM, Actor, Role
from posterm.merchant.cases import CaseTopic, open_case
from posterm.merchant.device import Device, device_in_hand
from posterm.merchant.device_problems import refuse_if
from posterm.merchant.document import Document
from posterm.merchant.errors import NotNowError
from posterm.merchant.free_text import free_text
from posterm.merchant.machines import ACCEPTANCE
from posterm.merchant.office import Office


class Acceptance(Document):
    """One test of one device. `checks` says of each what came of it, empty for all well, else the anomaly."""

    kind: ClassVar[str] = "acceptance"

    device: str
    checks: dict[str, str] = Field(default_factory=dict)
    started_at: str = ""
    ended_at: str = ""

    @property
    def anomalies(self) -> dict[str, str]:
        """What went wrong, by check."""
        return {check: anomaly for check, anomaly in self.checks.items() if anomaly}


def start_acceptance(office: Office, actor: Actor, serial: str, now: datetime) -> Acceptance:
    """Begin the test of a device that has signed on. Raises: NotNowError: it has not."""
    device = device_in_hand(office, actor, serial)
    if device.state not in ("READY", "ACTIVE"):
        raise NotNowError(f"device {serial}: {device.state} cannot be tested before it has signed on")
    with office.all_or_nothing():
        test = Acceptance(
            key=f"T{office.cabinet.next_number('acceptance'):08d}",
            subject=device.subject,
            state=ACCEPTANCE.initial,
            device=serial,
            started_at=now.isoformat(),
        )
        office.cabinet.put(test)
        office.tell(test, "start", now, after=test.state)
        return test


def report_checks(office: Office, actor: Actor, key: str, checks: Mapping[str, str], now: datetime) -> Acceptance:
    """Say what came of some checks; a later word on one takes the place of an earlier.

    Args:
        checks: by name, see `device_models.Check`; the anomaly, empty for none.
    Raises: RefusedError: the model has no such check; NotNowError: the test is over.
    """
    test = need_acceptance(office, actor, key)
    ACCEPTANCE.after(test.state, "report")
    known = office.cabinet.need(Device, test.device).of_model.checks
    refuse_if([("check-unknown", f"checks[{check}]", check not in known) for check in checks])
    with office.all_or_nothing():
        return office.move(
            ACCEPTANCE,
            test,
            "report",
            now,
            checks=test.checks | {check: free_text(anomaly) for check, anomaly in checks.items()},
        )


def finish_acceptance(office: Office, actor: Actor, key: str, now: datetime) -> Acceptance:
    """End the test: passed when no check showed an anomaly. Raises: RefusedError: a check was not done."""
    test = need_acceptance(office, actor, key)
    needed = office.cabinet.need(Device, test.device).of_model.checks
    refuse_if([("check-missing", f"checks[{check}]", check not in test.checks) for check in needed])
    with office.all_or_nothing():
        ended = office.move(ACCEPTANCE, test, "fail" if test.anomalies else "pass", now, ended_at=now.isoformat())
        if ended.anomalies:
            text = "acceptance test: " + "; ".join(f"{check}: {found}" for check, found in ended.anomalies.items())
            open_case(office, SYSTEM, ended.subject, CaseTopic.DEVICE, text, now, about=key)
        return ended


def repeat_acceptance(office: Office, actor: Actor, key: str, now: datetime) -> Acceptance:
    """Test again from the beginning what has failed. Raises: NotNowError."""
    test = need_acceptance(office, actor, key)
    with office.all_or_nothing():
        return office.move(ACCEPTANCE, test, "repeat", now, checks={}, ended_at="")


def need_acceptance(office: Office, actor: Actor, key: str) -> Acceptance:
    """A test that the actor may see. Raises: NotFoundError."""
    actor.must_be(Role.MERCHANT, Role.OPERATOR)
    test = office.cabinet.need(Acceptance, key)
    actor.must_own(test.subject, Acceptance.kind)
    return test
