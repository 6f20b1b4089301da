"""What holds for a predictor of every kind: it predicts from raw records what it promises, and survives its files."""

import json
import subprocess
import sys
from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from mlflow.types.schema import DataType

from mlops_assets.contracts import Column, TableContract
from mlops_assets.contracts.checking import find_violations
from mlops_assets.errors import ContractError, NotEnoughDataError, PermanentError
from mlops_assets.ml.bundle import Bundle
from mlops_assets.ml.bundle_flavor import _load_pyfunc
from mlops_assets.ml.predictors import KINDS, Forecaster, MulticlassClassifier
from mlops_assets.stores.models.files import _signature
from mlops_assets_tests.format_1 import write_format_1
from mlops_assets_tests.tiny_bundle import THINGS, things, tiny_bundle, tiny_pipeline, tiny_provenance


class LastSize(Forecaster):
    """Forecasts that the next thing of each kind is as large as the last one."""

    @property
    def time_column(self) -> str:
        """When a thing was seen."""
        return "seen_at"

    @property
    def outputs(self) -> tuple[Column, ...]:
        """A size per kind."""
        return THINGS.column("kind"), THINGS.column("seen_at"), THINGS.column("size_m")

    def forecast(self, records: pd.DataFrame, created_at: datetime) -> pd.DataFrame:
        """Return a row per kind."""
        past = records[records["seen_at"] < created_at]
        last = past.groupby("kind")["size_m"].last().reset_index()
        return last.assign(seen_at=pd.Timestamp(created_at).as_unit("us"))[["kind", "seen_at", "size_m"]]


def multiclass() -> Bundle[MulticlassClassifier]:
    """Return a model of three colours: the larger a thing, the likelier it is blue."""
    predictor = MulticlassClassifier(tiny_pipeline([0, 0, 1, 1, 1, 2, 2, 2]), ("red", "green", "blue"))
    return Bundle(predictor, tiny_provenance(), THINGS)


def forecaster() -> Bundle[LastSize]:
    return Bundle(LastSize(), tiny_provenance(), THINGS)


BUNDLES: dict[str, Callable[[], Bundle[Any]]] = {
    "binary_classifier": tiny_bundle,
    "multiclass_classifier": multiclass,
    "forecaster": forecaster,
}


def test_every_kind_is_tried_here() -> None:
    """A new kind joins these tests."""
    assert set(BUNDLES) == set(KINDS)


@pytest.fixture(params=list(BUNDLES))
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def saved(kind: str, tmp_path: Path) -> Path:
    """Give the folder of a saved bundle of a kind."""
    BUNDLES[kind]().save(tmp_path / "saved")
    return tmp_path / "saved"


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_loaded_bundle_gives_the_same_answers(kind: str, saved: Path) -> None:
    """With the same provenance, contract and reference."""
    bundle, loaded = BUNDLES[kind](), Bundle.load(saved)
    assert type(loaded.predictor) is type(bundle.predictor)
    pd.testing.assert_frame_equal(loaded.predict(things()), bundle.predict(things()))
    assert (loaded.provenance, loaded.input_contract, loaded.reference) == (
        bundle.provenance,
        bundle.input_contract,
        bundle.reference,
    )


def test_same_model_gives_the_same_bytes(kind: str, saved: Path, tmp_path: Path) -> None:
    """Fitted and saved again, beside the earlier save and over it."""
    for folder in (tmp_path / "again", tmp_path / "again"):
        BUNDLES[kind]().save(folder)
        assert contents(folder) == contents(saved)


def test_two_processes_give_the_same_bytes(kind: str, saved: Path, tmp_path: Path) -> None:
    """Training and saving again in a process with another hash seed writes the same bytes."""
    code = (
        "import sys; from pathlib import Path; from mlops_assets_tests.ml.test_predictors import BUNDLES; "
        "BUNDLES[sys.argv[1]]().save(Path(sys.argv[2]))"
    )
    environment = {"PYTHONHASHSEED": "4711", "PYTHONPATH": str(Path(__file__).resolve().parents[2])}
    command = [sys.executable, "-c", code, kind, str(tmp_path / "again")]
    subprocess.run(command, env=environment, cwd=tmp_path, check=True)
    assert contents(tmp_path / "again") == contents(saved)


def test_predictions_are_what_the_outputs_say(kind: str) -> None:
    """These columns in this order, of these types, within these limits."""
    bundle = BUNDLES[kind]()
    predicted = bundle.predict(things())
    assert list(predicted.columns) == [column.name for column in bundle.predictor.outputs]
    contract = TableContract("examples", "predictions", "Predictions.", bundle.predictor.outputs)
    assert find_violations(predicted, contract).empty


def test_only_the_columns_of_the_input_contract_are_needed(kind: str) -> None:
    """Others, and their order, do not matter; missing ones are named with the model."""
    bundle = BUNDLES[kind]()
    shuffled = things().assign(noise=1.0)[["noise", "seen_at", "size_m", "is_new", "kind"]]
    pd.testing.assert_frame_equal(bundle.predict(shuffled), bundle.predict(things()))
    with pytest.raises(ContractError, match=r"colour_model.*columns missing: size_m, seen_at"):
        bundle.predict(things()[["kind", "is_new"]])


