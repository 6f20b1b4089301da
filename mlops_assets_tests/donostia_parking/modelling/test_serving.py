"""The registered models as MLflow serves them: loaded as `python_function`, and behind its scoring server."""

import json
import os
import sys
import urllib.request
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from mlops_assets.donostia_parking.model_contracts import FORECASTS, MODEL_INPUT
from mlops_assets.donostia_parking.modelling.training import train_forecast_model
from mlops_assets.ml.training import TrainedModel
from mlops_assets.stores.models import open_model_registry
from mlops_assets_tests.donostia_parking.hours import FIRST_HOUR, ZONE, hourly_rows
from mlops_assets_tests.ml.forecasting.panels import busy_weekends
from mlops_assets_tests.platforms import with_registry
from mlops_assets_tests.services.base import free_port, running
from mlops_assets_tests.stores.registry_backends import NOW
from mlops_assets_tests.tiny_bundle import THINGS, things, tiny_bundle

DAYS = 14
END = (FIRST_HOUR + pd.Timedelta(days=DAYS)).to_pydatetime()
FORECASTER, CLASSIFIER = "donostia_parking.forecast_model", "examples.colour_model"


@pytest.fixture(scope="module")
def rows() -> pd.DataFrame:
    """Give two weeks of a lively car park and of one whose places nobody knows, some hours of which were not read."""
    lively = hourly_rows(harbour=busy_weekends(DAYS, noise=10)).query("car_park_id == 'harbour'")
    unknown = hourly_rows(total=None, quiet=[7.0] * (24 * DAYS - 5) + [float("nan")] * 5).query("car_park_id == 'quiet'")
    return pd.concat([lively, unknown], ignore_index=True)[MODEL_INPUT.column_names]


@pytest.fixture(scope="module")
def trained(rows: pd.DataFrame) -> TrainedModel:
    whole = hourly_rows(harbour=busy_weekends(DAYS, noise=10), quiet=[7.0] * 24 * DAYS)
    return train_forecast_model(whole, time_zone=ZONE, end_at=END, names=["hour_of_day_mean"])


@pytest.fixture(scope="module")
def tracking_uri(trained: TrainedModel, tmp_path_factory: pytest.TempPathFactory, mlflow_database: Path) -> str:
    """Give an MLflow with a champion of each kind."""
    folder = with_registry(tmp_path_factory.mktemp("serving"), mlflow_database) / "mlflow"
    uri = f"sqlite:///{folder}/mlflow.db"
    registry = open_model_registry(uri, folder / "artifacts")
    for name, bundle in ((FORECASTER, trained.bundle), (CLASSIFIER, tiny_bundle())):
        version = registry.save(bundle, model_name=name, asset=name.replace(".", "/"), partition="2022-01-16", now=NOW)
        registry.promote(version, now=NOW)
    return uri


def load(tracking_uri: str, name: str) -> Any:
    """Load a champion as any MLflow tool does."""
    import mlflow

    # MLflow keeps it in the environment of the process, where it would be everybody's setting.
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("MLFLOW_TRACKING_URI", tracking_uri)
        return mlflow.pyfunc.load_model(f"models:/{name}@champion")


def as_json(records: pd.DataFrame) -> str:
    """Return records as people send them: timestamps as ISO 8601, what is missing as null."""
    return str(records.to_json(orient="split", date_format="iso", index=False))


def test_forecast_model_is_asked_through_mlflow(tracking_uri: str, trained: TrainedModel, rows: pd.DataFrame) -> None:
    """Rows of the recent past in, the coming day out, from the end of the newest hour or from any earlier time."""
    model = load(tracking_uri, FORECASTER)
    from_the_end = model.predict(rows)
    assert list(from_the_end.columns) == [name for name in FORECASTS.column_names if name in from_the_end.columns]
    pd.testing.assert_frame_equal(from_the_end, trained.bundle.predict(rows, created_at=END)[from_the_end.columns])
    earlier = model.predict(rows, params={"created_at": "2022-01-16T12:30:00+01:00"})
    assert earlier["hour_at"].min() == pd.Timestamp("2022-01-16 12:00", tz="UTC")
    assert len(earlier) == len(from_the_end) == 2 * 24
    assert [column.name for column in model.metadata.signature.inputs] == MODEL_INPUT.column_names
    assert [column.name for column in model.metadata.signature.outputs] == list(from_the_end.columns)


@pytest.mark.services
def test_models_are_asked_over_http(tracking_uri: str, trained: TrainedModel, rows: pd.DataFrame, tmp_path: Path) -> None:
    """`mlflow models serve` answers with what the bundles say, missing numbers included."""
    with ExitStack() as servers:
        addresses = {name: f"http://127.0.0.1:{free_port()}" for name in (FORECASTER, CLASSIFIER)}
        for name, address in addresses.items():
            command = [sys.executable, "-m", "mlflow", "models", "serve", "--env-manager", "local", "--host", "127.0.0.1"]
            command += ["--port", address.rpartition(":")[2], "-m", f"models:/{name}@champion"]
            environment = {
                "MLFLOW_TRACKING_URI": tracking_uri,
                "MLFLOW_DISABLE_TELEMETRY": "true",
                "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
            }
            servers.enter_context(running(command, tmp_path / f"{name}.log", lambda: True, environment=environment))
        for address in addresses.values():
            wait_until_served(address)
        forecast = ask(addresses[FORECASTER], rows, params={"created_at": END.isoformat()})
        expected = trained.bundle.predict(rows, created_at=END)
        assert [row["forecast_spaces"] for row in forecast] == pytest.approx(expected["forecast_spaces"].tolist())
        assert [row["capacity"] for row in forecast if row["car_park_id"] == "quiet"] == [None] * 24
        assert pd.to_datetime([row["hour_at"] for row in forecast]).tolist() == expected["hour_at"].tolist()
        scores = ask(addresses[CLASSIFIER], things()[THINGS.column_names])
        assert scores == tiny_bundle().predict(things()).to_dict("records")


def wait_until_served(address: str) -> None:
    """Wait until a scoring server answers."""
    import tenacity

    for attempt in tenacity.Retrying(stop=tenacity.stop_after_delay(90), wait=tenacity.wait_fixed(0.2), reraise=True):
        with attempt, urllib.request.urlopen(f"{address}/ping", timeout=10) as answer:
            assert answer.status == 200


def ask(address: str, records: pd.DataFrame, params: dict[str, str] | None = None) -> list[dict[str, Any]]:
    """Ask a scoring server and return its predictions."""
    body: dict[str, Any] = {"dataframe_split": json.loads(as_json(records)), **({"params": params} if params else {})}
    request = urllib.request.Request(f"{address}/invocations", json.dumps(body).encode(), {"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=60) as answer:
        predictions: list[dict[str, Any]] = json.load(answer)["predictions"]
    return predictions
