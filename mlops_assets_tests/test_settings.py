"""Settings come from the environment and `.env`; a wrong value fails at once and names the legal ones; secrets stay secret."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from mlops_assets.chicago_crimes.settings import ChicagoCrimesSettings
from mlops_assets.donostia_parking.settings import DonostiaParkingSettings
from mlops_assets.environment import ENV_FILE_VARIABLE, find_project
from mlops_assets.errors import SettingsError
from mlops_assets.settings import Settings, load_settings, unknown_variables
from mlops_assets.stores.lake import LakeAddress
from mlops_assets.stores.urls import local_path

SECRET = "hunter2"


pytestmark = pytest.mark.usefixtures("project")


def crimes_of(settings: Settings) -> ChicagoCrimesSettings:
    own = settings.domains["chicago_crimes"]
    assert isinstance(own, ChicagoCrimesSettings)
    return own


def parking_of(settings: Settings) -> DonostiaParkingSettings:
    own = settings.domains["donostia_parking"]
    assert isinstance(own, DonostiaParkingSettings)
    return own


def test_everything_lies_below_the_data_directory_by_default(tmp_path: Path) -> None:
    """Without any setting, all stores are local and in one folder."""
    settings = Settings()
    assert settings.data_dir == tmp_path / "data"
    assert settings.lake_url == f"file:{tmp_path}/data/lake"
    assert settings.warehouse_url == f"duckdb:{tmp_path}/data/warehouse.duckdb"
    assert settings.documents_url == f"sqlite:{tmp_path}/data/documents.db"
    assert settings.events_url == f"sqlite:{tmp_path}/data/events.db"
    assert settings.mlflow_tracking_uri == f"sqlite:///{tmp_path}/data/mlflow/mlflow.db"
    assert not settings.automation_enabled


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
    """`~` is the home folder in every setting that names a place, and a place stays where it was when the process moves on."""
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("MLOPS_DATA_DIR", "~/data")
    monkeypatch.setenv("MLOPS_LAKE_URL", "file:~/lake")
    monkeypatch.setenv("MLOPS_CHICAGO_CRIMES_WAREHOUSE_URL", "duckdb:w.duckdb")
    monkeypatch.setenv("MLOPS_DONOSTIA_PARKING_EXPORT_PATH", "~/parking")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "sqlite:///mlflow.db")
    settings = Settings()
    monkeypatch.chdir("/")
    assert settings.data_dir == tmp_path / "home" / "data"
    assert settings.lake_url == f"file:{tmp_path}/home/lake"
    assert settings.domains["chicago_crimes"].warehouse_url == f"duckdb:{tmp_path}/w.duckdb"
    assert parking_of(settings).export_path == tmp_path / "home" / "parking"
    assert settings.mlflow_tracking_uri == f"sqlite:///{tmp_path}/mlflow.db"


def test_file_is_found_from_any_folder_of_the_project(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Relative paths in `.env` begin in its folder, wherever the command is started."""
    (project / ".env").write_text(
        "MLOPS_LAKE_URL='file:my lake'\nMLOPS_WAREHOUSE_URL=duckdb:100%25.duckdb\nMLFLOW_TRACKING_URI=sqlite:///m/flow.db\n"
        "MLOPS_CHICAGO_CRIMES_EXPORT_PATH=exports\nMLOPS_DONOSTIA_PARKING_LAKE_URL=file:/elsewhere\n"
    )
    (project / "docs" / "deep").mkdir(parents=True)
    monkeypatch.chdir(project / "docs" / "deep")
    settings = Settings()
    assert settings.data_dir == project / "data"
    assert local_path(settings.lake_url) == project / "my lake"
    assert local_path(settings.warehouse_url) == project / "100%.duckdb"
    assert settings.mlflow_tracking_uri == f"sqlite:///{project}/m/flow.db"
    assert crimes_of(settings).export_path == project / "exports"
    assert settings.domains["donostia_parking"].lake_url == "file:/elsewhere"


