"""The model registry on this machine when its folder is moved, copied or restored: files are found where the folder is now."""

import shutil
import sqlite3
import tarfile
from contextlib import closing
from pathlib import Path
from urllib.parse import quote

import pytest

from mlops_assets.errors import StoreAccessError
from mlops_assets.stores.models import open_model_registry, relocation
from mlops_assets.stores.models.registry import ModelRegistry
from mlops_assets_tests.stores.dying_registry import dying_registry, interrupt
from mlops_assets_tests.stores.registry_backends import FIGURES, NOW, save_trained
from mlops_assets_tests.tiny_bundle import things, tiny_bundle

MODEL, ASSET = "examples.colour_model", "examples/colour_model"
NEW_PLACE = "another disk/daten ü 50%"
"""What an address has to encode."""


def registry_in(data: Path) -> ModelRegistry:
    return open_model_registry(f"sqlite:///{quote(str(data))}/mlflow/mlflow.db", data / "mlflow" / "artifacts")


def train(data: Path, fingerprint: str, partition: str) -> None:
    """Save a model, evaluate it and make it champion."""
    registry = registry_in(data)
    version = save_trained(registry, tiny_bundle(fingerprint=fingerprint), MODEL, ASSET, partition)
    registry.log_evaluation(version, {"auc": 0.9}, FIGURES, now=NOW)
    registry.promote(version, now=NOW)


@pytest.fixture
def original(tmp_path: Path, mlflow_database: Path) -> Path:
    """Give a data folder with two models; the second is champion."""
    data = tmp_path / "original"
    (data / "mlflow").mkdir(parents=True)
    shutil.copy(mlflow_database, data / "mlflow" / "mlflow.db")
    train(data, "first", "2024-01")
    train(data, "second", "2024-02")
    return data


def champion(data: Path) -> str:
    """Return the fingerprint of the champion, after it has scored something."""
    registry = registry_in(data)
    version = registry.version_by_alias(MODEL, "champion")
    assert version is not None
    bundle = registry.load(version)
    assert len(bundle.predict(things())) == len(things())
    return bundle.provenance.fingerprint


def addresses(data: Path) -> set[str]:
    """Return every address of a file in the database."""
    with closing(sqlite3.connect(data / "mlflow" / "mlflow.db")) as connection:
        columns = [connection.execute(f"SELECT {column} FROM {table}") for table, column in relocation.ADDRESSES]
        return {address for rows in columns for (address,) in rows if address is not None}


def content(folder: Path) -> dict[str, tuple[bytes, int]]:
    """Return bytes and time of the last change of all files in a folder."""
    return {str(path): (path.read_bytes(), path.stat().st_mtime_ns) for path in folder.rglob("*") if path.is_file()}


def test_moved_folder_keeps_its_champion(original: Path, tmp_path: Path) -> None:
    """All models load, new ones are registered in the new place, and nothing appears in the old one."""
    moved = tmp_path / NEW_PLACE
    moved.parent.mkdir()
    original.rename(moved)
    assert champion(moved) == "second"
    train(moved, "third", "2024-03")
    assert champion(moved) == "third"
    assert registry_in(moved).rollback(MODEL, now=NOW).fingerprint == "second"
    assert champion(moved) == "second"
    assert all(address.startswith((moved / "mlflow" / "artifacts").as_uri()) for address in addresses(moved))
    assert not original.exists()


def test_moved_models_are_found_by_mlflow(original: Path, tmp_path: Path) -> None:
    """Once the platform has opened a moved registry, MLflow's own tools find the files as well."""
    moved = original.rename(tmp_path / "moved")
    registry_in(moved).prepare()
    import mlflow.pyfunc
    from mlflow.tracking import MlflowClient

    client = MlflowClient(f"sqlite:///{moved}/mlflow/mlflow.db")
    version = client.get_model_version_by_alias(MODEL, "champion")
    assert [file.path for file in client.list_artifacts(str(version.run_id), "evaluation")] == ["evaluation/roc.png"]
    assert len(mlflow.pyfunc.load_model(str(version.source)).predict(things())) == len(things())


