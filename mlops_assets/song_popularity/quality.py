"""Print how the platform's model of popularity compares with the original's recipe on recorded tracks."""

from __future__ import annotations

from datetime import datetime, timezone
from pathlib import Path
from typing import TYPE_CHECKING

from rich.markup import escape
from rich.progress import Progress

from mlops_assets.contracts.frames import empty_frame
from mlops_assets.song_popularity.contracts import EVENTS, POPULARITY_LEVELS
from mlops_assets.song_popularity.events.history import HistoryRecord, build_history
from mlops_assets.song_popularity.modelling.comparison import FIGURES, FOLDS, compare_recipes
from mlops_assets.song_popularity.modelling.training_set import build_training_set, require_tracks
from mlops_assets.song_popularity.sources.recorded import read_recorded
from mlops_assets.terminal import new_table

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pandas as pd
    from rich.console import Console
    from rich.table import Table

    from mlops_assets.ml.training import TrainedModel

MINIMUM_TRACKS = 200
_NO_TIME = (datetime.fromtimestamp(0, timezone.utc),) * 2


def report_quality(console: Console, path: Path, tuning_trials: int, seconds: float, families: Sequence[str] = ()) -> None:
    """Read recorded tracks, compare predictors on those whose popularity is known, and print the figures.

    Args:
        console: where it is printed.
        path: a recording, or a folder of them.
        tuning_trials: configurations tried after the defaults of every candidate, in each fold.
        seconds: in each fold, no trial starts after this.
        families: kinds of model to choose from; all if empty.

    Raises:
        NotEnoughDataError: there are too few tracks whose popularity is known.
        SourceError: nothing can be read there.
    """
    tracks = read_tracks(console, path)
    require_tracks(tracks, MINIMUM_TRACKS)
    shares = tracks["popularity_level"].value_counts(normalize=True)
    of_levels = ", ".join(f"{shares[level]:.1%} {level}" for level in POPULARITY_LEVELS)
    console.print(f"{len(tracks):,} tracks with known popularity: {of_levels}", highlight=False)
    with Progress(console=console, transient=True) as progress:
        task = progress.add_task(f"{FOLDS} folds", total=FOLDS)

        def on_fold(trained: TrainedModel) -> None:
            progress.advance(task)
            cut = "; the time was over before all kinds were tried" if trained.is_cut_by_budget else ""
            progress.console.print(f"  fold learned by {trained.bundle.provenance.estimator_name}{cut}", highlight=False)

        comparison = compare_recipes(
            tracks, tuning_trials=tuning_trials, time_budget_seconds=seconds, families=families, on_fold=on_fold
        )
    console.print(_as_table(comparison, len(tracks)))
    platform = comparison.iloc[0]
    for row in (1, 2):
        other = comparison.iloc[row]
        for figure, sign in (("accuracy", 1), ("macro_f1", 1), ("log_loss", -1)):
            gain = sign * (platform[figure] - other[figure])
            console.print(
                f"{figure.replace('_', ' ')}: {'better' if gain > 0 else 'worse'} than the {other['predictor']} by {abs(gain):.4f}",
                highlight=False,
            )


def read_tracks(console: Console, path: Path) -> pd.DataFrame:
    """Return rows of the contract `TRAINING_SET` of the recorded tracks whose popularity is known, and say what is left out.

    A recording of tracks says neither when nor where anything happened: hour, kind of event and country are unknown.
    """
    history = build_history(HistoryRecord(record.file_name, record.position, record.fields) for record in read_recorded(path))
    unknown = int(history.tracks["popularity"].isna().sum())
    console.print(
        f"{history.record_count:,} records name {len(history.tracks):,} tracks, of which {unknown:,} have no known popularity",
        highlight=False,
    )
    if len(history.rejects):
        first = escape(history.rejects["reason"].iloc[0])
        console.print(f"[yellow]left out[/yellow]: {len(history.rejects):,} records, the first because {first}", highlight=False)
    return build_training_set(empty_frame(EVENTS), history.tracks, window=_NO_TIME)


def _as_table(comparison: pd.DataFrame, tracks: int) -> Table:
    """Return a row per figure and a column per predictor."""
    names = list(comparison["predictor"])
    table = new_table(f"Mean of {FOLDS} folds of {tracks:,} tracks, and deviation between folds", "figure", *names)
    for figure in FIGURES:
        cells = zip(comparison[figure], comparison[f"{figure}_deviation"], strict=True)
        table.add_row(figure.replace("_", " "), *(f"{value:.4f} ± {deviation:.3f}" for value, deviation in cells))
    return table
