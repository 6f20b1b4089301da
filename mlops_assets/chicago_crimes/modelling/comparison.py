"""Compare the platform's recipe with the original system's on the same test rows, from any crimes.

`mlops-assets quality` prints it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mlops_assets.chicago_crimes import defaults
from mlops_assets.chicago_crimes.modelling.evaluation import rate_by_type
from mlops_assets.chicago_crimes.modelling.resampling import ClassBalance, balance_classes
from mlops_assets.chicago_crimes.modelling.selection import select_features
from mlops_assets.chicago_crimes.modelling.training import train_arrest_model
from mlops_assets.chicago_crimes.modelling.training_window import split_training_window
from mlops_assets.ml.metrics import BinaryMetrics, evaluate_binary

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy as np
    import pandas as pd

    from mlops_assets.ml.search import Trial

ORIGINAL_FEATURES = (
    "iucr_code_frequency",
    "primary_type_frequency",
    "location_description_frequency",
    "local_weekday_sin",
    "x_ft",
    "y_ft",
    "distance_to_station_m",
)
"""The seven encoded features that the original system ended up with."""

_ORIGINAL_COLUMNS = (
    *("iucr_code", "primary_type", "location_description"),
    *("local_weekday", "x_ft", "y_ft", "distance_to_station_m"),
)
_ORIGINAL_BALANCE = ClassBalance(0.5, 0.8)
_SHOWN = ("auc", "average_precision", "mcc", "brier", "log_loss", "accuracy", "precision", "recall", "f1")


def compare_recipes(
    window: pd.DataFrame,
    stations: pd.DataFrame,
    *,
    tuning_trials: int,
    time_budget_seconds: float,
    on_trial: Callable[[Trial], None] | None = None,
) -> pd.DataFrame:
    """Train both recipes on the earlier 80 % of a window and measure them, and two baselines, on the latest 20 %.

    The original's recipe: its seven features, SMOTE 0.5 and undersampling 0.8, 100 boosted trees of depth 6 (XGBoost where it is
    installed), classes at probability 0.5. Its outliers are not removed from the test rows, so that all are measured on the same
    ones.

    Returns:
        One row per predictor: `predictor`, `row_count` and figures; `no_information_rate` goes with every accuracy.
    """
    import numpy as np

    from mlops_assets.chicago_crimes.modelling.preprocessing import fit_encoding

    development, test = split_training_window(window, defaults.SPLIT_STRATEGY, defaults.TEST_SHARE, defaults.VALIDATION_SHARE)
    moment = window["occurred_at"]
    ours = train_arrest_model(
        development,
        *fit_encoding(development),
        select_features(development, defaults.MINIMUM_INFORMATION, defaults.SEED),
        stations,
        window=(moment.min().to_pydatetime(), moment.max().to_pydatetime()),
        tuning_trials=tuning_trials,
        time_budget_seconds=time_budget_seconds,
        seed=defaults.SEED,
        on_trial=on_trial,
    ).bundle
    probabilities = {
        f"platform: {ours.provenance.estimator_name}": (ours.predict(test)["probability"].to_numpy(), ours.predictor.threshold),
        "original: 7 features, balanced": (_original_probability(development, test), 0.5),
        "baseline: arrest rate of the type": (rate_by_type(development, test), 0.5),
        "baseline: always no": (np.zeros(len(test)), 0.5),
    }
    outcome = test["is_arrest"].to_numpy(dtype=bool)
    figures = {name: evaluate_binary(outcome, *scored) for name, scored in probabilities.items()}
    return _table(figures)


def _original_probability(development: pd.DataFrame, test: pd.DataFrame) -> np.ndarray:
    from mlops_assets.chicago_crimes.modelling.preprocessing import make_features

    features, chosen = make_features("encoded", _ORIGINAL_COLUMNS), list(ORIGINAL_FEATURES)
    is_arrest = development["is_arrest"].to_numpy(dtype=bool)
    rows, outcome = balance_classes(features.fit_transform(development, is_arrest)[chosen], is_arrest, _ORIGINAL_BALANCE)
    return _original_estimator().fit(rows, outcome).predict_proba(features.transform(test)[chosen])[:, 1]


def _original_estimator() -> Any:
    from importlib.util import find_spec

    if find_spec("xgboost"):
        from xgboost import XGBClassifier

        return XGBClassifier(n_estimators=100, max_depth=6, random_state=1337)
    from sklearn.ensemble import HistGradientBoostingClassifier

    return HistGradientBoostingClassifier(max_iter=100, max_depth=6, early_stopping=False, random_state=1337)


def _table(figures: dict[str, BinaryMetrics]) -> pd.DataFrame:
    import pandas as pd

    rows = [
        {
            "predictor": name,
            "row_count": metrics.row_count,
            **{figure: getattr(metrics, figure) for figure in _SHOWN},
            "no_information_rate": metrics.no_information_rate,
        }
        for name, metrics in figures.items()
    ]
    return pd.DataFrame(rows)
