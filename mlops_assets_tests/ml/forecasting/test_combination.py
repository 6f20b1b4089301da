"""Weights are shares, equal at first, and sharper with every day; a combination never leaves what its members say."""

import pickle

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from mlops_assets.ml.forecasting.backtest import Backtest, fallback_candidates, run_backtest
from mlops_assets.ml.forecasting.candidates import Candidate, HourOfDayMean, daily_naive, weekly_naive
from mlops_assets.ml.forecasting.combination import EqualWeights, FittedCombination, InverseErrorWeights, combine
from mlops_assets.ml.forecasting.panel import DAY_HOURS
from mlops_assets.ml.forecasting.selection import select_methods
from mlops_assets_tests.ml.forecasting.panels import busy_weekends, panel_of

NAN = float("nan")
_MAE = arrays(float, (3, 2, 4), elements=st.floats(0, 1e6) | st.just(NAN))
_DAYS = arrays(float, (2, 4), elements=st.floats(0, 60))


def weights_of(*mae: float, days: float) -> list[float]:
    """Return the weights that members with these errors of one series have."""
    weighted = InverseErrorWeights(["x"] * len(mae))
    return weighted.weights(np.array(mae)[:, None, None], np.array([[days]]))[:, 0, 0].tolist()


@given(_MAE, _DAYS)
def test_weights_are_shares(mae: np.ndarray, days: np.ndarray) -> None:
    """Never negative, and 1 together, whatever is known."""
    weights = InverseErrorWeights(["x", "y", "z"]).weights(mae, days)
    assert (weights >= 0).all()
    np.testing.assert_allclose(weights.sum(axis=0), 1)


@given(arrays(float, (4, 2, 3), elements=st.floats(-1e6, 1e6)), _MAE, _DAYS)
def test_equal_forecasts_are_their_combination(forecast: np.ndarray, mae: np.ndarray, days: np.ndarray) -> None:
    """Whatever the weights are."""
    weights = InverseErrorWeights(["x", "y", "z"]).weights(mae, days)
    np.testing.assert_allclose(combine([forecast] * 3, weights), forecast, rtol=1e-9, atol=1e-6)


def test_weights_are_inverse_errors_to_the_power_of_the_days() -> None:
    """Half the error has twice the weight after a day, four times after two; from the eighth day on 256 times."""
    assert weights_of(1, 2, days=0) == [0.5, 0.5]
    assert weights_of(1, 2, days=1) == pytest.approx([2 / 3, 1 / 3])
    assert weights_of(1, 2, days=2) == pytest.approx([4 / 5, 1 / 5])
    assert weights_of(1, 2, days=8) == weights_of(1, 2, days=50) == pytest.approx([256 / 257, 1 / 257])


def test_nothing_known_and_no_errors_leave_equal_weights() -> None:
    """There is nothing to tell them apart by."""
    assert weights_of(NAN, NAN, days=NAN) == weights_of(0, 0, days=9) == [0.5, 0.5]


def test_series_with_few_errors_leans_on_the_others() -> None:
    """A day of luck does not outweigh what a week of another series says."""
    mae = np.array([[1.0, 2.0], [2.0, 1.0]])[..., None]
    weights = InverseErrorWeights(["x", "y"]).weights(mae, np.array([[30.0], [1.0]]))[..., 0]
    assert weights[0, 0] > 0.9
    assert 0.4 < weights[0, 1] < weights[1, 1] < 0.6


def test_equal_weights_are_the_mean() -> None:
    """Of two members, half of each."""
    weights = EqualWeights(["x", "y"]).weights(np.array([[[1.0]], [[9.0]]]), np.array([[5.0]]))
    assert combine([np.array([[[10.0, 20.0]]]), np.array([[[30.0, 20.0]]])], weights).tolist() == [[[20.0, 20.0]]]


def test_weights_at_an_origin_know_nothing_of_later_hours() -> None:
    """Whatever happens from an origin on, what the combination said there stays the same to the last bit."""
    values = busy_weekends(21, noise=10)
    later = np.where(np.arange(len(values)) < 400, values, values * 3)
    members: list[Candidate] = [daily_naive(), weekly_naive(), HourOfDayMean(days=7)]
    mixed = [InverseErrorWeights([member.name for member in members])]
    said, changed = (
        run_backtest(
            panel_of(numbers), members, first_origin=240, horizon=DAY_HOURS, history_hours=9999, combinations=mixed
        ).forecasts["weighted_mean"]
        for numbers in (values, later)
    )
    np.testing.assert_array_equal(said[: 400 - 240 + 1], changed[: 400 - 240 + 1])
    assert not np.array_equal(said, changed)


def test_fitted_combination_says_what_the_backtest_says() -> None:
    """Weights of the end, members with their gaps filled; a series that is not known is given equal weights."""
    panel = panel_of(busy_weekends(10, noise=10))
    members = [daily_naive(), weekly_naive()]
    fallbacks = [candidate.fit(panel) for candidate in fallback_candidates()]
    fitted = FittedCombination({member.name: member for member in members}, {"a": np.array([0.25, 0.75])}, fallbacks)
    again = pickle.loads(pickle.dumps(fitted))
    origins = np.array([230, 240])
    daily, weekly = (member.predict(panel, origins, 3) for member in members)
    np.testing.assert_allclose(again.predict(panel, origins, 3), 0.25 * daily + 0.75 * weekly)
    stranger = panel_of(panel.numbers[:, 0], names="z")
    np.testing.assert_allclose(fitted.predict(stranger, origins, 3), (daily + weekly) / 2)
    young = panel_of(panel.numbers[:30, 0])
    np.testing.assert_allclose(fitted.predict(young, np.array([30]), 3), daily_naive().predict(young, np.array([30]), 3))


@pytest.mark.parametrize(("is_lucky", "choice"), [(True, 2), (False, 1)])
def test_combination_is_kept_unless_another_is_clearly_better(is_lucky: bool, choice: int) -> None:
    """A method that is better by a place every hour is taken; one that is better by ten and worse by nine in turn is not."""
    gain = np.where(np.arange(240) // DAY_HOURS % 2, -9.0, 10.0) if is_lucky else np.ones(240)
    errors = {"naive": np.full(240, 30.0), "other": 20 - gain, "mean": np.full(240, 20.0)}
    forecasts = {name: values[:, None, None] for name, values in errors.items()}
    backtest = Backtest(panel_of(np.zeros(240)), np.arange(240), 1, forecasts, {}, preferred="mean")
    assert select_methods(backtest, 240).choice.tolist() == [choice]
