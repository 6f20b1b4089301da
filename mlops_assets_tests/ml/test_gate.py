"""The gate names every limit that is broken and lets a good model pass."""

from dataclasses import replace
from typing import Any

import pytest

from mlops_assets.ml.gate import QualityGate, gate_failures
from mlops_assets.ml.metrics import BinaryMetrics

BASELINE = BinaryMetrics(
    row_count=1000,
    positive_count=200,
    auc=0.8,
    average_precision=0.5,
    brier=0.12,
    log_loss=0.4,
    calibration_error=0.01,
    threshold=0.5,
    mcc=0.3,
    accuracy=0.82,
    precision=0.6,
    recall=0.4,
    f1=0.48,
    always_no_accuracy=0.8,
)
GOOD = replace(BASELINE, auc=0.89, brier=0.08, log_loss=0.3, mcc=0.6)


def test_a_model_better_than_the_baseline_passes() -> None:
    """No sentence means that the gate is open."""
    assert gate_failures(GOOD, BASELINE, QualityGate()) == []


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"auc": 0.55}, "The AUC is 0.5500; at least 0.6000 is needed."),
        ({"mcc": 0.05}, "The MCC is 0.0500; at least 0.1000 is needed."),
        ({"calibration_error": 0.2}, "The calibration error is 0.2000; at most 0.1000 is allowed."),
        (
            {"brier": 0.12},
            "The Brier score is 0.1200; it must be lower than the baseline's 0.1200 by more than 0.0000.",
        ),
        ({"log_loss": 0.5}, "The log loss is 0.5000; it must be lower than the baseline's 0.4000 by more than 0.0000."),
    ],
)
def test_each_broken_limit_is_named(change: dict[str, Any], sentence: str) -> None:
    """The sentence holds the figure and the limit."""
    assert gate_failures(replace(GOOD, **change), BASELINE, QualityGate()) == [sentence]


def test_all_broken_limits_are_named_at_once() -> None:
    """Nobody has to fix one failure to see the next."""
    assert len(gate_failures(replace(GOOD, auc=0.5, mcc=0.0, brier=0.3), BASELINE, QualityGate())) == 3


def test_a_figure_at_its_limit_passes() -> None:
    """The limits themselves are allowed."""
    assert gate_failures(GOOD, BASELINE, QualityGate(min_auc=0.89, min_mcc=0.6, max_calibration_error=0.01)) == []


def test_few_rows_and_one_outcome_do_not_pass() -> None:
    """Three rows without a yes prove nothing."""
    few = replace(GOOD, row_count=3, positive_count=0, auc=None)
    failures = gate_failures(few, replace(BASELINE, row_count=3, positive_count=0), QualityGate())
    assert failures == [
        "It was measured on 3 rows; at least 100 are needed.",
        "The rarer outcome has 0 rows; at least 10 of each are needed.",
        "The AUC is not defined, because all rows have the same outcome.",
    ]


def test_figures_of_different_rows_are_not_compared() -> None:
    """A baseline from other rows is a mistake of the caller."""
    with pytest.raises(ValueError, match="different rows"):
        gate_failures(GOOD, replace(BASELINE, row_count=999), QualityGate())
