"""The original system's model, SARIMAX(1,1,1)(1,1,1,24), fitted once per series and then filtered over all origins.

The state of the Kalman filter before an hour is all that the model knows then, so one pass of the filter gives the forecasts of
every origin: the state times powers of the transition matrix.

The matrices are so small that threads would spend their time waiting for each other; all is done in one.
"""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any

import numpy as np
from threadpoolctl import threadpool_limits

from mlops_assets.ml.forecasting.panel import DAY_HOURS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from mlops_assets.ml.forecasting.panel import Panel

ORDER, SEASONAL_ORDER = (1, 1, 1), (1, 1, 1, DAY_HOURS)
_MIN_HOURS = 3 * DAY_HOURS
"""Two seasonal differences eat up more than a day; with less than two days left, the likelihood says nothing."""
_BRIDGED_HOURS = 3
"""Unknown hours that are interpolated for the fit, whose method needs every difference; the filter needs none."""


class FittedSarimax:
    """Fitted parameters by series; series that could not be fitted are not among them."""

    def __init__(self, params: Mapping[str, np.ndarray], notes: Mapping[str, str]) -> None:
        """Use parameters in the order of statsmodels; `notes` say which fits failed or did not converge."""
        self.params = dict(params)
        self.notes = dict(notes)

    def predict(self, panel: Panel, origins: np.ndarray, horizon: int) -> np.ndarray:
        """Forecast from each origin."""
        forecast = np.full((len(origins), len(panel.names), horizon), np.nan)
        end = int(origins[-1]) if len(origins) else 0
        for column, name in enumerate(panel.names):
            known = np.flatnonzero(panel.is_known[:end, column])
            if name in self.params and len(known):
                numbers = panel.numbers[known[0] : end, column]
                with threadpool_limits(1):
                    forecast[:, column] = _forecast(numbers, self.params[name], origins - known[0], horizon)
        return forecast


class Sarimax:
    """Candidate: SARIMAX(1,1,1)(1,1,1,24) for each series, parameters by maximum likelihood on the last days."""

    name = "sarimax"
    refit_hours = 28 * DAY_HOURS
    """Fits are slow, and four numbers per series hardly move in a month."""
    is_fitted_alone = True

    def __init__(self, fit_days: int) -> None:
        """Fit on the last `fit_days` days of the history."""
        self.description = f"SARIMAX(1,1,1)(1,1,1,24), parameters fitted on {fit_days} days"
        self._fit_hours = fit_days * DAY_HOURS

    def fit(self, history: Panel) -> FittedSarimax:
        """Fit the series that vary and are known well enough."""
        params, notes = {}, {}
        for column, name in enumerate(history.names):
            values = _newest_stretch(history.numbers[:, column])[-self._fit_hours :]
            if len(values) and np.ptp(values) > 0:
                with threadpool_limits(1):
                    found, note = _fit(values)
                if note:
                    notes[name] = note
                if found is not None:
                    params[name] = found
        return FittedSarimax(params, notes)


def _newest_stretch(values: np.ndarray) -> np.ndarray:
    """Return the newest stretch of known hours that is long enough for a fit, short gaps bridged by lines; else nothing."""
    known = np.flatnonzero(~np.isnan(values))
    stretches = np.split(known, np.flatnonzero(np.diff(known) > _BRIDGED_HOURS + 1) + 1)
    long = [hours for hours in stretches if len(hours) and hours[-1] - hours[0] + 1 >= _MIN_HOURS]
    if not long:
        return values[:0]
    hours = long[-1]
    return np.interp(np.arange(hours[0], hours[-1] + 1), hours, values[hours])


def _fit(values: np.ndarray) -> tuple[np.ndarray | None, str]:
    """Return the parameters, if any could be found, and what was wrong, if anything."""
    # Imported first: statsmodels sets warning filters of its own when it is imported.
    from statsmodels.tools.sm_exceptions import ModelWarning

    with warnings.catch_warnings():
        # What they say of starting values and convergence is in the result, and goes into the note.
        warnings.simplefilter("ignore", ModelWarning)
        warnings.simplefilter("ignore", RuntimeWarning)
        try:
            # In units of their own spread: the optimiser stops by absolute limits.
            spread = values.std()
            result = _model_to_fit(values / spread).fit(disp=False)
        except (np.linalg.LinAlgError, ValueError, ZeroDivisionError) as error:
            return None, f"no fit ({error})"
    if not np.isfinite(result.params).all():
        return None, "no fit (the likelihood is not defined)"
    variance_in_spaces = result.scale * spread**2
    return np.append(result.params, variance_in_spaces), "" if result.mle_retvals["converged"] else "its fit did not converge"


def _forecast(values: np.ndarray, params: np.ndarray, origins: np.ndarray, horizon: int) -> np.ndarray:
    """Return the forecasts from each origin; NaN for origins before the first value."""
    model = _model(values)
    model.update(params)
    states = model.ssm.filter().predicted_state
    step, row = model["transition"], model["design"]
    rows = [row]
    for _ in range(horizon - 1):
        rows.append(rows[-1] @ step)
    forecast = (np.vstack(rows) @ states[:, np.maximum(origins, 0)]).T
    return np.where((origins > 0)[:, None] & np.isfinite(forecast), forecast, np.nan)


def _model(values: np.ndarray, **options: Any) -> Any:
    from statsmodels.tsa.statespace.sarimax import SARIMAX

    return SARIMAX(values, order=ORDER, seasonal_order=SEASONAL_ORDER, **options)


def _model_to_fit(values: np.ndarray) -> Any:
    """Return the model in the form in which its likelihood is quick to maximize.

    The variance follows from the other parameters, so nobody has to search for it, and the search converges in fewer steps; the
    Chandrasekhar recursions need no covariance matrix of the state at every hour.
    """
    model = _model(values, simple_differencing=True, concentrate_scale=True)
    model.ssm.filter_chandrasekhar = True
    return model
