"""A run is asked for until its work is done: never twice at once, after a pause if it failed, under a key of its own."""

from datetime import datetime, timedelta, timezone

import dagster as dg
import pytest

from mlops_assets.orchestration.partitions import range_tags
from mlops_assets.orchestration.requests import REQUEST_TAG, Attempts, Work, ask_again, ask_for_all, attempts_at, was_made
from mlops_assets_tests.orchestration.small_graph import MONTHS

NOW = datetime(2024, 6, 1, tzinfo=timezone.utc)
JANUARY = Work("2024-01 changed", "2024-01", tags={"reason": "arrests"})


@dg.asset(partitions_def=MONTHS)
def rain(context: dg.AssetExecutionContext) -> None:
    if context.run.tags.get("fails"):
        raise RuntimeError("no luck")


READ = dg.define_asset_job("read_rain", [rain])
DEFINITIONS = dg.Definitions([rain], jobs=[READ])


def run(instance: dg.DagsterInstance, request: dg.RunRequest, *, fails: bool) -> None:
    """Carry out what was asked for."""
    DEFINITIONS.resolve_job_def("read_rain").execute_in_process(
        instance=instance,
        partition_key=request.partition_key,
        tags={**request.tags, **({"fails": "yes"} if fails else {})},
        raise_on_error=False,
    )


def requested(instance: dg.DagsterInstance, now: datetime) -> dg.RunRequest:
    request = ask_again(instance, "read_rain", JANUARY, now)
    assert isinstance(request, dg.RunRequest)
    return request


def test_request_names_partition_job_and_reason(instance: dg.DagsterInstance) -> None:
    """Whoever looks at the run sees why it was started, and the next tick finds it by its tag."""
    request = requested(instance, datetime.now(timezone.utc))
    assert (request.job_name, request.partition_key) == ("read_rain", "2024-01")
    assert request.tags == {"reason": "arrests", REQUEST_TAG: "2024-01 changed"}


def test_failed_run_is_asked_for_again_after_a_growing_pause(instance: dg.DagsterInstance) -> None:
    """A quarter of an hour, an hour, and then every six: each attempt has a key of its own, or it would never be launched."""
    keys, now = [], datetime.now(timezone.utc)
    for pause in (timedelta(minutes=15), timedelta(hours=1), timedelta(hours=6), timedelta(hours=6)):
        request = requested(instance, now)
        keys.append(request.run_key)
        run(instance, request, fails=True)
        ended = datetime.now(timezone.utc)
        waiting = ask_again(instance, "read_rain", JANUARY, ended + pause - timedelta(minutes=1))
        assert isinstance(waiting, str)
        assert f"read_rain of 2024-01 has failed {len(keys)} times; it is asked for again at" in waiting
        now = ended + pause
    assert len(set(keys)) == len(keys)


def test_queued_run_is_waited_for(instance: dg.DagsterInstance) -> None:
    """Nothing is asked for twice while a run is under way, however long it takes."""
    request = requested(instance, datetime.now(timezone.utc))
    queued = instance.create_run_for_job(DEFINITIONS.resolve_job_def("read_rain"), tags=dict(request.tags))
    answer = ask_again(instance, "read_rain", JANUARY, datetime.now(timezone.utc) + timedelta(days=1))
    assert answer == f"read_rain of 2024-01 is under way (run {queued.run_id[:8]})"


@pytest.mark.parametrize(("last", "waits"), [("2024-03", True), ("2024-01", True), ("2023-12", False), ("2024-01-31", False)])
def test_partition_that_another_run_holds_is_waited_for(instance: dg.DagsterInstance, last: str, waits: bool) -> None:
    """A backfill over a range makes each partition in it; a range of days holds no month."""
    first = "2023-11" if len(last) == len("2023-11") else "2023-11-01"
    run = instance.add_run(dg.DagsterRun(job_name="backfill", tags=range_tags(first, last)))
    sentence = f"read_rain of 2024-01 waits for another run of the partition ({run.run_id[:8]})"
    assert (ask_again(instance, "read_rain", JANUARY, NOW) == sentence) is waits
    assert (ask_for_all(instance, "read_rain", [JANUARY], NOW)[1] == [sentence]) is waits


def test_work_of_another_identity_is_not_mistaken(instance: dg.DagsterInstance) -> None:
    """A second change of the same month is another piece of work, whatever became of the first."""
    run(instance, requested(instance, datetime.now(timezone.utc)), fails=True)
    other = Work("2024-01 changed again", "2024-01")
    assert attempts_at(instance, "read_rain", other) == Attempts()
    assert isinstance(ask_again(instance, "read_rain", other, datetime.now(timezone.utc)), dg.RunRequest)


@pytest.mark.parametrize(("since", "counts"), [(-60.0, True), (60.0, False)])
def test_only_what_was_made_since_counts(instance: dg.DagsterInstance, since: float, counts: bool) -> None:
    """A run that had begun before the change may have read what was there before it."""
    run(instance, requested(instance, datetime.now(timezone.utc)), fails=False)
    moment = datetime.now(timezone.utc).timestamp() + since
    assert was_made(instance, rain.key, "2024-01", moment) is counts
    assert not was_made(instance, rain.key, "2024-02", 0)
