"""The steps from an empty platform to the first forecasts."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import dagster as dg

from mlops_assets.donostia_parking import DOMAIN, defaults
from mlops_assets.donostia_parking.days import LocalDay
from mlops_assets.errors import NotEnoughDataError
from mlops_assets.orchestration.bootstrap import Bootstrap, BootstrapStep

if TYPE_CHECKING:
    from datetime import datetime

    from mlops_assets.donostia_parking.cities import City
    from mlops_assets.donostia_parking.sources.base import ParkingSource

_LOOK_BACK = timedelta(days=2)
"""How far before its first day a series looks, to see whether the feed stood still."""


def build_bootstrap(city: City, place: str) -> Bootstrap:
    """Return how the domain gets to work with the feed of a city.

    Args:
        city: whose feed.
        place: from where readings are read, in a few words.
    """
    return Bootstrap(
        domain=DOMAIN,
        place=f"{city.name}: {place}",
        source_key="parking_source",
        choose_last=lambda source, now: last_day_of_first_history(source, city, now),
        has=lambda source, last, now: may_end_first_history(source, city, last, now),
        steps=lambda source, last: bootstrap_steps(source, city, last),
        champion_key=_asset("forecast_champion"),
        model_key=_asset("forecast_model"),
    )


def last_day_of_first_history(source: ParkingSource, city: City, now: datetime) -> str:
    """Return the last whole day that the source has recorded; today for a live feed, which has no past.

    Raises:
        NotEnoughDataError: two whole days are not recorded: one to learn from, one to forecast.
    """
    span = source.available_range()
    if span is None:
        return LocalDay.of(now, city.time_zone).key
    last = LocalDay.of(min(span[1], now), city.time_zone).plus(-1)
    if LocalDay.of(span[0], city.time_zone).date >= last.date:
        raise NotEnoughDataError(
            f"{source.describe()} has less than two whole days; one to learn from and one to forecast are needed"
        )
    return last.key


def may_end_first_history(source: ParkingSource, city: City, day: str, now: datetime) -> bool:
    """Tell whether a day and the one before it are recorded as a whole; of a live feed, whether it is today.

    Raises:
        NotEnoughDataError: two whole days are not recorded.
    """
    last, span = last_day_of_first_history(source, city, now), source.available_range()
    return day == last if span is None else LocalDay.of(span[0], city.time_zone).key < day <= last


def bootstrap_steps(source: ParkingSource, city: City, last: str) -> list[BootstrapStep]:
    """Return the steps: read eight weeks, train the model of the day before the last, forecast that day and the last.

    Of a live feed only the present can be read; the nightly schedule trains the first model.
    """
    forecast = city.day(last)
    trained, span = forecast.plus(-1), source.available_range()
    if span is None:
        return [BootstrapStep("Read the feed for the first time", "read_donostia_parking", (last,), _asset("hourly_free"))]
    first = max(LocalDay.of(span[0], city.time_zone).date, trained.plus(-defaults.HISTORY_DAYS).date)
    days = [LocalDay(first + timedelta(days=number), city.time_zone) for number in range((forecast.date - first).days + 1)]
    recorded = {"mode": "replay", "since": (days[0].start - _LOOK_BACK).isoformat(), "until": forecast.end.isoformat()}
    return [
        BootstrapStep(
            f"Land and read {days[0]} to {last}",
            "read_donostia_parking",
            tuple(day.key for day in days),
            _asset("hourly_free"),
            run_config={"ops": {f"{DOMAIN}__snapshots": {"config": recorded}}},
        ),
        BootstrapStep(
            f"Train and measure the model of {trained}", "train_forecast_model", (trained.key,), _asset("forecast_metrics")
        ),
        BootstrapStep(
            f"Decide about the model of {trained}",
            "train_forecast_model",
            (trained.key,),
            _asset("forecast_champion"),
            only=(_asset("forecast_champion"),),
        ),
        *(
            BootstrapStep(
                f"Forecast from the end of {day}",
                "forecast_donostia_parking",
                (day.key,),
                _asset("forecasts"),
                scores_from=trained.end,
            )
            for day in (trained, forecast)
        ),
    ]


def _asset(name: str) -> dg.AssetKey:
    return dg.AssetKey([DOMAIN, name])
