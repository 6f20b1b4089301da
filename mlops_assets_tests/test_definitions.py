"""The code location as Dagster loads it."""

import subprocess
import sys
from pathlib import Path

import dagster as dg
import pytest

from mlops_assets.build import build_contracts, build_definitions, build_domains
from mlops_assets.settings import Settings

ASSETS = {
    "chicago_crimes": {
        "rejected_served_predictions",
        "served_drift",
        "served_predictions",
        "arrest_champion",
        "arrest_drift",
        "arrest_evaluation",
        "arrest_model",
        "arrest_predictions",
        "development_split",
        "encoded_train",
        "enriched_crimes",
        "police_stations",
        "export_files",
        "feature_encoding",
        "raw_crimes",
        "rejected_crimes",
        "selected_features",
        "test_split",
        "training_window",
    },
    "donostia_parking": {
        "car_park_sightings",
        "car_parks",
        "export_files",
        "forecast_accuracy",
        "forecast_champion",
        "forecast_metrics",
        "forecast_model",
        "forecasts",
        "hourly_free",
        "readings",
        "rejected_readings",
        "snapshots",
        "training_window",
    },
    "song_popularity": {
        "event_batches",
        "event_documents",
        "events",
        "history",
        "popularity_accuracy",
        "popularity_champion",
        "popularity_drift",
        "popularity_evaluation",
        "popularity_model",
        "popularity_predictions",
        "rejected_events",
        "rejected_history",
        "rejected_served_predictions",
        "served_drift",
        "served_predictions",
        "spotify_events",
        "stream_health",
        "spotify_model_metrics",
        "spotify_predictions",
        "test_split",
        "tracks",
        "train_split",
        "training_set",
    },
    "song_preference": {
        "rejected_served_predictions",
        "served_drift",
        "served_predictions",
        "conflicting_songs",
        "data_info",
        "dataset",
        "playlists",
        "preference_champion",
        "preference_drift",
        "preference_evaluation",
        "preference_model",
        "preference_predictions",
        "rejected_songs",
        "songs",
        "test_split",
        "train_split",
    },
}
JOBS = {
    "read_served_song_preference",
    "read_served_chicago_crimes",
    "prepare_lakes",
    "read_chicago_crimes",
    "train_arrest_model",
    "score_chicago_crimes",
    "promote_chicago_crimes_arrest_model",
    "promote_donostia_parking_forecast_model",
    "rollback_chicago_crimes_arrest_model",
    "read_donostia_parking",
    "train_forecast_model",
    "forecast_donostia_parking",
    "follow_donostia_parking",
    "poll_donostia_parking",
    "compact_chicago_crimes",
    "compact_donostia_parking",
    "rollback_donostia_parking_forecast_model",
    "make_song_dataset",
    "promote_song_preference_preference_model",
    "read_playlists",
    "register_playlists",
    "rollback_song_preference_preference_model",
    "score_playlists",
    "train_song_preference",
    "accept_lost_song_popularity_messages",
    "account_for_song_popularity",
    "compact_song_popularity",
    "follow_song_popularity",
    "list_song_popularity_tracks",
    "look_at_song_popularity_stream",
    "monitor_song_popularity",
    "promote_song_popularity_popularity_model",
    "read_served_song_popularity",
    "read_song_popularity",
    "read_song_popularity_history",
    "refresh_song_popularity",
    "replay_song_popularity_dead_letters",
    "rollback_song_popularity_popularity_model",
    "send_song_popularity_sample",
    "train_popularity_model",
}


@pytest.fixture
def definitions(tmp_path: Path) -> dg.Definitions:
    return build_definitions(Settings(data_dir=tmp_path, _env_file=None))


def test_definitions_load(definitions: dg.Definitions) -> None:
    """Dagster accepts assets, checks, jobs, schedules, sensors and resources together."""
    dg.Definitions.validate_loadable(definitions)
    assert definitions.resolve_asset_graph().asset_check_keys


def test_asset_keys_are_domain_and_name(definitions: dg.Definitions) -> None:
    """Every asset is known by its domain and a noun; a new or renamed one changes this list on purpose."""
    keys = [tuple(key.path) for key in definitions.resolve_asset_graph().get_all_asset_keys()]
    assert {domain: {name for d, name in keys if d == domain} for domain, _ in keys} == ASSETS


def test_jobs_are_named_after_what_they_do(definitions: dg.Definitions) -> None:
    """People and schedules start these."""
    names = {job.name for job in definitions.resolve_all_job_defs() if not job.name.startswith("__")}
    assert names == JOBS


def test_every_asset_is_described_owned_and_grouped(definitions: dg.Definitions) -> None:
    """Someone who opens the UI for the first time can tell what an asset is and whom to ask."""
    graph = definitions.resolve_asset_graph()
    for key in graph.get_all_asset_keys():
        node = graph.get(key)
        assert node.description, key
        assert node.owners, key
        assert node.kinds, key
        assert node.group_name == key.path[0]
        assert node.tags.get("domain") == key.path[0]


def test_every_table_has_schema_and_contract_check(definitions: dg.Definitions, tmp_path: Path) -> None:
    """No table is written that nothing checks."""
    graph = definitions.resolve_asset_graph()
    checked = {key.asset_key for key in graph.asset_check_keys if key.name == "contract_is_valid"}
    for key in build_contracts(build_domains(Settings(data_dir=tmp_path, _env_file=None))):
        assert "dagster/column_schema" in graph.get(key).metadata, key
        assert key in checked, key


def test_loading_touches_no_file_and_no_heavy_library(tmp_path: Path) -> None:
    """The code location loads without writing anything and without the libraries that only runs need."""
    code = (
        "import sys, mlops_assets.definitions;"
        "heavy = {'sklearn', 'scipy', 'mlflow', 'matplotlib', 'duckdb', 'pandera', 'imblearn', 'optuna', 'geopandas', 'sodapy'};"
        "sys.exit(', '.join(heavy & set(sys.modules)) or 0)"
    )
    data = tmp_path / "data"
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={"MLOPS_DATA_DIR": str(data), "PATH": "/usr/bin:/bin"},
        cwd=tmp_path,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert not data.exists()
