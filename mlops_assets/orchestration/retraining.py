"""Train again when monitoring says so: a sensor that misses no measurement and asks until the model has been trained."""

import json
import time
from collections.abc import Callable, Iterator
from dataclasses import astuple, dataclass, field
from datetime import datetime
from typing import Any

import dagster as dg

from mlops_assets.orchestration.automation import sensor_status
from mlops_assets.orchestration.clock import Clock
from mlops_assets.orchestration.requests import Work, ask_again, was_made

IS_RETRAINING_DUE, REASONS = "is_retraining_due", "reasons"
"""Metadata of a monitoring asset's materialization: whether the model shall be trained again, and why or why not."""

_TICK_BUDGET_S = 40.0
"""A tick is ended by Dagster after 60 s; what is left is for the next one."""
_PAGE = 100
_REMEMBERED = 200
"""So many of the latest trainings are remembered, so that a measurement that is repeated trains nothing again."""


@dataclass(frozen=True)
class Retraining:
    """Which model is trained again because of what was measured, and how that is known to be done.

    Attributes:
        name: of the sensor.
        description: of the sensor, for people.
        monitoring_key: the asset whose materializations say whether retraining is due.
        data_key: the asset that was measured, of the same partitions: a model that was trained on these rows need not be trained
            again.
        job: that trains.
        outcome_key: the last partitioned asset of the training.
        model_partition: returns the partition of the model to train, by the measured partition and the time.
        is_trained_anyway: whether that model is trained for the first time by other automation, which this one waits for.
    """

    name: str
    description: str
    monitoring_key: dg.AssetKey
    data_key: dg.AssetKey
    job: Any
    outcome_key: dg.AssetKey
    model_partition: Callable[[str, datetime], str]
    is_trained_anyway: bool


@dataclass(frozen=True)
class DueTraining:
    """A training that is due.

    Attributes:
        model: partition of the model.
        measured: partition that was measured.
        since: POSIX time of the rows that were measured.
        reasons: why, for people.
    """

    model: str
    measured: str
    since: float
    reasons: str

    @property
    def identity(self) -> str:
        """What tells this training from others. Corrected rows are no new reason: they come daily, and the next model has them."""
        return f"{self.model} because of {self.measured}"


@dataclass
class Progress:
    """What the sensor knows from tick to tick.

    Attributes:
        seen: storage id of the last measurement that was looked at.
        due: trainings that have not been done.
        asked: identities of the latest trainings, done or due.
    """

    seen: int
    due: list[DueTraining] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)

    @classmethod
    def parse(cls, cursor: str | None, first_seen: int) -> "Progress":
        """Return the progress that a cursor holds; one that is not ours, or none, begins with what comes after `first_seen`."""
        try:
            content = json.loads(cursor or "")
            return cls(int(content["seen"]), [DueTraining(*values) for values in content["due"]], list(content["asked"]))
        except (ValueError, KeyError, TypeError):
            return cls(first_seen)

    def dump(self) -> str:
        """Return the progress as a cursor."""
        return json.dumps({"seen": self.seen, "due": [astuple(due) for due in self.due], "asked": self.asked[-_REMEMBERED:]})

    def add(self, due: DueTraining) -> None:
        """Take in a training unless it was asked for before."""
        if due.identity not in self.asked:
            self.due.append(due)
            self.asked.append(due.identity)


def retraining_sensor(retraining: Retraining, *, automation_enabled: bool) -> dg.SensorDefinition:
    """Return the sensor.

    Args:
        retraining: what to train because of what.
        automation_enabled: whether it starts with the daemon.
    """

    @dg.sensor(
        name=retraining.name,
        job=retraining.job,
        minimum_interval_seconds=60,
        default_status=sensor_status(automation_enabled),
        description=retraining.description,
    )
    def train_again(context: dg.SensorEvaluationContext, clock: dg.ResourceParam[Clock]) -> dg.SensorResult:
        now, instance = clock.now(), context.instance
        progress = Progress.parse(context.cursor, first_seen=_latest_but_one(instance, retraining.monitoring_key))
        for entry in _measurements(instance, retraining.monitoring_key, progress.seen, time.monotonic() + _TICK_BUDGET_S):
            progress.seen = entry.storage_id
            due = _due_training(instance, retraining, entry, now)
            if due is not None:
                progress.add(due)
        progress.due = [due for due in progress.due if not was_made(instance, retraining.outcome_key, due.model, due.since)]
        answers = [_ask(instance, retraining, due, now) for due in _latest_of_each_model(progress.due)]
        requests = [answer for answer in answers if isinstance(answer, dg.RunRequest)]
        waiting = [answer for answer in answers if isinstance(answer, str)]
        nothing = "Drift and observed performance are within their limits, or a model has been trained on these rows already."
        return dg.SensorResult(
            run_requests=requests,
            cursor=progress.dump(),
            skip_reason=None if requests else "; ".join(waiting) or nothing,
        )

    return train_again


def _latest_but_one(instance: dg.DagsterInstance, key: dg.AssetKey) -> int:
    """Return from where on a new sensor looks: the latest measurement counts, the history before it does not."""
    latest = instance.fetch_materializations(key, limit=1).records
    return latest[0].storage_id - 1 if latest else 0


def _measurements(instance: dg.DagsterInstance, key: dg.AssetKey, after: int, deadline: float) -> Iterator[dg.EventLogRecord]:
    """Yield the materializations after a storage id, the oldest first, until the time is over (by the monotonic clock)."""
    wanted, cursor, has_more = dg.AssetRecordsFilter(asset_key=key, after_storage_id=after), None, True
    while has_more and time.monotonic() < deadline:
        page = instance.fetch_materializations(wanted, limit=_PAGE, cursor=cursor, ascending=True)
        yield from page.records
        cursor, has_more = page.cursor, page.has_more


def _due_training(
    instance: dg.DagsterInstance, retraining: Retraining, entry: dg.EventLogRecord, now: datetime
) -> DueTraining | None:
    """Return the training that a measurement calls for, if it does."""
    measured, metadata = entry.partition_key, entry.asset_materialization.metadata if entry.asset_materialization else {}
    if measured is None or IS_RETRAINING_DUE not in metadata or not metadata[IS_RETRAINING_DUE].value:
        return None
    rows = dg.AssetRecordsFilter(asset_key=retraining.data_key, asset_partitions=[measured])
    data = instance.fetch_materializations(rows, limit=1).records
    since = data[0].timestamp if data else entry.timestamp
    return DueTraining(retraining.model_partition(measured, now), measured, since, str(metadata[REASONS].value))


def _latest_of_each_model(due: list[DueTraining]) -> list[DueTraining]:
    """Return one training for each model: several measurements may call for it."""
    latest: dict[str, DueTraining] = {}
    for training in sorted(due, key=lambda training: training.since):
        latest[training.model] = training
    return list(latest.values())


def _ask(instance: dg.DagsterInstance, retraining: Retraining, due: DueTraining, now: datetime) -> dg.RunRequest | str:
    if retraining.is_trained_anyway and due.model not in instance.get_materialized_partitions(retraining.outcome_key):
        return f"The model of {due.model} is about to be trained for the first time"
    work = Work(due.identity, due.model, due.since, tags={"reason": due.reasons[:200], "measured_partition": due.measured})
    return ask_again(instance, retraining.job.name, work, now)
