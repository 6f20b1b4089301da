"""Every candidate: knows nothing of the future, answers many origins as it answers one, and survives any history."""

import pickle
from datetime import datetime, timezone

import numpy as np
import pytest

from mlops_assets.ml.forecasting.boosting import ProfileBoosting
from mlops_assets.ml.forecasting.candidates import Candidate, HourOfDayMean, daily_naive, fill_gaps, weekly_naive
from mlops_assets.ml.forecasting.damping import Damped
from mlops_assets.ml.forecasting.panel import DAY_HOURS, WEEK_HOURS, Panel
from mlops_assets.ml.forecasting.profile import SeasonalProfile
from mlops_assets.ml.forecasting.regression import ProfileRegression
from mlops_assets.ml.forecasting.sarimax import Sarimax
from mlops_assets_tests.ml.forecasting.panels import busy_weekends, daily_wave, panel_of, without

NAN = float("nan")
CANDIDATES: list[Candidate] = [
    daily_naive(),
    weekly_naive(),
    HourOfDayMean(days=7),
    SeasonalProfile(),
    Damped(daily_naive()),
    Damped(HourOfDayMean(days=7)),
    ProfileRegression(),
    ProfileBoosting(),
    Sarimax(fit_days=4),
]
every_candidate = pytest.mark.parametrize("candidate", CANDIDATES, ids=lambda candidate: candidate.name)


def lively_panel() -> Panel:
    """Return three weeks of three series, one of them unknown for two days, one of them from the second week on."""
    return panel_of(
        busy_weekends(21, noise=5),
        without(busy_weekends(21, noise=20, seed=8), slice(300, 348), 400),
        without(busy_weekends(21, noise=10, seed=9), slice(0, WEEK_HOURS)),
        time_zone="Europe/Madrid",
    )


@every_candidate
def test_later_values_never_change_a_forecast(candidate: Candidate) -> None:
    """Whatever happens from an origin on, what was said there stays the same to the last bit."""
    panel = lively_panel()
    forecaster = candidate.fit(panel.window(0, 400))
    origins = np.array([401, 430, 450])
    said = forecaster.predict(panel, origins, DAY_HOURS)
    for number, origin in enumerate(origins):
        changed = panel_of(*panel.numbers.T, time_zone="Europe/Madrid")
        changed.numbers[origin:] = np.random.default_rng(1).uniform(0, 1000, changed.numbers[origin:].shape)
        np.testing.assert_array_equal(forecaster.predict(changed, origins, DAY_HOURS)[number], said[number])


@every_candidate
def test_many_origins_are_answered_as_each_alone(candidate: Candidate) -> None:
    """Forecasting from many origins at once is only faster; hours after the origin need not be in the panel."""
    panel = lively_panel()
    forecaster = candidate.fit(panel.window(0, 400))
    origins = np.array([410, 437, 480])
    together = forecaster.predict(panel, origins, DAY_HOURS)
    for number, origin in enumerate(origins):
        alone = forecaster.predict(panel.window(0, origin), np.array([origin]), DAY_HOURS)[0]
        np.testing.assert_allclose(together[number], alone, rtol=1e-7, atol=1e-6)


