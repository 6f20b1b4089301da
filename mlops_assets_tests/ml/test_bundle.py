"""The model bundle: raw records in, probabilities out, and the same thing again after a round trip through files."""

import json
from dataclasses import replace
from datetime import date, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mlops_assets.contracts import Column, TableContract
from mlops_assets.errors import ContractError, PermanentError
from mlops_assets.ml.bundle import Bundle, current_library_versions
from mlops_assets.ml.bundle_files import check_files
from mlops_assets.ml.bundle_flavor import _load_pyfunc, typed_records
from mlops_assets_tests.tiny_bundle import THINGS, TinyBundle, things, tiny_bundle, tiny_provenance


@pytest.fixture(scope="module")
def bundle() -> TinyBundle:
    """Give one fitted bundle."""
    return tiny_bundle()


@pytest.fixture
def saved(bundle: TinyBundle, tmp_path: Path) -> Path:
    """Give the folder of a saved bundle."""
    bundle.save(tmp_path / "bundle")
    return tmp_path / "bundle"


class TestPredicting:
    """Raw records of the input contract are all that a prediction needs."""

    def test_large_things_are_likelier_blue(self, bundle: TinyBundle) -> None:
        """The probability is that of the positive class, one per record and in their order."""
        probability = bundle.predict(things())["probability"]
        assert probability.shape == (8,)
        assert (probability[:4] < 0.5).all()
        assert (probability[4:] > 0.5).all()

    def test_prediction_keeps_the_index_and_includes_the_threshold(self, bundle: TinyBundle) -> None:
        """A record counts as predicted from the threshold on, and keeps its label."""
        records = things().set_index(pd.Index(list("abcdefgh")))
        at_threshold = tiny_bundle(threshold=float(bundle.predict(records)["probability"].iloc[4]))
        predicted = at_threshold.predict(records)
        assert predicted.index.tolist() == list("abcdefgh")
        assert predicted["is_predicted"].tolist() == [False] * 4 + [True] * 4


