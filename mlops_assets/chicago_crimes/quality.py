"""Compare the platform's recipe with the original system's on the same test rows, from any crimes.

`mlops-assets quality` prints it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mlops_assets.chicago_crimes import recipe
from mlops_assets.chicago_crimes.balancing import balance_classes
from mlops_assets.chicago_crimes.evaluation import rate_by_type
from mlops_assets.chicago_crimes.selection import correlate_features, select_features
from mlops_assets.chicago_crimes.training import train_arrest_model
from mlops_assets.chicago_crimes.training_window import split_training_window
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
    "distance_to_station_log",
)
"""The seven features that the original system ended up with."""

_ORIGINAL_RATIOS = (0.5, 0.8)
_SHOWN = ("auc", "average_precision", "mcc", "brier", "log_loss", "accuracy", "precision", "recall", "f1")


def compare_recipes(
    window: pd.DataFrame,
    stations: pd.DataFrame,
    *,
    trials_per_candidate: int,
    time_budget_seconds: float,
    on_trial: Callable[[Trial], None] | None = None,
) -> pd.DataFrame:
    """Train both recipes on the earlier 80 % of a window and measure them, and two baselines, on the latest 20 %.

    The original's recipe: its seven features, SMOTE 0.5 and undersampling 0.8, 100 boosted trees of depth 6 (XGBoost where it is
    installed), classes at probability 0.5. Its outliers are not removed from the test rows, so that all are measured on the same
    ones.

    Returns:
        One row per predictor: `predictor`, `row_count` and figures; `always_no_accuracy` goes with every accuracy.
    """
    import numpy as np

    from mlops_assets.chicago_crimes.preprocessing import fit_preprocessing, scale_test

    train, test = split_training_window(window, recipe.SPLIT_STRATEGY, recipe.TEST_SHARE, recipe.VALIDATION_SHARE)
    preprocessor, scaled_train = fit_preprocessing(train)
    balanced = balance_classes(scaled_train, recipe.OVERSAMPLED_RATIO, recipe.UNDERSAMPLED_RATIO, recipe.BALANCE_SEED)
    correlation = correlate_features(scaled_train)
    selected = select_features(train, correlation, recipe.MINIMUM_INFORMATION, recipe.LARGEST_CORRELATION, recipe.SEED)
    moment = window["occurred_at"]
    ours = train_arrest_model(
        train,
        scaled_train,
        balanced,
        selected,
        preprocessor,
        stations,
        window=(moment.min().to_pydatetime(), moment.max().to_pydatetime()),
        trials_per_candidate=trials_per_candidate,
        time_budget_seconds=time_budget_seconds,
        seed=recipe.SEED,
        on_trial=on_trial,
    ).bundle
    scaled_test = scale_test(preprocessor, test)
    # The original has no validation rows: all train rows are balanced and fitted on.
    original_rows = balance_classes(scaled_train.assign(is_validation=False), *_ORIGINAL_RATIOS, recipe.BALANCE_SEED)
    probabilities = {
        f"platform: {ours.estimator_name}": (ours.predict_probability(test), ours.require_threshold()),
        "original: 7 features, balanced": (_original_probability(original_rows, scaled_test), 0.5),
        "baseline: arrest rate of the type": (rate_by_type(train, test), 0.5),
        "baseline: always no": (np.zeros(len(test)), 0.5),
    }
    outcome = test["is_arrest"].to_numpy(dtype=bool)
    figures = {name: evaluate_binary(outcome, *scored) for name, scored in probabilities.items()}
    return _table(figures)


def _original_probability(rows: pd.DataFrame, scaled_test: pd.DataFrame) -> np.ndarray:
    features = list(ORIGINAL_FEATURES)
    model = _original_estimator().fit(rows[features], rows["is_arrest"].to_numpy(dtype=bool))
    return model.predict_proba(scaled_test[features])[:, 1]


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
            "always_no_accuracy": metrics.always_no_accuracy,
        }
        for name, metrics in figures.items()
    ]
    return pd.DataFrame(rows)
