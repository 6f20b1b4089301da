"""Compare the platform's choice with the original system's model and others, by repeated cross-validation.

`mlops-assets song-quality` prints it.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from mlops_assets.ml.metrics import evaluate_binary
from mlops_assets.song_preference import defaults
from mlops_assets.song_preference.modelling.baselines import always_like, original_svc, random_forest
from mlops_assets.song_preference.modelling.candidates import preference_candidates
from mlops_assets.song_preference.modelling.cross_validation import choose_threshold
from mlops_assets.song_preference.modelling.features import FEATURE_SETS
from mlops_assets.song_preference.modelling.splitting import repeated_folds
from mlops_assets.song_preference.modelling.training import choose_candidate

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import numpy as np
    import pandas as pd

    from mlops_assets.ml.search import SearchResult, Trial
    from mlops_assets.song_preference.modelling.baselines import Baseline

FOLDS, REPEATS = 5, 5
FIGURES = ("auc", "f1", "accuracy", "balanced_accuracy", "brier", "log_loss")

_OTHERS: dict[str, Baseline] = {
    "original: SVC, 4 features": original_svc,
    "forest: 13 features": random_forest,
    "baseline: always like": always_like,
}


def compare_choices(
    songs: pd.DataFrame,
    *,
    tuning_trials: int,
    time_budget_seconds: float,
    families: Sequence[str] = (),
    repeats: int = REPEATS,
    on_trial: Callable[[Trial], None] | None = None,
    on_fold: Callable[[], None] | None = None,
) -> pd.DataFrame:
    """Measure the platform's choice, the original system's model, a random forest and always-like on the same folds.

    The platform chooses once, on all songs, as it does on training songs; what it chose is fitted anew in each fold, without the
    fold's songs. Its threshold for a fold is chosen by what was said of the other folds' songs.

    Args:
        songs: rows of the contract `DATASET`.
        tuning_trials: configurations tried after the defaults of every candidate.
        time_budget_seconds: no trial starts after this.
        families: kinds of model that the platform chooses from; all that are installed if empty.
        repeats: of the cross-validation.
        on_trial: called after each trial of the choice.
        on_fold: called after each fold.

    Returns:
        One row per predictor: `predictor`, and for each figure its mean over the folds under its name and its standard deviation
        over the repetitions' means as `…_deviation`.
    """
    choice = choose_candidate(
        songs,
        preference_candidates(families),
        tuning_trials=tuning_trials,
        time_budget_seconds=time_budget_seconds,
        folds=defaults.FOLDS,
        repeats=defaults.REPEATS,
        seed=defaults.SEED,
        on_trial=on_trial,
    )
    # Other folds than those of the choice.
    folds = repeated_folds(songs, FOLDS, repeats, defaults.SEED + defaults.REPEATS)
    predictors: dict[str, Callable[[pd.DataFrame, pd.DataFrame], tuple[np.ndarray, float | None]]] = {
        f"platform: {choice.best.name}": partial(_score_by, choice),
        **{name: partial(_score_baseline, baseline) for name, baseline in _OTHERS.items()},
    }
    scores: dict[str, list[tuple[np.ndarray, float | None]]] = {name: [] for name in predictors}
    for training, test in folds:
        for name, score in predictors.items():
            scores[name].append(score(songs.iloc[training], songs.iloc[test]))
        if on_fold is not None:
            on_fold()
    return _table(songs["is_liked"].to_numpy(dtype=bool), folds, scores)


def _score_by(choice: SearchResult, training: pd.DataFrame, songs: pd.DataFrame) -> tuple[np.ndarray, None]:
    names = list(FEATURE_SETS[choice.best_candidate.labels["features"]])
    model = choice.best_candidate.build(choice.best.params, defaults.SEED)
    model.fit(training[names], training["is_liked"].to_numpy(dtype=bool))
    return model.predict_proba(songs[names])[:, 1], None


def _score_baseline(baseline: Baseline, training: pd.DataFrame, songs: pd.DataFrame) -> tuple[np.ndarray, float]:
    scored = baseline(training, songs)
    return scored.probability, scored.threshold


def _table(
    is_liked: np.ndarray, folds: list[tuple[np.ndarray, np.ndarray]], scores: dict[str, list[tuple[np.ndarray, float | None]]]
) -> pd.DataFrame:
    import numpy as np
    import pandas as pd

    rows = []
    for name, of_folds in scores.items():
        repetitions = []
        for first in range(0, len(folds), FOLDS):
            part = range(first, first + FOLDS)
            said = np.empty(len(is_liked))
            for number in part:
                said[folds[number][1]] = of_folds[number][0]
            figures = []
            for number in part:
                training, test = folds[number]
                threshold = of_folds[number][1]
                chosen = choose_threshold(is_liked[training], said[training]) if threshold is None else threshold
                found = evaluate_binary(is_liked[test], said[test], chosen)
                figures.append([getattr(found, figure) for figure in FIGURES])
            repetitions.append(np.array(figures, dtype="float64").mean(axis=0))
        means, deviations = np.mean(repetitions, axis=0), np.std(repetitions, axis=0, ddof=1)
        rows.append(
            {
                "predictor": name,
                **dict(zip(FIGURES, means, strict=True)),
                **{f"{figure}_deviation": deviation for figure, deviation in zip(FIGURES, deviations, strict=True)},
            }
        )
    return pd.DataFrame(rows)
