"""Figures by horizon are what they say, hand-checked, and never measured on what was learned from."""

import numpy as np
import pandas as pd
import pytest

from mlops_assets.ml.forecasting.backtest import Backtest, run_backtest
from mlops_assets.ml.forecasting.candidates import daily_naive
from mlops_assets.ml.forecasting.evaluation import Evaluation, evaluate, evaluate_points, horizon_table, spread_origins
from mlops_assets.ml.forecasting.profile import SeasonalProfile
from mlops_assets_tests.ml.forecasting.panels import busy_weekends, panel_of, without

NAN = float("nan")


def backtest_of_weeks(values: np.ndarray) -> Backtest:
    return run_backtest(
        panel_of(values, np.zeros(len(values))),
        [daily_naive(), SeasonalProfile()],
        first_origin=120,
        horizon=24,
        history_hours=9999,
    )


def test_figures_are_those_of_the_textbook() -> None:
    """Two origins, one series, two horizons; one outcome is unknown."""
    evaluation = Evaluation(
        names=("a",),
        errors=np.array([[[3.0, -4.0]], [[-1.0, NAN]]]),
        baseline_errors=np.array([[[4.0, 4.0]], [[-4.0, NAN]]]),
        is_within={0.8: np.array([[[1, 0]], [[1, NAN]]]), 0.95: np.array([[[1, NAN]], [[1, NAN]]])},
    )
    table = horizon_table(evaluation)
    assert table["series"].tolist() == ["a"] * 3
    assert table["horizon_hours"].tolist() == [0, 1, 2]
    assert table["forecast_count"].tolist() == [3, 2, 1]
    assert table["mae"].tolist() == pytest.approx([8 / 3, 2, 4])
    assert table["rmse"].tolist() == pytest.approx([np.sqrt(26 / 3), np.sqrt(5), 4])
    assert table["baseline_mae"].tolist() == [4, 4, 4]
    assert table["skill"].tolist() == pytest.approx([1 / 3, 0.5, 0])
    assert table["coverage_80"].tolist() == pytest.approx([2 / 3, 1, 0])
    assert table["coverage_95"].tolist() == pytest.approx([1, 1, NAN], nan_ok=True)


def test_skill_against_a_perfect_baseline_is_not_known() -> None:
    """There is nothing to be better than."""
    zeros = np.zeros((1, 1, 1))
    table = horizon_table(Evaluation(("a",), zeros, zeros, {0.8: zeros, 0.95: zeros}))
    assert table["skill"].isna().all()


def test_series_that_cannot_be_judged_have_no_rows() -> None:
    """No outcome is known of the second one."""
    errors = np.array([[[1.0], [NAN]]])
    table = horizon_table(Evaluation(("a", "b"), errors, errors, {0.8: errors, 0.95: errors}))
    assert set(table["series"]) == {"a"}


def test_origins_are_spread_over_what_can_be_judged() -> None:
    """Evenly, from the first allowed hour on; all of them if there are few."""
    backtest = backtest_of_weeks(busy_weekends(10, noise=5))
    positions = spread_origins(backtest, 140, 10)
    assert backtest.origins[positions].tolist() == list(range(140, 240, 10))
    assert len(spread_origins(backtest, 230, 42)) == 10
    assert len(spread_origins(backtest, 900, 42)) == 0


def test_origins_without_outcome_are_not_evaluated() -> None:
    """From none of the hours before a long gap anything can be judged."""
    values = without(busy_weekends(12, noise=5), slice(200, 260))
    backtest = run_backtest(panel_of(values), [daily_naive()], first_origin=120, horizon=12, history_hours=9999)
    judged = backtest.origins[spread_origins(backtest, 120, 1000)]
    assert not set(judged.tolist()) & set(range(200, 249))
    assert {199, 261} <= set(judged.tolist())


def test_evaluation_at_an_origin_ignores_all_that_follows() -> None:
    """Choice, error and interval of an origin are the same whether or not the weeks after it exist."""
    values = busy_weekends(28, noise=10)
    long, short = backtest_of_weeks(values), backtest_of_weeks(values[: 20 * 24])
    positions = np.array([100, 250])
    ours, theirs = (evaluate(backtest, positions, baseline="seasonal_naive") for backtest in (long, short))
    np.testing.assert_array_equal(ours.errors, theirs.errors)
    for level in (0.8, 0.95):
        np.testing.assert_array_equal(ours.is_within[level], theirs.is_within[level])


def test_choosing_is_evaluated_as_it_would_have_gone() -> None:
    """Before there is evidence the baseline answers; later the better candidate does."""
    backtest = backtest_of_weeks(busy_weekends(28, noise=5))
    early, late = np.array([10]), np.array([450])
    for positions, candidate in ((early, "seasonal_naive"), (late, "seasonal_profile")):
        chosen = evaluate(backtest, positions, baseline="seasonal_naive")
        alone = evaluate(backtest, positions, baseline="seasonal_naive", candidate=candidate)
        np.testing.assert_array_equal(chosen.errors[:, 0], alone.errors[:, 0])


def test_points_are_evaluated_without_intervals() -> None:
    """The same errors, and no coverage."""
    backtest = backtest_of_weeks(busy_weekends(14, noise=5))
    positions = np.array([100, 150])
    alone = {"baseline": "seasonal_naive", "candidate": "seasonal_profile"}
    full = horizon_table(evaluate(backtest, positions, **alone))
    points = horizon_table(evaluate_points(backtest, positions, **alone))
    coverages = ["coverage_80", "coverage_95"]
    pd.testing.assert_frame_equal(points.drop(columns=coverages), full.drop(columns=coverages))
    assert points[coverages].isna().all(axis=None)
    assert full["coverage_80"].notna().all()
