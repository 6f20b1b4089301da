"""Figures of more than two classes are those that one can count by hand."""

from __future__ import annotations

import numpy as np
import pytest

from mlops_assets.ml.multiclass import bootstrap_classes, class_figures, confusion_counts, measure_classes

OBSERVED = [0, 0, 1, 1, 2]
GIVEN = np.array([[0.8, 0.1, 0.1], [0.3, 0.5, 0.2], [0.2, 0.6, 0.2], [0.1, 0.8, 0.1], [0.5, 0.2, 0.3]])


def test_counts_and_figures_of_each_class() -> None:
    """Of five rows three are right; the last class is never predicted."""
    counts = confusion_counts(OBSERVED, GIVEN, 3)
    assert counts.tolist() == [[1, 1, 0], [0, 2, 0], [1, 0, 0]]
    figures = class_figures(counts)
    assert figures["precision"].tolist() == [0.5, 2 / 3, 0]
    assert figures["recall"].tolist() == [0.5, 1, 0]
    assert figures["f1"].tolist() == [0.5, 0.8, 0]


def test_overall_figures() -> None:
    """They agree with scikit-learn's, and each row has its part in the log loss."""
    from sklearn.metrics import balanced_accuracy_score, f1_score, log_loss

    found, predicted = measure_classes(OBSERVED, GIVEN, 3), GIVEN.argmax(axis=1)
    assert found.metrics["accuracy"] == 0.6
    assert found.metrics["macro_f1"] == pytest.approx(f1_score(OBSERVED, predicted, average="macro"))
    assert found.metrics["balanced_accuracy"] == pytest.approx(balanced_accuracy_score(OBSERVED, predicted))
    assert found.metrics["log_loss"] == pytest.approx(log_loss(OBSERVED, GIVEN))
    assert found.row_values is not None
    assert found.row_values.mean() == pytest.approx(found.metrics["log_loss"])
    assert found.class_counts == (2, 2, 1)


def test_no_rows_have_no_figures() -> None:
    """Nothing is made up for them."""
    found = measure_classes([], np.empty((0, 3)), 3)
    assert set(found.metrics.values()) == {None}
    assert found.row_count == 0


def test_certain_mistake_is_a_large_finite_loss() -> None:
    """A probability of 0 for what happened costs much, and spoils no mean."""
    assert 30 < measure_classes([1], [[1.0, 0.0]], 2).metrics["log_loss"] < 40


def test_intervals_hold_the_values_and_are_reproducible() -> None:
    """Of all rows, and of each class against the others, with how many rows that has."""
    generator = np.random.default_rng(0)
    observed = generator.integers(0, 3, 300)
    given = generator.dirichlet([1, 1, 1], 300)
    given[np.arange(300), observed] += 0.5
    given /= given.sum(axis=1, keepdims=True)
    tables = [bootstrap_classes(observed, given, ("a", "b", "c"), samples=50, confidence=0.9, seed=3) for _ in range(2)]
    assert tables[0].equals(tables[1])
    assert (tables[0]["value_low"] <= tables[0]["value"]).all()
    assert (tables[0]["value"] <= tables[0]["value_high"]).all()
    assert set(tables[0]["class_name"]) == {"all", "a", "b", "c"}
    assert tables[0].loc[tables[0]["class_name"] == "a", "row_count"].unique().tolist() == [int((observed == 0).sum())]
