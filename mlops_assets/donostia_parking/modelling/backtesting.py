"""How forecasts of free spaces are tried out on the past: which hours count, which candidates compete, from which origins."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from mlops_assets.donostia_parking import defaults
from mlops_assets.donostia_parking.contracts import CITY_TOTAL_ID
from mlops_assets.errors import ContractError, SettingsError
from mlops_assets.ml.forecasting.backtest import Backtest, run_backtest
from mlops_assets.ml.forecasting.boosting import ProfileBoosting
from mlops_assets.ml.forecasting.candidates import HourOfDayMean, daily_naive, weekly_naive
from mlops_assets.ml.forecasting.combination import EqualWeights, InverseErrorWeights
from mlops_assets.ml.forecasting.damping import Damped
from mlops_assets.ml.forecasting.evaluation import ALL_HORIZONS, spread_origins
from mlops_assets.ml.forecasting.panel import Panel, build_panel
from mlops_assets.ml.forecasting.profile import SeasonalProfile
from mlops_assets.ml.forecasting.regression import ProfileRegression
from mlops_assets.ml.forecasting.sarimax import Sarimax

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from mlops_assets.ml.forecasting.candidates import Candidate
    from mlops_assets.ml.forecasting.combination import Combination

BASELINE = "seasonal_naive"
"""The candidate that skill is measured against, and that answers for a car park that a model has never seen."""

_FIGURES = {
    "mae_spaces": "mae",
    "rmse_spaces": "rmse",
    "skill": "skill",
    "coverage_80": "coverage_80",
    "coverage_95": "coverage_95",
}
FIGURE_NAMES = tuple(f"{whose}_{name}" for whose in ("city", "car_park") for name in _FIGURES)

_FIT_HOURS = 5 * 24
"""Observed hours before the first origin of a backtest, or a quarter of them if there are few."""
_EVALUATED_AFTER_HOURS = 10 * 24
"""Observed hours before the first origin that figures are measured at, or half of them if there are few: between the two lie the
errors that the first choice and the first intervals are made by."""
_MEAN_DAYS = 7
_SARIMAX_DAYS = 7
"""As in the original system."""

MEMBERS = (
    "seasonal_profile",
    "damped_seasonal_naive",
    "damped_weekly_naive",
    "damped_hour_of_day_mean",
    "profile_regression",
    "profile_boosting",
)
"""What combinations combine: a naive forecast is worth more damped, and SARIMAX adds nothing to the others but time."""

_COMBINED_BY: dict[str, type[EqualWeights | InverseErrorWeights]] = {
    kind.name: kind for kind in (EqualWeights, InverseErrorWeights)
}


def candidates(names: Sequence[str] = ()) -> list[Candidate]:
    """Return the ways to forecast that compete, the simplest first: it wins a tie.

    Args:
        names: which of them; all if empty. The baseline always takes part, and so does what a named combination combines.

    Raises:
        SettingsError: a name is unknown.
    """
    every: list[Candidate] = [
        daily_naive(),
        weekly_naive(),
        HourOfDayMean(_MEAN_DAYS),
        SeasonalProfile(),
        Damped(daily_naive()),
        Damped(weekly_naive()),
        Damped(HourOfDayMean(_MEAN_DAYS)),
        ProfileRegression(),
        ProfileBoosting(),
        Sarimax(_SARIMAX_DAYS),
    ]
    mixed = combinations(names)
    known = [*(candidate.name for candidate in every), *_COMBINED_BY]
    unknown = [name for name in names if name not in known]
    if unknown:
        raise SettingsError(f"unknown forecast candidate: {', '.join(unknown)}; known: {', '.join(known)}")
    wanted = {BASELINE, *names, *(member for combination in mixed for member in combination.members)}
    return [candidate for candidate in every if not names or candidate.name in wanted]


def combinations(names: Sequence[str] = ()) -> list[Combination]:
    """Return the combinations of candidates that compete; the last one is preferred.

    Args:
        names: which of them; all if empty.
    """
    return [kind(MEMBERS) for name, kind in _COMBINED_BY.items() if not names or name in names]


def descriptions() -> dict[str, str]:
    """Return what each candidate and each combination does, by name, the simplest first and combinations last."""
    said = {candidate.name: candidate.description for candidate in candidates()}
    return said | {combination.name: combination.description for combination in combinations()}


def build_city_panel(hourly: pd.DataFrame, time_zone: str, *, end_at: datetime | None = None) -> Panel:
    """Lay out rows of `hourly_free` as a panel in which only trusted values are known.

    Not trusted are readings of a stale feed, values repeated from an earlier hour, and sums over a part of the city.

    Args:
        hourly: rows of the contract `MODEL_INPUT` of one city.
        time_zone: the city's.
        end_at: end (UTC, excluded); by default that of the rows.

    Raises:
        ContractError: there are rows of several cities.
        NotEnoughDataError: there are no rows.
    """
    cities = hourly["city_code"].unique()
    if len(cities) > 1:
        raise ContractError(f"forecasts are made for one city at a time, and the rows are of {', '.join(sorted(cities))}")
    return build_panel(
        hourly.assign(trusted_spaces=trusted_spaces(hourly)),
        series_column="car_park_id",
        time_column="hour_at",
        value_column="trusted_spaces",
        time_zone=time_zone,
        end_at=end_at,
    )


def trusted_spaces(hourly: pd.DataFrame) -> pd.Series:
    """Return the free spaces of rows of `hourly_free`, empty where they are not to be trusted."""
    # For the city, `is_filled` tells of one repeated car park among many; the newest reading tells whether there was any.
    is_read = (hourly["read_at"] >= hourly["hour_at"]).astype(bool)
    is_trusted = is_read & hourly["is_complete"].astype(bool) & ~hourly["is_stale"].astype(bool)
    return hourly["free_spaces"].astype("Float64").where(is_trusted)


def backtest_city(panel: Panel, horizon_hours: int, names: Sequence[str] = ()) -> Backtest:
    """Let the candidates forecast from every hour before which there are five days of history, or a quarter of what there is.

    Args:
        panel: of `build_city_panel`.
        horizon_hours: hours to forecast from each origin.
        names: candidates; all if empty.
    """
    return run_backtest(
        panel,
        candidates(names),
        first_origin=_first_hour_after(panel, _FIT_HOURS, share=0.25),
        horizon=horizon_hours,
        history_hours=defaults.HISTORY_DAYS * 24,
        combinations=combinations(names),
    )


def evaluated_positions(backtest: Backtest, count: int = defaults.EVALUATED_ORIGINS) -> np.ndarray:
    """Return positions of the origins that figures are measured at: evenly spread over those with errors to calibrate by."""
    return spread_origins(backtest, _first_hour_after(backtest.panel, _EVALUATED_AFTER_HOURS, share=0.5), count)


def summarize_figures(table: pd.DataFrame) -> dict[str, float]:
    """Return the figures of the city, and those over its car parks, from a table of figures over all horizons.

    Car parks that never change do not count: whoever repeats the day before is right about them, and so are all intervals.

    Args:
        table: of `horizon_table`.

    Returns:
        A number for each of `FIGURE_NAMES`; NaN where it is not known. Errors and coverages of car parks are means; their skill
        compares the means.
    """
    overall = table[table["horizon_hours"] == ALL_HORIZONS]
    is_city = overall["series"] == CITY_TOTAL_ID
    city = overall[is_city]
    car_parks = overall[~is_city & (overall["baseline_mae"] > 0)]
    summary = {f"city_{name}": float(city[column].iloc[0]) if len(city) else np.nan for name, column in _FIGURES.items()}
    summary |= {f"car_park_{name}": float(car_parks[column].mean()) for name, column in _FIGURES.items()}
    skill = 1 - car_parks["mae"].mean() / car_parks["baseline_mae"].mean() if len(car_parks) else np.nan
    return {**summary, "car_park_skill": float(skill)}


def _first_hour_after(panel: Panel, observed_hours: int, share: float) -> int:
    """Return the first hour before which so many were observed, or this share of all if that is less."""
    observed = panel.observed_hours
    return int(np.searchsorted(observed, min(observed_hours, share * observed[-1])))
