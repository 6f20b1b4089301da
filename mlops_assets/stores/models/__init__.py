"""Experiments and the model registry, kept by MLflow: a SQLite file with a folder for model files, or an MLflow server.

Every training run of a model asset's partition is one MLflow run with the tried configurations as its children, and one
registered model version; it is below the run of the Dagster run that trained it. Aliases say what a version is for: `champion`
scores, `challenger` is on trial, `previous_champion` is where a rollback leads. A further kind of tracking server needs nothing
here as long as MLflow's client speaks to it.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mlops_assets.stores.models.registry import ModelRegistry


def open_model_registry(tracking_uri: str, artifact_folder: Path) -> ModelRegistry:
    """Return the registry behind a tracking URI; nothing is touched before its first use.

    Args:
        tracking_uri: `sqlite:///…` or `http(s)://…`. Credentials in a server's URI are handed to MLflow in its own environment
            variables, because MLflow repeats the URI in its error messages.
        artifact_folder: where model files are kept if the tracking URI is a local database; with a server only scratch space.

    Raises:
        SettingsError: the URI has another scheme.
    """
    from mlops_assets.stores.models.connection import Connection
    from mlops_assets.stores.models.registry import ModelRegistry

    return ModelRegistry(Connection(tracking_uri, artifact_folder))
