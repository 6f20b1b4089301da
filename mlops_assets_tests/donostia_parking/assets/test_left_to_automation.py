"""From an empty platform through days of its life, with every schedule, sensor and condition switched on and nobody at work."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from mlops_assets.build import build_definitions, build_domains
from mlops_assets.donostia_parking import DOMAIN, defaults
from mlops_assets.donostia_parking.model_contracts import FORECAST_CHAMPION, FORECASTS
from mlops_assets.donostia_parking.modelling import training as forecasting
from mlops_assets.donostia_parking.settings import DonostiaParkingSettings
from mlops_assets.donostia_parking.sources.sample import SampleParkingSource
from mlops_assets.errors import SourceError
from mlops_assets.settings import Settings
from mlops_assets_tests.automatic import Automatic, automatic, only
from mlops_assets_tests.platforms import with_registry

READINGS = [dg.AssetKey([DOMAIN, name]) for name in ("readings", "rejected_readings", "car_park_sightings")]


def utc(day: int, hour: int, minute: int = 10) -> datetime:
    """Return a moment of June 2024."""
    return datetime(2024, 6, day, hour, minute, tzinfo=timezone.utc)


@dataclass
class Feed:
    """The simulated feed as of the present moment, with bad hours."""

    is_broken: bool = False

    def __getattr__(self, name: str) -> Any:
        return getattr(SampleParkingSource(20220123, as_of=datetime.now(timezone.utc)), name)

    def fetch_snapshot(self, at: datetime) -> Any:
        if self.is_broken:
            raise SourceError("the feed answers with HTML")
        return self.__getattr__("fetch_snapshot")(at)


@dataclass
class Life:
    """A platform with its automation, its feed and its stores."""

    automation: Automatic
    feed: Feed
    settings: Settings

    def decided(self) -> list[int]:
        return sorted(self._table(FORECAST_CHAMPION)["challenger_version"])

    def forecast_days(self) -> list[str]:
        return sorted(str(day) for day in self._table(FORECASTS)["issue_date"].unique())

    def _table(self, contract: Any) -> Any:
        return self.settings.build_stores().warehouse(DOMAIN).read(contract)


@pytest.fixture
def life(tmp_path: Path, mlflow_database: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Life]:
    """Begin at noon (UTC) of 20 June 2024 with nothing, read a week, and forecast by repeating the day before."""
    train = forecasting.train_forecast_model
    quick = {"names": ["seasonal_naive"]}
    monkeypatch.setattr(forecasting, "train_forecast_model", lambda *inputs, **options: train(*inputs, **{**options, **quick}))
    monkeypatch.setattr(defaults, "HISTORY_DAYS", 7)
    folder = with_registry(tmp_path / "data", mlflow_database)
    parking = DonostiaParkingSettings(_env_file=None)
    settings = Settings(data_dir=folder, automation="on", domains={"donostia_parking": parking}, _env_file=None)
    feed = Feed()
    definitions = build_definitions(settings, resources={"parking_source": dg.ResourceDefinition.hardcoded_resource(feed)})
    domain = next(domain for domain in build_domains(settings) if domain.name == DOMAIN)
    with automatic(only(definitions, domain), tmp_path / "home", utc(20, 12, 10)) as automation:
        yield Life(automation, feed, settings)


@pytest.mark.slow
def test_platform_runs_itself_for_days(life: Life) -> None:
    """A bootstrap, a new hour, a new day, a failed run, a corrected day and large errors: exactly the runs that each calls for."""
    automation = life.automation
    first, *then = automation.settle()
    assert first == "read_donostia_parking 2024-06-11..2024-06-19"
    assert then[0] == "train_forecast_model 2024-06-18"
    # Whoever looks first asks for the forecasts of the last day; nobody asks twice.
    last = {"forecast_donostia_parking 2024-06-19", "forecasts 2024-06-19"}.intersection(then)
    assert sorted(then[1:]) == sorted([*last, "forecast_donostia_parking 2024-06-18", "forecast_accuracy 2024-06-19"])
    assert len(last) == 1
    assert life.decided() == [1]
    assert automation.says("donostia_parking_bootstrap") == "Done: schedules, sensors and conditions have taken over."

    # Every hour: a reading, the day's series, and forecasts from it, in one run that nobody repeats.
    assert automation.wait_until(utc(20, 13)) == ["follow_donostia_parking 2024-06-20"]
    life.feed.is_broken = True
    assert automation.wait_until(utc(20, 14)) == ["follow_donostia_parking 2024-06-20 FAILURE"]
    life.feed.is_broken = False
    assert automation.wait_until(utc(20, 15)) == ["follow_donostia_parking 2024-06-20"]

    # At midnight in Donostia the old day is completed and the new one begun; half an hour later the old one's model is trained.
    days = ["follow_donostia_parking 2024-06-20", "follow_donostia_parking 2024-06-21"]
    assert automation.wait_until(utc(20, 22)) == days
    assert automation.wait_until(utc(20, 22, 40)) == ["train_forecast_model 2024-06-20"]
    assert life.decided() == [1, 2]
    assert life.forecast_days() == ["2024-06-18", "2024-06-19", "2024-06-20", "2024-06-21"]

    # A day that is read again changes its series, the next morning's, and the car parks; what was forecast long ago stays.
    automation.materialize(*READINGS, partition="2024-06-15")
    assert sorted(automation.settle()) == ["car_parks", "hourly_free 2024-06-15..2024-06-16"]

    # Forecasts that were far off train the day's model once, however often they are compared.
    report_errors(automation, "2024-06-21")
    assert automation.settle()[0] == "train_forecast_model 2024-06-21"
    report_errors(automation, "2024-06-21")
    assert automation.settle() == []
    assert life.decided() == [1, 2, 3]


def report_errors(automation: Automatic, day: str) -> None:
    """Say in the records that the forecasts of a day were far off."""
    metadata: dict[str, Any] = {"is_retraining_due": True, "reasons": "the city's mean error is 700 spaces"}
    accuracy = dg.AssetMaterialization(dg.AssetKey([DOMAIN, "forecast_accuracy"]), partition=day, metadata=metadata)
    automation.instance.report_runless_asset_event(accuracy)
