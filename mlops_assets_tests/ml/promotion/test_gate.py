"""The gate names every limit that is broken and lets a good model pass, whatever kind it is of."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlops_assets.ml.metric_set import AUC, BRIER, CALIBRATION_ERROR, LOG_LOSS, MCC, Measurement, Metric
from mlops_assets.ml.promotion import BaselineLimit, Limit, QualityGate

BASELINE = {"auc": 0.8, "brier": 0.12, "log_loss": 0.4, "calibration_error": 0.01, "mcc": 0.3}
GOOD = {**BASELINE, "auc": 0.89, "brier": 0.08, "log_loss": 0.3, "mcc": 0.6}
GATE = QualityGate(
    (Limit(AUC, 0.6), Limit(MCC, 0.1), Limit(CALIBRATION_ERROR, 0.1), BaselineLimit(BRIER), BaselineLimit(LOG_LOSS)),
    min_rows=100,
    min_class_rows=10,
)


def failures(metrics: dict[str, Any], gate: QualityGate = GATE, classes: tuple[int, ...] = (800, 200)) -> list[str]:
    """Hold metrics on 1,000 rows against a gate, beside the baseline's on the same rows."""
    return gate.failures(Measurement(metrics, sum(classes), classes), Measurement(BASELINE, sum(classes), classes))


def test_a_model_better_than_the_baseline_passes() -> None:
    """No sentence means that the gate is open."""
    assert failures(GOOD) == []


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"auc": 0.55}, "The AUC is 0.5500; at least 0.6000 is needed."),
        ({"mcc": 0.05}, "The MCC is 0.0500; at least 0.1000 is needed."),
        ({"calibration_error": 0.2}, "The calibration error is 0.2000; at most 0.1000 is allowed."),
        ({"brier": 0.12}, "The Brier score is 0.1200; it must be lower than the baseline's 0.1200 by more than 0.0000."),
        ({"log_loss": 0.5}, "The log loss is 0.5000; it must be lower than the baseline's 0.4000 by more than 0.0000."),
        ({"auc": None}, "The AUC is not defined."),
        ({"log_loss": float("nan")}, "The log loss is not defined."),
    ],
)
def test_each_broken_limit_is_named(change: dict[str, Any], sentence: str) -> None:
    """The sentence holds the figure and the limit."""
    assert failures({**GOOD, **change}) == [sentence]


def test_all_broken_limits_are_named_at_once() -> None:
    """Nobody has to fix one failure to see the next."""
    assert len(failures({**GOOD, "auc": 0.5, "mcc": 0.0, "brier": 0.3})) == 3


def test_few_rows_and_one_outcome_do_not_pass() -> None:
    """Three rows without a yes prove nothing."""
    assert failures({**GOOD, "auc": None}, classes=(3, 0)) == [
        "It was measured on 3 rows; at least 100 are needed.",
        "The rarer outcome has 0 rows; at least 10 of each are needed.",
        "The AUC is not defined, because all rows have the same outcome.",
    ]


def test_rarest_of_three_classes_is_counted() -> None:
    """A class that is missing is no single outcome of all rows."""
    assert failures({**GOOD, "auc": None}, classes=(500, 500, 0)) == [
        "The rarest class has 0 rows; at least 10 of each are needed.",
        "The AUC is not defined.",
    ]


def test_figures_of_different_rows_are_not_compared() -> None:
    """A baseline from other rows is a mistake of the caller."""
    with pytest.raises(ValueError, match="different rows"):
        GATE.failures(Measurement(GOOD, 1000, (800, 200)), Measurement(BASELINE, 999, (799, 200)))


def test_sentence_may_be_in_the_words_of_the_domain() -> None:
    """With the figures as people know them."""
    limit = BaselineLimit(LOG_LOSS, sentence="{metric}: {value:.1f}, not better than {baseline:.1f}.")
    assert failures({"log_loss": 0.5}, QualityGate((limit,))) == ["log loss: 0.5, not better than 0.4."]


METRICS = st.builds(Metric, st.just("score"), st.booleans())
VALUES = st.floats(-1e6, 1e6)


@given(metric=METRICS, worst=VALUES, value=VALUES)
def test_a_limit_accepts_what_is_no_worse(metric: Metric, worst: float, value: float) -> None:
    """A figure exactly at its limit passes, whichever way is better."""
    is_accepted = value >= worst if metric.greater_is_better else value <= worst
    assert (failures({"score": value}, QualityGate((Limit(metric, worst),))) == []) == is_accepted


@given(metric=METRICS, naive=st.integers(-1000, 1000), value=st.integers(-1000, 1000), accepts_equal=st.booleans())
def test_a_baseline_is_beaten_the_way_that_is_better(metric: Metric, naive: int, value: int, accepts_equal: bool) -> None:
    """Being equal is enough only where the limit says so."""
    gate = QualityGate((BaselineLimit(metric, accepts_equal=accepts_equal),))
    is_better = value > naive if metric.greater_is_better else value < naive
    found = gate.failures(Measurement({"score": value}, 9), Measurement({"score": naive}, 9))
    assert (found == []) == (is_better or (accepts_equal and value == naive))
    if found:
        assert f"it must be {'higher' if metric.greater_is_better else 'lower'} than the baseline's" in found[0]


@pytest.mark.parametrize(("value", "naive"), [(None, 1.0), (1.0, None), (None, None)])
def test_unknown_figures_pass_only_where_the_limit_says_so(value: float | None, naive: float | None) -> None:
    """A short history has nothing to compare yet."""
    model, baseline = Measurement({"log_loss": value}, 0), Measurement({"log_loss": naive}, 0)
    assert QualityGate((BaselineLimit(LOG_LOSS, accepts_undefined=True),)).failures(model, baseline) == []
    assert QualityGate((BaselineLimit(LOG_LOSS),)).failures(model, baseline) == ["The log loss is not defined."]