@every_candidate
@pytest.mark.parametrize(
    "values",
    [
        [5.0],
        np.arange(23.0),
        np.arange(24.0),
        np.full(24, NAN),
        np.zeros(500),
        np.full(500, 77.0),
        without(busy_weekends(21, noise=5), slice(10, 500)),
        np.concatenate([daily_wave(5), np.full(112 * DAY_HOURS, NAN), daily_wave(1)]),
        np.concatenate([np.zeros(300), [5.0], np.zeros(20)]),
        np.where(np.arange(400) % 3, NAN, 5.0 + np.arange(400) % 24),
    ],
    ids=["one", "23", "24", "unknown", "zeros", "constant", "hole", "112 days gap", "one spike", "every third"],
)
def test_any_history_is_survived(candidate: Candidate, values: np.ndarray) -> None:
    """Too little, missing and lifeless series give forecasts or nothing, but no error, no warning, nothing infinite."""
    panel = panel_of(values, np.full(len(values), NAN))
    origins = np.array([len(panel) // 2, len(panel)])
    said = candidate.fit(panel).predict(panel, origins, DAY_HOURS)
    assert said.shape == (2, 2, DAY_HOURS)
    assert not np.isinf(said).any()
    assert np.isnan(said[:, 1]).all()


@every_candidate
def test_fit_can_be_pickled_and_repeated(candidate: Candidate) -> None:
    """Equal fits give equal bytes, and what is unpickled says the same."""
    panel = lively_panel()
    history = panel.window(0, 400)
    first, again = (pickle.dumps(candidate.fit(history), protocol=5) for _ in range(2))
    assert first == again
    origins = np.array([450])
    np.testing.assert_array_equal(
        pickle.loads(first).predict(panel, origins, DAY_HOURS), candidate.fit(history).predict(panel, origins, DAY_HOURS)
    )


@every_candidate
def test_no_origins_get_no_forecasts(candidate: Candidate) -> None:
    """An empty backtest has the shape of one."""
    panel = panel_of(daily_wave(3))
    said = candidate.fit(panel).predict(panel, np.array([], dtype=int), DAY_HOURS)
    assert said.shape == (0, 1, DAY_HOURS)


def test_seasonal_naive_repeats_the_day_before() -> None:
    """Beyond a day ahead it repeats the same day; an unknown hour is taken from the day before that, up to a week."""
    values = np.arange(72.0)
    values[50] = NAN
    said = daily_naive().predict(panel_of(values), np.array([72]), 26)[0, 0]
    assert said[:4].tolist() == [48, 49, 26, 51]
    assert said[24:].tolist() == [48, 49]


def test_seasonal_naive_does_not_look_back_for_ever() -> None:
    """After more than a week of silence it has nothing to say."""
    values = without(np.arange(9.0 * DAY_HOURS), slice(DAY_HOURS, None))
    assert np.isnan(daily_naive().predict(panel_of(values), np.array([9 * DAY_HOURS]), 3)).all()


def test_weekly_naive_repeats_the_week_before() -> None:
    """Monday's first hour is that of the Monday before."""
    said = weekly_naive().predict(panel_of(np.arange(2.0 * WEEK_HOURS)), np.array([2 * WEEK_HOURS]), 2)
    assert said[0, 0].tolist() == [WEEK_HOURS, WEEK_HOURS + 1]


def test_hour_of_day_mean_takes_the_last_days() -> None:
    """Of eight days with the numbers 0 to 7 the last seven count."""
    values = np.repeat(np.arange(8.0), DAY_HOURS)
    said = HourOfDayMean(days=7).predict(panel_of(values), np.array([len(values)]), 2)
    assert said[0, 0].tolist() == [4, 4]


def test_hour_of_day_is_that_of_the_clocks() -> None:
    """On the day after the clocks change, eight in the morning is what eight in the morning was, an hour earlier in UTC."""
    start = datetime(2022, 3, 25, 23, tzinfo=timezone.utc)
    panel = panel_of(np.tile(np.arange(24.0), 2)[:47], start_at=start, time_zone="Europe/Madrid")
    # 26 March has 24 hours, 27 March 23: the two o'clock hour is missing, so the values of its day run ahead by one.
    panel.numbers[24:, 0] = [0, 1, *range(3, 24)]
    said = HourOfDayMean(days=7).predict(panel, np.array([47]), 9)[0, 0]
    assert said.tolist() == list(range(9))


def test_gaps_are_filled_by_the_first_that_knows() -> None:
    """The second fallback is asked where the first has nothing to say either."""
    filled = fill_gaps(np.array([1, NAN, NAN, NAN]), [np.array([9, 2, NAN, NAN]), np.array([9, 9, 3, NAN])])
    np.testing.assert_array_equal(filled, [1, 2, 3, NAN])
