"""A host and its issuers over TCP: asked, silent, gone and back; in the end the books of all agree."""

from __future__ import annotations

import asyncio
from datetime import timedelta

from posterm.console.views.host_status import status_lines
from posterm.host.switch.stand_in import StandInRules
from posterm.runtime import clock, issuer_links
from posterm.runtime.host_metrics import HostMetrics
from posterm.runtime.host_status import HostStatus
from posterm.unionpay.transactions import Kind
from tests.host.switch_place import EAST, EAST_PAN, WEST, WEST_PAN
from tests.runtime.issuer_ends import Ends, connected
from tests.runtime.served_host import play


def sale(ends: Ends, pan, amount: int = 1000, pin: str | None = "123456"):
    terminal = ends.place.terminal
    return terminal.request(Kind.SALE, amount, elements=terminal.card(pan, pin))


def test_sales_reach_the_issuers_of_their_cards():
    async def scene():
        async with connected() as ends:
            answers = await asyncio.gather(
                *(ends.answered(sale(ends, pan, 100 + number)) for number in range(10) for pan in (EAST_PAN, WEST_PAN))
            )
            assert {answer.code for answer in answers} == {"00"}
            assert ends.place.owed_by(EAST) == ends.place.owed_by(WEST) == sum(range(100, 110))
            ends.place.prove()

    play(scene)


def test_a_silent_issuer_is_given_up_and_its_reversal_repeated_until_it_is_answered(monkeypatch):
    monkeypatch.setattr(issuer_links, "ANSWER_S", 0.3)

    async def scene():
        async with connected(timeout_s=0.3) as ends:
            ends.moods[EAST].silent = True
            answer = await ends.answered(sale(ends, EAST_PAN))
            assert answer.code == "98"
            assert (await ends.answered(sale(ends, WEST_PAN))).code == "00"
            await ends.until(lambda: "0421" in ends.moods[EAST].heard)
            ends.moods[EAST].silent = False
            await ends.until(lambda: "forward-taken" in ends.told)
            ends.place.prove()

    play(scene)


def test_an_issuer_that_is_gone_gets_91_and_is_asked_again_when_it_is_back():
    async def scene():
        async with connected() as ends:
            assert (await ends.answered(sale(ends, EAST_PAN))).code == "00"
            await ends.stop_issuer(EAST)
            await ends.until(lambda: not ends.is_up(EAST))
            assert (await ends.answered(sale(ends, EAST_PAN))).code == "91"
            assert (await ends.answered(sale(ends, WEST_PAN))).code == "00"
            await ends.start_issuer(EAST)
            await ends.until(lambda: ends.is_up(EAST))
            assert (await ends.answered(sale(ends, EAST_PAN))).code == "00"
            ends.place.prove()
            assert ends.told.count("issuer-down") == 1

    play(scene)


def test_what_was_approved_in_an_issuers_place_is_told_when_it_is_back():
    async def scene():
        async with connected(StandInRules(amount_max_minor=5000)) as ends:
            await ends.stop_issuer(EAST)
            await ends.until(lambda: not ends.is_up(EAST))
            assert (await ends.answered(sale(ends, EAST_PAN, pin=None))).code == "00"
            await ends.start_issuer(EAST)
            await ends.until(lambda: "forward-taken" in ends.told)
            assert ends.place.issuers[EAST].owes == 1000
            ends.place.prove()

    play(scene)


def test_what_a_dead_host_on_the_same_store_has_left_is_given_up_and_delivered():
    async def scene():
        async with connected() as ends:
            place = ends.place
            place.terminal.now = clock.now()
            assert place.terminal.send(sale(ends, EAST_PAN)).reply.suspended is not None
            place.host.give_up_overdue(clock.now() + timedelta(minutes=1))
            await ends.until(lambda: "forward-taken" in ends.told)
            place.prove()

    play(scene)


def test_status_and_metrics_tell_of_every_link():
    async def scene():
        async with connected() as ends:
            await ends.answered(sale(ends, EAST_PAN))
            await ends.stop_issuer(WEST)
            await ends.until(lambda: not ends.is_up(WEST))
            told = {row["name"]: row for row in HostStatus(ends.service).document()["issuers"]}
            assert (told[EAST]["state"], told[EAST]["asked"], told[EAST]["answered"]) == ("up", 1, 1)
            assert told[WEST]["state"] != "up"
            assert f"issuer {EAST} at " in "\n".join(status_lines(HostStatus(ends.service).document()))
            metrics = HostMetrics(ends.service).text().decode()
            assert f'posterm_host_issuer_up{{issuer="{EAST}"}} 1.0' in metrics
            assert f'posterm_host_issuer_up{{issuer="{WEST}"}} 0.0' in metrics
            assert f'posterm_host_issuer_asked_total{{issuer="{EAST}"}} 1.0' in metrics

    play(scene)


def test_a_host_that_stops_waits_for_what_it_has_asked():
    async def scene():
        async with connected() as ends:
            asked = asyncio.create_task(ends.answered(sale(ends, EAST_PAN)))
            await ends.until(lambda: "suspended" in ends.told)
            await ends.service.stop()
            assert (await asked).code == "00"
            ends.place.prove()

    play(scene)
