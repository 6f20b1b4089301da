"""Choose the best method for each car park and for the city by backtest, and pack them with all they need into one bundle."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from mlops_assets.donostia_parking import defaults
from mlops_assets.donostia_parking.model_contracts import MODEL_INPUT
from mlops_assets.donostia_parking.modelling.backtesting import (
    BASELINE,
    FIGURE_NAMES,
    backtest_city,
    build_city_panel,
    candidates,
    combinations,
    descriptions,
    evaluated_positions,
    summarize_figures,
)
from mlops_assets.donostia_parking.modelling.forecaster import CarParkForecaster, CarParkModel
from mlops_assets.ml.bundle import Bundle, Provenance, current_library_versions
from mlops_assets.ml.forecasting.backtest import fallback_candidates
from mlops_assets.ml.forecasting.combination import FittedCombination
from mlops_assets.ml.forecasting.evaluation import ALL_HORIZONS, evaluate, evaluate_points, horizon_table
from mlops_assets.ml.forecasting.regression import FEATURE_NAMES
from mlops_assets.ml.forecasting.sarimax import FittedSarimax
from mlops_assets.ml.forecasting.selection import MIN_ORIGINS, select_methods
from mlops_assets.ml.metric_set import Metric, MetricSet
from mlops_assets.ml.search import Trial
from mlops_assets.ml.training import TrainedModel, fingerprint

if TYPE_CHECKING:
    from mlops_assets.ml.forecasting.backtest import Backtest
    from mlops_assets.ml.forecasting.candidates import FittedCandidate
    from mlops_assets.ml.forecasting.panel import Panel
    from mlops_assets.ml.forecasting.selection import MethodSelection

MODEL_NAME = "forecast_model"
_CHOSEN = "chosen"
"""Stands among the candidates for choosing one of them for each car park, as the model does."""
_LIBRARIES = ("scikit-learn", "scipy", "statsmodels")
"""Whose versions matter beside those of every model."""


CITY_MAE = Metric("city_mae_spaces", greater_is_better=False)
METRICS = MetricSet(
    CITY_MAE,
    (
        Metric("city_skill", greater_is_better=True),
        Metric("car_park_mae_spaces", greater_is_better=False),
        Metric("car_park_skill", greater_is_better=True),
    ),
)
"""By which candidates are shown; skill is 1 minus the ratio to the error of repeating the day before."""


def train_forecast_model(
    hourly: pd.DataFrame,
    *,
    time_zone: str,
    end_at: datetime,
    horizon_hours: int = defaults.HORIZON_HOURS,
    history_days: int = defaults.HISTORY_DAYS,
    seed: int = defaults.SEED,
    names: Sequence[str] = (),
) -> TrainedModel:
    """Try every candidate on the past, choose one for each car park and for the city, and fit these on the whole window.

    Little history is no error: where nothing can be compared, all candidates count the same, and the reason says so.

    Args:
        hourly: rows of `hourly_free` of one city; those outside the window are not looked at.
        time_zone: the city's.
        end_at: end of the training window (UTC, excluded), the beginning of an hour.
        horizon_hours: how far to forecast.
        history_days: length of the training window.
        seed: of every random choice.
        names: candidates to try; all if empty.

    Returns:
        The model with a trial for each candidate: its figures by itself in rolling forecasts of the past, and for how many car
        parks it was chosen. The bundle's metrics are those of choosing among them, its baselines the candidates.

    Raises:
        ContractError: there are rows of several cities.
        NotEnoughDataError: there are no rows at all in the window.
        SettingsError: an unknown candidate is named.
    """
    start_at = end_at - timedelta(days=history_days)
    rows = hourly[(hourly["hour_at"] >= start_at) & (hourly["hour_at"] < end_at)]
    panel = build_city_panel(rows, time_zone, end_at=end_at)
    backtest = backtest_city(panel, horizon_hours, names)
    selection = select_methods(backtest, len(panel))
    methods = [backtest.candidates[number] for number in selection.choice]
    forecasters = _fit_methods(panel, backtest, methods)
    figures = horizon_table(evaluate(backtest, evaluated_positions(backtest), baseline=BASELINE))
    table = _compare_candidates(backtest, figures, Counter(methods))
    summaries = _summaries_by_candidate(table)
    forecaster = CarParkForecaster(
        city_code=str(rows["city_code"].iloc[0]),
        time_zone=time_zone,
        car_parks=_describe_car_parks(panel, backtest, selection, forecasters, figures),
        forecasters=forecasters,
        descriptions={name: description for name, description in descriptions().items() if name in forecasters},
        fallbacks=tuple(candidate.name for candidate in fallback_candidates()),
        horizon_hours=horizon_hours,
        history_days=history_days,
    )
    provenance = Provenance(
        name=MODEL_NAME,
        training_start_at=start_at,
        training_end_at=end_at,
        training_rows=int(panel.is_known.sum()),
        seed=seed,
        metrics=summaries.pop(_CHOSEN),
        baseline_metrics=summaries,
        feature_names=FEATURE_NAMES,
        estimator_name=", ".join(f"{method} ({count})" for method, count in sorted(Counter(methods).items())),
        fingerprint=_fingerprint(rows, (start_at, end_at), horizon_hours, seed, backtest.candidates),
        library_versions={**current_library_versions(), **{name: version(name) for name in _LIBRARIES}},
    )
    return TrainedModel(Bundle(forecaster, provenance, MODEL_INPUT), _trials(table), is_cut_by_budget=False, compared_by=METRICS)


def _trials(table: pd.DataFrame) -> list[Trial]:
    """Return each candidate by itself; choosing among them is none."""
    return [
        Trial(
            labels={"family": row["candidate"]},
            params={"car_park_count": row["car_park_count"]},
            metrics={name: row[name] for name in FIGURE_NAMES},
            fit_seconds=row["seconds"],
        )
        for row in _records(table)
        if row["candidate"] != _CHOSEN
    ]


def _fit_methods(panel: Panel, backtest: Backtest, methods: Sequence[str]) -> dict[str, FittedCandidate]:
    """Fit what was chosen for any series, and the fallbacks, on the whole panel."""
    mixed = [combination for combination in combinations() if combination.name in methods]
    members = {name for combination in mixed for name in combination.members}
    used = {*methods, BASELINE, *(candidate.name for candidate in fallback_candidates())}
    fitted = {}
    for candidate in candidates():
        if candidate.name in used | members:
            its_own = [column for column, method in enumerate(methods) if method == candidate.name]
            fitted[candidate.name] = candidate.fit(panel.of_series(its_own) if candidate.is_fitted_alone else panel)
    forecasters = {name: forecaster for name, forecaster in fitted.items() if name in used}
    for combination in mixed:
        weights = backtest.weights(combination)[..., len(panel)]
        forecasters[combination.name] = FittedCombination(
            {name: fitted[name] for name in combination.members},
            {name: weights[:, column].copy() for column, name in enumerate(panel.names)},
            [candidate.fit(panel) for candidate in fallback_candidates()],
        )
    return forecasters


def _describe_car_parks(
    panel: Panel, backtest: Backtest, selection: MethodSelection, forecasters: Mapping[str, FittedCandidate], figures: pd.DataFrame
) -> dict[str, CarParkModel]:
    car_parks = {}
    for column, name in enumerate(panel.names):
        method = backtest.candidates[selection.choice[column]]
        car_parks[name] = CarParkModel(
            method=method,
            reason=_reason(backtest, selection, column, forecasters[method]),
            training_points=int(panel.is_known[:, column].sum()),
            widths=selection.widths.of_series(column),
            figures=_records(figures[figures["series"] == name].drop(columns="series")),
        )
    return car_parks


def _compare_candidates(backtest: Backtest, figures: pd.DataFrame, counts: Mapping[str, int]) -> pd.DataFrame:
    """Return one row per candidate with its figures by itself, below those of choosing among them."""
    rows: list[dict[str, Any]] = [{"candidate": _CHOSEN, **summarize_figures(figures), "car_park_count": sum(counts.values())}]
    for name in backtest.candidates:
        points = evaluate_points(backtest, evaluated_positions(backtest), baseline=BASELINE, candidate=name)
        summary = summarize_figures(horizon_table(points))
        rows.append({"candidate": name, **summary, "car_park_count": counts.get(name, 0), "seconds": backtest.seconds[name]})
    return pd.DataFrame(rows)


def _reason(backtest: Backtest, selection: MethodSelection, column: int, forecaster: FittedCandidate) -> str:
    """Say why a method was chosen for a series."""
    number, name = selection.choice[column], backtest.panel.names[column]
    count, mae = selection.origin_counts[column], selection.mae[:, column]
    if count < MIN_ORIGINS:
        return f"forecasts from {count} past hours are too few to compare methods by, so {backtest.candidates[number]} is kept"
    text = f"mean absolute error in forecasts from {count} past hours: {mae[number]:.1f} spaces"
    if backtest.candidates[number] != BASELINE:
        text += f", against {mae[backtest.candidates.index(BASELINE)]:.1f} of {BASELINE}"
    best = int(np.nanargmin(mae))
    if mae[best] < mae[number]:
        text += f"; {backtest.candidates[best]} with {mae[best]:.1f} is not clearly better"
    note = forecaster.notes.get(name) if isinstance(forecaster, FittedSarimax) else None
    return f"{text}; {note}" if note else text


def _fingerprint(rows: pd.DataFrame, window: tuple[datetime, datetime], horizon_hours: int, seed: int, names: Sequence[str]) -> str:
    settings = {
        "candidates": list(names),
        "horizon_hours": horizon_hours,
        "seed": seed,
        "window": [moment.isoformat() for moment in window],
    }
    return fingerprint([rows[MODEL_INPUT.column_names].sort_values(["car_park_id", "hour_at"])], settings)


def _summaries_by_candidate(table: pd.DataFrame) -> dict[str, dict[str, float | None]]:
    """Return the figures of each candidate, None where one is not known."""
    return {row["candidate"]: {name: None if pd.isna(row[name]) else row[name] for name in FIGURE_NAMES} for row in _records(table)}


def _records(table: pd.DataFrame) -> list[dict[str, Any]]:
    """Return the rows of a table as plain numbers and texts."""
    return [{str(name): value for name, value in row.items()} for row in table.to_dict("records")]


def metrics_table(forecaster: CarParkForecaster, run_at: datetime) -> pd.DataFrame:
    """Return how good a model was in rolling forecasts of the past: rows of `forecast_metrics` without issue and model.

    Every car park has a row over all horizons; it is empty where there was nothing to compare.

    Args:
        forecaster: the model.
        run_at: when it was trained.
    """
    rows = []
    for name, car_park in forecaster.car_parks.items():
        about = {
            "run_at": pd.Timestamp(run_at).tz_convert("UTC").as_unit("us"),
            "city_code": forecaster.city_code,
            "car_park_id": name,
            "method": car_park.method,
            "model_description": f"{forecaster.descriptions[car_park.method]}; {car_park.reason}",
            "training_point_count": car_park.training_points,
            "history_days": forecaster.history_days,
            "forecast_horizon_hours": forecaster.horizon_hours,
        }
        nothing = {"horizon_hours": ALL_HORIZONS, "forecast_count": 0}
        rows += [{**about, **figures} for figures in car_park.figures or [nothing]]
    names = {"mae": "mae_spaces", "rmse": "rmse_spaces", "baseline_mae": "seasonal_naive_mae_spaces"}
    columns = ["horizon_hours", "forecast_count", "mae", "rmse", "baseline_mae", "skill", "coverage_80", "coverage_95"]
    return pd.DataFrame(rows, columns=[*about, *columns]).rename(columns=names)
