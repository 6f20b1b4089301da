"""The whole graph on a folder of dropped playlists: what a person sees after the jobs have run."""

import gzip
import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import dagster as dg
import numpy as np
import pandas as pd
import pytest
from rich.console import Console

from mlops_assets.errors import MissingModelError, NotEnoughDataError
from mlops_assets.orchestration.lake_io import read_partition
from mlops_assets.partition import Partition
from mlops_assets.song_preference import DOMAIN
from mlops_assets.song_preference.contracts import CONFLICTING_SONGS, DATA_INFO, DATASET, REJECTED_SONGS, SONGS
from mlops_assets.song_preference.demo import build_demo
from mlops_assets.song_preference.model_contracts import (
    PREFERENCE_CHAMPION,
    PREFERENCE_DRIFT,
    PREFERENCE_EVALUATION,
    PREFERENCE_PREDICTIONS,
    TEST_SPLIT,
    TRAIN_SPLIT,
)
from mlops_assets.song_preference.sources.base import playlist_key
from mlops_assets.song_preference.sources.export import ExportPlaylistSource
from mlops_assets_tests.platforms import Platform, failed_checks, with_registry
from mlops_assets_tests.services.buckets import fresh_prefix
from mlops_assets_tests.song_preference.labelled import labelled_songs, without_labels
from mlops_assets_tests.song_preference.playlists import as_answer, as_csv

MODEL = "song_preference.preference_model"
QUICK: dict[str, Any] = {
    "song_preference__preference_model": {
        "config": {"tuning_trials": 0, "repeats": 1, "families": ["logistic_regression", "decision_tree"]}
    }
}


def drop(folder: Path, name: str, body: bytes) -> str:
    """Drop a file and return the key of its playlist."""
    (folder / name).parent.mkdir(parents=True, exist_ok=True)
    (folder / name).write_bytes(body)
    return playlist_key(name, body)


def songs_platform(folder: Path, instance: dg.DagsterInstance, mlflow_database: Path, **options: Any) -> Platform:
    return Platform(with_registry(folder / "data", mlflow_database), instance, **options)


def read_all(platform: Platform) -> list[str]:
    """Register and read whatever has been dropped, put the dataset together, and return the playlists."""
    platform.run("register_playlists")
    keys = list(platform.instance.get_dynamic_partitions("playlist"))
    platform.run("read_playlists", playlists=(keys[0], keys[-1]))
    platform.run("make_song_dataset")
    return keys


def table_of(platform: Platform, contract: Any, playlist: str | None = None) -> pd.DataFrame:
    return read_partition(platform.stores.lake(DOMAIN), contract, Partition("playlist", playlist) if playlist else None)


class Dropped:
    """Two labelled playlists, one without labels, and one that is none."""

    def __init__(self, folder: Path, platform: Platform) -> None:
        self.folder, self.platform = folder, platform
        many = labelled_songs(160)
        self.first = drop(folder, "ana/first.csv", as_csv(*many, {**many[0], "target": 1 - many[0]["target"]}))
        self.broken = drop(folder, "ana/broken.csv.gz", gzip.compress(as_csv(*many))[:-30])
        self.second = drop(folder, "luis/second.csv", as_csv(*labelled_songs(60, seed=2)))
        self.new = drop(folder, "ana/new.json", as_answer(*without_labels(12)))
        self.keys = read_all(platform)
        self.training = platform.run("train_song_preference", ops=QUICK)
        for key in self.keys:
            platform.run("score_playlists", playlist=key)


@pytest.fixture(scope="module")
def dropped(tmp_path_factory: pytest.TempPathFactory, mlflow_database: Path) -> Iterator[Dropped]:
    """Playlists read, a model trained and promoted, every playlist scored."""
    folder = tmp_path_factory.mktemp("songs")
    with dg.DagsterInstance.ephemeral() as instance:
        platform = songs_platform(folder, instance, mlflow_database, songs={"source": "export", "export_path": folder / "drop"})
        yield Dropped(folder / "drop", platform)


