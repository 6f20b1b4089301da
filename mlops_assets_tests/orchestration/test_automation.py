"""Conditions request exactly the partitions that should be made anew, until they are made, on complete and checked rows only."""

from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import dagster as dg
import pandas as pd
import pytest

from mlops_assets.orchestration.automation import (
    EVERY_HOUR,
    after_any_upstream,
    at_most_each,
    domain_conditions_sensor,
    follow_own_upstream,
    follow_upstream,
    follow_with_champion,
    forecast_with_champion,
    repeat_failed,
    schedule_status,
    train_once,
    with_training,
)
from mlops_assets.orchestration.partitioned_frames import PartitionedFrames
from mlops_assets.orchestration.partitions import daily_partitions, days_up_to, monthly_partitions, months_before, range_tags
from mlops_assets.orchestration.table_assets import lake_asset
from mlops_assets.orchestration.upstream_state import SCORES_FROM
from mlops_assets_tests.orchestration.small_graph import MONTHS, SINGLE_RUN, SmallGraph, readings_of
from mlops_assets_tests.tables import READINGS

# Partitioned checks are marked preview; `mlops_assets.orchestration` says why they are used.
pytestmark = pytest.mark.filterwarnings("ignore::dagster.PreviewWarning")

IN_MAY, IN_JUNE = datetime(2024, 5, 10), datetime(2024, 6, 10)  # noqa: DTZ001
"""In May, the months January to April are over."""

WITH_CURRENT_MONTH = monthly_partitions("2024-01", "UTC", include_current_month=True)
DAYS = daily_partitions("2024-05-01", "UTC")
CHAMPION = dg.AssetKey("champion")


class Automation:
    """The evaluation of conditions, tick by tick, and the events between the ticks."""

    def __init__(self, instance: dg.DagsterInstance, *assets: dg.AssetsDefinition, **options: Any) -> None:
        self.instance, self.cursor = instance, None
        self.assets = assets
        self.definitions = dg.Definitions(assets=assets, **options)

    def requested(self, now: datetime = IN_MAY) -> dict[str, list[Any]]:
        """Evaluate all conditions and return the partitions they request, by asset; None stands for a whole asset."""
        tick: Any = dg.evaluate_automation_conditions(self.definitions, self.instance, evaluation_time=now, cursor=self.cursor)
        self.cursor = tick.cursor
        keys = self.definitions.resolve_asset_graph().get_all_asset_keys()
        requests = {key.path[-1]: sorted(tick.get_requested_partitions(key), key=str) for key in keys}
        return {asset: partitions for asset, partitions in requests.items() if partitions}

    def happened(self, asset: str, *partitions: str | None, **metadata: Any) -> None:
        """Record that partitions of an asset, or the whole asset under None, were materialized."""
        for partition in partitions:
            self.instance.report_runless_asset_event(dg.AssetMaterialization(asset, partition=partition, metadata=metadata))

    def run(self, *names: str, partition: str | None = None, months: tuple[str, str] | None = None) -> bool:
        """Materialize some of the assets in one run, as a job does; tell whether it succeeded."""
        job = self.definitions.resolve_implicit_global_asset_job_def().get_subset(asset_selection={dg.AssetKey(n) for n in names})
        tags = range_tags(*months) if months else {}
        return job.execute_in_process(instance=self.instance, partition_key=partition, tags=tags, raise_on_error=False).success


@dg.asset(partitions_def=MONTHS, backfill_policy=SINGLE_RUN)
def rain() -> None: ...


@dg.asset
def stations() -> None: ...


@dg.asset(partitions_def=MONTHS)
def forecasters() -> None: ...


def following(
    *deps: Any,
    condition: dg.AutomationCondition | None = None,
    work: Callable[[], None] = lambda: None,
    partitions: dg.PartitionsDefinition = MONTHS,
) -> dg.AssetsDefinition:
    """Return an asset `follower` that is made from others, by month."""

    @dg.asset(
        name="follower",
        partitions_def=partitions,
        deps=list(deps) or [rain],
        automation_condition=condition or follow_upstream(EVERY_HOUR),
        backfill_policy=SINGLE_RUN,
    )
    def follower() -> None:
        work()

    return follower


def fail() -> None:
    raise RuntimeError("no luck")