class TestFiles:
    """A bundle survives its files, and files that are not a whole bundle are refused."""

    def test_same_object_gives_same_bytes(self, bundle: TinyBundle, saved: Path, tmp_path: Path) -> None:
        """Saving once more writes the same bytes, over an earlier save as well as beside it."""
        before = {path.name: path.read_bytes() for path in saved.iterdir()}
        for folder in (saved, tmp_path / "beside"):
            bundle.save(folder)
            assert {path.name: path.read_bytes() for path in folder.iterdir()} == before

    def test_description_is_readable_without_unpickling(self, saved: Path) -> None:
        """Everything but the fitted pipeline is JSON that any reader accepts."""
        description = json.loads((saved / "bundle.json").read_text(), parse_constant=pytest.fail)
        assert [column["name"] for column in description["input_contract"]["columns"]] == THINGS.column_names
        assert (description["kind"], description["predictor"]) == ("binary_classifier", {"threshold": 0.5})
        provenance = description["provenance"]
        assert provenance["metrics"] == {"auc": 1.0, "mcc": 0.5, "lift": None}
        assert provenance["training_end_at"] == "2024-02-01T00:00:00+00:00"
        assert provenance["library_versions"]["scikit-learn"]
        assert provenance["fingerprint"] == "a" * 64

    def test_undefined_metric_comes_back_as_none(self, tmp_path: Path) -> None:
        """NaN, which JSON does not know, is kept as a metric without a value."""
        tiny_bundle(metrics={"auc": float("nan")}).save(tmp_path)
        assert Bundle.load(tmp_path).provenance.metrics == {"auc": None}

    @pytest.mark.parametrize("name", ["bundle.joblib", "bundle.json"])
    def test_missing_file_is_named(self, saved: Path, name: str) -> None:
        """A folder without one of the two files is no bundle."""
        (saved / name).unlink()
        with pytest.raises(PermanentError, match=rf"{name} is missing"):
            Bundle.load(saved)

    @pytest.mark.parametrize("name", ["bundle.joblib", "bundle.json"])
    def test_truncated_file_is_named(self, saved: Path, name: str) -> None:
        """A file that was cut off is refused before anything is unpickled from it."""
        content = (saved / name).read_bytes()
        (saved / name).write_bytes(content[: len(content) // 2])
        with pytest.raises(PermanentError, match=rf"{name} is damaged"):
            Bundle.load(saved)
        with pytest.raises(PermanentError, match="damaged"):
            check_files(saved)

    def test_incomplete_or_foreign_description_is_refused(self, saved: Path) -> None:
        """JSON that lacks fields or is something else is damage, not a crash."""
        whole = json.loads((saved / "bundle.json").read_text())
        contents: list[Any] = [[], {"format": 99}, {"format": 1}, {**whole, "kind": "oracle"}, {**whole, "provenance": {}}]
        contents += [{name: value for name, value in whole.items() if name != left_out} for left_out in ("kind", "input_contract")]
        for content in contents:
            (saved / "bundle.json").write_text(json.dumps(content))
            with pytest.raises(PermanentError, match=r"bundle\.json is damaged"):
                Bundle.load(saved)

    def test_pipeline_of_a_missing_library_is_explained(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """A pipeline whose code is not importable here says with which versions it was saved."""
        bundle = tiny_bundle(pipeline=things, library_versions={"wonderlib": "1.2"})
        bundle.save(tmp_path)
        monkeypatch.delattr("mlops_assets_tests.tiny_bundle.things")
        with pytest.raises(PermanentError, match=r"cannot be loaded here .*saved with wonderlib 1\.2"):
            Bundle.load(tmp_path)

    @settings(max_examples=25)
    @given(
        threshold=st.floats(0, 1),
        metrics=st.dictionaries(st.text(max_size=8), st.none() | st.floats(allow_nan=False, allow_infinity=False), max_size=4),
        hours=st.integers(0, 10**6),
        microseconds=st.integers(0, 10**12),
    )
    def test_description_round_trip(
        self,
        bundle: TinyBundle,
        tmp_path_factory: pytest.TempPathFactory,
        threshold: float,
        metrics: dict[str, float | None],
        hours: int,
        microseconds: int,
    ) -> None:
        """Numbers, texts and moments come back exactly."""
        start = datetime(1970, 1, 1, tzinfo=timezone.utc) + timedelta(hours=hours)
        end = start + timedelta(microseconds=microseconds)
        folder = tmp_path_factory.mktemp("bundle")
        provenance = replace(bundle.provenance, training_start_at=start, training_end_at=end, metrics=metrics)
        Bundle(replace(bundle.predictor, threshold=threshold), provenance, THINGS).save(folder)
        loaded = Bundle.load(folder)
        assert (loaded.provenance, loaded.predictor.threshold) == (provenance, threshold)
        assert (loaded.input_contract, loaded.reference) == (THINGS, None)


class TestVersions:
    """The versions of training stay known."""

    def test_current_versions_name_what_a_pipeline_depends_on(self) -> None:
        """Python and the libraries of a fitted pipeline are recorded."""
        assert {"python", "scikit-learn", "numpy", "pandas"} <= set(current_library_versions())

    def test_only_differences_are_reported(self) -> None:
        """Changed and uninstalled libraries are listed as (then, now); unchanged ones are not."""
        versions = {**current_library_versions(), "pandas": "0.1", "wonderlib": "1.2"}
        differences = tiny_provenance(library_versions=versions).version_differences()
        assert differences == {"pandas": ("0.1", pd.__version__), "wonderlib": ("1.2", None)}

    def test_records_may_bear_no_time(self, tmp_path: Path) -> None:
        """A window has both ends or none, and none comes back as none."""
        tiny_bundle(training_start_at=None, training_end_at=None).save(tmp_path)
        assert Bundle.load(tmp_path).provenance.window == {"training_start_at": None, "training_end_at": None}
        with pytest.raises(PermanentError, match="a training window has a start and an end"):
            tiny_provenance(training_end_at=None)

    def test_window_must_be_in_utc(self) -> None:
        """A window without a time zone would be compared with moments in UTC by mistake."""
        with pytest.raises(PermanentError, match="must be in UTC"):
            tiny_provenance(training_end_at=datetime(2024, 2, 1))  # noqa: DTZ001


def test_flavor_takes_moments_as_json_gives_them(bundle: TinyBundle, saved: Path) -> None:
    """MLflow's loader predicts the same from time stamps in UTC, without a zone, or as text."""
    model = _load_pyfunc(str(saved))
    moments = things()["seen_at"]
    for seen_at in (moments, moments.dt.tz_localize(None), moments.astype(str)):
        predicted = model.predict(things().assign(seen_at=seen_at))
        pd.testing.assert_frame_equal(predicted, bundle.predict(things()))


COUNTED = TableContract(
    domain="examples",
    name="counted",
    description="One row per count.",
    columns=(
        Column("count", "int32", "How many.", nullable=True),
        Column("is_new", "bool", "Whether it is new.", nullable=True),
        Column("share", "float64", "Share.", nullable=True),
        Column("day_date", "date", "Day."),
    ),
)


def test_records_from_json_are_those_of_the_lake() -> None:
    """Numbers, flags and days that JSON and pandas made something else of are what the contract says again."""
    sent = {"count": [1, None], "is_new": [True, None], "share": [1, None], "day_date": ["2024-01-31", "2024-02-01"]}
    typed = typed_records(pd.DataFrame(json.loads(json.dumps(sent))), COUNTED)
    assert {name: str(dtype) for name, dtype in typed.dtypes.items()} == {
        "count": "Int32",
        "is_new": "boolean",
        "share": "float64",
        "day_date": "object",
    }
    assert typed["count"].tolist() == [1, pd.NA]
    assert typed["day_date"].tolist() == [date(2024, 1, 31), date(2024, 2, 1)]
    assert typed_records(typed.head(1), COUNTED)["count"].dtype == "int32"


@pytest.mark.parametrize(("column", "value"), [("count", 1.5), ("count", "many"), ("share", "half"), ("day_date", "yesterday")])
def test_records_of_another_kind_are_refused(column: str, value: object) -> None:
    """Nothing is cut off or guessed; the error names the column."""
    record = {"count": 1, "is_new": True, "share": 0.5, "day_date": "2024-01-31", column: value}
    with pytest.raises(ContractError, match=f"examples/counted: column '{column}' is not"):
        typed_records(pd.DataFrame([record]), COUNTED)
