"""The command line as a newcomer types it."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from mlops_assets_tests.shared_data import shared_data

NO_SETTINGS = {"PATH": "/usr/bin:/bin", "COLUMNS": "80"}


def mlops_assets(*arguments: str, cwd: Path, **environment: str) -> "subprocess.CompletedProcess[str]":
    """Run a command in a folder that is a project with nothing but the given settings, as on a terminal of 80 columns."""
    (cwd / ".env").touch()
    return subprocess.run(
        [sys.executable, "-m", "mlops_assets.cli", *arguments],
        cwd=cwd,
        env={**NO_SETTINGS, "HOME": str(cwd), **environment},
        capture_output=True,
        text=True,
    )


def assert_is_readable(printed: str) -> None:
    """No line is longer than the terminal, and nothing is cut."""
    assert max(map(len, printed.splitlines())) <= 80
    assert "…" not in printed


def test_help_lists_the_commands(tmp_path: Path) -> None:
    """What there is, in a sentence each."""
    shown = mlops_assets("--help", cwd=tmp_path).stdout
    commands = (
        "demo",
        "dev",
        "mlflow",
        "doctor",
        "prepare",
        "copy",
        "run",
        "quality",
        "forecast-quality",
        "sample-export",
        "dictionary",
        "recover",
        "bootstrap",
        "jobs",
        "status",
        "--debug",
    )
    for command in commands:
        assert command in shown


@pytest.mark.slow
def test_demo_ends_with_champion_predictions_and_where_to_look_next(tmp_path: Path) -> None:
    """On nothing but Python: figures beside baselines, a first champion, both months scored, drift, and the next commands."""
    done = mlops_assets("demo", cwd=tmp_path, MLOPS_CHICAGO_CRIMES_SAMPLE_CRIMES_PER_YEAR="24000")
    assert done.returncode == 0, done.stderr[-3000:]
    for words in ("majority_class", "promote_first", "crimes scored by version 1", "drift limit", "make dev", "make mlflow"):
        assert words in done.stdout, words
    assert (tmp_path / "data" / "warehouse.duckdb").exists()
    announcement, report = done.stdout.splitlines()[0], done.stdout.partition("Figures on")[2]
    assert announcement == (
        f"chicago_crimes from a simulated city; to {tmp_path}/data; settings from {tmp_path}/.env and the environment"
    )
    assert_is_readable(report.partition("Next:")[0])


def test_exported_sample_can_be_read_back_and_judged(tmp_path: Path) -> None:
    """The comparison with the original's recipe works on any folder of portal CSV files."""
    export = mlops_assets(
        "sample-export", "city", "--first", "2023-01", "--last", "2023-06", "--crimes-per-year", "24000", cwd=tmp_path
    )
    assert export.returncode == 0, export.stderr
    judged = mlops_assets("quality", "city", "--trials", "1", cwd=tmp_path)
    assert judged.returncode == 0, judged.stderr[-3000:]
    assert "original: 7 features" in judged.stdout
    assert "baseline: always no" in judged.stdout
    assert_is_readable(judged.stdout.partition("On the latest")[2])
    assert judged.stdout.count("than the original's recipe by") == 3


def test_doctor_finds_the_embedded_stores_well(tmp_path: Path) -> None:
    """A fresh checkout has five stores that work."""
    done = mlops_assets("doctor", cwd=tmp_path)
    assert done.returncode == 0, done.stdout
    assert done.stdout.count("works") == 5


def test_doctor_fails_if_a_store_fails(tmp_path: Path) -> None:
    """Deployments can ask the doctor before they start anything; the password of what it cannot reach stays unsaid."""
    done = mlops_assets("doctor", cwd=tmp_path, MLOPS_WAREHOUSE_URL="postgresql://user:hunter2@127.0.0.1:1/db")
    assert done.returncode == 1
    assert done.stdout.count("works") == 4
    assert "127.0.0.1:1" in done.stdout
    assert "hunter2" not in done.stdout + done.stderr


