"""Compiled pipelines: what they say of a few records is what scikit-learn says of a table of them, to the last bit."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.ensemble import RandomForestClassifier
from sklearn.impute import SimpleImputer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler

from mlops_assets.contracts import Column, TableContract
from mlops_assets.contracts.frames import rows_to_frame
from mlops_assets.errors import ContractError
from mlops_assets.ml.bundle import Bundle
from mlops_assets.ml.compiled import compile_pipeline
from mlops_assets.ml.predictors import BinaryClassifier, MulticlassClassifier
from mlops_assets.song_preference.modelling.candidates import FAMILIES, build_pipeline
from mlops_assets_tests.tiny_bundle import tiny_bundle, tiny_provenance

NAMES = ["a", "b", "c"]
CONTRACT = TableContract(
    "examples", "points", "A point.", tuple(Column(name, "float64", "A coordinate.", nullable=True) for name in NAMES)
)
COMPILED = [name for name in FAMILIES if name != "xgboost"]


def points() -> pd.DataFrame:
    """Return a hundred points, with values that repeat and some that are missing."""
    values = np.random.default_rng(3).normal(size=(100, 3)).round(1)
    values[::9, 1] = np.nan
    return pd.DataFrame(values, columns=NAMES)


@cache
def fitted(family: str, classes: int = 2) -> Any:
    sums = points().fillna(0).sum(axis=1)
    labels = pd.qcut(sums, classes, labels=False).to_numpy()
    return build_pipeline(family, FAMILIES[family].defaults, 7).fit(points(), labels)


COORDINATE = st.none() | st.floats(-5, 5) | st.sampled_from(points()["a"].tolist()) | st.floats(-1e30, 1e30)
UNUSUAL = COORDINATE | st.booleans() | st.integers() | st.text(max_size=4) | st.floats() | st.sampled_from(["1.5", 1e39, [1.0]])
POINT = st.fixed_dictionaries(dict.fromkeys(NAMES, COORDINATE))


@pytest.mark.parametrize("family", COMPILED)
def test_every_kind_of_song_model_is_compiled(family: str) -> None:
    """None of them needs a table for a single song."""
    assert compile_pipeline(fitted(family)) is not None


@pytest.mark.parametrize("family", COMPILED)
def test_one_record_and_a_table_of_one_row_are_equal_to_the_last_bit(family: str) -> None:
    """Whatever the record is, and whatever is missing of it."""
    bundle = Bundle(BinaryClassifier(fitted(family), 0.4), tiny_provenance(), CONTRACT)

    @given(POINT)
    def are_equal(record: dict[str, float | None]) -> None:
        table = bundle.predict(pd.DataFrame([record], columns=NAMES).astype("float64"))
        assert bundle.predict_record(record) == table.to_dict("records")[0]

    are_equal()


@pytest.mark.parametrize("family", COMPILED)
def test_several_records_and_a_table_of_them_are_equal_to_the_last_bit(family: str) -> None:
    """A batch is what batch scoring says of the same rows."""
    bundle = Bundle(BinaryClassifier(fitted(family), 0.4), tiny_provenance(), CONTRACT)
    records = [{str(name): value for name, value in row.items()} for row in points().to_dict("records")]
    assert bundle.predict_records(records) == bundle.predict(points()).to_dict("records")
    assert bundle.predict_records([]) == []


@pytest.mark.parametrize("family", ["random_forest", "decision_tree", "gradient_boosting"])
def test_several_classes_are_equal_likewise(family: str) -> None:
    """The likeliest class and the probability of each."""
    bundle = Bundle(MulticlassClassifier(fitted(family, 3), ("low", "medium", "high")), tiny_provenance(), CONTRACT)
    table = bundle.predict(points())
    for position, record in enumerate(points().to_dict("records")):
        assert bundle.predict_record({str(name): value for name, value in record.items()}) == table.iloc[position].to_dict()


def test_threads_do_not_get_in_each_others_way() -> None:
    """Serving asks from several at a time."""
    bundle = Bundle(BinaryClassifier(fitted("soft_vote"), 0.4), tiny_provenance(), CONTRACT)
    records = [{str(name): value for name, value in row.items()} for row in points().fillna(0.0).to_dict("records")]
    expected = [bundle.predict_record(record) for record in records]
    with ThreadPoolExecutor(4) as threads:
        assert list(threads.map(bundle.predict_record, records * 5)) == expected * 5


def test_pipelines_that_are_not_compiled_answer_as_tables() -> None:
    """Slower, and equal: text, times and flags go the way of batch scoring."""
    bundle = tiny_bundle()
    assert compile_pipeline(bundle.predictor.pipeline) is None
    record = {"kind": "ball", "size_m": 1.2, "is_new": True, "seen_at": pd.Timestamp("2024-01-01", tz="UTC")}
    table = bundle.predict(pd.DataFrame([record]))
    assert bundle.predict_record(record) == table.to_dict("records")[0]


@pytest.mark.filterwarnings("ignore:overflow encountered in cast")
@given(st.sampled_from(["logistic_regression", "decision_tree"]), st.dictionaries(st.sampled_from([*NAMES, "other"]), UNUSUAL))
def test_what_is_unusual_is_answered_or_refused_as_in_a_table(family: str, record: dict[str, Any]) -> None:
    """Text is no number, left out is unknown, and what is too large is an error: batch scoring would not answer either."""
    bundle = Bundle(BinaryClassifier(fitted(family), 0.4), tiny_provenance(), CONTRACT)
    assert outcome(bundle.predict_record, record) == outcome(lambda row: as_table(bundle, row), record)


def as_table(bundle: Bundle[Any], record: dict[str, Any]) -> dict[Hashable, Any]:
    return bundle.predict(rows_to_frame([record], CONTRACT)).to_dict("records")[0]


def outcome(predict: Callable[[dict[str, Any]], Any], record: dict[str, Any]) -> Any:
    try:
        return predict(record)
    except (ContractError, ValueError) as error:
        return repr(error)


def test_text_is_refused() -> None:
    """Also where it reads as a number, and the column is named in the words of the contract."""
    bundle = Bundle(BinaryClassifier(fitted("decision_tree"), 0.4), tiny_provenance(), CONTRACT)
    with pytest.raises(ContractError, match=r"examples/points: Could not convert '1\.5'"):
        bundle.predict_record({"a": "1.5", "b": 0.0, "c": 0.0})


def test_a_forest_that_sees_what_is_missing_itself_is_not_compiled() -> None:
    """It learned on which side to send NaN; another imputer's unknown value is no NaN either."""
    is_unknown = points()["b"].isna()
    forest = RandomForestClassifier(5, random_state=1).fit(points().to_numpy(), is_unknown)
    zeros = make_pipeline(SimpleImputer(missing_values=0.0), RandomForestClassifier(5)).fit(points().fillna(0.0), is_unknown)
    assert [compile_pipeline(each) for each in (forest, make_pipeline(MinMaxScaler(), forest), zeros)] == [None] * 3


def test_a_loaded_bundle_is_compiled_as_well(tmp_path: Path) -> None:
    """Serving loads what training saved; warming up compiles it, without a typical record too."""
    Bundle(BinaryClassifier(fitted("svc_rbf"), 0.4), tiny_provenance(), CONTRACT).save(tmp_path)
    loaded = Bundle.load(tmp_path)
    assert compile_pipeline(loaded.predictor.pipeline) is not None
    loaded.warm_up()
    record = {"a": 0.5, "b": None, "c": 1.0}
    assert loaded.predict_record(record) == as_table(loaded, record)


def test_asking_does_not_change_what_is_saved() -> None:
    """The bytes of a bundle are those of its fitted pipeline, before and after."""
    bundle = Bundle(BinaryClassifier(fitted("random_forest"), 0.4), tiny_provenance(), CONTRACT)
    before = bundle.predictor.dump()
    bundle.predict_record({"a": 0.0, "b": None, "c": 1.0})
    assert bundle.predictor.dump() == before
