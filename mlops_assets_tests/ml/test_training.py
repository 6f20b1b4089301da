"""Fingerprints tell training inputs apart, and trials can be read as a table."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from mlops_assets.ml.metric_set import BINARY_METRICS, Metric, MetricSet
from mlops_assets.ml.search import Trial
from mlops_assets.ml.training import TrainedModel, fingerprint, trials_table
from mlops_assets_tests.tiny_bundle import things, tiny_bundle


def _trial(family: str, log_loss: float, fit_seconds: float = 1.26, **params: Any) -> Trial:
    metrics = {"log_loss": log_loss, "brier": 0.1, "auc": 0.9, "mcc": 0.5, "accuracy": 0.8}
    return Trial({"family": family, "features": "native"}, params, metrics, fit_seconds)


def test_equal_tables_have_equal_fingerprints() -> None:
    """Texts, moments and missing values count by value, not by where they lie in memory; the index does not count."""
    assert fingerprint([things()], {"seed": 1}) == fingerprint([things()], {"seed": 1})
    renumbered = things().set_axis(range(100, 108), axis=0)
    assert fingerprint([renumbered], {"seed": 1}) == fingerprint([things()], {"seed": 1})


def test_fingerprint_is_the_same_in_another_process() -> None:
    """A rerun on another day finds the model that is registered already."""
    code = (
        "from mlops_assets.ml.training import fingerprint; from mlops_assets_tests.tiny_bundle import things;"
        "print(fingerprint([things()], {'seed': 1}))"
    )
    root = Path(__file__).parents[2]
    printed = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=root).stdout
    assert printed.strip() == fingerprint([things()], {"seed": 1})


def _changed(column: str, value: Any) -> pd.DataFrame:
    frame = things()
    frame.loc[3, column] = value
    return frame


@pytest.mark.parametrize(
    "frame",
    [
        _changed("kind", "ball"),
        _changed("kind", None),
        _changed("size_m", 0.5),
        _changed("size_m", np.nan),
        _changed("is_new", True),
        _changed("seen_at", pd.Timestamp("2025-01-01", tz="UTC")),
        things().rename(columns={"kind": "sort"}),
        things().iloc[::-1],
        things().iloc[:-1],
        things()[["size_m", "kind", "is_new", "seen_at"]],
        things().astype({"is_new": "int8"}),
    ],
)
def test_any_change_of_a_table_changes_the_fingerprint(frame: pd.DataFrame) -> None:
    """A value, a name, a type, the order or number of rows or columns."""
    assert fingerprint([frame], {}) != fingerprint([things()], {})


def test_settings_and_the_number_of_tables_change_the_fingerprint() -> None:
    """The order of settings does not."""
    base = fingerprint([things()], {"seed": 1, "features": ["a", "b"]})
    assert fingerprint([things()], {"features": ["a", "b"], "seed": 1}) == base
    assert fingerprint([things()], {"seed": 2, "features": ["a", "b"]}) != base
    assert fingerprint([things()], {"seed": 1, "features": ["b", "a"]}) != base
    assert fingerprint([things(), things()], {"seed": 1, "features": ["a", "b"]}) != base


def test_rows_cannot_move_from_one_table_to_the_next_unseen() -> None:
    """Two tables of four rows are not one of six and one of two."""
    frame = things()
    assert fingerprint([frame[:4], frame[4:]], {}) != fingerprint([frame[:6], frame[6:]], {})


def test_trials_are_listed_best_first() -> None:
    """With what people compare: the score, other figures, the time and the settings."""
    trials = [_trial("forest", 0.4, leaf=5, depth=3), _trial("boosting", 0.3), _trial("linear", 0.4)]
    table = trials_table(TrainedModel(tiny_bundle(), trials, is_cut_by_budget=False, compared_by=BINARY_METRICS))
    assert table["family"].tolist() == ["boosting", "forest", "linear"]
    assert table.index.tolist() == [0, 1, 2]
    assert table[["features", "log_loss", "fit_seconds", "params"]].iloc[1].tolist() == ["native", 0.4, 1.3, "depth=3, leaf=5"]


def test_trials_are_listed_by_the_metric_that_decides() -> None:
    """The largest first where more of it is better."""
    trials = [_trial("forest", 0.4, leaf=5), _trial("boosting", 0.3)]
    by_growth = MetricSet(Metric("log_loss", greater_is_better=True))
    table = trials_table(TrainedModel(tiny_bundle(), trials, is_cut_by_budget=False, compared_by=by_growth))
    assert table["family"].tolist() == ["forest", "boosting"]
    assert "auc" not in table


def test_a_trained_model_may_come_without_figures() -> None:
    """Pictures are an extra."""
    model = TrainedModel(tiny_bundle(), [_trial("linear", 0.4)], is_cut_by_budget=False, compared_by=BINARY_METRICS)
    assert dict(model.figures) == {}
