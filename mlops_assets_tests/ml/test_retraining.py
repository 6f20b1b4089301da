"""Retraining is called for by many drifted features or a dropped metric, and not by chance in a few rows."""

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlops_assets.ml.metric_set import AUC, LOG_LOSS, Measurement, Metric
from mlops_assets.ml.retraining import DriftLimits, DropLimit, decide_retraining, drifted_features, drop_reasons


def _table(*figures: tuple[float, float | None], rows: int = 1000) -> pd.DataFrame:
    psi, ks = zip(*figures, strict=True)
    names = [f"f{number}" for number in range(len(figures))]
    return pd.DataFrame({"feature": names, "psi": psi, "ks": pd.Series(ks, dtype="float64"), "row_count": rows})


def _live(auc: float | None, rows: int = 1000) -> Measurement:
    return Measurement({"auc": auc}, rows)


def test_features_above_either_limit_have_drifted() -> None:
    """A figure at its limit is still allowed; a missing KS is no drift."""
    table = _table((0.2, 0.1), (0.21, 0.0), (0.0, 0.11), (0.3, None), (0.0, None))
    assert drifted_features(table, DriftLimits()) == ["f1", "f2", "f3"]


def test_many_drifted_features_call_for_retraining() -> None:
    """The reason counts and names them."""
    decision = decide_retraining(_table((0.5, 0.0), (0.5, 0.0), (0.0, 0.0)), DriftLimits(), expected={})
    assert decision
    assert decision.reasons == ("2 of 3 features drifted, more than 30%: f0, f1.",)


def test_few_drifted_features_do_not() -> None:
    """One in four is within the limit."""
    decision = decide_retraining(_table((0.5, 0.0), (0.0, 0.0), (0.0, 0.0), (0.0, 0.0)), DriftLimits(), expected={})
    assert not decision
    assert decision.reasons == ("Drift and live performance are within their limits.",)


def test_few_rows_are_not_judged() -> None:
    """Three rows always look different."""
    decision = decide_retraining(_table((9.0, 1.0), rows=3), DriftLimits(), expected={})
    assert not decision.is_due
    assert decision.reasons == ("3 rows are too few to judge drift; at least 500 are needed.",)


@pytest.mark.parametrize(
    ("expected", "live", "is_due"),
    [(0.9, 0.8, True), (0.9, 0.86, False), (0.8, 0.9, False), (None, 0.1, False), (0.9, None, False)],
)
def test_dropped_metric_calls_for_retraining_without_drift(expected: float | None, live: float | None, is_due: bool) -> None:
    """The relation of features and outcome may change while the features do not; what is not defined has not dropped."""
    decision = decide_retraining(
        _table((0.0, 0.0)), DriftLimits(), expected={"auc": expected}, live=_live(live), drop_limits=[DropLimit(AUC, 0.05)]
    )
    assert decision.is_due == is_due
    if is_due:
        said = "The AUC dropped from 0.9000 when it was trained to 0.8000 on 1000 current rows, by more than 0.0500."
        assert decision.reasons == (said,)


def test_metric_on_few_rows_is_not_judged() -> None:
    """Chance alone would cross the limit."""
    limits = {"expected": {"auc": 0.9}, "drop_limits": [DropLimit(AUC, 0.05)]}
    assert not decide_retraining(_table((0.0, 0.0)), DriftLimits(), live=_live(0.1, rows=499), **limits)  # type: ignore[arg-type]


def test_error_that_rose_is_a_drop_of_performance() -> None:
    """Of a metric of which less is better, the sentence says so."""
    (reason,) = drop_reasons({"log_loss": 0.3}, Measurement({"log_loss": 0.5}, 800), [DropLimit(LOG_LOSS, 0.1)])
    assert reason == "The log loss rose from 0.3000 when it was trained to 0.5000 on 800 current rows, by more than 0.1000."


@pytest.mark.parametrize(("live", "is_exceeded"), [(1.0, False), (5.9, False), (6.1, True), (0.0, False)])
def test_error_counts_where_it_is_large_and_many_times_the_expected(live: float, is_exceeded: bool) -> None:
    """Twice very little is little, and a large error may grow by more."""
    limit = DropLimit(Metric("mae", greater_is_better=False), max_drop=5.0, max_ratio=2.0)
    assert limit.is_exceeded({"mae": 1.0}, {"mae": live}) == is_exceeded
    assert not limit.is_exceeded({"mae": 100.0}, {"mae": 199.0})
    assert limit.is_exceeded({"mae": 0.0}, {"mae": 5.1})


@given(greater_is_better=st.booleans(), before=st.floats(-1e3, 1e3), now=st.floats(-1e3, 1e3), max_drop=st.floats(0, 1e3))
def test_drop_is_a_change_for_the_worse(greater_is_better: bool, before: float, now: float, max_drop: float) -> None:
    """By more than the limit, whichever way is better; a change for the better never counts."""
    limit = DropLimit(Metric("score", greater_is_better), max_drop)
    worse_by = before - now if greater_is_better else now - before
    assert limit.is_exceeded({"score": before}, {"score": now}) == (worse_by > max_drop)
