"""Settings come from the environment and `.env`; a wrong value fails at once and names the legal ones; secrets stay secret."""

import os
from pathlib import Path

import pytest
from pydantic import ValidationError

from mlops_assets.build import build_stores
from mlops_assets.settings import Settings
from mlops_assets.stores.lake import LakeAddress
from mlops_assets.stores.urls import local_path

SECRET = "hunter2"


@pytest.fixture(autouse=True)
def _no_settings_but_the_tests_own(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Keep out the variables of the person who runs the tests, and the `.env` of the folder they run them in."""
    monkeypatch.chdir(tmp_path)
    for name in list(os.environ):
        if name.upper().startswith(("MLOPS_", "MLFLOW_", "SOCRATA_")):
            monkeypatch.delenv(name)


def test_everything_lies_below_the_data_directory_by_default(tmp_path: Path) -> None:
    """Without any setting, all stores are local and in one folder."""
    settings = Settings()
    assert settings.data_dir == tmp_path / "data"
    assert settings.lake_url == f"file:{tmp_path}/data/lake"
    assert settings.warehouse_url == f"duckdb:{tmp_path}/data/warehouse.duckdb"
    assert settings.mlflow_tracking_uri == f"sqlite:///{tmp_path}/data/mlflow/mlflow.db"
    assert not settings.is_automatic


def test_stores_follow_the_data_directory(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Moving the data directory moves the stores, but not those that have their own URL."""
    monkeypatch.setenv("MLOPS_DATA_DIR", str(tmp_path / "elsewhere"))
    monkeypatch.setenv("MLOPS_LAKE_URL", "file:/lake")
    settings = Settings()
    assert settings.lake_url == "file:/lake"
    assert settings.warehouse_url == f"duckdb:{tmp_path}/elsewhere/warehouse.duckdb"


def test_data_directory_may_have_any_name(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Blanks and percent signs in the folder's name survive the way through a URL."""
    folder = tmp_path / "100%20 sure?#"
    monkeypatch.setenv("MLOPS_DATA_DIR", str(folder))
    settings = Settings()
    assert local_path(settings.lake_url) == folder / "lake"
    assert local_path(settings.warehouse_url) == folder / "warehouse.duckdb"


def test_home_folder_and_later_directories_do_not_matter(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """`~` is the home folder, and a path stays where it was when the process moves on."""
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("MLOPS_DATA_DIR", "~/data")
    settings = Settings()
    monkeypatch.chdir("/")
    assert settings.data_dir == tmp_path / "home" / "data"


def test_environment_wins_over_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """`.env` is read, also for a domain's settings; a variable of the environment wins over it."""
    (tmp_path / ".env").write_text(
        "MLOPS_AUTOMATION=on\nMLOPS_CHICAGO_CRIMES_SAMPLE_SEED=7\nMLOPS_CHICAGO_CRIMES_SAMPLE_CRIMES_PER_YEAR=5000\n"
    )
    monkeypatch.setenv("MLOPS_CHICAGO_CRIMES_SAMPLE_SEED", "8")
    settings = Settings()
    assert settings.is_automatic
    assert settings.chicago_crimes.sample_seed == 8
    assert settings.chicago_crimes.sample_crimes_per_year == 5_000


def test_tracking_uri_has_the_name_that_mlflow_gives_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """Who has MLFLOW_TRACKING_URI set already need not set it twice."""
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://mlflow:5000")
    assert Settings().mlflow_tracking_uri == "http://mlflow:5000"


@pytest.mark.parametrize(
    ("variable", "value", "legal"),
    [
        ("MLOPS_AUTOMATION", "yes", "'on' or 'off'"),
        ("MLOPS_CHICAGO_CRIMES_SOURCE", "web", "'sample', 'export' or 'live'"),
        ("MLOPS_CHICAGO_CRIMES_SAMPLE_CRIMES_PER_YEAR", "10", "greater than or equal to 1000"),
        ("MLOPS_CHICAGO_CRIMES_SAMPLE_AS_OF", "yesterday", "valid datetime"),
    ],
)
def test_wrong_value_fails_and_names_the_legal_ones(monkeypatch: pytest.MonkeyPatch, variable: str, value: str, legal: str) -> None:
    """Nobody has to read the code to learn what a setting may be."""
    monkeypatch.setenv(variable, value)
    with pytest.raises(ValidationError, match=legal):
        Settings()


def test_export_needs_a_path(monkeypatch: pytest.MonkeyPatch) -> None:
    """Reading exports from nowhere fails at start, and the error names the variable to set but no secret."""
    monkeypatch.setenv("MLOPS_CHICAGO_CRIMES_SOURCE", "export")
    monkeypatch.setenv("SOCRATA_APP_TOKEN", SECRET)
    with pytest.raises(ValidationError, match="needs MLOPS_CHICAGO_CRIMES_EXPORT_PATH") as raised:
        Settings()
    assert SECRET not in str(raised.value)
    monkeypatch.setenv("MLOPS_CHICAGO_CRIMES_EXPORT_PATH", "exports")
    assert Settings().chicago_crimes.export_path == Path("exports")


def test_secrets_are_never_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither settings nor stores show a token, a webhook or the password in a URL when they are printed."""
    monkeypatch.setenv("MLOPS_WAREHOUSE_URL", f"postgresql://user:{SECRET}@host/db")
    monkeypatch.setenv("MLOPS_LAKE_URL", f"s3://key:{SECRET}@bucket/lake")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"https://user:{SECRET}@mlflow")
    monkeypatch.setenv("MLOPS_ALERT_WEBHOOK_URL", f"https://hooks.example.org/{SECRET}")
    monkeypatch.setenv("MLOPS_CHICAGO_CRIMES_LAKE_URL", f"s3://key:{SECRET}@bucket/chicago")
    monkeypatch.setenv("MLOPS_CHICAGO_CRIMES_PORTAL_APP_TOKEN", SECRET)
    settings = Settings()
    for shown in (repr(settings), str(settings), repr(settings.chicago_crimes), repr(build_stores(settings))):
        assert SECRET not in shown


def test_domain_may_have_stores_of_its_own(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The lake of one domain can lie elsewhere while every other store is shared."""
    monkeypatch.setenv("MLOPS_CHICAGO_CRIMES_LAKE_URL", f"file:{tmp_path}/chicago")
    stores = build_stores(Settings())
    address = LakeAddress(("domain", "fitted"))
    assert stores.lake("chicago_crimes").write_object(address, 1).uri.startswith(f"{tmp_path}/chicago/")
    assert stores.lake("another").write_object(address, 1).uri.startswith(f"{tmp_path}/data/lake/")
