"""How good predicted classes and their probabilities are: figures of models that tell more than two classes apart."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from mlops_assets.ml.metric_set import LOG_LOSS, Measurement, Metric, MetricSet

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    import pandas as pd

ACCURACY = Metric("accuracy", greater_is_better=True)
MACRO_F1 = Metric("macro_f1", greater_is_better=True, label="macro-F1")
BALANCED_ACCURACY = Metric("balanced_accuracy", greater_is_better=True)
MULTICLASS_METRICS = MetricSet(LOG_LOSS, (ACCURACY, MACRO_F1, BALANCED_ACCURACY))
"""Log loss decides, as everywhere: only probabilities nearer to the truth improve it."""

CLASS_METRICS = ("precision", "recall", "f1")
"""Of one class against all others."""

_SMALLEST = 1e-15


def measure_classes(outcome: npt.ArrayLike, probabilities: npt.ArrayLike, classes: int) -> Measurement:
    """Return accuracy, macro-F1, balanced accuracy and log loss (nats) of probabilities, and each row's part in the log loss.

    Args:
        outcome: number of the observed class of each row, from 0.
        probabilities: a row per row, a column per class; the predicted class is the likeliest, the first of equals.
        classes: how many there are; macro-F1 is the mean over all of them, 0 of one that is neither observed nor predicted.
    """
    import numpy as np

    observed, given = np.asarray(outcome, dtype=np.intp), np.asarray(probabilities, dtype=np.float64)
    losses = -np.log(np.clip(given[np.arange(len(observed)), observed], _SMALLEST, None))
    counts = confusion_counts(observed, given, classes)
    by_class = class_figures(counts)
    is_observed = counts.sum(axis=1) > 0
    metrics = {
        LOG_LOSS.name: float(losses.mean()) if len(losses) else None,
        ACCURACY.name: float(np.trace(counts) / counts.sum()) if len(losses) else None,
        MACRO_F1.name: float(by_class["f1"].mean()) if len(losses) else None,
        BALANCED_ACCURACY.name: float(by_class["recall"][is_observed].mean()) if is_observed.any() else None,
    }
    return Measurement(metrics, len(observed), tuple(int(count) for count in counts.sum(axis=1)), losses)


def confusion_counts(outcome: npt.ArrayLike, probabilities: npt.ArrayLike, classes: int) -> npt.NDArray[np.int64]:
    """Return how many rows of each observed class, a row, were predicted as which, a column."""
    import numpy as np

    predicted = np.asarray(probabilities).reshape(-1, classes).argmax(axis=1)
    cells = np.asarray(outcome, dtype=np.intp) * classes + predicted
    return np.bincount(cells, minlength=classes * classes).reshape(classes, classes)


def class_figures(counts: npt.NDArray[np.int64]) -> dict[str, npt.NDArray[np.float64]]:
    """Return precision, recall and F1 of each class from a confusion matrix; 0 where nothing was predicted or observed."""
    import numpy as np

    hits, observed, predicted = np.diag(counts).astype(float), counts.sum(axis=1), counts.sum(axis=0)

    def share(of: npt.NDArray[Any]) -> npt.NDArray[np.float64]:
        return np.divide(hits, of, out=np.zeros(len(hits)), where=of > 0)

    return {
        "precision": share(predicted),
        "recall": share(observed),
        "f1": np.divide(2 * hits, observed + predicted, out=np.zeros(len(hits)), where=observed + predicted > 0),
    }


def bootstrap_classes(
    outcome: npt.ArrayLike, probabilities: npt.ArrayLike, classes: Sequence[str], *, samples: int, confidence: float, seed: int
) -> pd.DataFrame:
    """Return figures of probabilities, each with the interval in which it lies when the rows are drawn again.

    Args:
        outcome: number of the observed class of each row.
        probabilities: a row per row, a column per class.
        classes: names of the classes, in the order of the columns.
        samples: how often rows are drawn.
        confidence: coverage of the two-sided interval, between 0 and 1.
        seed: of the draws.

    Returns:
        `metric`, `class_name` (`all`, or one class for `CLASS_METRICS`), `value`, `value_low`, `value_high`, `row_count`.
    """
    import numpy as np
    import pandas as pd

    observed, given = np.asarray(outcome, dtype=np.intp), np.asarray(probabilities, dtype=np.float64)

    def measure(rows: npt.NDArray[np.int64]) -> dict[tuple[str, str], float | None]:
        found = measure_classes(observed[rows], given[rows], len(classes)).metrics
        figures: dict[tuple[str, str], float | None] = {(name, "all"): found[name] for name in MULTICLASS_METRICS.names}
        by_class = class_figures(confusion_counts(observed[rows], given[rows], len(classes)))
        return figures | {(name, of): float(by_class[name][number]) for name in CLASS_METRICS for number, of in enumerate(classes)}

    generator, everything = np.random.default_rng(seed), np.arange(len(observed))
    value = measure(everything)
    drawn = pd.DataFrame([list(measure(generator.integers(0, len(observed), len(observed))).values()) for _ in range(samples)])
    low, high = drawn.astype("float64").quantile([(1 - confidence) / 2, (1 + confidence) / 2]).to_numpy()
    counts = {"all": len(observed), **{name: int((observed == number).sum()) for number, name in enumerate(classes)}}
    return pd.DataFrame(
        {
            "metric": [name for name, _ in value],
            "class_name": [of for _, of in value],
            "value": np.array(list(value.values()), dtype="float64"),
            "value_low": low,
            "value_high": high,
            "row_count": [counts[of] for _, of in value],
        }
    )
