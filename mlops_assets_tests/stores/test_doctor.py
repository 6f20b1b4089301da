"""The doctor tries every store that is configured, says what it found, and shows no password."""

from __future__ import annotations

import shutil
import sqlite3
import threading
from collections.abc import Mapping
from contextlib import closing
from datetime import datetime, timedelta, timezone
from pathlib import Path

import duckdb
import pytest

from mlops_assets.stores import doctor
from mlops_assets.stores.health import HealthCheck
from mlops_assets.stores.models.registry import ModelRegistry
from mlops_assets.stores.registry import StoreKind, Stores
from mlops_assets_tests.stores.registry_backends import NOW
from mlops_assets_tests.tiny_bundle import tiny_bundle


def embedded(folder: Path, own_urls: Mapping[str, Mapping[StoreKind, str]] | None = None) -> Stores:
    """Return the embedded stores in a folder, and what single domains have instead."""
    urls: dict[StoreKind, str] = {
        "lake": f"file:{folder}/lake",
        "warehouse": f"duckdb:{folder}/warehouse.duckdb",
        "documents": f"sqlite:{folder}/documents.db",
        "events": f"sqlite:{folder}/events.db",
    }
    return Stores(urls, f"sqlite:///{folder}/mlflow.db", "", folder / "artifacts", own_urls or {})


@pytest.fixture
def folder(tmp_path: Path, mlflow_database: Path) -> Path:
    """Give the folder of embedded stores, of which MLflow's is there."""
    shutil.copy(mlflow_database, tmp_path / "mlflow.db")
    return tmp_path


def test_embedded_stores_work(folder: Path) -> None:
    """Every kind of store is asked, and says its version."""
    answers = list(doctor.check_stores(embedded(folder), ["weather"]))
    assert {answer.store for answer in answers} == {"lake", "warehouse", "documents", "events", "models"}
    assert [answer.error for answer in answers] == [""] * 5
    assert all(answer.version for answer in answers)


def test_nothing_is_left_behind(folder: Path) -> None:
    """Whoever looks into the stores after the doctor finds what was there before: no table, no topic, no experiment, no file."""
    stores = embedded(folder)
    list(doctor.check_stores(stores, ["weather"]))
    before = content(folder)
    assert not any(answer.error for answer in doctor.check_stores(stores, ["weather"]))
    assert content(folder) == before
    assert "mlops_assets_doctor" not in repr(before)


def content(folder: Path) -> dict[str, object]:
    """Return what is in the embedded stores: rows of databases, bytes of other files, names of folders."""
    found: dict[str, object] = {}
    for path in folder.rglob("*"):
        if path.suffix == ".db":
            with closing(sqlite3.connect(path)) as connection:
                found[str(path)] = list(connection.iterdump())
        elif path.suffix == ".duckdb":
            with duckdb.connect(str(path), read_only=True) as connection:
                found[str(path)] = connection.execute("SELECT * FROM information_schema.tables").fetchall()
        else:
            found[str(path)] = path.read_bytes() if path.is_file() else "folder"
    return found


def test_missing_file_of_a_champion_is_found(folder: Path) -> None:
    """Models in charge are loaded: one whose file is gone is named, with the file, before a run finds out."""
    stores = embedded(folder)
    registry = stores.models()
    for fingerprint, partition in (("a", "2024-01"), ("b", "2024-02")):
        version = registry.save(
            tiny_bundle(fingerprint=fingerprint), model_name="weather.colour_model", asset="weather/m", partition=partition, now=NOW
        )
        registry.promote(version, now=NOW)
    assert models_error(stores) == ""
    (pipeline,) = folder.rglob(f"{version.model_id}/**/bundle.joblib")
    pipeline.unlink()
    error = models_error(stores)
    assert error.startswith("MissingModelError: champion of weather.colour_model: ")
    assert f"weather.colour_model version 2 has lost its files: bundle.joblib not in {pipeline.parent.as_uri()}" in error
    registry.rollback("weather.colour_model", now=NOW)
    assert models_error(stores).startswith("MissingModelError: previous_champion of weather.colour_model: ")


