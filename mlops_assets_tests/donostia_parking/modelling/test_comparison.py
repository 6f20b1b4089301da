"""On recorded hours the platform's choice beats repeating the day before, and its intervals hold what they promise."""

import numpy as np
import pandas as pd
import pytest

from mlops_assets.donostia_parking import defaults
from mlops_assets.donostia_parking.modelling.backtesting import descriptions
from mlops_assets.donostia_parking.modelling.comparison import compare_forecasts
from mlops_assets_tests.donostia_parking.hours import ZONE, hourly_rows, recorded_hours

_QUICK = [name for name in descriptions() if name != "sarimax"]
"""Fitting the original's model takes ten times as long as all others; the benchmark compares it."""


@pytest.fixture(scope="module")
def comparison() -> pd.DataFrame:
    """Give the figures of rolling 24-hour forecasts of the recorded weeks of 2022."""
    return compare_forecasts(recorded_hours(), ZONE, names=_QUICK).set_index("predictor")


def test_platform_clearly_beats_the_day_before(comparison: pd.DataFrame) -> None:
    """On the city's total by more than half, on the mean car park by four tenths."""
    platform, naive = comparison.iloc[0], comparison.loc["seasonal_naive"]
    assert platform["city_mae_spaces"] < 0.5 * naive["city_mae_spaces"]
    assert platform["city_rmse_spaces"] < 0.5 * naive["city_rmse_spaces"]
    assert platform["car_park_mae_spaces"] < 0.6 * naive["car_park_mae_spaces"]


def test_platform_beats_the_mean_of_the_hour(comparison: pd.DataFrame) -> None:
    """The original's other method, by more than half."""
    mae = comparison["city_mae_spaces"]
    assert mae.iloc[0] < 0.5 * mae["hour_of_day_mean"]


@pytest.mark.parametrize("whose", ["city", "car_park"])
def test_intervals_hold_what_they_promise(comparison: pd.DataFrame, whose: str) -> None:
    """Within five points of 80 and 95 %."""
    platform = comparison.iloc[0]
    assert platform[f"{whose}_coverage_80"] == pytest.approx(0.80, abs=0.05)
    assert platform[f"{whose}_coverage_95"] == pytest.approx(0.95, abs=0.05)


def test_report_lists_every_candidate(comparison: pd.DataFrame) -> None:
    """The choice first, then each by itself, all from the same origins, with the time that it took."""
    assert comparison.index.tolist() == ["platform: chosen by backtest", *_QUICK]
    assert (comparison["origin_count"] == defaults.EVALUATED_ORIGINS).all()
    assert comparison["seconds"].iloc[0] == pytest.approx(comparison["seconds"].iloc[1:].sum())
    assert comparison["city_skill"]["seasonal_naive"] == 0


def test_original_model_is_a_candidate() -> None:
    """One car park, one week: it has figures as the others have."""
    values = 100 + 50 * np.sin(np.arange(7 * 24) / 24 * 2 * np.pi) + np.arange(7 * 24) % 5
    comparison = compare_forecasts(hourly_rows(a=values), ZONE, origin_count=3).set_index("predictor")
    assert comparison["city_mae_spaces"]["sarimax"] < 20
    assert comparison["seconds"]["sarimax"] > 0


def test_short_history_has_empty_figures_instead_of_an_error() -> None:
    """Of a few hours nothing can be said but that."""
    comparison = compare_forecasts(hourly_rows(a=[1.0, 2.0]), ZONE, names=_QUICK)
    assert comparison["city_coverage_80"].isna().all()
    assert len(comparison) == 1 + len(_QUICK)
