"""From an empty platform to a domain at work: read the first history, train, decide, score; afterwards the schedules take over.

A domain says in which steps. The same steps are taken by `mlops-assets bootstrap`, here and now, and by a sensor, one run after the
other. What has been done is not done again, so that either goes on where it, or the other, was interrupted.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

import dagster as dg

from mlops_assets.errors import NotEnoughDataError
from mlops_assets.orchestration.asset_specs import STORES
from mlops_assets.orchestration.automation import sensor_status
from mlops_assets.orchestration.clock import CLOCK
from mlops_assets.orchestration.materializations import latest_storage_ids
from mlops_assets.orchestration.partitions import range_tags
from mlops_assets.orchestration.promotion import note_champion_of_former_release
from mlops_assets.orchestration.requests import REQUEST_TAG, Work, ask_again, unfinished_runs
from mlops_assets.orchestration.upstream_state import champion_scores_from
from mlops_assets.stores.registry import Stores


@dataclass(frozen=True)
class BootstrapStep:
    """One run on the way.

    Attributes:
        title: what the run does, for people.
        job: its job.
        partitions: keys to materialize, in order; several are one run over their range.
        outcome: the asset whose partitions say whether the step has been taken.
        run_config: of the run.
        only: the assets of the job to make, if not all of them; these have no partitions.
        scores_from: the moment of which a champion is needed; the step is left out if the first model was not good enough.
        is_partitioned: whether the run is one of the partitions; else these only say what the step is about, and when it is done.
    """

    title: str
    job: str
    partitions: tuple[str, ...]
    outcome: dg.AssetKey
    run_config: Mapping[str, Any] = field(default_factory=dict)
    only: tuple[dg.AssetKey, ...] = ()
    scores_from: datetime | None = None
    is_partitioned: bool = True

    def missing(self, instance: dg.DagsterInstance) -> tuple[str, ...]:
        """Return the partitions that have not been made; of an outcome without partitions, all until it is there."""
        made = latest_storage_ids(instance, self.outcome)
        return () if None in made else tuple(key for key in self.partitions if key not in made)

    def narrowed(self, missing: Sequence[str]) -> "BootstrapStep":
        """Return the step for the range from the first to the last partition that it lacks."""
        first, last = self.partitions.index(missing[0]), self.partitions.index(missing[-1])
        return replace(self, partitions=self.partitions[first : last + 1])

    def work(self, domain: str) -> Work:
        """Return what a run of the step does: its one partition, the range of its partitions, or assets that have none."""
        first, last = self.partitions[0], self.partitions[-1]
        has_partitions = self.is_partitioned and not self.only
        return Work(
            identity=f"{_request_prefix(domain)}{self.outcome.path[-1]} {last}",
            partition=first if has_partitions and first == last else None,
            tags=range_tags(first, last) if has_partitions and first != last else {},
            run_config=self.run_config,
            only=self.only,
        )


@dataclass(frozen=True)
class Bootstrap:
    """How a domain gets to work.

    Attributes:
        domain: its name.
        place: kind and place of the source in a few words, which stay the same from day to day; no secrets.
        source_key: resource key of the source from which the first history is read.
        choose_last: returns the partition with which the first history ends, by the source and the time.
            Raises `NotEnoughDataError` if the source has too little.
        has: tells whether a first history may end with a partition, by the source, the partition and the time.
        steps: returns the steps, by the source and that partition.
        champion_key: the asset that keeps promotion decisions: a domain in which something was decided is at work.
        model_key: the asset whose versions these decisions are about.
    """

    domain: str
    place: str
    source_key: str
    choose_last: Callable[[Any, datetime], str]
    has: Callable[[Any, str, datetime], bool]
    steps: Callable[[Any, str], Sequence[BootstrapStep]]
    champion_key: dg.AssetKey
    model_key: dg.AssetKey

    def after_upgrade(self, instance: dg.DagsterInstance, stores: Stores) -> None:
        """Let automation know of a champion that a former release decided about; before that, nothing scores with it."""
        note_champion_of_former_release(instance, self.champion_key, self.model_key, stores)

    def remaining(self, instance: dg.DagsterInstance, source: Any, now: datetime) -> list[BootstrapStep]:
        """Return the steps that have not been taken, with the partitions that they lack.

        With which partition the history ends is remembered by the instance: the steps stay the same while months pass. It is
        chosen anew for another source, and for one that has the partition no longer.

        Raises:
            NotEnoughDataError: the source has too little to begin with.
        """
        last = self._last(instance, source, now)
        if last is None:
            return []
        steps = [step for step in self.steps(source, last) if self._is_possible(step, instance)]
        remaining = [step.narrowed(missing) for step in steps if (missing := step.missing(instance))]
        if not remaining:
            _remember(instance, self.domain, _AT_WORK)
        return remaining

    def run_under_way(self, instance: dg.DagsterInstance) -> dg.DagsterRun | None:
        """Return the run that takes a step of this bootstrap now, or is queued to, whoever asked for it; None if there is none."""
        prefix = _request_prefix(self.domain)
        return next((run for run in unfinished_runs(instance) if run.tags.get(REQUEST_TAG, "").startswith(prefix)), None)

    def _is_possible(self, step: BootstrapStep, instance: dg.DagsterInstance) -> bool:
        """Tell whether nothing is known that would make a step fail: the first model may not have become champion."""
        if step.scores_from is None or instance.get_latest_materialization_event(self.champion_key) is None:
            return True
        champion_from = champion_scores_from(instance, self.champion_key)
        return champion_from is not None and champion_from <= step.scores_from

    def _last(self, instance: dg.DagsterInstance, source: Any, now: datetime) -> str | None:
        """Return the partition with which the first history ends; None if the domain is at work."""
        remembered = _recall(instance, self.domain)
        if remembered == _AT_WORK or (remembered and self._still_holds(remembered, source, now)):
            return remembered.last
        is_at_work = instance.get_latest_materialization_event(self.champion_key) is not None
        chosen = _AT_WORK if is_at_work else _End(self.choose_last(source, now), self.place)
        _remember(instance, self.domain, chosen)
        return chosen.last

    def _still_holds(self, end: "_End", source: Any, now: datetime) -> bool:
        """Tell whether the source is the one for which the end was chosen, as far as that is known, and still has it."""
        return end.last is not None and end.place in (self.place, None) and self.has(source, end.last, now)


@dataclass(frozen=True)
class _End:
    """With which partition a first history ends, and the place for whose source it was chosen; no partition: no history is left."""

    last: str | None
    place: str | None = None


_AT_WORK = _End(None)
_DONE = "done"


def _request_prefix(domain: str) -> str:
    return f"bootstrap {domain} "


def _key(domain: str) -> str:
    return f"mlops_assets/bootstrap/{domain}"


def _recall(instance: dg.DagsterInstance, domain: str) -> _End | None:
    storage = instance.daemon_cursor_storage
    assert storage is not None
    text = storage.get_cursor_values({_key(domain)}).get(_key(domain))
    if text is None or text == _DONE:
        return _AT_WORK if text else None
    # The partition alone was remembered once.
    return _End(**json.loads(text)) if text.startswith("{") else _End(text)


def _remember(instance: dg.DagsterInstance, domain: str, end: _End) -> None:
    storage = instance.daemon_cursor_storage
    assert storage is not None
    storage.set_cursor_values({_key(domain): _DONE if end == _AT_WORK else json.dumps({"last": end.last, "place": end.place})})


def bootstrap_sensor(bootstrap: Bootstrap, jobs: Sequence[Any], *, automation_enabled: bool) -> dg.SensorDefinition:
    """Return the sensor that takes the steps of a bootstrap, one run after the other.

    Args:
        bootstrap: of the domain.
        jobs: that its steps run.
        automation_enabled: whether it starts with the daemon.
    """

    @dg.sensor(
        name=f"{bootstrap.domain}_bootstrap",
        jobs=jobs,
        minimum_interval_seconds=30,
        default_status=sensor_status(automation_enabled),
        required_resource_keys={bootstrap.source_key, CLOCK, STORES},
        description="Reads the first history, trains the first model and scores with it; then the schedules take over.",
    )
    def take_next_step(context: dg.SensorEvaluationContext) -> dg.RunRequest | dg.SkipReason:
        now, source = getattr(context.resources, CLOCK).now(), getattr(context.resources, bootstrap.source_key)
        bootstrap.after_upgrade(context.instance, getattr(context.resources, STORES))
        try:
            steps = bootstrap.remaining(context.instance, source, now)
        except NotEnoughDataError as error:
            return dg.SkipReason(f"Waits for the source: {error}")
        if not steps:
            return dg.SkipReason("Done: schedules, sensors and conditions have taken over.")
        answer = ask_again(context.instance, steps[0].job, steps[0].work(bootstrap.domain), now)
        return dg.SkipReason(f"{steps[0].title}: {answer}") if isinstance(answer, str) else answer

    return take_next_step
