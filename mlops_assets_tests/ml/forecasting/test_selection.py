"""Choice and intervals come from earlier errors only; intervals nest and hold what they promise."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlops_assets.ml.forecasting.backtest import LONGEST_SILENCE_HOURS, Backtest
from mlops_assets.ml.forecasting.panel import DAY_HOURS
from mlops_assets.ml.forecasting.selection import LEVELS, MIN_ORIGINS, IntervalWidths, conformal_factors, select_methods
from mlops_assets_tests.ml.forecasting.panels import panel_of


def backtest_with(errors: dict[str, np.ndarray], first_origin: int = 0) -> Backtest:
    """Return a backtest of a series of zeros with these errors of horizon 1, one per origin."""
    length = len(next(iter(errors.values())))
    panel = panel_of(np.zeros(first_origin + length))
    origins = np.arange(first_origin, first_origin + length)
    return Backtest(panel, origins, 1, {name: values[:, None, None] for name, values in errors.items()}, dict.fromkeys(errors, 0.0))


def normal(count: int, scale: float = 1.0, seed: int = 1) -> np.ndarray:
    return np.random.default_rng(seed).normal(0, scale, count)


def test_smallest_error_is_chosen() -> None:
    """By the mean absolute error of what is known at the moment."""
    selection = select_methods(
        backtest_with({"naive": np.full(100, 5.0), "good": np.full(100, -2.0), "bad": np.full(100, 9.0)}), 100
    )
    assert selection.choice.tolist() == [1]
    assert selection.mae[:, 0] == pytest.approx([5, 2, 9])
    assert selection.origin_counts.tolist() == [100]


def test_equal_errors_leave_the_simpler_candidate() -> None:
    """The first one, also where nobody ever errs."""
    assert select_methods(backtest_with({"naive": np.zeros(100), "other": np.zeros(100)}), 100).choice.tolist() == [0]


def test_little_evidence_leaves_the_first_candidate() -> None:
    """Two days of origins are needed."""
    errors = {"naive": np.full(100, 5.0), "good": np.full(100, 2.0)}
    assert [select_methods(backtest_with(errors), moment).choice.item() for moment in (MIN_ORIGINS - 1, MIN_ORIGINS)] == [0, 1]


def test_candidate_may_be_given() -> None:
    """Then its own errors make the intervals."""
    backtest = backtest_with({"naive": np.full(100, 5.0), "good": np.full(100, 2.0)})
    selection = select_methods(backtest, 100, candidate="naive")
    assert selection.choice.tolist() == [0]
    assert selection.widths.half_widths(0.8, np.array([3])).item() == pytest.approx(5)


def test_errors_from_the_moment_on_are_not_looked_at() -> None:
    """Neither the choice nor the intervals change with them."""
    errors = {"naive": normal(200), "other": normal(200, seed=2)}
    changed = {name: np.concatenate([values[:120], values[120:] * 100]) for name, values in errors.items()}
    before, after = select_methods(backtest_with(errors), 120), select_methods(backtest_with(changed), 120)
    np.testing.assert_array_equal(before.mae, after.mae)
    for level in LEVELS:
        np.testing.assert_array_equal(before.widths.factors[level], after.widths.factors[level])


def test_recent_errors_count_more() -> None:
    """A method that got better is judged by what it is now."""
    learned = np.concatenate([np.full(1000, 10.0), np.full(1000, 1.0)])
    assert select_methods(backtest_with({"naive": learned}), 2000).mae.item() < 2.5


@pytest.mark.parametrize("level", LEVELS)
def test_intervals_hold_what_they_promise(level: float) -> None:
    """Over many moments, the share of next errors within the interval is the level, for normal and for skewed errors."""
    for errors in (normal(1500), normal(1500, seed=3) ** 2):
        backtest = backtest_with({"naive": errors})
        moments = range(300, 1500, 3)
        widths = [select_methods(backtest, moment).widths.half_widths(level, np.array([moment % 24])).item() for moment in moments]
        assert np.mean(np.abs(errors[300::3]) <= widths) == pytest.approx(level, abs=0.04)


def test_intervals_hold_although_errors_grow() -> None:
    """Errors that double within two months are held within five points of what is promised."""
    errors = normal(1500) * 2 ** np.linspace(0, 1, 1500)
    backtest = backtest_with({"naive": errors})
    moments = range(300, 1500, 3)
    widths = [select_methods(backtest, moment).widths.half_widths(0.8, np.array([moment % 24])).item() for moment in moments]
    assert np.mean(np.abs(errors[300::3]) <= widths) == pytest.approx(0.8, abs=0.05)


def test_intervals_are_wider_at_hours_with_larger_errors() -> None:
    """Nights are known better than noons."""
    noon = np.where(np.arange(1000) % DAY_HOURS == 12, 10.0, 1.0)
    widths = select_methods(backtest_with({"naive": normal(1000) * noon}), 1000).widths
    assert widths.half_widths(0.8, np.array([12])) > 3 * widths.half_widths(0.8, np.array([3]))


@given(st.lists(st.floats(0, 1e6), min_size=0, max_size=60))
def test_intervals_nest(scores: list[float]) -> None:
    """The interval of a higher level holds that of a lower one."""
    values = np.array(scores)
    factors = conformal_factors(values, np.ones(len(values)), LEVELS)
    assert factors[0.8] <= factors[0.95]


@pytest.mark.parametrize(("count", "known"), [(3, [False, False]), (4, [True, False]), (18, [True, False]), (19, [True, True])])
def test_high_levels_need_many_errors(count: int, known: list[bool]) -> None:
    """The next of four errors is among the lowest four of five with probability 0.8; for 0.95 it takes nineteen."""
    factors = conformal_factors(np.arange(1.0, count + 1), np.ones(count), LEVELS)
    assert [bool(np.isfinite(factors[level])) for level in LEVELS] == known
    if known[0]:
        assert factors[0.8] == np.ceil(0.8 * (count + 1) - 1e-9)


def test_no_errors_mean_no_intervals() -> None:
    """Not even where the spread is 0."""
    selection = select_methods(backtest_with({"naive": np.zeros(0)}), 0)
    assert np.isinf(selection.widths.half_widths(0.8, np.array([0]))).all()


def test_constant_series_has_intervals_without_width() -> None:
    """A car park that is always full is known exactly."""
    widths = select_methods(backtest_with({"naive": np.zeros(100)}), 100).widths
    assert widths.half_widths(0.95, np.array([0])).tolist() == [[0]]


def test_silence_widens_intervals_up_to_a_day() -> None:
    """A forecast from old news is as wide as one made that much earlier; after a day nobody knows."""
    widths = IntervalWidths(np.full(DAY_HOURS, 10.0), {0.8: np.array([1.0, 2.0, 3.0])})
    slots = np.array([5, 6, 7])
    assert widths.half_widths(0.8, slots).tolist() == [10, 20, 30]
    assert widths.half_widths(0.8, slots, delay=1).tolist() == [20, 30, 30]
    assert np.isinf(widths.half_widths(0.8, slots, delay=LONGEST_SILENCE_HOURS)).all()
