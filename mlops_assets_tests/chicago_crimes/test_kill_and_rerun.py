"""A run that is killed anywhere, and materialized again, leaves what an undisturbed run leaves."""

import hashlib
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import dagster as dg
import pandas as pd

from mlops_assets.chicago_crimes.model_contracts import ARREST_CHAMPION, ARREST_DRIFT, ARREST_EVALUATION, ARREST_PREDICTIONS
from mlops_assets_tests.platforms import Platform

MODEL = "chicago_crimes.arrest_model"
MONTHS = ("2023-07", "2024-01")
TABLES = (ARREST_EVALUATION, ARREST_CHAMPION, ARREST_PREDICTIONS, ARREST_DRIFT)

_ONE_FIT = {
    "chicago_crimes__arrest_model": {
        "config": {"trials_per_candidate": 1, "families": ["hist_gradient_boosting"], "rows": ["natural"]}
    },
    "chicago_crimes__training_window": {"config": {"minimum_rows": 1_000}},
}
_FSYNC = "mlops_assets.stores.objects.files.os.fsync"

# A child dies by SIGKILL inside a call of a store: when a temporary file is written but has not got its name, in the middle of a
# warehouse transaction, or while MLflow registers a version or moves an alias.
KILL_POINTS = {
    "read": [("police stations", _FSYNC, 1), ("raw crimes", _FSYNC, 4), ("rejects", _FSYNC, 10), ("enriched crimes", _FSYNC, 18)],
    "train": [
        ("fitted preprocessing", _FSYNC, 4),
        ("model registration", "mlflow.tracking.MlflowClient.create_model_version", 1),
        ("evaluation's transaction", "mlops_assets.stores.warehouse.duckdb_file._order", 1),
        ("champion's alias", "mlflow.tracking.MlflowClient.set_registered_model_alias", 2),
    ],
    "score": [("predictions' transaction", "mlops_assets.stores.warehouse.duckdb_file._order", 1)],
}


def run_stage(stage: str, folder: Path) -> None:
    """Read seven months, or train and decide, or score, on a home and stores in `folder`."""
    from mlops_assets.orchestration.home import prepare_home

    with dg.DagsterInstance.from_config(str(prepare_home(folder))) as instance:
        platform = Platform(folder, instance)
        if stage == "read":
            platform.run("read_chicago_crimes", months=MONTHS)
        elif stage == "train":
            platform.run("train_arrest_model", month="2024-01", ops=_ONE_FIT)
        else:
            platform.run("score_chicago_crimes", month="2024-01")


def die_at(target: str, call: int) -> None:
    """Replace a function by one that kills this process at its n-th call."""
    import importlib
    import os

    parts = target.split(".")
    depth = next(n for n in range(len(parts), 0, -1) if _is_module(".".join(parts[:n])))
    owner = importlib.import_module(".".join(parts[:depth]))
    for name in parts[depth:-1]:
        owner = getattr(owner, name)
    original: Callable[..., object] = getattr(owner, parts[-1])
    calls = 0

    def dying(*arguments: object, **options: object) -> object:
        nonlocal calls
        calls += 1
        if calls == call:
            os.kill(os.getpid(), signal.SIGKILL)
        return original(*arguments, **options)

    setattr(owner, parts[-1], dying)


def _is_module(name: str) -> bool:
    from importlib.util import find_spec

    try:
        return find_spec(name) is not None
    except ModuleNotFoundError:
        return False


def bytes_of(folder: Path) -> dict[str, str]:
    """Return the digest of every file in the lake, hidden ones included, by path."""
    lake = folder / "lake"
    return {
        path.relative_to(lake).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(lake.rglob("*"))
        if path.is_file()
    }


def rows_of(folder: Path) -> dict[str, pd.DataFrame]:
    """Return the warehouse's tables without the identifier that MLflow draws at random for each run."""
    with dg.DagsterInstance.ephemeral() as instance:
        platform = Platform(folder, instance)
        return {table.name: platform.table(table).drop(columns="model_run_id", errors="ignore") for table in TABLES}


def kill_stage(stage: str, folder: Path, target: str, call: int) -> None:
    """Run a stage in a child that is killed at the n-th call of a function, and make sure that it was."""
    code = (
        "from pathlib import Path; from mlops_assets_tests.chicago_crimes.test_kill_and_rerun import die_at, run_stage;"
        f"die_at({target!r}, {call}); run_stage({stage!r}, Path({str(folder)!r}))"
    )
    child = subprocess.run([sys.executable, "-W", "ignore", "-c", code], capture_output=True, text=True)
    assert child.returncode == -signal.SIGKILL, child.stderr[-2000:]


def test_reruns_after_kills_leave_what_an_undisturbed_run_leaves(tmp_path: Path) -> None:
    """Same bytes in the lake, same rows in the warehouse, one model version, no run left open, no temporary object."""
    undisturbed, disturbed = tmp_path / "undisturbed", tmp_path / "disturbed"
    for stage, points in KILL_POINTS.items():
        run_stage(stage, undisturbed)
        for _what, target, call in points:
            kill_stage(stage, disturbed, target, call)
        run_stage(stage, disturbed)
        assert bytes_of(disturbed) == bytes_of(undisturbed), stage
    rows, expected = rows_of(disturbed), rows_of(undisturbed)
    for name, table in expected.items():
        pd.testing.assert_frame_equal(rows[name], table)
    with dg.DagsterInstance.ephemeral() as instance:
        versions = Platform(disturbed, instance).stores.models().versions(MODEL)
    assert [version.version for version in versions] == [1]
    assert "champion" in versions[0].aliases
    assert not open_mlflow_runs(disturbed)


def open_mlflow_runs(folder: Path) -> list[str]:
    """Return the runs that MLflow shows as running."""
    import sqlite3
    from contextlib import closing

    with closing(sqlite3.connect(folder / "mlflow" / "mlflow.db")) as database:
        rows = database.execute("SELECT run_uuid FROM runs WHERE status = 'RUNNING' AND lifecycle_stage = 'active'").fetchall()
    return [row[0] for row in rows]
