"""The demonstration: dropped playlists to a model, a promotion decision, and what it says of the songs that nobody has labelled."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.markup import escape

from mlops_assets.orchestration.demo import Demo, DemoStep, Question
from mlops_assets.orchestration.lake_io import read_partition
from mlops_assets.partition import Partition
from mlops_assets.song_preference import DOMAIN
from mlops_assets.song_preference.assets.bootstrap import playlist_keys
from mlops_assets.song_preference.contracts import DATA_INFO, REJECTED_SONGS, SONGS
from mlops_assets.song_preference.model_contracts import PREFERENCE_CHAMPION, PREFERENCE_EVALUATION, PREFERENCE_PREDICTIONS
from mlops_assets.song_preference.modelling.training import MODEL_NAME
from mlops_assets.song_preference.partitions import PLAYLISTS
from mlops_assets.stores.models.versions import CHAMPION, registered_name
from mlops_assets.terminal import new_table

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from datetime import datetime

    import pandas as pd
    from rich.console import Console
    from rich.table import Table

    from mlops_assets.contracts import TableContract
    from mlops_assets.song_preference.sources.base import PlaylistSource
    from mlops_assets.stores.registry import Stores

_QUICK = {"ops": {f"{DOMAIN}__preference_model": {"config": {"tuning_trials": 0, "repeats": 1}}}}
"""The defaults of each candidate, measured once, keep the demonstration short."""
_SHOWN_SONGS = 5


def build_demo(open_source: Callable[[Stores], PlaylistSource]) -> Demo:
    """Return the demonstration on the playlists of a source, which is opened when it begins."""

    def steps(stores: Stores, _now: datetime) -> Iterator[DemoStep]:
        source = open_source(stores)
        keys = playlist_keys(source)
        yield DemoStep(f"Register the playlists of {source.describe()}", "register_playlists")
        for key in keys:
            yield DemoStep(f"Read {key}", "read_playlists", key)
        yield DemoStep("Put the labelled songs together", "make_song_dataset")
        yield DemoStep("Train and evaluate, decide about the champion", "train_song_preference", run_config=_QUICK)
        # What has been read says which playlists have songs without labels.
        for key in keys:
            if _read(stores, SONGS, key)["is_liked"].isna().any():
                yield DemoStep(f"Score {key}", "score_playlists", key)

    return Demo("from dropped playlists to a champion's opinion of new songs", steps, _report, _question)


def _question(stores: Stores) -> Question | None:
    """Ask about the first song that nobody has labelled."""
    scored = stores.warehouse(DOMAIN).read(PREFERENCE_PREDICTIONS)
    if scored.empty:
        return None
    key, song_key = scored.sort_values(["playlist_key", "position"]).iloc[0][["playlist_key", "song_key"]]
    songs = _read(stores, SONGS, key)
    song = songs[songs["song_key"] == song_key].iloc[0]
    named = f"{song['title']} by {song['artist']}" if isinstance(song["title"], str) else f"song {song_key}"
    champion = stores.models().version_by_alias(registered_name(DOMAIN, MODEL_NAME), CHAMPION)
    assert champion is not None
    inputs = stores.models().load(champion).input_contract.column_names
    record = {name: None if song[name] != song[name] else float(song[name]) for name in inputs}
    return Question(DOMAIN, MODEL_NAME, record, named)


def _report(console: Console, stores: Stores, _now: datetime) -> None:
    lake, warehouse = stores.lake(DOMAIN), stores.warehouse(DOMAIN)
    info = read_partition(lake, DATA_INFO, None).set_index("column_name").loc["is_liked"]
    console.print(f"{int(info['value_count']):,} labelled songs, {info['mean']:.0%} liked.")
    rejects = [_read(stores, REJECTED_SONGS, key) for key in lake.partitions((DOMAIN, REJECTED_SONGS.name))]
    for rows in rejects:
        for _, row in rows[rows["reason_code"] == "unreadable_file"].iterrows():
            console.print(f"[yellow]{row['playlist_key']}[/yellow] could not be read: {escape(row['reason'])}")
    console.print(f"{sum(map(len, rejects)):,} records are kept as rejects, each with its reason.")
    console.print(_evaluation_table(warehouse.read(PREFERENCE_EVALUATION)))
    for _, row in warehouse.read(PREFERENCE_CHAMPION).iterrows():
        console.print(f"Version {row['challenger_version']}: [bold]{row['decision']}[/bold]. {escape(row['reason'])}")
    for key, rows in warehouse.read(PREFERENCE_PREDICTIONS).groupby("playlist_key"):
        liked = f"{rows['is_like_predicted'].mean():.0%} of them liked"
        console.print(f"{key}: {len(rows):,} songs without a label scored by version {rows['model_version'].iloc[0]}, {liked}.")
        for _, row in rows.nlargest(_SHOWN_SONGS, "like_probability").iterrows():
            named = f"{row['title']} by {row['artist']}" if isinstance(row["title"], str) else f"song {row['song_key']}"
            console.print(f"  {row['like_probability']:.0%}  {escape(named)}", highlight=False)


def _evaluation_table(evaluation: pd.DataFrame) -> Table:
    """Return a row per metric and a column per predictor, of the newest version."""
    newest = evaluation[evaluation["model_version"] == evaluation["model_version"].max()]
    predictors = ["model", *sorted(set(newest["predictor"]) - {"model"})]
    songs = int(newest["row_count"].iloc[0])
    names = [predictor.replace("_", " ") for predictor in predictors]
    table = new_table(f"On {songs:,} test songs; of the model with 95 % intervals", "figure", *names)
    for metric, rows in newest.groupby("metric", sort=False):
        by_predictor = rows.set_index("predictor").loc[predictors]
        cells = [f"{value:.3f}" for value in by_predictor["value"]]
        cells[predictors.index("model")] += " ({value_low:.3f} to {value_high:.3f})".format(**by_predictor.loc["model"])
        table.add_row(str(metric).replace("_", " "), *cells)
    return table


def _read(stores: Stores, contract: TableContract, key: str) -> pd.DataFrame:
    assert PLAYLISTS.name is not None
    return read_partition(stores.lake(DOMAIN), contract, Partition(PLAYLISTS.name, key))
