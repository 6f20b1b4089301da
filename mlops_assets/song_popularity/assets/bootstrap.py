"""The steps from an empty platform to the first predictions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta, timezone
from typing import TYPE_CHECKING

import dagster as dg

from mlops_assets.errors import NotEnoughDataError
from mlops_assets.orchestration.bootstrap import Bootstrap, BootstrapStep
from mlops_assets.song_popularity import DOMAIN, defaults
from mlops_assets.song_popularity.events.parsing import FIRST_DAY

if TYPE_CHECKING:
    from mlops_assets.stores.events import EventLog

_ASKED_MESSAGES = 1_000
"""The oldest messages of each partition say with which day a history begins."""


@dataclass(frozen=True)
class TopicHistory:
    """What a topic holds by now.

    Attributes:
        log: that holds it.
        topic: its name.
    """

    log: EventLog
    topic: str

    def describe(self) -> str:
        """Return where it is, without credentials."""
        return self.log.location(self.topic)

    def days(self, now: datetime) -> list[date]:
        """Return the days from the first that a message is sent on to today, both included; none if there are no messages."""
        if self.topic not in self.log.topics():
            return []
        from mlops_assets.stores.events import OffsetRange

        firsts = []
        for kept in self.log.watermarks(self.topic).values():
            oldest = OffsetRange(kept.partition, kept.start, min(kept.end, kept.start + _ASKED_MESSAGES))
            if oldest:
                moments = self.log.read(self.topic, oldest)["event_at"].to_pylist()
                firsts += [at.astimezone(timezone.utc).date() for at in moments if at is not None]
        today = now.astimezone(timezone.utc).date()
        possible = [day for day in firsts if FIRST_DAY <= day <= today]
        if not possible:
            return []
        first = max(min(possible), today - timedelta(days=defaults.WINDOW_DAYS))
        return [first + timedelta(days=number) for number in range((today - first).days + 1)]


def build_bootstrap(place: str) -> Bootstrap:
    """Return how the domain gets to work.

    Args:
        place: from where messages are read, in a few words.
    """
    return Bootstrap(
        domain=DOMAIN,
        place=place,
        source_key="topic_history",
        choose_last=last_day,
        has=lambda source, last, now: date.fromisoformat(last) in source.days(now)[1:],
        steps=bootstrap_steps,
        champion_key=_asset("popularity_champion"),
        model_key=_asset("popularity_model"),
    )


def last_day(source: TopicHistory, now: datetime) -> str:
    """Return today, if the log has messages of an earlier day.

    Raises:
        NotEnoughDataError: it has none to learn from.
    """
    days = source.days(now)
    if len(days) < 2:
        raise NotEnoughDataError(
            f"{source.describe()} has no messages of an earlier day to learn from; `mlops-assets produce {DOMAIN}` sends some: "
            "simulated ones of two weeks with --from sample --past-days 14 --events 20000, recorded ones with --from replay"
        )
    return days[-1].isoformat()


def bootstrap_steps(source: TopicHistory, last: str) -> Sequence[BootstrapStep]:
    """Return the steps: land and read what the log has, train the model of the last day, predict it."""
    end = date.fromisoformat(last)
    days = source.days(datetime.combine(end, datetime.min.time(), timezone.utc))
    history = tuple(day.isoformat() for day in days) or (last,)
    start = datetime.combine(end, datetime.min.time(), timezone.utc)
    return [
        BootstrapStep(
            f"Land and read {history[0]} to {last}",
            "read_song_popularity",
            history,
            _asset("events"),
            run_config={"ops": {f"{DOMAIN}__event_batches": {"config": {"most_events": 10_000_000, "seconds": 3_600}}}},
        ),
        BootstrapStep(
            "Read the history: none by default", "read_song_popularity_history", (last,), _asset("history"), is_partitioned=False
        ),
        BootstrapStep(f"Train and measure the model of {last}", "train_popularity_model", (last,), _asset("spotify_model_metrics")),
        BootstrapStep(
            f"Decide about the model of {last}",
            "train_popularity_model",
            (last,),
            _asset("popularity_champion"),
            only=(_asset("popularity_champion"),),
        ),
        BootstrapStep(
            f"Predict the events of {last}", "refresh_song_popularity", (last,), _asset("popularity_predictions"), scores_from=start
        ),
    ]


def _asset(name: str) -> dg.AssetKey:
    return dg.AssetKey([DOMAIN, name])
