"""Figures are small PNG images, the same for the same forecasts, and never fail for want of data."""

from datetime import timedelta

import numpy as np
import pandas as pd

from mlops_assets.donostia_parking.modelling.plots import draw_forecasts, plot_forecast
from mlops_assets.donostia_parking.modelling.training import metrics_table, train_forecast_model
from mlops_assets_tests.donostia_parking.hours import FIRST_HOUR, ZONE, hourly_rows
from mlops_assets_tests.ml.forecasting.panels import busy_weekends

END = FIRST_HOUR.to_pydatetime() + timedelta(days=14)


def _drawn(rows: pd.DataFrame) -> dict[str, bytes]:
    bundle = train_forecast_model(rows, time_zone=ZONE, end_at=END, names=["seasonal_profile"]).bundle
    return draw_forecasts(rows, bundle.predict(rows, created_at=END), metrics_table(bundle.predictor, END))


def test_same_forecasts_give_the_same_small_pictures() -> None:
    """Below 60 KB, as metadata should be."""
    rows = hourly_rows(a=busy_weekends(14, noise=10))
    drawn = _drawn(rows)
    assert list(drawn) == ["city_forecast", "skill_by_horizon"]
    for image in drawn.values():
        assert image.startswith(b"\x89PNG\r\n\x1a\n")
        assert len(image) < 60_000
    assert _drawn(rows) == drawn


def test_missing_data_gives_a_figure_instead_of_an_error() -> None:
    """Nothing known, nothing compared, another car park: a plot must not fail the asset it illustrates."""
    unknown = hourly_rows(a=np.full(14 * 24, np.nan))
    for image in _drawn(unknown).values():
        assert image.startswith(b"\x89PNG\r\n\x1a\n")
    rows = hourly_rows(a=busy_weekends(14, noise=10))
    bundle = train_forecast_model(rows, time_zone=ZONE, end_at=END, names=["seasonal_profile"]).bundle
    assert plot_forecast(rows, bundle.predict(rows, created_at=END), "elsewhere", "No such car park").startswith(b"\x89PNG")
