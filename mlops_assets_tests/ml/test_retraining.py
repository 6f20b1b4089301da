"""Retraining is called for by many drifted features or a fallen quality, and not by chance in a few rows."""

from dataclasses import replace

import numpy as np
import pandas as pd

from mlops_assets.ml.metrics import BinaryMetrics, evaluate_binary
from mlops_assets.ml.retraining import DriftLimits, drifted_features, is_retraining_due


def _table(*figures: tuple[float, float | None], rows: int = 1000) -> pd.DataFrame:
    psi, ks = zip(*figures, strict=True)
    names = [f"f{number}" for number in range(len(figures))]
    return pd.DataFrame({"feature": names, "psi": psi, "ks": pd.Series(ks, dtype="float64"), "row_count": rows})


def _quality(auc_like: float) -> BinaryMetrics:
    metrics = evaluate_binary(np.array([True, False] * 500), np.tile([0.9, 0.1], 500), 0.5)
    return replace(metrics, auc=auc_like)


def test_features_above_either_limit_have_drifted() -> None:
    """A figure at its limit is still allowed; a missing KS is no drift."""
    table = _table((0.2, 0.1), (0.21, 0.0), (0.0, 0.11), (0.3, None), (0.0, None))
    assert drifted_features(table, DriftLimits()) == ["f1", "f2", "f3"]


def test_many_drifted_features_call_for_retraining() -> None:
    """The reason counts and names them."""
    verdict = is_retraining_due(_table((0.5, 0.0), (0.5, 0.0), (0.0, 0.0)), DriftLimits())
    assert verdict
    assert verdict.reasons == ("2 of 3 features drifted, more than 30%: f0, f1.",)


def test_few_drifted_features_do_not() -> None:
    """One in four is within the limit."""
    verdict = is_retraining_due(_table((0.5, 0.0), (0.0, 0.0), (0.0, 0.0), (0.0, 0.0)), DriftLimits())
    assert not verdict
    assert verdict.reasons == ("Drift and realised quality are within their limits.",)


def test_few_rows_are_not_judged() -> None:
    """Three rows always look different."""
    verdict = is_retraining_due(_table((9.0, 1.0), rows=3), DriftLimits())
    assert not verdict.is_due
    assert verdict.reasons == ("3 rows are too few to judge drift; at least 500 are needed.",)


def test_fallen_quality_calls_for_retraining_without_drift() -> None:
    """The relation of features and outcome may change while the features do not."""
    verdict = is_retraining_due(_table((0.0, 0.0)), DriftLimits(), tested=_quality(0.9), realised=_quality(0.8))
    assert verdict
    assert verdict.reasons == ("The AUC fell from 0.9000 when it was trained to 0.8000 on 1000 current rows, by more than 0.0500.",)
    assert not is_retraining_due(_table((0.0, 0.0)), DriftLimits(), tested=_quality(0.9), realised=_quality(0.86))
