"""The retraining sensor misses no measurement, trains a model once for each, and asks until the model has been trained."""

from datetime import datetime, timezone
from typing import Any

import dagster as dg
import pytest

from mlops_assets.orchestration import retraining as module
from mlops_assets.orchestration.retraining import Progress, Retraining, retraining_sensor
from mlops_assets_tests.orchestration.small_graph import MONTHS
from mlops_assets_tests.platforms import StoppedClock

DATA, DRIFT, EVALUATION = (dg.AssetKey(name) for name in ("crimes", "drift", "evaluation"))


@dg.asset(partitions_def=MONTHS)
def evaluation() -> None: ...


TRAIN = dg.define_asset_job("train", [evaluation])


class Monitor:
    """A sensor whose ticks are evaluated by hand, over an instance to which measurements are reported."""

    def __init__(self, instance: dg.DagsterInstance, *, is_trained_anyway: bool = False, model: str | None = "2024-06") -> None:
        self.instance, self.cursor = instance, None
        self.now = datetime.now(timezone.utc)
        retraining = Retraining(
            name="weather_retraining",
            description="Trains again.",
            monitoring_key=DRIFT,
            data_key=DATA,
            job=TRAIN,
            outcome_key=EVALUATION,
            model_partition=lambda measured, _: model or measured,
            is_trained_anyway=is_trained_anyway,
        )
        sensor = retraining_sensor(retraining, automation_enabled=False)
        self.definitions = dg.Definitions([evaluation], jobs=[TRAIN], sensors=[sensor])

    def measured(self, *months: str, is_due: bool = True) -> None:
        """Report rows of months and what was measured of them."""
        for month in months:
            self.instance.report_runless_asset_event(dg.AssetMaterialization(DATA, partition=month))
            said: dict[str, Any] = {"is_retraining_due": is_due, "reasons": f"{month} drifted " * 50}
            self.instance.report_runless_asset_event(dg.AssetMaterialization(DRIFT, partition=month, metadata=said))

    def trained(self, month: str) -> None:
        """Report a model's evaluation."""
        self.instance.report_runless_asset_event(dg.AssetMaterialization(EVALUATION, partition=month))

    def tick(self) -> Any:
        """Evaluate the sensor."""
        context = dg.build_sensor_context(
            instance=self.instance, definitions=self.definitions, cursor=self.cursor, resources={"clock": StoppedClock(self.now)}
        )
        result: Any = self.definitions.resolve_sensor_def("weather_retraining")(context)
        self.cursor = result.cursor
        return result

    def asked(self) -> list[str | None]:
        """Evaluate the sensor and return the models that it wants trained."""
        return [request.partition_key for request in self.tick().run_requests or []]


def test_every_measurement_of_a_backfill_counts(instance: dg.DagsterInstance) -> None:
    """Dagster's asset sensors look at the newest event of a tick; here each month's own model is trained."""
    monitor = Monitor(instance, model=None)
    assert monitor.asked() == []
    monitor.measured("2024-01", "2024-02", "2024-03")
    monitor.measured("2024-04", is_due=False)
    assert monitor.asked() == ["2024-01", "2024-02", "2024-03"]


def test_several_measurements_train_one_model_once(instance: dg.DagsterInstance) -> None:
    """Three drifted months call for the same current model."""
    monitor = Monitor(instance)
    monitor.asked()
    monitor.measured("2024-01", "2024-02", "2024-03")
    assert monitor.asked() == ["2024-06"]
    monitor.trained("2024-06")
    assert monitor.asked() == []


def test_training_is_asked_for_until_it_is_done(instance: dg.DagsterInstance) -> None:
    """A run that never came is asked for again; a measurement that is repeated after the training is not."""
    monitor = Monitor(instance)
    monitor.measured("2024-01")
    first = monitor.tick().run_requests[0]
    assert monitor.asked() == ["2024-06"]
    assert len(first.tags["reason"]) == 200
    monitor.trained("2024-06")
    assert monitor.asked() == []
    monitor.measured("2024-01")
    assert monitor.asked() == []


def test_model_that_has_learned_from_the_measured_rows_is_not_trained_again(instance: dg.DagsterInstance) -> None:
    """Drift of old months, measured in a backfill, says nothing about a model that was trained on them since."""
    monitor = Monitor(instance)
    instance.report_runless_asset_event(dg.AssetMaterialization(DATA, partition="2024-01"))
    monitor.trained("2024-06")
    said: dict[str, Any] = {"is_retraining_due": True, "reasons": "drifted"}
    instance.report_runless_asset_event(dg.AssetMaterialization(DRIFT, partition="2024-01", metadata=said))
    result = monitor.tick()
    assert not result.run_requests
    assert "a model has been trained on these rows already" in str(result.skip_reason.skip_message)


def test_first_training_is_left_to_others_where_they_do_it(instance: dg.DagsterInstance) -> None:
    """The current month's model is about to be trained anyway, on the same rows."""
    monitor = Monitor(instance, is_trained_anyway=True)
    monitor.measured("2024-05")
    result = monitor.tick()
    assert not result.run_requests
    assert "The model of 2024-06 is about to be trained for the first time" in str(result.skip_reason.skip_message)
    monitor.trained("2024-06")
    assert monitor.asked() == []


def test_run_of_the_same_model_is_waited_for(instance: dg.DagsterInstance) -> None:
    """Whoever started it."""
    monitor = Monitor(instance)
    monitor.measured("2024-05")
    instance.create_run_for_job(monitor.definitions.resolve_job_def("train"), tags={"dagster/partition": "2024-06"})
    assert monitor.asked() == []


def test_long_history_is_read_over_several_ticks(instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch) -> None:
    """A tick ends in time and the next one goes on where it ended; no measurement is passed over."""
    monkeypatch.setattr(module, "_PAGE", 2)
    monitor = Monitor(instance, model=None)
    monitor.asked()
    months = [f"2024-{number:02d}" for number in range(1, 6)]
    monitor.measured(*months)
    times = iter([0.0, 1.0, 50.0] * 3)
    monkeypatch.setattr(module.time, "monotonic", lambda: next(times))
    asked = [set(monitor.asked()) for _ in range(3)]
    assert [len(each) for each in asked] == [2, 4, 5]
    assert asked[-1] == set(months)


def test_first_tick_begins_with_the_latest_measurement(instance: dg.DagsterInstance) -> None:
    """Switching the sensor on does not train for everything that was ever measured."""
    monitor = Monitor(instance, model=None)
    monitor.measured("2024-01", "2024-02")
    assert monitor.asked() == ["2024-02"]


@pytest.mark.parametrize("cursor", [None, "", "no json", "[]", '{"seen": 1}', '{"seen": "x", "due": [], "asked": []}'])
def test_cursor_that_is_not_ours_starts_over(cursor: str | None) -> None:
    """As after an upgrade from an earlier release, whose cursor was an event's number."""
    assert Progress.parse(cursor, first_seen=7) == Progress(7)


def test_memory_of_trainings_is_bounded() -> None:
    """The cursor does not grow for years."""
    progress = Progress(1, asked=[f"2024-01 because of {number}" for number in range(1_000)])
    assert len(progress.dump()) < 10_000
