"""Which columns say something about arrests."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mlops_assets.chicago_crimes.modelling.features import COLUMNS, SOURCE_COLUMNS

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

_CONTINUOUS = ("x_ft", "y_ft", "distance_to_station_m")
_CONTINUOUS_SAMPLE_ROWS = 20_000
"""Rows on which the information of a continuous column is estimated: the nearest-neighbour estimator costs seconds on all of
them."""


def select_features(development: pd.DataFrame, minimum_information: float, seed: int) -> pd.DataFrame:
    """Measure the information of every column on training rows and mark those of which features are made.

    Columns that say the same are all used: every kind of model copes with them, and leaving them out brought nothing.

    Args:
        development: `development_split`.
        minimum_information: columns that carry less are left out, in nats.
        seed: of the sample on which continuous columns are measured.

    Returns:
        `selected_features`, the most informative column first.
    """
    import pandas as pd

    is_training = ~development["is_validation"].to_numpy(dtype=bool)
    information = measure_information(development.loc[is_training, [*SOURCE_COLUMNS, "is_arrest"]], seed)
    scores = pd.DataFrame({"feature": list(COLUMNS), "mutual_information": [information[name] for name in COLUMNS]})
    scores["is_selected"] = scores["mutual_information"] >= minimum_information
    return scores.sort_values("mutual_information", ascending=False, kind="stable", ignore_index=True)


def measure_information(crimes: pd.DataFrame, seed: int) -> dict[str, float]:
    """Return the mutual information of each column of `COLUMNS` with `is_arrest`, in nats.

    Codes, flags and calendar columns are discrete: their plug-in estimate is corrected for the number of values (Miller and Madow),
    without which a column of many rare codes looks informative by chance. Positions and distance are continuous.
    """
    from mlops_assets.chicago_crimes.modelling.preprocessing import derive_columns

    outcome, columns = crimes["is_arrest"].to_numpy(dtype=bool), derive_columns(crimes)
    discrete = {name: _discrete_information(columns[name], outcome) for name in COLUMNS if name not in _CONTINUOUS}
    return {**discrete, **_continuous_information(columns, outcome, seed)}


def draw_selection(scores: pd.DataFrame, minimum_information: float) -> dict[str, bytes]:
    """Draw the information of the columns as a PNG picture by name."""
    from mlops_assets.ml.plots import plot_bars

    return {
        "mutual_information": plot_bars(
            scores["feature"].tolist(),
            scores["mutual_information"].to_numpy(),
            "What each column says about arrests",
            "mutual information (nat)",
            limit=minimum_information,
        )
    }


def selected_names(selected_features: pd.DataFrame) -> list[str]:
    """Return the names of the columns of which features are made, in the order of `COLUMNS`."""
    names = set(selected_features.loc[selected_features["is_selected"].astype(bool), "feature"])
    return [name for name in COLUMNS if name in names]


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


def _continuous_information(crimes: pd.DataFrame, outcome: np.ndarray, seed: int) -> dict[str, float]:
    import numpy as np
    from sklearn.feature_selection import mutual_info_classif

    known = np.flatnonzero(crimes[list(_CONTINUOUS)].notna().all(axis=1).to_numpy())
    sample = np.random.default_rng(seed).permutation(known)[:_CONTINUOUS_SAMPLE_ROWS]
    if len(sample) < 2 or len(np.unique(outcome[sample])) < 2:
        return dict.fromkeys(_CONTINUOUS, 0.0)
    values = crimes[list(_CONTINUOUS)].to_numpy(dtype=np.float64)[sample]
    information = mutual_info_classif(values, outcome[sample], discrete_features=False, random_state=seed)
    return dict(zip(_CONTINUOUS, information.tolist(), strict=True))
