"""Whether a new forecast model becomes champion: it must not forecast the city worse than repeating the day before.

Among models that pass, the newest wins. Two models cannot be compared on the same unseen hours here: all hours that the older one
has not seen are in the newer one's training window, and its backtest is the honest figure for them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from mlops_assets.donostia_parking.contracts import CITY_TOTAL_ID
from mlops_assets.errors import MissingPartitionError
from mlops_assets.ml.forecasting.evaluation import ALL_HORIZONS
from mlops_assets.ml.metric_set import Measurement, Metric
from mlops_assets.ml.promotion import BaselineLimit, PromotionDecision, QualityGate

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pandas as pd

_MAE, _NAIVE_MAE = Metric("mae_spaces", greater_is_better=False), Metric("seasonal_naive_mae_spaces", greater_is_better=False)

GATE = QualityGate(
    (
        BaselineLimit(
            _MAE,
            accepts_equal=True,
            accepts_undefined=True,
            sentence="The city's mean absolute error is {value:.0f} spaces in the backtest, "
            "{baseline:.0f} if the day before is repeated.",
        ),
    )
)
"""A short history is no failure, and whoever repeats the day before is as good as that."""


def failures_at_gate(metrics: pd.DataFrame, model_version: int) -> list[str]:
    """Say what keeps a version from being promoted, from its rows of `forecast_metrics`.

    Raises:
        MissingPartitionError: the version has not been measured.
    """
    return GATE.failures(*_city_measurements(metrics, model_version))


def decide_champion(
    metrics: pd.DataFrame, challenger_version: int, incumbent_version: int | None, blockers: Sequence[str]
) -> PromotionDecision:
    """Decide whether a challenger becomes champion.

    Args:
        metrics: rows of `forecast_metrics` with those of the challenger.
        challenger_version: the new version.
        incumbent_version: the version that is champion, if any.
        blockers: failures at the gate and other reasons against the challenger.
    """
    mae, naive = (_MAE.value_in(measured.metrics) for measured in _city_measurements(metrics, challenger_version))
    figures = {_MAE.name: mae, _NAIVE_MAE.name: naive}
    if blockers:
        return PromotionDecision("rejected_by_gate", " ".join(blockers), figures)
    said = (
        "nothing could be compared yet"
        if mae is None or naive is None
        else f"its mean error of {mae:.0f} spaces is not above the {naive:.0f} of repeating the day before"
    )
    if incumbent_version is None:
        return PromotionDecision("promote_first", f"There was no champion, and {said}.", figures)
    return PromotionDecision("promote", f"It has seen newer days than version {incumbent_version}, and {said}.", figures)


def _city_measurements(metrics: pd.DataFrame, model_version: int) -> tuple[Measurement, Measurement]:
    """Return the city's mean absolute error by a version, and by repeating the day before on the same hours."""
    rows = metrics[(metrics["model_version"] == model_version) & (metrics["horizon_hours"] == ALL_HORIZONS)]
    if rows.empty:
        raise MissingPartitionError(f"version {model_version} has no rows in forecast_metrics; materialize its metrics first")
    city = rows[rows["car_park_id"] == CITY_TOTAL_ID]
    count = int(city["forecast_count"].sum())
    mae, naive = (city[metric.name].iloc[0] if len(city) else None for metric in (_MAE, _NAIVE_MAE))
    return Measurement({_MAE.name: mae}, count), Measurement({_MAE.name: naive}, count)
