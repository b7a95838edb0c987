"""Metrics for Prometheus. Labels hold kinds, verbs and codes, never names of users' objects."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

Rows = Iterable[tuple[tuple[str, ...], float]]


class Metrics:
    """All metrics of one operator, in a registry of their own."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        ProcessCollector(registry=self.registry)
        self.reconcile_seconds = Histogram(
            "longshore_reconcile_seconds", "Time of one reconcile, in seconds.", ["kind"], registry=self.registry,
            buckets=(0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 30),
        )  # fmt: skip
        self.reconciles = Counter(
            "longshore_reconciles", "Reconciles, by result.", ["kind", "result"], registry=self.registry
        )
        self.requests = Counter(
            "longshore_api_requests", "Requests to the API server, by HTTP code; 0 is no answer.", ["verb", "resource", "code"],
            registry=self.registry,
        )  # fmt: skip
        self.request_seconds = Histogram(
            "longshore_api_request_seconds",
            "Time of one request to the API server, in seconds.",
            ["verb"],
            registry=self.registry,
        )

    def gauge(self, name: str, help_text: str, read: Callable[[], float]) -> None:
        """A gauge whose value is read at each scrape."""
        Gauge(name, help_text, registry=self.registry).set_function(read)

    def table(self, name: str, help_text: str, labels: list[str], read: Callable[[], Rows]) -> None:
        """A gauge with labels whose rows are counted at each scrape."""
        self.registry.register(_Table(name, help_text, labels, read))

    def observe_request(self, verb: str, resource: str, code: int, seconds: float) -> None:
        self.requests.labels(verb, resource, str(code)).inc()
        if seconds:
            self.request_seconds.labels(verb).observe(seconds)


class _Table(Collector):
    def __init__(self, name: str, help_text: str, labels: list[str], read: Callable[[], Rows]) -> None:
        self._name, self._help, self._labels, self._read = name, help_text, labels, read

    def collect(self) -> Iterable[GaugeMetricFamily]:
        family = GaugeMetricFamily(self._name, self._help, labels=self._labels)
        for values, count in self._read():
            family.add_metric(list(values), count)
        yield family
