"""Use the champion on a month: score its crimes, and see how far the month is from what the model knew."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from mlops_assets.errors import PermanentError
from mlops_assets.ml.drift import measure_drift
from mlops_assets.ml.metrics import BinaryMetrics, evaluate_binary
from mlops_assets.ml.retraining import DriftLimits, RetrainingVerdict, drifted_features, is_retraining_due

if TYPE_CHECKING:
    import pandas as pd

    from mlops_assets.ml.bundle import ModelBundle

LIMITS = DriftLimits(drifted_share=0.2)
"""PSI and KS limits are the customary ones, as in the original's unfinished drift job.

When the mix of crimes changes, three of thirteen columns show it: type, code and place; that is enough to train again.
"""

OUTCOMES_KNOWN_AFTER_DAYS = 30
"""Most arrests are recorded within a month of the crime; before that, realised quality would blame the model for missing
paperwork."""


@dataclass(frozen=True)
class MonthlyDrift:
    """What a month looked like to its model.

    Attributes:
        table: rows of `arrest_drift`, without month, version and run.
        verdict: whether the model should be trained anew, and why.
    """

    table: pd.DataFrame
    verdict: RetrainingVerdict


def score_crimes(bundle: ModelBundle, crimes: pd.DataFrame) -> pd.DataFrame:
    """Return `crime_id`, `occurred_at`, `arrest_probability` and `is_arrest_predicted` for each of `raw_crimes`."""
    predicted = bundle.predict(crimes)
    return crimes[["crime_id", "occurred_at"]].assign(
        arrest_probability=predicted["probability"], is_arrest_predicted=predicted["is_predicted"]
    )


def measure_month(bundle: ModelBundle, crimes: pd.DataFrame, outcomes_known: bool) -> MonthlyDrift:
    """Compare a month with the bundle's reference and, once outcomes are known, with the quality it had on validation rows.

    Args:
        bundle: the model that scored the month.
        crimes: `enriched_crimes` of the month.
        outcomes_known: whether enough time has passed for arrests to be recorded.
    """
    import pandas as pd

    if bundle.reference is None:
        raise PermanentError(f"model {bundle.name} holds no reference to measure drift against; train it again")
    probability = bundle.predict_probability(crimes)
    drift = measure_drift(bundle.reference, crimes.assign(arrest_probability=probability))
    drift = drift.assign(is_over_limit=drift["feature"].isin(drifted_features(drift, LIMITS)))
    tested = BinaryMetrics(**bundle.metrics)  # type: ignore[arg-type]
    outcome, threshold = crimes["is_arrest"].to_numpy(dtype=bool), bundle.require_threshold()
    realised = evaluate_binary(outcome, probability, threshold) if outcomes_known else None
    verdict = is_retraining_due(drift, LIMITS, tested=tested, realised=realised)
    table = drift if realised is None else pd.concat([drift, _quality_rows(tested, realised)], ignore_index=True)
    return MonthlyDrift(table.reindex(columns=[*drift.columns, "reference_value", "current_value"]), verdict)


def _quality_rows(tested: BinaryMetrics, realised: BinaryMetrics) -> pd.DataFrame:
    import pandas as pd

    falls = {"auc": LIMITS.max_auc_fall, "mcc": LIMITS.max_mcc_fall, "brier": None, "log_loss": None}
    rows = []
    for metric, limit in falls.items():
        before, now = getattr(tested, metric), getattr(realised, metric)
        rows.append(
            {
                "feature": metric,
                "kind": "quality",
                "reference_value": before,
                "current_value": now,
                "row_count": realised.row_count,
                "is_over_limit": limit is not None and before is not None and now is not None and before - now > limit,
            }
        )
    return pd.DataFrame(rows)
