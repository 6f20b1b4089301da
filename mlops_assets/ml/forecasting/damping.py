"""A naive forecast, moved by its newest error: what was wrong an hour ago is still wrong in an hour, and less so in ten."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from mlops_assets.ml.forecasting.candidates import NOTHING_TO_FIT_HOURS
from mlops_assets.ml.forecasting.regression import PERSISTENCE

if TYPE_CHECKING:
    from mlops_assets.ml.forecasting.candidates import HourOfDayMean, SeasonalNaive
    from mlops_assets.ml.forecasting.panel import Panel


class Damped:
    """Candidate: another one that needs no fit, plus its error at the last known hour, which fades by a tenth every hour."""

    refit_hours = NOTHING_TO_FIT_HOURS
    is_fitted_alone = False

    def __init__(self, base: HourOfDayMean | SeasonalNaive) -> None:
        """Move the forecasts of `base`."""
        self.name = f"damped_{base.name}"
        self.description = f"{base.description}, plus its error at the last known hour, of which a tenth is lost every hour"
        self._base = base

    def fit(self, history: Panel) -> Damped:
        """There is nothing to fit."""
        return self

    def predict(self, panel: Panel, origins: np.ndarray, horizon: int) -> np.ndarray:
        """Forecast from each origin."""
        last_known = panel.last_known[origins]
        leads = (origins[:, None] + np.arange(horizon))[:, None, :] - last_known[..., None]
        newest_errors = self._errors_at(panel, last_known)
        return self._base.predict(panel, origins, horizon) + newest_errors[..., None] * PERSISTENCE**leads

    def _errors_at(self, panel: Panel, hours: np.ndarray) -> np.ndarray:
        """Return what was known of each hour (origin, series) minus its forecast just before; 0 where there was none."""
        wanted = np.unique(np.maximum(hours, 0))
        if not len(panel):
            return np.zeros(hours.shape)
        rows, columns = np.searchsorted(wanted, np.maximum(hours, 0)), np.arange(len(panel.names))
        forecast = self._base.predict(panel, wanted, 1)[..., 0]
        return np.where(hours >= 0, np.nan_to_num(panel.numbers[np.maximum(hours, 0), columns] - forecast[rows, columns]), 0.0)
