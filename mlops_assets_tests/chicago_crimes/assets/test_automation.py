"""Schedules and sensors: what they ask for, and that what they ask for runs."""

import json
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from mlops_assets.chicago_crimes import DOMAIN
from mlops_assets.chicago_crimes.assets.automation import RAW_CRIMES_KEY
from mlops_assets.chicago_crimes.sources.base import ChangedMonths
from mlops_assets.chicago_crimes.sources.sample import SampleCrimeSource
from mlops_assets.months import Month, months_from
from mlops_assets.orchestration.partitions import range_tags
from mlops_assets_tests.platforms import Platform, StoppedClock

JANUARY, FEBRUARY, MARCH, APRIL = (Month(2024, number) for number in range(1, 5))
SENSORS = ("chicago_crimes_changed_months", "chicago_crimes_retraining", "chicago_crimes_conditions")


def tick(platform: Platform, source: Any, cursor: str | None, now: datetime | None = None) -> dg.SensorResult:
    """Evaluate the changed-months sensor against a source; by default in this moment."""
    sensor = platform.definitions.resolve_sensor_def("chicago_crimes_changed_months")
    context = dg.build_sensor_context(
        instance=platform.instance,
        cursor=cursor,
        definitions=platform.definitions,
        resources={"crime_source": source, "clock": StoppedClock(now or datetime.now(timezone.utc))},
    )
    result = sensor(context)
    assert isinstance(result, dg.SensorResult)
    return result


def test_late_arrests_read_exactly_the_months_that_changed(tmp_path: Path, instance: dg.DagsterInstance) -> None:
    """The portal hears of arrests in months already read; exactly these are requested, and reading them again shows the arrests."""
    platform = Platform(tmp_path, instance, sample_as_of=datetime(2024, 4, 9, tzinfo=timezone.utc))
    platform.run("read_chicago_crimes", months=("2023-12", "2024-04"))
    loaded = {Month(2023, 12), JANUARY, FEBRUARY, MARCH, APRIL}
    before = SampleCrimeSource(20240101, 24_000, as_of=datetime(2024, 4, 9, tzinfo=timezone.utc))
    after = SampleCrimeSource(20240101, 24_000, as_of=datetime(2024, 4, 12, tzinfo=timezone.utc))
    first = tick(platform, before, None)
    assert first.run_requests == []
    assert first.cursor is not None
    second = tick(platform, after, first.cursor)
    changed = {month for month in loaded if differs(before, after, month)}
    assert {Month.parse(request.partition_key or "") for request in second.run_requests or []} == changed
    assert changed
    for month in changed:
        platform.run("read_chicago_crimes", month=month.key)
    assert tick(platform, after, second.cursor).run_requests == []


class ScriptedSource:
    """A source that says at each question which months have changed; the cursor counts the questions."""

    def __init__(self, *answers: list[Month]) -> None:
        self.answers = list(answers)

    def changed_months(self, cursor: str | None) -> ChangedMonths:
        return ChangedMonths(tuple(self.answers.pop(0) if self.answers else ()), f"question {len(self.answers)}")


def read(instance: dg.DagsterInstance, *months: Month) -> None:
    """Record that months of crimes were read."""
    for month in months:
        instance.report_runless_asset_event(dg.AssetMaterialization(RAW_CRIMES_KEY, partition=month.key))


def asked(result: dg.SensorResult) -> list[str | None]:
    return [request.partition_key for request in result.run_requests or []]


@pytest.fixture
def empty(tmp_path: Path, instance: dg.DagsterInstance) -> Platform:
    """A platform on which nothing has been read."""
    return Platform(tmp_path, instance)


def test_change_is_asked_for_until_it_was_read(empty: Platform) -> None:
    """A run that fails, or never comes, loses nothing: the month stays open although the source tells of a change only once."""
    read(empty.instance, JANUARY)
    source = ScriptedSource([JANUARY])
    first = tick(empty, source, None)
    assert asked(first) == ["2024-01"]
    second = tick(empty, source, first.cursor)
    assert asked(second) == ["2024-01"]
    read(empty.instance, JANUARY)
    third = tick(empty, source, second.cursor)
    assert asked(third) == []
    assert third.skip_reason is not None
    assert third.skip_reason.skip_message == "No month that is loaded here has changed."


@pytest.mark.parametrize("tags", [{"dagster/partition": "2024-01"}, range_tags("2023-12", "2024-02")])
@pytest.mark.parametrize("selected", [None, "raw_crimes"])
def test_change_while_a_month_is_read_for_the_first_time_is_read_after_it(
    empty: Platform, tags: dict[str, str], selected: str | None
) -> None:
    """The run may have read the source before the change, so its month is read again, once the run has ended."""
    selection = frozenset({dg.AssetKey([DOMAIN, selected])}) if selected else None
    job = "__ASSET_JOB" if selected else "read_chicago_crimes"
    run = empty.instance.add_run(
        dg.DagsterRun(job_name=job, tags=tags, asset_selection=selection, status=dg.DagsterRunStatus.STARTED)
    )
    first = tick(empty, ScriptedSource([Month(2023, 11), JANUARY]), None)
    assert asked(first) == [], "the run is waited for"
    assert "Changed but not loaded here: 2023-11" in str(first.skip_reason and first.skip_reason.skip_message)
    empty.instance.report_run_canceled(run)
    assert asked(tick(empty, ScriptedSource(), first.cursor)) == ["2024-01"]