def test_broken_playlist_is_kept_and_stops_no_other(dropped: Dropped) -> None:
    """One run reads all four; the broken one is a reject whose reason names the file, and a check that fails."""
    assert sorted(dropped.keys) == sorted([dropped.first, dropped.second, dropped.new, dropped.broken])
    assert len(table_of(dropped.platform, SONGS, dropped.second)) == 60
    assert table_of(dropped.platform, SONGS, dropped.broken).empty
    (reject,) = table_of(dropped.platform, REJECTED_SONGS, dropped.broken).to_dict("records")
    assert reject["reason_code"] == "unreadable_file"
    assert "ana/broken.csv.gz: is truncated or damaged gzip" in reject["reason"]
    again = dropped.platform.run("read_playlists", playlist=dropped.broken)
    assert failed_checks(again) == ["song_preference/rejected_songs:file_is_read"]
    assert failed_checks(dropped.platform.run("read_playlists", playlist=dropped.second)) == []


def test_dataset_holds_each_labelled_song_and_no_conflict(dropped: Dropped) -> None:
    """The song that was labelled both ways is kept apart; the dataset is described with its hash."""
    songs, conflicts = table_of(dropped.platform, DATASET), table_of(dropped.platform, CONFLICTING_SONGS)
    assert (len(songs), len(conflicts)) == (219, 2)
    info = table_of(dropped.platform, DATA_INFO).set_index("column_name")
    assert info.loc["is_liked", "mean"] == pytest.approx(songs["is_liked"].mean())
    assert len(set(info["content_hash"])) == 1


def test_splits_are_apart_and_complete(dropped: Dropped) -> None:
    """The dataset's songs, each in one of them; their checks pass in the run that makes them."""
    train, test = (table_of(dropped.platform, contract) for contract in (TRAIN_SPLIT, TEST_SPLIT))
    assert len(train) + len(test) == 219
    assert not set(train["song_key"]) & set(test["song_key"])
    assert failed_checks(dropped.training) == []


def test_first_model_becomes_champion_through_the_gate(dropped: Dropped) -> None:
    """The decision and the registry agree; its figures stand beside the baselines'."""
    decision = dropped.platform.table(PREFERENCE_CHAMPION).iloc[0]
    champion = dropped.platform.stores.models().version_by_alias(MODEL, "champion")
    assert champion is not None
    assert (decision["decision"], decision["challenger_version"]) == ("promote_first", champion.version)
    assert (champion.partition, champion.training_end_at) == (None, None)
    evaluation = dropped.platform.table(PREFERENCE_EVALUATION).set_index(["predictor", "metric"])["value"]
    assert evaluation["model", "auc"] > 0.8
    assert evaluation["model", "log_loss"] < evaluation["always_like", "log_loss"]


def test_every_run_names_the_dataset_that_it_learned_from(dropped: Dropped) -> None:
    """By the hash under which it is registered, the training and each of its trials."""
    content_hash = table_of(dropped.platform, DATA_INFO)["content_hash"].iloc[0]
    registry = dropped.platform.stores.models()
    version = registry.versions(MODEL)[0]
    client = registry._client
    trials = client.search_runs([version.experiment_id], f"tags.`mlflow.parentRunId` = '{version.run_id}'")
    assert len(trials) == 4
    for run in [client.get_run(version.run_id), *trials]:
        assert run.inputs is not None
        (found,) = run.inputs.dataset_inputs
        assert found.dataset.name == "song_preference/dataset"
        assert json.loads(found.dataset.profile or "") == {"num_rows": 219, "content_hash": content_hash}


def test_songs_without_labels_are_scored_with_version_and_run(dropped: Dropped) -> None:
    """Energetic songs are liked; a labelled or broken playlist has nothing to score; drift is measured of those with songs."""
    predictions = dropped.platform.table(PREFERENCE_PREDICTIONS)
    assert predictions["playlist_key"].unique().tolist() == [dropped.new]
    assert len(predictions) == 12
    version = dropped.platform.stores.models().versions(MODEL)[0]
    assert set(zip(predictions["model_version"], predictions["model_run_id"], strict=True)) == {(version.version, version.run_id)}
    energy = table_of(dropped.platform, SONGS, dropped.new)["energy"]
    assert np.corrcoef(energy, predictions["like_probability"])[0, 1] > 0.6
    drift = dropped.platform.table(PREFERENCE_DRIFT)
    assert set(drift["playlist_key"]) == {dropped.first, dropped.second, dropped.new}