def test_changed_old_partition_is_followed_exactly(instance: dg.DagsterInstance) -> None:
    """New months and corrected old months are followed; months that did not change are left alone."""
    automation = Automation(instance, rain, following())
    assert automation.requested() == {}
    automation.happened("rain", "2024-01", "2024-02", "2024-03")
    assert automation.requested() == {"follower": ["2024-01", "2024-02", "2024-03"]}
    automation.happened("follower", "2024-01", "2024-02", "2024-03")
    assert automation.requested() == {}
    automation.happened("rain", "2024-01")
    assert automation.requested() == {"follower": ["2024-01"]}
    automation.happened("follower", "2024-01")
    assert automation.requested() == {}


def test_request_that_was_lost_is_repeated(instance: dg.DagsterInstance) -> None:
    """What was asked for and not made is asked for again: nobody else remembers it."""
    automation = Automation(instance, rain, following())
    automation.requested()
    automation.happened("rain", "2024-01")
    automation.happened("follower", "2024-01")
    automation.happened("rain", "2024-01")
    assert automation.requested() == {"follower": ["2024-01"]}
    assert automation.requested() == {"follower": ["2024-01"]}


def test_history_of_before_is_completed(instance: dg.DagsterInstance) -> None:
    """Switched on over a history, the automation makes what is missing and what was made from older rows."""
    automation = Automation(instance, rain, following())
    automation.happened("rain", "2024-01", "2024-02", "2024-03")
    automation.happened("follower", "2024-01", "2024-02")
    automation.happened("rain", "2024-01")
    assert automation.requested() == {"follower": ["2024-01", "2024-03"]}


def test_job_that_makes_both_is_not_followed(instance: dg.DagsterInstance) -> None:
    """A run over a range that makes upstream and downstream together leaves nothing to do."""
    automation = Automation(instance, rain, following())
    automation.requested()
    assert automation.run("rain", "follower", months=("2024-01", "2024-03"))
    assert automation.requested() == {}
    assert automation.run("rain", "follower", partition="2024-02")
    assert automation.requested() == {}


def test_failed_run_is_repeated_every_hour_and_after_a_change(instance: dg.DagsterInstance) -> None:
    """A failure is asked for again at the next full hour, not at every tick, and at once when the upstream changed."""
    luck = [fail, fail, lambda: None]
    automation = Automation(instance, rain, following(work=lambda: luck.pop(0)()))
    automation.requested()
    automation.happened("rain", "2024-01")
    assert automation.requested() == {"follower": ["2024-01"]}
    assert not automation.run("follower", partition="2024-01")
    assert automation.requested(IN_MAY + timedelta(minutes=1)) == {}
    assert automation.requested(IN_MAY + timedelta(minutes=18)) == {"follower": ["2024-01"]}
    assert not automation.run("follower", partition="2024-01")
    assert automation.requested(IN_MAY + timedelta(minutes=19)) == {}
    automation.happened("rain", "2024-01")
    assert automation.requested(IN_MAY + timedelta(minutes=20)) == {"follower": ["2024-01"]}
    assert automation.run("follower", partition="2024-01")
    assert automation.requested(IN_MAY + timedelta(hours=3)) == {}


def test_job_that_failed_half_way_is_completed(instance: dg.DagsterInstance) -> None:
    """The upstream of the job was made and its downstream was not: that is asked for."""
    luck = [fail, lambda: None]
    automation = Automation(instance, rain, following(work=lambda: luck.pop(0)()))
    automation.requested()
    assert not automation.run("rain", "follower", partition="2024-01")
    automation.requested(IN_MAY + timedelta(minutes=1))
    assert automation.requested(IN_MAY + timedelta(minutes=18)) == {"follower": ["2024-01"]}


def test_missing_upstream_holds_back(instance: dg.DagsterInstance) -> None:
    """Of two upstreams one is not there yet: nothing is made of half the rows, and everything as soon as it is there."""
    automation = Automation(instance, rain, stations, following(rain, stations))
    assert automation.requested() == {}
    automation.happened("rain", "2024-01", "2024-02")
    assert automation.requested() == {}
    automation.happened("stations", None)
    assert automation.requested() == {"follower": ["2024-01", "2024-02"]}


