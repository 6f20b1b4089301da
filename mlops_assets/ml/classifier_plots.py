"""The pictures of how good a model of a yes/no outcome is, the same for every domain."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mlops_assets.ml.metrics import BinaryMetrics, calibration_table, precision_recall_points, roc_points
from mlops_assets.ml.plots import plot_bars, plot_calibration, plot_confusion_matrix, plot_ranking_curves

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    import pandas as pd


def draw_classifier_evaluation(
    figures: BinaryMetrics,
    outcome: np.ndarray,
    probability: np.ndarray,
    importance: pd.Series,
    *,
    classes: Sequence[str],
    counts_title: str,
) -> dict[str, bytes]:
    """Draw what people would rather look at than read, as PNG pictures by name.

    Args:
        figures: of the model on some rows.
        outcome: observed outcomes of these rows.
        probability: predicted probabilities of a yes.
        importance: by feature, how much the log loss rises when it is shuffled, the largest first.
        classes: names of no and yes.
        counts_title: title of the confusion matrix.
    """
    import numpy as np
    from sklearn.metrics import confusion_matrix

    counts = confusion_matrix(outcome, probability >= figures.threshold, labels=[False, True])
    # Rows of one outcome cannot be ranked; the picture then says that there is nothing to see, and the gate why.
    is_ranked = figures.auc is not None
    return {
        "confusion_matrix": plot_confusion_matrix(counts, classes, counts_title),
        "ranking_curves": plot_ranking_curves(
            roc_points(outcome, probability).to_numpy() if is_ranked else np.empty((0, 2)),
            precision_recall_points(outcome, probability).to_numpy() if is_ranked else np.empty((0, 2)),
            float(outcome.mean()),
            figures.auc if figures.auc is not None else float("nan"),
            figures.average_precision if figures.average_precision is not None else float("nan"),
        ),
        "calibration": plot_calibration(calibration_table(outcome, probability)),
        "importance": plot_bars(
            importance.index.tolist(), importance.to_numpy(), "Rise of log loss when a feature is shuffled", "log loss (nat)"
        ),
    }
