"""Encoders keep every row, define what is unseen or missing, and never show a row its own answer."""

import pickle

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.base import clone
from sklearn.compose import ColumnTransformer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline

from mlops_assets.errors import ContractError, NotEnoughDataError
from mlops_assets.ml.encoders import CodeEncoder, CyclicEncoder, Winsorizer

TRAINING = st.lists(st.tuples(st.sampled_from(["a", "b", "c", None]), st.booleans()), min_size=5, max_size=40)


def _frame(codes: list[str | None], dtype: str = "object") -> pd.DataFrame:
    return pd.DataFrame({"code": pd.Series(codes, dtype=dtype)})


@pytest.mark.parametrize("dtype", ["object", "string[pyarrow]", "string[python]", "category"])
def test_code_becomes_frequency_and_smoothed_rate(dtype: str) -> None:
    """Three of four rows are A with two yes; one row of the overall mean 0.5 is added."""
    encoder = CodeEncoder(smoothing=1.0).fit(_frame(["A", "A", "A", "B"], dtype), np.array([True, True, False, False]))
    found = encoder.transform(_frame(["B", "A"], dtype))
    assert found.dtype == np.float32
    assert found.tolist() == [[0.25, 0.25], [0.75, 0.625]]


def test_unseen_and_missing_codes_have_frequency_zero_and_the_overall_rate() -> None:
    """A new code at serving time is not an error and not a surprise."""
    encoder = CodeEncoder().fit(_frame(["A", "A", None, "B"]), [True, False, True, True])
    assert encoder.transform(_frame(["new", None])).tolist() == [[0.0, 0.75], [0.0, 0.75]]


def test_codes_are_found_whatever_the_column_type_at_serving() -> None:
    """A bundle trained on Parquet columns serves plain Python texts."""
    encoder = CodeEncoder(smoothing=0.0).fit(_frame(["A", "B"], "string[pyarrow]"), [True, False])
    for dtype in ("object", "category", "string[python]"):
        assert encoder.transform(_frame(["A", "C"], dtype)).tolist() == [[0.5, 1.0], [0.0, 0.5]]


@given(rows=TRAINING, changed=st.integers(0, 39), smoothing=st.sampled_from([0.0, 1.0, 20.0]))
def test_own_outcome_never_enters_own_encoding(rows: list[tuple[str | None, bool]], changed: int, smoothing: float) -> None:
    """Turning a row's outcome around leaves that row's training encoding as it was, to the bit."""
    row = changed % len(rows)
    frame, outcome = _frame([code for code, _ in rows]), np.array([outcome for _, outcome in rows])
    turned = outcome.copy()
    turned[row] = not turned[row]
    before, after = (CodeEncoder(smoothing).fit_transform(frame, y) for y in (outcome, turned))
    assert before[row].tolist() == after[row].tolist()


@given(rows=TRAINING)
def test_training_rates_come_from_the_other_folds(rows: list[tuple[str | None, bool]]) -> None:
    """Cross-fitting equals fitting one encoder per fold on all other rows."""
    frame, outcome = _frame([code for code, _ in rows]), np.array([outcome for _, outcome in rows])
    encoder = CodeEncoder(smoothing=2.0, folds=3, seed=7)
    found = encoder.fit_transform(frame, outcome)
    fold = np.random.default_rng(7).permutation(len(rows)) % 3
    for part in range(3):
        others = clone(encoder).fit(frame[fold != part], outcome[fold != part])
        expected = others.transform(frame[fold == part])[:, 1]
        assert found[fold == part, 1] == pytest.approx(expected)
    assert found[:, 0].tolist() == encoder.transform(frame)[:, 0].tolist()


def test_rate_of_a_code_seen_once_is_the_mean_of_the_others_in_training() -> None:
    """A code with one row is, without that row, an unseen code."""
    frame, outcome = _frame(["once", "a", "a", "a", "a"]), np.array([True, False, False, True, True])
    assert CodeEncoder(smoothing=0.0, folds=5).fit_transform(frame, outcome)[0].tolist() == [np.float32(0.2), 0.5]


def test_encoding_depends_on_its_seed_only() -> None:
    """The same seed gives the same training encoding."""
    generator = np.random.default_rng(0)
    frame, outcome = _frame(generator.choice(list("abc"), 100).tolist()), generator.random(100) < 0.3
    first, again, other = (CodeEncoder(seed=seed).fit_transform(frame, outcome) for seed in (1, 1, 2))
    assert first.tolist() == again.tolist()
    assert first.tolist() != other.tolist()


def test_two_features_per_column_are_named_after_it() -> None:
    """Names line up with the columns of the array."""
    frame = pd.DataFrame({"type": ["x", "y"], "district": ["1", "1"]})
    encoder = CodeEncoder(smoothing=0.0).fit(frame, [1, 0])
    assert encoder.get_feature_names_out().tolist() == [
        "type_frequency",
        "type_target_rate",
        "district_frequency",
        "district_target_rate",
    ]
    assert encoder.transform(frame[["district", "type"]]).tolist() == [[0.5, 1.0, 1.0, 0.5], [0.5, 0.0, 1.0, 0.5]]


def test_missing_column_is_named() -> None:
    """The error names the column that the bundle needs."""
    encoder = CodeEncoder().fit(_frame(["a", "b"]), [True, False])
    with pytest.raises(ContractError, match="no column code"):
        encoder.transform(pd.DataFrame({"kode": ["a"]}))


