"""A feed is asked at regular moments, by a clock that only moves when somebody waits."""

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta

import pytest

from mlops_assets.donostia_parking.sources.base import Snapshot
from mlops_assets.donostia_parking.sources.polling import poll, recorded
from mlops_assets.errors import NotEnoughDataError, PlatformError, SettingsError, SourceError, TransientError
from mlops_assets_tests.donostia_parking.snapshots import snapshot, utc

START = utc("2025-10-09 12:00")
EVERY = timedelta(seconds=15)


class Feed:
    """A feed that says how often it was asked, takes its time, and fails when told to.

    Attributes:
        now: what its clock shows.
        waits: the seconds that somebody slept, one number each.
        failures: what is raised at which request, counted from 0.
        seconds_each: how long a request takes.
    """

    def __init__(self, failures: dict[int, Exception] | None = None, seconds_each: float = 0) -> None:
        self.now = START
        self.waits: list[float] = []
        self.failures = failures or {}
        self.seconds_each = seconds_each
        self.asked_at: list[datetime] = []
        self.failed: list[tuple[datetime, Exception]] = []

    def describe(self) -> str:
        return "a feed"

    def export_files(self) -> tuple[()]:
        return ()

    def fetch_snapshot(self, at: datetime) -> Snapshot:
        number = len(self.asked_at)
        self.asked_at.append(at)
        self.now += timedelta(seconds=self.seconds_each)
        if number in self.failures:
            raise self.failures[number]
        return snapshot(at.replace(tzinfo=None).isoformat(), str(number))

    def snapshots_between(self, since: datetime, until: datetime) -> Iterator[Snapshot]:
        return iter(())

    def available_range(self) -> tuple[datetime, datetime] | None:
        return None

    def sleep(self, seconds: float) -> None:
        self.waits.append(seconds)
        self.now += timedelta(seconds=seconds)

    def read(self, lasting: timedelta) -> Iterator[Snapshot]:
        """Yield a poll of this feed."""
        note: Callable[[datetime, Exception], None] = lambda at, error: self.failed.append((at, error))  # noqa: E731
        return poll(self, lasting=lasting, every=EVERY, clock=lambda: self.now, sleep=self.sleep, on_failure=note)


def test_no_duration_asks_once_and_does_not_wait() -> None:
    """What the hourly job does."""
    feed = Feed()
    assert [item.requested_at for item in feed.read(timedelta(0))] == [START]
    assert feed.waits == []


def test_burst_asks_at_regular_moments() -> None:
    """A minute at 15 seconds is five requests, the last one at its end."""
    feed = Feed()
    assert [item.requested_at for item in feed.read(timedelta(minutes=1))] == [START + EVERY * number for number in range(5)]
    assert feed.waits == [15] * 4


def test_slow_answers_do_not_shift_the_moments() -> None:
    """The wait is what is left until the next moment; the clock of the requests is not that of the answers."""
    feed = Feed(seconds_each=4)
    assert [item.requested_at for item in feed.read(timedelta(seconds=30))] == [START, START + EVERY, START + 2 * EVERY]
    assert feed.waits == [11, 11]


def test_answer_later_than_the_next_moment_is_followed_at_once() -> None:
    """A feed that takes 20 seconds is asked without a pause, and each snapshot says when it was asked for."""
    feed = Feed(seconds_each=20)
    assert [(item.requested_at - START).total_seconds() for item in feed.read(timedelta(seconds=45))] == [0, 20, 40, 60]
    assert feed.waits == []


def test_answers_come_one_by_one() -> None:
    """Who is killed in a poll has landed what came before."""
    feed = Feed()
    answers = feed.read(timedelta(minutes=1))
    next(answers)
    assert len(feed.asked_at) == 1


@pytest.mark.parametrize("error", [TransientError("busy"), SourceError("a web page")])
def test_failure_in_between_does_not_end_a_burst(error: PlatformError) -> None:
    """The others are kept, and somebody is told when and why one is missing."""
    feed = Feed({1: error})
    assert [item.requested_at for item in feed.read(timedelta(seconds=30))] == [START, START + 2 * EVERY]
    assert feed.failed == [(START + EVERY, error)]


def test_burst_of_failures_raises_the_last() -> None:
    """Nothing came at all, so the run fails, and whether it is tried again is for the last error to say."""
    last = TransientError("busy")
    feed = Feed({0: SourceError("a web page"), 1: SourceError("a web page"), 2: last})
    with pytest.raises(TransientError) as raised:
        list(feed.read(timedelta(seconds=30)))
    assert raised.value is last
    assert len(feed.failed) == 3


def test_mistake_of_our_own_ends_a_burst_at_once() -> None:
    """A wrong setting is no bad moment of the feed's."""
    feed = Feed({1: SettingsError("a wrong address")})
    with pytest.raises(SettingsError):
        list(feed.read(timedelta(minutes=1)))
    assert len(feed.asked_at) == 2


class Recording(Feed):
    """Three snapshots, one per hour."""

    def snapshots_between(self, since: datetime, until: datetime) -> Iterator[Snapshot]:
        moments = (START + timedelta(hours=number) for number in range(3))
        return (snapshot(at.replace(tzinfo=None).isoformat(), "1") for at in moments if since <= at < until)

    def available_range(self) -> tuple[datetime, datetime] | None:
        return START, START + timedelta(hours=2)


@pytest.mark.parametrize(
    ("since", "until", "hours"),
    [
        (None, None, [0, 1, 2]),
        (START + timedelta(minutes=1), None, [1, 2]),
        (None, START + timedelta(hours=2), [0, 1]),
        (START, START, []),
    ],
)
def test_recording_is_read_between_two_moments(since: datetime | None, until: datetime | None, hours: list[int]) -> None:
    """Without moments all of it, the very last snapshot too; the end is excluded."""
    found = [item.requested_at for item in recorded(Recording(), since, until)]
    assert found == [START + timedelta(hours=number) for number in hours]


def test_feed_without_a_past_has_no_recordings() -> None:
    """The error says what to do instead."""
    with pytest.raises(NotEnoughDataError, match="a feed has no historical files; land snapshots of the present instead"):
        recorded(Feed(), None, None)