def test_ignored_upstream_changes_nothing_by_itself(instance: dg.DagsterInstance) -> None:
    """A station list that is read again does not remake all months."""
    condition = follow_upstream(EVERY_HOUR, ignored=[stations.key])
    automation = Automation(instance, rain, stations, following(rain, stations, condition=condition))
    automation.happened("stations", None)
    automation.requested()
    automation.happened("rain", "2024-01")
    assert automation.requested() == {"follower": ["2024-01"]}
    automation.happened("follower", "2024-01")
    automation.happened("stations", None)
    assert automation.requested() == {}


def test_optional_upstream_holds_nothing_back(instance: dg.DagsterInstance) -> None:
    """What is only looked up, in whichever month it is, need not be there, and changes nothing when it comes."""
    condition = follow_upstream(EVERY_HOUR, optional=[forecasters.key])
    looked_up = dg.AssetDep(forecasters, partition_mapping=dg.AllPartitionMapping())
    automation = Automation(instance, rain, forecasters, following(rain, looked_up, condition=condition))
    automation.happened("rain", "2024-01")
    assert automation.requested() == {"follower": ["2024-01"]}
    automation.happened("follower", "2024-01")
    automation.happened("forecasters", "2024-02")
    assert automation.requested() == {}


def test_upstream_in_progress_holds_back(instance: dg.DagsterInstance) -> None:
    """While an upstream month is being read again, nothing is made of the rows that it is about to replace."""
    during: list[dict[str, list[Any]]] = []

    @dg.asset(partitions_def=MONTHS)
    def sun() -> None:
        during.append(automation.requested())

    automation = Automation(instance, rain, sun, following(rain, sun))
    automation.happened("sun", "2024-01")
    automation.requested()
    automation.happened("rain", "2024-01")
    assert automation.run("sun", partition="2024-01")
    assert during == [{}]
    assert automation.requested() == {"follower": ["2024-01"]}


@pytest.mark.parametrize("made_before", [True, False])
def test_change_during_the_run_is_followed_after_it(instance: dg.DagsterInstance, *, made_before: bool) -> None:
    """A month that is corrected while its follower is being made of the old rows is followed again, also the first time."""
    during: list[dict[str, list[Any]]] = []

    def correct() -> None:
        automation.happened("rain", "2024-01")
        during.append(automation.requested())

    automation = Automation(instance, rain, following(work=correct))
    automation.requested()
    automation.happened("rain", "2024-01")
    if made_before:
        automation.happened("follower", "2024-01")
        automation.happened("rain", "2024-01")
    assert automation.requested() == {"follower": ["2024-01"]}
    assert automation.run("follower", partition="2024-01")
    assert during == [{}]
    assert automation.requested() == {"follower": ["2024-01"]}
    automation.happened("follower", "2024-01")
    assert automation.requested() == {}


def test_failed_check_holds_back(tmp_path: Path, instance: dg.DagsterInstance) -> None:
    """Of three months read in one run, the one that fails its blocking check is not followed until it passes."""
    graph = SmallGraph(tmp_path, instance, READINGS)
    broken = {"2024-02"}

    @lake_asset(READINGS, partitions_def=MONTHS, backfill_policy=SINGLE_RUN)
    def monthly(context: dg.AssetExecutionContext) -> PartitionedFrames:
        return PartitionedFrames(context.partition_keys, read)

    def read(key: str) -> pd.DataFrame:
        return readings_of(key).assign(station_code="nowhere" if key in broken else "ABC")

    automation = Automation(instance, monthly, following(monthly), resources=graph.resources(graph.stores))
    automation.requested()
    assert not graph.run(monthly, months=("2024-01", "2024-03"), raise_on_error=False).success
    assert automation.requested() == {"follower": ["2024-01", "2024-03"]}
    automation.happened("follower", "2024-01", "2024-03")
    broken.clear()
    graph.run(monthly, month="2024-02")
    assert automation.requested() == {"follower": ["2024-02"]}


