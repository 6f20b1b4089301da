"""Streams as assets: a topic of the event log that lands in bounded runs, and jobs for what only a person can decide."""

import json
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import dagster as dg
from pydantic import Field

from mlops_assets.contracts import TableContract
from mlops_assets.errors import PermanentError
from mlops_assets.orchestration.asset_specs import STORES, landing
from mlops_assets.orchestration.clock import CLOCK, Clock
from mlops_assets.orchestration.failures import error_context, retrying_transient_errors
from mlops_assets.orchestration.run_config import StepConfig
from mlops_assets.stores.events import EventLog, OffsetRange
from mlops_assets.stores.landing.streams import DaysOf, Landed, StreamLanding
from mlops_assets.stores.registry import Stores

DAYS, NEXT_OFFSETS = "days", "next_offsets"
"""Metadata of a landing's materialization: the days of its messages, and by partition what lands next."""

LANDS_EVERY_PARTITION = "lands_every_partition"


@dataclass(frozen=True)
class Stream:
    """A topic that lands.

    Attributes:
        domain: that it belongs to.
        name: of the asset that lands it.
        topic_key: resource key of the topic's name.
        days_of: names the days of some messages.
        dead_letters: the table of messages that became no rows.
        day_key: the asset of the messages of a day, which follows what lands.
    """

    domain: str
    name: str
    topic_key: str
    days_of: DaysOf
    dead_letters: TableContract
    day_key: dg.AssetKey

    @property
    def key(self) -> dg.AssetKey:
        """The asset that lands it."""
        return dg.AssetKey([self.domain, self.name])

    def topic(self, resources: Any) -> str:
        """Return the topic's name, from the resources of a run or a tick."""
        return str(getattr(resources, self.topic_key))

    def landing(self, stores: Stores, topic: str) -> StreamLanding:
        """Return what has landed of a topic."""
        return StreamLanding(stores.landing(self.domain, self.name), topic, self.days_of)


class LandConfig(StepConfig):
    """How much a run lands at most: what is left is for the next one."""

    most_events: int = Field(default=200_000, ge=1)
    batch_events: int = Field(default=25_000, ge=1, le=1_000_000)
    seconds: float = Field(default=60, gt=0)


def batches_asset(stream: Stream, description: str, **options: Any) -> dg.AssetsDefinition:
    """Return the asset that lands a stream.

    Args:
        stream: to land.
        description: for people.
        **options: further options of `dagster.asset`.
    """
    check = dg.AssetCheckSpec(
        LANDS_EVERY_PARTITION,
        asset=stream.key,
        description="Every partition of the topic landed up to the run's bounds; what is wrong with one stops no other.",
    )

    @dg.asset(
        **landing(stream.domain, stream.name, description),
        required_resource_keys={stream.topic_key, STORES, CLOCK},
        check_specs=[check],
        # Two runs that land a topic at the same time may land the same messages in batches of different length.
        pool=f"{stream.domain}_{stream.name}",
        **options,
    )
    def batches(context: dg.AssetExecutionContext, config: LandConfig) -> dg.MaterializeResult:
        topic = stream.topic(context.resources)
        stores: Stores = context.resources.stores
        clock: Clock = context.resources.clock
        landed_topic, ends = stream.landing(stores, topic), time.monotonic() + config.seconds
        with retrying_transient_errors(), error_context(f"{stream.domain}/{stream.name}"):
            log = stores.events(stream.domain)
            noted = noted_offsets(context.instance, stream, topic) or {}
            landed = _land(log, landed_topic, topic, config, clock.now(), lambda: time.monotonic() < ends)
            for partition, error in sorted(landed.errors.items()):
                context.log.error(f"partition {partition}: {error}")
            if landed.errors and not landed.ranges:
                raise next(iter(landed.errors.values()))
            # What a run landed that died before it could tell.
            days = {*landed.days, *(landed_topic.days_behind(noted) if noted != landed.began_at else ())}
        return dg.MaterializeResult(
            metadata={
                "dagster/uri": landed_topic.uri,
                "topic": topic,
                "new_count": landed.message_count,
                "gap_count": landed.offset_count - landed.message_count,
                "batch_count": len(landed.ranges),
                DAYS: dg.MetadataValue.json(sorted(day.isoformat() for day in days)),
                NEXT_OFFSETS: _as_metadata(landed.next_offsets),
            },
            check_results=[
                dg.AssetCheckResult(
                    passed=not landed.errors,
                    check_name=LANDS_EVERY_PARTITION,
                    description=" ".join(map(str, landed.errors.values())) or f"{landed.message_count:,} messages landed.",
                )
            ],
        )

    return batches


def noted_offsets(instance: dg.DagsterInstance, stream: Stream, topic: str) -> dict[int, int] | None:
    """Return, by partition, what lands next, as the latest landing has noted it; None if none of the topic has."""
    latest = instance.get_latest_materialization_event(stream.key)
    metadata = latest.asset_materialization.metadata if latest and latest.asset_materialization else {}
    if NEXT_OFFSETS not in metadata or metadata["topic"].value != topic:
        return None
    noted: Any = metadata[NEXT_OFFSETS].value
    return {int(partition): int(offset) for partition, offset in noted.items()}


def _as_metadata(offsets: Mapping[int, int]) -> dg.JsonMetadataValue:
    return dg.MetadataValue.json({str(partition): offset for partition, offset in sorted(offsets.items())})


def _land(
    log: EventLog, landing: StreamLanding, topic: str, config: LandConfig, now: datetime, has_time: Callable[[], bool]
) -> Landed:
    if topic not in log.topics():
        # Nobody has sent anything yet.
        offsets = landing.next_offsets()
        return Landed([], 0, set(), {}, offsets, offsets)
    return landing.land(log, now, most_events=config.most_events, batch_events=config.batch_events, has_time=has_time)


