"""How good a forecast would have been, had it been made in the past: by horizon, beside the naive one, with its intervals.

At every evaluated origin the candidate is chosen and its intervals are made by what was known then. So no figure here was
measured on what anything was fitted, chosen or calibrated on.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from mlops_assets.ml.forecasting.selection import LEVELS, select_methods

if TYPE_CHECKING:
    from collections.abc import Mapping

    from mlops_assets.ml.forecasting.backtest import Backtest

ALL_HORIZONS = 0
"""Stands as horizon where all are measured together."""


@dataclass(frozen=True, eq=False)
class Evaluation:
    """Forecasts of the past beside what happened. All arrays: origin, series, horizon.

    Attributes:
        names: the series.
        errors: forecast minus what happened; NaN where it is unknown.
        baseline_errors: the same of the baseline.
        is_within: by level, 1 where what happened lay within the interval, else 0; NaN where it is unknown or there was no
            interval.
    """

    names: tuple[str, ...]
    errors: np.ndarray
    baseline_errors: np.ndarray
    is_within: Mapping[float, np.ndarray]


def spread_origins(backtest: Backtest, first: int, count: int) -> np.ndarray:
    """Return positions of up to `count` origins, evenly spread over those from hour `first` on whose forecasts can be judged."""
    usable = np.flatnonzero((backtest.origins >= first) & backtest.is_known.any(axis=(0, 1)))
    count = min(count, len(usable))
    return usable[np.arange(count) * len(usable) // max(count, 1)]


def evaluate(backtest: Backtest, positions: np.ndarray, *, baseline: str, candidate: str | None = None) -> Evaluation:
    """Forecast from some origins as one would have done then, and compare with what happened.

    Args:
        backtest: forecasts of all candidates.
        positions: which of its origins to evaluate; errors of all earlier ones serve to choose and to calibrate.
        baseline: candidate to compare with.
        candidate: take this one for all series instead of choosing.
    """
    shape = (len(positions), len(backtest.panel.names), backtest.horizon)
    errors = np.full(shape, np.nan)
    is_within = {level: np.full(shape, np.nan) for level in LEVELS}
    for row, position in enumerate(positions):
        selection = select_methods(backtest, int(backtest.origins[position]), candidate=candidate)
        errors[row] = backtest.errors[selection.choice, np.arange(shape[1]), :, position]
        for level in LEVELS:
            width = selection.widths.half_widths(level, backtest.target_slots[:, position])
            is_measured = np.isfinite(width) & ~np.isnan(errors[row])
            is_within[level][row] = np.where(is_measured, np.abs(errors[row]) <= width, np.nan)
    return Evaluation(backtest.panel.names, errors, _errors_of(backtest, positions, baseline), is_within)


def evaluate_points(backtest: Backtest, positions: np.ndarray, *, baseline: str, candidate: str) -> Evaluation:
    """Compare the forecasts of one candidate with what happened, without intervals, which take most of the time."""
    errors = _errors_of(backtest, positions, candidate)
    nowhere = {level: np.full(errors.shape, np.nan) for level in LEVELS}
    return Evaluation(backtest.panel.names, errors, _errors_of(backtest, positions, baseline), nowhere)


def horizon_table(evaluation: Evaluation) -> pd.DataFrame:
    """Return the figures by series and horizon, and over all horizons.

    Returns:
        One row per series and horizon: `series`, `horizon_hours` (0 stands for all), `forecast_count`, `mae`, `rmse`,
        `baseline_mae`, `skill` (1 is perfect, 0 is as good as the baseline; NaN where the baseline makes no error) and one
        `coverage_80`, `coverage_95` (NaN where there was no interval). Rows without a forecast that can be judged are left out.
    """
    parts = [_measure(evaluation, slice(None), ALL_HORIZONS)]
    parts += [_measure(evaluation, slice(number, number + 1), number + 1) for number in range(evaluation.errors.shape[2])]
    table = pd.concat(parts, ignore_index=True)
    # Stable, and the parts are in order of horizon.
    table = table.sort_values("series", kind="stable")
    return table[table["forecast_count"] > 0].reset_index(drop=True)


def _coverage_name(level: float) -> str:
    """Return the column that holds the coverage of a level: `coverage_80`."""
    return f"coverage_{level * 100:.0f}"


def _errors_of(backtest: Backtest, positions: np.ndarray, candidate: str) -> np.ndarray:
    return np.moveaxis(backtest.errors[backtest.candidates.index(candidate)][..., positions], 2, 0)


def _measure(evaluation: Evaluation, horizons: slice, label: int) -> pd.DataFrame:
    errors, baseline = evaluation.errors[..., horizons], evaluation.baseline_errors[..., horizons]
    mae, baseline_mae = _mean(np.abs(errors)), _mean(np.abs(baseline))
    with np.errstate(invalid="ignore", divide="ignore"):
        skill = np.where(baseline_mae > 0, 1 - mae / baseline_mae, np.nan)
    return pd.DataFrame(
        {
            "series": evaluation.names,
            "horizon_hours": label,
            "forecast_count": (~np.isnan(errors)).sum(axis=(0, 2)),
            "mae": mae,
            "rmse": np.sqrt(_mean(errors**2)),
            "baseline_mae": baseline_mae,
            "skill": skill,
            **{_coverage_name(level): _mean(evaluation.is_within[level][..., horizons]) for level in LEVELS},
        }
    )


def _mean(values: np.ndarray) -> np.ndarray:
    """Return the mean by series; NaN where nothing is known."""
    counts = (~np.isnan(values)).sum(axis=(0, 2))
    with np.errstate(invalid="ignore"):
        return np.nansum(values, axis=(0, 2)) / counts