def test_rerun_gives_the_same_bytes_and_no_second_version(dropped: Dropped) -> None:
    """Whatever was made is made again, bit for bit."""
    lake = dropped.folder.parent / "data" / "lake" / DOMAIN
    before = {path: path.read_bytes() for path in lake.rglob("*.parquet")}
    evaluation = dropped.platform.table(PREFERENCE_EVALUATION)
    read_all(dropped.platform)
    dropped.platform.run("train_song_preference", ops=QUICK)
    assert {path: path.read_bytes() for path in lake.rglob("*.parquet")} == before
    assert len(dropped.platform.stores.models().versions(MODEL)) == 1
    pd.testing.assert_frame_equal(dropped.platform.table(PREFERENCE_EVALUATION), evaluation)
    assert len(dropped.platform.table(PREFERENCE_CHAMPION)) == 1


def test_demo_works_on_dropped_files(dropped: Dropped) -> None:
    """It reads what is there, scores what has no label, and its report fits a terminal of 80 columns."""
    demo = build_demo(lambda _: ExportPlaylistSource(dropped.folder))
    now = pd.Timestamp("2024-06-01", tz="UTC").to_pydatetime()
    steps = [(step.job, step.partition_key) for step in demo.steps(dropped.platform.stores, now)]
    assert steps[0] == ("register_playlists", None)
    assert [key for job, key in steps if job == "score_playlists"] == [dropped.new]
    for step in demo.steps(dropped.platform.stores, now):
        dropped.platform.definitions.resolve_job_def(step.job)
    screen = io.StringIO()
    demo.report(Console(file=screen, width=80), dropped.platform.stores, now)
    assert "219 labelled songs" in screen.getvalue()
    assert "could not be read" in screen.getvalue()
    assert "promote_first" in screen.getvalue()
    assert max(map(len, screen.getvalue().splitlines())) <= 80


def test_person_promotes_and_rolls_back(tmp_path: Path, instance: dg.DagsterInstance, mlflow_database: Path) -> None:
    """A second model of more songs; playlists are scored by whoever is champion then."""
    folder = tmp_path / "drop"
    platform = songs_platform(tmp_path, instance, mlflow_database, songs={"source": "export", "export_path": folder})
    drop(folder, "only.csv", as_csv(*without_labels(3)))
    read_all(platform)
    assert failed_checks(platform.run("make_song_dataset")) == ["song_preference/dataset:has_enough_songs"]
    with pytest.raises(NotEnoughDataError, match="0 labelled songs, 0 of the rarer label"):
        platform.run("train_song_preference", ops=QUICK)
    (new,) = instance.get_dynamic_partitions("playlist")
    with pytest.raises(MissingModelError, match="has no champion"):
        platform.run("score_playlists", playlist=new)
    drop(folder, "first.csv", as_csv(*labelled_songs(120)))
    read_all(platform)
    platform.run("train_song_preference", ops=QUICK)
    drop(folder, "second.csv", as_csv(*labelled_songs(60, seed=2)))
    read_all(platform)
    platform.run("train_song_preference", ops=QUICK)
    assert len(platform.table(PREFERENCE_CHAMPION)) == 2

    def scored_by() -> int:
        platform.run("score_playlists", playlist=new)
        (version,) = platform.table(PREFERENCE_PREDICTIONS)["model_version"].unique()
        return int(version)

    promote = {"promote_preference_model_by_hand": {"config": {"version": 2, "reason": "It knows more songs."}}}
    platform.run("promote_song_preference_preference_model", ops=promote)
    assert scored_by() == 2
    platform.run("rollback_song_preference_preference_model")
    assert scored_by() == 1


@pytest.mark.services
def test_inbox_in_a_bucket(s3_url: str, tmp_path: Path, instance: dg.DagsterInstance, mlflow_database: Path) -> None:
    """Files that somebody uploads beside the tables are registered and read like those of a folder."""
    from mlops_assets.stores.objects import open_object_storage

    url = fresh_prefix(s3_url)
    for name, body in (("ana/mine.csv", as_csv(*labelled_songs(80))), ("ana/copy.csv", as_csv(*labelled_songs(80)))):
        open_object_storage(url).put(f"{DOMAIN}/inbox/{name}", body)
    platform = songs_platform(tmp_path, instance, mlflow_database, stores={"lake_url": url}, songs={"source": "inbox"})
    (key,) = read_all(platform)
    assert len(table_of(platform, SONGS, key)) == 80
    assert len(table_of(platform, DATASET)) == 80
