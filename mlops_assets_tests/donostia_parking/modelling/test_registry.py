"""A forecast model in the registry: recorded with its candidates, loaded again, and forecasting the same."""

from datetime import datetime, timedelta, timezone
from functools import lru_cache
from pathlib import Path

import pandas as pd
import pytest

from mlops_assets.donostia_parking.modelling.training import train_forecast_model
from mlops_assets.ml.training import TrainedModel
from mlops_assets.stores.models import open_model_registry
from mlops_assets.stores.models.registry import ModelRegistry
from mlops_assets.stores.models.versions import ModelVersion
from mlops_assets_tests.donostia_parking.hours import FIRST_HOUR, ZONE, hourly_rows
from mlops_assets_tests.ml.forecasting.panels import busy_weekends
from mlops_assets_tests.platforms import with_registry

NOW = datetime(2024, 3, 1, 12, tzinfo=timezone.utc)
DAYS = 21
END = FIRST_HOUR.to_pydatetime() + timedelta(days=DAYS)
NAMES = ["hour_of_day_mean", "seasonal_profile"]


@lru_cache(maxsize=1)
def rows() -> pd.DataFrame:
    """Return three weeks of a lively car park and a quiet one."""
    return hourly_rows(harbour=busy_weekends(DAYS, noise=10), quiet=[7.0] * 24 * DAYS)


def train() -> TrainedModel:
    return train_forecast_model(rows(), time_zone=ZONE, end_at=END, names=NAMES)


@lru_cache(maxsize=1)
def trained() -> TrainedModel:
    return train()


def save(registry: ModelRegistry, model: TrainedModel) -> ModelVersion:
    return registry.save(
        model.bundle,
        model_name="donostia_parking.forecast_model",
        asset="donostia_parking/forecast_model",
        partition="2022-01-23",
        now=NOW,
        trials=model.trials,
        figures=model.figures,
    )


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory, mlflow_database: Path) -> Path:
    return with_registry(tmp_path_factory.mktemp("registry"), mlflow_database) / "mlflow"


@pytest.fixture(scope="module")
def registry(folder: Path) -> ModelRegistry:
    """Give a registry in a SQLite file."""
    return open_model_registry(f"sqlite:///{folder / 'mlflow.db'}", folder / "artifacts")


def test_registered_model_is_loaded_and_forecasts_the_same(folder: Path, registry: ModelRegistry) -> None:
    """What another process gets from the registry is the model that was trained."""
    version = save(registry, trained())
    # A client of its own, that has loaded nothing yet.
    elsewhere = open_model_registry(f"sqlite:///{folder / 'mlflow.db'}", folder / "artifacts")
    loaded = elsewhere.load(elsewhere.version(version.name, version.version))
    assert loaded.predictor is not trained().bundle.predictor
    assert loaded.provenance.fingerprint == trained().bundle.provenance.fingerprint
    pd.testing.assert_frame_equal(loaded.predict(rows(), created_at=END), trained().bundle.predict(rows(), created_at=END))
    assert (version.partition, version.training_end_at) == ("2022-01-23", END)


def test_same_training_is_the_same_version(registry: ModelRegistry) -> None:
    """Trained again on the same hours with the same candidates there is nothing new to register."""
    first = save(registry, trained())
    again = save(registry, train())
    assert (again.version, again.run_id) == (first.version, first.run_id)
    fewer = train_forecast_model(rows(), time_zone=ZONE, end_at=END, names=["hour_of_day_mean"])
    assert save(registry, fewer).version == first.version + 1
