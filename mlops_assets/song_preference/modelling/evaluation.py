"""How good a preference model is on songs that it has never touched, beside the baselines, with intervals."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from mlops_assets.ml.intervals import bootstrap_intervals
from mlops_assets.ml.metric_set import AUC, BRIER, F1, LOG_LOSS, as_measurement
from mlops_assets.ml.metrics import BinaryMetrics, evaluate_binary
from mlops_assets.ml.promotion import BaselineLimit, Limit, QualityGate
from mlops_assets.song_preference import defaults
from mlops_assets.song_preference.modelling.baselines import BASELINES, Scored

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

    from mlops_assets.ml.bundle import Bundle
    from mlops_assets.ml.predictors import BinaryClassifier

METRICS = (AUC.name, F1.name, "accuracy", "balanced_accuracy", BRIER.name, LOG_LOSS.name)
"""The figures of the table, each with its interval."""

GATE = QualityGate((Limit(AUC, 0.65), BaselineLimit(BRIER), BaselineLimit(LOG_LOSS)), min_rows=20, min_class_rows=5)
"""What a model must reach before it may challenge the champion: it ranks songs better than chance by far, and its probabilities are
nearer to the truth than the share of liked songs. The original reaches an AUC of about 0.88 on its listener; tastes differ."""

_IMPORTANCE_REPEATS = 5


@dataclass(frozen=True)
class PreferenceEvaluation:
    """The figures of one model on its test songs.

    Attributes:
        table: rows of `preference_evaluation`, without version and run.
        model: figures of the model.
        failures: sentences on what keeps the model from passing the quality gate; empty if it passes.
        probability: the model's probability for every test song.
    """

    table: pd.DataFrame
    model: BinaryMetrics
    failures: list[str]
    probability: np.ndarray


def evaluate_preference_model(
    bundle: Bundle[BinaryClassifier], training: pd.DataFrame, test: pd.DataFrame, seed: int
) -> PreferenceEvaluation:
    """Score the test songs by the bundle, as in production, and measure it beside the baselines.

    Args:
        bundle: the model.
        training: `train_split`, from which baselines learn.
        test: `test_split`.
        seed: of the resamples.
    """
    import pandas as pd

    outcome = test["is_liked"].to_numpy(dtype=bool)
    scored = {
        "model": Scored(bundle.predict(test)["probability"].to_numpy(), bundle.predictor.threshold),
        **{name: baseline(training, test) for name, baseline in BASELINES.items()},
    }
    figures = {name: evaluate_binary(outcome, of.probability, of.threshold) for name, of in scored.items()}
    table = pd.concat(
        [_rows(name, outcome, of, figures[name], seed) for name, of in scored.items()],
        ignore_index=True,
    )
    failures = GATE.failures(as_measurement(figures["model"]), as_measurement(figures["always_like"]))
    return PreferenceEvaluation(table, figures["model"], failures, scored["model"].probability)


def measure_importance(bundle: Bundle[BinaryClassifier], test: pd.DataFrame, seed: int) -> pd.Series:
    """Return, by feature, how much the log loss of the model rises when the feature is shuffled, the largest first."""
    import pandas as pd
    from sklearn.inspection import permutation_importance

    result = permutation_importance(
        bundle.predictor.pipeline,
        bundle.inputs_of(test),
        test["is_liked"].to_numpy(dtype=bool),
        scoring="neg_log_loss",
        n_repeats=_IMPORTANCE_REPEATS,
        random_state=seed,
    )
    return pd.Series(result.importances_mean, index=list(bundle.provenance.feature_names)).sort_values(ascending=False)


def draw_evaluation(evaluation: PreferenceEvaluation, outcome: np.ndarray, importance: pd.Series) -> dict[str, bytes]:
    """Draw what people would rather look at than read, as PNG pictures by name."""
    from mlops_assets.ml.classifier_plots import draw_classifier_evaluation

    return draw_classifier_evaluation(
        evaluation.model,
        outcome,
        evaluation.probability,
        importance,
        classes=["disliked", "liked"],
        counts_title="Labelled and predicted, test songs",
    )


def _rows(predictor: str, outcome: np.ndarray, scored: Scored, figures: BinaryMetrics, seed: int) -> pd.DataFrame:
    intervals = bootstrap_intervals(
        outcome,
        scored.probability,
        scored.threshold,
        METRICS,
        samples=defaults.BOOTSTRAP_SAMPLES,
        confidence=defaults.CONFIDENCE,
        seed=seed,
    )
    return intervals.assign(
        predictor=predictor,
        threshold=scored.threshold,
        row_count=figures.row_count,
        positive_count=figures.positive_count,
    )