def test_runs_of_other_assets_read_no_month(empty: Platform) -> None:
    """A backfill of the stations or a model of the month says nothing about its crimes."""
    job, tags = empty.definitions.resolve_job_def("train_arrest_model"), {"dagster/partition": "2024-01"}
    empty.instance.create_run_for_job(job, tags=tags, status=dg.DagsterRunStatus.STARTED)
    assert json.loads(tick(empty, ScriptedSource([JANUARY]), None).cursor or "")["since"] == {}


def test_change_back_to_an_earlier_state_is_another_change(empty: Platform) -> None:
    """A file that is replaced and put back has changed twice: each run has a key of its own."""
    read(empty.instance, JANUARY)
    source = ScriptedSource([JANUARY], [JANUARY])
    first = tick(empty, source, None)
    read(empty.instance, JANUARY)
    second = tick(empty, source, first.cursor, now=datetime.now(timezone.utc) + timedelta(hours=1))
    keys = [request.run_key for result in (first, second) for request in result.run_requests or []]
    assert len(set(keys)) == 2


def test_run_keys_and_tags_stay_short_for_a_history_of_decades(empty: Platform) -> None:
    """A database indexes them; the state of 300 months is in the cursor alone."""
    months = list(months_from(Month(2001, 1), Month(2024, 5)))
    read(empty.instance, *months)
    result = tick(empty, ScriptedSource(months), None)
    requests = result.run_requests or []
    assert len(requests) == len(months)
    assert max(len(text) for request in requests for text in (request.run_key or "", *request.tags.values())) < 100


def test_new_month_waits_until_the_portal_has_published_it(empty: Platform) -> None:
    """On the second of June the portal has three weeks of May; on the ninth it has all of it."""
    read(empty.instance, APRIL)
    early = tick(empty, ScriptedSource([Month(2024, 5)]), None, now=datetime(2024, 6, 2, tzinfo=timezone.utc))
    assert asked(early) == []
    assert early.skip_reason is not None
    assert "2024-05 is not published yet" in str(early.skip_reason.skip_message)
    late = tick(empty, ScriptedSource(), early.cursor, now=datetime(2024, 6, 9, 12, tzinfo=timezone.utc))
    assert asked(late) == ["2024-05"]


def test_cursor_of_an_earlier_release_goes_on(empty: Platform) -> None:
    """It was the source's own cursor, which is handed on to the source."""
    handed: list[str | None] = []

    class Source(ScriptedSource):
        def changed_months(self, cursor: str | None) -> ChangedMonths:
            handed.append(cursor)
            return super().changed_months(cursor)

    first = tick(empty, Source(), '{"export": {"2024-01": "f1"}}')
    tick(empty, Source(), first.cursor)
    assert handed == ['{"export": {"2024-01": "f1"}}', "question 0"]


def differs(before: SampleCrimeSource, after: SampleCrimeSource, month: Month) -> bool:
    return not before.read_month(month).table.equals(after.read_month(month).table)


def test_unreadable_cursor_starts_over(tmp_path: Path, instance: dg.DagsterInstance) -> None:
    """A cursor of another source, as after a change of settings, counts as none."""
    source = SampleCrimeSource(1, 24_000, as_of=datetime(2024, 4, 9, tzinfo=timezone.utc))
    result = tick(Platform(tmp_path, instance), source, '{"export": {}}')
    assert result.run_requests == []


def test_schedule_reads_the_month_that_is_over(tmp_path: Path, instance: dg.DagsterInstance) -> None:
    """On 9 February the run is January's."""
    definitions = Platform(tmp_path, instance).definitions
    schedule = definitions.resolve_schedule_def("chicago_crimes_new_month")
    data = schedule.evaluate_tick(
        dg.build_schedule_context(
            instance=instance,
            scheduled_execution_time=datetime(2024, 2, 9, 12, tzinfo=timezone.utc),
            repository_def=definitions.get_repository_def(),
        )
    )
    assert [request.partition_key for request in data.run_requests or []] == ["2024-01"]


@pytest.mark.parametrize("automation", ["on", "off"])
def test_one_setting_starts_everything(tmp_path: Path, instance: dg.DagsterInstance, automation: str) -> None:
    """Automation waits for a person unless the setting says otherwise; alerts are always on."""
    platform = Platform(tmp_path, instance)
    platform.settings.automation = automation  # type: ignore[assignment]
    from mlops_assets.build import build_definitions

    definitions = build_definitions(platform.settings)
    expected = dg.DefaultSensorStatus.RUNNING if automation == "on" else dg.DefaultSensorStatus.STOPPED
    assert {definitions.resolve_sensor_def(name).default_status for name in SENSORS} == {expected}
    assert definitions.resolve_sensor_def("run_failure_alerts").default_status == dg.DefaultSensorStatus.RUNNING


@pytest.mark.parametrize("months", [("2023-11", "2023-11"), ("2023-11", "2023-12")])
def test_changed_crimes_are_enriched_by_themselves(tmp_path: Path, instance: dg.DagsterInstance, months: tuple[str, str]) -> None:
    """When old months of raw crimes are read again, alone or as a range in one run, exactly their enrichment is requested."""
    platform = Platform(tmp_path, instance)
    platform.run("read_chicago_crimes", months=("2023-11", "2024-01"))
    first = dg.evaluate_automation_conditions(platform.definitions, instance)
    platform.materialize("raw_crimes", "rejected_crimes", months=months)
    second = dg.evaluate_automation_conditions(platform.definitions, instance, cursor=first.cursor)
    assert set(second.get_requested_partitions(dg.AssetKey([DOMAIN, "enriched_crimes"]))) == set(months)
