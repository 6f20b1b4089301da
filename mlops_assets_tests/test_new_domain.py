"""A new domain is a package of the common shape and one name in the list of domains."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

PROJECT = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give a copy of the package with a sixth domain: its folder, and its name in `domains.py`."""
    folder = tmp_path_factory.mktemp("checkout")
    shutil.copytree(PROJECT / "mlops_assets", folder / "mlops_assets", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copytree(PROJECT / "mlops_assets_tests" / "weather", folder / "mlops_assets" / "weather")
    registry = folder / "mlops_assets" / "domains.py"
    registry.write_text(registry.read_text().replace('"song_popularity")', '"song_popularity", "weather")'))
    (folder / ".env").write_text("MLOPS_WEATHER_SAMPLE_SEED=3\n")
    return folder


def mlops_assets(checkout: Path, *arguments: str, exit_code: int = 0) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "mlops_assets.cli", *arguments],
        cwd=checkout,
        env={"PATH": os.environ["PATH"], "HOME": str(checkout), "PYTHONPATH": str(checkout), "COLUMNS": "80"},
        capture_output=True,
        text=True,
    )
    assert done.returncode == exit_code, done.stderr[-2_000:]
    return done.stdout + done.stderr


def test_its_job_runs_from_the_command_line(checkout: Path) -> None:
    """Settings, stores, IO managers, checks and the job are there without another line about it."""
    assert "weather from a simulated climate" in mlops_assets(checkout, "run", "read_weather", "--partition", "2024-02")
    assert (checkout / "data" / "lake" / "weather" / "temperatures" / "month=2024-02" / "data.parquet").exists()


def test_its_tables_are_in_the_data_dictionary(checkout: Path) -> None:
    """The page is made from all contracts."""
    mlops_assets(checkout, "dictionary", "page.md")
    assert "## weather/monthly_means" in (checkout / "page.md").read_text(encoding="utf-8")


def test_its_dynamic_partitions_are_run_one_by_one(checkout: Path) -> None:
    """They are there once they are registered: by name, as a range in the order of registration, and in the list of jobs."""
    assert "no station has been registered" in mlops_assets(checkout, "run", "note_stations", exit_code=2)
    mlops_assets(checkout, "run", "register_stations")
    done = mlops_assets(checkout, "run", "note_stations", "--partition", "hill", "--to", "shore")
    assert "note_stations: 2 of 2" in done
    listed = mlops_assets(checkout, "jobs").split()
    assert listed[listed.index("note_stations") :][1:3] == ["station", "shore"]
