"""How sure figures of a small test set are: percentile bootstrap intervals of any metrics of a yes/no outcome."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mlops_assets.ml.metrics import evaluate_binary

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt
    import pandas as pd


def bootstrap_intervals(
    outcome: npt.ArrayLike,
    probability: npt.ArrayLike,
    threshold: float,
    names: Sequence[str],
    *,
    samples: int,
    confidence: float,
    seed: int,
) -> pd.DataFrame:
    """Return metrics of probabilities, each with the interval in which it lies when the rows are drawn again.

    Args:
        outcome: observed outcomes.
        probability: predicted probabilities of a yes.
        threshold: probability from which a row is classified yes.
        names: attributes of `BinaryMetrics`.
        samples: how often rows are drawn.
        confidence: coverage of the two-sided interval, between 0 and 1.
        seed: of the draws.

    Returns:
        One row per name: `metric`, `value`, `value_low`, `value_high`. NaN where a metric is not defined; draws in which it is not
        defined do not count.
    """
    import numpy as np
    import pandas as pd

    observed, predicted = np.asarray(outcome), np.asarray(probability)

    def measure(rows: npt.NDArray[np.int64]) -> list[float | None]:
        found = evaluate_binary(observed[rows], predicted[rows], threshold)
        return [getattr(found, name) for name in names]

    generator, everything = np.random.default_rng(seed), np.arange(len(observed))
    drawn = [measure(generator.integers(0, len(observed), size=len(observed))) for _ in range(samples)]
    ends = pd.DataFrame(drawn, columns=list(names), dtype="float64").quantile([(1 - confidence) / 2, (1 + confidence) / 2])
    value = np.array(measure(everything), dtype="float64")
    table = pd.DataFrame({"metric": list(names), "value": value})
    # A metric that is not defined for the rows themselves has no interval, either.
    bounds = np.where(np.isnan(value), np.nan, ends.to_numpy())
    return table.assign(value_low=bounds[0], value_high=bounds[1])
