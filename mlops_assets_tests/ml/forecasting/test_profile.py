"""The usual value of an hour: its own mean where it is known, that of similar hours where it is not."""

import numpy as np
import pytest

from mlops_assets.ml.forecasting.panel import DAY_HOURS, WEEK_HOURS
from mlops_assets.ml.forecasting.profile import HALF_LIFE_HOURS, ProfileTable, SeasonalProfile
from mlops_assets_tests.ml.forecasting.panels import busy_weekends, daily_wave, panel_of, without


def usual(values: np.ndarray, *hours_ahead: int) -> list[float]:
    """Return what is usual some hours after the end of a series that begins on a Monday."""
    said = SeasonalProfile().predict(panel_of(values), np.array([len(values)]), max(hours_ahead) + 1)
    return said[0, 0, list(hours_ahead)].round(6).tolist()


def test_repeated_weeks_are_usual() -> None:
    """Where all weeks are the same, the next one is expected to be the same, weekends included, but for the leaning."""
    values = np.tile(busy_weekends(7, noise=0), 4)
    said = SeasonalProfile().predict(panel_of(values), np.array([len(values)]), WEEK_HOURS)[0, 0]
    assert np.abs(said - values[:WEEK_HOURS]).max() < 25
    assert np.corrcoef(said, values[:WEEK_HOURS])[0, 1] > 0.99


def test_unknown_day_of_the_week_is_like_similar_days() -> None:
    """After Monday and Tuesday, Wednesday is expected to be like them; a first Saturday like any other day."""
    values = np.concatenate([daily_wave(1, level=100), daily_wave(1, level=120)])
    wednesday, saturday = usual(values, 8, 3 * DAY_HOURS + 8)
    assert 100 < wednesday - 50 * np.sin(2 * np.pi * 8 / DAY_HOURS) < 120
    assert saturday == pytest.approx(wednesday, abs=10)


def test_weekend_is_not_mistaken_for_a_working_day() -> None:
    """After one week, the next Sunday is expected like the last, although six other days were different."""
    values = np.full(WEEK_HOURS, 300.0)
    values[6 * DAY_HOURS :] = 100.0
    monday, sunday = usual(values, 8, 6 * DAY_HOURS + 8)
    assert monday > 280
    assert sunday < 170


def test_hour_that_is_never_seen_is_like_its_neighbours() -> None:
    """A collector that never comes round at three in the morning leaves a gap that two and four o'clock fill."""
    hours = np.arange(14 * DAY_HOURS)
    values = np.where(hours % DAY_HOURS < 12, 100.0, 900.0)
    values = without(values, *range(3, len(hours), DAY_HOURS))
    assert usual(values, 3) == [pytest.approx(100, abs=40)]


def test_recent_weeks_count_more() -> None:
    """A value counts half as much as one that is four weeks younger."""
    values = without(np.zeros(HALF_LIFE_HOURS + 1), slice(1, -1))
    values[-1] = 3.0
    table = ProfileTable(panel_of(values), horizon=WEEK_HOURS)
    at = table.at(np.array([len(values)]), np.array([len(values) + WEEK_HOURS - 1]))
    # Weights 1 and 2 of the hour itself; leaning by half a value of age 0 on means of the same two values.
    assert at.item() == pytest.approx(2.0, abs=1e-9)


def test_nothing_known_means_nothing_said() -> None:
    """There is no usual value of a series that has none."""
    panel = panel_of([1.0, 2.0], [np.nan, np.nan])
    said = SeasonalProfile().predict(panel, np.array([0, 2]), 1)
    assert np.isnan(said[:, 1]).all()
    assert np.isnan(said[0, 0]).all()
    assert said[1, 0, 0] == pytest.approx(1.5, abs=0.5)