def test_one_unchecked_month_of_several_holds_back(tmp_path: Path, instance: dg.DagsterInstance) -> None:
    """Whatever is made of two months waits if one of them failed its blocking check, although the other passed."""
    graph = SmallGraph(tmp_path, instance, READINGS)

    @lake_asset(READINGS, partitions_def=MONTHS)
    def monthly(context: dg.AssetExecutionContext) -> pd.DataFrame:
        return readings_of(context.partition_key).assign(station_code="nowhere" if broken else "ABC")

    broken = [True]
    two_months = dg.AssetDep(monthly, partition_mapping=months_before(2))
    follower = following(two_months, partitions=WITH_CURRENT_MONTH)
    automation = Automation(instance, monthly, follower, resources=graph.resources(graph.stores))
    automation.happened("follower", "2024-01")  # which needs nothing: there is no month before it
    automation.requested()
    graph.run(monthly, month="2024-03", raise_on_error=False)
    broken.clear()
    graph.run(monthly, month="2024-04")
    assert automation.requested() == {}
    graph.run(monthly, month="2024-03")
    assert automation.requested() == {"follower": ["2024-05"]}


def test_day_without_a_day_before_is_followed(instance: dg.DagsterInstance) -> None:
    """A series looks at the evening before, but the first day has none; a day that nobody read has no series."""

    @dg.asset(partitions_def=DAYS)
    def sightings() -> None: ...

    two_days = dg.AssetDep(sightings, partition_mapping=days_up_to(2))
    automation = Automation(instance, sightings, following(two_days, condition=follow_own_upstream(EVERY_HOUR), partitions=DAYS))
    automation.requested()
    automation.happened("sightings", "2024-05-03")
    assert automation.requested() == {"follower": ["2024-05-03"]}
    automation.happened("follower", "2024-05-03")
    automation.happened("sightings", "2024-05-04")
    automation.happened("follower", "2024-05-04")
    automation.requested()
    automation.happened("sightings", "2024-05-03")
    assert automation.requested() == {"follower": ["2024-05-03", "2024-05-04"]}


@dg.asset(partitions_def=WITH_CURRENT_MONTH)
def evaluation() -> None: ...


@dg.asset(deps=[evaluation], automation_condition=after_any_upstream(EVERY_HOUR))
def champion() -> None: ...


def test_whole_asset_follows_any_partition(instance: dg.DagsterInstance) -> None:
    """A decision over all months is taken again when any month changed, although most months were never made."""
    automation = Automation(instance, evaluation, champion)
    assert automation.requested() == {}
    automation.happened("evaluation", "2024-02")
    assert automation.requested() == {"champion": [None]}
    automation.happened("champion", None)
    assert automation.requested() == {}
    automation.happened("evaluation", "2024-01")
    assert automation.requested() == {"champion": [None]}


def test_calm_follower_is_made_once_after_each_tick(instance: dg.DagsterInstance) -> None:
    """However often its upstream changes in between; what changed before a tick is made at it, and nothing without a change."""
    calm = at_most_each("0 * * * *", follow_upstream(EVERY_HOUR))
    automation = Automation(instance, rain, following(condition=calm))
    automation.happened("rain", "2024-01")
    assert automation.requested() == {}
    assert automation.requested(IN_MAY + timedelta(hours=1)) == {"follower": ["2024-01"]}
    automation.happened("follower", "2024-01")
    for minutes in (70, 80):
        automation.happened("rain", "2024-01")
        assert automation.requested(IN_MAY + timedelta(minutes=minutes)) == {}
    assert automation.requested(IN_MAY + timedelta(hours=2)) == {"follower": ["2024-01"]}
    automation.happened("follower", "2024-01")
    assert automation.requested(IN_MAY + timedelta(hours=3)) == {}
    automation.happened("rain", "2024-01")
    assert automation.requested(IN_MAY + timedelta(hours=3, minutes=5)) == {"follower": ["2024-01"]}


def test_ignored_upstream_starts_no_decision(instance: dg.DagsterInstance) -> None:
    """Rows that a decision reads, but that say nothing new without an evaluation, start none."""

    @dg.asset(deps=[evaluation, rain], automation_condition=after_any_upstream(EVERY_HOUR, ignored=[rain.key]))
    def decision() -> None: ...

    automation = Automation(instance, rain, evaluation, decision)
    automation.requested()
    automation.happened("rain", "2024-01")
    assert automation.requested() == {}
    automation.happened("evaluation", "2024-02")
    automation.happened("decision", None)
    automation.happened("rain", "2024-01")
    assert automation.requested() == {}


