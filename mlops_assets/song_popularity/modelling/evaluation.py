"""How good a popularity model is on tracks that it has never touched, beside answers that need no model."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from mlops_assets.ml.metric_set import LOG_LOSS, Measurement
from mlops_assets.ml.multiclass import ACCURACY, MACRO_F1, bootstrap_classes, confusion_counts, measure_classes
from mlops_assets.ml.promotion import BaselineLimit, Limit, QualityGate
from mlops_assets.song_popularity import defaults
from mlops_assets.song_popularity.contracts import POPULARITY_LEVELS
from mlops_assets.song_popularity.levels import level_numbers
from mlops_assets.song_popularity.modelling.former_recipe import former_probabilities

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

    from mlops_assets.ml.bundle import Bundle
    from mlops_assets.ml.predictors import MulticlassClassifier

_CLASSES = len(POPULARITY_LEVELS)
_IMPORTANCE_ROWS = 1_000
"""Rows among which inputs are shuffled: enough to order them, and some seconds' work."""


@dataclass(frozen=True)
class PopularityEvaluation:
    """The figures of one model on its test tracks.

    Attributes:
        table: rows of `popularity_evaluation`, without day, version and run.
        metrics: by name: accuracy, macro-F1 as `f1_score`, log loss, and the accuracy of the commonest class.
        failures: sentences on what keeps the model from passing the gate; empty if it passes.
        probabilities: the model's, a row per test track, a column per class.
        importance: by input, how much the log loss rises when it is shuffled among test tracks, the largest first.
    """

    table: pd.DataFrame
    metrics: Mapping[str, float]
    failures: list[str]
    probabilities: np.ndarray
    importance: pd.Series


def build_gate(minimum_accuracy: float, minimum_macro_f1: float) -> QualityGate:
    """Return the gate: what the settings ask for, and better than always saying the commonest class."""
    limits = (Limit(ACCURACY, minimum_accuracy), Limit(MACRO_F1, minimum_macro_f1), BaselineLimit(LOG_LOSS))
    return QualityGate(limits, min_rows=50, min_class_rows=5)


def evaluate_popularity_model(
    bundle: Bundle[MulticlassClassifier], train: pd.DataFrame, test: pd.DataFrame, gate: QualityGate, seed: int
) -> PopularityEvaluation:
    """Score the test tracks by the bundle, from raw columns as in production, and measure it beside two baselines.

    Args:
        bundle: the model.
        train: `train_split`, of which the baselines know the classes.
        test: `test_split`.
        gate: what it has to reach.
        seed: of the intervals' resamples.
    """
    outcome, learned = level_numbers(test["popularity_level"]), level_numbers(train["popularity_level"])
    probabilities = {
        "model": predicted_probabilities(bundle, test),
        "majority_class": class_shares(learned, len(test)),
        "original_recipe": former_probabilities(train, learned, test, _CLASSES),
    }
    measured = {predictor: measure_classes(outcome, given, _CLASSES) for predictor, given in probabilities.items()}
    model, majority = measured["model"].metrics, measured["majority_class"].metrics
    metrics = {
        "accuracy": model["accuracy"],
        "f1_score": model["macro_f1"],
        "log_loss": model["log_loss"],
        "majority_accuracy": majority["accuracy"],
    }
    failures = gate.failures(measured["model"], measured["majority_class"])
    return PopularityEvaluation(
        _table(outcome, probabilities, seed), metrics, failures, probabilities["model"], measure_importance(bundle, test, seed)
    )


def measure_importance(bundle: Bundle[MulticlassClassifier], test: pd.DataFrame, seed: int) -> pd.Series:
    """Return, by input, how much the log loss of the model rises when it is shuffled, the largest first."""
    import pandas as pd
    from sklearn.inspection import permutation_importance

    def negative_log_loss(pipeline: Any, inputs: pd.DataFrame, outcome: np.ndarray) -> float:
        return -float(measure_classes(outcome, pipeline.predict_proba(inputs), _CLASSES).metrics[LOG_LOSS.name])

    rows = test.sample(min(_IMPORTANCE_ROWS, len(test)), random_state=seed)
    inputs = bundle.inputs_of(rows)
    result = permutation_importance(
        bundle.predictor.pipeline,
        inputs,
        level_numbers(rows["popularity_level"]),
        scoring=negative_log_loss,
        n_repeats=1,
        random_state=seed,
    )
    return pd.Series(result.importances_mean, index=list(inputs.columns)).sort_values(ascending=False, kind="stable")


def predicted_probabilities(bundle: Bundle[Any], tracks: pd.DataFrame) -> np.ndarray:
    """Return the probabilities of a bundle: a row per track, a column per class, in the order of the classes."""
    given: np.ndarray = bundle.predict(tracks)[[f"probability_{level}" for level in POPULARITY_LEVELS]].to_numpy()
    return given


def class_shares(outcome: np.ndarray, rows: int) -> np.ndarray:
    """Return the shares of the classes among some outcomes as the probabilities of every row."""
    import numpy as np

    shares = np.bincount(outcome, minlength=_CLASSES) / len(outcome)
    return np.tile(shares, (rows, 1))


def stored_measurement(rows: pd.DataFrame) -> Measurement:
    """Return the overall metrics in a predictor's rows of `popularity_evaluation`."""
    overall = rows[rows["popularity_level"] == "all"].set_index("metric")
    counts = rows[rows["metric"] == "recall"].set_index("popularity_level")["row_count"]
    metrics = {str(name): float(value) for name, value in overall["value"].items()}
    return Measurement(metrics, int(overall["row_count"].iloc[0]), tuple(int(counts[level]) for level in POPULARITY_LEVELS))


def draw_evaluation(evaluation: PopularityEvaluation, test: pd.DataFrame) -> dict[str, bytes]:
    """Draw what people would rather look at than read, as PNG pictures by name."""
    from mlops_assets.ml.metrics import calibration_table
    from mlops_assets.ml.plots import plot_bars, plot_calibration, plot_confusion_matrix

    outcome = level_numbers(test["popularity_level"])
    counts = confusion_counts(outcome, evaluation.probabilities, _CLASSES)
    figures = {"confusion_matrix": plot_confusion_matrix(counts, POPULARITY_LEVELS, "Known and predicted popularity, test tracks")}
    for number, level in enumerate(POPULARITY_LEVELS):
        table = calibration_table(outcome == number, evaluation.probabilities[:, number])
        figures[f"calibration_of_{level}"] = plot_calibration(table)
    accuracy = evaluation.table[(evaluation.table["metric"] == "accuracy")].set_index("predictor")["value"]
    names = [str(name).replace("_", " ") for name in accuracy.index]
    figures["accuracy_beside_baselines"] = plot_bars(names, accuracy.to_numpy(), "Accuracy beside baselines", "share of tracks")
    importance = evaluation.importance
    figures["importance"] = plot_bars(
        [str(name) for name in importance.index],
        importance.to_numpy(),
        "Rise of log loss when an input is shuffled",
        "log loss (nat)",
    )
    return figures


def _table(outcome: np.ndarray, probabilities: Mapping[str, np.ndarray], seed: int) -> pd.DataFrame:
    import pandas as pd

    parts = [
        bootstrap_classes(
            outcome, given, POPULARITY_LEVELS, samples=defaults.BOOTSTRAP_SAMPLES, confidence=defaults.CONFIDENCE, seed=seed
        ).assign(predictor=predictor)
        for predictor, given in probabilities.items()
    ]
    return pd.concat(parts, ignore_index=True).rename(columns={"class_name": "popularity_level"})
