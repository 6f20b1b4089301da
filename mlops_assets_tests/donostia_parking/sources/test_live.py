"""The live source against a real HTTP server on this machine."""

from collections.abc import Iterator
from datetime import datetime, timedelta, timezone

import pytest

from mlops_assets.donostia_parking.settings import DonostiaParkingSettings
from mlops_assets.donostia_parking.sources.live import LiveParkingSource
from mlops_assets.errors import SettingsError, SourceError, TransientError
from mlops_assets.http import RetryPolicy
from mlops_assets_tests.donostia_parking.feed_server import Fault, FeedServer
from mlops_assets_tests.donostia_parking.snapshots import body, feature, utc

NOW = utc("2025-10-09 21:58:54.123456")


@pytest.fixture
def feed() -> Iterator[FeedServer]:
    with FeedServer(body(feature("80", nombre="Estación"))) as server:
        yield server


@pytest.fixture
def waits() -> list[float]:
    return []


@pytest.fixture
def source(feed: FeedServer, waits: list[float]) -> LiveParkingSource:
    return LiveParkingSource(
        feed.url, timeout_seconds=0.2, most_bytes=10_000, retries=RetryPolicy(sleep=waits.append, jitter=lambda: 0.5)
    )


def test_answer_is_kept_as_it_is(feed: FeedServer, source: LiveParkingSource) -> None:
    """The bytes are the feed's, the moment is the caller's, in UTC."""
    found = source.fetch_snapshot(NOW.astimezone(timezone(timedelta(hours=2))))
    assert (found.body, found.requested_at, found.requested_at.utcoffset()) == (feed.body, NOW, timedelta(0))
    assert (found.source_name, found.media_type) == (feed.url, "application/json")
    assert feed.headers[0]["User-Agent"] == "mlops-assets"


@pytest.mark.parametrize("strange", [b'{"features": []}', b'{"error": "x"}', b"[]", '{"features": ["ñ"]}'.encode("latin-1")])
def test_strange_json_is_kept_too(feed: FeedServer, source: LiveParkingSource, waits: list[float], strange: bytes) -> None:
    """Whether an answer makes sense is decided when it is read; the raw bytes are the evidence."""
    feed.body = strange
    assert source.fetch_snapshot(NOW).body == strange
    assert waits == []


@pytest.mark.parametrize("fault", ["too_many", "error", "drop", "hang", "drip", "html", "empty", "truncated", "short"])
def test_passing_fault_is_retried(feed: FeedServer, source: LiveParkingSource, waits: list[float], fault: Fault) -> None:
    """Whatever may pass is tried again, and the result is the same."""
    feed.faults.append(fault)
    assert source.fetch_snapshot(NOW).body == feed.body
    assert len(waits) == 1


def test_compressed_answer_is_unpacked(feed: FeedServer, source: LiveParkingSource) -> None:
    """What is kept is the document, not its transport."""
    feed.faults.append("gzip")
    assert source.fetch_snapshot(NOW).body == feed.body


def test_waits_double_and_keep_what_the_feed_asks(feed: FeedServer, source: LiveParkingSource, waits: list[float]) -> None:
    """The waits are 2 and 4 seconds; Retry-After lengthens them."""
    feed.faults.extend(["error", "error"])
    source.fetch_snapshot(NOW)
    feed.faults.extend(["too_many"])
    source.fetch_snapshot(NOW)
    assert waits == [2.0, 4.0, 7.0]


@pytest.mark.parametrize(
    ("fault", "error", "message", "tries"),
    [
        ("too_many", TransientError, "failed 3 times, the last time with: 429 Client Error", 3),
        ("error", TransientError, "failed 3 times, the last time with: 503 Server Error", 3),
        ("drop", TransientError, "failed 3 times, the last time with: .*Connection", 3),
        ("hang", TransientError, "failed 3 times, the last time with: .*[Tt]imed? ?out", 3),
        ("drip", TransientError, r"the answer is not complete after 0\.6 seconds, 3 times", 3),
        ("truncated", TransientError, "the answer is not complete JSON, 3 times", 3),
        ("short", TransientError, "failed 3 times, the last time with: .*", 3),
        ("empty", TransientError, "the answer is empty, 3 times", 3),
        ("html", SourceError, "the answer is a web page, not JSON, 3 times; is this the right address", 3),
        ("not_found", SourceError, "the request is refused: 404 Client Error", 1),
        ("large", SourceError, "the answer is larger than 10000 bytes; is this the right address", 1),
    ],
)
def test_lasting_fault_is_the_right_error(
    feed: FeedServer, source: LiveParkingSource, fault: Fault, error: type[Exception], message: str, tries: int
) -> None:
    """What time may cure is transient, the rest permanent; what cannot pass is not repeated."""
    feed.every_fault = fault
    with pytest.raises(error, match=f"feed {feed.url}: {message}"):
        source.fetch_snapshot(NOW)
    assert len(feed.headers) == tries


def test_password_is_shown_nowhere(feed: FeedServer) -> None:
    """An address may hold one; messages, descriptions and landed snapshots do not."""
    source = LiveParkingSource(f"http://user:secret@{feed.address}/", retries=RetryPolicy(attempts=1))
    assert "secret" not in source.describe() + source.fetch_snapshot(NOW).source_name
    feed.every_fault = "not_found"
    with pytest.raises(SourceError, match="refused") as caught:
        source.fetch_snapshot(NOW)
    assert "secret" not in str(caught.value)
    assert caught.value.__suppress_context__


def test_feed_that_is_not_there_is_transient() -> None:
    """Nobody listening may be a restart; the error says where."""
    with pytest.raises(TransientError, match=r"feed http://127\.0\.0\.1:9/: failed 2 times"):
        LiveParkingSource("http://127.0.0.1:9/", retries=RetryPolicy(attempts=2, sleep=lambda _: None)).fetch_snapshot(NOW)


@pytest.mark.parametrize("url", ["www.donostia.eus", "ftp://x.org/feed", "https://"])
def test_address_that_is_none_is_a_setting_error(url: str) -> None:
    """A wrong address fails when the source is made, not at the first request."""
    with pytest.raises(SettingsError, match="is not like https://www"):
        LiveParkingSource(url)


def test_live_feed_has_no_past() -> None:
    """There is nothing to backfill, and the default address is the city's."""
    source = LiveParkingSource(DonostiaParkingSettings.model_fields["feed_url"].default)
    assert source.describe().startswith("feed https://www.donostia.eus/")
    assert source.available_range() is None
    assert list(source.snapshots_between(datetime(2000, 1, 1, tzinfo=timezone.utc), NOW)) == []