class LostOffsets(dg.Config):
    """Offsets that the log dropped before they landed, or a topic that was made anew; and why that is accepted."""

    reason: str = Field(min_length=3, description="Why it is accepted; kept with the batches.")
    partition: int | None = Field(default=None, ge=0, description="Empty for a topic that was deleted and made anew.")
    start: int = Field(default=0, ge=0, description="First lost offset, as the error names it.")
    end: int = Field(default=0, ge=0, description="First offset behind what is lost.")


def accept_loss_job(stream: Stream) -> dg.JobDefinition:
    """Return the job `accept_lost_<stream>`, for a person who has read the error that names what is lost."""

    @dg.op(
        name=f"go_on_behind_lost_{stream.domain}_messages",
        required_resource_keys={stream.topic_key, STORES, CLOCK},
        description="Goes on behind messages that are gone for good, and keeps on record which, when and why.",
        pool=f"{stream.domain}_{stream.name}",
    )
    def accept(context: dg.OpExecutionContext, config: LostOffsets) -> None:
        topic, now = stream.topic(context.resources), context.resources.clock.now()
        landed = stream.landing(context.resources.stores, topic)
        # Not repeated by itself: a second acceptance would be about something else.
        with error_context(f"{stream.domain}/{stream.name}"):
            log = context.resources.stores.events(stream.domain)
            if config.partition is None:
                context.log.info(f"{topic} lands from its beginning, as {landed.accept_new_topic(log, config.reason, now)}")
            else:
                lost = OffsetRange(config.partition, config.start, config.end)
                landed.accept_loss(log, lost, config.reason, now)
                context.log.info(f"{topic}: goes on behind {lost}")
            noted: dict[str, Any] = {"topic": topic, NEXT_OFFSETS: _as_metadata(landed.next_offsets()), "accepted": config.reason}
        # The sensor asks for a run as soon as it sees other offsets.
        context.log_event(dg.AssetMaterialization(stream.key, metadata=noted))

    @dg.job(
        name=f"accept_lost_{stream.domain}_messages",
        description="After retention dropped messages before they landed, or a topic was made anew: accept it, on record.",
        tags={"domain": stream.domain},
    )
    def accept_lost() -> None:
        accept()

    return accept_lost


class RepairedMessages(dg.Config):
    """Where repaired messages are: a file of JSON lines in the lake, below the domain's folder `repaired/`."""

    file: str = Field(
        pattern=r"^[^/].*$",
        description='Name below `repaired/`; a line is {"partition": 0, "offset": 7, "value": {...}}, the message as it should be.',
    )


def replay_job(stream: Stream) -> dg.JobDefinition:
    """Return the job `replay_<stream>_dead_letters`: it sends repaired messages again, with the key of the dead letter."""

    @dg.op(
        name=f"send_repaired_{stream.domain}_messages",
        required_resource_keys={stream.topic_key, STORES, CLOCK},
        description="Appends repaired messages to the topic; one that was sent twice is one event.",
    )
    def replay(context: dg.OpExecutionContext, config: RepairedMessages) -> None:
        stores: Stores = context.resources.stores
        topic = stream.topic(context.resources)
        with retrying_transient_errors(), error_context(f"{stream.domain}/{config.file}"):
            repairs = read_repairs(stores.landing(stream.domain, "repaired").read([config.file]))
            log = stores.events(stream.domain)
            events = [repair.as_event(log, topic, context.resources.clock.now()) for repair in repairs]
            log.append(topic, events)
        context.add_output_metadata({"replayed_count": len(events)})

    @dg.job(
        name=f"replay_{stream.domain}_dead_letters",
        description="Send dead letters again that a person has repaired: JSON lines in the lake's folder repaired/.",
        tags={"domain": stream.domain},
    )
    def replay_dead_letters() -> None:
        replay()

    return replay_dead_letters


@dataclass(frozen=True)
class Repair:
    """A dead letter as it should have been.

    Attributes:
        partition: that holds the dead letter.
        offset: of the dead letter.
        value: the repaired message.
    """

    partition: int
    offset: int
    value: Mapping[str, Any]

    def as_event(self, log: EventLog, topic: str, now: datetime) -> Any:
        """Return the message to send, with the key of the dead letter, if its log still has it, and where that was."""
        from mlops_assets.stores.events import Event

        kept = log.watermarks(topic).get(self.partition)
        key = None
        if kept is not None and kept.start <= self.offset < kept.end:
            found = log.read(topic, OffsetRange(self.partition, self.offset, self.offset + 1))
            key = found["key"][0].as_py() if found.num_rows else None
        headers = {"repairs": f"{self.partition}/{self.offset}".encode()}
        return Event(json.dumps(self.value, ensure_ascii=False).encode(), now, key, headers)


def read_repairs(files: Iterator[tuple[str, bytes]]) -> list[Repair]:
    """Return the repairs of a file of JSON lines.

    Raises:
        PermanentError: a line is none; the message names it.
    """
    repairs = []
    for name, content in files:
        # Not `splitlines`: JSON may have separators of lines and paragraphs in its texts.
        for number, line in enumerate(content.removeprefix(b"\xef\xbb\xbf").split(b"\n"), 1):
            if not line.strip():
                continue
            try:
                fields = json.loads(line)
                repairs.append(Repair(int(fields["partition"]), int(fields["offset"]), dict(fields["value"])))
            except (ValueError, KeyError, TypeError) as error:
                raise PermanentError(
                    f'{name}, line {number} is no repair ({error}); write {{"partition": 0, "offset": 7, "value": {{...}}}}'
                ) from error
    return repairs
