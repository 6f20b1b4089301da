"""A model small enough to check by hand, for tests of everything that handles bundles: large things are blue."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timezone
from typing import Any

import pandas as pd

from mlops_assets.contracts import Column, TableContract
from mlops_assets.ml.bundle import Bundle, Provenance
from mlops_assets.ml.drift import build_profile
from mlops_assets.ml.predictors import BinaryClassifier

THINGS = TableContract(
    domain="examples",
    name="things",
    description="One row per thing.",
    columns=(
        Column("kind", "string", "What it is.", allowed=("ball", "box")),
        Column("size_m", "float64", "How large it is.", "metre", nullable=True, minimum=0),
        Column("is_new", "bool", "Whether it is new."),
        Column("seen_at", "timestamp", "When it was seen."),
    ),
    key=("kind", "seen_at"),
)


TinyBundle = Bundle[BinaryClassifier]


def things() -> pd.DataFrame:
    """Return eight things as the lake would give them."""
    return pd.DataFrame(
        {
            "kind": pd.array(["ball", "box"] * 4, dtype="string[pyarrow]"),
            "size_m": [0.1, 0.2, 0.3, 0.4, 1.6, 1.7, 1.8, 1.9],
            "is_new": [True, False] * 4,
            "seen_at": pd.date_range("2024-01-01", periods=8, freq="h", tz="UTC", unit="us"),
        }
    )


def tiny_provenance(**changes: Any) -> Provenance:
    """Return where a tiny model comes from, with some of its fields changed."""
    provenance = Provenance(
        name="colour_model",
        estimator_name="logistic_regression",
        fingerprint="a" * 64,
        training_start_at=datetime(2024, 1, 1, tzinfo=timezone.utc),
        training_end_at=datetime(2024, 2, 1, tzinfo=timezone.utc),
        training_rows=8,
        seed=7,
        metrics={"auc": 1.0, "mcc": 0.5, "lift": None},
        baseline_metrics={"majority_class": {"auc": 0.5, "mcc": 0.0}},
        feature_names=("kind_ball", "kind_box", "size_m"),
    )
    return replace(provenance, **changes)


def tiny_pipeline(colours: Sequence[int] = (0, 0, 0, 0, 1, 1, 1, 1)) -> Any:
    """Return a pipeline fitted on the colours of the eight things."""
    from sklearn.compose import make_column_transformer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import OneHotEncoder

    encode = make_column_transformer((OneHotEncoder(handle_unknown="ignore"), ["kind"]), ("passthrough", ["size_m"]))
    return make_pipeline(encode, LogisticRegression()).fit(things(), list(colours))


def tiny_bundle(*, pipeline: Any = None, threshold: float = 0.5, **changes: Any) -> TinyBundle:
    """Return a fitted bundle, with some fields of its provenance changed."""
    predictor = BinaryClassifier(tiny_pipeline() if pipeline is None else pipeline, threshold)
    return Bundle(predictor, tiny_provenance(**changes), THINGS, build_profile(things(), ["size_m"], ["kind"]))
