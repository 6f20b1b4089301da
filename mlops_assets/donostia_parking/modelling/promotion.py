"""Whether a new forecast model takes charge: it must not forecast the city worse than repeating the day before.

Among models that pass, the newest wins. Two models cannot be compared on the same unseen hours here: all hours that the older one
has not seen are in the newer one's training window, and its backtest is the honest figure for them.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Literal

from mlops_assets.donostia_parking.contracts import CITY_TOTAL_ID
from mlops_assets.errors import MissingPartitionError
from mlops_assets.ml.forecasting.evaluation import ALL_HORIZONS

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pandas as pd


@dataclass(frozen=True)
class ForecastDecision:
    """What was decided about a challenger, why, and on which evidence.

    Attributes:
        decision: in a word.
        reason: one sentence for people.
        mae_places: the city's mean absolute error in rolling forecasts of the past; None if nothing could be compared.
        seasonal_naive_mae_places: that of repeating the day before, on the same hours.
    """

    decision: Literal["promote_first", "promote", "rejected_by_gate"]
    reason: str
    mae_places: float | None
    seasonal_naive_mae_places: float | None

    @property
    def is_promoted(self) -> bool:
        """Whether the challenger takes charge."""
        return self.decision != "rejected_by_gate"

    def as_row(self) -> dict[str, Any]:
        """Return the decision and its evidence by the columns of `FORECAST_CHAMPION`, without the versions."""
        return asdict(self)


def failures_at_gate(metrics: pd.DataFrame, model_version: int) -> list[str]:
    """Say what keeps a version from taking charge, from its rows of `forecast_metrics`; a short history is no failure.

    Raises:
        MissingPartitionError: the version has not been measured.
    """
    mae, naive = city_errors(metrics, model_version)
    if mae is None or naive is None or mae <= naive:
        return []
    return [f"The city's mean absolute error is {mae:.0f} places in the backtest, {naive:.0f} if the day before is repeated."]


def city_errors(metrics: pd.DataFrame, model_version: int) -> tuple[float | None, float | None]:
    """Return the city's mean absolute errors of a version and of repeating the day before; None if not known."""
    import pandas as pd

    rows = metrics[(metrics["model_version"] == model_version) & (metrics["horizon_hours"] == ALL_HORIZONS)]
    if rows.empty:
        raise MissingPartitionError(f"version {model_version} has no rows in forecast_metrics; materialize its metrics first")
    city = rows[rows["car_park_id"] == CITY_TOTAL_ID]
    values = [city[name].iloc[0] if len(city) else None for name in ("mae_places", "seasonal_naive_mae_places")]
    mae, naive = (None if pd.isna(value) else float(value) for value in values)
    return mae, naive


def decide_champion(
    metrics: pd.DataFrame, challenger_version: int, champion_version: int | None, objections: Sequence[str]
) -> ForecastDecision:
    """Decide whether a challenger takes charge of the forecasts.

    Args:
        metrics: rows of `forecast_metrics` with those of the challenger.
        challenger_version: the new version.
        champion_version: the version in charge, if any.
        objections: failures at the gate and other reasons against the challenger.
    """
    mae, naive = city_errors(metrics, challenger_version)
    if objections:
        return ForecastDecision("rejected_by_gate", " ".join(objections), mae, naive)
    evidence = (
        "nothing could be compared yet"
        if mae is None or naive is None
        else f"its mean error of {mae:.0f} places is not above the {naive:.0f} of repeating the day before"
    )
    if champion_version is None:
        return ForecastDecision("promote_first", f"There was no champion, and {evidence}.", mae, naive)
    return ForecastDecision("promote", f"It has seen newer days than version {champion_version}, and {evidence}.", mae, naive)
