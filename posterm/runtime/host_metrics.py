"""A served host's counts as Prometheus reads them: the door to `prometheus_client`.

Nothing is counted here: the numbers are read from the service when a scraper asks, so that serving pays nothing for it.

Source: Prometheus, text exposition format.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import accumulate
from typing import Final

from prometheus_client import CollectorRegistry, ProcessCollector, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector

from posterm.runtime.host_counts import BATCH_SECONDS
from posterm.runtime.issuer_links import LinkStanding
from posterm.runtime.run_host import HostService, State

CONTENT_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"


class HostMetrics:
    """The metrics of one service, and of the process it runs in."""

    def __init__(self, service: HostService) -> None:
        self._registry = CollectorRegistry(auto_describe=False)
        self._registry.register(_ServiceCollector(service))
        ProcessCollector(registry=self._registry)

    def text(self) -> bytes:
        """All metrics as they stand."""
        return generate_latest(self._registry)


class _ServiceCollector(Collector):
    def __init__(self, service: HostService) -> None:
        self._service = service

    def collect(self) -> Iterator[Metric]:
        service, counts = self._service, self._service.counts
        for name, text, value in (
            ("ready", "1 while requests are taken.", service.state is State.READY),
            ("store_up", "0 after a commit that failed, until one is kept.", not service.store_fault),
            ("connections", "Connections that are open.", service.connections),
            ("connections_limit", "Connections that may be open.", service.limits.connections),
            ("frames_waiting", "Frames that wait for their batch.", service.frames_waiting),
            ("largest_batch_frames", "Frames in the largest batch so far.", counts.largest_batch),
        ):
            yield GaugeMetricFamily(f"posterm_host_{name}", text, value=float(value))
        for name, text, count in (
            ("accepted_connections", "Connections taken in.", counts.connections),
            ("frames", "Frames handled in batches that were kept.", counts.frames),
            ("answers", "Frames answered.", counts.answers),
        ):
            yield CounterMetricFamily(f"posterm_host_{name}", text, value=float(count))
        events = CounterMetricFamily("posterm_host_events", "Events, by name.", labels=["event"])
        for event, number in counts.events.items():
            events.add_metric([event], float(number))
        yield events
        declines = CounterMetricFamily(
            "posterm_host_declines", "Declines, by answer code and the check that gave it.", labels=["code", "check"]
        )
        for (code, check), number in counts.declines.items():
            declines.add_metric([code, check], float(number))
        yield declines
        yield from self._issuers()
        yield self._batch_times()

    def _issuers(self) -> Iterator[Metric]:
        lines = self._service.links.lines
        if not lines:
            return
        up = GaugeMetricFamily("posterm_host_issuer_up", "1 while an issuer can be asked.", labels=["issuer"])
        for name, line in lines.items():
            up.add_metric([name], float(line.standing is LinkStanding.UP))
        yield up
        for count, text in (
            ("asked", "Requests sent to an issuer."),
            ("silent", "Requests an issuer has not answered."),
            ("forwarded", "Reversals and advices an issuer has taken."),
            ("connections", "Connections to an issuer."),
        ):
            family = CounterMetricFamily(f"posterm_host_issuer_{count}", text, labels=["issuer"])
            for name, line in lines.items():
                family.add_metric([name], float(getattr(line.counts, count)))
            yield family

    def _batch_times(self) -> HistogramMetricFamily:
        counts = self._service.counts
        bounds = [*map(str, BATCH_SECONDS), "+Inf"]
        return HistogramMetricFamily(
            "posterm_host_batch_seconds",
            "How long batches took, commit included.",
            buckets=[*zip(bounds, map(float, accumulate(counts.batches_by_time)), strict=True)],
            sum_value=counts.batch_seconds,
        )