def test_evaluation_beside_the_decision_is_decided_after_it(instance: dg.DagsterInstance) -> None:
    """What lands while a decision is being taken is not lost in the tick that asked for the decision."""
    automation = Automation(instance, evaluation, champion)
    automation.requested()
    automation.happened("evaluation", "2024-01")
    assert automation.requested() == {"champion": [None]}
    automation.happened("champion", None)
    automation.happened("evaluation", "2024-02")
    assert automation.requested() == {"champion": [None]}


def scored(condition: dg.AutomationCondition) -> dg.AssetsDefinition:
    return following(rain, CHAMPION, condition=condition)


def test_latest_month_is_scored_once_a_champion_may(instance: dg.DagsterInstance) -> None:
    """Not without a champion, nor by one that knows the month, nor old months that nobody scored."""
    automation = Automation(instance, rain, evaluation, champion, scored(follow_with_champion(EVERY_HOUR, CHAMPION)))
    automation.happened("evaluation", "2024-01")
    automation.happened("champion", None)
    automation.happened("rain", "2024-02", "2024-03", "2024-04")
    assert automation.requested() == {}
    automation.happened("champion", None, **{SCORES_FROM: "2024-05-01T00:00:00+00:00"})
    assert automation.requested() == {}
    automation.happened("champion", None, **{SCORES_FROM: "2024-04-01T00:00:00+00:00"})
    assert automation.requested() == {"follower": ["2024-04"]}
    automation.happened("follower", "2024-04")
    automation.happened("champion", None, **{SCORES_FROM: "2024-04-01T00:00:00+00:00"})
    assert automation.requested() == {}
    automation.happened("rain", "2024-03", "2024-04")
    assert automation.requested() == {"follower": ["2024-04"]}


def test_old_forecasts_stay_as_they_were_said(instance: dg.DagsterInstance) -> None:
    """Today's and yesterday's forecasts follow corrections; older ones do not."""

    @dg.asset(partitions_def=DAYS)
    def series() -> None: ...

    history = dg.AssetDep(series, partition_mapping=days_up_to(5))
    condition = forecast_with_champion(EVERY_HOUR, CHAMPION, lookback=timedelta(days=2))
    forecasts = following(history, CHAMPION, condition=condition, partitions=DAYS)
    automation = Automation(instance, series, evaluation, champion, forecasts)
    automation.happened("evaluation", "2024-01")
    automation.happened("champion", None, **{SCORES_FROM: "2024-05-01T00:00:00+00:00"})
    automation.happened("series", "2024-05-08", "2024-05-09", "2024-05-10")
    assert automation.requested() == {"follower": ["2024-05-09", "2024-05-10"]}
    automation.happened("follower", "2024-05-08", "2024-05-09", "2024-05-10")
    assert automation.requested() == {}
    automation.happened("series", "2024-05-08")
    assert automation.requested() == {"follower": ["2024-05-09", "2024-05-10"]}


class Training:
    """A window of two months, a model and its evaluation, which a condition starts and the others join."""

    def __init__(self, work: Callable[[], None] = lambda: None, at_least: int = 2, rain: dg.AssetsDefinition = rain) -> None:
        @dg.asset(
            partitions_def=WITH_CURRENT_MONTH,
            deps=[dg.AssetDep(rain, partition_mapping=months_before(2))],
            automation_condition=train_once(EVERY_HOUR, CHAMPION, at_least=at_least),
        )
        def window() -> None: ...

        @dg.asset(partitions_def=WITH_CURRENT_MONTH, deps=[window], automation_condition=with_training(EVERY_HOUR))
        def model() -> None:
            work()

        @dg.asset(
            name="evaluation", partitions_def=WITH_CURRENT_MONTH, deps=[model], automation_condition=with_training(EVERY_HOUR)
        )
        def evaluated() -> None: ...

        self.assets = [rain, window, model, evaluated, champion]


ALL_OF_MAY = {"window": ["2024-05"], "model": ["2024-05"], "evaluation": ["2024-05"]}


