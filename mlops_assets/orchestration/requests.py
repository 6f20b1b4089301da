"""Runs that are asked for until they have done their work.

A sensor that moves its cursor on when it asks for a run loses the work if that run fails. Here the work stays open, in the cursor
of the sensor, until what it is for has been made; a failed run is asked for again after a pause that grows.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timezone

import dagster as dg
from dagster import DagsterRunStatus

from mlops_assets.orchestration.partitions import holds_partition

REQUEST_TAG = "mlops_assets/request"
"""Tag of a run that was asked for, with the identity of the work. Short, whatever the work depends on: databases index it."""

_UNFINISHED = [
    DagsterRunStatus.QUEUED,
    DagsterRunStatus.NOT_STARTED,
    DagsterRunStatus.STARTING,
    DagsterRunStatus.STARTED,
    DagsterRunStatus.CANCELING,
]
_PAUSES_S = (15 * 60, 3_600, 6 * 3_600)
"""After the first, the second and each later failure. Steps have retried transient errors for minutes by then."""


@dataclass(frozen=True)
class Work:
    """Something that a run shall do.

    Attributes:
        identity: tells this work from all other work of the same job; a few words, never the state of a source.
        partition: the partition to run, if any.
        since: POSIX time of the reason: what was made by a run that started before does not count.
        tags: of the run.
        run_config: of the run.
        only: the assets of the job to make, if not all of them.
    """

    identity: str
    partition: str | None
    since: float = 0.0
    tags: Mapping[str, str] = field(default_factory=dict)
    run_config: Mapping[str, object] = field(default_factory=dict)
    only: Sequence[dg.AssetKey] = ()

    @property
    def run_tags(self) -> dict[str, str]:
        """The tags of a run that does the work, by which it is found again."""
        return {**self.tags, REQUEST_TAG: self.identity}


@dataclass(frozen=True)
class Attempts:
    """What became of the runs that were asked for.

    Attributes:
        running: id of the run that is queued or at work; None if there is none.
        ended: how many have ended; as the work is still open, none of them did it.
        last_ended_at: POSIX time at which the last of them ended; 0 if there is none.
    """

    running: str | None = None
    ended: int = 0
    last_ended_at: float = 0.0

    @property
    def next_at(self) -> float:
        """The POSIX time from which on the work may be asked for again."""
        return self.last_ended_at + _PAUSES_S[min(self.ended, len(_PAUSES_S)) - 1] if self.ended else 0.0


def attempts_at(instance: dg.DagsterInstance, job: str, work: Work) -> Attempts:
    """Return what became of the runs of a job that were asked for to do some work."""
    records = instance.get_run_records(dg.RunsFilter(job_name=job, tags={REQUEST_TAG: work.identity}))
    ended = [record for record in records if record.dagster_run.is_finished]
    return Attempts(
        running=next((r.dagster_run.run_id for r in records if not r.dagster_run.is_finished), None),
        ended=len(ended),
        last_ended_at=max((r.end_time or r.update_timestamp.timestamp() for r in ended), default=0.0),
    )


def ask_again(instance: dg.DagsterInstance, job: str, work: Work, now: datetime) -> dg.RunRequest | str:
    """Return the next run to ask for, or in a sentence what is being waited for.

    Args:
        instance: with the records of earlier attempts.
        job: name of the job that does the work.
        work: what is to be done.
        now: the time of the tick.
    """
    return _answer(instance, job, work, now, unfinished_runs(instance))


def _answer(
    instance: dg.DagsterInstance, job: str, work: Work, now: datetime, under_way: Sequence[dg.DagsterRun]
) -> dg.RunRequest | str:
    attempts = attempts_at(instance, job, work)
    what = f"{job}{f' of {work.partition}' if work.partition else ''}"
    if attempts.running is not None:
        return f"{what} is under way (run {attempts.running[:8]})"
    if work.partition is not None and (other := _run_of_partition(under_way, work.partition)):
        return f"{what} waits for another run of the partition ({other[:8]})"
    if now.timestamp() < attempts.next_at:
        at = datetime.fromtimestamp(attempts.next_at, tz=timezone.utc)
        return f"{what} has failed {attempts.ended} times; it is asked for again at {at:%Y-%m-%d %H:%M} UTC"
    return dg.RunRequest(
        run_key=f"{work.identity}#{attempts.ended + 1}",
        partition_key=work.partition,
        job_name=job,
        tags=work.run_tags,
        run_config=dict(work.run_config),
        asset_selection=list(work.only) or None,
    )


def unfinished_runs(instance: dg.DagsterInstance) -> Sequence[dg.DagsterRun]:
    """Return the runs that are queued or at work, the newest first."""
    return instance.get_runs(dg.RunsFilter(statuses=_UNFINISHED))


def runs_holding(instance: dg.DagsterInstance, asset_key: dg.AssetKey, job: str) -> list[dg.DagsterRun]:
    """Return the runs, queued or at work, that make an asset: by their selection, or as a whole run of the job that makes it."""
    runs = unfinished_runs(instance)
    return [run for run in runs if (asset_key in run.asset_selection if run.asset_selection else run.job_name == job)]


def _run_of_partition(under_way: Sequence[dg.DagsterRun], partition: str) -> str | None:
    """Return a run that holds a partition, alone or in a range, whoever started it: it may be doing the same work."""
    return next((run.run_id for run in under_way if holds_partition(run.tags, partition)), None)


def ask_for_all(
    instance: dg.DagsterInstance, job: str, open_work: Sequence[Work], now: datetime
) -> tuple[list[dg.RunRequest], list[str]]:
    """Return the runs to ask for, and a sentence about each piece of work that is being waited for."""
    under_way = unfinished_runs(instance) if open_work else []
    answers = [_answer(instance, job, work, now, under_way) for work in open_work]
    return [a for a in answers if isinstance(a, dg.RunRequest)], [a for a in answers if isinstance(a, str)]


def was_made(instance: dg.DagsterInstance, asset_key: dg.AssetKey, partition: str, since: float, run_id: str = "") -> bool:
    """Tell whether a partition was materialized by a run that started at or after a POSIX time, whoever asked for it.

    Args:
        instance: with the records.
        asset_key: of the asset.
        partition: of the asset.
        since: POSIX time.
        run_id: of a run that may have started before: what it made after that time counts, too.
    """
    wanted = dg.AssetRecordsFilter(asset_key=asset_key, asset_partitions=[partition], after_timestamp=float(since))
    for entry in instance.fetch_materializations(wanted, limit=100).records:
        if run_id and entry.run_id == run_id:
            return True
        run = instance.get_run_record_by_id(entry.run_id) if entry.run_id else None
        started_at = run.start_time if run is not None and run.start_time is not None else entry.timestamp
        if started_at >= since:
            return True
    return False
