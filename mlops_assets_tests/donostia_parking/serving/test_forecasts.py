"""Forecasts by REST: what batch would say of the same hours at the same moment, or why there are none."""

from __future__ import annotations

import asyncio
import re
import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any

import httpx
import pandas as pd
import pytest

from mlops_assets.contracts.frames import to_arrow
from mlops_assets.donostia_parking import DOMAIN
from mlops_assets.donostia_parking.contracts import CAR_PARKS, HOURLY_FREE
from mlops_assets.donostia_parking.days import LocalDay, issued_at
from mlops_assets.donostia_parking.modelling.training import train_forecast_model
from mlops_assets.donostia_parking.serving import SERVING, forecasts
from mlops_assets.donostia_parking.serving.forecasts import Forecasts
from mlops_assets.donostia_parking.serving.rest import build_router
from mlops_assets.errors import StoreUnavailableError
from mlops_assets.ml.bundle import Bundle
from mlops_assets.serving.champions import ModelName
from mlops_assets.serving.extension import DomainServing
from mlops_assets.serving.rest.app import build_app
from mlops_assets.serving.service import PredictionService
from mlops_assets.settings import Settings
from mlops_assets.stores.lake import LakeAddress
from mlops_assets.stores.registry import Stores
from mlops_assets_tests.donostia_parking.hours import FIRST_HOUR, ZONE, hourly_rows
from mlops_assets_tests.ml.forecasting.panels import busy_weekends
from mlops_assets_tests.serving.rest_client import Client, build_service, error_of
from mlops_assets_tests.serving.servers import Registry

MODEL = ModelName(DOMAIN, "forecast_model")
DAYS = 14
END = (FIRST_HOUR + pd.Timedelta(days=DAYS)).to_pydatetime()
GUIDE = Path(__file__).resolve().parents[3] / "docs" / "serving.md"
ROUTE = "/v1/donostia_parking/forecasts"


@cache
def hours() -> pd.DataFrame:
    return hourly_rows(harbour=busy_weekends(DAYS, noise=10), quiet=[7.0] * 24 * DAYS)


@cache
def bundle() -> Bundle[Any]:
    return train_forecast_model(hours(), time_zone=ZONE, end_at=END, names=["hour_of_day_mean"]).bundle


@dataclass
class Served:
    """A service with a lake that a test fills, at a moment that it sets."""

    stores: Stores
    service: PredictionService
    client: Client
    now: datetime

    def write(self, rows: pd.DataFrame) -> None:
        for day, of_day in rows.groupby("local_date"):
            address = LakeAddress((DOMAIN, HOURLY_FREE.name), LocalDay.parse(str(day), ZONE).partition)
            self.stores.lake(DOMAIN).write(address, to_arrow(of_day, HOURLY_FREE))

    def get(self, **parameters: Any) -> httpx.Response:
        return self.client.get(ROUTE, params=parameters)


@pytest.fixture
def make(tmp_path: Path) -> Callable[..., Served]:
    """Give what makes a service."""

    def made(registry: Registry | None = None) -> Served:
        stores = Settings(data_dir=tmp_path, _env_file=None).build_stores()
        service = build_service(registry or Registry({MODEL: {3: bundle()}}, {MODEL: 3}))
        extension = DomainServing(DOMAIN, SERVING.models, lambda service, stores: build_router(service, stores, lambda: found.now))
        found = Served(stores, service, Client(build_app(service, [extension], stores)), END + timedelta(minutes=40))
        return found

    return made


@pytest.fixture
def served(make: Callable[..., Served]) -> Served:
    """Give a service with two weeks of hours."""
    found = make()
    found.write(hours())
    return found


@pytest.mark.parametrize("later", [timedelta(minutes=40), timedelta(hours=5), timedelta(hours=-30)], ids=["now", "late", "earlier"])
def test_answers_are_those_of_batch(served: Served, later: timedelta) -> None:
    """From the last full hour, as batch issues forecasts of a day that is not over; every number is the same."""
    served.now = END + later
    created_at = issued_at(LocalDay.of(served.now, ZONE), served.now)
    expected = bundle().predict(hours(), created_at=created_at)
    body = served.get().json()
    assert body["model"] == {"domain": DOMAIN, "name": "forecast_model", "version": 3, "run_id": "run 3"}
    assert (body["city_code"], pd.Timestamp(body["created_at"])) == ("donostia", pd.Timestamp(created_at))
    found = pd.DataFrame(body["forecasts"])
    assert len(found) == 3 * 24
    assert pd.to_datetime(found["hour_at"]).tolist() == expected["hour_at"].tolist()
    for name in ("forecast_spaces", "low_80_spaces", "high_80_spaces", "low_95_spaces", "high_95_spaces", "seasonal_naive_spaces"):
        assert found[name].tolist() == expected[name].tolist(), name


