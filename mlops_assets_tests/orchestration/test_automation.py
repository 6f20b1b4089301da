"""Conditions request exactly the partitions that should be made anew, once, and only on complete and checked rows."""

from datetime import datetime
from pathlib import Path
from typing import Any

import dagster as dg
import pandas as pd
import pytest

from mlops_assets.orchestration.automation import (
    after_any_upstream_partition,
    domain_conditions_sensor,
    follow_upstream,
    latest_follows_upstream,
    once_when_complete,
    schedule_status,
)
from mlops_assets.orchestration.partitioned_frames import PartitionedFrames
from mlops_assets.orchestration.partitions import monthly_partitions, months_before
from mlops_assets.orchestration.table_assets import lake_asset
from mlops_assets_tests.orchestration.small_graph import MONTHS, SINGLE_RUN, SmallGraph, readings_of
from mlops_assets_tests.tables import READINGS

# Partitioned checks are marked preview; `mlops_assets.orchestration` says why they are used.
pytestmark = pytest.mark.filterwarnings("ignore::dagster.PreviewWarning")

IN_MAY, IN_JUNE = datetime(2024, 5, 10), datetime(2024, 6, 10)  # noqa: DTZ001
"""In May, the months January to April are over."""

WITH_CURRENT_MONTH = monthly_partitions("2024-01", "UTC", include_current_month=True)
TWO_MONTHS_BEFORE = months_before(2)


class Automation:
    """The evaluation of conditions, tick by tick, and the events between the ticks."""

    def __init__(self, instance: dg.DagsterInstance, *assets: dg.AssetsDefinition, **options: Any) -> None:
        self.instance, self.cursor = instance, None
        self.definitions = dg.Definitions(assets=assets, **options)

    def requested(self, now: datetime = IN_MAY) -> dict[str, list[Any]]:
        """Evaluate all conditions and return the partitions they request, by asset; None stands for a whole asset."""
        tick: Any = dg.evaluate_automation_conditions(self.definitions, self.instance, evaluation_time=now, cursor=self.cursor)
        self.cursor = tick.cursor
        keys = self.definitions.resolve_asset_graph().get_all_asset_keys()
        requests = {key.path[-1]: sorted(tick.get_requested_partitions(key), key=str) for key in keys}
        return {asset: partitions for asset, partitions in requests.items() if partitions}

    def happened(self, asset: str, *partitions: str | None) -> None:
        """Record that partitions of an asset, or the whole asset under None, were materialized."""
        for partition in partitions:
            self.instance.report_runless_asset_event(dg.AssetMaterialization(asset, partition=partition))


@dg.asset(partitions_def=MONTHS)
def rain() -> None: ...


@dg.asset
def stations() -> None: ...


def test_changed_old_partition_is_followed_exactly(instance: dg.DagsterInstance) -> None:
    """New months and corrected old months are followed once each; months that did not change are left alone."""

    @dg.asset(partitions_def=MONTHS, deps=[rain], automation_condition=follow_upstream())
    def follower() -> None: ...

    automation = Automation(instance, rain, follower)
    assert automation.requested() == {}
    automation.happened("rain", "2024-01", "2024-02", "2024-03")
    assert automation.requested() == {"follower": ["2024-01", "2024-02", "2024-03"]}
    assert automation.requested() == {}
    automation.happened("follower", "2024-01", "2024-02", "2024-03")
    assert automation.requested() == {}
    automation.happened("rain", "2024-01")
    assert automation.requested() == {"follower": ["2024-01"]}
    assert automation.requested() == {}


def test_first_tick_does_not_make_history(instance: dg.DagsterInstance) -> None:
    """Switching the automation on over a history that is already there starts nothing; backfills are for people."""

    @dg.asset(partitions_def=MONTHS, deps=[rain], automation_condition=follow_upstream())
    def follower() -> None: ...

    automation = Automation(instance, rain, follower)
    automation.happened("rain", "2024-01", "2024-02")
    assert automation.requested() == {}


def test_missing_upstream_holds_back(instance: dg.DagsterInstance) -> None:
    """Of two upstreams one is not there yet: nothing is made of half the rows, and everything as soon as it is there."""

    @dg.asset(partitions_def=MONTHS, deps=[rain, stations], automation_condition=follow_upstream())
    def follower() -> None: ...

    automation = Automation(instance, rain, stations, follower)
    assert automation.requested() == {}
    automation.happened("rain", "2024-01", "2024-02")
    assert automation.requested() == {}
    automation.happened("stations", None)
    assert automation.requested() == {"follower": ["2024-01", "2024-02"]}


def test_ignored_upstream_changes_nothing_by_itself(instance: dg.DagsterInstance) -> None:
    """A station list that is read again does not remake all months."""
    condition = follow_upstream(ignoring=dg.AssetSelection.assets(stations))

    @dg.asset(partitions_def=MONTHS, deps=[rain, stations], automation_condition=condition)
    def follower() -> None: ...

    automation = Automation(instance, rain, stations, follower)
    automation.happened("stations", None)
    automation.requested()
    automation.happened("rain", "2024-01")
    assert automation.requested() == {"follower": ["2024-01"]}
    automation.happened("follower", "2024-01")
    automation.happened("stations", None)
    assert automation.requested() == {}


