"""Regression on lags: how much of what is unusual now is left after so many hours.

The target is the deviation from the usual value of the hour, and so are the lags: the newest deviation, its means over the last
hours, day and week, and that of the same hour a day before. One ridge regression for each lead, for all series together, in
units of each series' own spread; so a car park that opened yesterday profits from what is known of the others. With little data
the coefficients lean on a deviation that fades by a tenth every hour.

A lead counts from the last known hour, not from the origin: a feed that has been silent for some hours is answered by the
coefficients of a longer lead.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from mlops_assets.ml.forecasting.panel import DAY_HOURS, WEEK_HOURS
from mlops_assets.ml.forecasting.profile import ProfileTable
from mlops_assets.ml.forecasting.slots import by_origin, pair_up

if TYPE_CHECKING:
    from mlops_assets.ml.forecasting.panel import Panel

FITTED_LEADS = (1, 2, 3, 4, 6, 8, 12, 16, 20, 24, 30, 36, 48)
"""Hours ahead for which coefficients are fitted; those between are interpolated, and beyond the last nothing is left."""

_PENALTY_HOURS = 8
"""Ridge penalty in squared spreads for each series. Neighbouring hours and car parks of one city repeat each other, so that rows
are worth far less than their number; with a few days of history the penalty keeps the coefficients near those of `PERSISTENCE`."""

PERSISTENCE = 0.9
"""Share of a deviation that is expected to be left an hour later, before anything is learned from the data."""

_WARM_UP_HOURS = 96
"""Deviations of the first days, when nobody knows what is usual, are not learned from."""

_MEAN_HOURS = (3, DAY_HOURS, WEEK_HOURS)
FEATURE_NAMES = ("last", *(f"mean_{hours}_h" for hours in _MEAN_HOURS), "same_hour_last_day")


class Deviations:
    """The deviations of a panel from its own past profile, ready to be looked up.

    Attributes:
        profile: the usual value of every hour, as it could be known at every origin.
        values: what was known of each hour and series minus what was usual for it by then; NaN where either is unknown.
    """

    def __init__(self, panel: Panel, horizon: int) -> None:
        """Look at the hours of `panel` and at `horizon` more."""
        self.profile = ProfileTable(panel, horizon)
        hours = np.arange(len(panel))
        self.values = panel.numbers - self.profile.at(hours, hours)
        known = ~np.isnan(self.values)
        nothing = np.zeros((1, len(panel.names)))
        self._sums = np.vstack([nothing, np.cumsum(np.where(known, self.values, 0.0), axis=0)])
        self._counts = np.vstack([nothing, np.cumsum(known, axis=0)])
        self._series = np.arange(len(panel.names))

    def features(self, anchors: np.ndarray, targets: np.ndarray) -> np.ndarray:
        """Return the features for target hours, as known at the end of their anchor hours.

        Args:
            anchors: last known hours, one per row and series; -1 if there is none.
            targets: one per row.

        Returns:
            Array of rows, series, features; 0 where a lag is unknown.
        """
        ends = anchors + 1
        columns = [self._look_up(anchors)]
        for hours in _MEAN_HOURS:
            starts = np.maximum(ends - hours, 0)
            sums = self._sums[ends, self._series] - self._sums[starts, self._series]
            counts = self._counts[ends, self._series] - self._counts[starts, self._series]
            columns.append(sums / np.maximum(counts, 1))
        days = -(-(targets[:, None] - anchors) // DAY_HOURS)
        columns.append(self._look_up(targets[:, None] - DAY_HOURS * days))
        return np.stack(columns, axis=-1)

    def _look_up(self, hours: np.ndarray) -> np.ndarray:
        values = np.where(hours >= 0, self.values[np.maximum(hours, 0), self._series], 0.0)
        return np.nan_to_num(values)


class FittedProfileRegression:
    """A fitted regression.

    Attributes:
        coefficients: one row per fitted lead, one column per feature.
    """

    def __init__(self, coefficients: np.ndarray) -> None:
        """Use coefficients: one row per fitted lead, one column per feature."""
        self.coefficients = coefficients

    def predict(self, panel: Panel, origins: np.ndarray, horizon: int) -> np.ndarray:
        """Forecast from each origin."""
        deviations = Deviations(panel, horizon)
        starts, targets = pair_up(origins, horizon)
        anchors = panel.last_known[starts]
        expected = self.expected_deviations(deviations.features(anchors, targets), targets[:, None] - anchors)
        return by_origin(deviations.profile.at(starts, targets) + expected, origins, horizon)

    def expected_deviations(self, features: np.ndarray, leads: np.ndarray) -> np.ndarray:
        """Return how far from the usual value the series are expected to be.

        Args:
            features: of `Deviations.features`, in any unit.
            leads: hours from the last known hour to the target, one per row and series.
        """
        expected = np.zeros(leads.shape)
        for number, coefficients in enumerate(self.coefficients.T):
            expected += np.interp(leads, FITTED_LEADS, coefficients, right=0.0) * features[..., number]
        return expected


class ProfileRegression:
    """Candidate: the usual value of the hour, and what is left of recent deviations from it."""

    name = "profile_regression"
    description = "usual value of the hour of the week, plus a ridge regression on recent deviations from it, by lead"
    refit_hours = WEEK_HOURS
    is_fitted_alone = False

    def fit(self, history: Panel) -> FittedProfileRegression:
        """Fit the coefficients of every lead; where there is nothing to learn from, the last deviation fades by `PERSISTENCE`."""
        return self.fit_to(history, Deviations(history, 0), spread_of(history))

    @staticmethod
    def fit_to(history: Panel, deviations: Deviations, spread: np.ndarray) -> FittedProfileRegression:
        """Fit to the deviations of a panel and the spread of its series, where they are known already."""
        coefficients = [_fit_lead(history, deviations, spread, lead) for lead in FITTED_LEADS]
        return FittedProfileRegression(np.array(coefficients))


def spread_of(panel: Panel) -> np.ndarray:
    """Return the standard deviation of each series; NaN where a series does not vary."""
    counts = np.maximum(panel.is_known.sum(axis=0), 1)
    values = np.where(panel.is_known, panel.numbers, 0.0)
    mean = values.sum(axis=0) / counts
    spread = np.sqrt((np.where(panel.is_known, values - mean, 0.0) ** 2).sum(axis=0) / counts)
    return np.where(spread > 0, spread, np.nan)


def _fit_lead(panel: Panel, deviations: Deviations, spread: np.ndarray, lead: int) -> np.ndarray:
    anchors = np.arange(_WARM_UP_HOURS, len(panel) - lead)
    targets = anchors + lead
    wanted = (panel.numbers[targets] - deviations.profile.at(anchors + 1, targets)) / spread
    is_usable = ~np.isnan(wanted) & ~np.isnan(deviations.values[anchors])
    features = deviations.features(np.broadcast_to(anchors[:, None], wanted.shape), targets) / spread[:, None]
    X, y = features[is_usable], wanted[is_usable]
    penalty = _PENALTY_HOURS * max(1, int((spread > 0).sum()))
    persistence = np.zeros(len(FEATURE_NAMES))
    persistence[FEATURE_NAMES.index("last")] = PERSISTENCE**lead
    return np.linalg.solve(X.T @ X + penalty * np.eye(len(FEATURE_NAMES)), X.T @ y + penalty * persistence)
