"""Which hours count, which candidates compete, and from which origins figures come."""

import numpy as np
import pandas as pd
import pytest

from mlops_assets.donostia_parking.assets.model import Candidate
from mlops_assets.donostia_parking.contracts import CITY_TOTAL_ID
from mlops_assets.donostia_parking.modelling.backtesting import (
    BASELINE,
    FIGURE_NAMES,
    MEMBERS,
    backtest_city,
    build_city_panel,
    candidates,
    descriptions,
    evaluated_positions,
    summarize_figures,
    trusted_spaces,
)
from mlops_assets.errors import ContractError, SettingsError
from mlops_assets_tests.donostia_parking.hours import ZONE, conformed, hourly_rows

NAN = float("nan")


def test_only_trusted_readings_count() -> None:
    """Not those of a stale feed, nor repeated ones, nor sums over a part of the city."""
    rows = hourly_rows(a=[5, 6, 7, 8])
    city = (rows["car_park_id"] == CITY_TOTAL_ID).to_numpy()
    hour = np.tile(np.arange(4), 2)
    late = rows["read_at"].where(hour != 1, rows["read_at"] - pd.Timedelta(hours=1))
    changed = conformed(rows, is_stale=hour == 0, read_at=late, is_complete=~(city & (hour == 2)))
    assert trusted_spaces(changed).fillna(-1).tolist() == [-1, -1, 7, 8, -1, -1, -1, 8]


def test_city_counts_although_one_car_park_is_repeated() -> None:
    """`is_filled` says any; the newest reading says that there was one in the hour."""
    rows = conformed(hourly_rows(a=[5, 6]), is_filled=True)
    assert trusted_spaces(rows).tolist() == [5, 6, 5, 6]


def test_panel_has_the_city_beside_its_car_parks() -> None:
    """Each is a series of its own."""
    panel = build_city_panel(hourly_rows(b=[1, 2], a=[3, 4]), ZONE)
    assert panel.names == ("a", "b", CITY_TOTAL_ID)
    assert panel.numbers.tolist() == [[3, 1, 4], [4, 2, 6]]
    assert panel.time_zone == ZONE


def test_cities_are_not_mixed() -> None:
    """Two cities have one total identifier."""
    rows = hourly_rows(a=[1.0, 2.0])
    mixed = pd.concat([rows, conformed(rows, city_code="birmingham")])
    with pytest.raises(ContractError, match="birmingham, donostia"):
        build_city_panel(mixed, ZONE)


def test_simple_candidates_come_first() -> None:
    """Naive ones and their damped forms, regression and trees, and the original's slow model; the first wins a tie."""
    assert [candidate.name for candidate in candidates()] == [
        BASELINE,
        "weekly_naive",
        "hour_of_day_mean",
        "seasonal_profile",
        "damped_seasonal_naive",
        "damped_weekly_naive",
        "damped_hour_of_day_mean",
        "profile_regression",
        "profile_boosting",
        "sarimax",
    ]


def test_combination_by_errors_is_preferred() -> None:
    """It is the last one, so that it stays unless another is clearly better."""
    panel = build_city_panel(hourly_rows(a=np.arange(48) % 24), ZONE)
    backtest = backtest_city(panel, 3)
    assert backtest.candidates[-2:] == ["mean", "weighted_mean"]
    assert backtest.preferred == "weighted_mean"


def test_named_combination_brings_its_members() -> None:
    """It combines the same candidates whatever else is named."""
    names = [candidate.name for candidate in candidates(["mean"])]
    assert names == [BASELINE, *MEMBERS]


def test_everything_that_competes_can_be_configured() -> None:
    """The launchpad offers every candidate and combination, and no other."""
    assert [way.value for way in Candidate] == list(descriptions())


def test_baseline_always_takes_part() -> None:
    """Skill needs it, and so does a car park without history."""
    assert [candidate.name for candidate in candidates(["profile_regression"])] == [BASELINE, "profile_regression"]


def test_unknown_candidate_is_refused_with_the_known_ones() -> None:
    """A typing error must not silently try nothing."""
    with pytest.raises(SettingsError, match="unknown forecast candidate: prophet; known: seasonal_naive, weekly"):
        candidates(["prophet"])


@pytest.mark.parametrize(("days", "first", "evaluated"), [(30, 120, 240), (20, 120, 240), (8, 48, 96), (1, 6, 12)])
def test_first_days_fit_and_the_next_calibrate(days: int, first: int, evaluated: int) -> None:
    """Five days each, or a quarter of the history each; figures come from the rest."""
    panel = build_city_panel(hourly_rows(a=np.arange(days * 24) % 24), ZONE)
    backtest = backtest_city(panel, 3, [BASELINE])
    assert backtest.origins[0] == first
    positions = evaluated_positions(backtest, 10_000)
    assert backtest.origins[positions].tolist() == list(range(evaluated, days * 24))


def test_summary_tells_the_city_from_its_car_parks() -> None:
    """Car parks that never change are left out: everybody is right about them."""
    table = pd.DataFrame(
        {
            "series": [CITY_TOTAL_ID, CITY_TOTAL_ID, "a", "b", "dead"],
            "horizon_hours": [0, 1, 0, 0, 0],
            "mae": [100.0, 1.0, 10.0, 20.0, 0.0],
            "rmse": [120.0, 1.0, 12.0, 22.0, 0.0],
            "baseline_mae": [200.0, 2.0, 40.0, 20.0, 0.0],
            "skill": [0.5, 0.5, 0.75, 0.0, NAN],
            "coverage_80": [0.81, 1.0, 0.7, 0.9, 1.0],
            "coverage_95": [0.94, 1.0, NAN, 0.9, 1.0],
        }
    )
    assert summarize_figures(table) == pytest.approx(
        {
            "city_mae_spaces": 100,
            "city_rmse_spaces": 120,
            "city_skill": 0.5,
            "city_coverage_80": 0.81,
            "city_coverage_95": 0.94,
            "car_park_mae_spaces": 15,
            "car_park_rmse_spaces": 17,
            "car_park_skill": 0.5,
            "car_park_coverage_80": 0.8,
            "car_park_coverage_95": 0.9,
        }
    )
    nothing = summarize_figures(table.iloc[:0])
    assert list(nothing) == list(FIGURE_NAMES)
    assert all(np.isnan(value) for value in nothing.values())
