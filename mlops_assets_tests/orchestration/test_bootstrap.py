"""A bootstrap takes each step once, in order, goes on where it was interrupted, and ends."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from mlops_assets.errors import NotEnoughDataError
from mlops_assets.orchestration.bootstrap import Bootstrap, BootstrapStep, bootstrap_sensor
from mlops_assets.orchestration.requests import REQUEST_TAG
from mlops_assets.orchestration.upstream_state import SCORES_FROM
from mlops_assets.stores.registry import Stores
from mlops_assets_tests.orchestration.small_graph import MONTHS, SINGLE_RUN, SmallGraph
from mlops_assets_tests.platforms import StoppedClock, with_registry

NOW = datetime(2024, 6, 1, tzinfo=timezone.utc)
NO_STORES = Stores({}, "http://localhost:1", "http://localhost:1", Path("nowhere"))
RAIN, MODEL, CHAMPION, SCORES = (dg.AssetKey(name) for name in ("rain", "model", "champion", "scores"))


@dg.asset(partitions_def=MONTHS, backfill_policy=SINGLE_RUN)
def rain() -> None: ...


@dg.asset(partitions_def=MONTHS)
def model() -> None: ...


@dg.asset(deps=[model])
def champion() -> None: ...


@dg.asset(partitions_def=MONTHS)
def scores() -> None: ...


JOBS = [
    dg.define_asset_job("read", [rain]),
    dg.define_asset_job("train", [model, champion]),
    dg.define_asset_job("score", [scores]),
]


@dataclass
class Source:
    """A source with months from a first one up to a last one."""

    last: str = "2024-04"
    first: str = "2024-01"
    asked: list[datetime] = field(default_factory=list)


def choose_last(source: Source, now: datetime) -> str:
    source.asked.append(now)
    if source.last < "2024-03":
        raise NotEnoughDataError("the source has two months; three are needed")
    return source.last


def steps(_: Source, last: str) -> Sequence[BootstrapStep]:
    months = tuple(f"2024-{number:02d}" for number in range(1, int(last[-2:]) + 1))
    return [
        BootstrapStep("Read the months", "read", months, RAIN),
        BootstrapStep(f"Train {last}", "train", (last,), MODEL),
        BootstrapStep(f"Decide about {last}", "train", (last,), CHAMPION, only=(CHAMPION,)),
        BootstrapStep(
            f"Score {last}", "score", (last,), SCORES, scores_from=datetime(2024, int(last[-2:]), 1, tzinfo=timezone.utc)
        ),
    ]


BOOTSTRAP = Bootstrap(
    domain="weather",
    place="a station",
    source_key="rain_source",
    choose_last=choose_last,
    has=lambda source, last, _: source.first <= last <= source.last,
    steps=steps,
    champion_key=CHAMPION,
    model_key=MODEL,
)
DEFINITIONS = dg.Definitions(
    [rain, model, champion, scores], jobs=JOBS, sensors=[bootstrap_sensor(BOOTSTRAP, JOBS, automation_enabled=False)]
)


def happened(instance: dg.DagsterInstance, key: dg.AssetKey, *partitions: str | None, **metadata: Any) -> None:
    for partition in partitions:
        instance.report_runless_asset_event(dg.AssetMaterialization(key, partition=partition, metadata=metadata))


def decided(instance: dg.DagsterInstance, scores_from: str | None) -> None:
    happened(instance, CHAMPION, None, **{SCORES_FROM: f"{scores_from}-01T00:00:00+00:00" if scores_from else None})


def remaining(
    instance: dg.DagsterInstance, source: Source | None = None, place: str = "a station"
) -> list[tuple[str, tuple[str, ...]]]:
    return [(step.title, step.partitions) for step in replace(BOOTSTRAP, place=place).remaining(instance, source or Source(), NOW)]


def tick(instance: dg.DagsterInstance, source: Source | None = None, stores: Stores = NO_STORES) -> Any:
    """Evaluate the sensor and return the one run that it asks for, or why it asks for none."""
    resources = {"rain_source": source or Source(), "clock": StoppedClock(NOW), "stores": stores}
    context = dg.build_sensor_context(instance=instance, definitions=DEFINITIONS, resources=resources)
    data = DEFINITIONS.resolve_sensor_def("weather_bootstrap").evaluate_tick(context)
    return data.run_requests[0] if data.run_requests else data.skip_message


def test_steps_are_taken_in_order_and_end(instance: dg.DagsterInstance) -> None:
    """Each step is left until what it makes is there; afterwards nothing is left for good."""
    assert [title for title, _ in remaining(instance)] == [
        "Read the months",
        "Train 2024-04",
        "Decide about 2024-04",
        "Score 2024-04",
    ]
    happened(instance, RAIN, "2024-01", "2024-02", "2024-03", "2024-04")
    happened(instance, MODEL, "2024-04")
    assert [title for title, _ in remaining(instance)] == ["Decide about 2024-04", "Score 2024-04"]
    decided(instance, "2024-04")
    assert [title for title, _ in remaining(instance)] == ["Score 2024-04"]
    happened(instance, SCORES, "2024-04")
    assert remaining(instance) == []
    assert tick(instance) == "Done: schedules, sensors and conditions have taken over."


def test_history_that_is_partly_there_is_completed(instance: dg.DagsterInstance) -> None:
    """One run reads from the first month that is missing to the last; what was made before stays."""
    happened(instance, RAIN, "2024-01", "2024-03")
    assert remaining(instance)[0] == ("Read the months", ("2024-02", "2024-03", "2024-04"))


def test_end_of_the_history_stays_while_months_pass(instance: dg.DagsterInstance) -> None:
    """Interrupted in April and repeated in May, the bootstrap is still that of April; the months after it are the schedules'."""
    remaining(instance, Source(last="2024-04"))
    later = Source(last="2024-05")
    assert remaining(instance, later)[1] == ("Train 2024-04", ("2024-04",))
    assert later.asked == []


