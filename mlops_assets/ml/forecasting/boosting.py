"""Gradient-boosted trees on what the regression leaves unexplained: one model over all series.

The trees see what the regression sees and what it cannot use: the hour of the day, the weekday, how far ahead, what the other
series do, and how the day before differed from the usual. They are fitted to the absolute error, so that one odd day does not
teach them its oddities. With less than a week of observed hours only the regression is left.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from threadpoolctl import threadpool_limits

from mlops_assets.ml.forecasting.panel import DAY_HOURS, WEEK_HOURS
from mlops_assets.ml.forecasting.regression import Deviations, FittedProfileRegression, ProfileRegression, spread_of
from mlops_assets.ml.forecasting.slots import SeasonalIndex, by_origin, pair_up

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sklearn.ensemble import HistGradientBoostingRegressor

    from mlops_assets.ml.forecasting.panel import Panel

_LEADS = (1, 2, 3, 4, 6, 8, 10, 12, 15, 18, 21, 24, 30, 36)
"""Hours ahead that are learned from; trees treat those between like their neighbours."""
_MIN_OBSERVED_HOURS = WEEK_HOURS
_WARM_UP_HOURS = 4 * DAY_HOURS
"""Deviations of the first days, when nobody knows what is usual, are not learned from."""
_SPACING_HOURS = 3
"""Neighbouring hours repeat each other: every third is enough, or fewer of many series."""
_MOST_ROWS = 100_000
"""Bounds the time of a fit."""
_MIN_ROWS = 2000


class FittedProfileBoosting:
    """A fitted regression with the trees that correct it."""

    def __init__(
        self,
        regression: FittedProfileRegression,
        trees: HistGradientBoostingRegressor | None,
        scales: Mapping[str, tuple[float, float]],
    ) -> None:
        """Use fitted models; `scales` are mean and spread by series, and series that are not among them are not corrected."""
        self.regression = regression
        self.trees = trees
        self.scales = dict(scales)

    def predict(self, panel: Panel, origins: np.ndarray, horizon: int) -> np.ndarray:
        """Forecast from each origin."""
        deviations = Deviations(panel, horizon)
        starts, targets = pair_up(origins, horizon)
        anchors = panel.last_known[starts]
        features = deviations.features(anchors, targets)
        usual = deviations.profile.at(starts, targets)
        forecast = usual + self.regression.expected_deviations(features, targets[:, None] - anchors)
        known = [column for column, name in enumerate(panel.names) if name in self.scales]
        if self.trees is not None and known and len(targets):
            mean, spread = np.array([self.scales[panel.names[column]] for column in known]).T
            slots = SeasonalIndex(panel, horizon)
            seen = _features(
                panel.of_series(known), slots, (mean, spread), features[:, known], usual[:, known], anchors[:, known], targets
            )
            with threadpool_limits(1):
                corrections = self.trees.predict(seen.reshape(-1, seen.shape[-1])).reshape(len(targets), len(known))
            forecast[:, known] += corrections * spread
        return by_origin(forecast, origins, horizon)


class ProfileBoosting:
    """Candidate: the regression, corrected by gradient-boosted trees over all series."""

    name = "profile_boosting"
    description = "the regression on recent deviations, corrected by gradient-boosted trees over all series together"
    refit_hours = WEEK_HOURS
    is_fitted_alone = False

    def fit(self, history: Panel) -> FittedProfileBoosting:
        """Fit the regression, and the trees where there is a week to learn from."""
        deviations, spread = Deviations(history, 0), spread_of(history)
        regression = ProfileRegression.fit_to(history, deviations, spread)
        varying = np.flatnonzero(spread > 0)
        mean = _mean(history)
        scales = {history.names[column]: (float(mean[column]), float(spread[column])) for column in varying}
        if not len(varying) or history.observed_hours[-1] < _MIN_OBSERVED_HOURS:
            return FittedProfileBoosting(regression, None, scales)
        X, y = _training_rows(history, deviations, regression, varying, (mean, spread))
        return FittedProfileBoosting(regression, _fit_trees(X, y) if len(y) >= _MIN_ROWS else None, scales)


def _fit_trees(X: np.ndarray, y: np.ndarray) -> HistGradientBoostingRegressor:
    from sklearn.ensemble import HistGradientBoostingRegressor

    trees = HistGradientBoostingRegressor(
        loss="absolute_error",
        learning_rate=0.04,
        max_iter=40,
        max_leaf_nodes=8,
        min_samples_leaf=200,
        l2_regularization=50,
        max_bins=64,
        early_stopping=False,
        random_state=0,
    )
    with threadpool_limits(1):
        return trees.fit(X, y)


def _training_rows(
    panel: Panel,
    deviations: Deviations,
    regression: FittedProfileRegression,
    varying: np.ndarray,
    scales: tuple[np.ndarray, np.ndarray],
) -> tuple[np.ndarray, np.ndarray]:
    """Return features and what the regression left unexplained, in spreads, of series that vary."""
    mean, spread = scales[0][varying], scales[1][varying]
    slots, series = SeasonalIndex(panel, 0), panel.of_series(varying.tolist())
    spacing = max(_SPACING_HOURS, -(-len(panel) * len(_LEADS) * len(varying) // _MOST_ROWS))
    parts, wanted = [], []
    for lead in _LEADS:
        hours = np.arange(_WARM_UP_HOURS, len(panel) - lead, spacing)
        targets = hours + lead
        anchors = np.broadcast_to(hours[:, None], (len(hours), len(panel.names)))
        of_regression = deviations.features(anchors, targets)
        usual = deviations.profile.at(hours + 1, targets)
        expected = usual + regression.expected_deviations(of_regression, np.full(anchors.shape, lead))
        left = (panel.numbers[targets] - expected)[:, varying] / spread
        is_usable = ~np.isnan(left) & ~np.isnan(deviations.values[hours][:, varying])
        seen = _features(series, slots, (mean, spread), of_regression[:, varying], usual[:, varying], anchors[:, varying], targets)
        parts.append(seen[is_usable])
        wanted.append(left[is_usable])
    return np.concatenate(parts), np.concatenate(wanted)


def _features(
    panel: Panel,
    slots: SeasonalIndex,
    scales: tuple[np.ndarray, np.ndarray],
    of_regression: np.ndarray,
    usual: np.ndarray,
    anchors: np.ndarray,
    targets: np.ndarray,
) -> np.ndarray:
    """Return what the trees see: rows, series, features; all values in spreads of their series.

    Args:
        panel: the series.
        slots: of the panel and of all targets.
        scales: mean and spread of each series.
        of_regression: what the regression sees.
        usual: the usual value of each target, as known at its origin.
        anchors: last known hours, one per row and series; -1 if there is none.
        targets: one per row.
    """
    mean, spread = scales
    deviations = of_regression / spread[:, None]
    of_all = deviations[..., :2].mean(axis=1, keepdims=True)
    leads = targets[:, None] - anchors
    day_before = targets[:, None] - DAY_HOURS * -(-leads // DAY_HOURS)
    values = np.where(day_before >= 0, panel.numbers[np.maximum(day_before, 0), np.arange(len(panel.names))], np.nan)
    columns = [
        (usual - mean) / spread,
        slots.hour_of_day[targets][:, None],
        slots.hour_of_week[targets][:, None] // DAY_HOURS,
        leads,
        of_all[..., 0],
        of_all[..., 1],
        (values - usual) / spread,
    ]
    others = [np.broadcast_to(column, usual.shape)[..., None] for column in columns]
    return np.concatenate([deviations, *others], axis=-1)


def _mean(panel: Panel) -> np.ndarray:
    """Return the mean of each series; 0 where nothing is known."""
    values = np.where(panel.is_known, panel.numbers, 0.0)
    return values.sum(axis=0) / np.maximum(panel.is_known.sum(axis=0), 1)
