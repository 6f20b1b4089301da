"""Intervals of metrics: around the value, narrower with more rows, the same for the same seed."""

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import balanced_accuracy_score

from mlops_assets.ml.intervals import bootstrap_intervals
from mlops_assets.ml.metrics import evaluate_binary

NAMES = ("auc", "accuracy", "balanced_accuracy")


def intervals(rows: int, seed: int = 1) -> pd.DataFrame:
    random = np.random.default_rng(3)
    outcome = random.random(rows) < 0.4
    probability = np.clip(0.4 * outcome + 0.6 * random.random(rows), 0, 1)
    return bootstrap_intervals(outcome, probability, 0.5, NAMES, samples=200, confidence=0.9, seed=seed)


def test_interval_holds_its_value_and_narrows_with_more_rows() -> None:
    """Four times the rows, about half the width."""
    few, many = intervals(100), intervals(400)
    for table in (few, many):
        assert table["metric"].tolist() == list(NAMES)
        assert (table["value_low"] < table["value"]).all()
        assert (table["value"] < table["value_high"]).all()
    widths = [table["value_high"] - table["value_low"] for table in (few, many)]
    assert (widths[1] < 0.75 * widths[0]).all()


def test_interval_depends_on_its_seed_alone() -> None:
    """Equal seeds, equal intervals."""
    pd.testing.assert_frame_equal(intervals(50), intervals(50))
    assert not intervals(50).equals(intervals(50, seed=2))


def test_undefined_metric_has_no_interval() -> None:
    """Rows of one outcome cannot be ranked; their accuracy is known."""
    table = bootstrap_intervals([True] * 9, [0.7] * 9, 0.5, NAMES, samples=20, confidence=0.9, seed=1).set_index("metric")
    assert np.isnan(table.loc[["auc"]].to_numpy(dtype="float64")).all()
    assert list(table.loc["accuracy"]) == [1.0, 1.0, 1.0]


@pytest.mark.parametrize("threshold", [0.0, 0.3, 0.5, 1.0])
def test_balanced_accuracy_is_that_of_scikit_learn(threshold: float) -> None:
    """On rows of both outcomes."""
    random = np.random.default_rng(5)
    outcome, probability = random.random(60) < 0.3, random.random(60)
    found = evaluate_binary(outcome, probability, threshold).balanced_accuracy
    assert found == pytest.approx(balanced_accuracy_score(outcome, probability >= threshold))