def test_project_without_a_file_is_the_folder_of_the_workspace(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A fresh clone has no `.env`; from its folders, data is kept where it is kept from its top."""
    (project / "inner" / "src").mkdir(parents=True)
    (project / "inner" / "workspace.yaml").touch()
    monkeypatch.chdir(project / "inner" / "src")
    assert find_project().env_file is None
    assert Settings().data_dir == project / "inner" / "data"


def test_outside_of_any_project_the_checkout_is_meant(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A program of a checkout that cron starts in some other folder reads the checkout's settings, and writes to its data."""
    (project / ".env").unlink()
    assert find_project().folder == Path(__file__).resolve().parents[1]


def test_file_may_be_named(project: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """`MLOPS_ENV_FILE` wins over every folder, and is an error if it names nothing."""
    (tmp_path / "etc").mkdir()
    (tmp_path / "etc" / "platform.env").write_text("MLOPS_DATA_DIR=data\n")
    monkeypatch.setenv(ENV_FILE_VARIABLE, "etc/platform.env")
    assert Settings().data_dir == tmp_path / "etc" / "data"
    monkeypatch.setenv(ENV_FILE_VARIABLE, "etc/platform.evn")
    with pytest.raises(SettingsError, match=r"MLOPS_ENV_FILE names .*/etc/platform\.evn, which is not a file"):
        Settings()


@pytest.mark.parametrize(
    ("line", "complaint"),
    [
        ('MLOPS_DATA_DIR="data', r"/\.env, line 2 cannot be read; look at its quotes"),
        ("MLOPS_WAREHOUSE_URL=postgresql://u:pa${ss}w@h/db", "MLOPS_WAREHOUSE_URL refers to the variable ss, which is not set"),
        ("MLOPS_LAKE_URL=data/lake", "^MLOPS_LAKE_URL: it has no scheme"),
        ("MLOPS_CHICAGO_CRIMES_LAKE_URL=s3://key:se/cret@lake", "^MLOPS_CHICAGO_CRIMES_LAKE_URL: an @ stands where"),
        ("MLOPS_MLFLOW_UI_URL=https://me:secret@mlflow", "^MLOPS_MLFLOW_UI_URL: links in the UI are for everybody"),
        ("MLOPS_MLFLOW_UI_URL=mlflow:secret", "^MLOPS_MLFLOW_UI_URL: it is not like http://127"),
        ("MLOPS_CHICAGO_CRIMES_PORTAL_URL=https://me:secret@portal", "^MLOPS_CHICAGO_CRIMES_PORTAL_URL: .*leave user"),
        ("MLOPS_CHICAGO_CRIMES_PORTAL_URL=ftp://portal", "^MLOPS_CHICAGO_CRIMES_PORTAL_URL: it is not like https://data"),
        ("MLOPS_DONOSTIA_PARKING_FEED_URL=ftp://me:secret@feed", "^MLOPS_DONOSTIA_PARKING_FEED_URL: it is not like https://www"),
        ("MLFLOW_TRACKING_URI=sqlite:mlflow.db", "^MLFLOW_TRACKING_URI: use sqlite:///path"),
        ("MLFLOW_TRACKING_URI=postgresql://me:secret@host/db", "^MLFLOW_TRACKING_URI: use sqlite:///path"),
        ("MLOPS_ALERT_WEBHOOK_URL=hooks.example.org/secret", "^MLOPS_ALERT_WEBHOOK_URL: it is not like https://hooks"),
        ("MLOPS_DATA_DIR=~nobody-at-all/data", "^MLOPS_DATA_DIR: this machine does not know the home folder"),
        ("MLOPS_CHICAGO_CRIMES_SAMPLE_AS_OF=2024-06-30T00:00:00", "needs a time zone"),
    ],
)
def test_line_that_cannot_be_meant_is_refused(project: Path, line: str, complaint: str) -> None:
    """Nothing of `.env` is skipped without a word; the sentence names the variable, and no secret."""
    (project / ".env").write_text(f"# A comment.\n{line}\n")
    with pytest.raises(SettingsError, match=complaint) as caught:
        Settings()
    assert "secret" not in str(caught.value).replace("MLOPS_", "")
    assert "cret" not in str(caught.value)


@pytest.mark.parametrize(
    ("misspelled", "meant"),
    [
        ("MLOPS_WAREHOSE_URL", "MLOPS_WAREHOUSE_URL"),
        ("MLOPS_DATADIR", "MLOPS_DATA_DIR"),
        ("MLOPS_CHICAGO_SOURCE", "MLOPS_CHICAGO_CRIMES_SOURCE"),
        ("MLOPS_DONOSTIA_PARKING_SAMPLE_SEEDS", "MLOPS_DONOSTIA_PARKING_SAMPLE_SEED"),
        ("MLFLOW_TRACKING_URL", "MLFLOW_TRACKING_URI"),
        ("MLOPS_KAFKA_PASWORD", "MLOPS_KAFKA_PASSWORD"),
    ],
)
def test_misspelled_setting_is_an_error(misspelled: str, meant: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A setting that nothing reads would let everybody believe in it; the error names the one that was meant."""
    monkeypatch.setenv(misspelled, "x")
    with pytest.raises(SettingsError, match=f"there is no setting {misspelled}; did you mean {meant}"):
        load_settings()


def test_variables_of_others_are_left_alone(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Other tools of a company may call their variables MLOPS_; in this project's own file nobody else has any business."""
    monkeypatch.setenv("MLOPS_TEAM", "x")
    monkeypatch.setenv("MLFLOW_TRACKING_TOKEN", "x")
    assert unknown_variables()["MLOPS_TEAM"] == "MLOPS_DATA_DIR"
    (project / ".env").write_text("MLOPS_TEAM=x\n")
    with pytest.raises(SettingsError, match=r"there is no setting MLOPS_TEAM in .*/\.env"):
        load_settings()


def test_credentials_of_clients_may_stand_in_the_file(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What client libraries look for in the environment is put there; what is set there already stays."""
    monkeypatch.setenv("AWS_REGION", "eu-west-1")
    # Remembered, so that it is put back after the test.
    monkeypatch.delenv("AWS_ACCESS_KEY_ID", raising=False)
    monkeypatch.setenv("MLOPS_KAFKA_USERNAME", "")
    monkeypatch.delenv("MLOPS_KAFKA_USERNAME")
    (project / ".env").write_text("AWS_REGION=us-east-1\nMLOPS_KAFKA_USERNAME=me\nMLOPS_DATA_DIR=data\n")
    load_settings()
    assert (os.environ["AWS_REGION"], os.environ["MLOPS_KAFKA_USERNAME"]) == ("eu-west-1", "me")
    assert "MLOPS_DATA_DIR" not in os.environ


def test_other_processes_get_places_that_mean_the_same_to_them(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Servers are started in folders of their own; what the settings name must not move with them."""
    monkeypatch.setenv("MLOPS_CHICAGO_CRIMES_LAKE_URL", "file:chicago")
    here = Settings()
    handed_down = here.as_environment()
    assert set(handed_down) == {"MLOPS_DATA_DIR", "MLOPS_CHICAGO_CRIMES_LAKE_URL"}
    for name, value in handed_down.items():
        monkeypatch.setenv(name, value)
    (project / "elsewhere").mkdir()
    (project / "elsewhere" / ".env").touch()
    monkeypatch.chdir(project / "elsewhere")
    assert Settings().model_dump() == here.model_dump()


def test_environment_wins_over_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """`.env` is read, also for a domain's settings; a variable of the environment wins over it."""
    (tmp_path / ".env").write_text(
        "MLOPS_AUTOMATION=on\nMLOPS_CHICAGO_CRIMES_SAMPLE_SEED=7\nMLOPS_CHICAGO_CRIMES_SAMPLE_CRIMES_PER_YEAR=5000\n"
    )
    monkeypatch.setenv("MLOPS_CHICAGO_CRIMES_SAMPLE_SEED", "8")
    settings = Settings()
    assert settings.automation_enabled
    assert crimes_of(settings).sample_seed == 8
    assert crimes_of(settings).sample_crimes_per_year == 5_000


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
    with pytest.raises(SettingsError, match=legal):
        Settings()


def test_export_needs_a_path(monkeypatch: pytest.MonkeyPatch) -> None:
    """Reading exports from nowhere fails at start, and the error names the variable to set but no secret."""
    monkeypatch.setenv("MLOPS_CHICAGO_CRIMES_SOURCE", "export")
    monkeypatch.setenv("SOCRATA_APP_TOKEN", SECRET)
    with pytest.raises(SettingsError, match="needs MLOPS_CHICAGO_CRIMES_EXPORT_PATH") as raised:
        Settings()
    assert SECRET not in str(raised.value)
    monkeypatch.setenv("MLOPS_CHICAGO_CRIMES_EXPORT_PATH", "exports")
    assert crimes_of(Settings()).export_path == Path.cwd() / "exports"


def test_secrets_are_never_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither settings nor stores show a token, a webhook or the password in a URL when they are printed."""
    monkeypatch.setenv("MLOPS_WAREHOUSE_URL", f"postgresql://user:{SECRET}@host/db")
    monkeypatch.setenv("MLOPS_LAKE_URL", f"s3://key:{SECRET}@bucket/lake")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"https://user:{SECRET}@mlflow")
    monkeypatch.setenv("MLOPS_ALERT_WEBHOOK_URL", f"https://hooks.example.org/{SECRET}")
    monkeypatch.setenv("MLOPS_CHICAGO_CRIMES_LAKE_URL", f"s3://key:{SECRET}@bucket/chicago")
    monkeypatch.setenv("MLOPS_CHICAGO_CRIMES_PORTAL_APP_TOKEN", SECRET)
    settings = Settings()
    for shown in (repr(settings), str(settings), repr(settings.domains["chicago_crimes"]), repr(settings.build_stores())):
        assert SECRET not in shown


def test_domain_may_have_stores_of_its_own(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The lake of one domain can lie elsewhere while every other store is shared."""
    monkeypatch.setenv("MLOPS_CHICAGO_CRIMES_LAKE_URL", f"file:{tmp_path}/chicago")
    stores = Settings().build_stores()
    address = LakeAddress(("domain", "fitted"))
    assert stores.lake("chicago_crimes").write_object(address, 1).uri.startswith(f"{tmp_path}/chicago/")
    assert stores.lake("another").write_object(address, 1).uri.startswith(f"{tmp_path}/data/lake/")


def test_domain_that_does_not_exist_is_refused() -> None:
    """A misspelled domain is not left out in silence."""
    with pytest.raises(SettingsError, match="there is no domain chicago; the domains are chicago_crimes, donostia_parking"):
        Settings(domains={"chicago": ChicagoCrimesSettings()})


def test_stores_are_opened_without_dagster() -> None:
    """Serving reads stores on machines that have no orchestrator, and imports none."""
    code = "import sys; from mlops_assets.settings import Settings; Settings().build_stores(); print('dagster' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip() == "False"
