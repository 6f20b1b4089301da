"""One pass of the filter gives what statsmodels would say at every origin; fits that fail are notes, not errors."""

import numpy as np
import pytest
from statsmodels.tsa.statespace.sarimax import SARIMAX
from threadpoolctl import threadpool_limits

from mlops_assets.ml.forecasting.panel import DAY_HOURS
from mlops_assets.ml.forecasting.sarimax import ORDER, SEASONAL_ORDER, FittedSarimax, Sarimax
from mlops_assets_tests.ml.forecasting.panels import busy_weekends, daily_wave, panel_of, without

PARAMS = np.array([0.4, 0.2, 0.1, -0.7, 100.0])


def test_forecasts_are_those_of_statsmodels() -> None:
    """The forecast of statsmodels' own results object, from each of three origins, gaps included."""
    values = without(busy_weekends(10, noise=10), 100, slice(150, 155))
    fitted = FittedSarimax({"a": PARAMS}, {})
    origins = np.array([120, 160, 240])
    said = fitted.predict(panel_of(values), origins, DAY_HOURS)[:, 0]
    with threadpool_limits(1):
        for origin, forecast in zip(origins, said, strict=True):
            model = SARIMAX(values[:origin], order=ORDER, seasonal_order=SEASONAL_ORDER)
            np.testing.assert_allclose(forecast, model.filter(PARAMS).forecast(DAY_HOURS), rtol=1e-8)


def test_parameters_are_those_of_statsmodels() -> None:
    """By maximum likelihood on the last days; the variance is in the units of the series."""
    values = busy_weekends(12, noise=10)
    found = Sarimax(fit_days=7).fit(panel_of(values)).params["a"]
    model = SARIMAX(values[-7 * DAY_HOURS :], order=ORDER, seasonal_order=SEASONAL_ORDER, simple_differencing=True)
    best = model.loglike(found)
    for number, changed in enumerate(found * 1.1):
        assert model.loglike([*found[:number], changed, *found[number + 1 :]]) < best + 1e-3


def test_series_without_life_are_left_out() -> None:
    """Constant, unknown and short series have no parameters, so that fallbacks answer."""
    hours = 10 * DAY_HOURS
    fitted = Sarimax(fit_days=7).fit(panel_of(np.zeros(hours), np.full(hours, np.nan), without(daily_wave(10), slice(0, 180))))
    assert fitted.params == {}
    assert np.isnan(fitted.predict(panel_of(np.arange(90.0)), np.array([90]), 3)).all()


def test_fit_uses_the_newest_stretch_that_is_long_enough() -> None:
    """Short gaps are bridged; after a long one, the days before it serve until there are three new ones."""
    values = busy_weekends(20, noise=10)
    gappy = without(values, slice(14 * DAY_HOURS, 18 * DAY_HOURS), 200, 201)
    found = Sarimax(fit_days=4).fit(panel_of(gappy)).params["a"]
    before = Sarimax(fit_days=4).fit(panel_of(gappy[: 14 * DAY_HOURS])).params["a"]
    np.testing.assert_array_equal(found, before)


def test_fit_that_does_not_end_well_is_noted(monkeypatch: pytest.MonkeyPatch) -> None:
    """A failing decomposition leaves the series to the fallbacks."""

    def fail(*_arguments: object, **_settings: object) -> None:
        raise np.linalg.LinAlgError("Schur decomposition solver error.")

    monkeypatch.setattr(SARIMAX, "fit", fail)
    fitted = Sarimax(fit_days=7).fit(panel_of(daily_wave(7)))
    assert fitted.params == {}
    assert fitted.notes == {"a": "no fit (Schur decomposition solver error.)"}
