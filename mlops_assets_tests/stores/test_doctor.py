"""The doctor tries every store that is configured, says what it found, and shows no password."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest

from mlops_assets.stores import doctor
from mlops_assets.stores.catalog import StoreKind, Stores
from mlops_assets.stores.diagnosis import Diagnosis


def embedded(folder: Path, own_urls: Mapping[str, Mapping[StoreKind, str]] | None = None) -> Stores:
    """Return the embedded stores in a folder, and what single domains have instead."""
    urls: dict[StoreKind, str] = {
        "lake": f"file:{folder}/lake",
        "warehouse": f"duckdb:{folder}/warehouse.duckdb",
        "documents": f"sqlite:{folder}/documents.db",
        "events": f"file:{folder}/events",
    }
    return Stores(urls, f"sqlite:///{folder}/mlflow.db", "", folder / "artifacts", own_urls or {})


def test_embedded_stores_work(tmp_path: Path) -> None:
    """Every kind of store is tried, says its version, and keeps nothing of the trial."""
    findings = list(doctor.examine(embedded(tmp_path), ["weather"]))
    assert [finding.store for finding in findings] == ["lake", "warehouse", "documents", "events", "models"]
    assert [finding.complaint for finding in findings] == [""] * 5
    assert all(finding.version for finding in findings)
    assert not any(path.name == "trial.txt" for path in tmp_path.rglob("*"))


def test_broken_store_is_one_finding_among_others(tmp_path: Path) -> None:
    """One that cannot be reached is named without its password, and the others are tried all the same."""
    own: dict[str, Mapping[StoreKind, str]] = {"traffic": {"warehouse": "postgresql://user:hunter2@127.0.0.1:1/db"}}
    findings = {finding.store: finding for finding in doctor.examine(embedded(tmp_path, own), ["weather", "traffic"])}
    assert list(findings) == ["lake", "warehouse", "warehouse of traffic", "documents", "events", "models"]
    broken = findings.pop("warehouse of traffic")
    assert broken.complaint.startswith("StoreUnavailableError: ")
    assert "hunter2" not in repr(broken)
    assert not any(finding.complaint for finding in findings.values())


def test_store_that_nobody_shares_is_not_tried(tmp_path: Path) -> None:
    """Where every domain has its own lake, the platform's need not exist."""
    stores = embedded(tmp_path, {"weather": {"lake": f"file:{tmp_path}/own"}})
    assert next(iter(doctor.examine(stores, ["weather"]))).store == "lake of weather"
    assert not (tmp_path / "lake").exists()


@pytest.mark.parametrize(("minutes", "words"), [(5, "its clock is 300 s ahead of"), (-5, "its clock is 300 s behind"), (0, "")])
def test_clock_that_differs_is_a_complaint(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, minutes: int, words: str) -> None:
    """Times of stores and of this machine are compared in what people read, so they must agree."""

    def diagnose() -> Diagnosis:
        return Diagnosis("Lake 1.0", datetime.now(timezone.utc) + timedelta(minutes=minutes))

    monkeypatch.setitem(doctor._OPENERS, "lake", lambda _: diagnose)
    lake = next(iter(doctor.examine(embedded(tmp_path), ["weather"])))
    assert lake.version == "Lake 1.0"
    assert lake.complaint.startswith(words)
    assert bool(lake.complaint) == bool(words)
