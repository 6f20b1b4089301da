"""Which features say something about arrests, and which of them say the same thing twice."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mlops_assets.chicago_crimes.features import FEATURE_NAMES, FEATURES, SOURCE_COLUMNS

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

_CONTINUOUS = ("x_ft", "y_ft", "distance_to_station_m")
_CONTINUOUS_SAMPLE_ROWS = 20_000
"""Rows on which the information of a continuous column is estimated: the nearest-neighbour estimator costs seconds on all of
them."""


def select_features(
    train: pd.DataFrame, correlation: pd.DataFrame, minimum_information: float, largest_correlation: float, seed: int
) -> pd.DataFrame:
    """Score every feature and mark those that the model uses.

    The information of a feature is that of the column it is made from, measured on real fitting rows: balanced rows would credit
    features with what oversampling put there. Of a group of strongly correlated features the most informative one is used.

    Args:
        train: `train_split`.
        correlation: of the features, as `correlate_features` returns it.
        minimum_information: features that carry less are left out, in nats.
        largest_correlation: absolute correlation above which two features belong to one group.
        seed: of the sample on which continuous columns are judged.

    Returns:
        `selected_features`, the most informative feature first.
    """
    import pandas as pd

    fitting = ~train["is_validation"].to_numpy(dtype=bool)
    information = measure_information(train.loc[fitting, [*SOURCE_COLUMNS, "is_arrest"]], seed)
    groups = group_correlated(correlation, largest_correlation)
    scores = pd.DataFrame(
        {
            "feature": list(FEATURE_NAMES),
            "source_column": [FEATURES[name][0] for name in FEATURE_NAMES],
            "mutual_information": [information[FEATURES[name][0]] for name in FEATURE_NAMES],
            "correlation_group": groups,
        }
    ).sort_values("mutual_information", ascending=False, kind="stable", ignore_index=True)
    scores["reason"] = _reasons(scores, minimum_information)
    scores["is_selected"] = scores["reason"] == "selected"
    return scores.astype({"correlation_group": "int32"})


def measure_information(train: pd.DataFrame, seed: int) -> dict[str, float]:
    """Return the mutual information of each source column with `is_arrest`, in nats.

    Codes, flags and calendar columns are discrete: their plug-in estimate is corrected for the number of values (Miller and Madow),
    without which a column of many rare codes looks informative by chance. Positions and distance are continuous.
    """
    outcome = train["is_arrest"].to_numpy(dtype=bool)
    discrete = {name: _discrete_information(train[name], outcome) for name in SOURCE_COLUMNS if name not in _CONTINUOUS}
    return {**discrete, **_continuous_information(train, outcome, seed)}


def correlate_features(scaled_train: pd.DataFrame) -> pd.DataFrame:
    """Return the correlation matrix of the features on fitting rows; a feature that never varies correlates with nothing."""
    import numpy as np
    import pandas as pd

    fitting = ~scaled_train["is_validation"].to_numpy(dtype=bool)
    values = scaled_train.loc[fitting, list(FEATURE_NAMES)].to_numpy(dtype=np.float32)
    centred = values - values.mean(axis=0, dtype=np.float64).astype(np.float32)
    covariance = (centred.T @ centred).astype(np.float64)
    length = np.sqrt(np.diagonal(covariance))
    scale = np.outer(length, length)
    correlation = np.divide(covariance, scale, out=np.zeros_like(covariance), where=scale > 0)
    return pd.DataFrame(correlation, index=list(FEATURE_NAMES), columns=list(FEATURE_NAMES))


def group_correlated(correlation: pd.DataFrame, largest_correlation: float) -> np.ndarray:
    """Return a group number per feature: features are in one group if a chain of strong correlations joins them."""
    from scipy.sparse.csgraph import connected_components

    _, groups = connected_components(correlation.abs().to_numpy() > largest_correlation, directed=False)
    return groups


def draw_selection(scores: pd.DataFrame, correlation: pd.DataFrame, minimum_information: float) -> dict[str, bytes]:
    """Draw the scores and the correlation of the features as PNG pictures by name."""
    from mlops_assets.ml.plots import plot_bars, plot_correlation

    return {
        "mutual_information": plot_bars(
            scores["feature"].tolist(),
            scores["mutual_information"].to_numpy(),
            "What each feature's column says about arrests",
            "mutual information (nat)",
            limit=minimum_information,
        ),
        "correlation": plot_correlation(correlation, "Correlation of features"),
    }


def selected_names(selected_features: pd.DataFrame) -> list[str]:
    """Return the names of the features that the model uses, in the order of `FEATURES`."""
    names = set(selected_features.loc[selected_features["is_selected"].astype(bool), "feature"])
    return [name for name in FEATURE_NAMES if name in names]


def _reasons(scores: pd.DataFrame, minimum_information: float) -> list[str]:
    """Say of each feature, the most informative first, whether it is selected or why not."""
    leader_of_group: dict[int, str] = {}
    reasons = []
    columns = (scores[name].tolist() for name in ("feature", "mutual_information", "correlation_group"))
    for feature, information, group in zip(*columns, strict=True):
        if information < minimum_information:
            reasons.append(f"carries less than {minimum_information:g} nats")
        elif group in leader_of_group:
            reasons.append(f"says the same as {leader_of_group[group]}")
        else:
            leader_of_group[group] = feature
            reasons.append("selected")
    return reasons


def _discrete_information(values: pd.Series, outcome: np.ndarray) -> float:
    import numpy as np
    import pandas as pd

    codes, _ = pd.factorize(values, use_na_sentinel=False)
    counts = np.bincount(codes * 2 + outcome, minlength=2 * (codes.max() + 1)).reshape(-1, 2)
    joint = counts / counts.sum()
    expected = joint.sum(axis=1, keepdims=True) * joint.sum(axis=0, keepdims=True)
    seen = joint > 0
    plug_in = float((joint[seen] * np.log(joint[seen] / expected[seen])).sum())
    bias = (len(counts) - 1) / (2 * len(outcome))
    return max(plug_in - bias, 0.0)


def _continuous_information(train: pd.DataFrame, outcome: np.ndarray, seed: int) -> dict[str, float]:
    import numpy as np
    from sklearn.feature_selection import mutual_info_classif

    known = np.flatnonzero(train[list(_CONTINUOUS)].notna().all(axis=1).to_numpy())
    sample = np.random.default_rng(seed).permutation(known)[:_CONTINUOUS_SAMPLE_ROWS]
    if len(sample) < 2 or len(np.unique(outcome[sample])) < 2:
        return dict.fromkeys(_CONTINUOUS, 0.0)
    values = train[list(_CONTINUOUS)].to_numpy(dtype=np.float64)[sample]
    information = mutual_info_classif(values, outcome[sample], discrete_features=False, random_state=seed)
    return dict(zip(_CONTINUOUS, information.tolist(), strict=True))