def test_foreign_version_in_charge_is_found(folder: Path) -> None:
    """A version that somebody registered by hand is nothing to mention, until it gets an alias of the platform's."""
    stores = embedded(folder)
    version = stores.models().save(
        tiny_bundle(), model_name="weather.colour_model", asset="weather/m", partition="2024-01", now=NOW
    )
    client = stores.models()._client
    foreign = client.create_model_version(version.name, version.artifact_uri, version.run_id)
    assert models_error(stores) == ""
    client.set_registered_model_alias(version.name, "challenger", foreign.version)
    assert "version 2 of weather.colour_model was not registered by mlops_assets" in models_error(stores)


def models_error(stores: Stores) -> str:
    """Return what the doctor says about the model registry."""
    (answer,) = [answer for answer in doctor.check_stores(stores, ["weather"]) if answer.store == "models"]
    return answer.error


def test_broken_store_is_one_answer_among_others(folder: Path) -> None:
    """One that cannot be reached is named without its password, and the others are tried all the same."""
    own: dict[str, Mapping[StoreKind, str]] = {"traffic": {"warehouse": "postgresql://user:hunter2@127.0.0.1:1/db"}}
    answers = {answer.store: answer for answer in doctor.check_stores(embedded(folder, own), ["weather", "traffic"])}
    assert set(answers) == {"lake", "warehouse", "warehouse of traffic", "documents", "events", "models"}
    broken = answers.pop("warehouse of traffic")
    assert broken.error.startswith("StoreUnavailableError: ")
    assert "hunter2" not in repr(broken)
    assert not any(answer.error for answer in answers.values())


def test_answers_come_as_stores_give_them(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """All stores are asked at once; one that does not answer holds up nobody, and is given up in the end."""
    ends = threading.Event()

    def answer_late(_url: str) -> HealthCheck:
        ends.wait(60)
        return HealthCheck("Lake 1.0")

    monkeypatch.setitem(doctor._CHECKS, "lake", answer_late)
    monkeypatch.setattr(Stores, "models", lambda _: ModelRegistry)
    monkeypatch.setattr(ModelRegistry, "check_health", lambda _: HealthCheck("MLflow 1.0"))
    stores = embedded(folder)
    assert doctor.stores_to_check(stores, ["weather"]) == ["lake", "warehouse", "documents", "events", "models"]
    answers = list(doctor.check_stores(stores, ["weather"], timeout_seconds=3))
    ends.set()
    assert [answer.error for answer in answers] == ["", "", "", "", "it has not answered for 3 s"]
    assert answers[-1].store == "lake"


def test_store_that_nobody_shares_is_not_tried(folder: Path) -> None:
    """Where every domain has its own lake, the platform's need not exist."""
    stores = embedded(folder, {"weather": {"lake": f"file:{folder}/own"}})
    answers = list(doctor.check_stores(stores, ["weather"]))
    assert {answer.store for answer in answers} == {"lake of weather", "warehouse", "documents", "events", "models"}
    assert not (folder / "lake").exists()


@pytest.mark.parametrize(("minutes", "words"), [(5, "its clock is 300 s ahead of"), (-5, "its clock is 300 s behind"), (0, "")])
def test_clock_that_differs_is_an_error(folder: Path, monkeypatch: pytest.MonkeyPatch, minutes: int, words: str) -> None:
    """Times of stores and of this machine are compared in what people read, so they must agree."""

    def check_health(_url: str) -> HealthCheck:
        return HealthCheck("Lake 1.0", datetime.now(timezone.utc) + timedelta(minutes=minutes))

    monkeypatch.setitem(doctor._CHECKS, "lake", check_health)
    answers = {answer.store: answer for answer in doctor.check_stores(embedded(folder), ["weather"])}
    assert answers["lake"].version == "Lake 1.0"
    assert answers["lake"].error.startswith(words)
    assert bool(answers["lake"].error) == bool(words)
