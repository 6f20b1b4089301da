"""Print how the platform's choice compares with the original system's model on labelled songs."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from rich.markup import escape
from rich.progress import Progress

from mlops_assets.errors import NotEnoughDataError
from mlops_assets.song_preference.modelling.comparison import FIGURES, FOLDS, REPEATS, compare_choices
from mlops_assets.song_preference.modelling.splitting import require_enough
from mlops_assets.song_preference.songs.dataset import build_dataset
from mlops_assets.song_preference.songs.parsing import parse_playlist
from mlops_assets.song_preference.sources.base import content_digest, listener_of, playlist_key
from mlops_assets.song_preference.sources.export import ExportPlaylistSource
from mlops_assets.terminal import new_table

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pandas as pd
    from rich.console import Console
    from rich.table import Table

MINIMUM_SONGS = 40


def report_quality(console: Console, path: Path, listeners: Sequence[str], tuning_trials: int, seconds: float) -> None:
    """Read playlists, compare predictors on their labelled songs, print the figures and by how much the platform's are better.

    Raises:
        NotEnoughDataError: there are too few labelled songs.
    """
    songs = build_dataset(_read_songs(console, path), listeners).songs
    require_enough(songs, MINIMUM_SONGS)
    console.print(f"{len(songs):,} labelled songs, {songs['is_liked'].mean():.1%} liked")
    console.print("Log loss in cross-validation, and how long the fits took:")
    with Progress(console=console, transient=True) as progress:
        task = progress.add_task(f"{REPEATS} x {FOLDS} folds", total=REPEATS * FOLDS)
        comparison = compare_choices(
            songs,
            tuning_trials=tuning_trials,
            time_budget_seconds=seconds,
            on_trial=lambda trial: console.print(
                f"  {trial.metrics['log_loss']:.4f} in {trial.fit_seconds:.1f} s: {trial.name}", highlight=False
            ),
            on_fold=lambda: progress.advance(task),
        )
    console.print(_as_table(comparison, len(songs)))
    for predictor in comparison["predictor"]:
        console.print(f"  {predictor}", highlight=False)
    platform = comparison.iloc[0]
    for row, whom in ((1, "the original's SVC"), (2, "a random forest")):
        other = comparison.iloc[row]
        for figure, sign in (("auc", 1), ("f1", 1), ("brier", -1)):
            gain = sign * (platform[figure] - other[figure])
            console.print(f"{figure}: {'better' if gain > 0 else 'worse'} than {whom} by {abs(gain):.4f}", highlight=False)


def _read_songs(console: Console, path: Path) -> pd.DataFrame:
    import pandas as pd

    source, parts, seen = ExportPlaylistSource(path), [], set[str]()
    for file in source.files():
        body = source.read(file.name)
        if content_digest(body) in seen:
            continue
        seen.add(content_digest(body))
        parsed = parse_playlist(playlist_key(file.name, body), file.name, listener_of(file.name), body)
        unreadable = parsed.rejects[parsed.rejects["reason_code"] == "unreadable_file"]
        for reason in unreadable["reason"]:
            console.print(f"[yellow]left out[/yellow]: {escape(reason)}", highlight=False)
        rejected = len(parsed.rejects) - len(unreadable)
        if rejected:
            first = escape(parsed.rejects["reason"].iloc[0])
            console.print(
                f"{file.name}: {rejected} of {rejected + len(parsed.songs)} records rejected, e.g. {first}", highlight=False
            )
        parts.append(parsed.songs)
    if not parts:
        raise NotEnoughDataError(f"{source.describe()}: there is none")
    return pd.concat(parts, ignore_index=True)


def _as_table(comparison: pd.DataFrame, songs: int) -> Table:
    """Return a row per figure and a column per predictor, of which there are few."""
    names = [name.partition(":")[0] if not name.startswith("baseline") else "always like" for name in comparison["predictor"]]
    table = new_table(
        f"Mean of {REPEATS} x {FOLDS} folds of {songs:,} songs, and its deviation between repetitions", "figure", *names
    )
    for figure in FIGURES:
        cells = zip(comparison[figure], comparison[f"{figure}_deviation"], strict=True)
        table.add_row(figure.replace("_", " "), *(f"{value:.4f} ± {deviation:.3f}" for value, deviation in cells))
    return table