def test_another_source_has_a_history_of_its_own(instance: dg.DagsterInstance) -> None:
    """Begun with one source and repeated with another, the bootstrap reads what the other has, and stays with it."""
    remaining(instance, Source(last="2024-04"))
    assert remaining(instance, Source(last="2024-05"), "a file")[1] == ("Train 2024-05", ("2024-05",))
    assert remaining(instance, Source(last="2024-06"), "a file")[1] == ("Train 2024-05", ("2024-05",))


def test_end_that_the_source_has_no_longer_is_chosen_anew(instance: dg.DagsterInstance) -> None:
    """A folder whose files were replaced would be asked for what it cannot give, again and again."""
    remaining(instance, Source(last="2024-04"))
    assert remaining(instance, Source(last="2024-03"))[1] == ("Train 2024-03", ("2024-03",))
    assert remaining(instance, Source(first="2024-05", last="2024-06"))[1] == ("Train 2024-06", ("2024-06",))


def test_source_that_changes_after_the_decision_leaves_the_domain_at_work(instance: dg.DagsterInstance) -> None:
    """There is a decision already; what the other source has is for schedules and backfills."""
    remaining(instance)
    decided(instance, "2024-04")
    assert remaining(instance, Source(last="2024-05"), "a file") == []


def test_end_that_was_remembered_without_a_source_goes_on(instance: dg.DagsterInstance) -> None:
    """The partition alone, as it was kept before; it is given up where the source does not have it."""
    storage = instance.daemon_cursor_storage
    assert storage is not None
    storage.set_cursor_values({"mlops_assets/bootstrap/weather": "2024-04"})
    assert remaining(instance, Source(last="2024-05"))[1] == ("Train 2024-04", ("2024-04",))
    assert remaining(instance, Source(last="2024-03"))[1] == ("Train 2024-03", ("2024-03",))


def test_domain_at_work_is_left_alone(instance: dg.DagsterInstance) -> None:
    """Where something was decided before anybody asked for a bootstrap, as after an upgrade, nothing is read or trained."""
    decided(instance, None)
    assert remaining(instance) == []


def test_champion_of_a_former_release_is_looked_up_once(
    tmp_path: Path, instance: dg.DagsterInstance, mlflow_database: Path
) -> None:
    """The first tick after an upgrade asks the registry, here an empty one; the next ones do without any."""
    happened(instance, CHAMPION, None)
    stores = SmallGraph(with_registry(tmp_path, mlflow_database), instance).stores
    for each in (stores, NO_STORES, NO_STORES):
        assert tick(instance, stores=each) == "Done: schedules, sensors and conditions have taken over."
    (noted,) = instance.fetch_observations(CHAMPION, limit=5).records
    assert noted.event_log_entry.asset_observation is not None
    assert noted.event_log_entry.asset_observation.metadata[SCORES_FROM].value is None


def test_rejected_first_model_scores_nothing(instance: dg.DagsterInstance) -> None:
    """Without a champion a run could only fail; the next model is the automation's."""
    remaining(instance)
    happened(instance, RAIN, "2024-01", "2024-02", "2024-03", "2024-04")
    happened(instance, MODEL, "2024-04")
    decided(instance, None)
    assert remaining(instance) == []


def test_sensor_asks_for_one_run_and_waits_for_it(instance: dg.DagsterInstance) -> None:
    """A range is one run; while it is under way the tick says so in a sentence."""
    request = tick(instance)
    assert (request.job_name, request.partition_key) == ("read", None)
    assert set(request.tags.values()) >= {"2024-01", "2024-04"}
    run = instance.create_run_for_job(DEFINITIONS.resolve_job_def("read"), tags=dict(request.tags))
    assert tick(instance) == f"Read the months: read is under way (run {run.run_id[:8]})"


def test_run_under_way_is_found_by_whom_it_serves(instance: dg.DagsterInstance) -> None:
    """A run of this bootstrap counts until it has ended; those of another domain, or without a request, never do."""
    request, job = tick(instance), DEFINITIONS.resolve_job_def("read")
    instance.create_run_for_job(job)
    instance.create_run_for_job(job, tags={REQUEST_TAG: "bootstrap weather_abroad rain 2024-04"})
    assert BOOTSTRAP.run_under_way(instance) is None
    run = instance.create_run_for_job(job, tags=dict(request.tags))
    assert BOOTSTRAP.run_under_way(instance) == run
    instance.report_run_failed(run)
    assert BOOTSTRAP.run_under_way(instance) is None


def test_sensor_makes_the_decision_alone_where_the_gate_stopped_the_training(instance: dg.DagsterInstance) -> None:
    """The model is not trained again for it."""
    remaining(instance)
    happened(instance, RAIN, "2024-01", "2024-02", "2024-03", "2024-04")
    happened(instance, MODEL, "2024-04")
    request = tick(instance)
    assert (request.job_name, request.asset_selection) == ("train", [CHAMPION])


def test_source_with_too_little_is_waited_for(instance: dg.DagsterInstance) -> None:
    """The sensor says what is missing, and begins once it is there."""
    assert tick(instance, Source(last="2024-02")) == ("Waits for the source: the source has two months; three are needed")
    with pytest.raises(NotEnoughDataError):
        remaining(instance, Source(last="2024-02"))
    assert tick(instance, Source(last="2024-03")).job_name == "read"