def test_mlflow_loads_and_describes_it(kind: str, saved: Path) -> None:
    """From the same folder the same answers, also from records as JSON gives them."""
    bundle, served = BUNDLES[kind](), _load_pyfunc(str(saved))
    sent = pd.DataFrame(json.loads(things().to_json(orient="records", date_format="iso")))
    predicted = served.predict(sent, dict(bundle.predictor.params))
    pd.testing.assert_frame_equal(predicted, bundle.predict(things()), check_dtype=False)
    signature = _signature(bundle)
    assert [column.name for column in signature.inputs] == THINGS.column_names
    assert [column.name for column in signature.outputs] == [column.name for column in bundle.predictor.outputs]
    assert {param.name: param.default for param in signature.params or []} == dict(bundle.predictor.params)
    assert all(param.dtype == DataType.string for param in signature.params or [])


@pytest.mark.parametrize("kind_of_classes", ["binary_classifier", "multiclass_classifier"])
def test_no_records_give_no_predictions(kind_of_classes: str) -> None:
    """An empty frame is answered without asking the pipeline, which would refuse it."""
    bundle = BUNDLES[kind_of_classes]()
    predicted = bundle.predict(things().head(0))
    assert predicted.empty
    assert list(predicted.columns) == [column.name for column in bundle.predictor.outputs]


def test_each_thing_has_its_likeliest_colour() -> None:
    """Probabilities are in the order of the classes and add up to 1; the index is the records' own."""
    records = things().set_index(pd.Index(list("abcdefgh")))
    predicted = multiclass().predict(records)
    probabilities = predicted[["probability_red", "probability_green", "probability_blue"]]
    assert predicted.index.tolist() == list("abcdefgh")
    np.testing.assert_allclose(probabilities.sum(axis=1), 1)
    assert predicted["predicted_class"].tolist() == probabilities.idxmax(axis=1).str.removeprefix("probability_").tolist()
    assert predicted["predicted_class"].tolist()[:2] == ["green", "red"]
    np.testing.assert_array_equal(multiclass().predictor.predict_probabilities(records), probabilities)


@pytest.mark.parametrize("classes", [("red",), ("red", "red")])
def test_classes_have_names_of_their_own(classes: tuple[str, ...]) -> None:
    """One class, or two of one name, cannot be told apart."""
    with pytest.raises(PermanentError, match="two or more classes"):
        MulticlassClassifier(None, classes)


@pytest.mark.parametrize(
    "created_at", ["2024-01-01T02:00:00", "2024-01-01T03:00:00+01:00", datetime(2024, 1, 1, 2, tzinfo=timezone.utc)]
)
def test_forecast_is_made_at_any_time(created_at: datetime | str) -> None:
    """Given as such or as text, in UTC if it names no zone; only what lies before it counts."""
    predicted = forecaster().predict(things(), created_at=created_at)
    assert predicted["size_m"].tolist() == [0.1, 0.2]
    assert (predicted["seen_at"] == pd.Timestamp("2024-01-01 02:00", tz="UTC")).all()


def test_forecast_begins_where_the_newest_record_ends() -> None:
    """Unless another time is asked for; without records there is none."""
    predicted = forecaster().predict(things())
    assert (predicted["seen_at"] == things()["seen_at"].max() + timedelta(hours=1)).all()
    with pytest.raises(NotEnoughDataError, match="no rows to forecast from"):
        forecaster().predict(things().head(0))


@pytest.mark.parametrize("former_kind", ["binary_classifier", "forecaster"])
def test_bundle_of_format_1_is_loaded_and_saved_as_format_2(former_kind: str, tmp_path: Path) -> None:
    """It told classifiers and forecasters apart by the threshold; what it knew is in its place."""
    bundle = BUNDLES[former_kind]()
    predictor = bundle.predictor
    fitted, threshold = (predictor, None) if former_kind == "forecaster" else (predictor.pipeline, predictor.threshold)
    write_format_1(tmp_path / "former", fitted, threshold, bundle.provenance, THINGS, bundle.reference)
    former = Bundle.load(tmp_path / "former")
    pd.testing.assert_frame_equal(former.predict(things()), bundle.predict(things()))
    assert (former.predictor.kind, former.provenance, former.reference) == (former_kind, bundle.provenance, bundle.reference)
    former.save(tmp_path / "again")
    assert json.loads((tmp_path / "again" / "bundle.json").read_text())["format"] == 2
    pd.testing.assert_frame_equal(Bundle.load(tmp_path / "again").predict(things()), bundle.predict(things()))


def test_pickle_of_something_else_is_no_forecaster(tmp_path: Path) -> None:
    """A former classifier that lost its threshold is refused, not asked."""
    write_format_1(tmp_path, tiny_pipeline(), None, tiny_provenance(), THINGS)
    with pytest.raises(PermanentError, match="a Pipeline is no forecaster"):
        Bundle.load(tmp_path)
