"""Rolling forecasts of all recorded car parks and their city: by the platform, and by a plain loop over the original's model."""

import warnings
from pathlib import Path
from typing import Any

from benchmarks.measure import Laps
from mlops_assets.donostia_parking import defaults

LOOP_DAYS = 7
"""The original system's history."""


def write_hours(_laps: Laps, recording: Path | None, hours: Path) -> None:
    """Write the hourly series of a historical file, or of nine simulated weeks, as a Parquet file."""
    from datetime import datetime, timedelta, timezone

    from mlops_assets.donostia_parking.cities import DONOSTIA
    from mlops_assets.donostia_parking.readings.historical_hours import read_historical_hours
    from mlops_assets.donostia_parking.sources.export import ExportParkingSource
    from mlops_assets.donostia_parking.sources.sample import SampleParkingSource

    if recording is None:
        as_of = datetime(2024, 3, 31, tzinfo=timezone.utc)
        simulated = SampleParkingSource(20220123, as_of=as_of)
        read_historical_hours(simulated, DONOSTIA, since=as_of - timedelta(weeks=9)).to_parquet(hours)
    else:
        read_historical_hours(ExportParkingSource(recording, DONOSTIA), DONOSTIA).to_parquet(hours)


def compact_burst(laps: Laps) -> int:
    """Make readings and hours of a day on which the feed was read every 15 seconds; return the number of readings."""
    from datetime import timedelta

    from mlops_assets.donostia_parking.cities import DONOSTIA
    from mlops_assets.donostia_parking.readings.daily import build_readings
    from mlops_assets.donostia_parking.readings.hourly import build_hourly_free
    from mlops_assets.donostia_parking.sources.sample import SampleParkingSource

    day = DONOSTIA.day("2024-03-12")
    snapshots = list(SampleParkingSource(20220123, as_of=day.end).poll(day.start, day.end, timedelta(seconds=15)))
    build_readings(snapshots[:100], day, DONOSTIA)
    laps.lap("simulate the feed, import libraries, warm up")
    readings = build_readings(snapshots, day, DONOSTIA).readings
    build_hourly_free(readings, day, DONOSTIA)
    laps.lap("compact the day")
    return len(readings)


def rolling_forecasts(laps: Laps, hours: Path) -> list[dict[str, Any]]:
    """Forecast every car park and the city from 42 past hours by every candidate and by choosing; return a row of figures each.

    The work is that of `mlops-assets forecast-quality`: backtests from all past hours, the choice and its intervals at each of
    the 42, and the figures of every candidate.
    """
    import pandas as pd

    from mlops_assets.donostia_parking.cities import DONOSTIA
    from mlops_assets.donostia_parking.modelling.comparison import compare_forecasts

    hourly = pd.read_parquet(hours)
    laps.lap("import libraries, read hours")
    comparison = compare_forecasts(hourly, DONOSTIA.time_zone)
    laps.lap("rolling forecasts")
    return [{str(name): value for name, value in row.items()} for row in comparison.to_dict("records")]


def plain_loop(laps: Laps, hours: Path, every: int = 1) -> dict[str, float]:
    """Fit the original's model anew for each car park at each of the same 42 hours, one after the other, with statsmodels.

    As in the original system, each fit sees seven days, gaps filled by the value before, and constraints on parameters are off.

    Args:
        laps: gets the time of the loop.
        hours: the hourly series.
        every: go to every so many of the 42 hours only; the loop's time is then to be multiplied.

    Returns:
        `fit_count`, `failed_fit_count` and the city's `city_mae_spaces`.
    """
    import numpy as np
    import pandas as pd
    from statsmodels.tsa.statespace.sarimax import SARIMAX
    from threadpoolctl import threadpool_limits

    from mlops_assets.donostia_parking.cities import DONOSTIA
    from mlops_assets.donostia_parking.contracts import CITY_TOTAL_ID
    from mlops_assets.donostia_parking.modelling.backtesting import BASELINE, backtest_city, build_city_panel, evaluated_positions
    from mlops_assets.ml.forecasting.sarimax import ORDER, SEASONAL_ORDER

    panel = build_city_panel(pd.read_parquet(hours), DONOSTIA.time_zone)
    # The cheapest backtest there is: only its origins are needed.
    backtest = backtest_city(panel, defaults.HORIZON_HOURS, [BASELINE])
    origins = backtest.origins[evaluated_positions(backtest)][::every]
    filled = pd.DataFrame(panel.numbers).ffill().bfill().to_numpy()
    city = panel.names.index(CITY_TOTAL_ID)
    happened = np.append(panel.numbers[:, city], np.full(defaults.HORIZON_HOURS, np.nan))
    failed, city_errors = 0, []
    laps.lap("import libraries, read hours")
    # Two threads make these small matrices slower, so the loop is given one.
    with threadpool_limits(1), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for origin in origins:
            for column in range(len(panel.names)):
                values = filled[max(0, origin - LOOP_DAYS * 24) : origin, column]
                model = SARIMAX(
                    values,
                    order=ORDER,
                    seasonal_order=SEASONAL_ORDER,
                    enforce_stationarity=False,
                    enforce_invertibility=False,
                )
                try:
                    forecast = model.fit(disp=False).forecast(defaults.HORIZON_HOURS)
                except (np.linalg.LinAlgError, ValueError):
                    failed += 1
                    continue
                if column == city:
                    city_errors.append(np.abs(forecast - happened[origin : origin + defaults.HORIZON_HOURS]))
    laps.lap("plain loop")
    return {
        "fit_count": len(origins) * len(panel.names),
        "failed_fit_count": failed,
        "city_mae_spaces": float(np.nanmean(city_errors)),
    }
