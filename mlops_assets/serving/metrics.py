"""What serving counts, for Prometheus."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from prometheus_client import CollectorRegistry

    from mlops_assets.serving.champions import Champions, ModelName
    from mlops_assets.serving.prediction_log import PredictionLog

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
        """Show what champions and log are like whenever somebody looks."""
        from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily

        class _State:
            def collect(self) -> object:
                versions = GaugeMetricFamily("mlops_champion_version", "Version that answers.", labels=("domain", "model"))
                for name, status in champions.models.items():
                    if status.served is not None:
                        versions.add_metric((name.domain, name.name), status.served.version.version or 0)
                yield versions
                source = "Whether the champions could be looked up the last time."
                yield GaugeMetricFamily("mlops_registry_up", source, value=float(champions.source_problem is None))
                if log is not None:
                    yield CounterMetricFamily("mlops_logged_predictions", "Predictions noted in the event log.", value=log.written)
                    yield CounterMetricFamily("mlops_lost_predictions", "Predictions that could not be noted.", value=log.lost)
                    yield GaugeMetricFamily("mlops_waiting_predictions", "Predictions not noted yet.", value=log.waiting)

        self.registry.register(_State())  # type: ignore[arg-type]
