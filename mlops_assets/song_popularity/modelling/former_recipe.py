"""The original's recipe, without its leak: a forest on hour, kind and country of tracks whose popularity is known."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mlops_assets.song_popularity.modelling.features import event_features

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

_SEED = 42


def former_probabilities(train: pd.DataFrame, outcome: np.ndarray, test: pd.DataFrame, classes: int) -> np.ndarray:
    """Return the probabilities of test tracks by the original's forest: the hour, standardised, and dummies of kind and country.

    The original makes the dummies of all rows at once; here those of a test track that no training track has are left out.

    Args:
        train: training tracks.
        outcome: their classes as numbers.
        test: test tracks.
        classes: how many there are.
    """
    import numpy as np
    import pandas as pd
    from sklearn.ensemble import RandomForestClassifier
    from sklearn.preprocessing import StandardScaler

    def dummies(tracks: pd.DataFrame) -> pd.DataFrame:
        features = event_features(tracks)
        encoded = pd.get_dummies(features[["event_type", "country"]].astype(str), drop_first=True, dtype=float)
        return encoded.assign(hour_of_day=features["hour_of_day"].fillna(0))

    known = dummies(train)
    scaler = StandardScaler().fit(known[["hour_of_day"]])
    given = [rows.assign(hour_of_day=scaler.transform(rows[["hour_of_day"]])[:, 0]) for rows in (known, dummies(test))]
    forest = RandomForestClassifier(n_estimators=200, max_depth=15, random_state=_SEED, n_jobs=-1).fit(given[0], outcome)
    probabilities = np.zeros((len(test), classes))
    probabilities[:, forest.classes_] = forest.predict_proba(given[1].reindex(columns=given[0].columns, fill_value=0.0))
    return probabilities
