"""What serving counts, for Prometheus; with several processes, each answers for all."""

from __future__ import annotations

import os
import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from prometheus_client import CollectorRegistry, Counter, Histogram

    from mlops_assets.serving.champions import Champions, ModelName
    from mlops_assets.serving.prediction_log import PredictionLog

SHARED_FOLDER = "PROMETHEUS_MULTIPROC_DIR"
"""The variable by which prometheus_client learns, before its first import, where processes share what they count."""

_BUCKETS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)


class ServingMetrics:
    """Counters and histograms of a process, in a registry of their own."""

    def __init__(self, registry: CollectorRegistry | None = None) -> None:
        """Register the metrics in `registry`, a new one by default."""
        from prometheus_client import CollectorRegistry, Counter, Histogram

        self.registry = registry or CollectorRegistry()
        model = ("domain", "model", "protocol")
        self._predictions = Counter("mlops_predictions", "Records that were answered.", model, registry=self.registry)
        self._duration = Histogram(
            "mlops_prediction_seconds", "Time to answer a request for predictions.", model, buckets=_BUCKETS, registry=self.registry
        )
        self._errors = Counter(
            "mlops_request_errors", "Requests that were not answered.", ("protocol", "code"), registry=self.registry
        )
        self._children: dict[tuple[str, str, str], tuple[Counter, Histogram]] = {}
        self._state: _State | None = None

    def count_predictions(self, name: ModelName, protocol: str, records: int, seconds: float) -> None:
        """Count a request that was answered."""
        key = (name.domain, name.name, protocol)
        if key not in self._children:
            self._children[key] = (self._predictions.labels(*key), self._duration.labels(*key))
        predictions, duration = self._children[key]
        predictions.inc(records)
        duration.observe(seconds)

    def count_error(self, protocol: str, code: str) -> None:
        """Count a request that was not answered."""
        self._errors.labels(protocol, code).inc()

    def watch(self, champions: Champions, log: PredictionLog | None) -> None:
        """Show what champions and log are like, too."""
        self._state = _State(champions, log, self.registry)

    def update(self) -> None:
        """Note what champions and log are like now. Where several processes answer, each does so every second or so."""
        if self._state is not None:
            self._state.update()

    def exposition(self) -> bytes:
        """Return all metrics in Prometheus' text format: those of all processes that share a folder, else those of this one."""
        from prometheus_client import CollectorRegistry, generate_latest

        self.update()
        if SHARED_FOLDER not in os.environ:
            return generate_latest(self.registry)
        from prometheus_client.multiprocess import MultiProcessCollector

        shared = CollectorRegistry()
        MultiProcessCollector(shared)
        return generate_latest(shared)


class _State:
    """Gauges and counters of what champions and log are like."""

    def __init__(self, champions: Champions, log: PredictionLog | None, registry: CollectorRegistry) -> None:
        from prometheus_client import Counter, Gauge

        self._champions, self._log = champions, log
        model = ("domain", "model")
        newest, oldest = "Version that answers; the newest of all processes.", "Version that answers; the oldest of all processes."
        # While not all processes have loaded a new champion, the two differ.
        self._versions = (
            Gauge("mlops_champion_version", newest, model, registry=registry, multiprocess_mode="livemax"),
            Gauge("mlops_champion_oldest_version", oldest, model, registry=registry, multiprocess_mode="livemin"),
        )
        self._registry_up = Gauge(
            "mlops_registry_up",
            "Whether the champions could be looked up the last time.",
            registry=registry,
            multiprocess_mode="livemin",
        )
        self._written = Counter("mlops_logged_predictions", "Predictions noted in the event log.", registry=registry)
        self._lost = Counter("mlops_lost_predictions", "Predictions that could not be noted.", registry=registry)
        self._waiting = Gauge(
            "mlops_waiting_predictions", "Predictions not noted yet.", registry=registry, multiprocess_mode="livesum"
        )
        self._counted = {"written": 0, "lost": 0}
        self._updating = threading.Lock()

    def update(self) -> None:
        with self._updating:
            self._update()

    def _update(self) -> None:
        for name, status in self._champions.models.items():
            for gauge in self._versions if status.served else ():
                gauge.labels(name.domain, name.name).set((status.served and status.served.version.version) or 0)
        self._registry_up.set(self._champions.source_problem is None)
        if self._log is not None:
            self._catch_up(self._written, "written", self._log.written)
            self._catch_up(self._lost, "lost", self._log.lost)
            self._waiting.set(self._log.waiting)

    def _catch_up(self, counter: Counter, name: str, total: int) -> None:
        counter.inc(total - self._counted[name])
        self._counted[name] = total