def test_upstream_in_progress_holds_back(instance: dg.DagsterInstance) -> None:
    """While an upstream month is being read again, nothing is made of the rows that it is about to replace."""
    during: list[dict[str, list[Any]]] = []

    @dg.asset(partitions_def=MONTHS)
    def sun() -> None:
        during.append(automation.requested())

    @dg.asset(partitions_def=MONTHS, deps=[rain, sun], automation_condition=follow_upstream())
    def follower() -> None: ...

    automation = Automation(instance, rain, sun, follower)
    automation.happened("sun", "2024-01")
    automation.requested()
    automation.happened("rain", "2024-01")
    dg.materialize([sun], partition_key="2024-01", instance=instance)
    assert during == [{}]
    assert automation.requested() == {"follower": ["2024-01"]}


def test_change_during_the_run_is_followed_after_it(instance: dg.DagsterInstance) -> None:
    """A month that is corrected while its follower is being made of the old rows is followed again."""
    during: list[dict[str, list[Any]]] = []

    @dg.asset(partitions_def=MONTHS, deps=[rain], automation_condition=follow_upstream())
    def follower() -> None:
        automation.happened("rain", "2024-01")
        during.append(automation.requested())

    automation = Automation(instance, rain, follower)
    automation.requested()
    automation.happened("rain", "2024-01")
    assert automation.requested() == {"follower": ["2024-01"]}
    assert automation.requested() == {}
    dg.materialize([rain, follower], selection=[follower], partition_key="2024-01", instance=instance)
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

    @dg.asset(partitions_def=MONTHS, deps=[monthly], automation_condition=follow_upstream(), backfill_policy=SINGLE_RUN)
    def follower() -> None: ...

    automation = Automation(instance, monthly, follower, resources=graph.resources(graph.stores))
    automation.requested()
    assert not graph.run(monthly, months=("2024-01", "2024-03"), raise_on_error=False).success
    assert automation.requested() == {"follower": ["2024-01", "2024-03"]}
    broken.clear()
    graph.run(monthly, month="2024-02")
    assert automation.requested() == {"follower": ["2024-02"]}


def trained(condition: dg.AutomationCondition) -> dg.AssetsDefinition:
    """Return an asset whose month, the current one included, needs the two months of rain before it."""

    @dg.asset(
        partitions_def=WITH_CURRENT_MONTH,
        deps=[dg.AssetDep(rain, partition_mapping=TWO_MONTHS_BEFORE)],
        automation_condition=condition,
    )
    def model() -> None: ...

    return model


def test_latest_partition_is_made_once_when_complete(instance: dg.DagsterInstance) -> None:
    """The model of May is trained when March and April are there, not before, not again for a correction, and June's in June."""
    automation = Automation(instance, rain, trained(once_when_complete()))
    assert automation.requested() == {}
    automation.happened("rain", "2024-01", "2024-02", "2024-04")
    assert automation.requested() == {}
    automation.happened("rain", "2024-03")
    assert automation.requested() == {"model": ["2024-05"]}
    automation.happened("model", "2024-05")
    automation.happened("rain", "2024-03", "2024-04")
    assert automation.requested() == {}
    assert automation.requested(IN_JUNE) == {}
    automation.happened("rain", "2024-05")
    assert automation.requested(IN_JUNE) == {"model": ["2024-06"]}


def test_history_loaded_before_the_automation_counts(instance: dg.DagsterInstance) -> None:
    """Whoever loads the months first and then switches the automation on does not wait for the next month."""
    automation = Automation(instance, rain, trained(once_when_complete()))
    automation.happened("rain", "2024-03", "2024-04")
    assert automation.requested() == {"model": ["2024-05"]}
    assert automation.requested() == {}


def test_failed_run_is_not_repeated(instance: dg.DagsterInstance) -> None:
    """A request that came to nothing, because the run failed, is for a person to look at; corrections do not start it again."""
    automation = Automation(instance, rain, trained(once_when_complete()))
    automation.happened("rain", "2024-03", "2024-04")
    assert automation.requested() == {"model": ["2024-05"]}
    automation.happened("rain", "2024-03")
    assert automation.requested() == {}


def test_only_the_latest_partition_follows(instance: dg.DagsterInstance) -> None:
    """What is derived from a model follows the latest one; earlier models stay as they were."""

    @dg.asset(partitions_def=WITH_CURRENT_MONTH)
    def model() -> None: ...

    @dg.asset(partitions_def=WITH_CURRENT_MONTH, deps=[model], automation_condition=latest_follows_upstream())
    def figures() -> None: ...

    automation = Automation(instance, model, figures)
    automation.requested()
    automation.happened("model", "2024-04", "2024-05")
    assert automation.requested() == {"figures": ["2024-05"]}
    automation.happened("figures", "2024-05")
    assert automation.requested() == {}
    automation.happened("model", "2024-05")
    assert automation.requested() == {"figures": ["2024-05"]}


def test_whole_asset_follows_any_partition(instance: dg.DagsterInstance) -> None:
    """A decision over all months is taken again when any month changed, although most months were never made."""

    @dg.asset(deps=[rain], automation_condition=after_any_upstream_partition())
    def decision() -> None: ...

    automation = Automation(instance, rain, decision)
    assert automation.requested() == {}
    automation.happened("rain", "2024-02")
    assert automation.requested() == {"decision": [None]}
    automation.happened("decision", None)
    assert automation.requested() == {}
    automation.happened("rain", "2024-01")
    assert automation.requested() == {"decision": [None]}


@pytest.mark.parametrize(("is_running", "status"), [(True, "RUNNING"), (False, "STOPPED")])
def test_automation_starts_with_the_daemon_or_waits(is_running: bool, status: str) -> None:
    """One switch decides for sensors and schedules alike."""
    sensor = domain_conditions_sensor("weather", is_running=is_running)
    assert sensor.name == "weather_conditions"
    assert sensor.default_status.value == status
    assert schedule_status(is_running).value == status