def test_latest_model_is_trained_once_when_complete(instance: dg.DagsterInstance) -> None:
    """The model of May is trained in one run when March and April are there, not before, and not again for a correction."""
    automation = Automation(instance, *Training().assets)
    automation.happened("champion", None)
    assert automation.requested() == {}
    automation.happened("rain", "2024-01", "2024-02", "2024-04")
    assert automation.requested() == {}
    automation.happened("rain", "2024-03")
    assert automation.requested() == ALL_OF_MAY
    automation.run("window", "model", "evaluation", partition="2024-05")
    automation.happened("champion", None)
    automation.happened("rain", "2024-03", "2024-04")
    assert automation.requested() == {}
    assert automation.requested(IN_JUNE) == {}
    automation.happened("rain", "2024-05")
    assert automation.requested(IN_JUNE) == {name: ["2024-06"] for name in ALL_OF_MAY}


def test_history_with_a_gap_is_enough_unless_the_gap_is_about_to_be_filled(instance: dg.DagsterInstance) -> None:
    """A month that the source never had stops no training; one whose run has failed, and is asked for again, does."""

    @dg.asset(name="rain", partitions_def=MONTHS)
    def broken_rain() -> None:
        fail()

    automation = Automation(instance, *Training(at_least=1, rain=broken_rain).assets)
    automation.happened("champion", None)
    automation.happened("rain", "2024-02")
    assert automation.requested() == {}, "the last month is missing"
    assert not automation.run("rain", partition="2024-03")
    automation.happened("rain", "2024-04")
    assert automation.requested() == {}, "March has failed"
    automation.happened("rain", "2024-06")
    # May is missing as well, but nobody has tried to read it.
    assert automation.requested(IN_JUNE + timedelta(days=30)) == {name: ["2024-07"] for name in ALL_OF_MAY}


def test_first_model_is_left_to_the_bootstrap(instance: dg.DagsterInstance) -> None:
    """Before anything was decided, conditions train nothing: the first model is that of the month before."""
    automation = Automation(instance, *Training().assets)
    automation.happened("rain", "2024-03", "2024-04")
    assert automation.requested() == {}
    automation.happened("evaluation", "2024-04")
    automation.happened("champion", None)
    assert automation.requested() == ALL_OF_MAY


def test_training_that_failed_is_repeated_from_where_it_failed(instance: dg.DagsterInstance) -> None:
    """The window is there, the model is not: after an hour, model and evaluation are asked for in one run."""
    luck = [fail, lambda: None]
    automation = Automation(instance, *Training(work=lambda: luck.pop(0)()).assets)
    automation.happened("champion", None)
    automation.requested()
    automation.happened("rain", "2024-03", "2024-04")
    assert automation.requested() == ALL_OF_MAY
    assert not automation.run("window", "model", "evaluation", partition="2024-05")
    assert automation.requested(IN_MAY + timedelta(minutes=1)) == {}
    again = automation.requested(IN_MAY + timedelta(minutes=18))
    assert again == {"model": ["2024-05"], "evaluation": ["2024-05"]}
    assert automation.run("model", "evaluation", partition="2024-05")
    assert automation.requested(IN_MAY + timedelta(hours=2)) == {"champion": [None]}


def test_recent_failure_is_repeated_and_an_old_one_is_not(instance: dg.DagsterInstance) -> None:
    """Yesterday's model is asked for again; what failed days ago is for a person to look at."""
    window = following(rain, condition=repeat_failed(EVERY_HOUR, lookback=timedelta(days=2)), work=fail, partitions=DAYS)
    automation = Automation(instance, dg.AssetsDefinition.from_op(_op(), keys_by_output_name={"result": rain.key}), window)
    automation.happened("rain", None)
    automation.requested()
    for day in ("2024-05-05", "2024-05-09"):
        assert not automation.run("follower", partition=day)
    assert automation.requested(IN_MAY + timedelta(minutes=18)) == {"follower": ["2024-05-09"]}


def _op() -> dg.OpDefinition:
    @dg.op(name="rain")
    def rain_of_all_days() -> None: ...

    return rain_of_all_days


@pytest.mark.parametrize(("automation_enabled", "status"), [(True, "RUNNING"), (False, "STOPPED")])
def test_automation_starts_with_the_daemon_or_waits(automation_enabled: bool, status: str) -> None:
    """One switch decides for sensors and schedules alike."""
    sensor = domain_conditions_sensor("weather", automation_enabled=automation_enabled)
    assert sensor.name == "weather_conditions"
    assert sensor.default_status.value == status
    assert schedule_status(automation_enabled).value == status