@pytest.mark.parametrize("outcome", [[True], [True, None]])
def test_outcomes_must_be_complete(outcome: list[bool | None]) -> None:
    """A missing outcome is an error, not a no."""
    with pytest.raises(ValueError, match="2 rows need"):
        CodeEncoder().fit(_frame(["a", "b"]), np.array(outcome, dtype=float))


def test_too_few_rows_or_folds_are_refused() -> None:
    """Every fold needs a row, and there must be another fold to learn from."""
    with pytest.raises(NotEnoughDataError, match="2 rows cannot be encoded in 5 folds"):
        CodeEncoder().fit_transform(_frame(["a", "b"]), [True, False])
    with pytest.raises(ValueError, match="at least 2 folds"):
        CodeEncoder(folds=1).fit_transform(_frame(["a", "b"]), [True, False])
    with pytest.raises(NotEnoughDataError, match="cannot learn"):
        CodeEncoder().fit(_frame([]), [])


def test_arrays_are_refused() -> None:
    """Columns are found by name, which an array does not have."""
    with pytest.raises(TypeError, match="pandas DataFrame"):
        CodeEncoder().fit(np.array([["a"]]), [True])  # type: ignore[arg-type]


def test_winsorizer_clips_to_training_quantiles_and_keeps_every_row() -> None:
    """Extremes become the limits, missing values stay, and no row is dropped."""
    train = pd.DataFrame({"x": np.arange(101.0), "empty": [np.nan] * 101})
    winsorizer = Winsorizer(lower_quantile=0.1, upper_quantile=0.9).fit(train)
    current = pd.DataFrame({"x": [-np.inf, 5.0, 50.0, 95.0, np.inf, np.nan], "empty": [1.0] * 6})
    found = winsorizer.transform(current)
    assert found.dtype == np.float32
    np.testing.assert_array_equal(found[:, 0], [10, 10, 50, 90, 90, np.nan])
    assert found[:, 1].tolist() == [1.0] * 6
    assert winsorizer.get_feature_names_out().tolist() == ["x", "empty"]


def test_winsorizer_limits_ignore_missing_and_infinite_training_values() -> None:
    """Limits are quantiles of what was really measured."""
    winsorizer = Winsorizer(0.0, 1.0).fit(pd.DataFrame({"x": pd.array([1, 2, None], dtype="Int64")}))
    assert (winsorizer.lower_.tolist(), winsorizer.upper_.tolist()) == ([1.0], [2.0])
    assert Winsorizer(0.0, 1.0).fit(pd.DataFrame({"x": [1.0, np.inf]})).upper_.tolist() == [1.0]


def test_winsorizer_refuses_quantiles_in_the_wrong_order() -> None:
    """The lower quantile is the lower one."""
    with pytest.raises(ValueError, match="not a range"):
        Winsorizer(0.9, 0.1).fit(pd.DataFrame({"x": [1.0]}))


def test_first_and_last_hour_are_neighbours() -> None:
    """On the circle 23 h is as near to 0 h as 1 h is, and a missing hour is the centre."""
    frame = pd.DataFrame({"hour": pd.array([0, 1, 23, None], dtype="Int8"), "unused": 1})
    encoder = CyclicEncoder({"hour": 24}).fit(frame)
    found = encoder.transform(frame)
    assert encoder.get_feature_names_out().tolist() == ["hour_sin", "hour_cos"]
    assert np.linalg.norm(found[1] - found[0]) == pytest.approx(np.linalg.norm(found[2] - found[0]), abs=1e-6)
    assert found[3].tolist() == [0.0, 0.0]


@given(value=st.integers(0, 6))
def test_cyclic_features_are_sine_and_cosine_of_the_share_of_the_period(value: int) -> None:
    """Two columns with different periods do not mix."""
    frame = pd.DataFrame({"weekday": [value], "hour": [value]})
    found = CyclicEncoder({"weekday": 7, "hour": 24}).fit(frame).transform(frame)
    angles = 2 * np.pi * value / np.array([7, 7, 24, 24])
    assert found[0] == pytest.approx(np.where([True, False, True, False], np.sin(angles), np.cos(angles)), abs=1e-6)


def test_encoders_work_in_a_pipeline_that_is_cloned_pickled_and_named() -> None:
    """One bundle of all three takes raw columns, before and after it was stored."""
    generator = np.random.default_rng(3)
    frame = pd.DataFrame(
        {
            "code": generator.choice(["a", "b", "c"], 60),
            "x": generator.normal(size=60),
            "hour": generator.integers(0, 24, 60),
        }
    )
    outcome = (frame["code"] == "a").to_numpy() | (generator.random(60) < 0.2)
    columns = ColumnTransformer(
        [
            ("codes", CodeEncoder(), ["code"]),
            ("numbers", Winsorizer(), ["x"]),
            ("circles", CyclicEncoder({"hour": 24}), ["hour"]),
        ],
        verbose_feature_names_out=False,
    )
    pipeline = clone(make_pipeline(columns, LogisticRegression())).fit(frame, outcome)
    assert pipeline[0].get_feature_names_out().tolist() == [
        "code_frequency",
        "code_target_rate",
        "x",
        "hour_sin",
        "hour_cos",
    ]
    stored = pickle.loads(pickle.dumps(pipeline))
    assert stored.predict_proba(frame).tolist() == pipeline.predict_proba(frame).tolist()
