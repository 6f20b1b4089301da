"""A forecast model in the registry: recorded with its candidates, loaded again, and forecasting the same."""

from datetime import datetime, timedelta, timezone
from functools import lru_cache
from pathlib import Path

import pandas as pd
import pytest

from mlops_assets.donostia_parking.modelling.backtesting import FIGURE_NAMES
from mlops_assets.donostia_parking.modelling.registering import as_trained_model
from mlops_assets.donostia_parking.modelling.training import TrainedForecast, train_forecast_model
from mlops_assets.ml.bundle import ModelBundle
from mlops_assets.ml.training import TrainedModel, trials_table
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


def trained_anew() -> TrainedForecast:
    return train_forecast_model(rows(), time_zone=ZONE, end_at=END, names=NAMES)


@lru_cache(maxsize=1)
def trained() -> TrainedForecast:
    return trained_anew()


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


def test_envelope_says_what_the_model_says() -> None:
    """Name, window, seed, figures and fingerprint are those of the forecast model, which is the pipeline."""
    forecast, bundle = trained().bundle, as_trained_model(trained()).bundle
    assert isinstance(bundle, ModelBundle)
    assert bundle.pipeline is forecast
    for name in ("name", "input_contract", "training_start_at", "training_end_at", "training_rows", "fingerprint", "metrics"):
        assert getattr(bundle, name) == getattr(forecast, name), name
    assert (bundle.threshold, bundle.reference) == (None, None)
    assert bundle.training_end_at == END


def test_each_candidate_is_a_trial() -> None:
    """With its own figures, and for how many car parks it was chosen; choosing among them is no candidate."""
    model = as_trained_model(trained())
    assert [trial.labels["family"] for trial in model.trials] == ["seasonal_naive", *NAMES]
    assert sum(trial.params["car_park_count"] for trial in model.trials) == 3
    assert all(set(trial.metrics) == set(FIGURE_NAMES) for trial in model.trials)
    assert {"city_mae_places", "car_park_skill"} <= set(trials_table(model).columns)


def test_registered_model_is_loaded_and_forecasts_the_same(folder: Path, registry: ModelRegistry) -> None:
    """What another process gets from the registry is the model that was trained."""
    version = save(registry, as_trained_model(trained()))
    # A client of its own, that has loaded nothing yet.
    elsewhere = open_model_registry(f"sqlite:///{folder / 'mlflow.db'}", folder / "artifacts")
    loaded = elsewhere.load(elsewhere.version(version.name, version.version))
    assert loaded.pipeline is not trained().bundle
    assert loaded.fingerprint == trained().bundle.fingerprint
    pd.testing.assert_frame_equal(loaded.pipeline.predict(rows(), END), trained().bundle.predict(rows(), END))
    assert (version.partition, version.training_end_at) == ("2022-01-23", END)


def test_same_training_is_the_same_version(registry: ModelRegistry) -> None:
    """Trained again on the same hours with the same candidates there is nothing new to register."""
    first = save(registry, as_trained_model(trained()))
    again = save(registry, as_trained_model(trained_anew()))
    assert (again.version, again.run_id) == (first.version, first.run_id)
    fewer = train_forecast_model(rows(), time_zone=ZONE, end_at=END, names=["hour_of_day_mean"])
    assert save(registry, as_trained_model(fewer)).version == first.version + 1
