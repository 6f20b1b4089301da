"""How good an arrest model is on rows it has never touched, beside answers that need no model."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from mlops_assets.ml.metric_set import AUC, BRIER, CALIBRATION_ERROR, LOG_LOSS, MCC, as_measurement
from mlops_assets.ml.metrics import BinaryMetrics, evaluate_binary, evaluate_by_group
from mlops_assets.ml.promotion import BaselineLimit, Limit, QualityGate

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

    from mlops_assets.ml.bundle import Bundle
    from mlops_assets.ml.predictors import BinaryClassifier

SLICES = ("district_code", "primary_type")
_MIN_SLICE_ROWS = 100
"""Smaller districts and types are measured together: their own figures would be chance."""

GATE = QualityGate(
    (Limit(AUC, 0.75), Limit(MCC, 0.30), Limit(CALIBRATION_ERROR, 0.06), BaselineLimit(BRIER), BaselineLimit(LOG_LOSS)),
    min_rows=500,
    min_class_rows=50,
)
"""What a model must reach before it may challenge the champion. The original's published AUC and MCC are 0.89 and 0.58 on an
easier, random split; a model far below has learned from broken data. The calibration limit keeps out models whose probabilities
mean nothing."""

_IMPORTANCE_ROWS = 5_000
"""Rows on which features are shuffled: enough to order them, and a second's work."""


@dataclass(frozen=True)
class ArrestEvaluation:
    """The figures of one model on its test rows.

    Attributes:
        table: rows of `arrest_evaluation`, without month, version and run.
        model: overall figures of the model.
        base_rate_by_type: overall figures of predicting each type's arrest rate among development rows.
        failures: sentences on what keeps the model from passing the quality gate; empty if it passes.
        probability: the model's probability for every test row.
    """

    table: pd.DataFrame
    model: BinaryMetrics
    base_rate_by_type: BinaryMetrics
    failures: list[str]
    probability: np.ndarray


def evaluate_arrest_model(bundle: Bundle[BinaryClassifier], development: pd.DataFrame, test: pd.DataFrame) -> ArrestEvaluation:
    """Score the test rows by the bundle, from raw columns as in production, and measure it beside two baselines.

    Args:
        bundle: the model.
        development: `development_split`, of which the per-type baseline knows the arrest rates.
        test: `test_split`.
    """
    import numpy as np

    outcome = test["is_arrest"].to_numpy(dtype=bool)
    probabilities = {
        "model": bundle.predict(test)["probability"].to_numpy(),
        "majority_class": np.zeros(len(test)),
        "base_rate_by_type": rate_by_type(development, test),
    }
    thresholds = {"model": bundle.predictor.threshold, "majority_class": 0.5, "base_rate_by_type": 0.5}
    overall = {
        predictor: evaluate_binary(outcome, probability, thresholds[predictor]) for predictor, probability in probabilities.items()
    }
    table = _table(test, outcome, probabilities, thresholds, overall)
    failures = GATE.failures(as_measurement(overall["model"]), as_measurement(overall["base_rate_by_type"]))
    return ArrestEvaluation(table, overall["model"], overall["base_rate_by_type"], failures, probabilities["model"])


def rate_by_type(development: pd.DataFrame, test: pd.DataFrame) -> np.ndarray:
    """Return, for each test row, the arrest rate of its type of crime among development rows; the overall rate for a new type."""
    is_arrest = development["is_arrest"].astype(float)
    rates = is_arrest.groupby(development["primary_type"].to_numpy(dtype=object)).mean()
    return test["primary_type"].map(rates).astype(float).fillna(is_arrest.mean()).to_numpy()


def measure_importance(bundle: Bundle[BinaryClassifier], test: pd.DataFrame, seed: int) -> pd.Series:
    """Return, by feature, how much the log loss of the estimator rises when the feature is shuffled, the largest first."""
    import pandas as pd
    from sklearn.inspection import permutation_importance

    rows = test.sample(min(_IMPORTANCE_ROWS, len(test)), random_state=seed)
    result = permutation_importance(
        bundle.predictor.pipeline[-1],
        bundle.predictor.pipeline[:-1].transform(bundle.inputs_of(rows)),
        rows["is_arrest"].to_numpy(dtype=bool),
        scoring="neg_log_loss",
        n_repeats=1,
        random_state=seed,
    )
    return pd.Series(result.importances_mean, index=list(bundle.provenance.feature_names)).sort_values(ascending=False)


def largest_feature_difference(bundle: Bundle[BinaryClassifier], test: pd.DataFrame) -> float:
    """Return the largest difference between the features that the bundle makes from raw columns and from the enriched ones.

    Anything but 0 means that serving sees other features than training did; infinite means that one of them is missing.
    """
    import numpy as np

    served = bundle.predictor.pipeline[:-1].transform(bundle.inputs_of(test)).to_numpy()
    trained = bundle.predictor.pipeline[1:-1].transform(test).to_numpy()
    difference = np.where(np.isnan(served) & np.isnan(trained), 0.0, np.abs(served - trained))
    return float(np.nan_to_num(difference, nan=np.inf).max(initial=0.0))


def draw_evaluation(evaluation: ArrestEvaluation, outcome: np.ndarray, importance: pd.Series) -> dict[str, bytes]:
    """Draw what people would rather look at than read, as PNG pictures by name."""
    from mlops_assets.ml.classifier_plots import draw_classifier_evaluation

    return draw_classifier_evaluation(
        evaluation.model,
        outcome,
        evaluation.probability,
        importance,
        classes=["no arrest", "arrest"],
        counts_title="Recorded and predicted arrests, test rows",
    )


def _table(
    test: pd.DataFrame,
    outcome: np.ndarray,
    probabilities: dict[str, np.ndarray],
    thresholds: dict[str, float],
    overall: dict[str, BinaryMetrics],
) -> pd.DataFrame:
    import pandas as pd

    parts: list[Any] = [
        pd.DataFrame([{"predictor": predictor, "slice_kind": "all", "slice": "all", **figures.as_dict()}])
        for predictor, figures in overall.items()
    ]
    for predictor in ("model", "base_rate_by_type"):
        for kind in SLICES:
            by_slice = evaluate_by_group(
                test[kind], outcome, probabilities[predictor], thresholds[predictor], _MIN_SLICE_ROWS
            ).rename(columns={"group": "slice"})
            parts.append(by_slice.assign(predictor=predictor, slice_kind=kind))
    table = pd.concat([part.astype({"slice": "object"}) for part in parts], ignore_index=True)
    figures = [name for name in table.columns if name not in ("predictor", "slice_kind", "slice", "row_count", "positive_count")]
    return table.astype(dict.fromkeys(figures, "float64"))
