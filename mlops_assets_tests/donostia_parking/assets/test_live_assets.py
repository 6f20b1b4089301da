"""The city's own feed through the definitions: a server that answers as it does, asked now."""

from collections import deque
from collections.abc import Iterator
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from mlops_assets.build import build_definitions
from mlops_assets.donostia_parking import DOMAIN
from mlops_assets.donostia_parking.assets.automation import days_to_follow
from mlops_assets.donostia_parking.cities import DONOSTIA
from mlops_assets.donostia_parking.contracts import CITY_TOTAL_ID
from mlops_assets.donostia_parking.model_contracts import FORECASTS
from mlops_assets.donostia_parking.sources.base import Snapshot
from mlops_assets.donostia_parking.sources.landing import snapshot_name, snapshot_names
from mlops_assets.errors import MissingModelError, SourceError
from mlops_assets.settings import Settings
from mlops_assets.stores.landing.request_names import requested_at
from mlops_assets_tests.donostia_parking.feed_server import FeedServer
from mlops_assets_tests.donostia_parking.snapshots import body, city_snapshot, feature
from mlops_assets_tests.platforms import QUICK_FORECASTS, Platform, failed_checks, with_registry

MODEL = "donostia_parking.forecast_model"
POLL = {"donostia_parking__snapshots": {"config": {"poll_seconds": 0.04, "every_seconds": 0.02}}}


@pytest.fixture
def feed() -> Iterator[FeedServer]:
    with FeedServer(body(feature("80"))) as server:
        yield server


@pytest.fixture
def platform(tmp_path: Path, instance: dg.DagsterInstance, feed: FeedServer, mlflow_database: Path) -> Platform:
    return Platform(with_registry(tmp_path, mlflow_database), instance, parking={"source": "live", "feed_url": feed.url})


def landed(platform: Platform) -> list[str]:
    return list(platform.stores.landing(DOMAIN, "snapshots").names(snapshot_names(DONOSTIA).series))


def test_environment_chooses_the_feed(tmp_path: Path, feed: FeedServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two variables, and the snapshot of this moment is in the lake, byte by byte."""
    monkeypatch.setenv("MLOPS_DONOSTIA_PARKING_SOURCE", "live")
    monkeypatch.setenv("MLOPS_DONOSTIA_PARKING_FEED_URL", feed.url)
    settings = Settings(data_dir=tmp_path, _env_file=None)
    job = build_definitions(settings).resolve_implicit_global_asset_job_def()
    before = datetime.now(timezone.utc)
    result = job.get_subset(asset_selection={dg.AssetKey([DOMAIN, "snapshots"])}).execute_in_process()
    objects = settings.build_stores().landing(DOMAIN, "snapshots")
    [(name, content)] = objects.read(objects.names())
    assert content == feed.body
    moment = requested_at(name)
    assert moment is not None
    assert before <= moment <= datetime.now(timezone.utc)
    [event] = result.asset_materializations_for_node("donostia_parking__snapshots")
    assert event.metadata["source"].value == f"feed {feed.url}"
    assert (event.metadata["new_count"].value, event.metadata["known_count"].value) == (1, 0)


def test_burst_keeps_what_came(platform: Platform, feed: FeedServer) -> None:
    """Of three requests the second is refused; the two others have landed, and the run is no failure."""
    feed.faults = deque(["none", "not_found", "none"])
    assert platform.materialize("snapshots", domain=DOMAIN, ops=POLL).success
    assert len(feed.headers) == 3
    assert len(landed(platform)) == 2


def test_feed_that_refuses_fails_the_run(platform: Platform, feed: FeedServer) -> None:
    """The error names asset and address, and nothing has landed."""
    feed.every_fault = "not_found"
    with pytest.raises(SourceError, match=rf"donostia_parking/snapshots: feed {feed.url}: the request is refused: 404"):
        platform.materialize("snapshots", domain=DOMAIN, ops=POLL)
    assert landed(platform) == []


def free_at(moment: datetime) -> dict[str, Any]:
    """Return the free spaces of two car parks, the same every 24 hours, also when clocks change."""
    return {"harbour": str(100 + 5 * moment.hour), "arcade": str(300 - 7 * moment.hour)}


def past_snapshots(now: datetime, days: int) -> Iterator[Snapshot]:
    """Yield what an hourly collector would have landed before this hour."""
    hour = now.replace(minute=10, second=0, microsecond=0)
    for number in range(days * 24, 0, -1):
        at = hour - timedelta(hours=number)
        yield city_snapshot(at.replace(tzinfo=None).isoformat(), **free_at(at))


def test_hourly_run_reads_the_present_and_forecasts_from_it(platform: Platform, feed: FeedServer) -> None:
    """Without a model only data are read; with one, the run of a day that is not over forecasts from the last full hour on."""
    now = datetime.now(timezone.utc)
    objects = platform.stores.landing(DOMAIN, "snapshots")
    objects.land((snapshot_name(DONOSTIA, snapshot), snapshot.body) for snapshot in past_snapshots(now, days=4))
    feed.body = city_snapshot("2000-01-01", **free_at(now)).body
    today = days_to_follow(now, DONOSTIA.time_zone)[-1]
    platform.run("read_donostia_parking", days=(today.plus(-3).key, today.key))
    assert len(landed(platform)) == 4 * 24 + 1
    with pytest.raises(MissingModelError, match="forecast_model has no champion"):
        platform.run("forecast_donostia_parking", day=today.key)
    platform.run("train_forecast_model", day=today.key, ops=QUICK_FORECASTS)

    result = platform.run("follow_donostia_parking", day=today.key)

    assert failed_checks(result) == []
    assert len(feed.headers) == 2
    forecasts = platform.stores.warehouse(DOMAIN).read(FORECASTS, [today.partition])
    assert sorted(forecasts["car_park_id"].unique()) == ["arcade", CITY_TOTAL_ID, "harbour"]
    [created_at] = forecasts["created_at"].unique()
    assert now.replace(minute=0, second=0, microsecond=0) <= created_at <= datetime.now(timezone.utc)
    assert forecasts["hour_at"].min() == created_at
    harbour = forecasts[forecasts["car_park_id"] == "harbour"]
    assert harbour["forecast_spaces"].tolist() == [float(free_at(moment)["harbour"]) for moment in harbour["hour_at"]]
