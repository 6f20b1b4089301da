"""Compare the platform's model with the original system's recipe and the commonest class, by cross-validation over songs.

`mlops-assets popularity-quality` prints it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from mlops_assets.ml.multiclass import class_figures, confusion_counts, measure_classes
from mlops_assets.song_popularity import defaults
from mlops_assets.song_popularity.contracts import POPULARITY_LEVELS
from mlops_assets.song_popularity.levels import level_numbers
from mlops_assets.song_popularity.modelling.evaluation import class_shares, predicted_probabilities
from mlops_assets.song_popularity.modelling.former_recipe import former_probabilities
from mlops_assets.song_popularity.modelling.training import train_popularity_model

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import numpy as np
    import pandas as pd

    from mlops_assets.ml.search import Trial
    from mlops_assets.ml.training import TrainedModel

FOLDS = 5
FIGURES = ("accuracy", "macro_f1", "log_loss", "balanced_accuracy", *(f"f1_of_{level}" for level in POPULARITY_LEVELS))

PLATFORM, ORIGINAL, MAJORITY = "platform", "original's recipe", "commonest class"
_CLASSES = len(POPULARITY_LEVELS)


def compare_recipes(
    tracks: pd.DataFrame,
    *,
    tuning_trials: int,
    time_budget_seconds: float,
    families: Sequence[str] = (),
    folds: int = FOLDS,
    on_trial: Callable[[Trial], None] | None = None,
    on_fold: Callable[[TrainedModel], None] | None = None,
) -> pd.DataFrame:
    """Measure, on the same folds, the platform's model, the original's recipe without its leak, and the commonest class.

    In each fold all three know its training tracks alone: the platform chooses among its candidates anew, by validation tracks of
    its own. Releases of a song, of one artist under one title, are in one fold.

    Args:
        tracks: rows of the contract `TRAINING_SET`.
        tuning_trials: configurations tried after the defaults of every candidate, in each fold.
        time_budget_seconds: in each fold, no trial starts after this.
        families: kinds of model that the platform chooses from; all if empty.
        folds: of the cross-validation, at least 2.
        on_trial: called after each trial.
        on_fold: called after each fold with the model that the platform chose, and how.

    Returns:
        One row per predictor: `predictor`, and for each figure its mean over the folds under its name and its standard deviation
        over them as `…_deviation`.
    """
    figures: dict[str, list[list[float]]] = {PLATFORM: [], ORIGINAL: [], MAJORITY: []}
    for training, held_out in song_folds(tracks, folds, defaults.SEED):
        train, test = (tracks.iloc[positions].reset_index(drop=True) for positions in (training, held_out))
        trained = train_popularity_model(
            train,
            window=None,
            tuning_trials=tuning_trials,
            time_budget_seconds=time_budget_seconds,
            families=families,
            on_trial=on_trial,
        )
        learned, outcome = level_numbers(train["popularity_level"]), level_numbers(test["popularity_level"])
        figures[PLATFORM].append(_figures(outcome, predicted_probabilities(trained.bundle, test)))
        figures[ORIGINAL].append(_figures(outcome, former_probabilities(train, learned, test, _CLASSES)))
        figures[MAJORITY].append(_figures(outcome, class_shares(learned, len(test))))
        if on_fold is not None:
            on_fold(trained)
    return _table(figures)


def song_folds(tracks: pd.DataFrame, folds: int, seed: int) -> list[tuple[np.ndarray, np.ndarray]]:
    """Return positions of training and held-out tracks of every fold, stratified by class; releases of a song stay together."""
    import numpy as np
    from sklearn.model_selection import StratifiedGroupKFold

    artist, title = (tracks[name].astype("string[pyarrow]").str.casefold().str.strip() for name in ("artist", "track_name"))
    # A track of which either is unknown is a song of its own.
    song = (artist + "\n" + title).fillna(tracks["track_id"].astype("string[pyarrow]")).astype(object)
    splitter = StratifiedGroupKFold(folds, shuffle=True, random_state=seed)
    return list(splitter.split(np.zeros(len(tracks)), level_numbers(tracks["popularity_level"]), song))


def _figures(outcome: np.ndarray, probabilities: np.ndarray) -> list[float]:
    metrics = measure_classes(outcome, probabilities, _CLASSES).metrics
    f1 = class_figures(confusion_counts(outcome, probabilities, _CLASSES))["f1"]
    named = {**metrics, **{f"f1_of_{level}": float(value) for level, value in zip(POPULARITY_LEVELS, f1, strict=True)}}
    return [named[figure] for figure in FIGURES]


def _table(figures: dict[str, list[list[float]]]) -> pd.DataFrame:
    import numpy as np
    import pandas as pd

    rows = []
    for predictor, of_folds in figures.items():
        means, deviations = np.mean(of_folds, axis=0), np.std(of_folds, axis=0, ddof=1)
        rows.append(
            {
                "predictor": predictor,
                **dict(zip(FIGURES, means, strict=True)),
                **{f"{figure}_deviation": deviation for figure, deviation in zip(FIGURES, deviations, strict=True)},
            }
        )
    return pd.DataFrame(rows)
