"""The sensor of a stream: a bounded run as soon as there is something to land, and one for every day that late messages touch."""

import hashlib
import json
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import dagster as dg

from mlops_assets.errors import PlatformError
from mlops_assets.orchestration.automation import sensor_status
from mlops_assets.orchestration.clock import CLOCK
from mlops_assets.orchestration.partitions import holds_partition
from mlops_assets.orchestration.requests import Work, ask_for_all, runs_holding, was_made
from mlops_assets.orchestration.streams import DAYS, Stream, noted_offsets
from mlops_assets.orchestration.upstream_state import champion_scores_from
from mlops_assets.stores.events import lag
from mlops_assets.stores.registry import Stores

_LOOKED_EVERY_S = 5
_PAGE = 100
_TICK_BUDGET_S = 30.0
_DAYS_AT_ONCE = 20


@dataclass
class OpenDays:
    """What the sensor knows from tick to tick.

    Attributes:
        seen: storage id of the last landing that was looked at.
        since: by day, the POSIX time of the latest landing that brought messages of it, and the run that landed them.
    """

    seen: int = 0
    since: dict[str, tuple[float, str]] = field(default_factory=dict)

    @classmethod
    def parse(cls, cursor: str | None) -> "OpenDays":
        """Return the state that a cursor holds; the empty one for a new sensor."""
        stored = json.loads(cursor) if cursor else {}
        return cls(stored.get("seen", 0), {day: (float(at), run) for day, (at, run) in stored.get("since", {}).items()})

    def dump(self) -> str:
        """Return the cursor that holds this state."""
        return json.dumps({"seen": self.seen, "since": self.since}, sort_keys=True)


def stream_sensor(
    stream: Stream,
    *,
    follow_job: Any,
    day_job: Any,
    day_keys: Sequence[dg.AssetKey],
    champion_key: dg.AssetKey,
    partitions: dg.DailyPartitionsDefinition,
    automation_enabled: bool,
) -> dg.SensorDefinition:
    """Return the sensor `<domain>_new_messages`.

    Args:
        stream: that lands.
        follow_job: lands, and makes what follows of today.
        day_job: makes what follows of a day, without landing.
        day_keys: what of a day can be made without a champion.
        champion_key: the asset that keeps the promotion decisions; what it scores is left out as long as there is none.
        partitions: the days.
        automation_enabled: whether it starts with the daemon.
    """

    @dg.sensor(
        name=f"{stream.domain}_new_messages",
        jobs=[follow_job, day_job],
        minimum_interval_seconds=_LOOKED_EVERY_S,
        default_status=sensor_status(automation_enabled),
        required_resource_keys={"stores", CLOCK, stream.topic_key},
        description="Asks the log every five seconds whether there is something to land, lands it in bounded runs, and refreshes "
        "every day that late messages are about.",
    )
    def new_messages(context: dg.SensorEvaluationContext) -> dg.SensorResult:
        resources, instance = context.resources, context.instance
        now, topic = resources.clock.now(), stream.topic(resources)
        state = OpenDays.parse(context.cursor)
        _note_landings(instance, stream, state, time.monotonic() + _TICK_BUDGET_S)
        state.since = {day: made for day, made in state.since.items() if not was_made(instance, stream.day_key, day, *made)}

        today = now.strftime(partitions.fmt)
        work, waiting = [], []
        if runs_holding(instance, stream.key, follow_job.name):
            waiting.append("a run is landing")
        else:
            unread, state_of_log = _unread(resources.stores, instance, stream, topic)
            if unread:
                identity = hashlib.sha256(json.dumps(state_of_log, sort_keys=True).encode()).hexdigest()[:12]
                only = [] if _is_scored(instance, champion_key, partitions, today) else [stream.key, *day_keys]
                work.append((follow_job.name, Work(f"land {topic} from {identity}", today, only=only)))
            waiting.append(f"{unread:,} messages to land" if unread else "nothing new in the log")
        running = runs_holding(instance, stream.day_key, day_job.name)
        open_days = [day for day in sorted(state.since) if day <= today and not (work and day == today)]
        for day in [day for day in open_days if not any(holds_partition(run.tags, day) for run in running)][:_DAYS_AT_ONCE]:
            only = [] if _is_scored(instance, champion_key, partitions, day) else list(day_keys)
            work.append((day_job.name, Work(f"{day} after {state.since[day][0]}", day, only=only)))
        requests: list[dg.RunRequest] = []
        for job in (follow_job.name, day_job.name):
            asked, reasons = ask_for_all(instance, job, [each for name, each in work if name == job], now)
            requests, waiting = requests + asked, waiting + reasons
        return dg.SensorResult(
            run_requests=requests, cursor=state.dump(), skip_reason=None if requests else "; ".join(waiting) or "nothing to do"
        )

    return new_messages


def _is_scored(instance: dg.DagsterInstance, champion_key: dg.AssetKey, partitions: dg.DailyPartitionsDefinition, day: str) -> bool:
    """Tell whether there is a champion that had learned from earlier days only."""
    scores_from = champion_scores_from(instance, champion_key)
    return scores_from is not None and scores_from <= partitions.time_window_for_partition_key(day).start


def _unread(stores: Stores, instance: dg.DagsterInstance, stream: Stream, topic: str) -> tuple[int, list[Any]]:
    """Return how many messages have not landed, and what tells this state of the log from others.

    A partition of which messages are lost counts as one: a run names them. The others do not wait for it: that one of them has
    something new is another state.
    """
    log = stores.events(stream.domain)
    if topic not in log.topics():
        return 0, []
    # The latest run has noted them, so that no tick has to list the lake.
    offsets = noted_offsets(instance, stream, topic)
    if offsets is None:
        offsets = stream.landing(stores, topic).next_offsets()
    watermarks = log.watermarks(topic)
    unread, waiting = 0, list[int]()
    for partition in sorted({*watermarks, *offsets}):
        try:
            kept = {partition: watermarks[partition]}
            own = {partition: offsets[partition]} if partition in offsets else {}
            count = sum(lag(kept, own).values())
        except (PlatformError, KeyError):
            unread += 1
            continue
        unread += count
        waiting += [partition] if count else []
    return unread, [sorted(offsets.items()), waiting]


def _note_landings(instance: dg.DagsterInstance, stream: Stream, state: OpenDays, until: float) -> None:
    """Note the days of every landing since the last tick, the oldest first."""
    while time.monotonic() < until:
        records = instance.fetch_materializations(
            dg.AssetRecordsFilter(asset_key=stream.key, after_storage_id=state.seen), limit=_PAGE, ascending=True
        ).records
        for record in records:
            state.seen = record.storage_id
            if record.asset_materialization and DAYS in record.asset_materialization.metadata:
                days: Any = record.asset_materialization.metadata[DAYS].value
                state.since |= dict.fromkeys(days, (record.timestamp, record.run_id))
        if len(records) < _PAGE:
            return
