"""Use the champion on a month: score its crimes, and see how far the month is from what the model knew."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from mlops_assets.errors import PermanentError
from mlops_assets.ml.drift import measure_drift
from mlops_assets.ml.metric_set import AUC, BRIER, LOG_LOSS, MCC, Measurement, measure_probabilities
from mlops_assets.ml.retraining import DriftLimits, DropLimit, RetrainingDecision, decide_retraining, drifted_features

if TYPE_CHECKING:
    from collections.abc import Mapping

    import pandas as pd

    from mlops_assets.ml.bundle import Bundle
    from mlops_assets.ml.predictors import BinaryClassifier

LIMITS = DriftLimits(drifted_share=0.2)
"""PSI and KS limits are the customary ones, as in the original's unfinished drift job.

When the mix of crimes changes, three of thirteen columns show it: type, code and place; that is enough to train again.
"""

DROP_LIMITS = (DropLimit(AUC, 0.05), DropLimit(MCC, 0.1))
"""How far live metrics may be below those on validation rows."""

_SHOWN = (AUC, MCC, BRIER, LOG_LOSS)
"""Live metrics that the table shows."""

OUTCOMES_KNOWN_AFTER_DAYS = 30
"""Most arrests are recorded within a month of the crime; before that, live metrics would blame the model for missing paperwork."""


@dataclass(frozen=True)
class MonthlyDrift:
    """What a month looked like to its model.

    Attributes:
        table: rows of `arrest_drift`, without month, version and run.
        retraining: whether the model should be retrained, and why.
    """

    table: pd.DataFrame
    retraining: RetrainingDecision


def score_crimes(bundle: Bundle[BinaryClassifier], crimes: pd.DataFrame) -> pd.DataFrame:
    """Return `crime_id`, `occurred_at`, `arrest_probability` and `is_arrest_predicted` for each of `raw_crimes`."""
    predicted = bundle.predict(crimes)
    return crimes[["crime_id", "occurred_at"]].assign(
        arrest_probability=predicted["probability"], is_arrest_predicted=predicted["is_predicted"]
    )


def enrich_served(bundle: Bundle[BinaryClassifier], crimes: pd.DataFrame) -> pd.DataFrame:
    """Return the crimes that serving was asked about as the model saw them: with the columns of `enriched_crimes`."""
    enriched: pd.DataFrame = bundle.predictor.pipeline.named_steps["enrich"].transform(crimes)
    return enriched


def measure_month(bundle: Bundle[BinaryClassifier], crimes: pd.DataFrame, outcomes_known: bool) -> MonthlyDrift:
    """Compare a month with the bundle's reference and, once outcomes are known, with the metrics it had on validation rows.

    Args:
        bundle: the model that scored the month.
        crimes: `enriched_crimes` of the month.
        outcomes_known: whether enough time has passed for arrests to be recorded.
    """
    import pandas as pd

    expected = bundle.provenance.metrics
    if bundle.reference is None:
        raise PermanentError(f"model {bundle.provenance.name} holds no reference to measure drift against; train it again")
    probability = bundle.predict(crimes)["probability"].to_numpy()
    drift = measure_drift(bundle.reference, crimes.assign(arrest_probability=probability))
    drift = drift.assign(is_over_limit=drift["feature"].isin(drifted_features(drift, LIMITS)))
    outcome = crimes["is_arrest"].to_numpy(dtype=bool)
    live = measure_probabilities(outcome, probability, bundle.predictor.threshold) if outcomes_known else None
    retraining = decide_retraining(drift, LIMITS, expected=expected, live=live, drop_limits=DROP_LIMITS)
    table = drift if live is None else pd.concat([drift, _live_rows(expected, live)], ignore_index=True)
    return MonthlyDrift(table.reindex(columns=[*drift.columns, "reference_value", "current_value"]), retraining)


def _live_rows(expected: Mapping[str, float | None], live: Measurement) -> pd.DataFrame:
    import pandas as pd

    dropped = {limit.metric for limit in DROP_LIMITS if limit.is_exceeded(expected, live.metrics)}
    return pd.DataFrame(
        [
            {
                "feature": metric.name,
                "kind": "quality",
                "reference_value": metric.value_in(expected),
                "current_value": metric.value_in(live.metrics),
                "row_count": live.row_count,
                "is_over_limit": metric in dropped,
            }
            for metric in _SHOWN
        ]
    )