def test_car_park_and_hours_are_chosen(served: Served) -> None:
    """By identifier or by name, in any spelling, as the guide does; the city has its own series."""
    rows = served.get(car_park="harbour", hours=3).json()["forecasts"]
    assert [(row["car_park_id"], row["horizon_hours"]) for row in rows] == [("harbour", 1), ("harbour", 2), ("harbour", 3)]
    assert {row["is_city_total"] for row in served.get(car_park="city_total", hours=24).json()["forecasts"]} == {True}
    names = pd.DataFrame({column.name: [None] for column in CAR_PARKS.columns}).assign(
        city_code="donostia",
        car_park_id="harbour",
        car_park_name="Kúrsaal",
        valid_from_at=FIRST_HOUR,
        last_seen_at=FIRST_HOUR,
        is_current=True,
    )
    served.stores.lake(DOMAIN).write(LakeAddress((DOMAIN, CAR_PARKS.name)), to_arrow(names, CAR_PARKS))
    served.now += timedelta(hours=1)
    assert served.get(car_park="kursaal", hours=1).json()["forecasts"][0]["car_park_name"] == "Kúrsaal"
    (example,) = re.findall(r"http://127.0.0.1:8803(/v1/donostia_parking/\S+)'", GUIDE.read_text(encoding="utf-8"))
    assert len(served.client.get(example).json()["forecasts"]) == 3


def test_unknown_car_park_is_not_found(served: Served) -> None:
    """The error names those that are known."""
    response = served.get(car_park="nowhere")
    error_of(response, 404, "not_found")
    assert "harbour, quiet" in response.json()["error"]["message"]


def test_unknown_parameters_are_refused(served: Served) -> None:
    """A misspelt name would otherwise be answered for all car parks."""
    assert error_of(served.get(carpark="harbour"), 422, "invalid_record") == {"carpark": "there is no such parameter"}


@pytest.mark.parametrize("given", ["0", "-1", "25", "1.5", "two", "9" * 30, ""])
def test_hours_out_of_range_are_refused(served: Served, given: str) -> None:
    """Whole numbers from 1 to what the champion forecasts."""
    assert error_of(served.get(hours=given), 422, "invalid_record").keys() == {"hours"}


def test_without_recent_hours_there_is_no_forecast(make: Callable[..., Served]) -> None:
    """No hour at all, only old ones, or only those of a feed that has stalled: what to run is said."""
    served = make()

    def message() -> str:
        response = served.get()
        error_of(response, 503, "unavailable")
        return str(response.json()["error"]["message"])

    assert message().endswith("there is none; run: mlops-assets run read_donostia_parking")
    served.write(hours())
    served.now = END + timedelta(hours=13)
    assert "the newest is that of 2022-01-16 23:00 UTC" in message()
    served.write(hours().assign(is_stale=True))
    served.now = END
    assert "there is none" in message()


def test_without_a_champion_there_is_no_forecast(make: Callable[..., Served]) -> None:
    """503 with the job to run."""
    error_of(make(Registry({MODEL: {}}, {})).get(), 503, "no_champion")


def test_forecasts_are_kept_for_a_minute(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of one champion and hour: the lake is read once, and again in the next hour."""
    reads: list[datetime] = []
    read = forecasts.read_recent_hours

    def watched(*given: Any) -> pd.DataFrame:
        reads.append(given[-1])
        return read(*given)

    monkeypatch.setattr(forecasts, "read_recent_hours", watched)
    for _ in range(3):
        served.get(car_park="quiet")
    assert len(reads) == 1
    served.now += timedelta(hours=1)
    served.get()
    assert len(reads) == 2
    monkeypatch.setattr(forecasts, "_KEPT_SECONDS", 0.0)
    served.get()
    assert len(reads) == 3


def test_forecasts_are_counted(served: Served) -> None:
    """Each row that was given, beside the predictions of other models."""
    served.get(car_park="quiet", hours=3)
    counted = 'mlops_predictions_total{domain="donostia_parking",model="forecast_model",protocol="rest"} 3.0'
    assert counted in served.client.get("/metrics").text.splitlines()


def test_a_slow_lake_keeps_no_other_model_waiting(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    """However many wait for forecasts, those are made once, in one thread; a client that leaves takes them from nobody."""
    may_read, reads = threading.Event(), []
    read = forecasts.read_recent_hours

    def slow(*given: Any) -> pd.DataFrame:
        reads.append(given)
        assert may_read.wait(30)
        return read(*given)

    monkeypatch.setattr(forecasts, "read_recent_hours", slow)

    async def ask() -> list[Any]:
        ways = Forecasts(served.service, served.stores, lambda: END)
        waiting = [asyncio.ensure_future(ways.current(None)) for _ in range(8)]
        await asyncio.sleep(0)
        waiting[0].cancel()
        assert await asyncio.wait_for(served.service.execution.run_in_thread(lambda: "other"), 20) == "other"
        may_read.set()
        return await asyncio.gather(*waiting, return_exceptions=True)

    first, *others = asyncio.run(ask())
    assert isinstance(first, asyncio.CancelledError)
    assert len(reads) == 1
    assert all(each is others[0] for each in others)


def test_a_lake_that_was_away_is_asked_again(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    """A failure is not kept: whoever asks next has forecasts."""

    def refuse(*_: Any) -> pd.DataFrame:
        raise StoreUnavailableError("nobody answers")

    with monkeypatch.context() as broken:
        broken.setattr(forecasts, "read_recent_hours", refuse)
        error_of(served.get(), 503, "unavailable")
    assert served.get().status_code == 200
