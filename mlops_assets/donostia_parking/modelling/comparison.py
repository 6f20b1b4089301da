"""Compare all ways to forecast free spaces, and the choice among them, on recorded hours.

`mlops-assets forecast-quality` prints it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd

from mlops_assets.donostia_parking import defaults
from mlops_assets.donostia_parking.modelling.backtesting import (
    BASELINE,
    backtest_city,
    build_city_panel,
    evaluated_positions,
    summarize_figures,
)
from mlops_assets.ml.forecasting.evaluation import evaluate, horizon_table

if TYPE_CHECKING:
    from collections.abc import Sequence


def compare_forecasts(
    hourly: pd.DataFrame,
    time_zone: str,
    *,
    horizon_hours: int = defaults.HORIZON_HOURS,
    origin_count: int = defaults.EVALUATED_ORIGINS,
    names: Sequence[str] = (),
) -> pd.DataFrame:
    """Forecast from past hours by every candidate, and as the platform does: choosing one for each car park.

    The origins are evenly spread over all hours with ten days of observed history, or half of what there is. Whatever is fitted,
    chosen or calibrated at an origin knows only earlier hours.

    Args:
        hourly: rows of `hourly_free` of one city.
        time_zone: the city's.
        horizon_hours: hours to forecast from each origin.
        origin_count: how many origins.
        names: candidates; all if empty.

    Returns:
        One row per predictor: `predictor`, `origin_count`, the figures of the city and its car parks, and `seconds` to fit and
        forecast in the whole backtest; for the platform, that of all candidates.

    Raises:
        NotEnoughDataError: there are no rows.
    """
    backtest = backtest_city(build_city_panel(hourly, time_zone), horizon_hours, names)
    positions = evaluated_positions(backtest, origin_count)
    predictors = {"platform: chosen by backtest": None, **{name: name for name in backtest.candidates}}
    rows = [
        {
            "predictor": predictor,
            "origin_count": len(positions),
            **summarize_figures(horizon_table(evaluate(backtest, positions, baseline=BASELINE, candidate=candidate))),
            "seconds": sum(backtest.seconds.values()) if candidate is None else backtest.seconds[candidate],
        }
        for predictor, candidate in predictors.items()
    ]
    return pd.DataFrame(rows)