def test_copy_says_what_it_copied(tmp_path: Path) -> None:
    """The lake of a domain goes to another place, and a misspelled domain is answered by the list of domains."""
    folder = tmp_path / "data" / "lake" / "chicago_crimes" / "police_stations"
    folder.mkdir(parents=True)
    (folder / "data.parquet").write_bytes(b"12345")
    done = mlops_assets("copy", "chicago_crimes", "--lake", f"file:{tmp_path}/other", cwd=tmp_path)
    assert "1 objects" in done.stdout
    assert "5 bytes, equal by SHA-256" in done.stdout
    assert (tmp_path / "other" / "chicago_crimes" / "police_stations" / "data.parquet").read_bytes() == b"12345"
    wrong = mlops_assets("copy", "chicago", "--lake", f"file:{tmp_path}/other", cwd=tmp_path)
    assert wrong.returncode == 2
    assert "the domains are chicago_crimes" in wrong.stderr


def test_job_is_run_here_and_now(tmp_path: Path) -> None:
    """A machine without a daemon reads the feed for the latest day, and finds what it read in the lake."""
    done = mlops_assets("run", "read_donostia_parking", cwd=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    lake = tmp_path / "data" / "lake" / "donostia_parking"
    assert len(list(lake.glob("snapshots/**/*.json"))) == 1
    assert len(list(lake.glob("hourly_free/day=*/data.parquet"))) == 1


def test_ways_to_forecast_are_compared_on_a_recording(tmp_path: Path) -> None:
    """Any folder of historical files will do, even one too short to choose by; every candidate is listed."""
    recording = shared_data("parking/donostia_2024-11_renamed_columns.csv.gz")
    done = mlops_assets("forecast-quality", str(recording), cwd=tmp_path)
    assert done.returncode == 0, done.stderr[-3000:]
    for candidate in ("platform: chosen by backtest", "seasonal_naive", "sarimax"):
        assert candidate in done.stdout
    assert_is_readable(done.stdout.partition("Forecasts of the next")[2])
    wide = mlops_assets("forecast-quality", str(recording), cwd=tmp_path, COLUMNS="140")
    assert wide.stdout.count("sarimax") == 1, "one table, where there is room for it"
    wrong = mlops_assets("forecast-quality", str(recording), "--city", "bilbao", cwd=tmp_path)
    assert wrong.returncode == 2
    assert "known: donostia, birmingham" in wrong.stderr


def test_missing_export_is_a_sentence_not_a_traceback(tmp_path: Path) -> None:
    """Errors meant for the user say what to do and end with a status."""
    done = mlops_assets("quality", "nowhere", cwd=tmp_path)
    assert done.returncode == 1
    assert "nowhere" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(("setting", "value"), [("MLOPS_AUTOMATION", "maybe"), ("MLOPS_CHICAGO_CRIMES_SOURCE", "ftp")])
def test_wrong_setting_fails_at_start_and_lists_legal_values(tmp_path: Path, setting: str, value: str) -> None:
    """Nobody finds out at midnight that a setting was misspelled."""
    done = mlops_assets("dictionary", cwd=tmp_path, **{setting: value})
    assert done.returncode == 2
    assert done.stderr.startswith(f"SettingsError: {setting}: Input should be ")
    assert len(done.stderr.splitlines()) == 1


def test_dictionary_in_the_repository_is_up_to_date() -> None:
    """The page says what the contracts say."""
    root = Path(__file__).resolve().parents[1]
    environment = {**os.environ, **NO_SETTINGS}
    command = [sys.executable, "-m", "mlops_assets.cli", "dictionary", "--check"]
    done = subprocess.run(command, cwd=root, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout


def test_dictionary_check_notices_a_stale_page(tmp_path: Path) -> None:
    """A page that was edited by hand fails the check and is left as it is."""
    page = tmp_path / "page.md"
    page.write_text("something else")
    assert mlops_assets("dictionary", "page.md", "--check", cwd=tmp_path).returncode == 1
    assert page.read_text() == "something else"


def test_recover_on_a_fresh_home_finds_nothing(tmp_path: Path) -> None:
    """It is safe to call at every start."""
    done = mlops_assets("recover", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "0 abandoned runs" in done.stdout
