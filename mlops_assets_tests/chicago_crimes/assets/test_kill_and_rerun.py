"""A run that is killed anywhere, and materialized again, leaves what an undisturbed run leaves."""

from pathlib import Path

import dagster as dg
import pandas as pd
import pytest

from mlops_assets.chicago_crimes.model_contracts import ARREST_CHAMPION, ARREST_DRIFT, ARREST_EVALUATION, ARREST_PREDICTIONS
from mlops_assets_tests.kills import FSYNC, IN_TRANSACTION, bytes_of, kill_stage
from mlops_assets_tests.platforms import Platform, with_registry

MODEL = "chicago_crimes.arrest_model"
MONTHS = ("2023-07", "2024-01")
TABLES = (ARREST_EVALUATION, ARREST_CHAMPION, ARREST_PREDICTIONS, ARREST_DRIFT)

_ONE_FIT = {
    "chicago_crimes__arrest_model": {"config": {"tuning_trials": 0, "families": ["logistic_regression"]}},
    "chicago_crimes__training_window": {"config": {"minimum_rows": 1_000}},
}

# A child dies by SIGKILL inside a call of a store: when a temporary file is written but has not got its name, in the middle of a
# warehouse transaction, or while MLflow registers a version or moves an alias.
KILL_POINTS = {
    "read": [("police stations", FSYNC, 1), ("raw crimes", FSYNC, 4), ("rejects", FSYNC, 10), ("enriched crimes", FSYNC, 18)],
    "train": [
        ("fitted encoding", FSYNC, 4),
        ("model registration", "mlflow.tracking.MlflowClient.create_model_version", 1),
        ("evaluation's transaction", IN_TRANSACTION, 1),
        ("champion's alias", "mlflow.tracking.MlflowClient.set_registered_model_alias", 2),
    ],
    "score": [("predictions' transaction", IN_TRANSACTION, 1)],
}


def run_stage(stage: str, folder: Path) -> None:
    """Read seven months, or train and decide, or score, on a home and stores in `folder`."""
    from mlops_assets.orchestration.instance import prepare_instance

    with dg.DagsterInstance.from_config(str(prepare_instance(folder))) as instance:
        platform = Platform(folder, instance, crimes_per_year=12_000)
        if stage == "read":
            platform.run("read_chicago_crimes", months=MONTHS)
        elif stage == "train":
            platform.run("train_arrest_model", month="2024-01", ops=_ONE_FIT)
        else:
            platform.run("score_chicago_crimes", month="2024-01")


def rows_of(folder: Path) -> dict[str, pd.DataFrame]:
    """Return the warehouse's tables without the identifier that MLflow draws at random for each run."""
    with dg.DagsterInstance.ephemeral() as instance:
        platform = Platform(folder, instance)
        return {table.name: platform.table(table).drop(columns="model_run_id", errors="ignore") for table in TABLES}


@pytest.mark.slow
def test_reruns_after_kills_leave_what_an_undisturbed_run_leaves(tmp_path: Path, mlflow_database: Path) -> None:
    """Same bytes in the lake, same rows in the warehouse, one model version, no run left open, no temporary object."""
    undisturbed, disturbed = (with_registry(tmp_path / name, mlflow_database) for name in ("undisturbed", "disturbed"))
    for stage, points in KILL_POINTS.items():
        run_stage(stage, undisturbed)
        for _what, target, call in points:
            kill_stage(__name__, stage, disturbed, target, call)
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