def test_copy_never_writes_into_the_original(original: Path, tmp_path: Path) -> None:
    """Training, evaluating, mending and clearing in a copy leave the original as it was, byte for byte."""
    copy = tmp_path / "copy"
    shutil.copytree(original, copy)
    assert champion(original) == "second"
    before = content(original)
    train(copy, "third", "2024-03")
    mended = next(version for version in registry_in(copy).versions(MODEL) if version.fingerprint == "first")
    for pipeline in (copy / "mlflow" / "artifacts").rglob(f"{mended.model_id}/**/bundle.joblib"):
        pipeline.unlink()
    train(copy, "first", "2024-01")
    uri, files = f"sqlite:///{copy}/mlflow/mlflow.db", copy / "mlflow" / "artifacts"
    with pytest.raises(KeyboardInterrupt):
        save_trained(dying_registry(uri, files, ("finalize_logged_model", 1), interrupt), tiny_bundle(), MODEL, ASSET, "2024-04")
    train(copy, "fourth", "2024-04")
    assert champion(copy) == "fourth"
    assert champion(original) == "second"
    assert content(original) == before
    assert not any(address.startswith(original.as_uri()) for address in addresses(copy))


@pytest.mark.parametrize("place", ["original", NEW_PLACE])
def test_backup_is_restored(original: Path, tmp_path: Path, place: str) -> None:
    """After a loss, a backup brings the champion back, in the same place or in another one, also for a process that goes on."""
    registry = registry_in(original)
    assert len(registry.versions(MODEL)) == 2
    with tarfile.open(tmp_path / "backup.tar", "w") as backup:
        backup.add(original, arcname=".")
    train(original, "lost", "2024-03")
    shutil.rmtree(original)
    with tarfile.open(tmp_path / "backup.tar") as backup:
        backup.extractall(tmp_path / place)
    assert champion(tmp_path / place) == "second"
    train(tmp_path / place, "third", "2024-03")
    assert champion(tmp_path / place) == "third"
    if place == original.name:
        assert [version.fingerprint for version in registry.versions(MODEL)] == ["third", "second", "first"]


def test_database_without_its_files_is_refused(original: Path, tmp_path: Path) -> None:
    """Whoever copies the database alone is told what is missing, instead of working in the original's files."""
    copy = tmp_path / "copy"
    (copy / "mlflow").mkdir(parents=True)
    shutil.copy(original / "mlflow" / "mlflow.db", copy / "mlflow")
    with pytest.raises(StoreAccessError, match=rf"are in {original}/mlflow/artifacts, .*: copy or move that folder there"):
        champion(copy)
    shutil.copytree(original / "mlflow" / "artifacts", copy / "mlflow" / "artifacts")
    assert champion(copy) == "second"


def test_data_directories_may_share_a_registry(original: Path, tmp_path: Path) -> None:
    """Files beside the database have not moved, whoever opens it from another data directory."""
    before = addresses(original)
    sharing = open_model_registry(f"sqlite:///{original}/mlflow/mlflow.db", tmp_path / "other" / "mlflow" / "artifacts")
    version = sharing.version_by_alias(MODEL, "champion")
    assert version is not None
    assert sharing.load(version).provenance.fingerprint == "second"
    assert addresses(original) == before


def test_folders_of_others_are_left_alone(original: Path, tmp_path: Path) -> None:
    """An experiment whose files a person keeps elsewhere keeps its address, also when the registry moves."""
    from mlflow.tracking import MlflowClient

    elsewhere = (tmp_path / "elsewhere" / "songs").as_uri()
    client = MlflowClient(f"sqlite:///{original}/mlflow/mlflow.db")
    run = client.create_run(client.create_experiment("songs", artifact_location=elsewhere))
    client.log_text(run.info.run_id, "la", "song.txt")
    moved = original.rename(tmp_path / "moved")
    assert champion(moved) == "second"
    assert {address for address in addresses(moved) if address.startswith(elsewhere)} == {elsewhere, run.info.artifact_uri}


def test_interrupted_rewriting_is_done_again_as_a_whole(original: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Addresses are all old or all new, never some of each."""
    moved = original.rename(tmp_path / "moved")
    before = addresses(moved)
    with monkeypatch.context() as patch:
        patch.setattr(relocation, "ADDRESSES", (*relocation.ADDRESSES, ("experiments", "nowhere")))
        with pytest.raises(sqlite3.OperationalError, match="no such column"):
            registry_in(moved).prepare()
    assert addresses(moved) == before
    assert champion(moved) == "second"


def test_link_to_the_folder_is_the_same_place(original: Path, tmp_path: Path) -> None:
    """Whoever comes by another way to the same folder changes nothing."""
    before = addresses(original)
    (tmp_path / "link").symlink_to(original)
    assert champion(tmp_path / "link") == "second"
    assert addresses(original) == before


def test_files_name_no_place(original: Path) -> None:
    """What is stored with a model says nothing of where it is, so that it means the same everywhere."""
    files = [path for path in (original / "mlflow" / "artifacts").rglob("*") if path.is_file()]
    assert len(files) > 5
    assert not [path for path in files if original.name.encode() in path.read_bytes()]
